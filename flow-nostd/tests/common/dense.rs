//! Dense layers and conditioners: records, the f64 reference, and random ones.

use super::Draw;

#[derive(Clone, Debug)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// `[inputs, outputs]`; whole numbers where there are scales.
    pub weights: Vec<f32>,
    /// One for each output of a layer whose weights are bytes; else none.
    pub scales: Vec<f32>,
    pub biases: Vec<f32>,
    /// As in the file.
    pub activation: usize,
}

impl Dense {
    pub fn random(draw: &mut Draw, inputs: usize, outputs: usize, activation: usize) -> Self {
        let scale = 1.2 / (inputs.max(1) as f32).sqrt();
        let weights = (0..inputs * outputs).map(|_| draw.around(scale)).collect();
        let biases = (0..outputs).map(|_| draw.around(0.3)).collect();
        Dense { inputs, outputs, weights, scales: vec![], biases, activation }
    }

    /// A square matrix, `[from][to]`.
    pub fn square(matrix: &[Vec<f64>], biases: Vec<f32>) -> Self {
        let n = matrix.len();
        let weights = matrix.iter().flatten().map(|&v| v as f32).collect();
        Dense { inputs: n, outputs: n, weights, scales: vec![], biases, activation: 0 }
    }

    /// The same with weights of eight bits.
    pub fn of_bytes(mut self) -> Self {
        let scale = |o| self.weights.iter().skip(o).step_by(self.outputs).fold(0.0f32, |m, w| m.max(w.abs())) / 127.0;
        self.scales = (0..self.outputs).map(scale).collect();
        for (w, &scale) in self.weights.iter_mut().zip(self.scales.iter().cycle()) {
            *w = if scale > 0.0 { (*w / scale).round().clamp(-127.0, 127.0) } else { 0.0 };
        }
        self
    }

    /// The weight from an input to an output.
    fn weight(&self, i: usize, o: usize) -> f64 {
        f64::from(self.weights[i * self.outputs + o]) * self.scales.get(o).map_or(1.0, |&scale| scale.into())
    }

    /// Appends the record and its values; returns the length of its outputs' panels.
    pub fn put(&self, records: &mut Vec<u8>, values: &mut Vec<u8>) -> usize {
        let padded = self.outputs.div_ceil(8) * 8;
        let lane = |values: &mut Vec<u8>, from: &[f32], lane: usize| {
            values.extend(if lane < self.outputs { from[lane] } else { 0.0 }.to_le_bytes());
        };
        let of_bytes = !self.scales.is_empty();
        for v in [self.inputs, self.outputs, self.activation, usize::from(of_bytes)] {
            records.extend(u16::try_from(v).unwrap().to_le_bytes());
        }
        records.extend((values.len() as u32 / 4).to_le_bytes());
        for first in (0..padded).step_by(8) {
            for i in 0..self.inputs {
                let row = &self.weights[i * self.outputs..];
                for l in first..first + 8 {
                    match of_bytes {
                        true => values.extend((if l < self.outputs { row[l] as i8 } else { 0 }).to_le_bytes()),
                        false => lane(values, row, l),
                    }
                }
            }
        }
        records.extend((values.len() as u32 / 4).to_le_bytes());
        (0..padded).for_each(|l| lane(values, &self.biases, l));
        if of_bytes {
            (0..padded).for_each(|l| lane(values, &self.scales, l));
        }
        padded
    }

    /// `x W + b`.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let product = |i: usize, o: usize| x[i] * self.weight(i, o);
        (0..self.outputs)
            .map(|o| f64::from(self.biases[o]) + (0..self.inputs).map(|i| product(i, o)).sum::<f64>())
            .collect()
    }
}

/// The activations of a conditioner of `count` dense layers.
pub fn activations(count: usize, residual: bool) -> Vec<usize> {
    let inner = |i: usize| match (residual, i) {
        (false, _) => 1,
        (true, 0) => 0,
        (true, _) => 2 - i % 2,
    };
    (0..count).map(|i| if i + 1 == count { 0 } else { inner(i) }).collect()
}

/// Dense layers with random weights; without inputs a bias alone.
pub fn random_chain(draw: &mut Draw, inputs: usize, hidden: &[usize], outputs: usize, residual: bool) -> Vec<Dense> {
    let mut widths = vec![inputs];
    if inputs > 0 {
        widths.extend_from_slice(hidden);
        if residual {
            widths.extend_from_slice(hidden);
            widths.push(hidden[0]);
        }
    }
    widths.push(outputs);
    let activations = activations(widths.len() - 1, residual);
    widths.windows(2).zip(activations).map(|(w, activation)| Dense::random(draw, w[0], w[1], activation)).collect()
}

/// Appends the dense layers of a conditioner; `buffers` are the lengths of those between which it alternates.
pub fn put_chain(chain: &[Dense], records: &mut Vec<u8>, values: &mut Vec<u8>, buffers: &mut [&mut usize; 2]) {
    for (i, d) in chain.iter().enumerate() {
        let padded = d.put(records, values);
        *buffers[i % 2] = padded.max(*buffers[i % 2]);
    }
}

/// The outputs of a conditioner.
pub fn conditioner(dense: &[Dense], input: &[f64]) -> Vec<f64> {
    let relu = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|v| v.max(0.0)).collect() };
    let (last, inner) = dense.split_last().unwrap();
    let Some((first, blocks)) = inner.split_first() else { return last.apply(input) };
    let mut h = first.apply(input);
    if first.activation == 1 {
        h = blocks.iter().fold(h, |h, d| d.apply(&relu(h)));
    } else {
        for block in blocks.chunks(2) {
            let more = block[1].apply(&relu(block[0].apply(&relu(h.clone()))));
            h.iter_mut().zip(more).for_each(|(h, more)| *h += more);
        }
    }
    last.apply(&relu(h))
}
