//! Columns: from raw units to standardised values and back.
//!
//! Continuous, positive, bounded, integer and lattice columns lie on a *line*: a value has a place `q` on the column's
//! axis (see [`ColumnRecord::place`]), which becomes `u = (q - center) / scale`, clamped to ±1e30. Circular columns
//! become angles, see [`circle`](crate::circle). A context column becomes a feature that conditioners see. A constant
//! column stays outside the flow and adds a term to the log-density only.

use crate::ALL_KINDS;
use crate::atoms::{self, AtomRecord};
use crate::fault::{Fault, Place};
use crate::range::{is_above_zero, is_at_most, is_from_to, is_positive, is_zero};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Column kind: real numbers; the axis is `x`. Values: center, scale, reach, midpoint.
pub const CONTINUOUS: u16 = 1;
/// Column kind: whole numbers, each standing for the cell `[x, x + 1)`. Values as for [`CONTINUOUS`].
pub const INTEGER: u16 = 2;
/// Column kind: one value, all others odd. Values: value, log-mass of it, log-density of others, unit of their distance.
pub const CONSTANT: u16 = 3;
/// Column kind: numbers above 0; the axis is `ln x`. Values as for [`CONTINUOUS`].
pub const POSITIVE: u16 = 4;
/// Column kind: numbers between two bounds; the axis is a logit. Values as for [`CONTINUOUS`]; extra: low, high.
pub const BOUNDED: u16 = 5;
/// Column kind: numbers `origin + k * step`, standing for the cell `[k, k + 1)`. Values as for [`CONTINUOUS`], in cells;
/// extra: origin, step.
pub const LATTICE: u16 = 6;
/// Column kind: angles. Values: origin, period.
pub const CIRCULAR: u16 = 7;
/// Column kind: given, not modelled. Values: center, scale, reach.
pub const CONTEXT: u16 = 8;
/// Bound on the absolute log-mass and log-density of a constant column and on the log-mass of an atom.
pub const LOG_MASS_MAX: f32 = 1e30;
/// Bound on the reach of a context column.
pub const CONTEXT_REACH_MAX: f32 = 1e9;
/// What a value outside its column's support adds to the log-density, in nats, in place of a density.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// # let flow = flow_nostd::Flow::new(model::BYTES)?;
/// # let mut scratch = [0.0; model::SCRATCH];
/// // Rows with a density are above, however odd, but for values that no sensor has, near the largest number there is; which of
/// // the two a row is says `Flow::outside_support`.
/// let odd = flow.log_prob(&[1e20, 2.0, -5.0, 0.0], &[], &mut scratch)?;
/// assert!(odd > flow_nostd::FLOOR);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub const FLOOR: f32 = -1e30;

/// A bounded column's logit is taken of a share no nearer to 0 and 1 than this.
const EDGE: f32 = 1e-6;

/// A column as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ColumnRecord {
    /// [`CONTINUOUS`], [`INTEGER`], [`CONSTANT`], [`POSITIVE`], [`BOUNDED`], [`LATTICE`], [`CIRCULAR`] or [`CONTEXT`].
    pub kind: U16,
    /// Number of [`AtomRecord`]s; 0 where the column does not lie on a line.
    pub atoms: U16,
    /// What they are depends on the kind.
    pub values: [F32; 4],
    /// What they are depends on the kind; zero where they are nothing.
    pub extra: [F32; 3],
}

impl ColumnRecord {
    /// Whether the column lies on a line: whether the layers transform it.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.column_records()[0].is_line());
    /// assert!(!flow.column_records()[1].is_line()); // Constant.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_line(&self) -> bool {
        match self.kind.get() {
            CONTINUOUS | INTEGER => true,
            POSITIVE | BOUNDED | LATTICE => ALL_KINDS,
            _ => false,
        }
    }

    /// Whether the column's values are angles.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.column_records().iter().all(|column| !column.is_circular()));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_circular(&self) -> bool {
        ALL_KINDS && self.kind.get() == CIRCULAR
    }

    /// Whether the column is given, not modelled.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.column_records().iter().all(|column| !column.is_context()));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_context(&self) -> bool {
        ALL_KINDS && self.kind.get() == CONTEXT
    }

    /// Whether the column's values are cells: likelihoods are log-masses.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert!(flow.column_records()[2].is_discrete()); // Whole numbers.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_discrete(&self) -> bool {
        matches!(self.kind.get(), INTEGER | LATTICE)
    }

    pub(crate) fn values(&self) -> [f32; 4] {
        let [a, b, c, d] = &self.values;
        [a.get(), b.get(), c.get(), d.get()]
    }

    fn extra(&self) -> [f32; 3] {
        let [a, b, c] = &self.extra;
        [a.get(), b.get(), c.get()]
    }

    pub(crate) fn check(&self, place: &mut Place) -> Result<(), Fault> {
        let fail = |offset| Err(Fault::field(offset));
        let (values, extra) = (self.values(), self.extra());
        let [_, second, third, fourth] = values;
        // Low and high, or origin and step.
        let [first, last, _] = extra;
        let kind = self.kind.get();
        let log_mass = |v: f32| v.is_nan() || is_at_most(v, LOG_MASS_MAX);
        let good = match kind {
            CONSTANT => [log_mass(second), log_mass(third), is_above_zero(fourth)],
            CONTINUOUS | INTEGER => [is_above_zero(second), is_above_zero(third), true],
            _ if !ALL_KINDS => return place.note(Fault::UNKNOWN_KIND, 0, kind.into()),
            LATTICE => [is_above_zero(second), is_above_zero(third), true],
            CIRCULAR => [is_above_zero(second), is_zero(third) && is_zero(fourth), true],
            POSITIVE | BOUNDED => [is_above_zero(second), is_above_zero(third), is_zero(fourth)],
            CONTEXT => {
                let reach = is_from_to(third, f32::from_bits(1), CONTEXT_REACH_MAX);
                [is_above_zero(second), reach, is_zero(fourth)]
            }
            _ => return place.note(Fault::UNKNOWN_KIND, 0, kind.into()),
        };
        let [second, third, fourth] = good;
        if !second {
            return fail(8);
        }
        if !third {
            return fail(12);
        }
        if !fourth {
            return fail(16);
        }
        if !values.iter().all(|&v| is_at_most(v, f32::MAX)) {
            return fail(4);
        }
        let used = match kind {
            _ if !ALL_KINDS => 0,
            BOUNDED if is_at_most(first, f32::MAX) && is_positive(last - first) => 2,
            LATTICE if is_at_most(first, f32::MAX) && is_positive(last) => 2,
            BOUNDED | LATTICE => return fail(20),
            _ => 0,
        };
        if !extra.iter().skip(used).all(|&v| is_zero(v)) {
            return fail(20);
        }
        Ok(())
    }

    /// The number of the cell of a value in a discrete column; the value itself in others.
    fn cell(&self, x: f32) -> f32 {
        let [origin, step, _] = self.extra();
        match self.kind.get() {
            INTEGER => floor(x),
            LATTICE => floor((x - origin) / step + 0.5),
            _ => x,
        }
    }

    /// The place `q` of a value on the axis of a column on a line, and the term that it adds to the log-density. The place
    /// may be infinite, never NaN: widths and steps are positive, and so small that sums of shifts are finite.
    #[inline(always)]
    pub(crate) fn place(&self, atoms: &[AtomRecord], x: f32) -> (f32, f32) {
        let [_, _, _, midpoint] = self.values();
        match self.kind.get() {
            CONTINUOUS if !ALL_KINDS || atoms.is_empty() => (x + midpoint, 0.0),
            INTEGER if atoms.is_empty() => (floor(x) + midpoint, 0.0),
            _ if !ALL_KINDS => (floor(x) + midpoint, 0.0),
            _ => self.other_place(atoms, x),
        }
    }

    #[inline(never)]
    fn other_place(&self, atoms: &[AtomRecord], x: f32) -> (f32, f32) {
        let cell = self.cell(x);
        let discrete = self.is_discrete();
        if let Some(found) = atoms::find(atoms, cell, discrete) {
            return found;
        }
        let (w, term) = match self.kind.get() {
            POSITIVE if x > 0.0 => {
                let log = libm::logf(x);
                (log, -log)
            }
            POSITIVE => (libm::logf(f32::MIN_POSITIVE), FLOOR),
            BOUNDED => self.logit(x),
            _ => (cell, 0.0),
        };
        let [_, _, _, midpoint] = self.values();
        let q = w + midpoint;
        (if atoms.is_empty() { q } else { q + atoms::shift(atoms, w, discrete) }, term)
    }

    /// The logit of a bounded column's value and the logarithm of its slope. Both shares are taken of the value itself: 1 less
    /// the lower one would have lost its digits near the upper bound.
    fn logit(&self, x: f32) -> (f32, f32) {
        let [low, high, _] = self.extra();
        let width = high - low;
        let [below, above] = [x - low, high - x].map(|part| {
            let share = part / width;
            libm::logf(share.clamp(EDGE, 1.0 - EDGE))
        });
        (below - above, if x < low || x > high { FLOOR } else { (-below - above) - libm::logf(width) })
    }

    /// Whether a value lies where the column has no density: it is not an atom, and not positive or beyond the bounds.
    pub(crate) fn is_outside(&self, atoms: &[AtomRecord], x: f32) -> bool {
        let [low, high, _] = self.extra();
        let outside = match self.kind.get() {
            POSITIVE => x <= 0.0,
            BOUNDED => x < low || x > high,
            _ => false,
        };
        outside && atoms.iter().all(|atom| atom.value.get() != x)
    }

    /// The raw value of a standardised one: finite whatever `u` is.
    #[inline(always)]
    pub(crate) fn leave(&self, atoms: &[AtomRecord], u: f32) -> f32 {
        let [center, scale, _, _] = self.values();
        let q = clamp(u * scale + center, f32::MAX);
        match self.kind.get() {
            CONTINUOUS if !ALL_KINDS || atoms.is_empty() => q,
            INTEGER if atoms.is_empty() => floor(q),
            _ if !ALL_KINDS => floor(q),
            _ => self.other_leave(atoms, q),
        }
    }

    /// Whether a value is that of this atom.
    pub(crate) fn is_atom(&self, atom: &AtomRecord, x: f32) -> bool {
        self.cell(x) == atom.value.get()
    }

    /// The raw value of an atom's: that of its cell in a lattice.
    pub(crate) fn atom_value(&self, value: f32) -> f32 {
        let [origin, step, _] = self.extra();
        if self.kind.get() == LATTICE { clamp(origin + value * step, f32::MAX) } else { value }
    }

    #[inline(never)]
    fn other_leave(&self, atoms: &[AtomRecord], q: f32) -> f32 {
        // Low and high, or origin and step.
        let [first, second, _] = self.extra();
        let kind = self.kind.get();
        let x = match atoms::leave(atoms, q, self.is_discrete()) {
            Ok(value) => self.atom_value(value),
            Err(w) => match kind {
                POSITIVE => {
                    let x = libm::expf(w);
                    if x < f32::MIN_POSITIVE { f32::MIN_POSITIVE } else { x }
                }
                BOUNDED => {
                    let x = first + 1.0 / (1.0 + libm::expf(-w)) * (second - first);
                    if x > second { second } else { x }
                }
                LATTICE => first + floor(w) * second,
                INTEGER => floor(w),
                _ => w,
            },
        };
        clamp(x, f32::MAX)
    }

    /// What a constant column's value adds to the log-density.
    pub(crate) fn constant(&self, x: f32) -> f32 {
        let [value, log_mass, log_other, unit] = self.values();
        if x == value {
            return log_mass;
        }
        log_other - libm::log1pf(clamp((x - value).abs() / unit, f32::MAX))
    }

    /// What conditioners see of a context column's value.
    pub(crate) fn feature(&self, x: f32) -> f32 {
        let [center, scale, reach, _] = self.values();
        clamp((x - center) / scale, reach)
    }

    /// Whether a context column's value lies beyond what conditioners see.
    pub(crate) fn is_beyond(&self, x: f32) -> bool {
        let [center, scale, reach, _] = self.values();
        ((x - center) / scale).abs() > reach
    }
}

/// `v`, or the nearer of ±`bound` beyond it.
#[inline(never)]
pub(crate) fn clamp(v: f32, bound: f32) -> f32 {
    if v > bound {
        bound
    } else if v < -bound {
        -bound
    } else {
        v
    }
}

/// The largest whole number that is not above `v`; `v` itself where it is infinite.
#[cfg_attr(feature = "all-kinds", inline(never))] // Called in many places with all kinds, in one without.
pub(crate) fn floor(v: f32) -> f32 {
    // From 2^23 on every f32 is a whole number; below, the conversion to i32 is exact and truncates.
    if v.abs() >= 8_388_608.0 {
        return v;
    }
    let truncated = v as i32 as f32;
    if truncated > v { truncated - 1.0 } else { truncated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_is_floor() {
        for v in [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 8_388_607.5, -8_388_607.5, 1e20, -1e20, f32::MAX, 1e-40, -1e-40] {
            assert_eq!(floor(v), f32::floor(v), "{v}");
        }
    }

    #[test]
    fn clamps() {
        assert_eq!(clamp(f32::INFINITY, 3.0), 3.0);
        assert_eq!(clamp(f32::NEG_INFINITY, 3.0), -3.0);
        assert_eq!(clamp(-2.5, 3.0), -2.5);
    }
}
