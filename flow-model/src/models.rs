//! Ready-made flows by name.

use crate::spec::Layer;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Bound on the log-scales of affine layers.
const SCALE_BOUND: f32 = 2.0;

/// What every model has: over how many columns, and how its layers are built.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Columns that lie on a line ([`crate::spec::FlowSpec::lines`]).
    pub lines: usize,
    /// Features that every conditioner sees ([`crate::spec::FlowSpec::features`]).
    pub features: usize,
    /// Number of couplings or of autoregressive layers.
    pub layers: usize,
    /// Widths of the conditioners' hidden layers.
    pub hidden: Vec<usize>,
    /// Whether the conditioners of couplings are residual.
    pub residual: bool,
    /// Bins of each spline.
    pub num_bins: usize,
    /// Where splines end, in standard deviations.
    pub tail_bound: f32,
    /// What stands between two layers.
    pub mixing: Mixing,
    /// Whether an ActNorm comes before each layer.
    pub act_norm: bool,
    /// Seed of random permutations.
    pub seed: u64,
}

/// What stands between two layers, so that other columns meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixing {
    /// What suits the model: reversal; between couplings every second time a random order.
    Usual,
    /// The columns in reverse order.
    Reverse,
    /// The columns in a random order.
    Random,
    /// A random order, and a product with a learned matrix ([`crate::lu`]).
    Lu,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            lines: 1,
            features: 0,
            layers: 1,
            hidden: Vec::new(),
            residual: false,
            num_bins: 8,
            tail_bound: 5.0,
            mixing: Mixing::Usual,
            act_norm: false,
            seed: 0,
        }
    }
}

/// A RealNVP: affine couplings.
pub fn realnvp(shape: &Shape) -> Vec<Layer> {
    let (kept, hidden) = (shape.lines / 2, shape.conditioner(shape.lines / 2));
    let residual = shape.residual && !hidden.is_empty();
    shape.stack(true, &Layer::AffineCoupling { kept, hidden, residual, scale_bound: SCALE_BOUND })
}

/// A neural spline flow: couplings of rational-quadratic splines.
pub fn nsf(shape: &Shape) -> Vec<Layer> {
    let (kept, hidden) = (shape.lines / 2, shape.conditioner(shape.lines / 2));
    let residual = shape.residual && !hidden.is_empty();
    let Shape { num_bins, tail_bound, .. } = *shape;
    shape.stack(true, &Layer::SplineCoupling { kept, hidden, residual, num_bins, tail_bound })
}

/// A masked autoregressive flow of affine layers.
pub fn maf(shape: &Shape) -> Vec<Layer> {
    let hidden = shape.conditioner(shape.lines - 1);
    shape.stack(false, &Layer::MaskedAffine { hidden, scale_bound: SCALE_BOUND })
}

/// A masked autoregressive flow of rational-quadratic splines.
pub fn maf_rqs(shape: &Shape) -> Vec<Layer> {
    let hidden = shape.conditioner(shape.lines - 1);
    let Shape { num_bins, tail_bound, .. } = *shape;
    shape.stack(false, &Layer::MaskedSpline { hidden, num_bins, tail_bound })
}

impl Shape {
    /// The hidden layers of a conditioner that sees so many columns: none where it has no inputs at all.
    fn conditioner(&self, columns: usize) -> Vec<usize> {
        if columns + self.features > 0 { self.hidden.clone() } else { Vec::new() }
    }

    /// The layer so many times, with what stands in between. Couplings are shuffled now and then, so that each column is
    /// moved and the company changes.
    fn stack(&self, coupling: bool, layer: &Layer) -> Vec<Layer> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut layers = Vec::new();
        for i in 0..self.layers {
            let random = match self.mixing {
                Mixing::Usual => coupling && i % 2 == 0,
                Mixing::Reverse => false,
                Mixing::Random | Mixing::Lu => true,
            };
            if i > 0 && self.lines > 1 {
                let mut order: Vec<u32> = (0..self.lines as u32).rev().collect();
                if random && self.lines > 2 {
                    shuffle(&mut order, &mut rng);
                }
                layers.push(Layer::Permutation { order });
                if self.mixing == Mixing::Lu {
                    layers.push(Layer::Lu);
                }
            }
            if self.act_norm {
                layers.push(Layer::ActNorm);
            }
            layers.push(layer.clone());
        }
        layers
    }
}

/// Fisher–Yates.
fn shuffle(order: &mut [u32], rng: &mut ChaCha8Rng) {
    for i in (1..order.len()).rev() {
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
}
