//! How well scores rank anomalies above normal rows, with intervals by the bootstrap.

use crate::metrics::quantile;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Scores with their labels, sorted once.
///
/// ```
/// use flow_table::ranking::Ranking;
///
/// let ranking = Ranking::new(&[1.0, 2.0, 2.0, 3.0], &[false, false, true, true]);
/// assert_eq!(ranking.auroc(), Some(0.875));
/// ```
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Ascending.
    sorted: Vec<Scored>,
    /// The rows of either label, normal ones first.
    rows: [Vec<usize>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Scored {
    score: f64,
    anomaly: bool,
    row: usize,
}

/// What a ranking comes to on each of several resamples of its rows, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// Areas under the ROC curve.
    pub auroc: Vec<f64>,
    /// Average precisions.
    pub average_precision: Vec<f64>,
}

impl Ranking {
    /// Sorts scores, the higher the odder, whose labels say whether each row is an anomaly.
    ///
    /// # Panics
    /// If there are not as many labels as scores.
    pub fn new(scores: &[f64], labels: &[bool]) -> Ranking {
        assert_eq!(scores.len(), labels.len(), "one label a score");
        let pairs = scores.iter().zip(labels).enumerate();
        // Adding 0 turns -0 into 0.
        let mut sorted: Vec<Scored> =
            pairs.map(|(row, (&score, &anomaly))| Scored { score: score + 0.0, anomaly, row }).collect();
        sorted.sort_by(|a, b| a.score.total_cmp(&b.score));
        let of = |anomaly: bool| (0..labels.len()).filter(|&row| labels[row] == anomaly).collect();
        Ranking { sorted, rows: [of(false), of(true)] }
    }

    /// Area under the ROC curve: the probability that an anomaly scores higher than a normal row, ties counting half.
    /// `None` unless both occur.
    pub fn auroc(&self) -> Option<f64> {
        let both = self.rows.iter().all(|rows| !rows.is_empty());
        both.then(|| self.auroc_of(|_| 1.0))
    }

    /// Average precision: the precision at each threshold, weighted by the recall gained there. Rows of equal score share
    /// one threshold. `None` without an anomaly.
    pub fn average_precision(&self) -> Option<f64> {
        (!self.rows[1].is_empty()).then(|| self.average_precision_of(|_| 1.0))
    }

    /// Draws `resamples` times as many normal rows and as many anomalies as there are, with replacement (the stratified
    /// bootstrap: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993). The same seed draws the same rows for
    /// every ranking of one table, so that two can be compared resample by resample. `None` unless both labels occur.
    pub fn resample(&self, resamples: usize, seed: u64) -> Option<Resampled> {
        self.auroc()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut counts = vec![0.0; self.sorted.len()];
        let mut found = Resampled { auroc: Vec::new(), average_precision: Vec::new() };
        for _ in 0..resamples {
            counts.fill(0.0);
            for rows in &self.rows {
                for _ in rows {
                    let at = (u64::from(rng.next_u32()) * rows.len() as u64) >> 32;
                    counts[rows[at as usize]] += 1.0;
                }
            }
            found.auroc.push(self.auroc_of(|row| counts[row]));
            found.average_precision.push(self.average_precision_of(|row| counts[row]));
        }
        Some(found)
    }

    fn auroc_of(&self, weight: impl Fn(usize) -> f64) -> f64 {
        let (mut normal, mut anomalies, mut above) = (0.0, 0.0, 0.0);
        for tied in self.sorted.chunk_by(|a, b| a.score == b.score) {
            let [n, a] = weights(tied, &weight);
            above += a * (normal + 0.5 * n);
            normal += n;
            anomalies += a;
        }
        above / (normal * anomalies)
    }

    fn average_precision_of(&self, weight: impl Fn(usize) -> f64) -> f64 {
        let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
        for tied in self.sorted.chunk_by(|a, b| a.score == b.score).rev() {
            let [n, a] = weights(tied, &weight);
            if a + n > 0.0 {
                found += a;
                seen += a + n;
                sum += a * found / seen;
            }
        }
        sum / found
    }
}

/// The weights of normal rows and of anomalies.
fn weights(tied: &[Scored], weight: impl Fn(usize) -> f64) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for scored in tied {
        sums[usize::from(scored.anomaly)] += weight(scored.row);
    }
    sums
}

/// The central `level` (0 to 1) of resampled values, from its lower end to its upper: a percentile interval. `None`
/// without values.
pub fn interval(mut values: Vec<f64>, level: f64) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, 0.5 - level / 2.0)?, quantile(&values, 0.5 + level / 2.0)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // From the top: miss, hit (1/2), hit and miss tied (2/4), hit (3/5).
        let scores = [9.0, 8.0, 7.0, 7.0, 1.0];
        let labels = [false, true, true, false, true];
        let ranking = Ranking::new(&scores, &labels);
        assert_eq!(ranking.average_precision(), Some((0.5 + 0.5 + 0.6) / 3.0));
        // Pairs (anomaly, normal): 8<9, 8>7, 7<9, 7=7, 1<9, 1<7.
        assert_eq!(ranking.auroc(), Some(1.5 / 6.0));
        assert_eq!(Ranking::new(&[1.0], &[true]).auroc(), None);
        assert_eq!(Ranking::new(&[1.0], &[true]).resample(9, 0), None);
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // Normal rows are uniform on [0, 1), anomalies on [1/4, 5/4): the area is 1 - (3/4)²/2.
        let truth = 1.0 - 0.5 * 0.75f64.powi(2);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut uniform = || f64::from(rng.next_u32()) / 4_294_967_296.0;
        let labels: Vec<bool> = (0..160).map(|i| i % 2 == 1).collect();
        let mut held = 0;
        for table in 0..200 {
            let scores: Vec<f64> = labels.iter().map(|&anomaly| uniform() + if anomaly { 0.25 } else { 0.0 }).collect();
            let resampled = Ranking::new(&scores, &labels).resample(200, table).unwrap();
            let [low, high] = interval(resampled.auroc, 0.95).unwrap();
            held += usize::from((low..=high).contains(&truth));
        }
        // 95 % of 200 are 190; four standard deviations of that count are 12.3.
        assert!((177..=199).contains(&held), "{held} of 200 intervals hold the truth");
    }

    #[test]
    fn the_same_seed_draws_the_same_rows_for_every_ranking() {
        let labels: Vec<bool> = (0..40).map(|i| i % 4 == 0).collect();
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 41)).collect();
        let shifted: Vec<f64> = scores.iter().map(|s| s * 2.0 + 1.0).collect();
        let of = |scores: &[f64], seed| Ranking::new(scores, &labels).resample(50, seed).unwrap();
        assert_eq!(of(&scores, 3), of(&shifted, 3));
        assert_ne!(of(&scores, 3), of(&scores, 4));
    }
}
