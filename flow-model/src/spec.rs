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

/// A column of the table and how its values enter the flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name, from the header or `c0`, `c1`, ….
    pub name: String,
    /// What the values are.
    #[serde(flatten)]
    pub kind: Kind,
    /// Values that hold a mass of their own, by rising `cut`; none in circular, constant and context columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atoms: Vec<Atom>,
}

/// A value with a mass of its own. On the column's axis an interval of `width` is inserted at `cut` for it, and stands
/// for the value as a cell stands for a whole number: the density there is the value's mass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Atom {
    /// The value: raw in columns of real numbers, the number of its cell in discrete ones.
    pub value: f32,
    /// Where on the axis (see [`Kind`]) the interval starts; in discrete columns `value` again.
    pub cut: f32,
    /// Width of the interval, in units of the axis; positive.
    pub width: f32,
}

/// The kind of a column. A value `x` has a place on the column's axis, which says what is standardised: `x` itself,
/// `ln x`, a logit, or the number of the value's cell plus a share of the cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Real numbers; the axis is `x`. Noise of total width `jitter`, centred on the value, is added in training.
    Continuous {
        /// How the axis is standardised.
        standard: Standard,
        /// Width of the uniform noise added in training, in raw units; 0 for none.
        jitter: f32,
    },
    /// Numbers above 0; the axis is `ln x`.
    Positive {
        /// How the axis is standardised.
        standard: Standard,
    },
    /// Numbers from `low` to `high`; the axis is `ln f - ln(1 - f)` with `f = (x - low) / (high - low)`, drawn into
    /// `[EDGE, 1 - EDGE]` (see [`crate::axis::EDGE`]).
    Bounded {
        /// Smallest value.
        low: f32,
        /// Largest value.
        high: f32,
        /// How the axis is standardised.
        standard: Standard,
    },
    /// Whole numbers; the axis is `⌊x⌋` plus a share of the cell `[x, x + 1)`; likelihoods are log-masses.
    Integer {
        /// How the axis is standardised.
        standard: Standard,
    },
    /// Numbers `origin + k · step`; the axis is `k = ⌊(x - origin) / step + ½⌋` plus a share of the cell `[k, k + 1)`;
    /// likelihoods are log-masses.
    Lattice {
        /// A value of the lattice.
        origin: f32,
        /// Distance between neighbours; positive.
        step: f32,
        /// How the axis is standardised, in cells.
        standard: Standard,
    },
    /// Angles: `x` and `x + period` are the same. See [`crate::circles`].
    Circular {
        /// Where a turn starts, raw units.
        origin: f32,
        /// Length of a turn, raw units; positive.
        period: f32,
        /// Width of the uniform noise added in training, in raw units; 0 for none.
        jitter: f32,
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
    /// A value that is known, and on which the density of the others depends: standardised, and drawn into the trusted
    /// box, it enters every conditioner.
    Context {
        /// How the value is standardised.
        standard: Standard,
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

/// A bijection of the flow, over the columns that lie on a line (see [`Column::standard`]).
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
/// Most atoms of a column.
pub const MOST_ATOMS: usize = 8;

impl Column {
    /// A column without atoms.
    pub fn new(name: &str, kind: Kind) -> Self {
        Column { name: name.to_owned(), kind, atoms: Vec::new() }
    }

    /// How the column's axis is standardised, for a column that lies on a line: those that the layers transform.
    /// `None` for circular, constant and context columns.
    pub fn standard(&self) -> Option<&Standard> {
        match &self.kind {
            Kind::Continuous { standard, .. }
            | Kind::Positive { standard }
            | Kind::Bounded { standard, .. }
            | Kind::Integer { standard }
            | Kind::Lattice { standard, .. } => Some(standard),
            Kind::Circular { .. } | Kind::Constant { .. } | Kind::Context { .. } => None,
        }
    }

    /// Whether the column is an angle.
    pub fn is_circular(&self) -> bool {
        matches!(self.kind, Kind::Circular { .. })
    }

    /// Whether the column is given, not modelled.
    pub fn is_context(&self) -> bool {
        matches!(self.kind, Kind::Context { .. })
    }

    /// Whether the column's values are cells: likelihoods are log-masses.
    pub fn is_discrete(&self) -> bool {
        matches!(self.kind, Kind::Integer { .. } | Kind::Lattice { .. })
    }

    /// Origin, step and edge of a discrete column: `x` lies in cell `⌊(x - origin) / step + edge⌋`.
    pub fn cells(&self) -> Option<[f32; 3]> {
        match self.kind {
            Kind::Integer { .. } => Some([0.0, 1.0, 0.0]),
            Kind::Lattice { origin, step, .. } => Some([origin, step, 0.5]),
            _ => None,
        }
    }

    /// Width of the dequantization noise in units of the axis: `axis + width * (noise - offset)`, noise from U(0, 1).
    pub fn noise_width(&self) -> f32 {
        match self.kind {
            Kind::Continuous { jitter, .. } | Kind::Circular { jitter, .. } => jitter,
            Kind::Integer { .. } | Kind::Lattice { .. } => 1.0,
            _ => 0.0,
        }
    }

    /// The noise that leaves a value where it is, see [`Column::noise_width`]: ½ where noise is centred on the value,
    /// 0 where the value is the lower edge of its cell.
    pub fn noise_offset(&self) -> f32 {
        if self.is_discrete() { 0.0 } else { 0.5 }
    }

    /// What the deterministic rule of scores and devices (`midpoint`) adds to a value, in units of the axis: the noise
    /// at ½.
    pub fn midpoint(&self) -> f32 {
        self.noise_width() * (0.5 - self.noise_offset())
    }

    /// By how much an atom's interval moves what lies above it: its width, less that of the cell that it replaces.
    pub fn shift(&self, atom: &Atom) -> f32 {
        if self.is_discrete() { atom.width - 1.0 } else { atom.width }
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

impl Column {
    fn validate(&self) -> Result<(), String> {
        if let Some(s) = self.standard()
            && !s.is_valid()
        {
            return Err(format!("needs a finite center, a positive scale and reach, got {s:?}"));
        }
        match self.kind {
            Kind::Continuous { jitter, .. } if !(jitter == 0.0 || positive(jitter)) => {
                return Err("jitter must be at least 0".into());
            }
            Kind::Bounded { low, high, .. } if !(low.is_finite() && positive(high - low)) => {
                return Err(format!("needs low < high, got {low} and {high}"));
            }
            Kind::Lattice { origin, step, .. } if !(origin.is_finite() && positive(step)) => {
                return Err(format!("needs a finite origin and a positive step, got {origin} and {step}"));
            }
            Kind::Circular { origin, period, jitter }
                if !(origin.is_finite() && positive(period) && (jitter == 0.0 || positive(jitter))) =>
            {
                return Err("needs a finite origin, a positive period and a jitter of at least 0".into());
            }
            Kind::Constant { value, log_mass, log_other, unit }
                if !([value, log_mass, log_other].iter().all(|v| v.is_finite()) && positive(unit)) =>
            {
                return Err("a constant column needs finite values and a positive unit".into());
            }
            Kind::Context { standard } if !standard.is_valid() => {
                return Err(format!("needs a finite center, a positive scale and reach, got {standard:?}"));
            }
            _ => {}
        }
        if self.atoms.len() > MOST_ATOMS || (self.standard().is_none() && !self.atoms.is_empty()) {
            return Err(format!("at most {MOST_ATOMS} atoms, and none in a column that does not lie on a line"));
        }
        let sound = |atom: &Atom| atom.value.is_finite() && atom.cut.is_finite() && positive(atom.width);
        let discrete = |atom: &Atom| atom.cut == atom.value && atom.value.fract() == 0.0 && atom.width >= 1.0;
        let rising = self.atoms.windows(2).all(|w| w[0].cut < w[1].cut);
        if !(rising && self.atoms.iter().all(|a| sound(a) && (!self.is_discrete() || discrete(a)))) {
            return Err("atoms need finite values, rising cuts and positive widths, at least 1 in cells".into());
        }
        Ok(())
    }
}

impl Standard {
    fn is_valid(&self) -> bool {
        self.center.is_finite() && positive(self.scale) && positive(self.reach)
    }
}

impl SplineShape {
    fn validate(&self) -> Result<(), String> {
        if self.hidden.contains(&0) {
            return Err("a hidden layer needs at least one unit".into());
        }
        check_spline(self.num_bins, 1.0)
    }
}

impl Layer {
    fn validate(&self, lines: usize, features: usize) -> Result<(), String> {
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
    if hidden.contains(&0) {
        return Err("a hidden layer needs at least one unit".into());
    }
    if residual && hidden.iter().any(|&width| width != hidden[0]) {
        return Err("the hidden layers of a residual conditioner are all as wide".into());
    }
    if residual && hidden.is_empty() && inputs {
        return Err("a residual conditioner needs a hidden layer".into());
    }
    Ok(())
}

fn check_scale_bound(scale_bound: f32) -> Result<(), String> {
    if positive(scale_bound) {
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
