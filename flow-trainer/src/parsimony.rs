//! The one-standard-error rule: of models that are as good, the smallest.
//!
//! Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3. Whether a model is as good as the best is judged by the
//! differences of the two log-densities row by row, of which the rows' own differences are no part.

use flow_table::metrics::Summary;

/// A model as this rule sees it: its size, and the log-density of each row held out.
pub trait Candidate {
    /// Number of parameters, or whatever else is to be small.
    fn size(&self) -> usize;
    /// Log-densities, nats, of the same rows for every candidate.
    fn log_prob(&self) -> &[f32];
}

/// The smallest of the candidates that lose at most one standard error to the best, of several as small the most probable;
/// `None` where there is none.
pub fn smallest_of_the_best<C: Candidate>(candidates: &[C]) -> Option<usize> {
    let mean = |c: &C| Summary::of(c.log_prob().iter().map(|&v| f64::from(v))).mean;
    let finite = candidates.iter().filter(|c| mean(c).is_finite());
    let best = finite.max_by(|a, b| mean(a).total_cmp(&mean(b)))?;
    let as_good = |c: &C| {
        let pairs = best.log_prob().iter().zip(c.log_prob());
        let loss = Summary::of(pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)));
        loss.mean <= loss.std_error
    };
    let order = |&a: &usize, &b: &usize| {
        let (a, b) = (&candidates[a], &candidates[b]);
        a.size().cmp(&b.size()).then_with(|| mean(b).total_cmp(&mean(a)))
    };
    (0..candidates.len()).filter(|&i| as_good(&candidates[i])).min_by(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Candidate for (usize, Vec<f32>) {
        fn size(&self) -> usize {
            self.0
        }
        fn log_prob(&self) -> &[f32] {
            &self.1
        }
    }

    #[test]
    fn a_smaller_model_is_taken_where_it_is_as_good() {
        let rows = |shift: f32, noise: f32| -> Vec<f32> {
            (0..100).map(|i| (i % 7) as f32 + shift + if i % 2 == 0 { noise } else { -noise }).collect()
        };
        // Worse by 0.05 ± 0.1, and by 0.5 ± 0.1.
        let candidates = [(1000, rows(0.0, 0.0)), (10, rows(-0.05, 1.0)), (1, rows(-0.5, 1.0))];
        assert_eq!(smallest_of_the_best(&candidates), Some(1));
        let as_small = [(10, rows(-0.05, 1.0)), (10, rows(0.0, 0.0))];
        assert_eq!(smallest_of_the_best(&as_small), Some(1));
        let one_is_none = [(10, vec![f32::NAN; 100]), (100, rows(0.0, 0.0)), (1000, vec![f32::INFINITY; 100])];
        assert_eq!(smallest_of_the_best(&one_is_none), Some(1));
        assert_eq!(smallest_of_the_best::<(usize, Vec<f32>)>(&[]), None);
    }
}
