//! Affine coupling (Dinh et al., "Density estimation using Real NVP", arXiv 1605.08803).
//!
//! The first `kept` values pass unchanged and, after the features, condition the others, which [`affine`] transforms: the conditioner gives
//! all shifts, then all raw log-scales.

use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Conditioned;
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

pub(crate) fn conditioned(record: &AffineCouplingRecord, flow: &Flow<'_>) -> Conditioned {
    coupling::conditioned(record.kept, record.dense, record.dense_count, flow)
}

pub(crate) fn to_latent(record: &AffineCouplingRecord, moved: &mut [f32], out: &[f32]) -> f32 {
    let bound = record.scale_bound.get();
    on_hosts! {
        let (shifts, raws) = out.split_at_checked(moved.len()).unwrap_or_default();
        return crate::affines::to_latent(moved, shifts, raws, bound);
    }
    let mut log_det = 0.0;
    each(moved, out, |y, shift, raw| log_det += affine::to_latent(y, shift, raw, bound));
    log_det
}

pub(crate) fn to_data(record: &AffineCouplingRecord, moved: &mut [f32], out: &[f32]) {
    let bound = record.scale_bound.get();
    each(moved, out, |y, shift, raw| affine::to_data(y, shift, raw, bound));
}

/// Calls `transform` with each value that is not kept, its shift and its raw log-scale, which the conditioner gives.
fn each(moved: &mut [f32], out: &[f32], mut transform: impl FnMut(&mut f32, f32, f32)) {
    let Some((shifts, raws)) = out.split_at_checked(moved.len()) else { return };
    for ((y, &shift), &raw) in moved.iter_mut().zip(shifts).zip(raws) {
        transform(y, shift, raw);
    }
}
