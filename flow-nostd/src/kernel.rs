//! The dense kernel: panels of eight outputs, each a bias and a sum of products in the order of the inputs.
//!
//! Every way through this file gives the same bits. Small cores take one panel at a time, since its accumulators fill
//! their registers, and pass over zeros. Larger ones take four, so that sums that wait for each other are interleaved.

use crate::dense::{DenseRecord, LANES};
use crate::word::Word;

/// Whether inputs of zero, as ReLU leaves many, are passed over: where a branch costs less than eight products. The
/// bits of the result are the same.
const SKIP_ZEROS: bool = cfg!(any(target_arch = "arm", target_arch = "riscv32"));

/// A row of a panel: the weights of one input for eight outputs.
type Row = [Word; LANES];

/// Computes the layer. `input` may be longer than its inputs; `output` has room for whole panels. `rectify` says that
/// the inputs are another layer's outputs that ReLU applies to.
///
/// Outputs are left as they are, and the next layer applies ReLU as it reads them. Where zeros are passed over, that
/// costs nothing: so is what is not positive.
pub(crate) fn run(record: &DenseRecord, weights: &[Word], input: &[f32], rectify: bool, output: &mut [f32]) {
    let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
    let (rows, _) = weights.get(record.weights.get() as usize..).unwrap_or_default().as_chunks();
    let (biases, _) = weights.get(record.biases.get() as usize..).unwrap_or_default().as_chunks();
    let (outputs, _) = output.as_chunks_mut();
    let biases = biases.get(..record.panels() as usize).unwrap_or_default();
    if SKIP_ZEROS {
        // As integers, the bits of positive floats are positive, and only those of -0 are the smallest.
        let above = if rectify { 0 } else { i32::MIN };
        one_by_one(biases, rows, input, outputs, |x| (x.to_bits() as i32 > above).then_some(x));
    } else if rectify {
        four_by_four(biases, rows, input, outputs, rectified);
    } else {
        four_by_four(biases, rows, input, outputs, |x| x);
    }
}

/// Adds the layer's outputs to what `output` holds; the inputs are another layer's outputs that ReLU applies to.
#[inline(never)] // Out of the way of conditioners that have no use for it.
pub(crate) fn add(record: &DenseRecord, weights: &[Word], input: &[f32], output: &mut [f32]) {
    let input = input.get(..usize::from(record.inputs.get())).unwrap_or_default();
    let (outputs, _) = output.as_chunks_mut::<LANES>();
    for (panel, out) in (0..record.panels() as usize).zip(outputs) {
        let mut more = [0.0; LANES];
        run_panels(record, weights, input, true, panel, &mut more);
        for (value, more) in out.iter_mut().zip(more) {
            *value += more;
        }
    }
}

/// Computes the panels from `first` on that `output` has room for, of a layer that sees the first so many inputs that
/// `input` holds; all others have weights of zero. The result is that of [`run`].
pub(crate) fn run_panels(
    record: &DenseRecord,
    weights: &[Word],
    input: &[f32],
    rectify: bool,
    first: usize,
    output: &mut [f32],
) {
    let above = if rectify { 0 } else { i32::MIN };
    let (outputs, _) = output.as_chunks_mut();
    for (panel, out) in (first..).zip(outputs) {
        let Some((bias, rows)) = panel_rows(record, weights, panel, input.len()) else { return };
        *out = if SKIP_ZEROS {
            panel_of_eight(bias, rows, input, |x| (x.to_bits() as i32 > above).then_some(x))
        } else if rectify {
            panel_of_eight(bias, rows, input, |x| Some(rectified(x)))
        } else {
            panel_of_eight(bias, rows, input, Some)
        };
    }
}

/// Computes one output of a layer in the same way.
#[inline(always)]
pub(crate) fn run_lane(record: &DenseRecord, weights: &[Word], input: &[f32], rectify: bool, output: usize) -> f32 {
    let (panel, lane) = (output / LANES, output % LANES);
    let Some((bias, rows)) = panel_rows(record, weights, panel, input.len()) else { return 0.0 };
    let weight = |row: &Row| row.get(lane).map_or(0.0, |word| word.get());
    let mut sum = weight(bias);
    for (&x, row) in input.iter().zip(rows) {
        if !rectify || x > 0.0 {
            sum += x * weight(row);
        }
    }
    sum
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
    input: &[f32],
    outputs: &mut [[f32; LANES]],
    reads: impl Fn(f32) -> Option<f32>,
) {
    for (bias, out) in biases.iter().zip(outputs) {
        let Some((panel, rest)) = rows.split_at_checked(input.len()) else { return };
        rows = rest;
        *out = panel_of_eight(bias, panel, input, &reads);
    }
}

/// All panels, four at a time.
fn four_by_four(
    biases: &[Row],
    mut rows: &[Row],
    input: &[f32],
    outputs: &mut [[f32; LANES]],
    reads: impl Fn(f32) -> f32,
) {
    let count = input.len();
    let (bias_fours, last_biases) = biases.as_chunks::<4>();
    let (fours, last_outputs) = outputs.split_at_mut_checked(bias_fours.as_flattened().len()).unwrap_or_default();
    for (bias, out) in bias_fours.iter().zip(fours.as_chunks_mut::<4>().0) {
        let mut next = || {
            let (panel, rest) = rows.split_at_checked(count)?;
            rows = rest;
            Some(panel)
        };
        let (Some(a), Some(b), Some(c), Some(d)) = (next(), next(), next(), next()) else { return };
        *out = bias.map(|row| row.map(Word::get));
        four_panels([a, b, c, d], input, out, &reads);
    }
    one_by_one(last_biases, rows, input, last_outputs, |x| Some(reads(x)));
}

/// Adds to the accumulators of four panels.
#[inline(always)]
fn four_panels([a, b, c, d]: [&[Row]; 4], input: &[f32], out: &mut [[f32; LANES]; 4], reads: impl Fn(f32) -> f32) {
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = *out;
    let add = |sum: &mut [f32; LANES], x: f32, row: &Row| {
        for (acc, weight) in sum.iter_mut().zip(row) {
            *acc += x * weight.get();
        }
    };
    for ((((&x, a), b), c), d) in input.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = reads(x);
        add(&mut sum_a, x, a);
        add(&mut sum_b, x, b);
        add(&mut sum_c, x, c);
        add(&mut sum_d, x, d);
    }
    *out = [sum_a, sum_b, sum_c, sum_d];
}

/// Eight accumulators with names of their own: an array of them is kept in memory at opt-level "s". Two inputs a round
/// halve what the loop itself costs.
macro_rules! accumulate {
    ($bias:ident, $panel:ident, $input:ident, $reads:ident; $($acc:ident $weight:ident),*) => {{
        let &[$($acc),*] = $bias;
        $(let mut $acc = $acc.get();)*
        let (input_pairs, last_input) = $input.as_chunks::<2>();
        let (panel_pairs, last_row) = $panel.as_chunks::<2>();
        for (&[x, next_x], [row, next_row]) in input_pairs.iter().zip(panel_pairs) {
            if let Some(x) = $reads(x) {
                let &[$($weight),*] = row;
                $($acc += x * $weight.get();)*
            }
            if let Some(next_x) = $reads(next_x) {
                let &[$($weight),*] = next_row;
                $($acc += next_x * $weight.get();)*
            }
        }
        if let (&[x], [row]) = (last_input, last_row) {
            if let Some(x) = $reads(x) {
                let &[$($weight),*] = row;
                $($acc += x * $weight.get();)*
            }
        }
        [$($acc),*]
    }};
}

/// Eight outputs: of the inputs as it `reads` them, passing over those that count as zeros.
#[inline(always)]
fn panel_of_eight(bias: &Row, panel: &[Row], input: &[f32], reads: impl Fn(f32) -> Option<f32>) -> [f32; LANES] {
    accumulate!(bias, panel, input, reads; a0 w0, a1 w1, a2 w2, a3 w3, a4 w4, a5 w5, a6 w6, a7 w7)
}

/// `v` where it is larger than 0, else +0.
#[inline(always)]
fn rectified(v: f32) -> f32 {
    if v > 0.0 { v } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::{FromBytes, IntoBytes};

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
                let all = panel_of_eight(bias, panel, &input, Some);
                let some = panel_of_eight(bias, panel, &input, |x| (x.to_bits() as i32 > i32::MIN).then_some(x));
                let fewer = panel_of_eight(bias, panel, &input, |x| (x != 0.0).then_some(x));
                assert_eq!(all.map(f32::to_bits), some.map(f32::to_bits));
                assert_eq!(all.map(f32::to_bits), fewer.map(f32::to_bits));
                let mut four = [[0.0; LANES]; 5];
                let biases = [*bias; 5];
                let fives = std::vec![panel; 5].concat();
                four_by_four(&biases, &fives, &input, &mut four, |x| x);
                assert!(four.iter().all(|out| out.map(f32::to_bits) == all.map(f32::to_bits)));
                let before = panel_of_eight(bias, panel, &input.map(rectified), Some);
                let within = panel_of_eight(bias, panel, &input, |x| (x.to_bits() as i32 > 0).then_some(x));
                assert_eq!(before.map(f32::to_bits), within.map(f32::to_bits));
                four_by_four(&biases, &fives, &input, &mut four, rectified);
                assert!(four.iter().all(|out| out.map(f32::to_bits) == before.map(f32::to_bits)));
            });
        }
    }
}
