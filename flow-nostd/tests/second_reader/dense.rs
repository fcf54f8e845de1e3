//! Dense layers and the conditioners made of them: `spec/format.md`, `DENS`, `WGHT`, "Conditioners" and "Weights that could
//! overflow".

use super::bytes::{Rule, f32_at, rule, u16_at, u32_at};

/// A dense layer with its weights, `[inputs][outputs]`.
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    pub activation: u16,
    /// 0 for f32, 1 for i8.
    pub weight_type: u16,
    weights: Vec<Vec<f64>>,
    /// Bits of the weights, or bytes: what has to be +0 is all zeros.
    zeros: Vec<Vec<bool>>,
    biases: Vec<f32>,
    scales: Vec<f32>,
    /// The largest magnitude of weights and of biases, values of outputs that do not exist among them.
    largest: [f32; 2],
}

/// Records and values from the front: each is taken once.
pub struct Supply<'a> {
    records: &'a [&'a [u8]],
    pub records_taken: usize,
    values: &'a [u8],
    pub values_taken: usize,
}

impl<'a> Supply<'a> {
    /// All is there to be taken.
    pub fn new(records: &'a [&'a [u8]], values: &'a [u8]) -> Self {
        Supply { records, records_taken: 0, values, values_taken: 0 }
    }

    /// Nothing is left.
    pub fn used_up(&self) -> Rule {
        let all = self.records_taken == self.records.len() && 4 * self.values_taken == self.values.len();
        rule(all, || "dense records or weights are left over".into())
    }

    /// The next values, as bytes.
    pub fn take(&mut self, count: usize) -> Rule<&'a [u8]> {
        let from = 4 * self.values_taken;
        self.values_taken += count;
        self.values.get(from..from + 4 * count).ok_or("not enough weights".into())
    }

    fn finite(&mut self, count: usize) -> Rule<Vec<f32>> {
        let bytes = self.take(count)?;
        let values: Vec<f32> = (0..count).map(|i| f32_at(bytes, 4 * i)).collect();
        rule(values.iter().all(|v| v.is_finite()), || "a weight that is not finite".into())?;
        Ok(values)
    }

    /// The next dense layer.
    pub fn dense(&mut self) -> Rule<Dense> {
        let record = self.records.get(self.records_taken).ok_or("no dense record is left")?;
        self.records_taken += 1;
        let [inputs, outputs, activation, weight_type] = [0, 2, 4, 6].map(|at| u16_at(record, at));
        rule(outputs >= 1 && activation <= 2 && weight_type <= 1, || "a dense record".into())?;
        let (inputs, outputs) = (usize::from(inputs), usize::from(outputs));
        let panels = outputs.div_ceil(8);
        let place = |supply: &Self, at: usize| {
            rule(u32_at(record, at) as usize == supply.values_taken, || "a place that is not the first free one".into())
        };
        place(self, 8)?;
        let at = |i: usize, o: usize| (o / 8 * inputs + i) * 8 + o % 8;
        let (flat, zeros, bytes): (Vec<f32>, Vec<bool>, bool) = if weight_type == 0 {
            let flat = self.finite(panels * inputs * 8)?;
            let zeros = flat.iter().map(|w| w.to_bits() == 0).collect();
            (flat, zeros, false)
        } else {
            let whole = self.take(panels * inputs * 2)?;
            rule(!whole.contains(&0x80), || "a weight of -128".into())?;
            (whole.iter().map(|&b| f32::from(b as i8)).collect(), whole.iter().map(|&b| b == 0).collect(), true)
        };
        place(self, 12)?;
        let biases = self.finite(panels * 8)?;
        rule(biases.iter().all(|b| b.to_bits() != 0x8000_0000), || "a bias of -0".into())?;
        let scales = if bytes { self.finite(panels * 8)? } else { vec![] };
        rule(scales.iter().all(|s| s.is_sign_positive()), || "a scale that is negative".into())?;
        let most = |values: &[f32]| values.iter().fold(0f32, |most, v| most.max(v.abs()));
        let largest = [if bytes { 127.0 * most(&scales) } else { most(&flat) }, most(&biases)];
        let row = |i: usize| (0..outputs).map(|o| f64::from(flat[at(i, o)])).collect();
        let zero_row = |i: usize| (0..outputs).map(|o| zeros[at(i, o)]).collect();
        Ok(Dense {
            inputs,
            outputs,
            activation,
            weight_type,
            weights: (0..inputs).map(row).collect(),
            zeros: (0..inputs).map(zero_row).collect(),
            biases,
            scales,
            largest,
        })
    }

    /// The next dense layer, which leads from n values to n, with weights of f32, no activation, and what it receives bounded.
    pub fn square(&mut self, n: usize) -> Rule<Dense> {
        let dense = self.dense()?;
        let good = (dense.inputs, dense.outputs, dense.activation, dense.weight_type) == (n, n, 0, 0);
        rule(good, || "a dense layer that is no matrix".into())?;
        dense.bound(1e9)?;
        Ok(dense)
    }

    /// The next conditioner: from so many values to so many, of so many dense layers.
    pub fn conditioner(
        &mut self,
        [inputs, outputs]: [usize; 2],
        count: usize,
        may_be_residual: bool,
    ) -> Rule<Vec<Dense>> {
        rule(count >= 1 && (inputs > 0 || count == 1), || format!("a conditioner of {count} dense layers"))?;
        let chain = (0..count).map(|_| self.dense()).collect::<Rule<Vec<Dense>>>()?;
        let residual = may_be_residual && count >= 4 && count.is_multiple_of(2) && chain[0].activation == 0;
        let (mut width, mut bound, mut block) = (inputs, 1e9, 0.0);
        for (i, dense) in chain.iter().enumerate() {
            let activation = match () {
                () if i + 1 == count => 0,
                () if !residual => 1,
                () if i == 0 => 0,
                () => 2 - (i as u16) % 2,
            };
            rule(dense.activation == activation, || format!("activation {}", dense.activation))?;
            rule(dense.inputs == width, || format!("{} inputs, not {width}", dense.inputs))?;
            width = dense.outputs;
            let even = !residual || i + 1 == count || width == chain[0].outputs;
            rule(even, || "residual blocks of other widths".into())?;
            // What the outputs of the second layer of a block are added to is what the first one received.
            if activation == 1 {
                block = bound;
            }
            bound = dense.bound(bound)? + if activation == 2 { block } else { 0.0 };
            rule(bound <= 1e30, || "weights that could overflow".into())?;
        }
        rule(width == outputs, || format!("{width} outputs, not {outputs}"))?;
        Ok(chain)
    }
}

impl Dense {
    /// How large its outputs can be where what it receives is within `bound`.
    fn bound(&self, bound: f32) -> Rule<f32> {
        let [weight, bias] = self.largest;
        let bound = self.inputs as f32 * (weight * bound) + bias;
        rule(bound <= 1e30, || "weights that could overflow".into())?;
        Ok(bound)
    }

    /// All biases are +0.
    pub fn has_no_bias(&self) -> bool {
        self.biases.iter().all(|b| b.to_bits() == 0)
    }

    /// Whether the weight from an input to an output is all zeros.
    pub fn is_zero(&self, input: usize, output: usize) -> bool {
        self.zeros[input][output]
    }

    /// The weight from an input to an output.
    pub fn weight(&self, input: usize, output: usize) -> f64 {
        self.weights[input][output]
    }

    /// The outputs, without an activation.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let sum = |o: usize| -> f64 { self.weights.iter().zip(x).map(|(row, x)| x * row[o]).sum() };
        let scale = |o: usize| self.scales.get(o).map_or(1.0, |&scale| f64::from(scale));
        (0..self.outputs).map(|o| f64::from(self.biases[o]) + scale(o) * sum(o)).collect()
    }
}

/// The outputs of a conditioner.
pub fn outputs(chain: &[Dense], x: &[f64]) -> Vec<f64> {
    let relu = |x: &[f64]| -> Vec<f64> { x.iter().map(|v| v.max(0.0)).collect() };
    if chain.len() == 1 || chain[0].activation == 1 {
        let mut h = chain[0].apply(x);
        for dense in &chain[1..] {
            h = dense.apply(&relu(&h));
        }
        return h;
    }
    let mut h = chain[0].apply(x);
    let (last, blocks) = chain[1..].split_last().expect("a residual conditioner has four dense layers at least");
    for block in blocks.chunks(2) {
        let inside = block[0].apply(&relu(&h));
        for (h, y) in h.iter_mut().zip(block[1].apply(&relu(&inside))) {
            *h += y;
        }
    }
    last.apply(&relu(&h))
}
