//! A mixture of normal distributions as base: `p(z) = Σ_k w_k N(z; μ_k, Σ_k)`, with full or diagonal covariances.
//!
//! Component k maps `z` to `y = exp(s_k) ⊙ (z + z N_k + c_k)`, `N_k` strictly upper triangular, so that `y_j` depends on
//! `z_0, …, z_j`, and `ln p_k(z) = ln w_k + Σ s_k - ½ Σ y² - ½ dim ln 2π`: the Cholesky factor of the precision, without a
//! division. Weights are a softmax of `base.logit`. It starts from k-means++ and EM (the trainer's `em`), not from random means.

use crate::graph::{Dim, Graph, NodeId};
use crate::normal::HALF_LN_TAU;
use crate::weights::Weights;
use ndarray::Array2;

/// Values `y` beyond this count as this: their squares still fit into f32.
const FARTHEST: f32 = 1e15;

/// The logarithm of the density of `z`, `[batch, lines]`: `[batch, 1]`.
pub fn log_prob(g: &mut Graph, weights: &Weights, components: usize, z: NodeId) -> NodeId {
    let Dim::Size(lines) = g.shape(z)[1] else { panic!("columns have a known number") };
    let width = components * lines;
    let row = |g: &mut Graph, name: &str| {
        let flat = weights.get(&format!("base.{name}")).expect("the layout gives the base its parameters");
        let size = g.shape(flat)[0];
        g.reshape(flat, &[Dim::Size(1), size])
    };
    let repeated = Array2::from_shape_fn((lines, width), |(i, o)| f32::from(o % lines == i));
    let mut y = g.linear(z, repeated);
    if let Some(lower) = weights.get("base.lower") {
        let before = Array2::from_shape_fn((lines, width), |(i, o)| f32::from(i < o % lines));
        let before = g.constant(before.into_dyn());
        let lower = g.mul(lower, before);
        let skewed = g.gemm(z, lower, false, false);
        y = g.add(y, skewed);
    }
    let offset = row(g, "offset");
    let log_scale = row(g, "log_scale");
    let moved = g.add(y, offset);
    let scale = g.exp(log_scale);
    let y = g.mul(moved, scale);
    let (most, least) = (g.scalar(FARTHEST, y), g.scalar(-FARTHEST, y));
    let y = g.min(y, most);
    let y = g.max(y, least);
    let square = g.mul(y, y);
    let blocks = Array2::from_shape_fn((width, components), |(o, k)| f32::from(o / lines == k));
    let minus_half = blocks.mapv(|v| -0.5 * v);
    let exponent = g.linear(square, minus_half);
    let volume = g.linear(log_scale, blocks);

    let logit = row(g, "logit");
    let total = log_sum_exp(g, logit);
    let log_weight = g.sub(logit, total);
    let constant = g.scalar(lines as f32 * HALF_LN_TAU, volume);
    let volume = g.sub(volume, constant);
    let fixed = g.add(log_weight, volume);
    let each = g.add(exponent, fixed);
    log_sum_exp(g, each)
}

/// `ln Σ_k exp(a_k)` along the columns, `[batch or 1, 1]`.
fn log_sum_exp(g: &mut Graph, a: NodeId) -> NodeId {
    let largest = g.reduce_max(a, 1);
    let below = g.sub(a, largest);
    let shares = g.exp(below);
    let sum = g.reduce_sum(shares, &[1]);
    let log = g.log(sum);
    g.add(log, largest)
}
