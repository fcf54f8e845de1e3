//! What a flow is, as data: its columns, its layers and its base distribution.
//!
//! A [`FlowSpec`] together with one flat vector of parameters (see [`crate::params`]) determines a density. The spec is
//! plain serde data: it travels in a checkpoint's metadata and is what `flow-export` freezes.

use serde::{Deserialize, Serialize};

/// A normalizing flow over the rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSpec {
    /// One entry for each column of the table, in the table's order.
    pub columns: Vec<Column>,
    /// How rows far from the training data are treated.
    pub tails: Tails,
    /// The bijections, in the order in which `to_latent` applies them.
    pub layers: Vec<Layer>,
    /// The density of the latent variable.
    pub base: Base,
}

/// A column of the table and how its values enter the flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name, from the header or `c0`, `c1`, ….
    pub name: String,
    /// What the values are.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The kind of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Real numbers. Noise of total width `jitter`, centred on the value, is added in training (0 for none).
    Continuous {
        /// How the value is standardised.
        standard: Standard,
        /// Width of the uniform noise added in training, in raw units; 0 for none.
        jitter: f32,
    },
    /// Whole numbers: `x` stands for the cell `[x, x + 1)`; likelihoods are log-masses.
    Integer {
        /// How the dequantised value is standardised.
        standard: Standard,
    },
    /// One value only. It does not enter the flow; another value is improbable, the more so the farther it lies.
    Constant {
        /// The value.
        value: f32,
        /// Log-mass of the value itself, nats.
        log_mass: f32,
        /// Log-density of any other value just beside it, nats; it falls by `ln(1 + |x - value| / unit)` from there.
        log_other: f32,
        /// Distance over which the density of another value falls to a half, raw units; positive.
        unit: f32,
    },
}

/// `u = (x - center) / scale`, and how far from the centre the training data reaches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// Subtracted from the (dequantised) value, raw units.
    pub center: f32,
    /// Divides the difference, raw units; positive.
    pub scale: f32,
    /// Half-width of the trusted box along this column, in units of `scale`; positive. Beyond it see [`Tails`].
    pub reach: f32,
}

/// How a standardised row `u` is brought into the range in which the layers were trained.
///
/// 1. `alpha = max(1, max_j |u_j| / reach_j)`; the row is drawn back along its ray to the box, `u / alpha`, and its
///    log-density loses `rate * (alpha - 1)`: outside the box the density falls exponentially along every ray.
/// 2. Each value beyond the knee is compressed, `|u| -> knee + ln(1 + |u| - knee)`, a bijection whose log-determinant
///    is `-ln(1 + |u| - knee)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tails {
    /// Where compression starts, in standard deviations.
    pub knee: f32,
    /// Nats lost for each box half-width outside the box.
    pub rate: f32,
}

/// A bijection of the flow, over all columns that are not constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Reorders the columns: `y_j = x_{order[j]}`. Its log-determinant is 0.
    Permutation {
        /// For each output column the input column that it takes.
        order: Vec<u32>,
    },
    /// Affine coupling, see [`crate::coupling`] and [`crate::affine`].
    AffineCoupling {
        /// The first `kept` columns pass unchanged and condition the others.
        kept: usize,
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Bound on the absolute log-scale.
        scale_bound: f32,
    },
    /// Rational-quadratic spline coupling, see [`crate::coupling`] and [`crate::spline`].
    SplineCoupling {
        /// The first `kept` columns pass unchanged and condition the others.
        kept: usize,
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Number of bins of each spline.
        num_bins: usize,
        /// The splines act on `[-tail_bound, tail_bound]` and are the identity outside.
        tail_bound: f32,
    },
    /// Masked autoregressive flow with affine transforms, see [`crate::masked_autoregressive`].
    MaskedAffine {
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Bound on the absolute log-scale.
        scale_bound: f32,
    },
    /// Masked autoregressive flow with rational-quadratic splines, see [`crate::masked_autoregressive`].
    MaskedSpline {
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Number of bins of each spline.
        num_bins: usize,
        /// The splines act on `[-tail_bound, tail_bound]` and are the identity outside.
        tail_bound: f32,
    },
}

/// Most bins of a spline.
pub const MOST_BINS: usize = 64;

/// The base distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "base", rename_all = "snake_case", deny_unknown_fields)]
pub enum Base {
    /// The standard normal distribution N(0, I).
    Normal,
}

impl Column {
    /// The column's standardisation; `None` for a constant column, which stays outside the flow.
    pub fn standard(&self) -> Option<&Standard> {
        match &self.kind {
            Kind::Continuous { standard, .. } | Kind::Integer { standard } => Some(standard),
            Kind::Constant { .. } => None,
        }
    }

    /// Width of the dequantization noise in raw units: `x + width * (noise - offset)` with noise from U(0, 1).
    pub fn noise_width(&self) -> f32 {
        match self.kind {
            Kind::Continuous { jitter, .. } => jitter,
            Kind::Integer { .. } => 1.0,
            Kind::Constant { .. } => 0.0,
        }
    }

    /// The noise that leaves a value where it is, see [`Column::noise_width`]: ½ where noise is centred on the value,
    /// 0 where the value is the lower edge of its cell.
    pub fn noise_offset(&self) -> f32 {
        match self.kind {
            Kind::Integer { .. } => 0.0,
            Kind::Continuous { .. } | Kind::Constant { .. } => 0.5,
        }
    }

    /// What the deterministic rule of scores and devices (`midpoint`) adds to a value, raw units: the noise at ½.
    pub fn midpoint(&self) -> f32 {
        self.noise_width() * (0.5 - self.noise_offset())
    }
}

/// A spec that describes no flow.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("{place}: {message}")]
pub struct SpecError {
    /// Which part of the spec, as `layers[3]` or `columns[2] (pressure)`.
    pub place: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl FlowSpec {
    /// Number of columns that enter the flow: the dimension of the latent variable.
    pub fn dim(&self) -> usize {
        self.columns.iter().filter(|c| c.standard().is_some()).count()
    }

    /// Checks everything that the rest of the library relies on.
    ///
    /// # Errors
    /// The first rule that is broken, and where.
    pub fn validate(&self) -> Result<(), SpecError> {
        let fail = |place: String, message: &str| Err(SpecError { place, message: message.to_string() });
        let positive = |v: f32| v.is_finite() && v > 0.0;
        if self.dim() == 0 {
            return fail("columns".into(), "at least one column must not be constant");
        }
        for (j, column) in self.columns.iter().enumerate() {
            let place = || format!("columns[{j}] ({})", column.name);
            match column.standard() {
                Some(s) if !(s.center.is_finite() && positive(s.scale) && positive(s.reach)) => {
                    return fail(place(), &format!("needs a finite center, a positive scale and reach, got {s:?}"));
                }
                _ => {}
            }
            let message = match column.kind {
                Kind::Continuous { jitter, .. } if !(jitter == 0.0 || positive(jitter)) => "jitter must be at least 0",
                Kind::Constant { value, log_mass, log_other, unit }
                    if !([value, log_mass, log_other].iter().all(|v| v.is_finite()) && positive(unit)) =>
                {
                    "a constant column needs finite values and a positive unit"
                }
                _ => continue,
            };
            return fail(place(), message);
        }
        let Tails { knee, rate } = self.tails;
        if !(positive(knee) && (rate == 0.0 || positive(rate))) {
            return fail(
                "tails".into(),
                &format!("needs a positive knee and a rate of at least 0, got {knee}, {rate}"),
            );
        }
        for (i, layer) in self.layers.iter().enumerate() {
            layer.validate(self.dim()).or_else(|message| fail(format!("layers[{i}]"), &message))?;
        }
        Ok(())
    }
}

impl Layer {
    fn validate(&self, dim: usize) -> Result<(), String> {
        match self {
            Layer::Permutation { order } => {
                let mut sorted: Vec<u32> = order.clone();
                sorted.sort_unstable();
                if sorted != (0..dim as u32).collect::<Vec<_>>() {
                    return Err(format!("order must hold each of 0..{dim} once"));
                }
            }
            Layer::AffineCoupling { kept, hidden, scale_bound } => {
                check_kept(*kept, hidden, dim)?;
                check_scale_bound(*scale_bound)?;
            }
            Layer::SplineCoupling { kept, hidden, num_bins, tail_bound } => {
                check_kept(*kept, hidden, dim)?;
                check_spline(*num_bins, *tail_bound)?;
            }
            Layer::MaskedAffine { hidden, scale_bound } => {
                check_hidden(hidden, dim > 1)?;
                check_scale_bound(*scale_bound)?;
            }
            Layer::MaskedSpline { hidden, num_bins, tail_bound } => {
                check_hidden(hidden, dim > 1)?;
                check_spline(*num_bins, *tail_bound)?;
            }
        }
        Ok(())
    }
}

fn check_kept(kept: usize, hidden: &[usize], dim: usize) -> Result<(), String> {
    if kept >= dim || (kept == 0 && dim > 1) {
        return Err(format!("kept must leave columns on both sides of {dim}, got {kept}"));
    }
    check_hidden(hidden, kept > 0)
}

/// The hidden layers of a conditioner, which has inputs or none.
fn check_hidden(hidden: &[usize], inputs: bool) -> Result<(), String> {
    if !inputs && !hidden.is_empty() {
        return Err("a conditioner without inputs has no hidden layers".into());
    }
    if hidden.contains(&0) {
        return Err("a hidden layer needs at least one unit".into());
    }
    Ok(())
}

fn check_scale_bound(scale_bound: f32) -> Result<(), String> {
    if scale_bound.is_finite() && scale_bound > 0.0 {
        return Ok(());
    }
    Err(format!("scale_bound must be positive and finite, got {scale_bound}"))
}

fn check_spline(num_bins: usize, tail_bound: f32) -> Result<(), String> {
    if !(2..=MOST_BINS).contains(&num_bins) {
        return Err(format!("num_bins must be between 2 and {MOST_BINS}, got {num_bins}"));
    }
    if !(1e-3..=1e6).contains(&tail_bound) {
        return Err(format!("tail_bound must be between 0.001 and a million, got {tail_bound}"));
    }
    Ok(())
}
