//! Whether latent values are distributed as the base distribution says.
//!
//! Each latent value goes through the distribution function of its own base and then through the inverse of the normal one:
//! if the flow is right, what comes out is N(0, 1), whatever the base. Of a mixture it is each value's marginal that
//! counts; an angle's base is the uniform distribution on the circle.

use crate::backend::{Backend, BackendError};
use crate::evaluate::{Dequantization, Evaluator};
use crate::random::Purpose;
use flow_export::calibration::normal_quantile;
use flow_model::flow::Flow;
use flow_model::spec::Base;
use flow_model::student_t;
use flow_table::Table;
use flow_table::metrics::{Summary, quantile};
use puruspe::{betai, erfc};
use serde::Serialize;
use std::f64::consts::{PI, SQRT_2, TAU};

/// Rows that are looked at, at most.
const MOST_ROWS: usize = 10_000;
/// Probabilities of the quantiles that are kept.
pub const PROBABILITIES: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// A latent value over the validation rows, made normal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibrated {
    /// `z1`, `z2`, …; an angle's has the column's name.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// Mean; 0 if the flow is right.
    pub mean: f64,
    /// Standard deviation; 1 if the flow is right.
    pub std: f64,
    /// Largest distance of the distribution function from that of N(0, 1).
    pub distance: f64,
    /// The distance that a right flow exceeds in one of twenty tables of as many rows: `1.358 / √rows`.
    pub usual_distance: f64,
    /// Quantiles at the probabilities of the curve.
    pub quantiles: Vec<f64>,
    /// The values themselves, for the picture.
    #[serde(skip)]
    pub values: Vec<f64>,
}

/// The calibration of each latent value over a table's rows, discrete values at a random point of their cells.
///
/// # Errors
/// If the backend fails.
pub fn calibration(
    flow: &Flow,
    params: &[f32],
    table: &Table,
    seed: u64,
    backend: &dyn Backend,
) -> Result<Vec<Calibrated>, BackendError> {
    let stride = table.rows().div_ceil(MOST_ROWS).max(1);
    let table = table.select(&(0..table.rows()).step_by(stride).collect::<Vec<_>>());
    let noise = Dequantization::Noise { seed, purpose: Purpose::ValidationNoise, draw: 0 };
    let z = Evaluator::latent(flow, backend, params, &table, noise)?;
    let (dim, lines) = (flow.dim(), flow.spec().lines());
    let mut angles = flow.spec().columns.iter().filter(|c| c.is_circular());
    let marginals = marginals(flow, params);
    let column = |(j, marginal): (usize, &Marginal)| {
        let angle = if j < lines { None } else { angles.next() };
        let name = angle.map_or_else(|| format!("z{}", j + 1), |column| column.name.clone());
        Calibrated::of(name, z.iter().skip(j).step_by(dim).map(|&z| marginal.probability(z.into())))
    };
    Ok(marginals.iter().enumerate().map(column).collect())
}

impl Calibrated {
    /// Of probabilities, which are uniform on (0, 1) if the flow is right.
    fn of(name: String, probabilities: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = probabilities.filter(|p| !p.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let gap = |(i, p): (usize, &f64)| (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs());
        let distance = sorted.iter().enumerate().map(gap).fold(0.0, f64::max);
        let values: Vec<f64> = sorted.iter().map(|&p| normal_quantile(p)).collect();
        let summary = Summary::of(values.iter().copied());
        Calibrated {
            name,
            rows: values.len(),
            mean: summary.mean,
            std: summary.std_error * n.sqrt(),
            distance,
            usual_distance: 1.358 / n.max(1.0).sqrt(),
            quantiles: PROBABILITIES.iter().filter_map(|&p| quantile(&values, p)).collect(),
            values,
        }
    }
}

/// The base distribution of one latent value.
#[derive(Clone, Debug)]
enum Marginal {
    Normal,
    StudentT {
        degrees: f64,
    },
    /// Weight, mean and deviation of each component.
    Mixture(Vec<[f64; 3]>),
    Circle,
}

impl Marginal {
    /// The probability of a value up to `z`.
    fn probability(&self, z: f64) -> f64 {
        match self {
            Marginal::Normal => normal(z),
            Marginal::StudentT { degrees } => {
                let tail = 0.5 * betai(0.5 * degrees, 0.5, degrees / (degrees + z * z));
                if z < 0.0 { tail } else { 1.0 - tail }
            }
            Marginal::Mixture(components) => {
                components.iter().map(|[weight, mean, deviation]| weight * normal((z - mean) / deviation)).sum()
            }
            Marginal::Circle => ((z + PI) / TAU).clamp(0.0, 1.0),
        }
    }
}

fn normal(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The base of each latent value: those on a line, then the angles.
fn marginals(flow: &Flow, params: &[f32]) -> Vec<Marginal> {
    let spec = flow.spec();
    let part = |name: &str| -> Vec<f64> {
        let slice = flow.layout().get(&format!("base.{name}")).map(|slice| slice.range());
        slice.map(|range| params[range].iter().map(|&v| f64::from(v)).collect()).unwrap_or_default()
    };
    let lines = spec.lines();
    let mut all = match spec.base {
        Base::Normal => vec![Marginal::Normal; lines],
        Base::StudentT => {
            let degrees = part("df").into_iter().map(|raw| f64::from(student_t::degrees(raw as f32)));
            degrees.map(|degrees| Marginal::StudentT { degrees }).collect()
        }
        Base::Mixture { components, .. } => {
            mixture(lines, components, ["logit", "offset", "log_scale", "lower"].map(part))
        }
    };
    all.extend(vec![Marginal::Circle; spec.circular()]);
    all
}

/// The marginals of a mixture whose component k maps `z` to `(z (I + N) + c) ⊙ exp(s)`, as [`flow_model::mixture`] says.
fn mixture(lines: usize, components: usize, [logit, offset, log_scale, lower]: [Vec<f64>; 4]) -> Vec<Marginal> {
    let largest = logit.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logit.iter().map(|l| (l - largest).exp()).sum();
    let mut marginals = vec![Vec::with_capacity(components); lines];
    for k in 0..components {
        let at = |values: &[f64], j: usize| values[k * lines + j];
        let weight = (logit[k] - largest).exp() / total;
        // `z_j = e_j - c_j - Σ_{i<j} z_i N_ij` with `e_i` normal of deviation `exp(-s_i)`: each z as its mean and its share
        // of each e.
        let mut means: Vec<f64> = Vec::with_capacity(lines);
        let mut shares: Vec<Vec<f64>> = Vec::with_capacity(lines);
        for j in 0..lines {
            let mut share = vec![0.0; lines];
            share[j] = 1.0;
            let mut mean = -at(&offset, j);
            if !lower.is_empty() {
                for i in 0..j {
                    let n = lower[i * components * lines + k * lines + j];
                    mean -= n * means[i];
                    share.iter_mut().zip(&shares[i]).for_each(|(s, before)| *s -= n * before);
                }
            }
            let variance: f64 = share.iter().enumerate().map(|(i, s)| (s * (-at(&log_scale, i)).exp()).powi(2)).sum();
            marginals[j].push([weight, mean, variance.sqrt()]);
            means.push(mean);
            shares.push(share);
        }
    }
    marginals.into_iter().map(Marginal::Mixture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_functions_by_tables() {
        let t = |degrees| Marginal::StudentT { degrees };
        // Of the normal distribution, of Student's t with 5 degrees of freedom (0.95 and 0.975), of the circle.
        for (marginal, z, p) in [
            (Marginal::Normal, 1.959_964, 0.975),
            (t(5.0), 2.015_048, 0.95),
            (t(5.0), -2.570_582, 0.025),
            (Marginal::Circle, PI / 2.0, 0.75),
            (Marginal::Mixture(vec![[0.25, -1.0, 2.0], [0.75, 3.0, 1.0]]), 3.0, 0.25 * 0.977_249_87 + 0.375),
        ] {
            assert!((marginal.probability(z) - p).abs() < 1e-6, "{marginal:?} at {z}: {}", marginal.probability(z));
        }
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-6 && normal_quantile(0.0) < -8.0);
    }

    /// A full component of two values: `y = (z (I + N) + c) ⊙ exp(s)` with N = 2 from the first to the second.
    #[test]
    fn a_full_component_has_the_marginals_of_its_covariance() {
        let (offset, log_scale) = (vec![1.0, -1.0], vec![0.0, 2f64.ln()]);
        // Rows of `lower` are what it is from: [0 → 0, 0 → 1], [1 → 0, 1 → 1].
        let found = mixture(2, 1, [vec![0.3], offset, log_scale, vec![0.0, 2.0, 0.0, 0.0]]);
        let Marginal::Mixture(second) = &found[1] else { panic!("{found:?}") };
        // z0 = e0 - 1, z1 = e1 + 1 - 2 z0 = e1 - 2 e0 + 3; deviations 1 and 1/2.
        let [weight, mean, deviation] = second[0];
        assert_eq!((weight, mean), (1.0, 3.0));
        assert!((deviation - 4.25f64.sqrt()).abs() < 1e-12, "{deviation}");
    }

    #[test]
    fn what_is_too_wide_is_seen() {
        let normal: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
        let right = Calibrated::of("z1".into(), normal.iter().copied());
        assert!(right.mean.abs() < 1e-9 && (right.std - 1.0).abs() < 0.01 && right.distance < 0.001, "{right:?}");
        let wide = Calibrated::of("z1".into(), normal.iter().map(|&p| super::normal(1.5 * normal_quantile(p))));
        assert!((wide.std - 1.5).abs() < 0.02 && wide.distance > wide.usual_distance, "{wide:?}");
    }
}
