//! The different values of a column, and how many rows hold each.

/// The different values of a column in rising order, each with the number of rows that hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    runs: Vec<(f32, usize)>,
    rows: usize,
}

impl Tally {
    pub(crate) fn of(values: impl Iterator<Item = f32>) -> Tally {
        let mut sorted: Vec<f32> = values.map(|v| v + 0.0).collect(); // -0 becomes 0
        sorted.sort_unstable_by(f32::total_cmp);
        let runs = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        Tally { runs, rows: sorted.len() }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of different values.
    pub(crate) fn distinct(&self) -> usize {
        self.runs.len()
    }

    /// Each value and the number of rows that hold it.
    pub(crate) fn runs(&self) -> &[(f32, usize)] {
        &self.runs
    }

    /// The values in rising order.
    pub(crate) fn values(&self) -> impl Iterator<Item = f32> + Clone + '_ {
        self.runs.iter().map(|&(value, _)| value)
    }

    /// The smallest value; 0 if there is none.
    pub(crate) fn min(&self) -> f32 {
        self.runs.first().map_or(0.0, |r| r.0)
    }

    /// The largest value; 0 if there is none.
    pub(crate) fn max(&self) -> f32 {
        self.runs.last().map_or(0.0, |r| r.0)
    }

    /// Whether every value is a whole number.
    pub(crate) fn whole(&self) -> bool {
        self.values().all(|v| v.fract() == 0.0)
    }

    /// How far apart neighbouring single-precision numbers are at the largest magnitude.
    pub(crate) fn resolution(&self) -> f64 {
        let largest = self.min().abs().max(self.max().abs());
        f64::from(largest) - f64::from(largest.next_down())
    }

    /// The tally of the rows that hold none of these values.
    pub(crate) fn without(&self, values: &[(f32, f64)]) -> Tally {
        let runs: Vec<_> = self.runs.iter().filter(|run| values.iter().all(|v| v.0 != run.0)).copied().collect();
        Tally { rows: runs.iter().map(|r| r.1).sum(), runs }
    }

    /// The value below which a share `p` of the rows lies; 0 if there is no row.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        let mut left = (p * self.rows as f64) as usize;
        for &(value, count) in &self.runs {
            if left < count {
                return value.into();
            }
            left -= count;
        }
        self.max().into()
    }

    /// Rows that hold a value from `low` to `high`.
    pub(crate) fn within(&self, low: f64, high: f64) -> usize {
        self.runs.iter().filter(|r| (low..=high).contains(&f64::from(r.0))).map(|r| r.1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_hand() {
        let t = Tally::of([3.0, -0.0, 0.0, 1.0, 3.0, 3.0].into_iter());
        assert_eq!(t.runs(), [(0.0, 2), (1.0, 1), (3.0, 3)]);
        assert_eq!((t.rows(), t.distinct(), t.min(), t.max(), t.whole()), (6, 3, 0.0, 3.0, true));
        assert_eq!((t.quantile(0.0), t.quantile(0.4), t.quantile(0.5), t.quantile(1.0)), (0.0, 1.0, 3.0, 3.0));
        assert_eq!(t.within(1.0, 3.0), 4);
        assert_eq!(t.without(&[(3.0, 0.5)]).rows(), 3);
        assert_eq!(t.resolution(), 2f64.powi(-22));
    }
}
