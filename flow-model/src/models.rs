//! Ready-made flows by name.

use crate::spec::Layer;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Bound on the log-scales of affine layers.
const SCALE_BOUND: f32 = 2.0;

/// A RealNVP: `couplings` affine couplings with conditioners of `hidden` units.
pub fn realnvp(dim: usize, couplings: usize, hidden: &[usize], seed: u64) -> Vec<Layer> {
    coupled(dim, couplings, seed, |kept| Layer::AffineCoupling {
        kept,
        hidden: hidden_if(kept > 0, hidden),
        residual: false,
        scale_bound: SCALE_BOUND,
    })
}

/// A neural spline flow: `couplings` couplings of rational-quadratic splines with `num_bins` bins on ±`tail_bound`.
pub fn nsf(dim: usize, couplings: usize, hidden: &[usize], num_bins: usize, tail_bound: f32, seed: u64) -> Vec<Layer> {
    coupled(dim, couplings, seed, |kept| Layer::SplineCoupling {
        kept,
        hidden: hidden_if(kept > 0, hidden),
        residual: false,
        num_bins,
        tail_bound,
    })
}

/// A masked autoregressive flow of `layers` affine layers; the columns are reversed between two layers.
pub fn maf(dim: usize, layers: usize, hidden: &[usize]) -> Vec<Layer> {
    let layer = Layer::MaskedAffine { hidden: hidden_if(dim > 1, hidden), scale_bound: SCALE_BOUND };
    reversed_between(dim, layers, &layer)
}

/// A masked autoregressive flow of `layers` layers of rational-quadratic splines.
pub fn maf_rqs(dim: usize, layers: usize, hidden: &[usize], num_bins: usize, tail_bound: f32) -> Vec<Layer> {
    let layer = Layer::MaskedSpline { hidden: hidden_if(dim > 1, hidden), num_bins, tail_bound };
    reversed_between(dim, layers, &layer)
}

/// Couplings that keep half of the columns. Between two the columns are reversed, and after every second one shuffled, so
/// that each column is moved and the company changes.
fn coupled(dim: usize, couplings: usize, seed: u64, coupling: impl Fn(usize) -> Layer) -> Vec<Layer> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut layers = Vec::new();
    for i in 0..couplings {
        if i > 0 && dim > 1 {
            let mut order = reversed(dim);
            if i % 2 == 0 && dim > 2 {
                shuffle(&mut order, &mut rng);
            }
            layers.push(Layer::Permutation { order });
        }
        layers.push(coupling(dim / 2));
    }
    layers
}

fn reversed_between(dim: usize, layers: usize, layer: &Layer) -> Vec<Layer> {
    let mut result = Vec::new();
    for i in 0..layers {
        if i > 0 && dim > 1 {
            result.push(Layer::Permutation { order: reversed(dim) });
        }
        result.push(layer.clone());
    }
    result
}

fn reversed(dim: usize) -> Vec<u32> {
    (0..dim as u32).rev().collect()
}

/// A conditioner without inputs has no hidden layers.
fn hidden_if(inputs: bool, hidden: &[usize]) -> Vec<usize> {
    if inputs { hidden.to_vec() } else { Vec::new() }
}

/// Fisher–Yates.
fn shuffle(order: &mut [u32], rng: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
}
