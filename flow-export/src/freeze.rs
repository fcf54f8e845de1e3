//! Writes a flow and its parameters as one frozen file, laid out as `spec/format.md` says.
//!
//! The records are the engine's own structs, the expected log-densities of the probe rows are computed by the engine
//! itself, and the finished file is loaded once before it is returned. The same input gives the same bytes.

mod act_norm;
mod base;
mod circles;
mod columns;
mod conditioner;
mod linear;
mod masked;
#[cfg(test)]
mod tests;

use crate::aligned::AlignedBytes;
use crate::frozen::split_context;
use columns::Columns;
use conditioner::{Hidden, halved};
use flow_model::params::Layout;
use flow_model::spec::{FlowSpec, Layer, SpecError};
use flow_model::spline::raw_values;
use flow_nostd::layout::{self, *};
use flow_nostd::{EvalError, Flow, FormatError, SelfTestError, Tag};
use masked::Outputs;
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

/// How the weights of conditioners are stored. Those of matrices and mixtures are always 32-bit floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[non_exhaustive]
pub enum Weights {
    /// 32-bit floating point, as trained
    #[default]
    F32,
    /// Eight bits and a scale for each output: a quarter of the flash
    I8,
}

/// Freezes a flow with the weights as trained: `params` as [`Layout`] orders them, `probes` as rows in raw units, context among them, for the engine's
/// self-test (at least one is recommended, none is allowed), `rollback` as the file's counter against roll-back.
///
/// # Errors
/// A spec that is not valid, parameters that do not fit it or are not finite, numbers beyond the format's limits.
pub fn freeze(spec: &FlowSpec, params: &[f32], probes: &[Vec<f32>], rollback: u32) -> Result<Vec<u8>, FreezeError> {
    freeze_as(spec, params, probes, rollback, Weights::F32)
}

/// The same, with the weights of conditioners stored as `weights` says.
///
/// # Errors
/// As [`freeze`].
pub fn freeze_as(
    spec: &FlowSpec,
    params: &[f32],
    probes: &[Vec<f32>],
    rollback: u32,
    weights: Weights,
) -> Result<Vec<u8>, FreezeError> {
    spec.validate()?;
    let layout = Layout::of(spec);
    check_params(&layout, params)?;
    let mut parts = Parts { columns: Columns::of(spec)?, weights_of_conditioners: weights, ..Parts::default() };
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
        let (row, context) = split_context(&flow, [row.as_slice()]);
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

/// Writes the header into the front of the file, with the file's id and both checksums.
pub(crate) fn seal(mut header: Header, file: &mut [u8]) {
    file[..HEADER_LENGTH].copy_from_slice(header.as_bytes());
    header.model_id = model_id(file).unwrap_or_default();
    header.body_crc = U32::new(crc32(&file[HEADER_LENGTH..]));
    header.header_crc = U32::new(crc32(&header.as_bytes()[..offset_of!(Header, header_crc)]));
    file[..HEADER_LENGTH].copy_from_slice(header.as_bytes());
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

/// A number as a `u16` field.
fn narrow(place: impl Fn() -> String, value: usize) -> Result<U16, FreezeError> {
    u16::try_from(value).map(U16::new).map_err(|_| limit(place(), "at most 65535", value))
}

fn limit(place: String, expected: &str, found: impl ToString) -> FreezeError {
    FreezeError::Limit { place, expected: expected.into(), found: found.to_string() }
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
    weights_of_conditioners: Weights,
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

    /// The first minor version of the format that has all that the file uses.
    fn minor(&self) -> u16 {
        let newest_column = self.columns.records.iter().map(|record| record.kind.get()).max().unwrap_or(0);
        let newest_layer = self.layers.iter().map(|record| record.kind.get()).max().unwrap_or(0);
        let residual = self.dense.iter().any(|dense| dense.activation.get() == ADD);
        let other_base = self.base.len() > size_of::<BaseRecord>();
        match () {
            () if self.dense.iter().any(|dense| dense.weight_type.get() != WEIGHTS_F32) => 3,
            () if newest_column > CONSTANT || !self.columns.atoms.is_empty() => 2,
            () if newest_layer > MASKED_SPLINE || residual || other_base => 2,
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
        let header = Header {
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
        seal(header, &mut file);
        Ok(file)
    }
}
