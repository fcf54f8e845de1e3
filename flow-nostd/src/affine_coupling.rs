//! Affine coupling (Dinh et al., "Density estimation using Real NVP", arXiv 1605.08803).
//!
//! The first `kept` values pass unchanged and, after the features, condition the others, which [`affine`] transforms: the conditioner gives
//! all shifts, then all raw log-scales.

use crate::conditioner;
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Work;
use crate::load::Loading;
use crate::{affine, coupling};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

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

pub(crate) fn check(record: &AffineCouplingRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if !affine::is_bound(record.scale_bound.get()) {
        return fail(8);
    }
    if !is_zero(&record.reserved) {
        return fail(12);
    }
    coupling::check(record.kept.get(), record.dense.get(), record.dense_count.get(), 2, loading)
}

pub(crate) fn to_latent(record: &AffineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    let bound = record.scale_bound.get();
    let mut log_det = 0.0;
    each(record, flow, state, work, |y, shift, raw| log_det += affine::to_latent(y, shift, raw, bound));
    log_det
}

pub(crate) fn to_data(record: &AffineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    let bound = record.scale_bound.get();
    each(record, flow, state, work, |y, shift, raw| affine::to_data(y, shift, raw, bound));
}

/// Calls `transform` with each value that is not kept, its shift and its raw log-scale.
fn each(
    record: &AffineCouplingRecord,
    flow: &Flow<'_>,
    state: &mut [f32],
    work: &mut Work<'_>,
    mut transform: impl FnMut(&mut f32, f32, f32),
) {
    let kept = flow.features.saturating_add(record.kept.get().into());
    let Some((kept, moved)) = state.split_at_mut_checked(kept) else { return };
    let out = conditioner::run(flow, record.dense.get(), record.dense_count.get(), kept, work);
    let Some((shifts, raws)) = out.split_at_checked(moved.len()) else { return };
    for ((y, &shift), &raw) in moved.iter_mut().zip(shifts).zip(raws) {
        transform(y, shift, raw);
    }
}
