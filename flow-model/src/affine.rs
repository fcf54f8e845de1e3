//! Affine transforms `y = x · exp(s) + t` of columns, with log-determinant terms `s`.
//!
//! Dinh, Sohl-Dickstein & Bengio, "Density estimation using Real NVP", arXiv 1605.08803, equations 7 and 8. The log-scale
//! is bounded smoothly, `s = c · softsign(r / c)`: slope 1 and value 0 at `r = 0`, and the log-determinant is the bounded
//! value itself.

use crate::graph::{Dim, Graph, NodeId};

/// Affine transforms of some columns. A conditioner gives all shifts `t`, then all raw log-scales `r`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Bound `c` on the absolute log-scale.
    pub scale_bound: f32,
}

impl Affine {
    /// `x`, `[batch, columns]`, towards the latent variable: the result and its log-determinant terms. `raw` is
    /// `[batch or 1, 2 · columns]`.
    pub fn to_latent(&self, g: &mut Graph, x: NodeId, raw: NodeId) -> (NodeId, NodeId) {
        let (shift, log_scale) = self.split(g, raw);
        let scale = g.exp(log_scale);
        let scaled = g.mul(x, scale);
        (g.add(scaled, shift), log_scale)
    }

    /// The inverse of [`Affine::to_latent`].
    pub fn to_data(&self, g: &mut Graph, y: NodeId, raw: NodeId) -> NodeId {
        let (shift, log_scale) = self.split(g, raw);
        let shifted = g.sub(y, shift);
        let inverse_log_scale = g.neg(log_scale);
        let inverse_scale = g.exp(inverse_log_scale);
        g.mul(shifted, inverse_scale)
    }

    fn split(&self, g: &mut Graph, raw: NodeId) -> (NodeId, NodeId) {
        let Dim::Size(outputs) = g.shape(raw)[1] else { panic!("columns have a known number") };
        let shift = g.slice(raw, 1, 0..outputs / 2);
        let raw = g.slice(raw, 1, outputs / 2..outputs);
        let bound = g.scalar(self.scale_bound, raw);
        let ratio = g.div(raw, bound);
        let squashed = g.softsign(ratio);
        (shift, g.mul(squashed, bound))
    }
}
