//! Dense layer `y = x · W + b`, in panels of eight outputs.
//!
//! Weights lie as `[outputs / 8][inputs][8]` and biases as `[outputs / 8][8]`, padded with zeros to whole panels. Each
//! output starts at its bias and adds `x_i * w_i` in the order of the inputs, product and sum rounded apart: the same
//! bits at every width of SIMD. Because a bias is never -0, neither is any sum, and adding a product ±0 changes nothing.
//!
//! Conditioners' weights may be bytes instead, whole numbers from -127 to 127 in the same panels, with a scale for each
//! output, `[outputs / 8][8]`, behind the biases. The sum then starts at +0, and the output is `bias + sum * scale`.

use crate::ALL_KINDS;
use crate::fault::Fault;
use crate::header::WEIGHTS_F32;
use crate::layer::STATE_BOUND;
use crate::load::Loading;
use crate::range;
use crate::word::Word;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Activation: none.
pub const IDENTITY: u16 = 0;
/// Activation: `y` where `y > 0`, else 0.
pub const RELU: u16 = 1;
/// Activation: none, and `y` is added to the values two layers before, see the conditioner.
pub const ADD: u16 = 2;
/// Weight type of a dense record: whole numbers of eight bits, and a scale for each output.
pub const WEIGHTS_I8: u16 = 1;
/// The largest of them, and the smallest without its sign.
const I8_MAX: f32 = 127.0;
/// Outputs of a panel.
pub const LANES: usize = 8;
/// The same as a `u32`.
pub(crate) const LANES_U32: u32 = LANES as u32;
/// Bound on every activation; weights that might lead beyond it are refused.
pub const ACTIVATION_BOUND: f32 = 1e30;

/// A dense layer as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DenseRecord {
    /// Number of inputs; 0 for a bias alone.
    pub inputs: U16,
    /// Number of outputs.
    pub outputs: U16,
    /// [`IDENTITY`], [`RELU`] or [`ADD`].
    pub activation: U16,
    /// [`WEIGHTS_F32`](crate::layout::WEIGHTS_F32) or [`WEIGHTS_I8`].
    pub weight_type: U16,
    /// Where in the weights the panels start, in values.
    pub weights: U32,
    /// Where in the weights the biases start, in values.
    pub biases: U32,
}

impl DenseRecord {
    /// Number of panels.
    pub(crate) fn panels(&self) -> u32 {
        u32::from(self.outputs.get()).div_ceil(LANES_U32)
    }

    /// Whether the weights are bytes.
    #[inline(always)]
    pub(crate) fn is_i8(&self) -> bool {
        ALL_KINDS && self.weight_type.get() == WEIGHTS_I8
    }

    /// Where among the layer's weights, not as bytes, the one of an input for an output lies.
    pub(crate) fn place(&self, input: usize, output: usize) -> usize {
        let row = (output / LANES).saturating_mul(self.inputs.get().into()).saturating_add(input);
        row.saturating_mul(LANES).saturating_add(output % LANES)
    }
}

/// What was checked of a dense layer.
pub(crate) struct Checked<'a> {
    /// Bounds the outputs.
    pub bound: f32,
    pub weights: &'a [Word],
    pub biases: &'a [Word],
}

/// A dense layer from the latent values to as many, without an activation.
pub(crate) struct Square<'a> {
    pub record: &'a DenseRecord,
    pub weights: &'a [Word],
    pub biases: &'a [Word],
}

/// Takes and checks such a layer; `None` where there is no further dense record.
pub(crate) fn check_square<'a>(loading: &mut Loading<'a>) -> Result<Option<Square<'a>>, Fault> {
    let Some(record) = loading.take_dense() else { return Ok(None) };
    let fail = |offset| Err(Fault::dense(offset));
    if record.inputs.get() != loading.lines {
        return fail(0);
    }
    if record.outputs.get() != loading.lines || loading.lines == 0 {
        return fail(2);
    }
    if record.activation.get() != IDENTITY {
        return fail(4);
    }
    if record.is_i8() {
        return fail(6);
    }
    let Checked { weights, biases, .. } = check(record, STATE_BOUND, loading)?;
    Ok(Some(Square { record, weights, biases }))
}

/// Checks a record and its weights; `bound` bounds the inputs.
pub(crate) fn check<'a>(record: &DenseRecord, bound: f32, loading: &mut Loading<'a>) -> Result<Checked<'a>, Fault> {
    let fail = |offset| Err(Fault::dense(offset));
    if !(record.weight_type.get() == WEIGHTS_F32 || record.is_i8()) {
        return fail(6);
    }
    let panels = record.panels();
    let inputs = u32::from(record.inputs.get());
    // At most 2^16 outputs with their padding, and fewer inputs: fits.
    let lanes = panels.wrapping_mul(LANES_U32);
    let count = lanes.wrapping_mul(inputs);
    // Bytes come in eights, which are whole words.
    let count = if record.is_i8() { count / 4 } else { count };
    if record.weights.get() as usize != loading.weights_used {
        return fail(8);
    }
    let Some(weights) = loading.take_weights(count) else { return fail(8) };
    if record.biases.get() as usize != loading.weights_used {
        return fail(12);
    }
    let Some(biases) = loading.take_weights(lanes) else { return fail(12) };
    if biases.iter().any(|&b| b.bits() == (-0.0f32).to_bits()) {
        return Err(Fault::NEGATIVE_ZERO);
    }
    let weight = if record.is_i8() {
        let Some(scales) = loading.take_weights(lanes) else { return fail(12) };
        largest_scaled(weights, scales)?
    } else {
        largest(weights)
    };
    let bias = largest(biases);
    if !(range::is_at_most(weight, f32::MAX) && range::is_at_most(bias, f32::MAX)) {
        return Err(Fault::WEIGHT_NOT_FINITE);
    }
    let bound = inputs as f32 * (weight * bound) + bias;
    if !range::is_at_most(bound, ACTIVATION_BOUND) {
        return Err(Fault::WEIGHTS_TOO_LARGE);
    }
    Ok(Checked { bound, weights, biases })
}

/// The largest magnitude that weights of eight bits may have, whatever they are.
fn largest_scaled(weights: &[Word], scales: &[Word]) -> Result<f32, Fault> {
    if scales.iter().any(|scale| scale.bits() >> 31 != 0) {
        return Err(Fault::dense(12));
    }
    if weights.as_bytes().contains(&i8::MIN.cast_unsigned()) {
        return Err(Fault::WEIGHTS_TOO_LARGE);
    }
    Ok(I8_MAX * largest(scales))
}

/// The largest magnitude; NaN counts as larger than infinity.
#[inline(never)]
fn largest(values: &[Word]) -> f32 {
    // Without the sign, the bits of floating-point numbers are ordered as the numbers are.
    f32::from_bits(values.iter().fold(0, |max, &v| max.max(v.bits() & 0x7fff_ffff)))
}
