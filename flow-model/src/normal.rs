//! The standard normal base distribution, `ln p(z) = -½ Σ z_j² - ½ dim ln 2π`.

use crate::graph::{Graph, NodeId};

/// `½ ln 2π`.
pub const HALF_LN_TAU: f32 = 0.918_938_5;

/// The terms of `ln p(z)`, one for each column: `[batch, dim]`.
pub fn log_prob_terms(g: &mut Graph, z: NodeId) -> NodeId {
    let half = g.scalar(-0.5, z);
    let scaled = g.mul(z, half);
    let square = g.mul(scaled, z);
    let constant = g.scalar(HALF_LN_TAU, z);
    g.sub(square, constant)
}
