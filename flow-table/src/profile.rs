//! The columns of a table, described: statistics, kinds, and values with a mass of their own.

use crate::atoms::atoms;
use crate::detect::{detect, detect_as_peers};
use crate::kind::{ColumnKind, Convention};
use crate::profile_error::ProfileError;
use crate::request::{KindOverride, RequestedKind};
use crate::show::{brief, shown};
use crate::stated::stated;
use crate::stats::ColumnStats;
use crate::suggest;
use crate::table::Table;
use crate::tally::Tally;
use crate::time::is_name_of_time;
use std::fmt;

/// One column of a profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its figures.
    pub stats: ColumnStats,
    /// Its kind, detected or stated.
    pub kind: ColumnKind,
    /// Values with a mass of their own and their shares of the rows, the heaviest first; at most 4, and none under the
    /// peers' convention, nor in circular, constant and context columns.
    pub atoms: Vec<(f32, f64)>,
    /// Why it is of that kind.
    pub reason: String,
    /// Whether the kind was stated.
    pub stated: bool,
}

/// The columns of a table, described. Its `Display` is a small text table.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    columns: Vec<ColumnProfile>,
    rows: usize,
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
        let described = table.names().iter().enumerate();
        let columns = described.map(|(j, name)| describe(table, j, KindOverride::of(overrides, name), convention));
        Profile::checked(table, columns.collect::<Result<_, _>>()?)
    }

    /// Describes a part of the rows of the table that this profile describes. Kinds that are stated were checked there and
    /// stay, with their parameters and masses, whatever the part holds of them; others are detected in the part.
    ///
    /// ```
    /// use flow_table::{Convention, KindOverride, Profile, Table};
    ///
    /// let stated: [KindOverride; 1] = ["load:bounded".parse()?];
    /// let table = Table::from_rows("t", vec!["load".into()], &[[0.2], [0.4], [70.0]])?;
    /// let whole = Profile::of(&table, &stated, Convention::Own)?;
    /// let part = whole.of_part(&table.select(&[0, 1]), &stated, Convention::Own)?;
    /// assert_eq!((part.columns()[0].kind, part.columns()[0].stats.max), (whole.columns()[0].kind, 0.4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A part in which nothing varies.
    ///
    /// # Panics
    /// If the part has fewer columns.
    pub fn of_part(
        &self,
        part: &Table,
        overrides: &[KindOverride],
        convention: Convention,
    ) -> Result<Profile, ProfileError> {
        let is_stated = |name| KindOverride::of(overrides, name).is_some_and(|kind| kind != RequestedKind::Ignore);
        let columns = self.columns.iter().enumerate();
        let columns = columns.map(|(j, whole)| match is_stated(&whole.name) {
            true => Ok(ColumnProfile { stats: ColumnStats::of(part.column(j)), ..whole.clone() }),
            false => describe(part, j, None, convention),
        });
        Profile::checked(part, columns.collect::<Result<_, _>>()?)
    }

    /// The profile of these columns, if there is something to learn.
    fn checked(table: &Table, columns: Vec<ColumnProfile>) -> Result<Profile, ProfileError> {
        let path = || table.source().to_owned();
        if columns.iter().all(|c| c.stats.distinct <= 1) {
            return Err(ProfileError::AllConstant { path: path(), rows: table.rows() });
        }
        if !columns.iter().any(|c| c.kind.is_learned()) {
            return Err(ProfileError::NothingLeft { path: path() });
        }
        Ok(Profile { columns, rows: table.rows() })
    }

    /// One entry a column, in the table's order.
    pub fn columns(&self) -> &[ColumnProfile] {
        &self.columns
    }

    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What is no error, but should be known before one learns from the table.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let columns = self.columns.len();
        if self.rows < columns {
            warnings.push(format!(
                "fewer rows ({}) than columns ({columns}): a density cannot be learned well from so few; take more rows, \
                 or leave columns out with --column NAME:ignore",
                self.rows
            ));
        }
        let mut far = Vec::new();
        let as_they_are = |column: &&ColumnProfile| {
            matches!(column.kind, ColumnKind::Continuous | ColumnKind::Integer | ColumnKind::Lattice { .. })
        };
        for ColumnProfile { name, stats, stated, .. } in self.columns.iter().filter(as_they_are) {
            let [low, high] = stats.bulk;
            let (below, above) = (low - f64::from(stats.min), f64::from(stats.max) - high);
            if stats.monotone && self.rows >= FEWEST_RISING {
                warnings.push(format!(
                    "the column {name:?} rises or falls all the way, as a running number, a time or a meter does: later rows \
                     lie beyond all of these and will look odd; leave it out with --column {name}:ignore"
                ));
            } else if high > low && below.max(above) > FAR * (high - low) {
                let value = shown(if below > above { stats.min } else { stats.max });
                far.push(format!("{name:?} holds {value} (nine of ten from {} to {})", brief(low), brief(high)));
            } else if is_name_of_time(name) && !stated {
                warnings.push(format!(
                    "the column {name:?} holds no times of a form that is known, such as 2024-05-01 12:00:00 or seconds since \
                     1970: it is learned as a value; leave it out with --column {name}:ignore"
                ));
            }
        }
        if !far.is_empty() {
            warnings.push(format!(
                "values far from all others: {}. Marks for missing values, or faults? They would count as usual; empty such \
                 cells (--missing says what becomes of them), or leave the rows out",
                far.join(", ")
            ));
        }
        for column in self.columns.iter().filter(|c| c.kind == ColumnKind::Context && c.stats.distinct <= 1) {
            warnings.push(format!(
                "the context column {:?} is {} in every row: nothing can be learned from it",
                column.name,
                shown(column.stats.min)
            ));
        }
        warnings
    }

    /// The largest |lag-1 autocorrelation| over the columns, with its sign: whether neighbouring rows are alike.
    pub fn correlation(&self) -> f64 {
        self.columns.iter().map(|c| c.stats.lag1).fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a })
    }
}

/// The fewest rows that tell something by rising all the way.
const FEWEST_RISING: usize = 20;
/// A value so many times farther out than the middle 90 % of the rows reach is warned of.
const FAR: f64 = 100.0;

fn describe(
    table: &Table,
    j: usize,
    requested: Option<RequestedKind>,
    convention: Convention,
) -> Result<ColumnProfile, ProfileError> {
    let name = &table.names()[j];
    let tally = Tally::of(table.column(j));
    let stats = ColumnStats::tallied(table.column(j), &tally);
    let asked = requested.map(|kind| stated(table, j, &tally, kind)).transpose()?.flatten();
    let (kind, mut reason) = asked.unwrap_or_else(|| match convention {
        Convention::Own => detect(name, &tally),
        Convention::Peers => detect_as_peers(&tally),
    });
    let heavy = match kind {
        _ if convention == Convention::Peers => Vec::new(),
        ColumnKind::Circular { .. } | ColumnKind::Constant | ColumnKind::Context => Vec::new(),
        _ => atoms(&tally, kind.is_discrete()),
    };
    if !heavy.is_empty() {
        let held = heavy.iter().map(|(value, share)| format!("{} ({} %)", shown(*value), percent(*share)));
        reason += &format!("; a mass of its own at {}", held.collect::<Vec<_>>().join(", "));
    }
    reason += &coarse(&stats).unwrap_or_default();
    Ok(ColumnProfile { name: name.clone(), stats, kind, atoms: heavy, reason, stated: requested.is_some() })
}

/// A share of the rows in percent, never rounded up to all of them.
fn percent(share: f64) -> f64 {
    let rounded = (1000.0 * share).round() / 10.0;
    if rounded == 100.0 && share < 1.0 { 99.9 } else { rounded }
}

/// A warning where single precision, seven digits, is coarse beside a column's spread, as for Unix times.
fn coarse(stats: &ColumnStats) -> Option<String> {
    let largest = stats.min.abs().max(stats.max.abs());
    let step = f64::from(largest) - f64::from(largest.next_down());
    if stats.distinct == 1 && step >= 1.0 {
        let apart = brief(step);
        return Some(format!(
            ", in single precision, where numbers lie {apart} apart: subtract an offset if they differ"
        ));
    }
    (stats.std > 0.0 && step > 1e-3 * stats.std).then(|| {
        format!(
            "; in single precision its values lie {} apart: subtract an offset, or leave the column out with \
             --column NAME:ignore",
            brief(step)
        )
    })
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
        assert!(error.starts_with("t.csv, row 1, column \"f\": 0.5 contradicts the kind integer"), "{error}");
        let error = profile(&sample(), &["i:constant"], Convention::Own).unwrap_err();
        assert!(
            error.starts_with("t.csv, row 2, column \"i\": 2 contradicts the kind constant: expected 1 as"),
            "{error}"
        );
        assert!(profile(&sample(), &["ii:integer"], Convention::Own).unwrap_err().contains("did you mean \"i\"?"));
    }

    #[test]
    fn a_part_keeps_what_was_stated_of_the_whole() {
        let rows: Vec<[f32; 2]> =
            (0..200).map(|i| [if i % 19 == 0 { 0.0 } else { i as f32 + 0.5 }, i as f32]).collect();
        let t = Table::from_rows("t", vec!["x".into(), "n".into()], &rows).unwrap();
        let stated = ["x:positive".parse().unwrap()];
        let whole = Profile::of(&t, &stated, Convention::Own).unwrap();
        let part = t.select(&(0..120).collect::<Vec<_>>());
        // Seven zeros are no mass by themselves.
        assert!(Profile::of(&part, &stated, Convention::Own).is_err());
        let p = whole.of_part(&part, &stated, Convention::Own).unwrap();
        let [x, n] = p.columns() else { panic!("{p}") };
        assert_eq!((x.kind, &x.atoms, x.stats.max), (ColumnKind::Positive, &vec![(0.0, 0.055)], 119.5));
        assert_eq!((n.kind, n.stats.max, p.rows()), (ColumnKind::Integer, 119.0, 120));
        let still = whole.of_part(&t.select(&[]), &stated, Convention::Own).unwrap_err().to_string();
        assert!(still.contains("no column varies (rows: 0)"), "{still}");
    }

    #[test]
    fn atoms_are_found_in_columns_that_are_learned() {
        let rows: Vec<[f32; 4]> = (0..400)
            .map(|i| {
                let heavy = i % 4 == 0;
                let x = if heavy { -0.25 } else { (i as f32 * 0.618_034).fract() };
                let k = if i % 2 == 0 { 0.0 } else { (i % 37) as f32 };
                [x, k, x, k]
            })
            .collect();
        let t = Table::from_rows("t", ["x", "k", "c", "o"].map(String::from).into(), &rows).unwrap();
        let p = profile(&t, &["c:context", "o:circular=37"], Convention::Own).unwrap();
        let atoms: Vec<_> = p.columns().iter().map(|c| c.atoms.clone()).collect();
        assert_eq!(atoms[0], [(-0.25, 0.25)]);
        assert_eq!((atoms[1][0].0, atoms[1].len()), (0.0, 1));
        assert!(atoms[2].is_empty() && atoms[3].is_empty(), "{atoms:?}");
        assert!(p.columns()[0].reason.ends_with("; a mass of its own at -0.25 (25 %)"), "{p}");
        let peers = profile(&t, &[], Convention::Peers).unwrap();
        assert!(peers.columns().iter().all(|c| c.atoms.is_empty()));
        assert_eq!(peers.columns()[0].kind, ColumnKind::Continuous);
    }

    #[test]
    fn peers_know_no_lattice() {
        let rows: Vec<[f32; 2]> = (0..400).map(|i| [(i % 50 * 2) as f32, (i % 40) as f32 / 10.0]).collect();
        let t = Table::from_rows("t", vec!["even".into(), "tenths".into()], &rows).unwrap();
        let kinds = |c| profile(&t, &[], c).unwrap().columns().iter().map(|c| c.kind.as_str()).collect::<Vec<_>>();
        assert_eq!(kinds(Convention::Own), ["lattice", "lattice"]);
        assert_eq!(kinds(Convention::Peers), ["integer", "continuous"]);
    }

    #[test]
    fn something_must_be_left_to_learn() {
        let error = |said: &[&str]| profile(&sample(), said, Convention::Own).unwrap_err();
        for said in [&["*:context"][..], &["f:context", "i:context"], &["f:context", "i:context", "k:context"]] {
            assert!(error(said).contains("no column is left to learn from"), "{}", error(said));
        }
        let p = profile(&sample(), &["*:context", "f:continuous"], Convention::Own).unwrap();
        assert_eq!(
            p.columns().iter().map(|c| c.kind.as_str()).collect::<Vec<_>>(),
            ["continuous", "context", "context"]
        );
        assert!(p.warnings()[0].contains("the context column \"k\" is 7 in every row"), "{:?}", p.warnings());
    }

    #[test]
    fn a_constant_that_single_precision_may_have_made_is_told() {
        let reason = |value: f32| {
            let t = table(&["big", "x"], &[&[value, 1.0], &[value, 2.5], &[value, -1.0]]);
            profile(&t, &[], Convention::Own).unwrap().columns()[0].reason.clone()
        };
        assert_eq!(reason(5.0), "all 3 values are 5");
        assert!(reason(1e9).ends_with("numbers lie 64 apart: subtract an offset if they differ"), "{}", reason(1e9));
    }

    #[test]
    fn running_numbers_and_marks_for_missing_values_are_warned_of() {
        let rows: Vec<[f32; 3]> = (0..100)
            .map(|i| {
                [1000.0 - 2.5 * i as f32, (i * 37 % 101) as f32, if i == 70 { -999.0 } else { (i as f32 * 0.7).sin() }]
            })
            .collect();
        let odd = Table::from_rows("t.csv", ["left", "load", "volt"].map(str::to_owned).to_vec(), &rows).unwrap();
        let odd = Profile::of(&odd, &[], Convention::Own).unwrap().warnings();
        assert!(odd[0].contains("\"left\" rises or falls all the way") && odd[0].contains("--column left:ignore"));
        assert!(
            odd[1].contains("far from all others: \"volt\" holds -999 (nine of ten from -0.9677 to 0.9976). Marks"),
            "{odd:?}"
        );
        assert_eq!(odd.len(), 2);
        // Days since 1900, as a spreadsheet has them, two rows to each.
        let rows: Vec<[f32; 2]> = (0..100).map(|i| [45_000.0 + (i * 37 % 50) as f32, (i as f32 * 0.7).sin()]).collect();
        let days = Table::from_rows("t.csv", ["Date", "volt"].map(str::to_owned).to_vec(), &rows).unwrap();
        let days = Profile::of(&days, &[], Convention::Own).unwrap().warnings();
        assert!(days[0].contains("\"Date\" holds no times of a form that is known"), "{days:?}");
    }

    #[test]
    fn few_rows_are_warned_of() {
        let t = table(&["a", "b", "c"], &[&[1.0, 2.0, 3.0], &[2.0, 1.0, 5.0]]);
        let warnings = profile(&t, &[], Convention::Own).unwrap().warnings();
        assert!(warnings[0].contains("fewer rows (2) than columns (3)"), "{warnings:?}");
        assert!(profile(&sample(), &[], Convention::Own).unwrap().warnings().is_empty());
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
