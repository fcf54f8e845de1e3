//! What a flow is, as data: its columns, its layers and its base distribution.
//!
//! A [`FlowSpec`] together with one flat vector of parameters (see [`crate::params`]) determines a density. The spec is
//! plain serde data: it travels in a checkpoint's metadata and is what `flow-export` freezes.

mod column;
mod layer;

pub use column::{Atom, Column, Kind, MOST_ATOMS, Standard};
pub use layer::{Layer, MOST_BINS, MOST_UNITS};

use layer::{check_spline, check_units};
use serde::{Deserialize, Serialize};

/// A normalizing flow over the rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSpec {
    /// One entry for each column of the table, in the table's order.
    pub columns: Vec<Column>,
    /// How rows far from the training data are treated.
    pub tails: Tails,
    /// The splines of circular columns; there if and only if a column is circular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circles: Option<SplineShape>,
    /// The bijections, in the order in which `to_latent` applies them.
    pub layers: Vec<Layer>,
    /// The density of the latent variable.
    pub base: Base,
    /// Where in its cell a discrete value is while the flow is trained.
    #[serde(default)]
    pub dequantization: Dequantization,
}

/// A spline with the conditioner that shapes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplineShape {
    /// Widths of the conditioner's hidden layers.
    pub hidden: Vec<usize>,
    /// Number of bins.
    pub num_bins: usize,
}

/// Where in its cell a discrete value is while the flow is trained. Scores and devices take the middle in either case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "dequantization", rename_all = "snake_case", deny_unknown_fields)]
pub enum Dequantization {
    /// Anywhere, with equal probability.
    #[default]
    Uniform,
    /// Where a conditional flow, trained along, puts it: see [`crate::dequantization`].
    Variational(SplineShape),
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
/// The base distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "base", rename_all = "snake_case", deny_unknown_fields)]
pub enum Base {
    /// The standard normal distribution N(0, I).
    Normal,
    /// Independent Student-t distributions with learned degrees of freedom, see [`crate::student_t`].
    StudentT,
    /// A mixture of normal distributions, see [`crate::mixture`].
    Mixture {
        /// Number of components.
        components: usize,
        /// Whether each component has a full covariance, or a diagonal one.
        full: bool,
    },
}
/// Most components of a mixture.
pub const MOST_COMPONENTS: usize = 256;
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
    /// A flow without circular columns, with uniform dequantization.
    pub fn new(columns: Vec<Column>, tails: Tails, layers: Vec<Layer>, base: Base) -> Self {
        FlowSpec { columns, tails, circles: None, layers, base, dequantization: Dequantization::Uniform }
    }

    /// Number of columns that lie on a line: those that the layers transform.
    pub fn lines(&self) -> usize {
        self.columns.iter().filter(|c| c.standard().is_some()).count()
    }

    /// Number of circular columns.
    pub fn circular(&self) -> usize {
        self.columns.iter().filter(|c| c.is_circular()).count()
    }

    /// The dimension of the latent variable: first the columns on a line, then the circular ones.
    pub fn dim(&self) -> usize {
        self.lines() + self.circular()
    }

    /// Number of context columns.
    pub fn context(&self) -> usize {
        self.columns.iter().filter(|c| c.is_context()).count()
    }

    /// Number of features that every layer's conditioner sees before the columns: the context, then cosine and sine of
    /// each circular column.
    pub fn features(&self) -> usize {
        self.context() + 2 * self.circular()
    }

    /// Checks everything that the rest of the library relies on.
    ///
    /// # Errors
    /// The first rule that is broken, and where.
    pub fn validate(&self) -> Result<(), SpecError> {
        let fail = |place: String, message: String| Err(SpecError { place, message });
        if self.dim() == 0 {
            return fail("columns".into(), "at least one column must be neither constant nor context".into());
        }
        for (j, column) in self.columns.iter().enumerate() {
            column.validate().or_else(|message| fail(format!("columns[{j}] ({})", column.name), message))?;
        }
        let Tails { knee, rate } = self.tails;
        if !(positive(knee) && (rate == 0.0 || positive(rate))) {
            let message = format!("needs a positive knee and a rate of at least 0, got {knee}, {rate}");
            return fail("tails".into(), message);
        }
        match &self.circles {
            None if self.circular() > 0 => return fail("circles".into(), "a circular column needs its splines".into()),
            Some(_) if self.circular() == 0 => return fail("circles".into(), "there is no circular column".into()),
            Some(shape) => shape.validate().or_else(|message| fail("circles".into(), message))?,
            None => {}
        }
        if self.lines() == 0 && !self.layers.is_empty() {
            return fail("layers".into(), "there is no column that they could transform".into());
        }
        for (i, layer) in self.layers.iter().enumerate() {
            let valid = layer.validate(self.lines(), self.features());
            valid.or_else(|message| fail(format!("layers[{i}]"), message))?;
        }
        match self.base {
            Base::Mixture { components, .. } if !(1..=MOST_COMPONENTS).contains(&components) => {
                return fail("base".into(), format!("components must be 1 to {MOST_COMPONENTS}, got {components}"));
            }
            Base::StudentT | Base::Mixture { .. } if self.lines() == 0 => {
                return fail("base".into(), "must be normal where no column lies on a line".into());
            }
            _ => {}
        }
        if let Dequantization::Variational(shape) = &self.dequantization {
            if self.lines() == 0 {
                return fail("dequantization".into(), "there is no column that it could act on".into());
            }
            shape.validate().or_else(|message| fail("dequantization".into(), message))?;
        }
        Ok(())
    }
}
fn positive(v: f32) -> bool {
    v.is_finite() && v > 0.0
}
impl SplineShape {
    fn validate(&self) -> Result<(), String> {
        check_units(&self.hidden)?;
        check_spline(self.num_bins, 1.0)
    }
}
