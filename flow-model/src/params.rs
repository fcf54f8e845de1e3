//! Where each parameter lies in the one flat vector that the optimiser sees.
//!
//! The order is that of the layers, and inside a layer that of its dense layers: weight, then bias. Weights are stored
//! `[in, out]`, so that a dense layer is `x · W + b`.

use crate::spec::{FlowSpec, Layer};
use crate::spline;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The inputs of a masked conditioner: all columns, or none where a single column has nothing before it.
fn masked_inputs(dim: usize) -> usize {
    if dim > 1 { dim } else { 0 }
}

/// A named slice of the parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// For example `layers.3.dense.0.weight`.
    pub name: String,
    /// Index of the first value.
    pub offset: usize,
    /// `[in, out]` for a weight, `[out]` for a bias.
    pub shape: Vec<usize>,
    /// What the slice holds.
    pub role: Role,
}

/// What a slice holds, which decides how it starts and whether it decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A weight matrix that starts at random, uniform in ±1/√in.
    Weight,
    /// The last weight matrix of a conditioner: it starts near zero, so that the layer starts near the identity.
    LastWeight,
    /// A bias; starts at zero and does not decay.
    Bias,
}

impl Slice {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the slice holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slice's range in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// The layout of all parameters of a spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    slices: Vec<Slice>,
    total: usize,
}

impl Layout {
    /// The layout of `spec`, which must be valid.
    pub fn of(spec: &FlowSpec) -> Self {
        let mut layout = Layout { slices: Vec::new(), total: 0 };
        for (i, layer) in spec.layers.iter().enumerate() {
            match layer {
                Layer::Permutation { .. } => {}
                Layer::AffineCoupling { kept, hidden, .. } => {
                    layout.dense_layers(i, *kept, hidden, 2 * (spec.dim() - kept));
                }
                Layer::SplineCoupling { kept, hidden, num_bins, .. } => {
                    layout.dense_layers(i, *kept, hidden, spline::raw_values(*num_bins) * (spec.dim() - kept));
                }
                Layer::MaskedAffine { hidden, .. } => {
                    layout.dense_layers(i, masked_inputs(spec.dim()), hidden, 2 * spec.dim());
                }
                Layer::MaskedSpline { hidden, num_bins, .. } => {
                    let outputs = spline::raw_values(*num_bins) * spec.dim();
                    layout.dense_layers(i, masked_inputs(spec.dim()), hidden, outputs);
                }
            }
        }
        layout
    }

    fn dense_layers(&mut self, layer: usize, inputs: usize, hidden: &[usize], outputs: usize) {
        let mut width = inputs;
        for (j, &next) in hidden.iter().chain([&outputs]).enumerate() {
            let role = if j == hidden.len() { Role::LastWeight } else { Role::Weight };
            if width > 0 {
                self.push(format!("layers.{layer}.dense.{j}.weight"), vec![width, next], role);
            }
            self.push(format!("layers.{layer}.dense.{j}.bias"), vec![next], Role::Bias);
            width = next;
        }
    }

    fn push(&mut self, name: String, shape: Vec<usize>, role: Role) {
        let slice = Slice { name, offset: self.total, shape, role };
        self.total += slice.len();
        self.slices.push(slice);
    }

    /// Number of parameters.
    pub fn total(&self) -> usize {
        self.total
    }

    /// All slices, in order; together they cover `0..total()`.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The slice of that name.
    pub fn get(&self, name: &str) -> Option<&Slice> {
        self.slices.iter().find(|s| s.name == name)
    }

    /// Starting values, the same for the same seed on every machine.
    pub fn init(&self, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut values = vec![0.0; self.total];
        for slice in &self.slices {
            let bound = match slice.role {
                Role::Weight => 1.0 / (slice.shape[0] as f32).sqrt(),
                Role::LastWeight => 0.01 / (slice.shape[0] as f32).sqrt(),
                Role::Bias => continue,
            };
            for v in &mut values[slice.range()] {
                *v = bound * ((rng.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0);
            }
        }
        values
    }
}
