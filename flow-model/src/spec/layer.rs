//! What a layer is.

use super::positive;
use serde::{Deserialize, Serialize};

/// A bijection of the flow, over the columns that lie on a line (see [`super::Column::standard`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Reorders the columns: `y_j = x_{order[j]}`. Its log-determinant is 0.
    Permutation {
        /// For each output column the input column that it takes.
        order: Vec<u32>,
    },
    /// Shift and scale of each column, started so that the data have mean 0 and deviation 1: see [`crate::act_norm`].
    ActNorm,
    /// A product with a matrix `L · U`, see [`crate::lu`].
    Lu,
    /// Affine coupling, see [`crate::coupling`] and [`crate::affine`].
    AffineCoupling {
        /// The first `kept` columns pass unchanged and condition the others.
        kept: usize,
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Whether the conditioner is residual, see [`crate::mlp`].
        #[serde(default)]
        residual: bool,
        /// Bound on the absolute log-scale.
        scale_bound: f32,
    },
    /// Rational-quadratic spline coupling, see [`crate::coupling`] and [`crate::spline`].
    SplineCoupling {
        /// The first `kept` columns pass unchanged and condition the others.
        kept: usize,
        /// Widths of the conditioner's hidden layers.
        hidden: Vec<usize>,
        /// Whether the conditioner is residual, see [`crate::mlp`].
        #[serde(default)]
        residual: bool,
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
/// Most units of a hidden layer: as many as a frozen file counts.
pub const MOST_UNITS: usize = 65_535;

impl Layer {
    pub(super) fn validate(&self, lines: usize, features: usize) -> Result<(), String> {
        match self {
            Layer::Permutation { order } => {
                let mut sorted: Vec<u32> = order.clone();
                sorted.sort_unstable();
                if sorted != (0..lines as u32).collect::<Vec<_>>() {
                    return Err(format!("order must hold each of 0..{lines} once"));
                }
            }
            Layer::ActNorm | Layer::Lu => {}
            Layer::AffineCoupling { kept, hidden, residual, scale_bound } => {
                check_kept(*kept, lines)?;
                check_hidden(hidden, *residual, kept + features > 0)?;
                check_scale_bound(*scale_bound)?;
            }
            Layer::SplineCoupling { kept, hidden, residual, num_bins, tail_bound } => {
                check_kept(*kept, lines)?;
                check_hidden(hidden, *residual, kept + features > 0)?;
                check_spline(*num_bins, *tail_bound)?;
            }
            Layer::MaskedAffine { hidden, scale_bound } => {
                check_hidden(hidden, false, lines > 1 || features > 0)?;
                check_scale_bound(*scale_bound)?;
            }
            Layer::MaskedSpline { hidden, num_bins, tail_bound } => {
                check_hidden(hidden, false, lines > 1 || features > 0)?;
                check_spline(*num_bins, *tail_bound)?;
            }
        }
        Ok(())
    }
}

fn check_kept(kept: usize, lines: usize) -> Result<(), String> {
    if kept >= lines || (kept == 0 && lines > 1) {
        return Err(format!("kept must leave columns on both sides of {lines}, got {kept}"));
    }
    Ok(())
}

/// The hidden layers of a conditioner, which has inputs or none.
fn check_hidden(hidden: &[usize], residual: bool, inputs: bool) -> Result<(), String> {
    if !inputs && !hidden.is_empty() {
        return Err("a conditioner without inputs has no hidden layers".into());
    }
    check_units(hidden)?;
    if residual && hidden.iter().any(|&width| width != hidden[0]) {
        return Err("the hidden layers of a residual conditioner are all as wide".into());
    }
    if residual && hidden.is_empty() && inputs {
        return Err("a residual conditioner needs a hidden layer".into());
    }
    Ok(())
}

pub(super) fn check_units(hidden: &[usize]) -> Result<(), String> {
    match hidden.iter().find(|units| !(1..=MOST_UNITS).contains(*units)) {
        None => Ok(()),
        Some(0) => Err("a hidden layer needs at least one unit".into()),
        Some(units) => Err(format!("a hidden layer has at most {MOST_UNITS} units, got {units}")),
    }
}

fn check_scale_bound(scale_bound: f32) -> Result<(), String> {
    if positive(scale_bound) {
        return Ok(());
    }
    Err(format!("scale_bound must be positive and finite, got {scale_bound}"))
}

pub(super) fn check_spline(num_bins: usize, tail_bound: f32) -> Result<(), String> {
    if !(2..=MOST_BINS).contains(&num_bins) {
        return Err(format!("num_bins must be between 2 and {MOST_BINS}, got {num_bins}"));
    }
    if !(1e-3..=1e6).contains(&tail_bound) {
        return Err(format!("tail_bound must be between 0.001 and a million, got {tail_bound}"));
    }
    Ok(())
}
