//! A product with a matrix, `y = x L U`: `L` lower triangular with ones on its diagonal, `U` upper triangular with `exp(d_j)`
//! there. Its log-determinant is `Σ d_j`, and it is undone by two substitutions.
//!
//! Kingma & Dhariwal, "Glow", arXiv 1807.03039, section 3.2 (whose fixed permutation is a layer of its own here). Parameters of
//! zero give the identity.

use crate::graph::{Dim, Graph, NodeId};
use crate::weights::Weights;
use ndarray::Array2;

/// The two factors as nodes, `[lines, lines]`, and `d`, `[1, lines]`.
struct Factors {
    lower: NodeId,
    upper: NodeId,
    log_diagonal: NodeId,
}

fn factors(g: &mut Graph, weights: &Weights, layer: usize) -> Factors {
    let named =
        |part: &str| weights.get(&format!("layers.{layer}.{part}")).expect("the layout gives LU its parameters");
    let (lower, upper, log_diagonal) = (named("lower"), named("upper"), named("log_diagonal"));
    let Dim::Size(lines) = g.shape(log_diagonal)[0] else { panic!("parameters have known sizes") };
    let log_diagonal = g.reshape(log_diagonal, &[Dim::Size(1), Dim::Size(lines)]);
    let part =
        |is: fn(usize, usize) -> bool| Array2::from_shape_fn((lines, lines), |(i, j)| f32::from(is(i, j))).into_dyn();
    let (below, above) = (g.constant(part(|i, j| i > j)), g.constant(part(|i, j| i < j)));
    let ones = g.constant(part(|i, j| i == j));
    let lower = g.mul(lower, below);
    let lower = g.add(lower, ones);
    let upper = g.mul(upper, above);
    let diagonal = g.exp(log_diagonal);
    let diagonal = g.mul(ones, diagonal);
    let upper = g.add(upper, diagonal);
    Factors { lower, upper, log_diagonal }
}

/// `x`, `[batch, lines]`, towards the latent variable: the result and its log-determinant terms, `[1, lines]`.
pub fn to_latent(g: &mut Graph, weights: &Weights, layer: usize, x: NodeId) -> (NodeId, NodeId) {
    let Factors { lower, upper, log_diagonal } = factors(g, weights, layer);
    let matrix = g.gemm(lower, upper, false, false);
    (g.gemm(x, matrix, false, false), log_diagonal)
}

/// The inverse of [`to_latent`]: columns of `v = x L` from the first to the last, then those of `x` from the last to the
/// first.
pub fn to_data(g: &mut Graph, weights: &Weights, layer: usize, y: NodeId) -> NodeId {
    let Factors { lower, upper, log_diagonal } = factors(g, weights, layer);
    let Dim::Size(lines) = g.shape(y)[1] else { panic!("columns have a known number") };
    let negative = g.neg(log_diagonal);
    let inverse = g.exp(negative);
    let mut v: Vec<NodeId> = Vec::new();
    for j in 0..lines {
        let rest = less(g, y, j, &v, upper, 0..j);
        let scale = g.slice(inverse, 1, j..j + 1);
        v.push(g.mul(rest, scale));
    }
    let v = g.concat(&v, 1);
    let mut x: Vec<NodeId> = Vec::new();
    for j in (0..lines).rev() {
        let rest = less(g, v, j, &x, lower, j + 1..lines);
        x.insert(0, rest);
    }
    g.concat(&x, 1)
}

/// Column `j` of `sum` less what the known columns, those of `range`, put into it.
fn less(
    g: &mut Graph,
    sum: NodeId,
    j: usize,
    known: &[NodeId],
    factor: NodeId,
    range: std::ops::Range<usize>,
) -> NodeId {
    let value = g.slice(sum, 1, j..j + 1);
    if known.is_empty() {
        return value;
    }
    let known = g.concat(known, 1);
    let weights = g.slice(factor, 0, range);
    let weights = g.slice(weights, 1, j..j + 1);
    let part = g.gemm(known, weights, false, false);
    g.sub(value, part)
}
