//! Ready-made flows by name.

use crate::spec::Layer;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A RealNVP: `couplings` affine couplings with conditioners of `hidden` units; between two couplings the columns are
/// reversed, and after every second one shuffled, so that each column is moved and the company changes.
pub fn realnvp(dim: usize, couplings: usize, hidden: &[usize], seed: u64) -> Vec<Layer> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut layers = Vec::new();
    for i in 0..couplings {
        if i > 0 && dim > 1 {
            let mut order: Vec<u32> = (0..dim as u32).rev().collect();
            if i % 2 == 0 && dim > 2 {
                shuffle(&mut order, &mut rng);
            }
            layers.push(Layer::Permutation { order });
        }
        let hidden = if dim == 1 { Vec::new() } else { hidden.to_vec() };
        layers.push(Layer::AffineCoupling { kept: dim / 2, hidden, scale_bound: 2.0 });
    }
    layers
}

/// Fisher–Yates.
fn shuffle(order: &mut [u32], rng: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
}
