//! Spline coupling (Durkan et al., "Neural Spline Flows", arXiv 1906.04032).
//!
//! The first `kept` values pass unchanged and, after the features, condition the others, which [`spline`] transforms: the conditioner gives
//! the raw values column after column.

use crate::coupling;
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Conditioned;
use crate::load::Loading;
use crate::spline::{self, Spline};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A spline coupling as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SplineCouplingRecord {
    /// [`SPLINE_COUPLING`](crate::layout::SPLINE_COUPLING).
    pub kind: U16,
    /// How many values pass unchanged; 0 only where the dimension is 1.
    pub kept: U16,
    /// First dense record of the conditioner.
    pub dense: U16,
    /// Number of dense records of the conditioner.
    pub dense_count: U16,
    /// Half-width of the box outside which the splines are the identity.
    pub tail_bound: F32,
    /// Number of bins.
    pub num_bins: U16,
    /// Zero.
    pub reserved: [u8; 18],
}

pub(crate) fn check(record: &SplineCouplingRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let bins = record.num_bins.get();
    spline::check(record.tail_bound.get(), bins)?;
    if !is_zero(&record.reserved) {
        return Err(Fault::field(14));
    }
    let each = spline::raw_values(bins);
    coupling::check(record.kept.get(), record.dense.get(), record.dense_count.get(), each, loading)
}

pub(crate) fn conditioned(record: &SplineCouplingRecord, flow: &Flow<'_>) -> Conditioned {
    coupling::conditioned(record.kept, record.dense, record.dense_count, flow)
}

pub(crate) fn to_latent(record: &SplineCouplingRecord, moved: &mut [f32], out: &mut [f32]) -> f32 {
    on_hosts! {
        return crate::splines::to_latent(record.tail_bound.get(), record.num_bins.get(), moved, out);
    }
    let mut log_det = 0.0;
    each(record, moved, out, |spline, y, raws| log_det += spline.to_latent(y, raws));
    log_det
}

pub(crate) fn to_data(record: &SplineCouplingRecord, moved: &mut [f32], out: &mut [f32]) {
    each(record, moved, out, Spline::to_data);
}

/// Calls `transform` with the spline, each value that is not kept, and its raw values, which the conditioner gives.
fn each(
    record: &SplineCouplingRecord,
    moved: &mut [f32],
    mut out: &mut [f32],
    mut transform: impl FnMut(&Spline, &mut f32, &mut [f32]),
) {
    let bins = record.num_bins.get();
    let spline = Spline::new(record.tail_bound.get(), bins);
    for y in moved {
        let Some((raws, rest)) = out.split_at_mut_checked(spline::raw_values(bins).into()) else { return };
        transform(&spline, y, raws);
        out = rest;
    }
}
