//! A stated kind against the data: parameters that were left open are found, cells that contradict it are refused.

use crate::atoms::atoms;
use crate::detect::steps;
use crate::kind::ColumnKind;
use crate::lattice::{self, LARGEST_WHOLE};
use crate::profile_error::ProfileError;
use crate::request::RequestedKind;
use crate::show::shown;
use crate::table::Table;
use crate::tally::Tally;
use crate::turns;

/// Limits that bounded columns often have.
const USUAL_LIMITS: [[f32; 2]; 3] = [[0.0, 1.0], [-1.0, 1.0], [0.0, 100.0]];

/// The kind that was asked for column `j`, and why it has its parameters; `None` if the column is to be ignored.
pub(crate) fn stated(
    table: &Table,
    j: usize,
    tally: &Tally,
    requested: RequestedKind,
) -> Result<Option<(ColumnKind, String)>, ProfileError> {
    let open = |kind: &'static str, found: String, example: &'static str| ProfileError::OpenParameter {
        path: table.source().into(),
        name: table.names()[j].clone(),
        kind,
        found,
        example,
    };
    let as_stated = || "as stated".to_owned();
    let (kind, reason) = match requested {
        RequestedKind::Ignore => return Ok(None),
        RequestedKind::Continuous => (ColumnKind::Continuous, as_stated()),
        RequestedKind::Positive => (ColumnKind::Positive, as_stated()),
        RequestedKind::Integer => (ColumnKind::Integer, as_stated()),
        RequestedKind::Constant => (ColumnKind::Constant, as_stated()),
        RequestedKind::Context => (ColumnKind::Context, as_stated()),
        RequestedKind::Bounded { limits: Some([low, high]) } => {
            (ColumnKind::Bounded { low, high }, format!("as stated, {} to {}", shown(low), shown(high)))
        }
        RequestedKind::Bounded { limits: None } => {
            let [low, high] = limits(tally).ok_or_else(|| {
                open("bounded", format!("its values, all {}, show no limits", shown(tally.min())), "bounded=0..100")
            })?;
            (ColumnKind::Bounded { low, high }, format!("as stated; {} to {} by its values", shown(low), shown(high)))
        }
        RequestedKind::Lattice { step: Some(step), origin } => {
            let origin = origin.unwrap_or_else(|| {
                let zero = tally.values().all(|v| on_lattice(v, 0.0, step));
                if zero { 0.0 } else { tally.min() }
            });
            (ColumnKind::Lattice { origin, step }, format!("as stated, {}", steps(origin, step)))
        }
        RequestedKind::Lattice { step: None, .. } => {
            let found = lattice::find(tally).ok_or_else(|| {
                open("lattice", "no step was found of which its values are multiples".into(), "lattice=0.5")
            })?;
            let kind = ColumnKind::Lattice { origin: found.origin, step: found.step };
            (kind, format!("as stated; {} by its values", steps(found.origin, found.step)))
        }
        RequestedKind::Circular { period: Some(period), origin } => {
            let centred = tally.min() < 0.0 && tally.max() <= 0.5 * period;
            let origin = origin.unwrap_or(if centred { -0.5 * period } else { 0.0 });
            let turn = format!("as stated, a turn of {} from {}", shown(period), shown(origin));
            (ColumnKind::Circular { origin, period }, turn)
        }
        RequestedKind::Circular { period: None, .. } => {
            let turn = turns::fitting(tally).ok_or_else(|| {
                let found = format!("no usual turn holds {} to {}", shown(tally.min()), shown(tally.max()));
                open("circular", found, "circular=360")
            })?;
            let kind = ColumnKind::Circular { origin: turn.origin as f32, period: turn.period as f32 };
            (kind, format!("as stated; a turn is {} by its values", turn.text))
        }
    };
    check(table, j, tally, kind)?;
    Ok(Some((kind, reason)))
}

/// The usual limits that hold the values, if these reach beyond the middle; else the smallest and the largest value.
fn limits(tally: &Tally) -> Option<[f32; 2]> {
    let [low, high] = [tally.min(), tally.max()];
    let fit = |l: &&[f32; 2]| low >= l[0] && high <= l[1] && high >= 0.5 * l[1];
    USUAL_LIMITS.iter().find(fit).copied().or((low < high).then_some([low, high]))
}

/// Whether a value is on a stated lattice, within a hundredth of a step or what single precision cannot tell apart.
fn on_lattice(value: f32, origin: f32, step: f32) -> bool {
    let k = (f64::from(value) - f64::from(origin)) / f64::from(step);
    let unit = f64::from(value.abs()) - f64::from(value.abs().next_down());
    k.abs() <= f64::from(LARGEST_WHOLE) && (k - k.round()).abs() <= (2.0 * unit / f64::from(step)).clamp(0.01, 0.25)
}

/// Refuses a kind that a cell contradicts.
fn check(table: &Table, j: usize, tally: &Tally, kind: ColumnKind) -> Result<(), ProfileError> {
    let row_of_file = |row: usize| table.rows_of_file()[row] + 1;
    let wrong = |fits: &dyn Fn(f32) -> bool, expected: String| match table.column(j).position(|v| !fits(v)) {
        None => Ok(()),
        Some(row) => Err(ProfileError::Contradiction {
            path: table.source().into(),
            row: row_of_file(row),
            name: table.names()[j].clone(),
            value: shown(table.row(row)[j]),
            kind,
            expected,
        }),
    };
    match kind {
        ColumnKind::Continuous | ColumnKind::Circular { .. } | ColumnKind::Context => Ok(()),
        ColumnKind::Positive => {
            let zero = atoms(tally, false).iter().any(|a| a.0 == 0.0);
            let expected = "numbers above 0, and 0 itself only where it holds a large share of the rows (5 %)";
            wrong(&|v| v > 0.0 || (v == 0.0 && zero), expected.into())
        }
        ColumnKind::Bounded { low, high } => {
            wrong(&|v| (low..=high).contains(&v), format!("{} to {}", shown(low), shown(high)))
        }
        ColumnKind::Integer => {
            wrong(&|v| v.fract() == 0.0 && v.abs() <= LARGEST_WHOLE, "whole numbers of at most 2^22 in size".into())
        }
        ColumnKind::Lattice { origin, step } => {
            wrong(&|v| on_lattice(v, origin, step), format!("{}, at most 2^22 of them", steps(origin, step)))
        }
        ColumnKind::Constant => {
            let Some(first) = table.column(j).next() else { return Ok(()) };
            wrong(&|v| v == first, format!("{} as in row {}", shown(first), row_of_file(0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Missing, ReadOptions};

    fn say(name_and_kind: &str, values: &[f32]) -> Result<(ColumnKind, String), String> {
        let said: crate::KindOverride = name_and_kind.parse().unwrap();
        let rows: Vec<[f32; 1]> = values.iter().map(|&v| [v]).collect();
        let table = Table::from_rows("t.csv", vec![said.column().unwrap().into()], &rows).unwrap();
        stated(&table, 0, &Tally::of(table.column(0)), said.kind()).map(Option::unwrap).map_err(|e| e.to_string())
    }

    fn kind(name_and_kind: &str, values: &[f32]) -> ColumnKind {
        say(name_and_kind, values).unwrap().0
    }

    #[test]
    fn stated_parameters_are_kept() {
        assert_eq!(kind("a:bounded=0..5", &[0.0, 5.0]), ColumnKind::Bounded { low: 0.0, high: 5.0 });
        assert_eq!(kind("a:lattice=0.5", &[1.0, 2.5]), ColumnKind::Lattice { origin: 0.0, step: 0.5 });
        assert_eq!(kind("a:lattice=0.5", &[1.25, 2.75]), ColumnKind::Lattice { origin: 1.25, step: 0.5 });
        assert_eq!(kind("a:lattice=0.5@0.25", &[1.25, 2.75]), ColumnKind::Lattice { origin: 0.25, step: 0.5 });
        assert_eq!(kind("a:circular=12..36", &[900.0, -5.0]), ColumnKind::Circular { origin: 12.0, period: 24.0 });
        assert_eq!(kind("a:circular=360", &[1.0, 350.0]), ColumnKind::Circular { origin: 0.0, period: 360.0 });
        assert_eq!(kind("a:circular=360", &[-1.0, 35.0]), ColumnKind::Circular { origin: -180.0, period: 360.0 });
    }

    #[test]
    fn open_parameters_are_found() {
        assert_eq!(kind("a:bounded", &[0.1, 0.9]), ColumnKind::Bounded { low: 0.0, high: 1.0 });
        assert_eq!(kind("a:bounded", &[-0.1, 0.9]), ColumnKind::Bounded { low: -1.0, high: 1.0 });
        assert_eq!(kind("a:bounded", &[20.0, 70.0]), ColumnKind::Bounded { low: 0.0, high: 100.0 });
        assert_eq!(kind("a:bounded", &[2.0, 7.0]), ColumnKind::Bounded { low: 2.0, high: 7.0 });
        assert_eq!(kind("a:lattice", &[0.1, 0.7, 0.3]), ColumnKind::Lattice { origin: 0.1, step: 0.2 });
        assert_eq!(kind("a:circular", &[0.5, 23.0]), ColumnKind::Circular { origin: 0.0, period: 24.0 });
        let (kind, reason) = say("a:circular", &[-170.0, 23.0]).unwrap();
        assert_eq!(kind, ColumnKind::Circular { origin: -180.0, period: 360.0 });
        assert_eq!(reason, "as stated; a turn is -180..180 by its values");
    }

    #[test]
    fn what_the_data_do_not_show_is_asked_for() {
        for (said, values, found) in [
            ("a:circular", &[-20.0, 350.0][..], "no usual turn holds -20 to 350"),
            ("a:lattice", &[0.123456, 0.7654321, 0.5555123, 0.91], "no step was found"),
            ("a:lattice", &[3.5, 3.5], "no step was found"),
            ("a:bounded", &[3.5, 3.5], "its values, all 3.5, show no limits"),
        ] {
            let error = say(said, values).unwrap_err();
            assert!(error.starts_with(&format!("t.csv, column \"a\": {found}")), "{error}");
            assert!(error.contains(&format!("state them, as in {said}=")), "{error}");
        }
    }

    #[test]
    fn rows_are_counted_as_in_the_file() {
        let options = ReadOptions { missing: Missing::Drop, ..ReadOptions::default() };
        let table = Table::from_reader(&b"a\nNA\n1\nNA\n1.5\n"[..], "t.csv", &options).unwrap();
        let error = |kind| stated(&table, 0, &Tally::of(table.column(0)), kind).unwrap_err().to_string();
        assert!(error(RequestedKind::Integer).starts_with("t.csv, row 4, "), "{}", error(RequestedKind::Integer));
        let constant = error(RequestedKind::Constant);
        assert!(constant.starts_with("t.csv, row 4, ") && constant.contains("1 as in row 2"), "{constant}");
    }

    #[test]
    fn contradictions_name_the_cell_and_what_to_do() {
        let with_zeros: Vec<f32> = (0..30).map(|i| if i % 3 == 0 { 0.0 } else { i as f32 }).collect();
        assert!(say("p:positive", &with_zeros).is_ok());
        for (said, values, cell, remedy) in [
            (
                "p:positive",
                &[1.0, -2.0][..],
                "row 2, column \"p\": -2 contradicts the kind positive: ",
                "leave the kind",
            ),
            ("p:positive", &[1.0, 0.0], "row 2, column \"p\": 0 contradicts", "or say p:continuous"),
            (
                "b:bounded=0..1",
                &[0.5, 1.5],
                "row 2, column \"b\": 1.5 contradicts the kind bounded: expected 0 to 1",
                "LOW",
            ),
            ("i:integer", &[1.0, 0.5], "row 2, column \"i\": 0.5 contradicts", "leave the kind out"),
            (
                "l:lattice=0.2",
                &[0.2, 0.4, 0.5],
                "row 3, column \"l\": 0.5 contradicts the kind lattice: expected 0.2 plus",
                "step",
            ),
            ("l:lattice=1e-6", &[0.0, 9.0], "row 2, column \"l\": 9 contradicts", "leave the step out"),
            (
                "k:constant",
                &[1.0, 2.0],
                "row 2, column \"k\": 2 contradicts the kind constant: expected 1 as in row 1",
                "leave",
            ),
        ] {
            let error = say(said, values).unwrap_err();
            assert!(error.starts_with(&format!("t.csv, {cell}")), "{error}");
            assert!(error.contains(remedy), "{error}");
        }
    }
}
