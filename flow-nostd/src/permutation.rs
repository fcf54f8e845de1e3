//! Permutation of the columns: `y_j = x_{order[j]}`, with log-determinant 0.
//!
//! The file holds the order and its inverse. Thereby either direction gathers, and one pass proves that both are
//! permutations: a list whose entries lead back to where they stand cannot hold one of them twice.

use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Work;
use crate::load::Loading;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A permutation as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PermutationRecord {
    /// [`PERMUTATION`](crate::layout::PERMUTATION).
    pub kind: U16,
    /// Zero.
    pub reserved: U16,
    /// Where in the indices the order starts; its inverse follows it.
    pub indices: U32,
    /// Zero.
    pub reserved_b: [u8; 24],
}

pub(crate) fn check(record: &PermutationRecord, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if record.reserved.get() != 0 {
        return fail(2);
    }
    if !is_zero(&record.reserved_b) {
        return fail(8);
    }
    let dim = usize::from(loading.lines);
    if record.indices.get() as usize != loading.indices_used {
        return fail(4);
    }
    let (Some(order), Some(inverse)) = (loading.take_indices(dim), loading.take_indices(dim)) else {
        return fail(4);
    };
    for (j, from) in order.iter().enumerate() {
        if inverse.get(usize::from(from.get())).map(|to| usize::from(to.get())) != Some(j) {
            return Err(Fault::NOT_A_PERMUTATION);
        }
    }
    loading.need_a(dim as u32);
    Ok(())
}

pub(crate) fn to_latent(record: &PermutationRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    gather(flow, record.indices.get() as usize, state, work);
    0.0
}

pub(crate) fn to_data(record: &PermutationRecord, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    gather(flow, (record.indices.get() as usize).saturating_add(state.len()), state, work);
}

fn gather(flow: &Flow<'_>, first: usize, state: &mut [f32], work: &mut Work<'_>) {
    let order = flow.indices.get(first..).unwrap_or_default();
    for (y, from) in work.a.iter_mut().zip(order).take(state.len()) {
        *y = state.get(usize::from(from.get())).copied().unwrap_or(0.0);
    }
    // Swapped, where a copy would do, for compilers to see no `memcpy` in it.
    for (slot, y) in state.iter_mut().zip(work.a.iter_mut()) {
        core::mem::swap(slot, y);
    }
}
