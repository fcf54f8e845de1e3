//! Columns that are angles: each is transformed by a periodic spline, as the context and the angles before it say, and has
//! a uniform base distribution on the circle.
//!
//! Rezende et al., "Normalizing Flows on Tori and Spheres", arXiv 2002.02428: circular splines, autoregressive over the
//! angles. The columns on a line come after: their layers see cosine and sine of every angle as features, which
//! is a joint density of all columns, `p(angles) p(others | angles)`, without a seam where a turn ends.

use crate::graph::{Graph, NodeId};
use crate::mlp::mlp;
use crate::spec::{Column, FlowSpec, Kind};
use crate::spline::Spline;
use crate::weights::Weights;
use std::f32::consts::PI;

/// The spline of a circular column: periodic, over one turn.
pub fn spline(num_bins: usize) -> Spline {
    Spline { num_bins, tail_bound: PI, periodic: true }
}

/// Number of inputs of circular column `j`'s conditioner: the context, and cosine and sine of the circular columns
/// before it.
pub fn inputs(spec: &FlowSpec, j: usize) -> usize {
    spec.context() + 2 * j
}

/// What the circular columns of some rows come to.
pub struct Angles {
    /// Latent angles in [-π, π), `[batch, 1]` each.
    pub latent: Vec<NodeId>,
    /// Log-determinant terms: `[batch or 1, 1]` each.
    pub terms: Vec<NodeId>,
    /// The features with those of the angles behind them.
    pub features: Option<NodeId>,
}

/// Origin and period of each circular column, its place in the table and the width of its noise.
fn turns(spec: &FlowSpec) -> Vec<(usize, f32, f32, f32)> {
    let of = |(j, column): (usize, &Column)| match column.kind {
        Kind::Circular { origin, period, jitter } => Some((j, origin, period, jitter)),
        _ => None,
    };
    spec.columns.iter().enumerate().filter_map(of).collect()
}

/// Raw rows `x`, `[batch, columns]`, with `noise`, `[batch, circular columns]`, towards the latent variable.
pub fn to_latent(
    g: &mut Graph,
    spec: &FlowSpec,
    weights: &Weights,
    x: NodeId,
    noise: Option<NodeId>,
    mut features: Option<NodeId>,
) -> Angles {
    let (mut latent, mut terms) = (Vec::new(), Vec::new());
    for (k, (j, origin, period, jitter)) in turns(spec).into_iter().enumerate() {
        let mut value = g.columns(x, &[j]);
        if let Some(noise) = noise.filter(|_| jitter > 0.0) {
            let (half, width) = (g.scalar(0.5, value), g.scalar(jitter, value));
            let noise = g.slice(noise, 1, k..k + 1);
            let centred = g.sub(noise, half);
            let added = g.mul(centred, width);
            value = g.add(value, added);
        }
        let (origin, length) = (g.scalar(origin, value), g.scalar(period, value));
        let turns = g.sub(value, origin);
        let turns = g.div(turns, length);
        let whole = g.floor(turns);
        let turn = g.sub(turns, whole);
        let (one, pi) = (g.scalar(1.0, turn), g.scalar(PI, turn));
        let twice = g.add(turn, turn);
        let centred = g.sub(twice, one);
        let angle = g.mul(centred, pi);

        let raw = mlp(g, weights, &format!("circles.{k}"), features, &[]);
        let (z, log_det) = spline(shape(spec).num_bins).to_latent(g, angle, raw);
        latent.push(z);
        terms.push(log_det);
        // The base's density 1/2π, and 2π radians a turn.
        terms.push(g.scalar(-period.ln(), angle));
        features = Some(with_angle(g, features, angle));
    }
    Angles { latent, terms, features }
}

/// Latent angles, `[batch, circular columns]`, to raw values and features.
pub fn to_data(
    g: &mut Graph,
    spec: &FlowSpec,
    weights: &Weights,
    latent: NodeId,
    mut features: Option<NodeId>,
) -> (Vec<NodeId>, Option<NodeId>) {
    let mut values = Vec::new();
    for (k, (_, origin, period, _)) in turns(spec).into_iter().enumerate() {
        let z = g.slice(latent, 1, k..k + 1);
        let raw = mlp(g, weights, &format!("circles.{k}"), features, &[]);
        let angle = spline(shape(spec).num_bins).to_data(g, z, raw);
        let (pi, one) = (g.scalar(PI, angle), g.scalar(1.0, angle));
        let half = g.scalar(0.5 * period, angle);
        let share = g.div(angle, pi);
        let share = g.add(share, one);
        let along = g.mul(share, half);
        let origin = g.scalar(origin, angle);
        values.push(g.add(along, origin));
        features = Some(with_angle(g, features, angle));
    }
    (values, features)
}

fn shape(spec: &FlowSpec) -> &crate::spec::SplineShape {
    spec.circles.as_ref().expect("a valid spec with circular columns has their splines")
}

fn with_angle(g: &mut Graph, features: Option<NodeId>, angle: NodeId) -> NodeId {
    let (cos, sin) = (g.cos(angle), g.sin(angle));
    let parts: Vec<NodeId> = features.into_iter().chain([cos, sin]).collect();
    g.concat(&parts, 1)
}
