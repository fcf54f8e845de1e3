//! Spline coupling (Durkan et al., "Neural Spline Flows", arXiv 1906.04032).
//!
//! The first `kept` values pass unchanged and, after the features, condition the others, which [`spline`] transforms: the conditioner gives
//! the raw values column after column.

use crate::conditioner;
use crate::coupling;
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Work;
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

pub(crate) fn to_latent(record: &SplineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    let mut log_det = 0.0;
    each(record, flow, state, work, |spline, y, raws| log_det += spline.to_latent(y, raws));
    log_det
}

pub(crate) fn to_data(record: &SplineCouplingRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    each(record, flow, state, work, Spline::to_data);
}

/// Calls `transform` with the spline, each value that is not kept, and its raw values.
fn each(
    record: &SplineCouplingRecord,
    flow: &Flow<'_>,
    state: &mut [f32],
    work: &mut Work<'_>,
    mut transform: impl FnMut(&Spline, &mut f32, &mut [f32]),
) {
    let kept = flow.features.saturating_add(record.kept.get().into());
    let Some((kept, moved)) = state.split_at_mut_checked(kept) else { return };
    let mut out = conditioner::run(flow, record.dense.get(), record.dense_count.get(), kept, work);
    let bins = record.num_bins.get();
    let spline = Spline::new(record.tail_bound.get(), bins);
    for y in moved {
        let Some((raws, rest)) = out.split_at_mut_checked(spline::raw_values(bins).into()) else { return };
        transform(&spline, y, raws);
        out = rest;
    }
}
