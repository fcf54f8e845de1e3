//! Figures about log-densities, rankings and samples, all in double precision.

use crate::ranking::Ranking;

/// A mean with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub rows: usize,
    /// Their mean; NaN without values.
    pub mean: f64,
    /// Standard error of the mean (sample deviation over √n); 0 for fewer than two values.
    pub std_error: f64,
}

impl Summary {
    /// Summarises values.
    ///
    /// ```
    /// let s = flow_table::metrics::Summary::of([1.0, 2.0, 3.0]);
    /// assert_eq!((s.rows, s.mean, s.std_error), (3, 2.0, (1.0f64 / 3.0).sqrt()));
    /// ```
    pub fn of(values: impl IntoIterator<Item = f64>) -> Summary {
        // Welford's update: no cancellation for values far from 0.
        let (mut rows, mut mean, mut squares) = (0usize, 0.0, 0.0);
        for value in values {
            rows += 1;
            let delta = value - mean;
            mean += delta / rows as f64;
            squares += delta * (value - mean);
        }
        let n = rows as f64;
        match rows {
            0 => Summary { rows, mean: f64::NAN, std_error: 0.0 },
            1 => Summary { rows, mean, std_error: 0.0 },
            _ => Summary { rows, mean, std_error: (squares / (n - 1.0) / n).sqrt() },
        }
    }
}

/// Bits per dimension of rows with `dims` columns of whole numbers, from their mean log-mass in nats.
pub fn bits_per_dim(mean_log_prob: f64, dims: usize) -> f64 {
    -mean_log_prob / (dims as f64 * std::f64::consts::LN_2)
}

/// Area under the ROC curve: the probability that an anomaly (`true`) scores higher than a normal row, ties counting
/// half. `None` unless both occur.
///
/// ```
/// use flow_table::metrics::auroc;
/// assert_eq!(auroc(&[1.0, 2.0, 2.0, 3.0], &[false, false, true, true]), Some(0.875));
/// ```
///
/// # Panics
/// If there are not as many labels as scores.
pub fn auroc(scores: &[f64], labels: &[bool]) -> Option<f64> {
    Ranking::new(scores, labels).auroc()
}

/// Average precision: the precision at each threshold, weighted by the recall gained there. Rows of equal score share
/// one threshold. `None` without an anomaly.
///
/// # Panics
/// If there are not as many labels as scores.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> Option<f64> {
    Ranking::new(scores, labels).average_precision()
}

/// The quantile `q` (0 to 1) of ascending values, linear between neighbours; `None` without values.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

/// The two-sample Kolmogorov–Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Largest difference of the two distribution functions.
    pub statistic: f64,
    /// Probability of a larger one, were the distributions equal (asymptotic, with Stephens' correction).
    pub p_value: f64,
}

/// Compares two samples of one column. `None` if either is empty.
pub fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> Option<KolmogorovSmirnov> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut values: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut statistic) = (0, 0, 0f64);
    while i < a.len() && j < b.len() {
        let value = if a[i].total_cmp(&b[j]).is_le() { a[i] } else { b[j] };
        i += a[i..].iter().take_while(|v| v.total_cmp(&value).is_le()).count();
        j += b[j..].iter().take_while(|v| v.total_cmp(&value).is_le()).count();
        statistic = statistic.max((i as f64 / n - j as f64 / m).abs());
    }
    let root = (n * m / (n + m)).sqrt();
    Some(KolmogorovSmirnov { statistic, p_value: kolmogorov_tail((root + 0.12 + 0.11 / root) * statistic) })
}

/// Q(x) = 2 Σ (-1)^(k-1) exp(-2 k² x²).
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0; // the series converges slowly there, and Q(0.2) = 1 - 5e-13
    }
    let term = |k: i32| (if k % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * f64::from(k * k) * x * x).exp();
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// Energy distance between two samples of rows, 2 E|X − Y| − E|X − X'| − E|Y − Y'| (Székely and Rizzo), 0 for equal
/// samples. Each column is divided by its `scales` entry first. Of a longer sample, `limit` rows evenly spread over it
/// are used: the result depends on nothing but the arguments. `None` if a sample is empty.
///
/// # Panics
/// If a row has not as many values as there are scales.
pub fn energy_distance<'a>(
    a: impl ExactSizeIterator<Item = &'a [f32]>,
    b: impl ExactSizeIterator<Item = &'a [f32]>,
    scales: &[f64],
    limit: usize,
) -> Option<f64> {
    let (a, b) = (thinned(a, scales, limit), thinned(b, scales, limit));
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let distance = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| (p - q) * (p - q)).sum::<f64>().sqrt();
    let mean = |xs: &[Vec<f64>], ys: &[Vec<f64>]| {
        let sum: f64 = xs.iter().map(|x| ys.iter().map(|y| distance(x, y)).sum::<f64>()).sum();
        sum / (xs.len() * ys.len()) as f64
    };
    Some(2.0 * mean(&a, &b) - mean(&a, &a) - mean(&b, &b))
}

fn thinned<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, scales: &[f64], limit: usize) -> Vec<Vec<f64>> {
    let stride = rows.len().div_ceil(limit.max(1)).max(1);
    let scaled = |row: &[f32]| {
        assert_eq!(row.len(), scales.len(), "one scale a column");
        row.iter().zip(scales).map(|(v, s)| f64::from(*v) / s).collect()
    };
    rows.step_by(stride).map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries() {
        assert!(Summary::of([]).mean.is_nan());
        assert_eq!(Summary::of([5.0]), Summary { rows: 1, mean: 5.0, std_error: 0.0 });
        // Deviations ±1 around 1e9: sample variance 4/3, over n = 4.
        let s = Summary::of([1e9 - 1.0, 1e9 + 1.0, 1e9 - 1.0, 1e9 + 1.0]);
        assert_eq!(s.mean, 1e9);
        assert!((s.std_error - (1.0f64 / 3.0).sqrt()).abs() < 1e-9);
        // A uniform choice among 16 values costs 4 bits.
        assert!((bits_per_dim(-3.0 * 16f64.ln(), 3) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn rankings_by_hand() {
        let labels = [false, true, false, true];
        // Pairs (anomaly, normal): 3>1, 3>2, 2=2, 2>1.
        assert_eq!(auroc(&[1.0, 2.0, 2.0, 3.0], &labels), Some(3.5 / 4.0));
        assert_eq!(auroc(&[0.0; 4], &labels), Some(0.5));
        assert_eq!(auroc(&[1.0, f64::INFINITY, 0.0, 2.0], &labels), Some(1.0));
        assert_eq!(auroc(&[1.0], &[true]), None);
        // Descending: hit (1/1), then a tie of hit and miss (2/3).
        assert_eq!(average_precision(&[1.0, 2.0, 2.0, 3.0], &labels), Some((1.0 + 2.0 / 3.0) / 2.0));
        assert_eq!(average_precision(&[1.0, 2.0, 3.0], &[true, false, true]), Some((1.0 + 2.0 / 3.0) / 2.0));
        assert_eq!(average_precision(&[1.0], &[false]), None);
    }

    #[test]
    fn quantiles() {
        let values = [1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&values, q).unwrap()), [1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn kolmogorov_smirnov_by_hand() {
        // Steps: at 1: 1/4 - 0; at 2: 1/2 - 1/2; at 3: 3/4 - 1/2; at 4: 1 - 1/2.
        let ks = kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0], &[2.0, 5.0]).unwrap();
        assert_eq!(ks.statistic, 0.5);
        assert_eq!(
            kolmogorov_smirnov(&[1.0, 1.0, 2.0], &[2.0, 1.0, 1.0]).unwrap(),
            KolmogorovSmirnov { statistic: 0.0, p_value: 1.0 }
        );
        assert_eq!(kolmogorov_smirnov(&[1.0], &[]), None);
        // Q(1) = 0.26999967 and Q(1.358) = 0.05 (tables of the Kolmogorov distribution).
        assert!((kolmogorov_tail(1.0) - 0.269_999_67).abs() < 1e-8);
        assert!((kolmogorov_tail(1.358) - 0.05).abs() < 1e-4);
    }

    #[test]
    fn energy_distance_by_hand() {
        let rows = |values: &'static [f32]| values.chunks_exact(1);
        // a = {0, 2}, b = {1}: 2·1 − 1 − 0.
        assert_eq!(energy_distance(rows(&[0.0, 2.0]), rows(&[1.0]), &[1.0], 100), Some(1.0));
        assert_eq!(energy_distance(rows(&[0.0, 4.0]), rows(&[2.0]), &[2.0], 100), Some(1.0));
        assert_eq!(energy_distance(rows(&[3.0, 5.0]), rows(&[3.0, 5.0]), &[1.0], 100), Some(0.0));
        assert_eq!(energy_distance(rows(&[0.0, 9.0, 2.0, 9.0]), rows(&[1.0]), &[1.0], 2), Some(1.0));
        assert_eq!(energy_distance(rows(&[]), rows(&[1.0]), &[1.0], 2), None);
    }
}
