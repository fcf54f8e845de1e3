//! Variational dequantization: where in its cell a discrete value is put is learned along with the flow.
//!
//! Ho et al., "Flow++", arXiv 1902.00275, section 3.1: `ln P(x) ≥ E_q[ln p(x + v) - ln q(v | x)]`. The noise model `q` is a
//! conditional flow: uniform draws `ε` go through a rational-quadratic spline on [0, 1] for each column, shaped by a
//! conditioner that sees the whole row at its midpoints. A flow of smooth layers has trouble with the steps that
//! uniform noise asks for; this noise asks for none. Uniform dequantization is the same bound with `v = ε`.

use crate::graph::{Graph, NodeId};
use crate::mlp::mlp;
use crate::spec::SplineShape;
use crate::spline::Spline;
use crate::weights::Weights;

/// Draws `noise` from U(0, 1), `[batch, lines]`, to the place in the cell, alike, with the terms of `-ln q(v | x)`.
/// `middle`, `[batch, lines]`, is the standardised row at its midpoints and `features`, if any, go before it.
pub fn spread(
    g: &mut Graph,
    weights: &Weights,
    shape: &SplineShape,
    middle: NodeId,
    features: Option<NodeId>,
    noise: NodeId,
) -> (NodeId, NodeId) {
    let parts: Vec<NodeId> = features.into_iter().chain([middle]).collect();
    let input = g.concat(&parts, 1);
    let raw = mlp(g, weights, "noise", Some(input), &[]);
    let (one, half) = (g.scalar(1.0, noise), g.scalar(0.5, noise));
    let twice = g.add(noise, noise);
    let centred = g.sub(twice, one);
    let spline = Spline { num_bins: shape.num_bins, tail_bound: 1.0, periodic: false };
    let (y, log_det) = spline.to_latent(g, centred, raw);
    let up = g.add(y, one);
    (g.mul(up, half), log_det)
}
