//! Statistics of each column, and the kind they speak for.

use crate::kind::{Convention, DetectedKind, KindOverride, RequestedKind};
use crate::stats::ColumnStats;
use crate::suggest;
use crate::table::Table;
use std::fmt;

/// Whole numbers beyond this size leave no room for noise within a cell in single precision.
const LARGEST_WHOLE: f32 = 4_194_304.0; // 2^22

/// One column of a profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its figures.
    pub stats: ColumnStats,
    /// Its kind, detected or stated.
    pub kind: DetectedKind,
    /// Why it is of that kind.
    pub reason: String,
}

/// The columns of a table, described. Its `Display` is a small text table.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    columns: Vec<ColumnProfile>,
    rows: usize,
}

/// Kinds that do not fit the data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A kind was stated for a column that is not there.
    #[error("{path}: has no column {name:?}{hint}; its columns are {columns}")]
    UnknownColumn {
        /// The table.
        path: String,
        /// The name.
        name: String,
        /// ", did you mean …?", or nothing.
        hint: String,
        /// The columns there are.
        columns: String,
    },
    /// A cell that contradicts the stated kind.
    #[error(
        "{path}, row {row}, column {column} ({name}): {value} contradicts the kind {kind}: expected {expected}; \
        leave the kind out to have it detected, or say {name}:continuous"
    )]
    Contradiction {
        /// The table.
        path: String,
        /// Row of the data, from 1.
        row: usize,
        /// Number of the column, from 1.
        column: usize,
        /// Name of the column.
        name: String,
        /// The cell.
        value: String,
        /// The stated kind.
        kind: DetectedKind,
        /// What the kind asks for.
        expected: String,
    },
    /// Nothing varies.
    #[error("{path}: no column varies (rows: {rows}); expected at least one that takes different values")]
    AllConstant {
        /// The table.
        path: String,
        /// Its rows.
        rows: usize,
    },
    /// Every column was declared constant, or ignored.
    #[error("{path}: no column is left to learn from; at least one must be neither constant nor ignored")]
    NothingLeft {
        /// The table.
        path: String,
    },
}

impl Profile {
    /// Describes a table. Columns to be ignored must be gone already (see [`KindOverride::ignored`]); what is said of
    /// them is passed over.
    ///
    /// # Errors
    /// A stated kind that contradicts the data, an unknown column, or a table in which nothing varies.
    pub fn of(table: &Table, overrides: &[KindOverride], convention: Convention) -> Result<Profile, ProfileError> {
        let path = || table.source().to_owned();
        let names = || table.names().iter().map(String::as_str);
        for name in overrides.iter().filter_map(KindOverride::column) {
            if KindOverride::of(overrides, name) != Some(RequestedKind::Ignore) && !names().any(|n| n == name) {
                return Err(ProfileError::UnknownColumn {
                    path: path(),
                    name: name.into(),
                    hint: suggest::hint(name, names()),
                    columns: suggest::list(names()),
                });
            }
        }
        let rows = table.rows();
        let mut columns = Vec::with_capacity(table.columns());
        for (j, name) in table.names().iter().enumerate() {
            let stats = ColumnStats::of(table.column(j));
            let (kind, reason) = match KindOverride::of(overrides, name) {
                Some(RequestedKind::As(kind)) => {
                    check_stated(table, j, kind)?;
                    (kind, "as stated".to_owned())
                }
                Some(RequestedKind::Ignore) | None => detect(&stats, rows, convention),
            };
            let reason = reason + &coarse(&stats).unwrap_or_default();
            columns.push(ColumnProfile { name: name.clone(), stats, kind, reason });
        }
        if columns.iter().all(|c| c.stats.distinct <= 1) {
            return Err(ProfileError::AllConstant { path: path(), rows });
        }
        if columns.iter().all(|c| c.kind == DetectedKind::Constant) {
            return Err(ProfileError::NothingLeft { path: path() });
        }
        Ok(Profile { columns, rows })
    }

    /// One entry a column, in the table's order.
    pub fn columns(&self) -> &[ColumnProfile] {
        &self.columns
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The largest |lag-1 autocorrelation| over the columns, with its sign: whether neighbouring rows are alike.
    pub fn correlation(&self) -> f64 {
        self.columns.iter().map(|c| c.stats.lag1).fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a })
    }
}

/// The kind that a column's figures speak for, and why.
/// A warning where single precision, seven digits, is coarse beside a column's spread, as for Unix times.
fn coarse(stats: &ColumnStats) -> Option<String> {
    let largest = stats.min.abs().max(stats.max.abs());
    let step = f64::from(largest) - f64::from(largest.next_down());
    (stats.std > 0.0 && step > 1e-3 * stats.std).then(|| {
        format!(
            "; in single precision its values lie {} apart: subtract an offset, or leave the column out with \
             --column NAME:ignore",
            brief(step)
        )
    })
}

fn detect(stats: &ColumnStats, rows: usize, convention: Convention) -> (DetectedKind, String) {
    let values = format!("all {rows} values are");
    if stats.distinct == 1 && convention == Convention::Own {
        return (DetectedKind::Constant, format!("{values} {}", shown(stats.min)));
    }
    if !stats.whole {
        let distinct = stats.distinct;
        return (DetectedKind::Continuous, format!("fractions among {rows} values, {distinct} distinct"));
    }
    if stats.min < -LARGEST_WHOLE || stats.max > LARGEST_WHOLE {
        let reason = format!("{values} whole numbers, but beyond 2^22 they cannot be dequantised in single precision");
        return (DetectedKind::Continuous, reason);
    }
    (DetectedKind::Integer, format!("{values} whole numbers, {} distinct", stats.distinct))
}

/// Refuses a stated kind that a cell contradicts.
fn check_stated(table: &Table, j: usize, kind: DetectedKind) -> Result<(), ProfileError> {
    let wrong = |fits: &dyn Fn(f32) -> bool, expected: String| match table.column(j).position(|v| !fits(v)) {
        None => Ok(()),
        Some(row) => Err(ProfileError::Contradiction {
            path: table.source().into(),
            row: row + 1,
            column: j + 1,
            name: table.names()[j].clone(),
            value: shown(table.row(row)[j]),
            kind,
            expected,
        }),
    };
    match kind {
        DetectedKind::Continuous => Ok(()),
        DetectedKind::Integer => {
            wrong(&|v| v.fract() == 0.0 && v.abs() <= LARGEST_WHOLE, "whole numbers of at most 2^22 in size".into())
        }
        DetectedKind::Constant => {
            let first = table.column(j).next().unwrap_or(0.0);
            wrong(&|v| v == first, format!("{} as in row 1", shown(first)))
        }
    }
}

/// A number as briefly as it can be said exactly.
fn shown(value: f32) -> String {
    if value == 0.0 || (1e-4..1e9).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).max(6);
        writeln!(f, "{:width$}  {:10}  {:>12} {:>12} {:>12}  why", "column", "kind", "min", "max", "std")?;
        for c in &self.columns {
            let (min, max, std) = (brief(c.stats.min.into()), brief(c.stats.max.into()), brief(c.stats.std));
            writeln!(f, "{:width$}  {:10}  {min:>12} {max:>12} {std:>12}  {}", c.name, c.kind, c.reason)?;
        }
        Ok(())
    }
}

/// A number in at most 10 characters.
fn brief(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e7).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str], rows: &[&[f32]]) -> Table {
        Table::from_rows("t.csv", names.iter().map(|n| n.to_string()).collect(), rows).unwrap()
    }

    fn profile(t: &Table, said: &[&str], convention: Convention) -> Result<Profile, String> {
        let said: Vec<KindOverride> = said.iter().map(|s| s.parse().unwrap()).collect();
        Profile::of(t, &said, convention).map_err(|e| e.to_string())
    }

    fn sample() -> Table {
        table(&["f", "i", "k"], &[&[0.5, 1.0, 7.0], &[1.5, 2.0, 7.0], &[0.25, 1.0, 7.0]])
    }

    #[test]
    fn kinds_by_convention() {
        let kinds = |t: &Table, c| -> Vec<&str> {
            profile(t, &[], c).unwrap().columns().iter().map(|c| c.kind.as_str()).collect()
        };
        assert_eq!(kinds(&sample(), Convention::Own), ["continuous", "integer", "constant"]);
        assert_eq!(kinds(&sample(), Convention::Peers), ["continuous", "integer", "integer"]);
        let fraction = table(&["a", "b"], &[&[0.5, 1.0], &[0.5, 5e6]]);
        assert_eq!(kinds(&fraction, Convention::Own), ["constant", "continuous"]);
        assert_eq!(kinds(&fraction, Convention::Peers), ["continuous", "continuous"]);
        let p = profile(&fraction, &[], Convention::Own).unwrap();
        assert!(p.columns()[1].reason.contains("beyond 2^22"));
        assert!(p.to_string().contains("all 2 values are 0.5"), "{p}");
    }

    #[test]
    fn a_column_that_single_precision_rounds_is_warned_of() {
        let reason =
            |rows: &[&[f32]]| profile(&table(&["t"], rows), &[], Convention::Own).unwrap().columns()[0].reason.clone();
        let times = reason(&[&[1.7e9], &[1.7e9 + 128.0], &[1.7e9 + 384.0]]);
        assert!(times.contains("128 apart") && times.contains("--column NAME:ignore"), "{times}");
        assert!(!reason(&[&[1e6], &[1e6 + 500.0], &[1e6 - 500.0]]).contains("apart"));
    }

    #[test]
    fn stated_kinds_are_checked() {
        let p = profile(&sample(), &["*:continuous", "i:integer"], Convention::Own).unwrap();
        assert_eq!(
            p.columns().iter().map(|c| c.kind.as_str()).collect::<Vec<_>>(),
            ["continuous", "integer", "continuous"]
        );
        let error = profile(&sample(), &["f:integer"], Convention::Own).unwrap_err();
        assert!(error.starts_with("t.csv, row 1, column 1 (f): 0.5 contradicts the kind integer"), "{error}");
        let error = profile(&sample(), &["i:constant"], Convention::Own).unwrap_err();
        assert!(
            error.starts_with("t.csv, row 2, column 2 (i): 2 contradicts the kind constant: expected 1 as"),
            "{error}"
        );
        assert!(profile(&sample(), &["ii:integer"], Convention::Own).unwrap_err().contains("did you mean \"i\"?"));
    }

    #[test]
    fn something_must_vary() {
        let t = table(&["a", "b"], &[&[1.0, 2.0], &[1.0, 2.0]]);
        for convention in [Convention::Own, Convention::Peers] {
            assert!(profile(&t.select(&[]), &["a:constant"], convention).unwrap_err().contains("(rows: 0)"));
            assert!(profile(&t, &[], convention).unwrap_err().contains("no column varies (rows: 2)"));
        }
    }

    #[test]
    fn correlated_neighbours_show() {
        let rows: Vec<[f32; 2]> = (0..1000).map(|i| [1.0, (i as f32 / 50.0).sin()]).collect();
        let t = Table::from_rows("t", vec!["k".into(), "s".into()], &rows).unwrap();
        assert!(profile(&t, &[], Convention::Own).unwrap().correlation() > 0.9);
    }
}
