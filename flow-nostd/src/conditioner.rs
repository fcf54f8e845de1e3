//! Conditioner: a chain of dense layers, ReLU after all but the last, alternating between two buffers.

use crate::FormatError;
use crate::dense::{self, IDENTITY, RELU};
use crate::flow::Flow;
use crate::kernel;
use crate::layer::{STATE_BOUND, Work};
use crate::load::Loading;
use crate::section::DENSE;

/// Checks `count` dense records that lead from `inputs` values of the state to `outputs` values; `false` where there
/// are not as many records.
pub(crate) fn check(loading: &mut Loading<'_>, count: u16, inputs: u16, outputs: u32) -> Result<bool, FormatError> {
    let mut width = u32::from(inputs);
    let mut bound = STATE_BOUND;
    for step in 1..=count {
        let Some((record, index)) = loading.take_dense() else { return Ok(false) };
        let fail = |offset| Err(FormatError::Record { tag: DENSE, index, offset });
        let last = step == count;
        if u32::from(record.inputs.get()) != width {
            return fail(0);
        }
        width = u32::from(record.outputs.get());
        if width == 0 || (last && width != outputs) {
            return fail(2);
        }
        if record.activation.get() != if last { IDENTITY } else { RELU } {
            return fail(4);
        }
        bound = dense::check(record, index, bound, loading)?;
        let padded = width.saturating_add(7) & !7;
        if step % 2 == 1 {
            loading.need_a(padded);
        } else {
            loading.need_b(padded);
        }
    }
    Ok(true)
}

/// The conditioner's outputs for `input`, followed by padding.
pub(crate) fn run<'w>(flow: &Flow<'_>, first: u16, count: u16, input: &[f32], work: &'w mut Work<'_>) -> &'w [f32] {
    let records = flow.dense.get(usize::from(first)..).unwrap_or_default();
    let (mut from, mut to) = (&mut *work.a, &mut *work.b);
    for (step, record) in records.iter().take(usize::from(count)).enumerate() {
        if step == 0 {
            kernel::run(record, flow.weights, input, false, from);
        } else {
            kernel::run(record, flow.weights, from, true, to);
            core::mem::swap(&mut from, &mut to);
        }
    }
    from
}
