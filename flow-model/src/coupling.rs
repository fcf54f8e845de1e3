//! Coupling: half of the columns say how the other half is transformed.
//!
//! Dinh, Sohl-Dickstein & Bengio, "Density estimation using Real NVP", arXiv 1605.08803, section 3.2:
//! `y_a = x_a`, `y_b = T(x_b; m(x_a))` with any monotone transform `T` and a conditioner `m` that may be any network.

use crate::graph::{Dim, Graph, NodeId};
use crate::mlp::{mlp, residual};
use crate::transform::Transform;
use crate::weights::Weights;

/// A coupling layer's shape and place.
#[derive(Clone, Copy, Debug)]
pub struct Coupling {
    /// Index of the layer, which names its parameters.
    pub layer: usize,
    /// Number of leading columns that pass unchanged; with none and no features, the conditioner is a bias alone.
    pub kept: usize,
    /// Whether the conditioner is a residual network.
    pub residual: bool,
    /// What is done to the other columns.
    pub transform: Transform,
}

impl Coupling {
    /// `x`, shape `[batch, lines]`, towards the latent variable: the result and its log-determinant terms. The conditioner
    /// sees `features`, if there are any, and the columns kept.
    pub fn to_latent(&self, g: &mut Graph, weights: &Weights, x: NodeId, features: Option<NodeId>) -> (NodeId, NodeId) {
        let (a, b) = self.split(g, x);
        let raw = self.condition(g, weights, features, a);
        let (y, log_det) = self.transform.to_latent(g, b, raw);
        (join(g, a, y), log_det)
    }

    /// The inverse of [`Coupling::to_latent`].
    pub fn to_data(&self, g: &mut Graph, weights: &Weights, y: NodeId, features: Option<NodeId>) -> NodeId {
        let (a, b) = self.split(g, y);
        let raw = self.condition(g, weights, features, a);
        let x = self.transform.to_data(g, b, raw);
        join(g, a, x)
    }

    fn condition(&self, g: &mut Graph, weights: &Weights, features: Option<NodeId>, kept: Option<NodeId>) -> NodeId {
        let parts: Vec<NodeId> = features.into_iter().chain(kept).collect();
        let input = (!parts.is_empty()).then(|| g.concat(&parts, 1));
        let name = format!("layers.{}", self.layer);
        if self.residual { residual(g, weights, &name, input) } else { mlp(g, weights, &name, input, &[]) }
    }

    fn split(&self, g: &mut Graph, x: NodeId) -> (Option<NodeId>, NodeId) {
        let Dim::Size(dim) = g.shape(x)[1] else { panic!("columns have a known number") };
        let a = (self.kept > 0).then(|| g.slice(x, 1, 0..self.kept));
        (a, g.slice(x, 1, self.kept..dim))
    }
}

fn join(g: &mut Graph, a: Option<NodeId>, b: NodeId) -> NodeId {
    match a {
        Some(a) => g.concat(&[a, b], 1),
        None => b,
    }
}
