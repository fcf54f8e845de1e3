//! What becomes of missing values: refused, their rows left out, filled, or kept.

use crate::error::TableError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What becomes of missing values: empty cells, `NA` and the like, NaN, and nulls of typed files. A time is never filled: a
/// row without one is left out with [`Missing::Drop`] and an error otherwise (the first row of a CSV has to have one, by which
/// the column is known).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are an error that names row and column.
    #[default]
    Refuse,
    /// Their rows are left out.
    Drop,
    /// The value of the row before is taken.
    Previous,
    /// The median of the column's other values is taken.
    Median,
    /// This value is taken.
    Value(f32),
    /// They stay, as NaN: for what takes missing values itself. Not to be stated in words.
    Keep,
    /// The value of its column is taken: what [`Missing::Median`] found in another table, see
    /// [`crate::Table::missing_elsewhere`].
    Values(BTreeMap<String, f32>),
}

impl FromStr for Missing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "refuse" => Ok(Missing::Refuse),
            "drop" => Ok(Missing::Drop),
            "previous" => Ok(Missing::Previous),
            "median" => Ok(Missing::Median),
            text => match text.parse::<f32>() {
                Ok(value) if value.is_finite() => Ok(Missing::Value(value)),
                _ => Err("expected refuse, drop, previous, median or a number".to_owned()),
            },
        }
    }
}

/// What was done about missing values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mended {
    /// What to do the same elsewhere.
    pub(crate) elsewhere: Missing,
    /// Rows that were left out, as they were counted before, ascending.
    pub(crate) dropped: Vec<usize>,
    /// What was done, in words; none where nothing was missing.
    pub(crate) notes: Vec<String>,
}

/// Fills missing values (NaN) or leaves their rows out, in place. `time` is the name of the column of times and the rows to
/// be left out because they have none, ascending.
pub(crate) fn mend(
    source: &str,
    names: &[String],
    values: &mut Vec<f32>,
    missing: &[usize],
    time: Option<(&str, &[usize])>,
    how: &Missing,
) -> Result<Mended, TableError> {
    let width = names.len();
    let rows = values.len() / width;
    let mut mended = Mended { elsewhere: how.clone(), ..Mended::default() };
    let affected = || (0..width).filter(|&j| missing[j] > 0);
    let list = |what: &dyn Fn(usize) -> String| affected().map(what).collect::<Vec<_>>().join(", ");
    match how {
        Missing::Refuse => {}
        Missing::Keep => {
            if affected().next().is_some() {
                let cells = list(&|j| format!("{} ({})", names[j], missing[j]));
                mended.notes.push(format!("missing values: {cells}"));
            }
        }
        Missing::Drop => {
            let (time, timeless) = time.unwrap_or_default();
            if affected().next().is_none() && timeless.is_empty() {
                return Ok(mended);
            }
            let mut kept = 0;
            for i in 0..rows {
                let row = i * width..(i + 1) * width;
                if values[row.clone()].iter().any(|v| v.is_nan()) || timeless.binary_search(&i).is_ok() {
                    mended.dropped.push(i);
                } else {
                    values.copy_within(row, kept * width);
                    kept += 1;
                }
            }
            values.truncate(kept * width);
            if kept == 0 {
                let message = format!("each of its {rows} rows lacks a value; expected whole rows, or fill them");
                return Err(TableError::Shape { path: source.into(), message });
            }
            let cells = affected().map(|j| (names[j].as_str(), missing[j]));
            let times = (!timeless.is_empty()).then_some((time, timeless.len()));
            let cells: Vec<String> = cells.chain(times).map(|(name, count)| format!("{name} ({count})")).collect();
            let (dropped, cells) = (mended.dropped.len(), cells.join(", "));
            mended.notes.push(format!("{dropped} of {rows} rows left out, for missing values in {cells}"));
        }
        Missing::Previous => {
            for j in affected() {
                if values[j].is_nan() {
                    return Err(TableError::NothingToFill { path: source.into(), name: names[j].clone() });
                }
                let mut last = values[j];
                for cell in values[j..].iter_mut().step_by(width) {
                    if cell.is_nan() {
                        *cell = last;
                    }
                    last = *cell;
                }
            }
            if affected().next().is_some() {
                let cells = list(&|j| format!("{} ({})", names[j], missing[j]));
                mended.notes.push(format!("missing values filled with the row before's: {cells}"));
            }
        }
        Missing::Median | Missing::Value(_) | Missing::Values(_) => {
            let mut found = BTreeMap::new();
            for j in 0..width {
                let value = match how {
                    Missing::Value(value) => Some(*value),
                    Missing::Values(values) => values.get(&names[j]).copied(),
                    _ => median(values[j..].iter().step_by(width)),
                };
                let Some(value) = value else {
                    if missing[j] == 0 {
                        continue;
                    }
                    return Err(TableError::NothingToFill { path: source.into(), name: names[j].clone() });
                };
                found.insert(names[j].clone(), value);
                if missing[j] > 0 {
                    values[j..].iter_mut().step_by(width).filter(|v| v.is_nan()).for_each(|v| *v = value);
                }
            }
            if affected().next().is_some() {
                let cells = list(&|j| format!("{} ({}) with {}", names[j], missing[j], found[&names[j]]));
                mended.notes.push(format!("missing values filled: {cells}"));
            }
            if *how == Missing::Median {
                mended.elsewhere = Missing::Values(found);
            }
        }
    }
    Ok(mended)
}

/// The lower median of the values that are there.
fn median<'a>(values: impl Iterator<Item = &'a f32>) -> Option<f32> {
    let mut there: Vec<f32> = values.copied().filter(|v| !v.is_nan()).collect();
    let middle = there.len().checked_sub(1)? / 2;
    Some(*there.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: f32 = f32::NAN;

    fn run(values: &[f32], how: Missing) -> Result<(Vec<f32>, Mended), String> {
        let mut values = values.to_vec();
        let missing: Vec<usize> =
            (0..2).map(|j| values[j..].iter().step_by(2).filter(|v| v.is_nan()).count()).collect();
        let names = ["a".to_owned(), "b".to_owned()];
        let mended = mend("t", &names, &mut values, &missing, None, &how).map_err(|e| e.to_string())?;
        Ok((values, mended))
    }

    #[test]
    fn each_way_by_hand() {
        let holes = [1.0, 2.0, N, 4.0, 5.0, N, 9.0, 1.0];
        let (values, mended) = run(&holes, Missing::Drop).unwrap();
        assert_eq!((values, mended.dropped), (vec![1.0, 2.0, 9.0, 1.0], vec![1, 2]));
        assert_eq!(mended.notes, ["2 of 4 rows left out, for missing values in a (1), b (1)"]);
        let (values, mended) = run(&holes, Missing::Keep).unwrap();
        assert!(values.iter().zip(holes).all(|(value, hole)| value.to_bits() == hole.to_bits()), "{values:?}");
        assert_eq!((mended.dropped, mended.notes), (vec![], vec!["missing values: a (1), b (1)".to_owned()]));
        assert_eq!(run(&holes, Missing::Previous).unwrap().0, [1.0, 2.0, 1.0, 4.0, 5.0, 4.0, 9.0, 1.0]);
        assert_eq!(run(&holes, Missing::Value(-1.0)).unwrap().0, [1.0, 2.0, -1.0, 4.0, 5.0, -1.0, 9.0, 1.0]);
        let (values, mended) = run(&holes, Missing::Median).unwrap();
        assert_eq!(values, [1.0, 2.0, 5.0, 4.0, 5.0, 2.0, 9.0, 1.0]);
        assert_eq!(mended.notes, ["missing values filled: a (1) with 5, b (1) with 2"]);
        // Elsewhere the same values are taken, not the medians of there.
        let (values, again) = run(&[7.0, N, N, 8.0], mended.elsewhere.clone()).unwrap();
        assert_eq!((values, again.elsewhere), (vec![7.0, 2.0, 5.0, 8.0], mended.elsewhere));
    }

    #[test]
    fn what_cannot_be_filled_is_told() {
        assert!(run(&[N, 1.0, 2.0, 2.0], Missing::Previous).unwrap_err().starts_with("t, column \"a\": "));
        assert!(run(&[N, 1.0, N, 2.0], Missing::Median).unwrap_err().starts_with("t, column \"a\": "));
        assert!(run(&[N, 1.0, 1.0, N], Missing::Drop).unwrap_err().contains("each of its 2 rows lacks a value"));
        assert!(run(&[1.0, 1.0], Missing::Drop).unwrap().1.notes.is_empty());
    }

    #[test]
    fn words() {
        assert_eq!("median".parse(), Ok(Missing::Median));
        assert_eq!("-1.5".parse(), Ok(Missing::Value(-1.5)));
        assert!("nan".parse::<Missing>().is_err() && "mode".parse::<Missing>().is_err());
    }
}
