//! The dense kernel for hosts: it finds the inputs that count once for all outputs, and takes as many panels side by side as
//! the registers hold.
//!
//! Half of what ReLU leaves is zero, where its weights need not even be loaded. A branch at each input, which small cores
//! take, would be predicted wrongly half the time; here a bit for each of 64 inputs says whether it counts, and the loop
//! goes from one that is set to the next. The bits of the result are those of [`kernel`](crate::kernel).

use crate::SMALL_CORE;
use crate::dense::{DenseRecord, LANES};
use crate::kernel::{Bytes, Row, Weight, add_row};
use crate::word::Word;

/// Inputs that one mask speaks about.
const CHUNK: usize = 64;
/// Rows of a block: enough for loading weights to cost little, and few enough for what they work in to stay near.
pub(crate) const BLOCK: usize = if SMALL_CORE { 1 } else { 16 };
/// Panels side by side for a block: as many accumulators as leave registers free; twelve, where that leaves fewer over. One row waits for its weights more than
/// for sums, and they come faster from fewer places at once.
const WIDE: usize = if cfg!(any(target_feature = "avx", target_arch = "aarch64")) { 8 } else { 4 };

/// Values of several rows, `each` of them a row.
#[derive(Clone, Copy)]
pub(crate) struct Rows<V> {
    pub values: V,
    pub each: usize,
}

impl<'a> Rows<&'a [f32]> {
    #[inline(always)]
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        let mut rest = self.values;
        core::iter::from_fn(move || {
            let (row, after) = rest.split_at_checked(self.each)?;
            rest = after;
            Some(row)
        })
    }
}

impl Rows<&mut [f32]> {
    /// Each row.
    #[inline(always)]
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let (mut rest, each) = (&mut *self.values, self.each);
        core::iter::from_fn(move || {
            let (row, after) = core::mem::take(&mut rest).split_at_mut_checked(each)?;
            rest = after;
            Some(row)
        })
    }

    /// The same rows, to read.
    pub(crate) fn by_ref(&self) -> Rows<&[f32]> {
        Rows { values: self.values, each: self.each }
    }

    /// The same rows, to write.
    pub(crate) fn by_mut(&mut self) -> Rows<&mut [f32]> {
        Rows { values: self.values, each: self.each }
    }
}

/// Computes the layer as [`kernel::run`] does, for `N` rows: of each the first values are the inputs, and its outputs are left
/// in its first values.
pub(crate) fn run<const N: usize>(
    record: &DenseRecord,
    weights: &[Word],
    inputs: Rows<&[f32]>,
    rectify: bool,
    mut outputs: Rows<&mut [f32]>,
) {
    let count = usize::from(record.inputs.get());
    let (biases, _) = weights.get(record.biases.get() as usize..).unwrap_or_default().as_chunks();
    let biases = biases.get(..record.panels() as usize).unwrap_or_default();
    if record.is_i8() {
        let Some(rows) = Bytes::rows(record, weights) else { return };
        add_products::<N, _>(biases, |_| [0.0; LANES], (rows, count), inputs, rectify, &mut outputs);
        for panel in 0..biases.len() {
            let Some(bytes) = Bytes::of(record, weights, panel, 0) else { return };
            for out in outputs.iter_mut().take(N).filter_map(|output| output.as_chunks_mut().0.get_mut(panel)) {
                *out = bytes.scaled(*out);
            }
        }
    } else {
        let (rows, _) = weights.get(record.weights.get() as usize..).unwrap_or_default().as_chunks();
        add_products::<N, _>(biases, |bias| bias.map(Word::get), (rows, count), inputs, rectify, &mut outputs);
    }
}

/// Leaves sums of products, each from what `start` makes of its panel's biases on: a group of panels after another, each for
/// all rows, while its weights are in the processor's nearest cache.
#[inline(always)]
fn add_products<const N: usize, W: Weight>(
    biases: &[Row],
    start: impl Fn(Row) -> [f32; LANES],
    (weights, count): (&[[W; LANES]], usize),
    inputs: Rows<&[f32]>,
    rectify: bool,
    outputs: &mut Rows<&mut [f32]>,
) {
    let mut first = 0usize;
    loop {
        let mut counting = [0; N];
        let end = count.min(first.saturating_add(CHUNK));
        for (bits, input) in counting.iter_mut().zip(inputs.iter()) {
            *bits = those_that_count(input.get(first..end).unwrap_or_default(), rectify);
        }
        let chunk = Chunk { first, end, count, weights, inputs, counting };
        let mut panel = 0usize;
        loop {
            let left = biases.get(panel..).unwrap_or_default();
            panel = panel.saturating_add(match left.len() {
                0 => break,
                12..16 | 20.. if N > 1 && WIDE == 8 => chunk.add::<12>(left, &start, panel, outputs),
                WIDE.. if N > 1 => chunk.add::<WIDE>(left, &start, panel, outputs),
                4.. => chunk.add::<4>(left, &start, panel, outputs),
                2.. => chunk.add::<2>(left, &start, panel, outputs),
                1 => chunk.add::<1>(left, &start, panel, outputs),
            });
        }
        first = first.saturating_add(CHUNK);
        if first >= count {
            break;
        }
    }
}

/// Up to 64 inputs of each row.
struct Chunk<'a, const N: usize, W> {
    /// The place of the first among all, and of that after the last.
    first: usize,
    end: usize,
    /// The number of all.
    count: usize,
    /// The weights of all inputs.
    weights: &'a [[W; LANES]],
    /// All inputs.
    inputs: Rows<&'a [f32]>,
    /// A bit for each of those of a row that count.
    counting: [u64; N],
}

impl<const N: usize, W: Weight> Chunk<'_, N, W> {
    /// Adds the products to `P` panels from `panel` on, whose biases come first: to what is there, or where there is nothing
    /// yet to what `start` makes of the biases. Returns `P`.
    #[inline(always)]
    fn add<const P: usize>(
        &self,
        biases: &[Row],
        start: impl Fn(Row) -> [f32; LANES],
        panel: usize,
        outputs: &mut Rows<&mut [f32]>,
    ) -> usize {
        let (whole, _) = self.weights.as_chunks::<CHUNK>();
        let (whole, _) = whole.get(panel..).unwrap_or_default().as_chunks::<P>();
        if let (CHUNK, Some(panels)) = (self.count, whole.first()) {
            // Panels as long as a chunk lie where one address and constants lead.
            self.add_from(panels, biases, start, panel, outputs);
            return P;
        }
        let mut panels = [&[][..]; P];
        let mut at = panel.wrapping_mul(self.count).wrapping_add(self.first);
        for rows in &mut panels {
            *rows = self.weights.get(at..).unwrap_or_default();
            at = at.wrapping_add(self.count);
        }
        self.add_from(&panels, biases, start, panel, outputs);
        P
    }

    /// The same, with the panels' weights.
    #[inline(always)]
    fn add_from<const P: usize>(
        &self,
        panels: &[impl AsRef<[[W; LANES]]>; P],
        biases: &[Row],
        start: impl Fn(Row) -> [f32; LANES],
        panel: usize,
        outputs: &mut Rows<&mut [f32]>,
    ) {
        let mut starts = [[0.0; LANES]; P];
        for (sum, bias) in starts.iter_mut().zip(biases) {
            *sum = start(*bias);
        }
        for ((output, input), &counting) in outputs.iter_mut().zip(self.inputs.iter()).zip(&self.counting) {
            let (sums, _) = output.as_chunks_mut();
            if let Some(sums) = sums.get_mut(panel..).and_then(|sums| sums.first_chunk_mut::<P>()) {
                if self.first != 0 {
                    starts = *sums;
                }
                let input = input.get(self.first..self.end).unwrap_or_default();
                add_panels(counting, input, panels, &starts, sums);
            }
        }
    }
}

/// Leaves the sums of panels, each from its start on. On its own, so that nothing else takes registers.
#[inline(never)]
fn add_panels<const P: usize, W: Weight>(
    counting: u64,
    input: &[f32],
    panels: &[impl AsRef<[[W; LANES]]>; P],
    starts: &[[f32; LANES]; P],
    sums: &mut [[f32; LANES]; P],
) -> Option<()> {
    // All of one length, which the loop then compares with but once.
    let mut rows = [&[][..]; P];
    for (rows, panel) in rows.iter_mut().zip(panels) {
        *rows = panel.as_ref().get(..input.len())?;
    }
    let mut all = *starts;
    let mut left = counting;
    while left != 0 {
        let i = left.trailing_zeros() as usize;
        left &= left.wrapping_sub(1);
        let x = *input.get(i)?;
        for (sum, rows) in all.iter_mut().zip(rows) {
            add_row(sum, x, rows.get(i)?.map(W::value));
        }
    }
    *sums = all;
    Some(())
}

/// A bit for each of up to 64 inputs that count, the lowest for the first: of another layer's outputs those that ReLU lets
/// through, otherwise all.
#[inline(always)]
fn those_that_count(input: &[f32], rectify: bool) -> u64 {
    if !rectify {
        return if input.is_empty() { 0 } else { u64::MAX >> CHUNK.saturating_sub(input.len()) };
    }
    let (eights, rest) = input.as_chunks();
    let mut last = [0.0; LANES];
    last.iter_mut().zip(rest).for_each(|(last, &x)| *last = x);
    eights.iter().rev().fold(positive(&last), |bits, eight| bits << LANES | positive(eight))
}

/// A bit for each of eight inputs that is positive, the lowest for the first.
#[inline(always)]
fn positive(eight: &[f32; LANES]) -> u64 {
    on_hosts! {
        return crate::lanes::positive(*eight);
    }
    eight.iter().rev().fold(0, |bits, &x| bits << 1 | u64::from(x > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rectified;
    use std::vec::Vec;
    use zerocopy::{FromBytes, IntoBytes};

    /// The outputs by their definition: every product, in the order of the inputs.
    fn plainly(values: &[f32], count: usize, panels: usize, input: &[f32]) -> Vec<u32> {
        let (weights, biases) = values.split_at(panels * count * LANES);
        let output = |o: usize| {
            let weight = |i: usize| weights[(o / LANES * count + i) * LANES + o % LANES];
            (0..count).fold(biases[o], |sum, i| sum + input[i] * weight(i)).to_bits()
        };
        (0..panels * LANES).map(output).collect()
    }

    #[test]
    fn one_row_and_a_block_have_the_bits_of_all_products_in_order() {
        let mut state = 1u32;
        let mut value = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match state >> 29 {
                0 => 0.0,
                1 => -0.0,
                2 => f32::from_bits(state & 0x807f_ffff),
                _ => (state >> 8) as f32 / 8e6 - 1.0,
            }
        };
        let shapes = [(0, 1), (1, 1), (4, 8), (9, 2), (32, 3), (63, 5), (64, 12), (65, 1), (150, 15)];
        for (count, panels) in if cfg!(miri) { &shapes[2..5] } else { &shapes[..] } {
            let mut values: Vec<f32> = (0..(count + 1) * panels * LANES).map(|_| value()).collect();
            // No bias is -0.
            values[count * panels * LANES..].iter_mut().for_each(|bias| *bias += 0.0);
            let bytes: Vec<u32> = values.iter().map(|v| v.to_bits().to_le()).collect();
            let weights = <[Word]>::ref_from_bytes(bytes.as_bytes()).unwrap();
            let record = DenseRecord {
                inputs: (*count as u16).into(),
                outputs: ((panels * LANES) as u16).into(),
                activation: 0.into(),
                weight_type: 0.into(),
                weights: 0.into(),
                biases: ((count * panels * LANES) as u32).into(),
            };
            let each = count + 3;
            let inputs: Vec<f32> = (0..BLOCK * each).map(|_| value()).collect();
            let room = panels * LANES + 5;
            for rectify in [false, true] {
                let mut block = std::vec![f32::NAN; BLOCK * room];
                let rows = Rows { values: &inputs[..], each };
                run::<BLOCK>(&record, weights, rows, rectify, Rows { values: &mut block, each: room });
                for (input, found) in inputs.chunks(each).zip(block.chunks(room)) {
                    let read: Vec<f32> = input.iter().map(|&x| if rectify { rectified(x) } else { x }).collect();
                    let expected = plainly(&values, *count, *panels, &read);
                    let mut one = std::vec![f32::NAN; room];
                    let row = Rows { values: input, each };
                    run::<1>(&record, weights, row, rectify, Rows { values: &mut one, each: room });
                    for found in [found, &one] {
                        let bits: Vec<u32> = found[..panels * LANES].iter().map(|v| v.to_bits()).collect();
                        assert_eq!(bits, expected, "{count} inputs, {panels} panels, ReLU {rectify}");
                    }
                }
            }
        }
    }
}
