//! The dense kernel: panels of eight outputs, each a bias and a sum of products in the order of the inputs.
//!
//! Every way through gives the same bits. Small cores take one panel at a time, since its accumulators fill their
//! registers, and pass over zeros by a branch at each input. Larger ones do it [otherwise](crate::sparse).

use crate::SMALL_CORE;
use crate::dense::{DenseRecord, LANES};
use crate::sparse::{self, Rows};
use crate::word::Word;
use zerocopy::{FromBytes, IntoBytes};

/// A row of a panel: the weights of one input for eight outputs.
pub(crate) type Row = [Word; LANES];

/// A weight as it lies in the file.
pub(crate) trait Weight: Copy {
    fn value(self) -> f32;
}

impl Weight for Word {
    #[inline(always)]
    fn value(self) -> f32 {
        self.get()
    }
}

impl Weight for i8 {
    #[inline(always)]
    fn value(self) -> f32 {
        self.into()
    }
}

/// Computes the layer. `input` may be longer than its inputs; `output` has room for whole panels. `rectify` says that
/// the inputs are another layer's outputs that ReLU applies to.
///
/// Outputs are left as they are, and the next layer applies ReLU as it reads them. Where zeros are passed over, that
/// costs nothing: so is what is not positive.
pub(crate) fn run(record: &DenseRecord, weights: &[Word], input: &[f32], rectify: bool, output: &mut [f32]) {
    if !SMALL_CORE {
        let (inputs, outputs) =
            (Rows { each: input.len(), values: input }, Rows { each: output.len(), values: output });
        return sparse::run::<1>(record, weights, inputs, rectify, outputs);
    }
    if record.is_i8() {
        let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
        return run_bytes(record, weights, input, Panels { first: 0, rectify, add: false }, output);
    }
    let (biases, rows, input, outputs) = parts(record, weights, input, output);
    let above = above(rectify);
    one_by_one(biases, rows, bits(input), outputs, |x| positive(x, above));
}

/// Computes a layer whose inputs are no other layer's outputs, and seldom 0: none is looked at before it is used.
pub(crate) fn run_straight(record: &DenseRecord, weights: &[Word], input: &[f32], output: &mut [f32]) {
    if !SMALL_CORE {
        return run(record, weights, input, false, output);
    }
    let (biases, rows, input, outputs) = parts(record, weights, input, output);
    one_by_one(biases, rows, bits(input), outputs, |x| Some(f32::from_bits(x)));
}

/// Biases and weights of a layer, its inputs, and room for its outputs.
type Parts<'w, 'x, 'y> = (&'w [Row], &'w [Row], &'x [f32], &'y mut [[f32; LANES]]);

#[inline(always)]
fn parts<'w, 'x, 'y>(
    record: &DenseRecord,
    weights: &'w [Word],
    input: &'x [f32],
    output: &'y mut [f32],
) -> Parts<'w, 'x, 'y> {
    let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
    let (rows, _) = weights.get(record.weights.get() as usize..).unwrap_or_default().as_chunks();
    let (biases, _) = weights.get(record.biases.get() as usize..).unwrap_or_default().as_chunks();
    let (outputs, _) = output.as_chunks_mut();
    (biases.get(..record.panels() as usize).unwrap_or_default(), rows, input, outputs)
}

/// Adds the products of one input.
#[inline(always)]
pub(crate) fn add_row(sum: &mut [f32; LANES], x: f32, weights: [f32; LANES]) {
    for (sum, weight) in sum.iter_mut().zip(weights) {
        *sum += x * weight;
    }
}

/// Adds the layer's outputs to what `output` holds; the inputs are another layer's outputs that ReLU applies to.
pub(crate) fn add(record: &DenseRecord, weights: &[Word], input: &[f32], output: &mut [f32]) {
    let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
    run_panels(record, weights, input, Panels { first: 0, rectify: true, add: true }, output);
}

/// Which panels are computed, of what, and what becomes of them.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    /// The first; those after it as far as there is room.
    pub first: usize,
    /// Whether the inputs are another layer's outputs that ReLU applies to.
    pub rectify: bool,
    /// Whether the outputs are added to what is there.
    pub add: bool,
}

impl Panels {
    #[inline(always)]
    fn leave(self, sums: [f32; LANES], out: &mut [f32; LANES]) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = if self.add { *out + sum } else { sum };
        }
    }
}

/// Computes panels of a layer that sees the first so many inputs that `input` holds; all others have weights of zero. The
/// result is that of [`run`].
pub(crate) fn run_panels(record: &DenseRecord, weights: &[Word], input: &[f32], which: Panels, output: &mut [f32]) {
    if record.is_i8() {
        return run_bytes(record, weights, input, which, output);
    }
    let above = above(which.rectify);
    let (outputs, _) = output.as_chunks_mut();
    for (panel, out) in (which.first..record.panels() as usize).zip(outputs) {
        let Some((bias, rows)) = panel_rows(record, weights, panel, input.len()) else { return };
        let bias = bias.map(Word::get);
        let sums = if SMALL_CORE {
            panel_of_eight(bias, rows, bits(input), |x| positive(x, above))
        } else if which.rectify {
            panel_of_eight(bias, rows, bits(input), |x| Some(rectified(f32::from_bits(x))))
        } else {
            panel_of_eight(bias, rows, bits(input), |x| Some(f32::from_bits(x)))
        };
        which.leave(sums, out);
    }
}

/// Computes what [`run_panels`] does, weights being bytes.
#[inline(never)]
fn run_bytes(record: &DenseRecord, weights: &[Word], input: &[f32], which: Panels, output: &mut [f32]) {
    let above = above(which.rectify);
    let (outputs, _) = output.as_chunks_mut();
    for (panel, out) in (which.first..record.panels() as usize).zip(outputs) {
        let Some(bytes) = Bytes::of(record, weights, panel, input.len()) else { return };
        let sums = panel_of_eight([0.0; LANES], bytes.rows, bits(input), |x| match positive(x, above) {
            None if !SMALL_CORE => Some(0.0),
            read => read,
        });
        which.leave(bytes.scaled(sums), out);
    }
}

/// Computes one output of a layer in the same way.
pub(crate) fn run_lane(record: &DenseRecord, weights: &[Word], input: &[f32], rectify: bool, output: usize) -> f32 {
    if !record.is_i8() {
        return run_straight_lane(record, weights, input, rectify, output);
    }
    let (panel, lane) = (output / LANES, output % LANES);
    let Some(bytes) = Bytes::of(record, weights, panel, input.len()) else { return 0.0 };
    let sum = add_lane(0.0, bytes.rows, input, rectify, lane);
    value(bytes.biases, lane) + sum * value(bytes.scales, lane)
}

/// The same for a layer whose weights are no bytes.
#[inline(always)]
pub(crate) fn run_straight_lane(
    record: &DenseRecord,
    weights: &[Word],
    input: &[f32],
    rectify: bool,
    output: usize,
) -> f32 {
    let (panel, lane) = (output / LANES, output % LANES);
    let Some((bias, rows)) = panel_rows(record, weights, panel, input.len()) else { return 0.0 };
    add_lane(value(bias, lane), rows, input, rectify, lane)
}

/// Adds the products of one output.
#[inline(always)]
fn add_lane(sum: f32, rows: &[[impl Weight; LANES]], input: &[f32], rectify: bool, lane: usize) -> f32 {
    let mut sum = sum;
    for (&x, row) in input.iter().zip(rows) {
        if !rectify || x > 0.0 {
            sum += x * value(row, lane);
        }
    }
    sum
}

/// A weight of a row.
#[inline(always)]
fn value(row: &[impl Weight; LANES], lane: usize) -> f32 {
    row.get(lane).map_or(0.0, |weight| weight.value())
}

/// A panel of weights that are bytes.
pub(crate) struct Bytes<'w> {
    pub rows: &'w [[i8; LANES]],
    biases: &'w Row,
    scales: &'w Row,
}

impl<'w> Bytes<'w> {
    /// The weights of all panels, and what follows them.
    #[inline(always)]
    pub(crate) fn rows(record: &DenseRecord, weights: &'w [Word]) -> Option<&'w [[i8; LANES]]> {
        let rows = weights.get(record.weights.get() as usize..)?.as_bytes();
        Some(<[i8]>::ref_from_bytes(rows).ok()?.as_chunks().0)
    }

    /// The panel, with the weights of its first `count` inputs.
    #[inline(always)]
    pub(crate) fn of(record: &DenseRecord, weights: &'w [Word], panel: usize, count: usize) -> Option<Self> {
        let rows = Self::rows(record, weights)?;
        let (biases, _) = weights.get(record.biases.get() as usize..)?.as_chunks();
        let (biases, scales) = biases.split_at_checked(record.panels() as usize)?;
        let start = panel.checked_mul(record.inputs.get().into())?;
        Some(Self { rows: rows.get(start..)?.get(..count)?, biases: biases.get(panel)?, scales: scales.get(panel)? })
    }

    /// The outputs of a panel's sums. A sum is never -0, and where its product with the scale is, the bias is not.
    #[inline(always)]
    pub(crate) fn scaled(&self, mut sums: [f32; LANES]) -> [f32; LANES] {
        for ((sum, bias), scale) in sums.iter_mut().zip(self.biases).zip(self.scales) {
            *sum = bias.get() + *sum * scale.get();
        }
        sums
    }
}

/// The biases of a panel and the weights of its first `count` inputs.
fn panel_rows<'w>(
    record: &DenseRecord,
    weights: &'w [Word],
    panel: usize,
    count: usize,
) -> Option<(&'w Row, &'w [Row])> {
    let (rows, _) = weights.get(record.weights.get() as usize..)?.as_chunks();
    let (biases, _) = weights.get(record.biases.get() as usize..)?.as_chunks();
    let start = panel.checked_mul(record.inputs.get().into())?;
    Some((biases.get(panel)?, rows.get(start..)?.get(..count)?))
}

/// All panels, one after the other.
#[inline(always)]
fn one_by_one(
    biases: &[Row],
    mut rows: &[Row],
    input: &[u32],
    outputs: &mut [[f32; LANES]],
    reads: impl Fn(u32) -> Option<f32>,
) {
    for (bias, out) in biases.iter().zip(outputs) {
        let Some((panel, rest)) = rows.split_at_checked(input.len()) else { return };
        rows = rest;
        *out = panel_of_eight(bias.map(Word::get), panel, input, &reads);
    }
}

/// Eight accumulators with names of their own: an array of them is kept in memory at opt-level "s". Two inputs a round
/// halve what the loop itself costs.
macro_rules! accumulate {
    ($start:ident, $panel:ident, $input:ident, $reads:ident; $($acc:ident $weight:ident),*) => {{
        let [$(mut $acc),*] = $start;
        let (input_pairs, last_input) = $input.as_chunks::<2>();
        let (panel_pairs, last_row) = $panel.as_chunks::<2>();
        for (&[x, next_x], [row, next_row]) in input_pairs.iter().zip(panel_pairs) {
            if let Some(x) = $reads(x) {
                let &[$($weight),*] = row;
                $($acc += x * $weight.value();)*
            }
            if let Some(next_x) = $reads(next_x) {
                let &[$($weight),*] = next_row;
                $($acc += next_x * $weight.value();)*
            }
        }
        if let (&[x], [row]) = (last_input, last_row) {
            if let Some(x) = $reads(x) {
                let &[$($weight),*] = row;
                $($acc += x * $weight.value();)*
            }
        }
        [$($acc),*]
    }};
}

/// Eight sums, each from its start on: of the inputs as it `reads` them, passing over those that count as zeros.
#[inline(always)]
fn panel_of_eight(
    start: [f32; LANES],
    panel: &[[impl Weight; LANES]],
    input: &[u32],
    reads: impl Fn(u32) -> Option<f32>,
) -> [f32; LANES] {
    accumulate!(start, panel, input, reads; a0 w0, a1 w1, a2 w2, a3 w3, a4 w4, a5 w5, a6 w6, a7 w7)
}

/// The bits of the inputs: what a small core compares without taking it to its floating-point unit first.
fn bits(input: &[f32]) -> &[u32] {
    <[u32]>::ref_from_bytes(input.as_bytes()).unwrap_or_default()
}

/// What the bits of an input that counts are above, see [`positive`].
#[inline(always)]
fn above(rectify: bool) -> i32 {
    if rectify { 0 } else { i32::MIN }
}

/// The value of bits that, as an integer, are above `above`: 0 passes over what is not positive, the smallest integer
/// over -0 and nothing else.
#[inline(always)]
fn positive(bits: u32, above: i32) -> Option<f32> {
    (bits as i32 > above).then_some(f32::from_bits(bits))
}

/// `v` where it is larger than 0, else +0.
#[inline(always)]
pub(crate) fn rectified(v: f32) -> f32 {
    if v > 0.0 { v } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight words a row: the bits of the values, least significant byte first.
    fn words(values: &[[u32; LANES]], test: impl FnOnce(&[Row])) {
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
        for _ in 0..if cfg!(miri) { 3 } else { 300 } {
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
                let start = bias.map(Word::get);
                let all = panel_of_eight(start, panel, bits(&input), |x| Some(f32::from_bits(x)));
                let some = panel_of_eight(start, panel, bits(&input), |x| positive(x, i32::MIN));
                let fewer = panel_of_eight(start, panel, bits(&input), |x| (x << 1 != 0).then_some(f32::from_bits(x)));
                assert_eq!(all.map(f32::to_bits), some.map(f32::to_bits));
                assert_eq!(all.map(f32::to_bits), fewer.map(f32::to_bits));
                let before = panel_of_eight(start, panel, bits(&input.map(rectified)), |x| Some(f32::from_bits(x)));
                let within = panel_of_eight(start, panel, bits(&input), |x| positive(x, 0));
                assert_eq!(before.map(f32::to_bits), within.map(f32::to_bits));
            });
        }
    }
}
