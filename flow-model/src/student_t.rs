//! Independent Student-t distributions as base, each with learned degrees of freedom ν.
//!
//! `ln p(z) = ln Γ((ν+1)/2) - ln Γ(ν/2) - ½ ln(νπ) - (ν+1)/2 · ln(1 + z²/ν)`. Its tails are heavy: far rows cost a logarithm
//! where the normal distribution asks for a square (Jaini et al., "Tails of Lipschitz Triangular Flows", arXiv
//! 1907.04481; Laszkiewicz et al., "Marginal Tail-Adaptive Normalizing Flows", arXiv 2206.10311).

use crate::graph::{Dim, Graph, NodeId};
use crate::weights::Weights;

/// Smallest and largest ν, and the raw parameter's offset: it starts at ν = 10.05.
const LEAST: f32 = 2.05;
const MOST: f32 = 1000.0;
const OFFSET: f32 = 8.0;
/// How far `a` is shifted before the asymptotic series of `ln Γ(a + ½) - ln Γ(a)` serves.
const SHIFT: usize = 6;

/// Degrees of freedom for raw parameters `r`: `2.05 + softplus(r + 8)`, at most 1000.
pub fn degrees(raw: f32) -> f32 {
    let r = f64::from(raw) + f64::from(OFFSET);
    (f64::from(LEAST) + r.max(0.0) + (-r.abs()).exp().ln_1p()).min(f64::from(MOST)) as f32
}

/// The terms of `ln p(z)` of `z`, `[batch, lines]`: `[batch, lines]`, and the normaliser, `[1, lines]`.
pub fn log_prob_terms(g: &mut Graph, weights: &Weights, z: NodeId) -> [NodeId; 2] {
    let raw = weights.get("base.df").expect("the layout gives the base its parameters");
    let size = g.shape(raw)[0];
    let raw = g.reshape(raw, &[Dim::Size(1), size]);
    let nu = write_degrees(g, raw);
    let (one, half) = (g.scalar(1.0, nu), g.scalar(0.5, nu));
    let a = g.mul(nu, half);
    let log_gamma = log_gamma_half_step(g, a);
    let pi = g.scalar(std::f32::consts::PI, nu);
    let product = g.mul(nu, pi);
    let log = g.log(product);
    let log = g.mul(log, half);
    let normaliser = g.sub(log_gamma, log);

    let square = g.mul(z, z);
    let share = g.div(square, nu);
    let grown = g.add(share, one);
    let log = g.log(grown);
    let exponent = g.add(a, half);
    let exponent = g.neg(exponent);
    [g.mul(log, exponent), normaliser]
}

fn write_degrees(g: &mut Graph, raw: NodeId) -> NodeId {
    let (offset, least, most) = (g.scalar(OFFSET, raw), g.scalar(LEAST, raw), g.scalar(MOST, raw));
    let one = g.scalar(1.0, raw);
    let r = g.add(raw, offset);
    let size = g.abs(r);
    let negative = g.neg(size);
    let small = g.exp(negative);
    let grown = g.add(small, one);
    let log = g.log(grown);
    let positive = g.relu(r);
    let softplus = g.add(positive, log);
    let nu = g.add(softplus, least);
    g.min(nu, most)
}

/// `ln Γ(a + ½) - ln Γ(a)`: with `b = a + 6`, `½ ln b - 1/(8b) + 1/(192b³) - 1/(640b⁵) - Σ_{i<6} ln((a + i + ½) / (a + i))`.
/// Every term is small, so that single precision loses nothing.
fn log_gamma_half_step(g: &mut Graph, a: NodeId) -> NodeId {
    let shift = g.scalar(SHIFT as f32, a);
    let b = g.add(a, shift);
    let (one, half) = (g.scalar(1.0, a), g.scalar(0.5, a));
    let inverse = g.div(one, b);
    let square = g.mul(inverse, inverse);
    // Horner's rule from the last term.
    let last = g.scalar(-1.0 / 640.0, a);
    let sum = g.mul(square, last);
    let middle = g.scalar(1.0 / 192.0, a);
    let sum = g.add(sum, middle);
    let sum = g.mul(sum, square);
    let first = g.scalar(-1.0 / 8.0, a);
    let sum = g.add(sum, first);
    let sum = g.mul(sum, inverse);
    let log = g.log(b);
    let log = g.mul(log, half);
    let mut total = g.add(log, sum);
    for i in 0..SHIFT {
        let i = g.scalar(i as f32, a);
        let below = g.add(a, i);
        let above = g.add(below, half);
        let ratio = g.div(above, below);
        let log = g.log(ratio);
        total = g.sub(total, log);
    }
    total
}
