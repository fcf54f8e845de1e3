//! ActNorm: shift and scale of each column, `y_j = x_j exp(s_j) + t_j`, log-determinant `Σ s_j`.
//!
//! Kingma & Dhariwal, "Glow", arXiv 1807.03039, section 3.1. Training starts it from the data: after the trainer has seen a
//! batch, `y` has mean 0 and deviation 1 on it (see [`start`]); from there on `s` and `t` are parameters as any other.

use crate::graph::{Dim, Graph, NodeId};
use crate::weights::Weights;
use ndarray::ArrayView2;

/// `x`, `[batch, lines]`, towards the latent variable: the result and its log-determinant terms, `[1, lines]`.
pub fn to_latent(g: &mut Graph, weights: &Weights, layer: usize, x: NodeId) -> (NodeId, NodeId) {
    let (log_scale, shift) = parameters(g, weights, layer);
    let scale = g.exp(log_scale);
    let scaled = g.mul(x, scale);
    (g.add(scaled, shift), log_scale)
}

/// The inverse of [`to_latent`].
pub fn to_data(g: &mut Graph, weights: &Weights, layer: usize, y: NodeId) -> NodeId {
    let (log_scale, shift) = parameters(g, weights, layer);
    let negative = g.neg(log_scale);
    let inverse = g.exp(negative);
    let moved = g.sub(y, shift);
    g.mul(moved, inverse)
}

/// Log-scales and shifts that give the rows `x` mean 0 and deviation 1 in every column.
pub fn start(x: ArrayView2<f64>) -> (Vec<f32>, Vec<f32>) {
    let of = |column: ndarray::ArrayView1<f64>| {
        let mean = column.mean().unwrap_or(0.0);
        let log_scale = -column.std(0.0).max(1e-3).ln();
        (log_scale as f32, (-mean * log_scale.exp()) as f32)
    };
    x.columns().into_iter().map(of).unzip()
}

fn parameters(g: &mut Graph, weights: &Weights, layer: usize) -> (NodeId, NodeId) {
    let mut row = |part: &str| {
        let flat = weights.get(&format!("layers.{layer}.{part}")).expect("the layout gives ActNorm its parameters");
        let size = g.shape(flat)[0];
        g.reshape(flat, &[Dim::Size(1), size])
    };
    (row("log_scale"), row("shift"))
}
