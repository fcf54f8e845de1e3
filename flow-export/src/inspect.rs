//! What a frozen flow holds and what a device needs for it, as text or as JSON.

mod boards;
mod detection;
mod text;

pub use boards::{BoardFacts, ENGINE, Flash, Milliseconds, Ram, Table, on_boards};
pub use detection::{CalibrationFacts, SensorFacts};

use crate::cost;
use crate::error::Error;
use crate::frozen::{Frozen, column_names, columns_with_atoms, context_names};
use crate::windows::Recipe;
use flow_nostd::layout::{
    self, AtomRecord, Base, CircleRecord, ColumnRecord, ComponentRecord, DenseRecord, Layer, LayerRecord, SectionEntry,
};
use flow_nostd::{Detector, Flow, SelfTestError};
use serde::Serialize;
use zerocopy::FromBytes;
use zerocopy::little_endian::U16;

/// The facts of a frozen flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// The file's name as given.
    pub file: String,
    /// Version of the format.
    pub format_version: String,
    /// First 16 bytes of the SHA-256 of the unsigned file, hexadecimal.
    pub model_id: String,
    /// Counter against roll-back.
    pub rollback: u32,
    /// Flags that a reader must understand.
    pub critical_flags: u32,
    /// Flags that a reader may ignore.
    pub skippable_flags: u32,
    /// Whether a signature follows the file. It is not verified.
    pub signed: bool,
    /// Bytes of flash: the file's length.
    pub file_bytes: usize,
    /// Bytes of RAM that the caller provides.
    pub scratch_bytes: usize,
    /// The same in `f32` values.
    pub scratch_len: usize,
    /// Multiply-accumulates of one `log_prob`.
    pub macs_log_prob: u32,
    /// Multiply-accumulates of one `sample`.
    pub macs_sample: u32,
    /// Instructions of one `log_prob` on a Cortex-M4F, estimated, see [`crate::cost`].
    pub instructions_log_prob: u64,
    /// Type of the weights: `f32`, or `i8` where conditioners' are stored so.
    pub weight_type: &'static str,
    /// Dimension of the latent variable.
    pub dim: usize,
    /// Number of context columns.
    pub context_dim: u16,
    /// How the columns come from raw channels, where they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<Recipe>,
    /// The columns, those of the context among them.
    pub columns: Vec<ColumnFacts>,
    /// Standard deviations beyond which values are compressed.
    pub knee: f32,
    /// Nats lost for each box half-width outside the box.
    pub rate: f32,
    /// The splines of the circular columns, one for each.
    pub circles: Vec<CircleFacts>,
    /// The bijections, towards the latent variable.
    pub layers: Vec<LayerFacts>,
    /// The base distribution.
    #[serde(flatten)]
    pub base: BaseFacts,
    /// How odd a log-density is, where the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationFacts>,
    /// Where the parts of the file lie.
    pub sections: Vec<SectionFacts>,
    /// Number of probe rows of the self-test.
    pub probes: usize,
    /// `passed`, `no probe rows`, or what failed.
    pub self_test: String,
}

/// The facts of a frozen flow, and what it is on some boards: one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactsOnBoards {
    /// The facts.
    #[serde(flatten)]
    pub facts: Facts,
    /// The flow on each of the boards.
    pub boards: Vec<BoardFacts>,
}

/// A column of the row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(flatten)]
    pub kind: ColumnKind,
    /// Values that hold a mass of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub atoms: Vec<AtomFacts>,
    /// What its sensor can do, where the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<SensorFacts>,
    /// A usual value of the column, where the file says it: its median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usual: Option<f32>,
}

/// A value that holds a mass of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtomFacts {
    /// The value, raw.
    pub value: f32,
    /// Width of its interval on the column's axis.
    pub width: f32,
}

/// The spline of a circular column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CircleFacts {
    /// Widths of the conditioner's hidden layers.
    pub hidden: Vec<u16>,
    /// Number of bins.
    pub num_bins: u16,
}

/// What the values of a column are, in raw units.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of `flow_model::spec::Standard` and `Kind::Constant`")]
pub enum ColumnKind {
    /// Real numbers.
    Continuous { center: f32, scale: f32, reach: f32 },
    /// Whole numbers.
    Integer { center: f32, scale: f32, reach: f32 },
    /// Numbers above 0, standardised as their logarithm.
    Positive { center: f32, scale: f32, reach: f32 },
    /// Numbers between two bounds, standardised as a logit.
    Bounded { low: f32, high: f32, center: f32, scale: f32, reach: f32 },
    /// Multiples of a step from an origin, standardised in steps.
    Lattice { origin: f32, step: f32, center: f32, scale: f32, reach: f32 },
    /// Angles.
    Circular { origin: f32, period: f32 },
    /// Given, not modelled.
    Context { center: f32, scale: f32, reach: f32 },
    /// One value only.
    Constant { value: f32, log_mass: f32, log_other: f32, unit: f32 },
}

/// A bijection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of `flow_model::spec::Layer`")]
pub enum LayerFacts {
    /// Reorders the columns.
    Permutation { order: Vec<u16> },
    /// Affine coupling.
    AffineCoupling { kept: u16, hidden: Vec<u16>, residual: bool, scale_bound: f32 },
    /// Spline coupling.
    SplineCoupling { kept: u16, hidden: Vec<u16>, residual: bool, num_bins: u16, tail_bound: f32 },
    /// Masked autoregressive flow, affine.
    MaskedAffine { hidden: Vec<u16>, scale_bound: f32 },
    /// Masked autoregressive flow, spline.
    MaskedSpline { hidden: Vec<u16>, num_bins: u16, tail_bound: f32 },
    /// Product with a matrix.
    Lu { log_det: f32 },
    /// Shift and scale of each column.
    ActNorm { log_det: f32 },
}

/// The base distribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "base", rename_all = "snake_case")]
pub enum BaseFacts {
    /// The standard normal distribution.
    Normal,
    /// Independent Student-t distributions.
    StudentT {
        /// Degrees of freedom of each latent value.
        degrees_of_freedom: Vec<f32>,
    },
    /// A mixture of normal distributions.
    Mixture {
        /// The weight of each component.
        weights: Vec<f32>,
    },
}

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectionFacts {
    /// Four letters, see `spec/format.md`.
    pub tag: String,
    /// First byte.
    pub offset: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Whether a reader must understand it.
    pub critical: bool,
}

/// Collects the facts of a frozen flow. A failed self-test is among them.
///
/// # Errors
/// Where the file is not a frozen flow, or a damaged one.
pub fn inspect(frozen: &Frozen) -> Result<Facts, Error> {
    let flow = frozen.flow()?;
    let header = flow.header();
    let sections = sections(frozen.bytes(), header.sections.get());
    let indices = section_bytes(frozen.bytes(), &sections, layout::INDICES.0);
    let part = |tag: flow_nostd::Tag| section_bytes(frozen.bytes(), &sections, tag.0);
    // What it says of verdicts is checked by whom it is for.
    let source = |source| Error::Format { path: frozen.path().to_owned(), source };
    let detector = Detector::new(frozen.flow()?).map_err(source)?;
    let detection = (detection::sensors(detector.sensor_records()), part(layout::REFERENCES));
    Ok(Facts {
        file: frozen.path().display().to_string(),
        format_version: format!("{}.{}", header.major, header.minor),
        model_id: flow.model_id_hex().as_str().to_owned(),
        rollback: header.rollback.get(),
        critical_flags: header.critical_flags.get(),
        skippable_flags: header.skippable_flags.get(),
        signed: frozen.is_signed()?,
        file_bytes: frozen.bytes().len(),
        scratch_bytes: size_of::<f32>() * flow.scratch_len(),
        scratch_len: flow.scratch_len(),
        macs_log_prob: flow.macs_log_prob(),
        macs_sample: flow.macs_sample(),
        instructions_log_prob: cost::instructions(&flow),
        weight_type: weight_type(&flow),
        dim: flow.dim(),
        context_dim: header.context_dim.get(),
        windows: Recipe::of_file(frozen)?,
        columns: columns(&flow, detection),
        knee: flow.tails_record().knee.get(),
        rate: flow.tails_record().rate.get(),
        circles: flow.circle_records().iter().map(|record| circle(&flow, record)).collect(),
        layers: flow.layer_records().iter().map(|record| layer(&flow, record, indices)).collect(),
        base: base(&flow),
        calibration: detection::calibration(part(layout::CALIBRATION), &context_names(&flow)),
        sections: sections.iter().map(section).collect(),
        probes: flow.probes(),
        self_test: match flow.self_test(&mut vec![0.0; flow.scratch_len()]) {
            Ok(()) => "passed".to_owned(),
            Err(SelfTestError::NoProbes) => "no probe rows".to_owned(),
            Err(error) => format!("failed: {error}"),
        },
    })
}

fn weight_type(flow: &Flow) -> &'static str {
    let of_bytes = |dense: &DenseRecord| dense.weight_type.get() == layout::WEIGHTS_I8;
    if flow.dense_records().iter().any(of_bytes) { "i8" } else { "f32" }
}

fn columns(flow: &Flow, (sensors, references): (Vec<Option<SensorFacts>>, &[u8])) -> Vec<ColumnFacts> {
    // Of the context neither is told.
    let (mut sensors, mut usual) = (sensors.into_iter(), detection::usual(references, flow.columns()).into_iter());
    let column = |(name, (record, atoms)): (String, (&ColumnRecord, &[AtomRecord]))| {
        let given = record.is_context();
        ColumnFacts {
            name,
            kind: kind(record),
            atoms: atoms.iter().map(|atom| self::atom(record, atom)).collect(),
            sensor: if given { None } else { sensors.next().flatten() },
            usual: if given { None } else { usual.next() },
        }
    };
    column_names(flow).into_iter().zip(columns_with_atoms(flow)).map(column).collect()
}

fn kind(record: &ColumnRecord) -> ColumnKind {
    let [center, scale, reach, fourth] = record.values.map(|v| v.get());
    let [first, second, _] = record.extra.map(|v| v.get());
    match record.kind.get() {
        layout::CONTINUOUS => ColumnKind::Continuous { center, scale, reach },
        layout::INTEGER => ColumnKind::Integer { center, scale, reach },
        layout::POSITIVE => ColumnKind::Positive { center, scale, reach },
        layout::BOUNDED => ColumnKind::Bounded { low: first, high: second, center, scale, reach },
        layout::LATTICE => ColumnKind::Lattice { origin: first, step: second, center, scale, reach },
        layout::CIRCULAR => ColumnKind::Circular { origin: center, period: scale },
        layout::CONTEXT => ColumnKind::Context { center, scale, reach },
        // The engine accepts no other kind.
        _ => ColumnKind::Constant { value: center, log_mass: scale, log_other: reach, unit: fourth },
    }
}

fn atom(column: &ColumnRecord, atom: &AtomRecord) -> AtomFacts {
    let value = match kind(column) {
        ColumnKind::Lattice { origin, step, .. } => origin + atom.value.get() * step,
        _ => atom.value.get(),
    };
    AtomFacts { value, width: atom.width.get() }
}

fn circle(flow: &Flow, record: &CircleRecord) -> CircleFacts {
    let conditioner = conditioner(flow, record.dense, record.dense_count);
    CircleFacts { hidden: hidden(conditioner), num_bins: record.num_bins.get() }
}

fn conditioner<'a>(flow: &Flow<'a>, dense: U16, count: U16) -> &'a [DenseRecord] {
    let first = usize::from(dense.get());
    flow.dense_records().get(first..first + usize::from(count.get())).unwrap_or_default()
}

fn is_residual(conditioner: &[DenseRecord]) -> bool {
    conditioner.iter().any(|dense| dense.activation.get() == layout::ADD)
}

/// Widths of a conditioner's hidden layers, or of its residual blocks.
fn hidden(conditioner: &[DenseRecord]) -> Vec<u16> {
    let mut widths: Vec<u16> = conditioner.iter().map(|dense| dense.outputs.get()).collect();
    widths.pop();
    // A residual conditioner has a first dense layer, and two for each block.
    if is_residual(conditioner) {
        widths.truncate(widths.len() / 2);
    }
    widths
}

fn base(flow: &Flow) -> BaseFacts {
    match flow.base() {
        Base::Normal => BaseFacts::Normal,
        Base::StudentT(records) => {
            let degrees_of_freedom = records.iter().map(|record| record.degrees.get()).collect();
            BaseFacts::StudentT { degrees_of_freedom }
        }
        Base::Mixture(components) => {
            let mut before = 0.0;
            let weight = |c: &ComponentRecord| c.cumulative.get() - std::mem::replace(&mut before, c.cumulative.get());
            BaseFacts::Mixture { weights: components.iter().map(weight).collect() }
        }
    }
}

fn layer(flow: &Flow, record: &LayerRecord, indices: &[u8]) -> LayerFacts {
    let hidden = |dense, count| hidden(conditioner(flow, dense, count));
    let residual = |dense, count| is_residual(conditioner(flow, dense, count));
    // The engine accepts no kind that it does not know.
    let Some(layer) = record.view() else { return LayerFacts::Permutation { order: Vec::new() } };
    match layer {
        Layer::Permutation(record) => {
            let order = <[U16]>::ref_from_bytes(indices).unwrap_or_default();
            let lines = flow.dim() - flow.circle_records().len();
            let order = order.iter().skip(record.indices.get() as usize).take(lines);
            LayerFacts::Permutation { order: order.map(|index| index.get()).collect() }
        }
        Layer::AffineCoupling(record) => LayerFacts::AffineCoupling {
            kept: record.kept.get(),
            hidden: hidden(record.dense, record.dense_count),
            residual: residual(record.dense, record.dense_count),
            scale_bound: record.scale_bound.get(),
        },
        Layer::SplineCoupling(record) => LayerFacts::SplineCoupling {
            kept: record.kept.get(),
            hidden: hidden(record.dense, record.dense_count),
            residual: residual(record.dense, record.dense_count),
            num_bins: record.num_bins.get(),
            tail_bound: record.tail_bound.get(),
        },
        Layer::Linear(record) => LayerFacts::Lu { log_det: record.log_det.get() },
        Layer::ActNorm(record) => LayerFacts::ActNorm { log_det: record.log_det.get() },
        Layer::MaskedAffine(record) => LayerFacts::MaskedAffine {
            hidden: hidden(record.dense, record.dense_count),
            scale_bound: record.scale_bound.get(),
        },
        Layer::MaskedSpline(record) => LayerFacts::MaskedSpline {
            hidden: hidden(record.dense, record.dense_count),
            num_bins: record.num_bins.get(),
            tail_bound: record.tail_bound.get(),
        },
    }
}

/// The section table of a file that the engine has accepted.
fn sections(file: &[u8], count: u16) -> Vec<SectionEntry> {
    let table = file.get(layout::HEADER_LENGTH..).unwrap_or_default();
    <[SectionEntry]>::ref_from_prefix_with_elems(table, count.into()).map(|(all, _)| all.to_vec()).unwrap_or_default()
}

fn section_bytes<'a>(file: &'a [u8], sections: &[SectionEntry], tag: [u8; 4]) -> &'a [u8] {
    let place = sections.iter().find(|entry| entry.tag == tag);
    place
        .and_then(|entry| file.get(entry.offset.get() as usize..)?.get(..entry.length.get() as usize))
        .unwrap_or_default()
}

fn section(entry: &SectionEntry) -> SectionFacts {
    SectionFacts {
        tag: flow_nostd::Tag(entry.tag).to_string(),
        offset: entry.offset.get(),
        bytes: entry.length.get(),
        critical: entry.flags.get() & layout::CRITICAL != 0,
    }
}
