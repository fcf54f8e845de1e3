//! What a column of the table is, and how its values enter the flow.

use super::positive;
use serde::{Deserialize, Serialize};

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
    /// One value, but for a few rows at most. It does not enter the flow; another value is improbable, the more so the farther it lies.
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
    /// Half-width of the trusted box along this column, in units of `scale`; positive. Beyond it see [`super::Tails`].
    pub reach: f32,
}
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

    /// Whether this value has no density in the column at all: not above 0 in a positive one, beyond the bounds of a bounded
    /// one, and no value with a mass of its own. A row that holds it has at most [`crate::axis::FLOOR`].
    pub fn is_outside(&self, x: f32) -> bool {
        let outside = match self.kind {
            Kind::Positive { .. } => x <= 0.0,
            Kind::Bounded { low, high, .. } => x < low || x > high,
            _ => false,
        };
        outside && self.atoms.iter().all(|atom| atom.value != x)
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
impl Column {
    pub(super) fn validate(&self) -> Result<(), String> {
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
