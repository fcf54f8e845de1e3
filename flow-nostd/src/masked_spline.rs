//! Masked autoregressive flow (Papamakarios et al., arXiv 1705.07057) with a [`spline`] for each column, conditioned on
//! the columns before it. The conditioner gives the raw values column after column.

use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::{Conditioned, Work};
use crate::load::Loading;
use crate::masked::{self, Outputs};
use crate::spline::{self, Spline};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A masked spline layer as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MaskedSplineRecord {
    /// [`MASKED_SPLINE`](crate::layout::MASKED_SPLINE).
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// First dense record of the conditioner.
    pub dense: U16,
    /// Number of dense records of the conditioner.
    pub dense_count: U16,
    /// Half-width of the box outside which the splines are the identity.
    pub tail_bound: F32,
    /// Number of bins.
    pub num_bins: U16,
    /// Zero.
    pub reserved_b: [u8; 18],
}

pub(crate) fn check(record: &MaskedSplineRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let bins = record.num_bins.get();
    spline::check(record.tail_bound.get(), bins)?;
    if !is_zero(&record.reserved_b) {
        return Err(Fault::field(14));
    }
    let (dense, count) = (record.dense.get(), record.dense_count.get());
    let outputs = Outputs::Together(spline::raw_values(bins));
    masked::check(record.reserved.get(), dense, count, outputs, loading)
}

pub(crate) fn conditioned(record: &MaskedSplineRecord, flow: &Flow<'_>) -> Conditioned {
    masked::conditioned(record.dense, record.dense_count, flow)
}

pub(crate) fn to_latent(record: &MaskedSplineRecord, lines: &mut [f32], mut out: &mut [f32]) -> f32 {
    let bins = record.num_bins.get();
    let spline = Spline::new(record.tail_bound.get(), bins);
    on_hosts! {
        return crate::splines::to_latent(record.tail_bound.get(), bins, lines, out);
    }
    let mut log_det = 0.0;
    for x in lines {
        let Some((raws, rest)) = out.split_at_mut_checked(spline::raw_values(bins).into()) else { break };
        log_det += spline.to_latent(x, raws);
        out = rest;
    }
    log_det
}

pub(crate) fn to_data(record: &MaskedSplineRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    let bins = record.num_bins.get();
    let spline = Spline::new(record.tail_bound.get(), bins);
    let each = usize::from(spline::raw_values(bins));
    masked::to_data(flow, record.dense.get(), record.dense_count.get(), state, work, |seen, column, y, buffer| {
        spline.to_data(y, seen.outputs(column.saturating_mul(each), each, buffer));
    });
}
