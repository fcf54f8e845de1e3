//! Columns: from raw units to standardised values and back.
//!
//! A value `x` of an active column becomes `u = (x + midpoint - center) / scale`, clamped to ±1e30. A constant column
//! stays outside the flow and adds a term to the log-density only.

use crate::section::COLUMNS;
use crate::{EvalError, FormatError};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Column kind: real numbers. Values: center, scale, reach, midpoint.
pub const CONTINUOUS: u16 = 1;
/// Column kind: whole numbers, each standing for the cell `[x, x + 1)`. Values as for [`CONTINUOUS`].
pub const INTEGER: u16 = 2;
/// Column kind: one value only. Values: value, log-mass of it, log-density of others, unit of their distance.
pub const CONSTANT: u16 = 3;
/// Bound on the absolute log-mass and log-density of a constant column.
pub const LOG_MASS_MAX: f32 = 1e30;

const STANDARD_MAX: f32 = 1e30;
const ALPHA_MAX: f32 = 1e36;

/// A column as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ColumnRecord {
    /// [`CONTINUOUS`], [`INTEGER`] or [`CONSTANT`].
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// What they are depends on the kind.
    pub values: [F32; 4],
    /// Zero.
    pub reserved_values: [u8; 12],
}

impl ColumnRecord {
    /// Whether the column enters the flow.
    pub fn is_active(&self) -> bool {
        self.kind.get() != CONSTANT
    }

    fn values(&self) -> [f32; 4] {
        self.values.map(F32::get)
    }

    pub(crate) fn check(&self, index: u16) -> Result<(), FormatError> {
        let fail = |offset| Err(FormatError::Record { tag: COLUMNS, index, offset });
        let values = self.values();
        let [_, second, third, fourth] = values;
        let positive = |v: f32| v > 0.0;
        match self.kind.get() {
            CONTINUOUS | INTEGER => {
                if !positive(second) {
                    return fail(8);
                }
                if !positive(third) {
                    return fail(12);
                }
            }
            CONSTANT => {
                if second.abs() > LOG_MASS_MAX {
                    return fail(8);
                }
                if third.abs() > LOG_MASS_MAX {
                    return fail(12);
                }
                if !positive(fourth) {
                    return fail(16);
                }
            }
            kind => return Err(FormatError::UnknownKind { tag: COLUMNS, index, kind }),
        }
        if self.reserved.get() != 0 {
            return fail(2);
        }
        if values.iter().any(|v| !v.is_finite()) {
            return fail(4);
        }
        if self.reserved_values.iter().any(|&b| b != 0) {
            return fail(20);
        }
        Ok(())
    }

    /// The raw value of a standardised one: finite whatever `u` is.
    pub(crate) fn leave(&self, u: f32) -> f32 {
        let [center, scale, _, _] = self.values();
        let q = clamp(u * scale + center, f32::MAX);
        if self.kind.get() == INTEGER { floor(q) } else { q }
    }
}

/// What the columns of a row add up to before the layers.
pub(crate) struct Entered {
    /// How many times outside the trusted box the row lies; 1 inside.
    pub alpha: f32,
    /// Sum of the constant columns' terms.
    pub log_terms: f32,
}

/// Standardises a row into `state`, which has one value for each active column.
pub(crate) fn enter(
    columns: &[ColumnRecord],
    row: impl Iterator<Item = f32>,
    state: &mut [f32],
) -> Result<Entered, EvalError> {
    let mut entered = Entered { alpha: 1.0, log_terms: 0.0 };
    let mut slots = state.iter_mut();
    for (column, (record, x)) in columns.iter().zip(row).enumerate() {
        if !x.is_finite() {
            return Err(EvalError::NotFinite { column });
        }
        if record.is_active() {
            let u = entered.active(record, x);
            if let Some(slot) = slots.next() {
                *slot = u;
            }
        } else {
            entered.log_terms += constant(record, x);
        }
    }
    if entered.alpha > ALPHA_MAX {
        entered.alpha = ALPHA_MAX;
    }
    Ok(entered)
}

impl Entered {
    fn active(&mut self, record: &ColumnRecord, x: f32) -> f32 {
        let [center, scale, reach, midpoint] = record.values();
        // Neither difference nor quotient can be NaN: x is finite, scale positive and finite.
        let u = clamp((x + midpoint - center) / scale, STANDARD_MAX);
        let ratio = u.abs() / reach;
        if ratio > self.alpha {
            self.alpha = ratio;
        }
        u
    }
}

fn constant(record: &ColumnRecord, x: f32) -> f32 {
    let [value, log_mass, log_other, unit] = record.values();
    if x == value {
        return log_mass;
    }
    log_other - libm::log1pf(clamp((x - value).abs() / unit, f32::MAX))
}

/// `v`, or the nearer of ±`bound` beyond it.
pub(crate) fn clamp(v: f32, bound: f32) -> f32 {
    if v > bound {
        bound
    } else if v < -bound {
        -bound
    } else {
        v
    }
}

/// The largest whole number that is not above `v`.
fn floor(v: f32) -> f32 {
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
