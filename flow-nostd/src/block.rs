//! The dense kernel for several rows side by side, for hosts: each weight is loaded once for all of them. For each row the
//! bits are those of [`kernel::run`](crate::kernel::run).

use crate::dense::{DenseRecord, LANES};
use crate::kernel::{Bytes, Row, Weight, add_row, rectified};
use crate::word::Word;

/// Number of rows that [`run_block`] takes side by side: each weight is loaded once for all of them.
pub(crate) const BLOCK: usize = 4;
/// Whether it takes two panels side by side: where the accumulators of both fit the vector registers.
const TWO_PANELS: bool = cfg!(target_feature = "avx");

/// Computes the layer for several rows, for each the bits that [`run`] gives. `rectify` applies ReLU to the outputs.
pub(crate) fn run_block(
    record: &DenseRecord,
    weights: &[Word],
    inputs: [&[f32]; BLOCK],
    rectify: bool,
    outputs: [&mut [f32]; BLOCK],
) {
    let count = usize::from(record.inputs.get());
    let inputs = inputs.map(|input| input.get(..count).unwrap_or_default());
    if record.is_i8() {
        return run_block_of_bytes(record, weights, inputs, rectify, outputs);
    }
    let (mut rows, _) = weights.get(record.weights.get() as usize..).unwrap_or_default().as_chunks();
    let (biases, _) = weights.get(record.biases.get() as usize..).unwrap_or_default().as_chunks();
    let mut biases = biases.get(..record.panels() as usize).unwrap_or_default();
    let mut outputs = outputs.map(|output| output.as_chunks_mut().0.iter_mut());
    let mut next_panel = || {
        let (bias, rest) = biases.split_first()?;
        biases = rest;
        let (panel, rest) = rows.split_at_checked(count)?;
        rows = rest;
        Some((bias.map(Word::get), panel))
    };
    let mut leave = |sums: [[f32; LANES]; BLOCK]| {
        for (output, sums) in outputs.iter_mut().zip(sums) {
            if let Some(out) = output.next() {
                *out = sums;
                if rectify {
                    out.iter_mut().for_each(|v| *v = rectified(*v));
                }
            }
        }
    };
    while let Some((bias, panel)) = next_panel() {
        let mut sums = [bias; BLOCK];
        match if TWO_PANELS { next_panel() } else { None } {
            None => {
                add_panel(&mut sums, panel, inputs);
                leave(sums);
            }
            Some((bias, next)) => {
                let mut next_sums = [bias; BLOCK];
                add_two_panels(&mut sums, &mut next_sums, panel, next, inputs);
                leave(sums);
                leave(next_sums);
            }
        }
    }
}

/// Adds the products of a panel to the sums of each row.
#[inline(always)]
pub(crate) fn add_panel(
    sums: &mut [[f32; LANES]; BLOCK],
    panel: &[[impl Weight; LANES]],
    [a, b, c, d]: [&[f32]; BLOCK],
) {
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = *sums;
    for ((((row, &a), &b), &c), &d) in panel.iter().zip(a).zip(b).zip(c).zip(d) {
        let row = row.map(Weight::value);
        add_row(&mut sum_a, a, row);
        add_row(&mut sum_b, b, row);
        add_row(&mut sum_c, c, row);
        add_row(&mut sum_d, d, row);
    }
    *sums = [sum_a, sum_b, sum_c, sum_d];
}

/// Does the same for two panels at once.
#[inline(always)]
pub(crate) fn add_two_panels(
    sums: &mut [[f32; LANES]; BLOCK],
    next_sums: &mut [[f32; LANES]; BLOCK],
    panel: &[Row],
    next: &[Row],
    [a, b, c, d]: [&[f32]; BLOCK],
) {
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = *sums;
    let [mut next_a, mut next_b, mut next_c, mut next_d] = *next_sums;
    for (((((row, next), &a), &b), &c), &d) in panel.iter().zip(next).zip(a).zip(b).zip(c).zip(d) {
        let (row, next) = (row.map(Word::get), next.map(Word::get));
        add_row(&mut sum_a, a, row);
        add_row(&mut sum_b, b, row);
        add_row(&mut sum_c, c, row);
        add_row(&mut sum_d, d, row);
        add_row(&mut next_a, a, next);
        add_row(&mut next_b, b, next);
        add_row(&mut next_c, c, next);
        add_row(&mut next_d, d, next);
    }
    *sums = [sum_a, sum_b, sum_c, sum_d];
    *next_sums = [next_a, next_b, next_c, next_d];
}

/// Computes a block as [`run_block`] does, weights being bytes.
#[inline(never)]
fn run_block_of_bytes(
    record: &DenseRecord,
    weights: &[Word],
    inputs: [&[f32]; BLOCK],
    rectify: bool,
    outputs: [&mut [f32]; BLOCK],
) {
    let mut outputs = outputs.map(|output| output.as_chunks_mut().0.iter_mut());
    let count = usize::from(record.inputs.get());
    for panel in 0..record.panels() as usize {
        let Some(bytes) = Bytes::of(record, weights, panel, count) else { return };
        let mut sums = [[0.0; LANES]; BLOCK];
        add_panel(&mut sums, bytes.rows, inputs);
        for (output, sums) in outputs.iter_mut().zip(sums) {
            if let Some(out) = output.next() {
                *out = bytes.scaled(sums);
                if rectify {
                    out.iter_mut().for_each(|v| *v = rectified(*v));
                }
            }
        }
    }
}
