//! What goes on within a conditioner, found by trying: its units for rows of standard normal inputs, which the values between
//! layers are much like.
//!
//! A core passes over a unit that ReLU makes 0, and without an FPU it is sooner done with a weight that is 0, as those are that
//! a mask or the padding of a panel has so.

use flow_nostd::Flow;
use flow_nostd::layout::{ADD, DenseRecord, LANES, WEIGHTS_I8};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::f32::consts::TAU;
use std::ops::Range;
use zerocopy::IntoBytes;
use zerocopy::little_endian::F32;

/// Rows that are tried.
const ROWS: usize = 32;

/// A conditioner that was tried.
pub(super) struct Tried<'a> {
    weights: &'a [F32],
    records: &'a [DenseRecord],
    /// The share of rows in which each input of each dense layer counts.
    counting: Vec<Vec<f64>>,
    /// The share of rows in which each output is below 0.
    below_zero: Vec<f64>,
}

/// Products of a dense layer in eights, as many as a row of a panel has, in a usual row.
#[derive(Clone, Copy, Default)]
pub(super) struct Products {
    /// Of all inputs, also of those that are passed over.
    pub all: f64,
    /// Of inputs that count, with weights that are not 0.
    pub whole: f64,
    /// Of inputs that count, with weights that are 0.
    pub zero: f64,
}

impl<'a> Tried<'a> {
    /// Tries the conditioner of these records.
    pub(super) fn of(flow: &Flow<'a>, records: &'a [DenseRecord]) -> Self {
        let turns = flow.context_dim()..flow.context_dim() + 2 * flow.circle_records().len();
        let mut rng = Pcg32::new(0, 0);
        let shape = |record: &DenseRecord| vec![0.0; record.inputs.get().into()];
        let mut tried = Tried {
            weights: flow.weights(),
            records,
            counting: records.iter().map(shape).collect(),
            below_zero: vec![0.0; records.last().map_or(0, |last| last.outputs.get().into())],
        };
        for _ in 0..ROWS {
            let inputs = records.first().map_or(0, |first| first.inputs.get().into());
            let row = (0..inputs).map(|i| if turns.contains(&i) { turn(&mut rng) } else { normal(&mut rng) });
            tried.run(row.collect());
        }
        tried
    }

    /// One row's way through the dense layers.
    fn run(&mut self, row: Vec<f32>) {
        let (mut values, mut before) = (row, Vec::new());
        for step in 0..self.records.len() {
            for (share, value) in self.counting[step].iter_mut().zip(&mut values) {
                // Later layers read their inputs rectified, the first one as they are.
                if step == 0 || *value > 0.0 {
                    *share += 1.0 / ROWS as f64;
                }
            }
            let mut outputs = self.outputs(step, &values);
            if self.records[step].activation.get() == ADD {
                outputs.iter_mut().zip(&before).for_each(|(output, before)| *output += before);
            }
            before = std::mem::replace(&mut values, outputs);
        }
        for (share, value) in self.below_zero.iter_mut().zip(values) {
            // Before a training all are 0; after it, half of them are below.
            let below = if value == 0.0 { 0.5 } else { f64::from(u8::from(value < 0.0)) };
            *share += below / ROWS as f64;
        }
    }

    fn outputs(&self, step: usize, values: &[f32]) -> Vec<f32> {
        let record = &self.records[step];
        let count = |x: f32| if step > 0 { x.max(0.0) } else { x };
        let padded = usize::from(record.outputs.get()).next_multiple_of(LANES);
        let output = |o: usize| {
            let products = values.iter().enumerate().map(|(i, &x)| count(x) * self.weight(record, i, o));
            let sum: f32 = products.sum();
            let bias = self.value(record.biases.get() as usize + o);
            match record.weight_type.get() {
                WEIGHTS_I8 => bias + sum * self.value(record.biases.get() as usize + padded + o),
                _ => bias + sum,
            }
        };
        (0..record.outputs.get().into()).map(output).collect()
    }

    fn value(&self, place: usize) -> f32 {
        self.weights.get(place).map_or(0.0, |weight| weight.get())
    }

    /// A weight, without the output's scale where it is a byte.
    fn weight(&self, record: &DenseRecord, input: usize, output: usize) -> f32 {
        weight(self.weights, record, input, output)
    }

    /// Products with these panels of the dense layer that is number `step`, of as many inputs, the first ones.
    pub(super) fn products(&self, step: usize, panels: Range<usize>, seen: usize) -> Products {
        let record = &self.records[step];
        let mut products = Products::default();
        for (i, share) in self.counting[step].iter().enumerate().take(seen) {
            let each = share / LANES as f64;
            for output in panels.start * LANES..panels.end * LANES {
                products.all += 1.0 / LANES as f64;
                match self.weight(record, i, output) {
                    0.0 => products.zero += each,
                    _ => products.whole += each,
                }
            }
        }
        products
    }

    /// Of as many inputs of the last dense layer, the first ones, how many count.
    pub(super) fn counting(&self, seen: usize) -> f64 {
        self.counting.last().map_or(0.0, |shares| shares.iter().take(seen).sum())
    }

    /// How many of these outputs are below 0.
    pub(super) fn below_zero(&self, outputs: Range<usize>) -> f64 {
        self.below_zero.get(outputs).unwrap_or_default().iter().sum()
    }
}

/// A weight of a dense record, without the output's scale where it is a byte.
pub(super) fn weight(weights: &[F32], record: &DenseRecord, input: usize, output: usize) -> f32 {
    let place = (output / LANES * usize::from(record.inputs.get()) + input) * LANES + output % LANES;
    let first = record.weights.get() as usize;
    match record.weight_type.get() {
        WEIGHTS_I8 => weights.as_bytes().get(4 * first + place).map_or(0.0, |&byte| (byte as i8).into()),
        _ => weights.get(first + place).map_or(0.0, |weight| weight.get()),
    }
}

/// From a normal distribution, near enough.
fn normal(rng: &mut Pcg32) -> f32 {
    (0..12).map(|_| uniform(rng)).sum::<f32>() - 6.0
}

/// The cosine of an angle; sines are no other.
fn turn(rng: &mut Pcg32) -> f32 {
    (TAU * uniform(rng)).cos()
}

/// From U(0, 1).
fn uniform(rng: &mut Pcg32) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}
