//! How rows far from the training data are brought into the range in which the layers were trained; see
//! [`crate::spec::Tails`] for the two steps. Both keep every finite row finite, and outside the box the density falls
//! along every ray from the centre, whatever the layers do.

use crate::graph::{Graph, NodeId};
use crate::spec::Tails;

/// Largest standardised value: beyond it all rows are equally far.
pub const FARTHEST: f32 = 1e30;
/// Largest excess over the knee that the inverse expands, in nats: `e^80` still fits into f32.
const LARGEST_EXCESS: f32 = 80.0;

/// Standardised rows `u`, `[batch, dim]`, to the layers' input, with two groups of log-determinant terms:
/// the compression's, `[batch, dim]`, and the loss outside the box, `[batch, 1]`.
pub fn to_latent(g: &mut Graph, tails: &Tails, reach: &[f32], u: NodeId) -> (NodeId, [NodeId; 2]) {
    let (one, farthest, nearest) = (g.scalar(1.0, u), g.scalar(FARTHEST, u), g.scalar(-FARTHEST, u));
    let u = g.min(u, farthest);
    let u = g.max(u, nearest);

    let reach = g.row(reach);
    let distance = g.abs(u);
    let relative = g.div(distance, reach);
    let largest = g.reduce_max(relative, 1);
    let alpha = g.max(largest, one);
    let u = g.div(u, alpha);
    let excess = g.sub(alpha, one);
    let rate = g.scalar(-tails.rate, u);
    let outside = g.mul(excess, rate);

    let knee = g.scalar(tails.knee, u);
    let distance = g.abs(u);
    let beyond = g.sub(distance, knee);
    let beyond = g.relu(beyond);
    let grown = g.add(beyond, one);
    let compressed = g.log(grown);
    let inner = g.min(distance, knee);
    let shortened = g.add(inner, compressed);
    let sign = g.sign(u);
    let v = g.mul(sign, shortened);
    (v, [g.neg(compressed), outside])
}

/// The inverse of the compression; rows do not go back out of the box.
pub fn to_data(g: &mut Graph, tails: &Tails, v: NodeId) -> NodeId {
    let (one, knee, largest) = (g.scalar(1.0, v), g.scalar(tails.knee, v), g.scalar(LARGEST_EXCESS, v));
    let distance = g.abs(v);
    let beyond = g.sub(distance, knee);
    let beyond = g.relu(beyond);
    let beyond = g.min(beyond, largest);
    let grown = g.exp(beyond);
    let expanded = g.sub(grown, one);
    let inner = g.min(distance, knee);
    let lengthened = g.add(inner, expanded);
    let sign = g.sign(v);
    g.mul(sign, lengthened)
}
