//! Affine coupling: half of the columns shift and scale the other half.
//!
//! Dinh, Sohl-Dickstein & Bengio, "Density estimation using Real NVP", arXiv 1605.08803, equations 7 and 8:
//! `y_a = x_a`, `y_b = x_b · exp(s(x_a)) + t(x_a)`, log-determinant `Σ s`. The log-scale is bounded smoothly,
//! `s = c · softsign(r / c)`: slope 1 and value 0 at `r = 0`, and the log-determinant is the bounded value itself.

use crate::graph::{Dim, Graph, NodeId};
use crate::mlp::mlp;
use crate::weights::Weights;

/// An affine coupling layer's shape and place.
#[derive(Clone, Copy, Debug)]
pub struct AffineCoupling<'a> {
    /// Index of the layer, which names its parameters.
    pub layer: usize,
    /// Number of leading columns that pass unchanged.
    pub kept: usize,
    /// Widths of the conditioner's hidden layers.
    pub hidden: &'a [usize],
    /// Bound `c` on the absolute log-scale.
    pub scale_bound: f32,
}

impl AffineCoupling<'_> {
    /// `x`, shape `[batch, dim]`, towards the latent variable: the result and its log-determinant terms.
    pub fn to_latent(&self, g: &mut Graph, weights: &Weights, x: NodeId) -> (NodeId, NodeId) {
        let (a, b) = self.split(g, x);
        let (shift, log_scale) = self.condition(g, weights, a, b);
        let scale = g.exp(log_scale);
        let scaled = g.mul(b, scale);
        let y = g.add(scaled, shift);
        (join(g, a, y), log_scale)
    }

    /// The inverse of [`AffineCoupling::to_latent`].
    pub fn to_data(&self, g: &mut Graph, weights: &Weights, y: NodeId) -> NodeId {
        let (a, b) = self.split(g, y);
        let (shift, log_scale) = self.condition(g, weights, a, b);
        let shifted = g.sub(b, shift);
        let inverse_log_scale = g.neg(log_scale);
        let inverse_scale = g.exp(inverse_log_scale);
        let x = g.mul(shifted, inverse_scale);
        join(g, a, x)
    }

    fn split(&self, g: &mut Graph, x: NodeId) -> (Option<NodeId>, NodeId) {
        let Dim::Size(dim) = g.shape(x)[1] else { panic!("columns have a known number") };
        let a = (self.kept > 0).then(|| g.slice(x, 1, 0..self.kept));
        (a, g.slice(x, 1, self.kept..dim))
    }

    /// Shift and log-scale for the columns `b`, each of `b`'s shape.
    fn condition(&self, g: &mut Graph, weights: &Weights, a: Option<NodeId>, b: NodeId) -> (NodeId, NodeId) {
        let Dim::Size(moved) = g.shape(b)[1] else { panic!("columns have a known number") };
        let mut out = mlp(g, weights, self.layer, self.hidden.len() + 1, a);
        if a.is_none() {
            // The bias alone is one row: repeat it for every row of the batch, also where their number is a symbol.
            let zero = g.scalar(0.0, b);
            let zeros = g.mul(b, zero);
            let both = g.concat(&[zeros, zeros], 1);
            out = g.add(both, out);
        }
        let shift = g.slice(out, 1, 0..moved);
        let raw = g.slice(out, 1, moved..2 * moved);
        let bound = g.scalar(self.scale_bound, raw);
        let ratio = g.div(raw, bound);
        let squashed = g.softsign(ratio);
        (shift, g.mul(squashed, bound))
    }
}

fn join(g: &mut Graph, a: Option<NodeId>, b: NodeId) -> NodeId {
    match a {
        Some(a) => g.concat(&[a, b], 1),
        None => b,
    }
}
