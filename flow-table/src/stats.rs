//! Figures of one column.

use crate::tally::Tally;

/// Figures of one column, in double precision.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ColumnStats {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divided by n); exactly 0 for a column of one value.
    pub std: f64,
    /// Number of different values.
    pub distinct: usize,
    /// The most frequent value (the smallest of them).
    pub top_value: f32,
    /// The share of rows that hold it.
    pub top_share: f64,
    /// Correlation of each row's value with the next row's; 0 for a column of one value.
    pub lag1: f64,
    /// Whether every value is a whole number.
    pub whole: bool,
    /// The values between which the middle 90 % of the rows lie.
    pub bulk: [f64; 2],
    /// Whether no value is below the row's before, or none above it, while it changes at least every tenth row.
    pub monotone: bool,
}

impl ColumnStats {
    /// The figures of a column's values.
    pub fn of(values: impl ExactSizeIterator<Item = f32> + Clone) -> ColumnStats {
        Self::tallied(values.clone(), &Tally::of(values))
    }

    /// The figures of values that are tallied already.
    pub(crate) fn tallied(values: impl ExactSizeIterator<Item = f32> + Clone, tally: &Tally) -> ColumnStats {
        let n = values.len() as f64;
        let (min, distinct) = (tally.min(), tally.distinct());
        let top = tally.runs().iter().fold((0.0, 0), |best, &run| if run.1 > best.1 { run } else { best });
        let (mut mean, mut variance, mut lag1) = (f64::from(min), 0.0, 0.0);
        if distinct > 1 {
            mean = values.clone().map(f64::from).sum::<f64>() / n;
            let deviations = values.clone().map(|v| f64::from(v) - mean);
            let squares: f64 = deviations.clone().map(|d| d * d).sum();
            let products: f64 = deviations.clone().zip(deviations.skip(1)).map(|(a, b)| a * b).sum();
            variance = squares / n;
            lag1 = products / squares;
        }
        let steps = || values.clone().zip(values.clone().skip(1));
        ColumnStats {
            min,
            max: tally.max(),
            mean,
            std: variance.sqrt(),
            distinct,
            top_value: top.0,
            top_share: top.1 as f64 / n.max(1.0),
            lag1,
            whole: tally.whole(),
            bulk: [0.05, 0.95].map(|p| tally.quantile(p)),
            monotone: 10 * tally.distinct() >= tally.rows()
                && (steps().all(|(a, b)| a <= b) || steps().all(|(a, b)| a >= b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        let s = ColumnStats::of([1.0, 2.0, 3.0, 2.0].into_iter());
        assert_eq!((s.min, s.max, s.mean, s.distinct), (1.0, 3.0, 2.0, 3));
        assert_eq!((s.top_value, s.top_share, s.whole), (2.0, 0.5, true));
        assert_eq!((s.bulk, s.monotone), ([1.0, 3.0], false));
        assert!(ColumnStats::of([3.0, 2.0, -1.0].into_iter()).monotone);
        assert!(ColumnStats::of([1.0, 1.0, 2.0, 2.0, 3.0].into_iter()).monotone);
        assert!(!ColumnStats::of((0..100).map(|i| if i < 50 { 0.0 } else { 1.0 })).monotone, "a switch");
        assert_eq!(s.std, 0.5f64.sqrt());
        assert_eq!(s.lag1, 0.0); // deviations -1, 0, 1, 0: no product of neighbours
        assert_eq!(ColumnStats::of([1.0, -1.0, 1.0, -1.0].into_iter()).lag1, -0.75);
        assert_eq!(ColumnStats::of([0.0, -0.0].into_iter()).distinct, 1);
    }

    #[test]
    fn a_constant_column_of_huge_value() {
        for value in [1e30, -1e30, f32::MAX, 0.0] {
            let s = ColumnStats::of([value; 1000].into_iter());
            assert_eq!((s.mean, s.std, s.lag1, s.distinct), (f64::from(value), 0.0, 0.0, 1));
        }
        let s = ColumnStats::of([f32::MAX, f32::MIN].into_iter());
        assert!(s.std.is_finite() && s.lag1.is_finite());
    }
}
