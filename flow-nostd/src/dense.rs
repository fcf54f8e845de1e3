//! Dense layer `y = x · W + b`, in panels of eight outputs.
//!
//! Weights lie as `[outputs / 8][inputs][8]` and biases as `[outputs / 8][8]`, padded with zeros to whole panels. Each
//! output starts at its bias and adds `x_i * w_i` in the order of the inputs, product and sum rounded apart: the same
//! bits at every width of SIMD. Because a bias is never -0, neither is any sum, and adding a product ±0 changes nothing.

use crate::FormatError;
use crate::load::Loading;
use crate::section::DENSE;
use crate::word::Word;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Activation: none.
pub const IDENTITY: u16 = 0;
/// Activation: `y` where `y > 0`, else 0.
pub const RELU: u16 = 1;
/// Outputs of a panel.
pub const LANES: usize = 8;
/// Whether an input of +0, as ReLU leaves many, is passed over: where a branch costs less than eight products. The bits
/// of the result are the same.
const SKIP_ZEROS: bool = cfg!(any(target_arch = "arm", target_arch = "riscv32"));
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
    /// [`IDENTITY`] or [`RELU`].
    pub activation: U16,
    /// Zero.
    pub reserved: U16,
    /// Where in the weights the panels start, in values.
    pub weights: U32,
    /// Where in the weights the biases start, in values.
    pub biases: U32,
}

impl DenseRecord {
    /// Number of panels.
    fn panels(&self) -> u32 {
        u32::from(self.outputs.get()).div_ceil(LANES as u32)
    }
}

/// Checks a record and its weights; `bound` bounds the inputs, the result bounds the outputs.
pub(crate) fn check(
    record: &DenseRecord,
    index: u16,
    bound: f32,
    loading: &mut Loading<'_>,
) -> Result<f32, FormatError> {
    let fail = |offset| Err(FormatError::Record { tag: DENSE, index, offset });
    if record.reserved.get() != 0 {
        return fail(6);
    }
    let panels = record.panels();
    let inputs = u32::from(record.inputs.get());
    let count = u64::from(panels).saturating_mul(u64::from(inputs)).saturating_mul(LANES as u64);
    if record.weights.get() as usize != loading.weights_used {
        return fail(8);
    }
    let Some(weights) = loading.take_weights(count) else { return fail(8) };
    if record.biases.get() as usize != loading.weights_used {
        return fail(12);
    }
    let Some(biases) = loading.take_weights(u64::from(panels).saturating_mul(LANES as u64)) else { return fail(12) };
    if biases.iter().any(|&b| b.bits() == (-0.0f32).to_bits()) {
        return Err(FormatError::NegativeZero { dense: index });
    }
    let (weight, bias) = (largest(weights), largest(biases));
    if !(weight.is_finite() && bias.is_finite()) {
        return Err(FormatError::WeightNotFinite { dense: index });
    }
    loading.add_macs(inputs, u32::from(record.outputs.get()))?;
    let bound = inputs as f32 * (weight * bound) + bias;
    if !(0.0..=ACTIVATION_BOUND).contains(&bound) {
        return Err(FormatError::WeightsTooLarge { dense: index });
    }
    Ok(bound)
}

/// The largest magnitude; NaN counts as larger than infinity.
fn largest(values: &[Word]) -> f32 {
    // Without the sign, the bits of floating-point numbers are ordered as the numbers are.
    f32::from_bits(values.iter().fold(0, |max, &v| max.max(v.bits() & 0x7fff_ffff)))
}

/// Computes the layer. `input` may be longer than its inputs; `output` has room for whole panels.
pub(crate) fn run(record: &DenseRecord, weights: &[Word], input: &[f32], output: &mut [f32]) {
    let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
    let (rows, _) = weights.get(record.weights.get() as usize..).unwrap_or_default().as_chunks::<LANES>();
    let (biases, _) = weights.get(record.biases.get() as usize..).unwrap_or_default().as_chunks::<LANES>();
    let (outputs, _) = output.as_chunks_mut::<LANES>();
    let relu = record.activation.get() == RELU;
    let mut rows = rows;
    for (bias, out) in biases.iter().zip(outputs).take(record.panels() as usize) {
        let Some((panel, rest)) = rows.split_at_checked(input.len()) else { return };
        rows = rest;
        panel_of_eight::<SKIP_ZEROS>(bias, panel, input, relu, out);
    }
}

/// Eight accumulators with names of their own: an array of them is kept in memory at opt-level "s".
macro_rules! accumulate {
    ($bias:ident, $panel:ident, $input:ident, $relu:ident, $out:ident; $($acc:ident $weight:ident),*) => {{
        let &[$($acc),*] = $bias;
        $(let mut $acc = $acc.get();)*
        for (x, &[$($weight),*]) in $input.iter().zip($panel) {
            let x = *x;
            if !SKIP || x.to_bits() != 0 {
                $($acc += x * $weight.get();)*
            }
        }
        if $relu {
            $($acc = if $acc > 0.0 { $acc } else { 0.0 };)*
        }
        *$out = [$($acc),*];
    }};
}

#[inline(always)]
fn panel_of_eight<const SKIP: bool>(
    bias: &[Word; LANES],
    panel: &[[Word; LANES]],
    input: &[f32],
    relu: bool,
    out: &mut [f32; LANES],
) {
    accumulate!(bias, panel, input, relu, out; a0 w0, a1 w1, a2 w2, a3 w3, a4 w4, a5 w5, a6 w6, a7 w7);
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromBytes, IntoBytes};

    /// Eight words a row: the bits of the values, least significant byte first.
    fn words(values: &[[u32; LANES]], test: impl FnOnce(&[[Word; LANES]])) {
        let values: std::vec::Vec<u32> = values.as_flattened().iter().map(|v| v.to_le()).collect();
        let words = <[Word]>::ref_from_bytes(values.as_bytes()).unwrap();
        test(words.as_chunks::<LANES>().0);
    }

    #[test]
    fn passing_over_zeros_changes_no_bit() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        };
        for _ in 0..300 {
            let mut value = || match next() >> 29 {
                0 => 0,
                1 => 0x8000_0000,
                2 => next() & 0x807f_ffff,
                _ => (next() & 0x81ff_ffff) | 0x3e00_0000,
            };
            let mut rows = [[0u32; LANES]; 10];
            rows.as_flattened_mut().iter_mut().for_each(|v| *v = value());
            let input: [f32; 9] = core::array::from_fn(|_| f32::from_bits(value()));
            let [bias, ..] = &mut rows;
            bias.iter_mut().filter(|b| **b == 0x8000_0000).for_each(|b| *b = 0);
            words(&rows, |words| {
                let (bias, panel) = words.split_first().unwrap();
                for relu in [false, true] {
                    let (mut all, mut some) = ([0.0; LANES], [0.0; LANES]);
                    panel_of_eight::<false>(bias, panel, &input, relu, &mut all);
                    panel_of_eight::<true>(bias, panel, &input, relu, &mut some);
                    assert_eq!(all.map(f32::to_bits), some.map(f32::to_bits));
                }
            });
        }
    }
}
