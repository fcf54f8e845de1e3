//! Distances in time between the rows of a table: what is usual, what is a gap, and whether the rows are in order.

use crate::error::Error;
use flow_table::{Table, time_text};
use std::time::Duration;

/// Between two rows that are more than this many times as far apart as rows usually are there is a gap: what is known of
/// the sensors is forgotten.
pub const GAP: f64 = 2.0;

/// One step back in time in so many is a clock that was set; more, and the rows are not in the order of time.
const STEPS_BACK: usize = 100;

/// The median time between two rows, in microseconds; of steps back and of none there is no use.
pub(crate) fn usual_step(times: &[i64]) -> Option<u64> {
    let step = |pair: &[i64]| u64::try_from(pair[1].saturating_sub(pair[0])).ok();
    let mut steps: Vec<u64> = times.windows(2).filter_map(step).filter(|step| *step > 0).collect();
    let middle = steps.len().checked_sub(1)? / 2;
    Some(*steps.select_nth_unstable(middle).1)
}

/// Whether there is a gap before each row by its time, see [`GAP`]; where the table has no times, before each further file.
pub(crate) fn gaps(table: &Table, every: Option<Duration>) -> Vec<bool> {
    let Some(time) = table.time() else { return table.begins_file() };
    let times = time.times();
    let usual = every.or_else(|| usual_step(times).map(Duration::from_micros));
    let usual = usual.map_or(f64::INFINITY, |usual| usual.as_micros() as f64);
    let gap = |pair: &[i64]| {
        let step = pair[1] as f64 - pair[0] as f64;
        step < 0.0 || step > GAP * usual
    };
    std::iter::once(false).take(times.len()).chain(times.windows(2).map(gap)).collect()
}

/// The time of a row: as stated, else where the table has times their mean distance, in which a gap counts as a usual step
/// and a step back as none.
pub fn every(table: &Table, stated: Option<Duration>) -> Option<Duration> {
    let mean = || {
        let times = table.time()?.times();
        let usual = usual_step(times)?;
        let step = |pair: &[i64]| {
            let step = u64::try_from(pair[1].saturating_sub(pair[0])).unwrap_or(0);
            u128::from(if step as f64 > GAP * usual as f64 { usual } else { step })
        };
        let sum = times.windows(2).map(step).sum::<u128>() + u128::from(usual);
        u64::try_from(sum / times.len() as u128).ok().map(Duration::from_micros)
    };
    stated.or_else(mean)
}

/// How far the rows of a table are from being in the order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Order {
    /// Rows that are earlier than the row before, in the same file.
    pub steps_back: usize,
    /// Rows with the time of the row before.
    pub doubled: usize,
}

impl Order {
    /// Of this table; of one without times the order is its own.
    ///
    /// # Errors
    /// More than one step back in a hundred rows.
    pub fn of(table: &Table) -> Result<Order, Error> {
        let Some(time) = table.time() else { return Ok(Order::default()) };
        let (times, begins_file) = (time.times(), table.begins_file());
        // Each file has an order of its own.
        let is_back = |row: usize| times[row] < times[row - 1] && !begins_file[row];
        let steps_back = (1..times.len()).filter(|&row| is_back(row)).count();
        let doubled = times.windows(2).filter(|pair| pair[1] == pair[0]).count();
        if steps_back * STEPS_BACK <= table.rows() {
            return Ok(Order { steps_back, doubled });
        }
        let row = (1..times.len()).find(|&row| is_back(row)).unwrap_or(1) - 1;
        let (path, number) = table.place(row + 1);
        let of = if table.paths().len() > 1 { format!(" of {path}") } else { String::new() };
        let problem = format!(
            "{steps_back} of {} rows are earlier than the row before, the first of them row {number}{of} ({} after {}); sort the rows by {:?}",
            table.rows(),
            time_text(times[row + 1]),
            time_text(times[row]),
            time.name()
        );
        Err(Error::Order { path: table.source().to_owned(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_in_times() {
        let text = "time,x\n2024-01-01 00:00:00,1\n2024-01-01 00:05:00,1\n2024-01-01 00:10:00,1\n2024-01-01 00:30:00,1\n\
                    2024-01-01 00:30:00,1\n2024-01-01 00:20:00,1\n";
        let table = Table::from_reader(text.as_bytes(), "t", &Default::default()).unwrap();
        assert_eq!(gaps(&table, None), [false, false, false, true, false, true]);
        let minutes = |n: u64| Some(Duration::from_secs(60 * n));
        assert_eq!(gaps(&table, minutes(10)), [false, false, false, false, false, true]);
        assert_eq!(gaps(&table, minutes(1)), [false, true, true, true, false, true]);
        let table = Table::from_rows("t", vec!["x".into()], &[[1.0], [2.0]]).unwrap();
        assert_eq!(gaps(&table, None), [false, false]);
    }

    #[test]
    fn rows_take_the_time_that_passes_but_for_gaps() {
        let every = |seconds: &[i64]| {
            let text: String = seconds.iter().map(|s| format!("{},1\n", 1_714_564_800 + s)).collect();
            let table = Table::from_reader(format!("time,x\n{text}").as_bytes(), "t", &Default::default()).unwrap();
            super::every(&table, None).map(|every| every.as_secs_f64())
        };
        assert_eq!(every(&[0, 300, 600, 900]), Some(300.0));
        // A night between, and a clock that is set back.
        assert_eq!(every(&[0, 300, 40_000, 40_300]), Some(300.0));
        assert_eq!(every(&[0, 300, 600, 300]), Some(225.0));
        // Two rows in each minute, to the minute.
        assert_eq!(every(&[0, 0, 60, 60, 120, 120]), Some(30.0));
        assert_eq!(every(&[0]), None);
    }
}
