//! Where each parameter lies in the one flat vector that the optimiser sees.
//!
//! The order is: the conditioners of circular columns (`circles.J.dense.K.weight`, `….bias`), the layers, the base, the
//! noise model of a variational dequantization; inside a conditioner that of its dense layers: weight, then bias. Weights
//! are stored `[in, out]`, so that a dense layer is `x · W + b`. A conditioner's inputs are the features
//! ([`FlowSpec::features`]) and then the columns that it sees.

use crate::spec::{Base, Dequantization, FlowSpec, Layer};
use crate::{circles, spline};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The inputs of a masked conditioner: the features and all columns, or the features alone where a single column has
/// nothing before it.
pub fn masked_inputs(lines: usize, features: usize) -> usize {
    features + if lines > 1 { lines } else { 0 }
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
    /// A bias, or another parameter for which 0 is neutral: it starts at zero and does not decay.
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
        let (lines, features) = (spec.lines(), spec.features());
        if let Some(shape) = &spec.circles {
            for j in 0..spec.circular() {
                let outputs = circles::spline(shape.num_bins).raw_values();
                let inputs = circles::inputs(spec, j);
                let hidden = if inputs > 0 { shape.hidden.as_slice() } else { &[] };
                layout.mlp(&format!("circles.{j}"), inputs, hidden, outputs);
            }
        }
        for (i, layer) in spec.layers.iter().enumerate() {
            let name = format!("layers.{i}");
            match layer {
                Layer::Permutation { .. } => {}
                Layer::ActNorm => {
                    layout.push(format!("{name}.log_scale"), vec![lines], Role::Bias);
                    layout.push(format!("{name}.shift"), vec![lines], Role::Bias);
                }
                Layer::Lu => {
                    layout.push(format!("{name}.lower"), vec![lines, lines], Role::Bias);
                    layout.push(format!("{name}.upper"), vec![lines, lines], Role::Bias);
                    layout.push(format!("{name}.log_diagonal"), vec![lines], Role::Bias);
                }
                Layer::AffineCoupling { kept, hidden, residual, .. } => {
                    layout.conditioner(&name, features + kept, hidden, *residual, 2 * (lines - kept));
                }
                Layer::SplineCoupling { kept, hidden, residual, num_bins, .. } => {
                    let outputs = spline::raw_values(*num_bins) * (lines - kept);
                    layout.conditioner(&name, features + kept, hidden, *residual, outputs);
                }
                Layer::MaskedAffine { hidden, .. } => {
                    layout.mlp(&name, masked_inputs(lines, features), hidden, 2 * lines);
                }
                Layer::MaskedSpline { hidden, num_bins, .. } => {
                    let outputs = spline::raw_values(*num_bins) * lines;
                    layout.mlp(&name, masked_inputs(lines, features), hidden, outputs);
                }
            }
        }
        match spec.base {
            Base::Normal => {}
            Base::StudentT => layout.push("base.df".into(), vec![lines], Role::Bias),
            Base::Mixture { components, full } => {
                layout.push("base.logit".into(), vec![components], Role::Bias);
                layout.push("base.offset".into(), vec![components * lines], Role::Bias);
                layout.push("base.log_scale".into(), vec![components * lines], Role::Bias);
                if full {
                    layout.push("base.lower".into(), vec![lines, components * lines], Role::Bias);
                }
            }
        }
        if let Dequantization::Variational(shape) = &spec.dequantization {
            let outputs = spline::raw_values(shape.num_bins) * lines;
            layout.mlp("noise", features + lines, &shape.hidden, outputs);
        }
        layout
    }

    fn conditioner(&mut self, name: &str, inputs: usize, hidden: &[usize], residual: bool, outputs: usize) {
        match hidden.first() {
            // The first dense layer, two for each block, and the last.
            Some(&width) if residual => self.mlp(name, inputs, &vec![width; 1 + 2 * hidden.len()], outputs),
            _ => self.mlp(name, inputs, hidden, outputs),
        }
    }

    fn mlp(&mut self, name: &str, inputs: usize, hidden: &[usize], outputs: usize) {
        let mut width = inputs;
        for (j, &next) in hidden.iter().chain([&outputs]).enumerate() {
            let role = if j == hidden.len() { Role::LastWeight } else { Role::Weight };
            if width > 0 {
                self.push(format!("{name}.dense.{j}.weight"), vec![width, next], role);
            }
            self.push(format!("{name}.dense.{j}.bias"), vec![next], Role::Bias);
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
