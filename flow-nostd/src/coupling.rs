//! What all couplings share: which values pass unchanged, and which dense layers read them.

use crate::conditioner::{self, Conditioner, Of};
use crate::fault::Fault;
use crate::flow::Flow;
use crate::layer::Conditioned;
use crate::load::Loading;
use zerocopy::little_endian::U16;

/// Checks the fields at the bytes 2, 4 and 6 of a coupling's record and the conditioner that they name, which gives
/// `each` outputs for each value that is not kept.
pub(crate) fn check(kept: u16, dense: u16, count: u16, each: u16, loading: &mut Loading<'_>) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if kept >= loading.lines || (kept == 0 && loading.lines != 1) {
        return fail(2);
    }
    if usize::from(dense) != loading.dense_used {
        return fail(4);
    }
    let inputs = loading.features.saturating_add(kept.into());
    if count == 0 || (inputs == 0 && count != 1) {
        return fail(6);
    }
    let moved = u32::from(loading.lines.saturating_sub(kept));
    let outputs = moved.saturating_mul(each.into());
    conditioner::check(loading, count, inputs, outputs, Of::Coupling)
}

/// The conditioner of a coupling, which reads the features and the values that are kept.
pub(crate) fn conditioned(kept: U16, dense: U16, count: U16, flow: &Flow<'_>) -> Conditioned {
    let inputs = flow.features.saturating_add(kept.get().into());
    Conditioned { conditioner: Conditioner { dense, count, inputs }, first: inputs }
}
