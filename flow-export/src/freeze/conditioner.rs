//! Conditioners: chains of dense layers, their weights in panels.

use super::masked::{Outputs, costs, masked};
use super::{FreezeError, Parts, Weights, narrow, values};
use flow_model::params::{Layout, masked_inputs};
use flow_model::spec::Layer;
use flow_nostd::layout::{ADD, DenseRecord, IDENTITY, LANES, RELU, WEIGHTS_F32, WEIGHTS_I8};
use zerocopy::little_endian::{F32, U16, U32};

/// The hidden layers of a conditioner.
pub(super) struct Hidden {
    pub widths: Vec<usize>,
    residual: bool,
}

impl Hidden {
    pub fn plain(widths: &[usize]) -> Self {
        Hidden { widths: widths.to_vec(), residual: false }
    }

    /// Of a residual conditioner `widths` has a number for each block, which is two dense layers after a first one.
    pub fn of(widths: &[usize], residual: bool) -> Self {
        match widths.first() {
            Some(&width) if residual => Hidden { widths: vec![width; 1 + 2 * widths.len()], residual },
            _ => Hidden::plain(widths),
        }
    }

    /// The activation of dense layer `j`.
    fn activation(&self, j: usize) -> u16 {
        match j {
            _ if j == self.widths.len() => IDENTITY,
            _ if !self.residual => RELU,
            0 => IDENTITY,
            _ if j % 2 == 1 => RELU,
            _ => ADD,
        }
    }
}

/// The parameters with the last dense layer of a spline's conditioner, named so, halved, which is exact: the model's
/// splines take half of each raw value ([`flow_model::spline`]), the engine's the value itself.
pub(super) fn halved(name: &str, hidden: &Hidden, layout: &Layout, params: &[f32]) -> Vec<f32> {
    let mut params = params.to_vec();
    for what in ["weight", "bias"] {
        if let Some(slice) = layout.get(&format!("{name}.dense.{}.{what}", hidden.widths.len())) {
            params[slice.range()].iter_mut().for_each(|v| *v *= 0.5);
        }
    }
    params
}

impl Parts {
    /// A conditioner that gives all outputs at once, whichever way it is gone through.
    pub(super) fn conditioner(
        &mut self,
        name: &str,
        inputs: usize,
        hidden: &Hidden,
        outputs: usize,
        params_layout: &Layout,
        params: &[f32],
    ) -> Result<(), FreezeError> {
        let macs = self.dense_layers(name, inputs, hidden, outputs, params_layout, params)?;
        self.macs_log_prob += macs;
        self.macs_sample += macs;
        Ok(())
    }

    /// An autoregressive conditioner, see [`masked`].
    pub(super) fn masked_conditioner(
        &mut self,
        i: usize,
        layer: &Layer,
        order: [usize; 2],
        outputs: Outputs,
        params_layout: &Layout,
        params: &[f32],
    ) -> Result<(), FreezeError> {
        let (Layer::MaskedAffine { hidden, .. } | Layer::MaskedSpline { hidden, .. }) = layer else { return Ok(()) };
        let params = masked(layer, i, order, params_layout, params);
        let [lines, features] = order;
        let (name, inputs, plain) = (format!("layers.{i}"), masked_inputs(lines, features), Hidden::plain(hidden));
        self.macs_log_prob += self.dense_layers(&name, inputs, &plain, outputs.each * lines, params_layout, &params)?;
        let costs = costs(order, hidden, outputs);
        self.macs_sample += costs.macs;
        for (buffer, needed) in self.buffers.iter_mut().zip(costs.buffers) {
            *buffer = (*buffer).max(needed);
        }
        Ok(())
    }

    /// Appends a conditioner's dense layers; returns their multiply-accumulates.
    fn dense_layers(
        &mut self,
        name: &str,
        inputs: usize,
        hidden: &Hidden,
        outputs: usize,
        params_layout: &Layout,
        params: &[f32],
    ) -> Result<u64, FreezeError> {
        let mut inputs = inputs;
        let mut macs = 0;
        for (j, &outputs) in hidden.widths.iter().chain([&outputs]).enumerate() {
            let part = |what: &str| values(params_layout, params, &format!("{name}.dense.{j}.{what}"));
            let place = || format!("width of {name}, dense layer {j}");
            let (weights, activation) = (self.weights_of_conditioners, hidden.activation(j));
            let padded = self.dense(place, [inputs, outputs], activation, weights, part("weight"), part("bias"))?;
            self.buffers[j % 2] = self.buffers[j % 2].max(padded);
            macs += inputs as u64 * outputs as u64;
            inputs = outputs;
        }
        Ok(macs)
    }

    /// Appends a dense layer, its weights being `[in, out]`; returns the length of its outputs' panels.
    pub(super) fn dense(
        &mut self,
        place: impl Fn() -> String,
        [inputs, outputs]: [usize; 2],
        activation: u16,
        weight_type: Weights,
        weights: &[f32],
        biases: &[f32],
    ) -> Result<usize, FreezeError> {
        let first_weight = self.weights.len();
        let (weight_type, scales) = match weight_type {
            Weights::F32 => {
                self.weights.extend(panels(weights, [inputs, outputs]).map(F32::new));
                (WEIGHTS_F32, vec![])
            }
            Weights::I8 => {
                let (numbers, scales) = rounded(weights, outputs);
                let bytes: Vec<u8> = panels(&numbers, [inputs, outputs]).map(i8::cast_unsigned).collect();
                self.weights.extend(bytes.as_chunks().0.iter().map(|&word| F32::from_bytes(word)));
                (WEIGHTS_I8, scales)
            }
        };
        let first_bias = self.weights.len();
        let padded = outputs.next_multiple_of(LANES);
        // A bias of -0 becomes +0, as the engine demands.
        self.weights.extend(biases.iter().map(|&b| F32::new(b + 0.0)));
        self.weights.resize(first_bias + padded, F32::ZERO);
        if weight_type == WEIGHTS_I8 {
            self.weights.extend(scales.into_iter().map(F32::new));
            self.weights.resize(first_bias + 2 * padded, F32::ZERO);
        }
        self.dense.push(DenseRecord {
            inputs: narrow(&place, inputs)?,
            outputs: narrow(&place, outputs)?,
            activation: U16::new(activation),
            weight_type: U16::new(weight_type),
            weights: U32::new(first_weight as u32),
            biases: U32::new(first_bias as u32),
        });
        Ok(padded)
    }
}

/// `[in, out]` as `[ceil(out / 8)][in][8]`, padded with zeros.
fn panels<T: Copy + Default>(weights: &[T], [inputs, outputs]: [usize; 2]) -> impl Iterator<Item = T> {
    let rows = move |first| weights.chunks_exact(outputs).take(inputs).map(move |row| (row, first));
    let lanes = move |(row, first): (&[T], usize)| -> [T; LANES] {
        std::array::from_fn(|lane| if first + lane < outputs { row[first + lane] } else { T::default() })
    };
    (0..outputs).step_by(LANES).flat_map(rows).flat_map(lanes)
}

/// `[in, out]` as whole numbers from -127 to 127, of which each output has a scale: a 127th of its largest magnitude.
pub(super) fn rounded(weights: &[f32], outputs: usize) -> (Vec<i8>, Vec<f32>) {
    let mut scales = vec![0.0f32; outputs];
    for row in weights.chunks_exact(outputs) {
        scales.iter_mut().zip(row).for_each(|(most, w)| *most = most.max(w.abs()));
    }
    scales.iter_mut().for_each(|scale| *scale /= 127.0);
    let number = |(&w, &scale): (&f32, &f32)| match scale {
        0.0 => 0,
        _ => (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8,
    };
    (weights.iter().zip(scales.iter().cycle()).map(number).collect(), scales)
}
