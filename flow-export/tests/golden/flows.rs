//! The flows of the golden files: small ones, of every model and of all that a file can hold.

use flow_export::aligned::AlignedBytes;
use flow_export::calibration::Section;
use flow_export::freeze::{Weights, freeze_as};
use flow_export::resection::with_sections;
use flow_export::sensors::unlimited;
use flow_export::windows::Recipe;
use flow_export::{probes, references};
use flow_model::models::{Mixing, Shape, maf, maf_rqs, nsf, realnvp};
use flow_model::params::Layout;
use flow_model::spec::{Atom, Base, Column, FlowSpec, Kind, Layer, SplineShape, Standard, Tails};
use flow_nostd::Flow;
use flow_nostd::layout::{CALIBRATION, CHANNELS, SENSORS, SensorRecord, WINDOWS};
use rand_core::Rng;
use rand_pcg::Pcg32;
use zerocopy::IntoBytes;

const STANDARD: Standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };

/// Each file's name and bytes. What is added here gets a file with the next run of `make`; what is there keeps its file, and
/// needs no flow here any more.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    let plain = |layers: fn(&Shape) -> Vec<Layer>, weights| frozen(&spec(numbers(), layers), weights);
    let rich = |layers: fn(&Shape) -> Vec<Layer>, weights| frozen(&spec(every_kind(), layers), weights);
    let mixture = |components, full| FlowSpec {
        layers: vec![],
        base: Base::Mixture { components, full },
        ..spec(numbers(), realnvp)
    };
    vec![
        ("realnvp", plain(realnvp, Weights::F32)),
        ("nsf", plain(nsf, Weights::F32)),
        ("maf", plain(maf, Weights::F32)),
        ("maf-rqs", plain(maf_rqs, Weights::F32)),
        ("gmm", frozen(&mixture(3, true), Weights::F32)),
        ("gmm-diagonal", frozen(&mixture(4, false), Weights::F32)),
        ("student-t", frozen(&FlowSpec { base: Base::StudentT, ..spec(numbers(), maf) }, Weights::F32)),
        ("realnvp-columns", rich(realnvp, Weights::F32)),
        ("nsf-columns", rich(nsf, Weights::F32)),
        ("maf-columns", rich(maf, Weights::F32)),
        ("maf-rqs-columns", rich(maf_rqs, Weights::F32)),
        ("realnvp-i8", plain(realnvp, Weights::I8)),
        ("nsf-i8", rich(nsf, Weights::I8)),
        ("maf-i8", rich(maf, Weights::I8)),
        ("maf-rqs-i8", plain(maf_rqs, Weights::I8)),
        ("residual-lu", rich(residual, Weights::F32)),
        ("residual-lu-i8", rich(residual, Weights::I8)),
        ("angles", frozen(&spec(angles(), |_| vec![]), Weights::F32)),
        ("calibrated-masses", calibrated(rich(nsf, Weights::F32))),
        ("windows", windows(vec![])),
        ("windows-ranges", windows(vec![[-1.5, 2.5], [f32::MIN, 3.0]])),
    ]
}

fn column(name: &str, kind: Kind) -> Column {
    Column::new(name, kind)
}

/// Numbers on a line, one of them whole, and a constant.
fn numbers() -> Vec<Column> {
    let number = || Kind::Continuous { standard: STANDARD, jitter: 0.0 };
    vec![
        column("a", number()),
        column("n", Kind::Integer { standard: Standard { center: 12.0, scale: 5.0, reach: 8.0 } }),
        column("k", Kind::Constant { value: 3.0, log_mass: -0.001, log_other: -7.0, unit: 1.0 }),
        column("b", number()),
    ]
}

/// Columns of every kind, with atoms, two angles and a context of two.
fn every_kind() -> Vec<Column> {
    let atom = |value, cut, width| Atom { value, cut, width };
    let mut columns = vec![
        column("season", Kind::Context { standard: STANDARD }),
        column("heading", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
        column("rain", Kind::Positive { standard: Standard { center: -1.0, scale: 0.8, reach: 6.0 } }),
        column("humidity", Kind::Bounded { low: 0.0, high: 100.0, standard: STANDARD }),
        column("level", Kind::Lattice { origin: 0.25, step: 0.5, standard: STANDARD }),
        column("wind", Kind::Context { standard: STANDARD }),
        column("phase", Kind::Circular { origin: -1.0, period: 2.0, jitter: 0.01 }),
    ];
    columns.extend(numbers());
    columns[2].atoms = vec![atom(0.0, -3.0, 0.5)];
    columns[4].atoms = vec![atom(2.0, 2.0, 1.5), atom(7.0, 7.0, 3.0)];
    columns[7].atoms = vec![atom(1.0, 0.9, 0.5)];
    columns
}

/// Angles alone, in a context.
fn angles() -> Vec<Column> {
    every_kind().into_iter().filter(|c| matches!(c.kind, Kind::Circular { .. } | Kind::Context { .. })).collect()
}

fn residual(shape: &Shape) -> Vec<Layer> {
    let shape = Shape { hidden: vec![6, 6], residual: true, act_norm: true, mixing: Mixing::Lu, ..shape.clone() };
    [realnvp(&shape), nsf(&shape)].concat()
}

fn spec(columns: Vec<Column>, layers: impl Fn(&Shape) -> Vec<Layer>) -> FlowSpec {
    let mut spec = FlowSpec::new(columns, Tails { knee: 4.0, rate: 10.0 }, vec![], Base::Normal);
    spec.circles = (spec.circular() > 0).then(|| SplineShape { hidden: vec![4], num_bins: 3 });
    let (lines, features) = (spec.lines(), spec.features());
    spec.layers = layers(&Shape { lines, features, layers: 2, hidden: vec![9, 5], num_bins: 4, ..Shape::default() });
    spec
}

/// Frozen with parameters far enough from their start that every layer bends its input.
fn frozen(spec: &FlowSpec, weights: Weights) -> Vec<u8> {
    let mut rng = Pcg32::new(8, 1);
    let params: Vec<f32> = (0..Layout::of(spec).total()).map(|_| 0.7 * uniform(&mut rng)).collect();
    freeze_as(spec, &params, &probes::rows(spec), 3, weights).expect("a flow that can be frozen")
}

/// The file with all that verdicts need, from its own samples.
fn calibrated(file: Vec<u8>) -> Vec<u8> {
    let bytes = AlignedBytes::from(file);
    let flow = Flow::new(&bytes).expect("a valid flow");
    let (mut scratch, mut row) = (vec![0.0; flow.scratch_len()], vec![0.0; flow.columns()]);
    let mut rng = Pcg32::new(9, 1);
    let (mut values, mut contexts, mut log_probs) = (vec![], vec![], vec![]);
    for _ in 0..300 {
        let context: Vec<f32> = (0..flow.context_dim()).map(|_| 4.0 * uniform(&mut rng)).collect();
        flow.sample(&mut rng, &context, &mut row, &mut scratch).expect("a sample");
        log_probs.push(flow.log_prob(&row, &context, &mut scratch).expect("a log-density"));
        values.extend(&row);
        contexts.extend(context);
    }
    let limits = vec![SensorRecord { same: 2.into(), jump: 1e3.into(), ..unlimited() }; flow.columns()];
    let mut sections = vec![
        (CALIBRATION, Section::of(&log_probs, &contexts, flow.context_dim(), -3.0, None).bytes),
        (SENSORS, limits.as_bytes().to_vec()),
    ];
    sections.extend(references::sections(&values, &flow));
    with_sections(&flow, &bytes, &sections)
}

/// A flow over windows of two channels, with a feature of every kind, and what the channels' sensors can give.
fn windows(ranges: Vec<[f32; 2]>) -> Vec<u8> {
    let features = "value,lag1,mean,std,slope,min,max,range,crest".split(',').map(|name| name.parse());
    let features = features.collect::<Result<_, _>>().expect("features");
    let channels = ["left", "right"].map(str::to_owned).to_vec();
    let recipe = Recipe { length: 4, stride: 2, features, channels, step: 0, ranges };
    let number = |name: &String| column(name, Kind::Continuous { standard: STANDARD, jitter: 0.0 });
    let file = frozen(&spec(recipe.columns().iter().map(number).collect(), realnvp), Weights::F32);
    let bytes = AlignedBytes::from(file);
    let mut sections = vec![(WINDOWS, recipe.section())];
    if !recipe.ranges.is_empty() {
        sections.push((CHANNELS, recipe.ranges_section()));
    }
    with_sections(&Flow::new(&bytes).expect("a valid flow"), &bytes, &sections)
}

/// From U(-1, 1).
pub fn uniform(rng: &mut Pcg32) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}
