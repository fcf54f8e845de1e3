//! Writes a flow and its parameters as one frozen file, laid out as `spec/format.md` says.
//!
//! The records are the engine's own structs, the expected log-densities of the probe rows are computed by the engine
//! itself, and the finished file is loaded once before it is returned. The same input gives the same bytes.

mod act_norm;
mod base;
mod linear;

use crate::aligned::AlignedBytes;
use crate::columns::Columns;
use crate::frozen::split_context;
use crate::masked::{Outputs, costs, masked};
use flow_model::circles;
use flow_model::params::{Layout, masked_inputs};
use flow_model::spec::{FlowSpec, Layer, SpecError};
use flow_model::spline::raw_values;
use flow_nostd::layout::{self, *};
use flow_nostd::{EvalError, Flow, FormatError, SelfTestError, Tag};
use sha2::{Digest, Sha256};
use std::mem::offset_of;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U16, U32};

/// Why a flow cannot be frozen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// The spec describes no flow.
    #[error("the specification is not valid: {0}")]
    Spec(#[from] SpecError),
    /// Too few or too many parameters.
    #[error("{found} parameters, expected {expected}")]
    ParamCount {
        /// What the spec needs.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("value {index} of parameter {name} is {value}: the training went wrong; train again with a lower --lr")]
    ParamNotFinite {
        /// The slice, as `layers.3.dense.0.weight`.
        name: String,
        /// Index in the slice.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A number that the file's fields cannot hold, or that the engine refuses.
    #[error("{place}: {found} is not allowed in a frozen file, expected {expected}")]
    Limit {
        /// Where, as `layers[3].scale_bound`.
        place: String,
        /// The limit.
        expected: String,
        /// The number.
        found: String,
    },
    /// A probe row that the engine refuses.
    #[error("probe row {probe}: {source}")]
    Probe {
        /// Which row.
        probe: usize,
        /// Why.
        source: EvalError,
    },
    /// The engine refuses the finished file.
    #[error("the engine refuses the frozen flow: {0}")]
    Format(#[from] FormatError),
    /// The engine does not compute twice the same bits.
    #[error("the engine refuses the frozen flow: {0}")]
    SelfTest(#[from] SelfTestError),
}

/// Freezes a flow: `params` as [`Layout`] orders them, `probes` as rows in raw units, context among them, for the engine's
/// self-test (at least one is recommended, none is allowed), `rollback` as the file's counter against roll-back.
///
/// # Errors
/// A spec that is not valid, parameters that do not fit it or are not finite, numbers beyond the format's limits.
pub fn freeze(spec: &FlowSpec, params: &[f32], probes: &[Vec<f32>], rollback: u32) -> Result<Vec<u8>, FreezeError> {
    spec.validate()?;
    let layout = Layout::of(spec);
    check_params(&layout, params)?;
    let mut parts = Parts { columns: Columns::of(spec)?, ..Parts::default() };
    parts.names(spec)?;
    parts.circles(spec, &layout, params)?;
    for (i, layer) in spec.layers.iter().enumerate() {
        parts.layer(spec, i, layer, &layout, params)?;
    }
    parts.base(spec, &layout, params)?;
    let mut expected = vec![0.0; probes.len()];
    let columns = spec.columns.len();
    for (probe, row) in probes.iter().enumerate() {
        if row.len() != columns {
            let source = EvalError::RowLength { expected: columns, found: row.len() };
            return Err(FreezeError::Probe { probe, source });
        }
    }
    // The probes' log-densities do not depend on the probes: write once without them, then once with.
    let draft = AlignedBytes::from(parts.file(spec, probes, &expected, rollback)?);
    let flow = Flow::new(&draft)?;
    let mut scratch = vec![0.0; flow.scratch_len()];
    for (probe, (row, expected)) in probes.iter().zip(&mut expected).enumerate() {
        let (row, context) = split_context(&flow, row);
        *expected =
            flow.log_prob(&row, &context, &mut scratch).map_err(|source| FreezeError::Probe { probe, source })?;
    }
    let file = AlignedBytes::from(parts.file(spec, probes, &expected, rollback)?);
    let flow = Flow::new(&file)?;
    if !probes.is_empty() {
        flow.self_test(&mut scratch)?;
    }
    Ok(file.to_vec())
}

/// The model id of a frozen file: the first 16 bytes of the SHA-256 of the file, without a signature, with the id and
/// both checksums zero. `None` where `file` is shorter than its header says.
pub fn model_id(file: &[u8]) -> Option<[u8; 16]> {
    let (header, _) = zerocopy::FromBytes::read_from_prefix(file).ok()?;
    let mut header: Header = header;
    let body = file.get(HEADER_LENGTH..header.total_length.get() as usize)?;
    header.model_id = [0; 16];
    header.body_crc = U32::ZERO;
    header.header_crc = U32::ZERO;
    let digest = Sha256::new().chain_update(header.as_bytes()).chain_update(body).finalize();
    digest.first_chunk().copied()
}

fn check_params(layout: &Layout, params: &[f32]) -> Result<(), FreezeError> {
    if params.len() != layout.total() {
        return Err(FreezeError::ParamCount { expected: layout.total(), found: params.len() });
    }
    for slice in layout.slices() {
        let values = &params[slice.range()];
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(FreezeError::ParamNotFinite { name: slice.name.clone(), index, value: values[index] });
        }
    }
    Ok(())
}

/// The values of a slice of the parameters; none where the layout has no such slice.
fn values<'p>(layout: &Layout, params: &'p [f32], name: &str) -> &'p [f32] {
    layout.get(name).map_or(&[], |slice| &params[slice.range()])
}

/// The hidden layers of a conditioner.
struct Hidden {
    widths: Vec<usize>,
    residual: bool,
}

impl Hidden {
    fn plain(widths: &[usize]) -> Self {
        Hidden { widths: widths.to_vec(), residual: false }
    }

    /// Of a residual conditioner `widths` has a number for each block, which is two dense layers after a first one.
    fn of(widths: &[usize], residual: bool) -> Self {
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

/// A number as a `u16` field.
fn narrow(place: impl Fn() -> String, value: usize) -> Result<U16, FreezeError> {
    u16::try_from(value).map(U16::new).map_err(|_| limit(place(), "at most 65535", value))
}

pub(crate) fn limit(place: String, expected: &str, found: impl ToString) -> FreezeError {
    FreezeError::Limit { place, expected: expected.into(), found: found.to_string() }
}

/// The parameters with the last dense layer of a spline's conditioner, named so, halved, which is exact: the model's splines take
/// half of each raw value ([`flow_model::spline`]), the engine's the value itself.
fn halved(name: &str, hidden: &Hidden, layout: &Layout, params: &[f32]) -> Vec<f32> {
    let mut params = params.to_vec();
    for what in ["weight", "bias"] {
        if let Some(slice) = layout.get(&format!("{name}.dense.{}.{what}", hidden.widths.len())) {
            params[slice.range()].iter_mut().for_each(|v| *v *= 0.5);
        }
    }
    params
}

/// The bound of an affine layer's log-scale.
fn scale_bound_field(place: impl Fn() -> String, bound: f32) -> Result<F32, FreezeError> {
    if !(SCALE_BOUND_MIN..=SCALE_BOUND_MAX).contains(&bound) {
        return Err(limit(place(), "1e-6 to 80", bound));
    }
    Ok(F32::new(bound))
}

/// The number of bins and the box of a spline layer.
fn spline_fields(place: impl Fn(&str) -> String, num_bins: usize, bound: f32) -> Result<(U16, F32), FreezeError> {
    if !(usize::from(NUM_BINS_MIN)..=usize::from(NUM_BINS_MAX)).contains(&num_bins) {
        return Err(limit(place("num_bins"), "2 to 64", num_bins));
    }
    if !(TAIL_BOUND_MIN..=TAIL_BOUND_MAX).contains(&bound) {
        return Err(limit(place("tail_bound"), "0.001 to 1e6", bound));
    }
    Ok((U16::new(num_bins as u16), F32::new(bound)))
}

/// The file's lists as they grow, and what the layers need.
#[derive(Default)]
struct Parts {
    columns: Columns,
    circles: Vec<CircleRecord>,
    names: Vec<u8>,
    layers: Vec<LayerRecord>,
    dense: Vec<DenseRecord>,
    indices: Vec<U16>,
    weights: Vec<F32>,
    base: Vec<u8>,
    /// Lengths of the two buffers between which a conditioner alternates.
    buffers: [usize; 2],
    macs_log_prob: u64,
    macs_sample: u64,
}

impl Parts {
    fn names(&mut self, spec: &FlowSpec) -> Result<(), FreezeError> {
        for (j, column) in spec.columns.iter().enumerate() {
            let length = narrow(|| format!("length of the name of columns[{j}]"), column.name.len())?;
            self.names.extend_from_slice(length.as_bytes());
            self.names.extend_from_slice(column.name.as_bytes());
        }
        Ok(())
    }

    fn circles(&mut self, spec: &FlowSpec, layout: &Layout, params: &[f32]) -> Result<(), FreezeError> {
        let Some(shape) = &spec.circles else { return Ok(()) };
        for j in 0..spec.circular() {
            let name = format!("circles.{j}");
            let inputs = circles::inputs(spec, j);
            let hidden = Hidden::plain(if inputs > 0 { &shape.hidden } else { &[] });
            self.circles.push(CircleRecord {
                dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                dense_count: narrow(|| "circles.hidden".into(), hidden.widths.len() + 1)?,
                num_bins: narrow(|| "circles.num_bins".into(), shape.num_bins)?,
                reserved: [0; 10],
            });
            let params = halved(&name, &hidden, layout, params);
            let outputs = circles::spline(shape.num_bins).raw_values();
            self.conditioner(&name, inputs, &hidden, outputs, layout, &params)?;
        }
        Ok(())
    }

    fn layer(
        &mut self,
        spec: &FlowSpec,
        i: usize,
        layer: &Layer,
        params_layout: &Layout,
        params: &[f32],
    ) -> Result<(), FreezeError> {
        let place = |field: &str| format!("layers[{i}].{field}");
        let name = format!("layers.{i}");
        let (lines, features) = (spec.lines(), spec.features());
        match layer {
            Layer::Permutation { order } => {
                let record = PermutationRecord {
                    kind: U16::new(PERMUTATION),
                    reserved: U16::ZERO,
                    indices: U32::new(self.indices.len() as u32),
                    reserved_b: [0; 24],
                };
                let mut inverse = vec![U16::ZERO; order.len()];
                for (j, &from) in order.iter().enumerate() {
                    inverse[from as usize] = narrow(|| place("order"), j)?;
                    self.indices.push(narrow(|| place("order"), from as usize)?);
                }
                self.indices.extend(inverse);
                self.buffers[0] = self.buffers[0].max(order.len());
                self.layers.push(zerocopy::transmute!(record));
            }
            Layer::ActNorm => self.act_norm(i, params_layout, params)?,
            Layer::Lu => self.linear(i, lines, params_layout, params)?,
            Layer::AffineCoupling { kept, hidden, residual, scale_bound } => {
                let hidden = Hidden::of(hidden, *residual);
                let record = AffineCouplingRecord {
                    kind: U16::new(AFFINE_COUPLING),
                    kept: narrow(|| place("kept"), *kept)?,
                    dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                    dense_count: narrow(|| place("hidden"), hidden.widths.len() + 1)?,
                    scale_bound: scale_bound_field(|| place("scale_bound"), *scale_bound)?,
                    reserved: [0; 20],
                };
                self.conditioner(&name, features + kept, &hidden, 2 * (lines - kept), params_layout, params)?;
                self.layers.push(zerocopy::transmute!(record));
            }
            Layer::SplineCoupling { kept, hidden, residual, num_bins, tail_bound } => {
                let hidden = Hidden::of(hidden, *residual);
                let (num_bins_field, tail_bound) = spline_fields(place, *num_bins, *tail_bound)?;
                let record = SplineCouplingRecord {
                    kind: U16::new(SPLINE_COUPLING),
                    kept: narrow(|| place("kept"), *kept)?,
                    dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                    dense_count: narrow(|| place("hidden"), hidden.widths.len() + 1)?,
                    tail_bound,
                    num_bins: num_bins_field,
                    reserved: [0; 18],
                };
                let params = halved(&name, &hidden, params_layout, params);
                let outputs = raw_values(*num_bins) * (lines - kept);
                self.conditioner(&name, features + kept, &hidden, outputs, params_layout, &params)?;
                self.layers.push(zerocopy::transmute!(record));
            }
            Layer::MaskedAffine { hidden, scale_bound } => {
                let record = MaskedAffineRecord {
                    kind: U16::new(MASKED_AFFINE),
                    reserved: U16::ZERO,
                    dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                    dense_count: narrow(|| place("hidden"), hidden.len() + 1)?,
                    scale_bound: scale_bound_field(|| place("scale_bound"), *scale_bound)?,
                    reserved_b: [0; 20],
                };
                let outputs = Outputs { each: 2, together: false };
                self.masked_conditioner(i, layer, [lines, features], outputs, params_layout, params)?;
                self.layers.push(zerocopy::transmute!(record));
            }
            Layer::MaskedSpline { hidden, num_bins, tail_bound } => {
                let (num_bins_field, tail_bound) = spline_fields(place, *num_bins, *tail_bound)?;
                let record = MaskedSplineRecord {
                    kind: U16::new(MASKED_SPLINE),
                    reserved: U16::ZERO,
                    dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                    dense_count: narrow(|| place("hidden"), hidden.len() + 1)?,
                    tail_bound,
                    num_bins: num_bins_field,
                    reserved_b: [0; 18],
                };
                let outputs = Outputs { each: raw_values(*num_bins), together: true };
                let params = halved(&name, &Hidden::plain(hidden), params_layout, params);
                self.masked_conditioner(i, layer, [lines, features], outputs, params_layout, &params)?;
                self.layers.push(zerocopy::transmute!(record));
            }
        }
        Ok(())
    }

    /// A conditioner that gives all outputs at once, whichever way it is gone through.
    fn conditioner(
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
    fn masked_conditioner(
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
            let padded = self.dense(place, [inputs, outputs], hidden.activation(j), part("weight"), part("bias"))?;
            self.buffers[j % 2] = self.buffers[j % 2].max(padded);
            macs += inputs as u64 * outputs as u64;
            inputs = outputs;
        }
        Ok(macs)
    }

    /// Appends a dense layer, its weights being `[in, out]`; returns the length of its outputs' panels.
    fn dense(
        &mut self,
        place: impl Fn() -> String,
        [inputs, outputs]: [usize; 2],
        activation: u16,
        weights: &[f32],
        biases: &[f32],
    ) -> Result<usize, FreezeError> {
        let first_weight = self.weights.len();
        self.panels(weights, inputs, outputs);
        let first_bias = self.weights.len();
        let padded = outputs.next_multiple_of(LANES);
        // A bias of -0 becomes +0, as the engine demands.
        self.weights.extend(biases.iter().map(|&b| F32::new(b + 0.0)));
        self.weights.resize(first_bias + padded, F32::ZERO);
        self.dense.push(DenseRecord {
            inputs: narrow(&place, inputs)?,
            outputs: narrow(&place, outputs)?,
            activation: U16::new(activation),
            reserved: U16::ZERO,
            weights: U32::new(first_weight as u32),
            biases: U32::new(first_bias as u32),
        });
        Ok(padded)
    }

    /// `[in, out]` as `[ceil(out / 8)][in][8]`, padded with zeros.
    fn panels(&mut self, weights: &[f32], inputs: usize, outputs: usize) {
        for first in (0..outputs).step_by(LANES) {
            for row in weights.chunks_exact(outputs).take(inputs) {
                let lanes = (first..first + LANES).map(|o| if o < outputs { row[o] } else { 0.0 });
                self.weights.extend(lanes.map(F32::new));
            }
        }
    }

    /// The first minor version of the format that has all that the file uses.
    fn minor(&self) -> u16 {
        let newest_column = self.columns.records.iter().map(|record| record.kind.get()).max().unwrap_or(0);
        let newest_layer = self.layers.iter().map(|record| record.kind.get()).max().unwrap_or(0);
        let residual = self.dense.iter().any(|dense| dense.activation.get() == ADD);
        match () {
            () if newest_column > CONSTANT || !self.columns.atoms.is_empty() => 2,
            () if residual || newest_layer > MASKED_SPLINE || self.base.len() > size_of::<BaseRecord>() => 2,
            () if newest_layer > AFFINE_COUPLING => 1,
            () => 0,
        }
    }

    fn file(
        &self,
        spec: &FlowSpec,
        probes: &[Vec<f32>],
        expected: &[f32],
        rollback: u32,
    ) -> Result<Vec<u8>, FreezeError> {
        let tails = TailsRecord {
            knee: F32::new(spec.tails.knee),
            rate: F32::new(spec.tails.rate),
            log_volume: F32::new(self.columns.log_volume as f32),
            reserved: [0; 4],
        };
        let probes: Vec<F32> = probes
            .iter()
            .zip(expected)
            .flat_map(|(row, expected)| row.iter().chain([expected]))
            .map(|&v| F32::new(v))
            .collect();
        let sections: [(Tag, u32, &[u8]); 11] = [
            (COLUMNS, CRITICAL, self.columns.records.as_bytes()),
            (ATOMS, CRITICAL, self.columns.atoms.as_bytes()),
            (CIRCLES, CRITICAL, self.circles.as_bytes()),
            (TAILS, CRITICAL, tails.as_bytes()),
            (LAYERS, CRITICAL, self.layers.as_bytes()),
            (layout::DENSE, CRITICAL, self.dense.as_bytes()),
            (INDICES, CRITICAL, self.indices.as_bytes()),
            (BASE, CRITICAL, &self.base),
            (NAMES, 0, &self.names),
            (PROBES, 0, probes.as_bytes()),
            (WEIGHTS, CRITICAL, self.weights.as_bytes()),
        ];
        // Of atoms and circles there is no section where there is none of them.
        let unless_empty = [ATOMS, CIRCLES];
        let sections: Vec<_> =
            sections.into_iter().filter(|(tag, _, data)| !(unless_empty.contains(tag) && data.is_empty())).collect();

        let mut file = vec![0; HEADER_LENGTH + sections.len() * size_of::<SectionEntry>()];
        let mut entries = Vec::new();
        for &(tag, flags, data) in &sections {
            entries.push(SectionEntry {
                tag: tag.0,
                flags: U32::new(flags),
                offset: U32::new(file.len() as u32),
                length: U32::new(data.len() as u32),
            });
            file.extend_from_slice(data);
            file.resize(file.len().next_multiple_of(SECTION_ALIGN as usize), 0);
        }
        file[HEADER_LENGTH..][..size_of_val(&entries[..])].copy_from_slice(entries.as_bytes());

        let total = u32::try_from(file.len()).map_err(|_| limit("file".into(), "at most 4 GiB", file.len()))?;
        let macs = |macs: u64| {
            u32::try_from(macs)
                .map(U32::new)
                .map_err(|_| limit("multiply-accumulates of one row".into(), "at most 4294967295", macs))
        };
        let mut header = Header {
            magic: MAGIC,
            major: U16::new(MAJOR),
            minor: U16::new(self.minor()),
            header_length: U32::new(HEADER_LENGTH as u32),
            total_length: U32::new(total),
            critical_flags: U32::ZERO,
            skippable_flags: U32::ZERO,
            rollback: U32::new(rollback),
            model_id: [0; 16],
            columns: narrow(|| "number of columns".into(), spec.columns.len() - spec.context())?,
            dim: narrow(|| "number of columns that are modelled".into(), spec.dim())?,
            context_dim: narrow(|| "number of context columns".into(), spec.context())?,
            layers: narrow(|| "number of layers".into(), self.layers.len())?,
            dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
            sections: U16::new(sections.len() as u16),
            weight_type: U16::new(WEIGHTS_F32),
            reserved_a: U16::ZERO,
            scratch_length: U32::new((spec.features() + spec.dim() + self.buffers[0] + self.buffers[1]) as u32),
            macs_log_prob: macs(self.macs_log_prob)?,
            macs_sample: macs(self.macs_sample)?,
            reserved_b: [0; 44],
            body_crc: U32::ZERO,
            header_crc: U32::ZERO,
        };
        file[..HEADER_LENGTH].copy_from_slice(header.as_bytes());
        header.model_id = model_id(&file).unwrap_or_default();
        header.body_crc = U32::new(crc32(&file[HEADER_LENGTH..]));
        header.header_crc = U32::new(crc32(&header.as_bytes()[..offset_of!(Header, header_crc)]));
        file[..HEADER_LENGTH].copy_from_slice(header.as_bytes());
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_model::spec::{Atom, Base, Column, Dequantization, Kind, SplineShape, Standard, Tails};

    /// The flow of `spec/example.flow`.
    fn example() -> (FlowSpec, Vec<f32>, Vec<Vec<f32>>) {
        let standard = |center, scale, reach| Standard { center, scale, reach };
        let column = Column::new;
        let spec = FlowSpec {
            columns: vec![
                column("flow", Kind::Continuous { standard: standard(1.5, 0.25, 4.0), jitter: 0.001 }),
                column("state", Kind::Constant { value: 3.0, log_mass: -0.125, log_other: -8.0, unit: 1.0 }),
                column("count", Kind::Integer { standard: standard(20.0, 4.0, 5.0) }),
                column("temperature", Kind::Continuous { standard: standard(-40.0, 8.0, 3.5), jitter: 0.0 }),
            ],
            tails: Tails { knee: 3.0, rate: 1.0 },
            circles: None,
            layers: vec![
                Layer::AffineCoupling { kept: 1, hidden: vec![5], residual: false, scale_bound: 2.0 },
                Layer::Permutation { order: vec![2, 0, 1] },
                Layer::AffineCoupling { kept: 2, hidden: vec![9, 3], residual: false, scale_bound: 1.5 },
            ],
            base: Base::Normal,
            dequantization: Dequantization::Uniform,
        };
        let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
        let probes = vec![vec![1.25, 3.0, 17.0, -30.0], vec![90.0, 2.0, -5.0, 0.0]];
        (spec, params, probes)
    }

    #[test]
    fn the_example_of_the_specification() {
        let (spec, params, probes) = example();
        let file = freeze(&spec, &params, &probes, 7).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &file).unwrap();
        }
        assert!(file == std::fs::read(path).unwrap(), "other bytes than spec/example.flow; BLESS=1 writes it anew");
        let aligned = AlignedBytes::from(file.clone());
        let flow = Flow::new(&aligned).unwrap();
        assert_eq!(model_id(&file), Some(flow.model_id()));
        assert_eq!(flow.header().rollback.get(), 7);
        assert_eq!((flow.columns(), flow.dim(), flow.probes()), (4, 3, 2));
        assert_eq!(flow.column_name(3), Some("temperature"));
        // A signature does not change the id.
        let mut signed = file.clone();
        signed.extend([0x5a; 64]);
        assert_eq!(model_id(&signed), Some(flow.model_id()));
    }

    #[test]
    fn parameters_that_are_refused() {
        let (spec, mut params, probes) = example();
        let error = freeze(&spec, &params[1..], &probes, 0).unwrap_err();
        assert!(matches!(error, FreezeError::ParamCount { expected, found } if expected == found + 1), "{error}");
        params[6] = f32::NAN;
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert!(error.to_string().starts_with("value 1 of parameter layers.0.dense.0.bias is NaN"), "{error}");
        params[6] = 1e30;
        params[20] = 1e30;
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert!(matches!(error, FreezeError::Format(FormatError::WeightsTooLarge { .. })), "{error}");
    }

    #[test]
    fn probes_that_are_refused() {
        let (spec, params, mut probes) = example();
        probes[1][2] = f32::INFINITY;
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert_eq!(error.to_string(), "probe row 1: the value of column 2 is NaN or infinite");
        probes[1].pop();
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert_eq!(error.to_string(), "probe row 1: a row of 3 values, expected 4");
        assert!(freeze(&spec, &params, &[], 0).is_ok());
    }

    #[test]
    fn numbers_beyond_the_format() {
        let (mut spec, params, probes) = example();
        let Layer::AffineCoupling { scale_bound, .. } = &mut spec.layers[2] else { panic!() };
        *scale_bound = 81.0;
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert!(error.to_string().starts_with("layers[2].scale_bound: 81 is not allowed"), "{error}");
        let (mut spec, params, probes) = example();
        spec.columns[0].name = "x".repeat(70_000);
        let error = freeze(&spec, &params, &probes, 0).unwrap_err();
        assert!(error.to_string().contains("name of columns[0]"), "{error}");
    }

    #[test]
    fn negative_zeros_among_the_biases_become_positive() {
        let (spec, mut params, probes) = example();
        let bias = Layout::of(&spec).get("layers.0.dense.0.bias").unwrap().range();
        params[bias].fill(-0.0);
        assert!(freeze(&spec, &params, &probes, 0).is_ok());
    }

    /// The example's columns with one of each newer layer.
    fn family(hidden: &[usize]) -> (FlowSpec, Vec<f32>, Vec<Vec<f32>>) {
        let (mut spec, _, probes) = example();
        let hidden = hidden.to_vec();
        spec.layers = vec![
            Layer::SplineCoupling { kept: 1, hidden: hidden.clone(), residual: false, num_bins: 4, tail_bound: 3.0 },
            Layer::MaskedAffine { hidden: hidden.clone(), scale_bound: 2.0 },
            Layer::Permutation { order: vec![2, 0, 1] },
            Layer::MaskedSpline { hidden, num_bins: 8, tail_bound: 4.0 },
        ];
        let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
        (spec, params, probes)
    }

    #[test]
    fn every_layer_freezes_and_comes_back() {
        for hidden in [&[][..], &[1], &[9, 20], &[16, 16, 16]] {
            let (spec, params, probes) = family(hidden);
            let file = AlignedBytes::from(freeze(&spec, &params, &probes, 0).unwrap());
            let flow = Flow::new(&file).unwrap();
            assert_eq!(flow.header().minor.get(), 1);
            let (mut z, mut row) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
            let mut scratch = vec![0.0; flow.scratch_len()];
            for x in [[1.3, 3.0, 18.0, -41.0], [1.7, 3.0, 25.0, -30.0], [1.5, 3.0, 20.0, -40.0]] {
                assert!(flow.to_latent(&x, &[], &mut z, &mut scratch).unwrap().is_finite());
                flow.to_data(&z, &[], &mut row, &mut scratch).unwrap();
                assert!((row[0] - x[0]).abs() < 1e-4 && (row[3] - x[3]).abs() < 1e-2, "{row:?} {x:?}");
            }
        }
    }

    #[test]
    fn a_single_column_freezes() {
        for layer in [
            Layer::SplineCoupling { kept: 0, hidden: vec![], residual: false, num_bins: 8, tail_bound: 3.0 },
            Layer::MaskedAffine { hidden: vec![], scale_bound: 2.0 },
            Layer::MaskedSpline { hidden: vec![], num_bins: 8, tail_bound: 4.0 },
        ] {
            let (mut spec, _, _) = example();
            spec.columns.truncate(2);
            spec.layers = vec![layer];
            let params: Vec<f32> = (0..Layout::of(&spec).total()).map(|i| (i % 5) as f32 / 4.0 - 0.5).collect();
            assert!(freeze(&spec, &params, &[vec![1.4, 3.0]], 0).is_ok());
        }
    }

    /// Columns of every kind, with atoms, context and circles, and one of each layer.
    fn every_kind(lines: usize, hidden: &[usize]) -> (FlowSpec, Vec<f32>) {
        let standard = |center, scale| Standard { center, scale, reach: 6.0 };
        let atom = |value, cut, width| Atom { value, cut, width };
        let mut columns = vec![
            Column::new("wind", Kind::Context { standard: standard(3.0, 2.0) }),
            Column::new("heading", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
        ];
        let mut on_lines = vec![
            Column::new("flow", Kind::Continuous { standard: standard(1.5, 0.25), jitter: 0.0 }),
            Column::new("rain", Kind::Positive { standard: standard(-1.0, 0.8) }),
            Column::new("share", Kind::Bounded { low: 0.0, high: 100.0, standard: standard(0.3, 1.2) }),
            Column::new("level", Kind::Lattice { origin: 0.25, step: 0.5, standard: standard(4.0, 3.0) }),
            Column::new("count", Kind::Integer { standard: standard(20.0, 4.0) }),
        ];
        on_lines[1].atoms = vec![atom(0.0, -3.0, 0.5)];
        on_lines[3].atoms = vec![atom(2.0, 2.0, 1.5), atom(7.0, 7.0, 3.0)];
        columns.extend(on_lines.into_iter().take(lines));
        let constant = Kind::Constant { value: 3.0, log_mass: -0.125, log_other: -8.0, unit: 1.0 };
        columns.extend([
            Column::new("state", constant),
            Column::new("phase", Kind::Circular { origin: -1.0, period: 2.0, jitter: 0.01 }),
            Column::new("tide", Kind::Context { standard: standard(0.0, 1.0) }),
        ]);
        let (hidden, kept) = (hidden.to_vec(), lines / 2);
        let layers = match lines {
            0 => vec![],
            _ => vec![
                Layer::ActNorm,
                Layer::AffineCoupling { kept, hidden: hidden.clone(), residual: false, scale_bound: 2.0 },
                Layer::Lu,
                Layer::MaskedAffine { hidden: hidden.clone(), scale_bound: 2.0 },
                Layer::SplineCoupling { kept, hidden: hidden.clone(), residual: false, num_bins: 4, tail_bound: 3.0 },
                Layer::MaskedSpline { hidden: hidden.clone(), num_bins: 3, tail_bound: 4.0 },
            ],
        };
        let spec = FlowSpec {
            columns,
            tails: Tails { knee: 5.0, rate: 1.0 },
            circles: Some(SplineShape { hidden, num_bins: 5 }),
            layers,
            base: match lines {
                2 => Base::StudentT,
                5 => Base::Mixture { components: 3, full: true },
                _ => Base::Normal,
            },
            dequantization: Dequantization::Uniform,
        };
        let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 96.0).collect();
        (spec, params)
    }

    #[test]
    fn every_kind_of_column_freezes_and_comes_back() {
        let row = [200.0, 1.3, 0.7, 30.0, 3.75, 18.0, 3.0, 0.3];
        let typical = [[2.5, -0.5], [100.0, 0.0]];
        for (lines, hidden) in [(0, &[][..]), (0, &[7]), (1, &[]), (1, &[9]), (2, &[3, 20]), (5, &[]), (5, &[16, 16])] {
            let (spec, params) = every_kind(lines, hidden);
            let probes = crate::probes::rows(&spec);
            let file = AlignedBytes::from(freeze(&spec, &params, &probes, 0).unwrap());
            let flow = Flow::new(&file).unwrap();
            assert_eq!((flow.header().minor.get(), flow.context_dim()), (2, 2));
            assert_eq!((flow.columns(), flow.dim(), flow.probes()), (lines + 3, lines + 2, probes.len()));
            let x = [&row[..1 + lines], &row[6..]].concat();
            let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
            let mut scratch = vec![0.0; flow.scratch_len()];
            for context in typical {
                assert!(flow.to_latent(&x, &context, &mut z, &mut scratch).unwrap().is_finite());
                flow.to_data(&z, &context, &mut back, &mut scratch).unwrap();
                let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3 * (1.0 + a.abs());
                assert!(x.iter().zip(&back).all(close), "{x:?} {back:?}");
            }
        }
    }

    #[test]
    fn numbers_of_columns_beyond_the_format() {
        let (mut spec, params) = every_kind(2, &[4]);
        let Kind::Context { standard } = &mut spec.columns[0].kind else { panic!() };
        standard.reach = 2e9;
        let error = freeze(&spec, &params, &[], 0).unwrap_err();
        assert!(error.to_string().starts_with("columns[0] (wind).reach: 2000000000 is not allowed"), "{error}");
        let (mut spec, params) = every_kind(2, &[4]);
        spec.columns[3].atoms[0].width = 1e31;
        let error = freeze(&spec, &params, &[], 0).unwrap_err();
        assert!(error.to_string().starts_with("columns[3] (rain).atoms: "), "{error}");
    }
}
