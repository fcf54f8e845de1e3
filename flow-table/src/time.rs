//! Points in time: how they are recognised in a table, and what a table keeps of them.
//!
//! As text: RFC 3339 and ISO 8601 (`2024-05-01T12:00:00Z`, `2024-05-01 12:00:00`, `2024-05-01`), in UTC where no offset is
//! written. As numbers, in a column named like one: seconds, milliseconds, microseconds or nanoseconds since 1970, or the
//! digits `20240501120000` and `202405011200`.

use crate::error::CellProblem;
use crate::number;
use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;

/// Names of columns that hold times.
const NAMES: [&str; 4] = ["time", "timestamp", "date", "datetime"];

/// Whether a column's name is one of a time.
pub fn is_name_of_time(name: &str) -> bool {
    NAMES.iter().any(|word| name.trim().eq_ignore_ascii_case(word))
}

/// Microseconds since 1970 of a time as text.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.contains('-') {
        return None;
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_microsecond());
    }
    let civil = text.parse::<DateTime>().ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_microsecond())
}

/// What is wrong with a cell of this text, which is no time.
pub(crate) fn problem(text: &str) -> CellProblem {
    match number::parse(text, "") {
        Err(problem) if problem.is_missing() => CellProblem::MissingTime(number::shown(text)),
        _ => CellProblem::NotATime(number::shown(text)),
    }
}

/// Microseconds since 1970 of a number that can be a time between 1973 and 5138: seconds, milliseconds and so on by its
/// magnitude; or the digits of a date and a time.
pub(crate) fn of_number(value: f64) -> Option<i64> {
    if let Some(time) = of_digits(value) {
        return Some(time);
    }
    let factor = match value {
        1e8..1e11 => 1e6,
        1e11..1e14 => 1e3,
        1e14..1e17 => 1.0,
        1e17..1e20 => 1e-3,
        _ => return None,
    };
    Some((value * factor) as i64)
}

/// Of 20240501120000 or 202405011200, in UTC, between 1970 and 2099: as milliseconds these would be in 1976, or far ahead.
fn of_digits(value: f64) -> Option<i64> {
    let seconds = match value {
        1.97e13..2.1e13 => value,
        1.97e11..2.1e11 => 100.0 * value,
        _ => return None,
    };
    let whole = (seconds.fract() == 0.0).then_some(seconds as i64)?;
    let two = |place: i64| (whole / place % 100) as i8;
    let year = i16::try_from(whole / 10_000_000_000).ok()?;
    let civil = DateTime::new(year, two(100_000_000), two(1_000_000), two(10_000), two(100), two(1), 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_microsecond())
}

/// Microseconds since 1970 of a time as text, in any of the forms that a table's column of times may have; a number is one
/// of seconds, milliseconds, microseconds or nanoseconds by its magnitude.
///
/// ```
/// assert_eq!(flow_table::time_of("2024-05-01T14:00:00+02:00"), flow_table::time_of("1714564800"));
/// assert_eq!(flow_table::time_of("noon"), None);
/// ```
pub fn time_of(text: &str) -> Option<i64> {
    parse(text).or_else(|| of_number(text.trim().parse().ok()?))
}

/// A time in microseconds since 1970 as text, in UTC.
///
/// ```
/// assert_eq!(flow_table::time_text(1_714_564_800_000_000), "2024-05-01T12:00:00Z");
/// ```
pub fn time_text(time: i64) -> String {
    Timestamp::from_microsecond(time).map_or_else(|_| "?".to_owned(), |stamp| stamp.to_string())
}

/// The column of a table that says when each row was taken. It is not modelled.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeColumn {
    pub(crate) name: String,
    pub(crate) times: Vec<i64>,
}

impl TimeColumn {
    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Microseconds since 1970, one for each row.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The rows' indices from the earliest to the latest; rows of one time stay in their order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|&i| self.times[i]);
        order
    }
}

impl fmt::Display for TimeColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |time: Option<&i64>| time.map_or("?".to_owned(), |t| time_text(*t));
        let back = self.times.windows(2).filter(|pair| pair[1] < pair[0]).count();
        write!(f, "{:?} from {} to {}, ", self.name, shown(self.times.iter().min()), shown(self.times.iter().max()))?;
        match back {
            0 => f.write_str("in order"),
            _ => write!(f, "{back} rows earlier than the row before"),
        }?;
        f.write_str("; not modelled")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_times() {
        let noon = Some(1_714_564_800_000_000);
        for text in
            ["2024-05-01T12:00:00Z", "2024-05-01 12:00:00", " 2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00.000"]
        {
            assert_eq!(parse(text), noon, "{text}");
        }
        assert_eq!(parse("2024-05-01"), Some(1_714_521_600_000_000));
        for text in ["21:15", "noon", "", "20240501", "2024-13-01", "-1", "1-2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_times() {
        for value in [1_714_564_800.0, 1_714_564_800e3, 1_714_564_800e6, 1_714_564_800e9] {
            assert_eq!(of_number(value), Some(1_714_564_800_000_000));
        }
        for digits in [20_240_501_120_000.0, 202_405_011_200.0] {
            assert_eq!(of_number(digits), Some(1_714_564_800_000_000), "{digits}");
        }
        // No month is the thirteenth: milliseconds in 1976.
        assert_eq!(of_number(201_313_011_200.0), Some(201_313_011_200_000));
        assert_eq!([0.0, -1e9, 20_240_501.0, f64::NAN, f64::INFINITY].map(of_number), [None; 5]);
    }

    #[test]
    fn order_and_words() {
        let column = TimeColumn { name: "t".into(), times: vec![2_000_000, 0, 1_000_000] };
        assert_eq!(column.order(), [1, 2, 0]);
        assert_eq!(
            column.to_string(),
            "\"t\" from 1970-01-01T00:00:00Z to 1970-01-01T00:00:02Z, 1 rows earlier than the row before; not modelled"
        );
    }
}
