//! Affine coupling (Dinh et al., "Density estimation using Real NVP", arXiv 1605.08803).
//!
//! The first `kept` values pass unchanged and condition the others: `y = [a, b * exp(s) + t]`, log-determinant `Σ s`.
//! The conditioner gives `t` and a raw `r`; `s = r / (1 + |r| / c)` has slope 1 at 0 and stays within ±c.

use crate::FormatError;
use crate::column::clamp;
use crate::conditioner;
use crate::flow::Flow;
use crate::layer::{STATE_BOUND, Work};
use crate::load::Loading;
use crate::section::LAYERS;
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Largest bound on the absolute log-scale: `exp` of it, and of its negative, is a normal number.
pub const SCALE_BOUND_MAX: f32 = 80.0;
/// Smallest bound on the absolute log-scale: dividing any activation by it cannot overflow.
pub const SCALE_BOUND_MIN: f32 = 1e-6;

/// An affine coupling as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AffineCouplingRecord {
    /// [`AFFINE_COUPLING`](crate::layout::AFFINE_COUPLING).
    pub kind: U16,
    /// How many values pass unchanged; 0 only where the dimension is 1.
    pub kept: U16,
    /// First dense record of the conditioner.
    pub dense: U16,
    /// Number of dense records of the conditioner.
    pub dense_count: U16,
    /// Bound `c` on the absolute log-scale.
    pub scale_bound: F32,
    /// Zero.
    pub reserved: [u8; 20],
}

pub(crate) fn check(record: &AffineCouplingRecord, index: u16, loading: &mut Loading<'_>) -> Result<(), FormatError> {
    let fail = |offset| Err(FormatError::Record { tag: LAYERS, index, offset });
    let kept = record.kept.get();
    if kept >= loading.dim || (kept == 0 && loading.dim != 1) {
        return fail(2);
    }
    if usize::from(record.dense.get()) != loading.dense_used {
        return fail(4);
    }
    let count = record.dense_count.get();
    if count == 0 || (kept == 0 && count != 1) {
        return fail(6);
    }
    let bound = record.scale_bound.get();
    if !(SCALE_BOUND_MIN..=SCALE_BOUND_MAX).contains(&bound) {
        return fail(8);
    }
    if record.reserved != [0; 20] {
        return fail(12);
    }
    let moved = u32::from(loading.dim.saturating_sub(kept));
    if !conditioner::check(loading, count, kept, moved.saturating_mul(2))? {
        return fail(6);
    }
    Ok(())
}

pub(crate) fn to_latent(record: &AffineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    let mut log_det = 0.0;
    each(record, flow, state, work, |y, shift, s| {
        log_det += s;
        *y * libm::expf(s) + shift
    });
    log_det
}

pub(crate) fn to_data(record: &AffineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    each(record, flow, state, work, |y, shift, s| (*y - shift) * libm::expf(-s));
}

/// Replaces each value that is not kept by what `transform` makes of it, its shift and its log-scale.
fn each(
    record: &AffineCouplingRecord,
    flow: &Flow<'_>,
    state: &mut [f32],
    work: &mut Work<'_>,
    mut transform: impl FnMut(&f32, f32, f32) -> f32,
) {
    let Some((kept, moved)) = state.split_at_mut_checked(usize::from(record.kept.get())) else { return };
    let out = conditioner::run(flow, record.dense.get(), record.dense_count.get(), kept, work);
    let Some((shifts, raws)) = out.split_at_checked(moved.len()) else { return };
    let bound = record.scale_bound.get();
    for ((y, &shift), &raw) in moved.iter_mut().zip(shifts).zip(raws) {
        let s = raw / (1.0 + raw.abs() / bound);
        *y = clamp(transform(y, shift, s), STATE_BOUND);
    }
}
