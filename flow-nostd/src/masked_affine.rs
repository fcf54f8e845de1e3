//! Masked autoregressive flow (Papamakarios et al., arXiv 1705.07057): [`affine`] transforms of each column, conditioned
//! on the columns before it. The conditioner gives all shifts, then all raw log-scales.

use crate::affine;
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::{Conditioned, Work};
use crate::load::Loading;
use crate::masked::{self, Outputs};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A masked affine layer as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MaskedAffineRecord {
    /// [`MASKED_AFFINE`](crate::layout::MASKED_AFFINE).
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// First dense record of the conditioner.
    pub dense: U16,
    /// Number of dense records of the conditioner.
    pub dense_count: U16,
    /// Bound `c` on the absolute log-scale.
    pub scale_bound: F32,
    /// Zero.
    pub reserved_b: [u8; 20],
}

pub(crate) fn check(record: &MaskedAffineRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if !affine::is_bound(record.scale_bound.get()) {
        return fail(8);
    }
    if !is_zero(&record.reserved_b) {
        return fail(12);
    }
    let (dense, count) = (record.dense.get(), record.dense_count.get());
    masked::check(record.reserved.get(), dense, count, Outputs::Interleaved, loading)
}

pub(crate) fn conditioned(record: &MaskedAffineRecord, flow: &Flow<'_>) -> Conditioned {
    masked::conditioned(record.dense, record.dense_count, flow)
}

pub(crate) fn to_latent(record: &MaskedAffineRecord, lines: &mut [f32], out: &[f32]) -> f32 {
    let Some((shifts, raws)) = out.split_at_checked(lines.len()) else { return 0.0 };
    let bound = record.scale_bound.get();
    on_hosts! {
        return crate::affines::to_latent(lines, shifts, raws, bound);
    }
    let mut log_det = 0.0;
    for ((x, &shift), &raw) in lines.iter_mut().zip(shifts).zip(raws) {
        log_det += affine::to_latent(x, shift, raw, bound);
    }
    log_det
}

pub(crate) fn to_data(record: &MaskedAffineRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    let bound = record.scale_bound.get();
    masked::to_data(flow, record.dense.get(), record.dense_count.get(), state, work, |seen, column, y, _| {
        affine::to_data(y, seen.output(column), seen.output(column.saturating_add(flow.lines)), bound);
    });
}
