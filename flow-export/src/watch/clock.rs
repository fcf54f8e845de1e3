//! Gaps in the times of rows that come one after the other. Where the times are is seen by the first row, as in a table.

use super::cell::value;
use crate::board::is_gap;
use flow_table::{is_name_of_time, time_cell, time_of};

/// Looks at the times of rows.
pub(crate) struct Clock {
    /// Microseconds from one row to the next, 0 where they are not known; none where the flow is not over windows.
    step: Option<u64>,
    column: Column,
    last: Option<i64>,
}

/// Where the times are.
enum Column {
    Unknown,
    Nowhere,
    At(usize),
}

impl Clock {
    /// For windows of this step.
    pub fn new(step: Option<u64>) -> Self {
        Clock { step, column: Column::Unknown, last: None }
    }

    /// Looks for the times, in a row of columns of these names of which `others` hold none; what is to be known of them.
    pub fn find(&mut self, names: &[String], row: &[String], others: &[String]) -> Option<String> {
        let Column::Unknown = self.column else { return None };
        let named = || names.iter().position(|name| is_name_of_time(name) && !others.contains(name));
        let (column, problem) = match (time_cell(names, row, others), self.step) {
            (Some(at), Some(_)) => (Column::At(at), None),
            (Some(at), None) => {
                (Column::Nowhere, Some((at, "the flow does not say how far apart its rows are".to_owned())))
            }
            (None, _) => match named().map(|at| (at, row.get(at).map_or("", String::as_str))) {
                // A row without its time says nothing of the others.
                Some((_, cell)) if value(cell).is_some_and(f32::is_nan) => (Column::Unknown, None),
                Some((at, cell)) => {
                    (Column::Nowhere, Some((at, format!("{cell:?} is no time such as 2024-05-01T12:00:00Z"))))
                }
                None => (Column::Nowhere, None),
            },
        };
        self.column = column;
        let (at, problem) = problem?;
        Some(format!("column {:?}: gaps in time are not seen, as {problem}; an empty line is a gap", names[at]))
    }

    /// Whether there is a gap in time before a row; what is wrong where it has no time.
    pub fn gap(&mut self, names: &[String], row: &[String]) -> Result<bool, String> {
        let (Column::At(at), Some(step)) = (&self.column, self.step) else { return Ok(false) };
        let name = &names[*at];
        let cell = row.get(*at).ok_or_else(|| format!("{} values, and none for {name:?}", row.len()))?;
        let now = time_of(cell).ok_or_else(|| format!("column {name:?}: {cell:?} is no time"))?;
        Ok(self.last.replace(now).is_some_and(|before| is_gap(before, now, step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned<const N: usize>(cells: [&str; N]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn more_than_one_and_a_half_steps_are_a_gap_and_so_is_time_that_stands() {
        let names = owned(["time", "a"]);
        let mut clock = Clock::new(Some(60_000_000));
        // Rows without their time say nothing of those after them.
        assert_eq!(clock.find(&names, &owned(["", "1"]), &names[1..]), None);
        assert_eq!(clock.find(&names, &owned(["NA", "1"]), &names[1..]), None);
        assert_eq!(clock.find(&names, &[], &names[1..]), None);
        assert_eq!(clock.find(&names, &owned(["1714564800", "1"]), &names[1..]), None);
        let times = ["1714564800", "1714564860", "1714564950", "1714565041", "1714565041"];
        let gaps = times.map(|time| clock.gap(&names, &owned([time, "1"])).unwrap());
        assert_eq!(gaps, [false, false, false, true, true]);
        assert_eq!(clock.gap(&names, &owned(["noon", "1"])), Err("column \"time\": \"noon\" is no time".to_owned()));
        // A line without a time changes nothing.
        assert_eq!(clock.gap(&names, &owned(["2024-05-01T12:05:01Z", "1"])), Ok(false));
    }

    #[test]
    fn gaps_that_cannot_be_seen_are_said_once() {
        let names = owned(["a", "time"]);
        for (step, time, words) in [
            (None, "2024-05-01", "as the flow does not say how far apart its rows are"),
            (Some(1), "21:15", "as \"21:15\" is no time such as"),
        ] {
            let (mut clock, row) = (Clock::new(step), owned(["1", time]));
            let said = clock.find(&names, &row, &names[..1]).unwrap();
            assert!(said.starts_with("column \"time\": gaps in time are not seen, ") && said.contains(words), "{said}");
            assert_eq!((clock.find(&names, &row, &names[..1]), clock.gap(&names, &row)), (None, Ok(false)));
        }
        let mut clock = Clock::new(None);
        assert_eq!(clock.find(&names[..1], &owned(["1"]), &names[..1]), None);
    }
}
