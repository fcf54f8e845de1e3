//! Conditioner: a chain of dense layers, ReLU after all but the last, alternating between two buffers.
//!
//! Or a residual one (He et al., "Identity Mappings in Deep Residual Networks", arXiv 1603.05027), of blocks
//! `h = h + W₂ relu(W₁ relu(h) + b₁) + b₂` between a first and a last dense layer. Each dense layer but the first reads
//! its input rectified, so that h stays in the first buffer as it is, and a block's second dense layer is added to it.

use crate::ALL_KINDS;
use crate::dense::{self, ACTIVATION_BOUND, ADD, DenseRecord, IDENTITY, LANES_U32, RELU};
use crate::fault::Fault;
use crate::flow::Flow;
use crate::kernel;
use crate::layer::{STATE_BOUND, Work};
use crate::load::Loading;
use crate::masked::{self, Outputs, Units};
use crate::sparse::{self, BLOCK, Rows};
use zerocopy::little_endian::U16;

/// Whose conditioner it is.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// A circle's: without residual blocks.
    Circle,
    /// A coupling's.
    Coupling,
    /// A masked layer's: without residual blocks, and an output sees the columns before its own, see [`masked`].
    Masked(Outputs),
}

/// Checks `count` dense records that lead from `inputs` values, features first, to `outputs` values.
pub(crate) fn check(loading: &mut Loading<'_>, count: u16, inputs: u32, outputs: u32, of: Of) -> Result<(), Fault> {
    let order = loading.order();
    let mut below = Units::Inputs;
    let mut width = inputs;
    let mut bound = STATE_BOUND;
    let mut hidden = 0u32;
    let residual = matches!(of, Of::Coupling) && loading.is_residual(count);
    let mut held = 0.0;
    let mut first_width = None;
    for step in 1..=count {
        let Some(record) = loading.take_dense() else {
            // There are not as many records as the field for their number says.
            return Err(Fault::field(if matches!(of, Of::Circle) { 2 } else { 6 }));
        };
        let fail = |offset| Err(Fault::dense(offset));
        let last = step == count;
        if u32::from(record.inputs.get()) != width {
            return fail(0);
        }
        width = u32::from(record.outputs.get());
        if width == 0 || (last && width != outputs) {
            return fail(2);
        }
        if residual && !last && *first_width.get_or_insert(width) != width {
            return fail(2);
        }
        let activation = match step {
            _ if last => IDENTITY,
            1 if residual => IDENTITY,
            _ if residual && step % 2 == 1 => ADD,
            _ => RELU,
        };
        if record.activation.get() != activation {
            return fail(4);
        }
        let checked = dense::check(record, bound, loading)?;
        let weights = checked.weights;
        bound = checked.bound;
        // What a residual conditioner holds is in the first buffer, and each block adds to it.
        if residual && step % 2 == 1 {
            bound += held;
            held = bound;
            if bound > ACTIVATION_BOUND {
                return Err(Fault::WEIGHTS_TOO_LARGE);
            }
        }
        let padded = record.panels().saturating_mul(LANES_U32);
        if step % 2 == 1 {
            loading.need_a(padded);
        } else {
            loading.need_b(padded);
        }
        let products = u32::from(record.inputs.get()).saturating_mul(width);
        let Of::Masked(outputs) = of else {
            loading.add_macs(products, products);
            continue;
        };
        let above = if last { Err(outputs) } else { Ok(Units::Hidden(width)) };
        masked::check_weights(weights, record, below, above, order)?;
        let anew = match above {
            Ok(units) => masked::hidden_products(below, units, width, order),
            Err(outputs) => masked::output_products(below, outputs, order),
        };
        loading.add_macs(products, anew);
        // Towards the data all hidden layers are kept, side by side, and the outputs of one column apart.
        if let Ok(units) = above {
            hidden = hidden.saturating_add(padded);
            loading.need_a(hidden);
            below = units;
        } else if let Outputs::Together(each) = outputs {
            // They start anywhere in their first panel.
            let most = u32::from(each).saturating_add(LANES_U32).saturating_sub(1);
            loading.need_b(most.div_ceil(LANES_U32).saturating_mul(LANES_U32));
        }
    }
    Ok(())
}

/// A conditioner that a layer has: its dense records, and how many values of the state it reads, from the first on.
pub(crate) struct Conditioner {
    pub dense: U16,
    pub count: U16,
    pub inputs: usize,
}

impl Conditioner {
    /// The outputs for a state, followed by padding.
    pub(crate) fn run<'w>(&self, flow: &Flow<'_>, state: &[f32], work: &'w mut Work<'_>) -> &'w mut [f32] {
        let input = state.get(..self.inputs).unwrap_or_default();
        // The first layer writes to the first buffer, whichever way it is named.
        let (mut from, mut to) = (&mut *work.b, &mut *work.a);
        for (step, record) in self.records(flow).enumerate() {
            if ALL_KINDS && record.activation.get() == ADD {
                kernel::add(record, flow.weights, from, to);
            } else {
                let read = if step == 0 { input } else { &*from };
                kernel::run(record, flow.weights, read, step > 0, to);
            }
            core::mem::swap(&mut from, &mut to);
        }
        from
    }

    /// The same for a block of rows on a host: all of them go through one dense layer before the next, where the conditioner is
    /// no residual one. Returns the buffer that holds the outputs.
    pub(crate) fn run_block<'w>(
        &self,
        flow: &Flow<'_>,
        states: Rows<&[f32]>,
        mut a: Rows<&'w mut [f32]>,
        mut b: Rows<&'w mut [f32]>,
    ) -> Rows<&'w mut [f32]> {
        if ALL_KINDS && self.records(flow).any(|record| record.activation.get() == ADD) {
            for ((state, a), b) in states.iter().zip(a.iter_mut()).zip(b.iter_mut()) {
                self.run(flow, state, &mut Work { a, b });
            }
            // Its layers are even in number, and take turns with the buffers.
            return b;
        }
        let (mut from, mut to) = (b, a);
        for (step, record) in self.records(flow).enumerate() {
            let read = if step == 0 { states } else { from.by_ref() };
            sparse::run::<BLOCK>(record, flow.weights, read, step > 0, to.by_mut());
            core::mem::swap(&mut from, &mut to);
        }
        from
    }

    fn records<'a>(&self, flow: &Flow<'a>) -> impl Iterator<Item = &'a DenseRecord> {
        flow.dense.get(usize::from(self.dense.get())..).unwrap_or_default().iter().take(self.count.get().into())
    }
}
