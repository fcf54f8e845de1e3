//! Product with a matrix, `y = x · W`, whose log-determinant is a constant of the file (Kingma and Dhariwal, "Glow",
//! arXiv 1807.03039, section 3.2).
//!
//! The file holds the matrix and its inverse, each as a dense layer: either direction is one run of the kernel.

use crate::column::clamp;
use crate::dense::{self, LANES_U32};
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::kernel;
use crate::layer::{STATE_BOUND, Work};
use crate::load::Loading;
use crate::range;
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bound on the absolute log-determinant that a file gives for a layer.
pub const LOG_DET_MAX: f32 = 1e9;

/// A linear layer as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LinearRecord {
    /// [`LINEAR`](crate::layout::LINEAR).
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// The matrix's dense record; its inverse's follows it.
    pub dense: U16,
    /// 2.
    pub dense_count: U16,
    /// The log-determinant.
    pub log_det: F32,
    /// Zero.
    pub reserved_b: [u8; 20],
}

/// Whether the engine accepts a file's log-determinant.
pub(crate) fn is_log_det(v: f32) -> bool {
    range::is_at_most(v, LOG_DET_MAX)
}

pub(crate) fn check(record: &LinearRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if record.reserved.get() != 0 {
        return fail(2);
    }
    if usize::from(record.dense.get()) != loading.dense_used {
        return fail(4);
    }
    if record.dense_count.get() != 2 {
        return fail(6);
    }
    if !is_log_det(record.log_det.get()) {
        return fail(8);
    }
    if !is_zero(&record.reserved_b) {
        return fail(12);
    }
    for _ in 0..2 {
        let Some(square) = dense::check_square(loading)? else { return fail(6) };
        // The inverse undoes the matrix, and nothing else.
        if square.biases.iter().any(|bias| bias.bits() != 0) {
            return Err(Fault::dense(12));
        }
        loading.need_a(square.record.panels().saturating_mul(LANES_U32));
    }
    let products = u32::from(loading.lines).saturating_mul(loading.lines.into());
    loading.add_macs(products, products);
    Ok(())
}

pub(crate) fn to_latent(record: &LinearRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    multiply(flow, record.dense.get().into(), state, work);
    record.log_det.get()
}

pub(crate) fn to_data(record: &LinearRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    multiply(flow, usize::from(record.dense.get()).saturating_add(1), state, work);
}

fn multiply(flow: &Flow<'_>, dense: usize, state: &mut [f32], work: &mut Work<'_>) {
    let Some(matrix) = flow.dense.get(dense) else { return };
    kernel::run_straight(matrix, flow.weights, state, work.a);
    for (x, y) in state.iter_mut().zip(work.a.iter()) {
        *x = clamp(*y, STATE_BOUND);
    }
}
