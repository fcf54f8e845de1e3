//! Shift and scale of each value, the same for every row (Kingma and Dhariwal, "Glow", arXiv 1807.03039):
//! `y = x * scale + shift`, with a log-determinant that is a constant of the file.

use crate::column::clamp;
use crate::dense::LANES;
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::STATE_BOUND;
use crate::linear::is_log_det;
use crate::load::Loading;
use crate::range;
use crate::word::Word;
use zerocopy::little_endian::{F32, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A shift and scale as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ActNormRecord {
    /// [`ACT_NORM`](crate::layout::ACT_NORM).
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// Where in the weights the scales, the shifts and the scales' reciprocals start, in values.
    pub values: U32,
    /// The log-determinant.
    pub log_det: F32,
    /// Zero.
    pub reserved_b: [u8; 20],
}

pub(crate) fn check(record: &ActNormRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if record.reserved.get() != 0 {
        return fail(2);
    }
    if record.values.get() as usize != loading.weights_used {
        return fail(4);
    }
    let lines = usize::from(loading.lines);
    let count = lines.saturating_mul(3).div_ceil(LANES).saturating_mul(LANES);
    let Some(values) = loading.take_weights(count as u32) else { return fail(4) };
    let shifts = lines..lines.saturating_mul(2);
    for (j, word) in values.iter().enumerate().take(lines.saturating_mul(3)) {
        let good =
            if shifts.contains(&j) { range::is_at_most(word.get(), f32::MAX) } else { range::is_positive(word.get()) };
        if !good {
            return fail(4);
        }
    }
    if !is_log_det(record.log_det.get()) {
        return fail(8);
    }
    if !is_zero(&record.reserved_b) {
        return fail(12);
    }
    Ok(())
}

pub(crate) fn to_latent(record: &ActNormRecord, flow: &Flow<'_>, state: &mut [f32]) -> f32 {
    if let Some([scales, shifts, _]) = values(record, flow, state.len()) {
        for ((x, scale), shift) in state.iter_mut().zip(scales).zip(shifts) {
            *x = clamp(*x * scale.get() + shift.get(), STATE_BOUND);
        }
    }
    record.log_det.get()
}

pub(crate) fn to_data(record: &ActNormRecord, flow: &Flow<'_>, state: &mut [f32]) {
    let Some([_, shifts, reciprocals]) = values(record, flow, state.len()) else { return };
    for ((y, shift), reciprocal) in state.iter_mut().zip(shifts).zip(reciprocals) {
        *y = clamp((*y - shift.get()) * reciprocal.get(), STATE_BOUND);
    }
}

fn values<'a>(record: &ActNormRecord, flow: &Flow<'a>, lines: usize) -> Option<[&'a [Word]; 3]> {
    parts(flow.weights.get(record.values.get() as usize..)?, lines)
}

/// Scales, shifts and reciprocals.
fn parts(values: &[Word], lines: usize) -> Option<[&[Word]; 3]> {
    let (scales, rest) = values.split_at_checked(lines)?;
    let (shifts, rest) = rest.split_at_checked(lines)?;
    Some([scales, shifts, rest.get(..lines)?])
}
