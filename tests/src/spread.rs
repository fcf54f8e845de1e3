//! Flows of every model, kind of column, layer and base, in many sizes: what the estimate of a flow's instructions is fitted
//! to, and others that it is held against. Their parameters are like those of trained flows in what costs: half of the hidden
//! units are passed over, and splines have values within their bounds.

use crate::case::Case;
use flow_export::aligned::AlignedBytes;
use flow_export::freeze::{Weights, freeze_as};
use flow_export::probes;
use flow_model::models::{Mixing, Shape};
use flow_model::params::{Layout, Role};
use flow_model::spec::{Atom, Base, Column, FlowSpec, Kind, SplineShape, Standard, Tails};
use flow_nostd::Flow;
use flow_trainer::model::Model;
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Rows of a case: as many as the board counts.
const ROWS: usize = 16;

/// The flows that the estimate is fitted to.
pub fn fitted() -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, (dim, layers, hidden)) in
        [(2, 3, vec![16]), (4, 2, vec![24, 24]), (8, 3, vec![32, 32]), (13, 2, vec![64, 48])].into_iter().enumerate()
    {
        for (model, num_bins) in
            [(Model::Realnvp, 8), (Model::Nsf, 4 + 4 * i), (Model::Maf, 8), (Model::MafRqs, 16 - 4 * i)]
        {
            cases.push(of_model(model, lines(dim), &shape(layers, &hidden, num_bins), Base::Normal));
        }
    }
    let lu = Shape { mixing: Mixing::Lu, act_norm: true, residual: true, ..shape(2, &[24, 24], 6) };
    let bare = |layers| Shape { act_norm: true, ..shape(layers, &[], 8) };
    cases.extend([
        of_model(Model::Realnvp, lines(6), &lu, Base::StudentT),
        of_model(Model::Nsf, lines(9), &Shape { hidden: vec![16], ..lu.clone() }, Base::StudentT),
        of_model(Model::Realnvp, lines(16), &Shape { hidden: vec![8; 3], ..lu.clone() }, Base::Normal),
        of_model(Model::Maf, lines(16), &Shape { residual: false, mixing: Mixing::Lu, ..bare(3) }, Base::Normal),
        of_model(Model::Realnvp, lines(12), &Shape { mixing: Mixing::Random, ..bare(6) }, Base::StudentT),
        of_model(Model::Realnvp, lines(5), &bare(9), Base::Normal),
        of_model(Model::Nsf, lines(24), &bare(2), mixture(3, false)),
        of_model(Model::Realnvp, lines(24), &Shape { mixing: Mixing::Lu, ..bare(4) }, Base::Normal),
        of_model(Model::Realnvp, lines(11), &Shape { mixing: Mixing::Lu, ..shape(5, &[16], 8) }, Base::Normal),
        of_model(Model::Nsf, lines(18), &Shape { mixing: Mixing::Lu, ..shape(4, &[8], 8) }, Base::Normal),
    ]);
    for (dim, components, full) in [(2, 5, true), (3, 16, false), (8, 4, true), (16, 2, true), (24, 8, false)] {
        cases.push(of_model(Model::Gmm, lines(dim), &bare(0), mixture(components, full)));
    }
    cases.extend([(2, 4, true), (3, 12, true), (5, 8, false)].map(|(dim, count, full)| apart(dim, count, full)));
    for base in [Base::Normal, Base::StudentT] {
        cases.extend([1, 5, 24].map(|dim| of_model(Model::Gmm, lines(dim), &bare(0), base.clone())));
    }
    type Make = fn(usize) -> Column;
    let kinds: [Make; 7] = [integer, positive, bounded, lattice, constant, context, circular];
    for make in kinds {
        for count in [2, 6] {
            let columns = (0..count).map(make).chain(lines(3));
            cases.push(of_model(Model::Maf, columns.collect(), &shape(1, &[8], 8), Base::Normal));
        }
    }
    for (count, atoms) in [(2, 1), (4, 1), (2, 4), (4, 3)] {
        for make in [positive as Make, lattice, continuous] {
            let columns = (0..count).map(|j| with_atoms(make(j), atoms)).chain(lines(2));
            cases.push(of_model(Model::Realnvp, columns.collect(), &shape(1, &[8], 8), Base::Normal));
        }
    }
    cases.extend(fitted_of_bytes());
    named("fit", cases)
}

/// Other flows: the estimate has to be right for what it was not fitted to.
pub fn held_out() -> Vec<Case> {
    let mixed = |mixing| Shape { mixing, act_norm: true, ..shape(4, &[40], 10) };
    let every = || {
        let kinds =
            [circular(0), positive(1), bounded(2), with_atoms(lattice(3), 2), context(4), constant(5), integer(6)];
        kinds.into_iter().chain([with_atoms(continuous(7), 1), circular(8), integer(9)]).collect::<Vec<_>>()
    };
    let residual = Shape { residual: true, ..shape(3, &[20], 8) };
    let cases = vec![
        of_model(Model::Realnvp, lines(8), &shape(8, &[64, 64], 8), Base::Normal),
        of_model(Model::Nsf, lines(8), &shape(6, &[64, 64], 8), mixture(8, false)),
        of_model(Model::Maf, lines(8), &shape(5, &[64, 64], 8), Base::Normal),
        of_model(Model::MafRqs, lines(8), &shape(5, &[64, 64], 8), Base::Normal),
        of_model(Model::Gmm, lines(8), &shape(0, &[], 8), mixture(16, true)),
        of_model(Model::Gmm, lines(5), &shape(0, &[], 8), mixture(9, true)),
        of_model(Model::Realnvp, lines(3), &shape(5, &[12], 8), Base::StudentT),
        of_model(Model::Realnvp, lines(20), &mixed(Mixing::Lu), Base::Normal),
        of_model(Model::Realnvp, lines(7), &residual, Base::Normal),
        of_model(Model::Nsf, lines(5), &shape(4, &[20, 28], 12), Base::Normal),
        of_model(Model::Nsf, lines(11), &mixed(Mixing::Random), Base::StudentT),
        of_model(Model::Nsf, lines(2), &shape(3, &[8], 5), mixture(4, false)),
        of_model(Model::Maf, lines(3), &shape(4, &[10, 14], 8), mixture(2, false)),
        of_model(Model::Maf, lines(17), &mixed(Mixing::Reverse), Base::Normal),
        of_model(Model::MafRqs, lines(6), &shape(2, &[36], 20), Base::Normal),
        of_model(Model::MafRqs, lines(3), &mixed(Mixing::Lu), Base::StudentT),
        of_model(Model::Realnvp, every(), &shape(3, &[24, 24], 8), Base::Normal),
        of_model(Model::Nsf, every(), &shape(2, &[16], 6), mixture(8, false)),
        of_model(Model::Maf, every(), &shape(4, &[32], 8), Base::Normal),
        of_model(Model::MafRqs, every(), &shape(2, &[20, 20], 7), Base::StudentT),
    ];
    named("held out", cases)
}

/// Such flows for the fit.
fn fitted_of_bytes() -> Vec<Case> {
    let case = |model, columns, shape| of_model_as(model, columns, &shape, Base::Normal, Weights::I8);
    vec![
        case(Model::Realnvp, lines(4), shape(3, &[16], 8)),
        case(Model::Realnvp, lines(12), shape(2, &[48, 32], 8)),
        case(Model::Realnvp, lines(8), shape(4, &[64, 64], 8)),
        case(Model::Nsf, lines(3), shape(2, &[12], 8)),
        case(Model::Nsf, lines(9), shape(2, &[40, 40], 5)),
        case(Model::Maf, lines(6), shape(3, &[24], 8)),
        case(Model::Maf, lines(16), shape(2, &[64, 48], 8)),
        case(Model::MafRqs, lines(5), shape(2, &[32], 8)),
    ]
}

/// Flows whose conditioners' weights are bytes.
pub fn of_bytes() -> Vec<Case> {
    let case = |model, columns, shape| of_model_as(model, columns, &shape, Base::Normal, Weights::I8);
    let cases = vec![
        case(Model::Realnvp, lines(5), shape(4, &[24, 24], 8)),
        case(Model::Nsf, lines(8), shape(6, &[64, 64], 8)),
        case(Model::Maf, lines(10), shape(3, &[40], 8)),
        case(Model::MafRqs, lines(4), shape(2, &[32, 16], 6)),
    ];
    named("bytes", cases)
}

/// The case of a flow with these parameters, with typical rows: samples of it.
pub fn typical(name: &str, spec: &FlowSpec, params: &[f32]) -> Case {
    typical_as(name, spec, params, Weights::F32)
}

fn typical_as(name: &str, spec: &FlowSpec, params: &[f32], weights: Weights) -> Case {
    let frozen = freeze_as(spec, params, &probes::rows(spec), 0, weights);
    let flow = AlignedBytes::from(frozen.expect("a flow that can be frozen"));
    let engine = Flow::new(&flow).expect("a valid flow");
    let (mut scratch, mut row) = (vec![0.0; engine.scratch_len()], vec![0.0; engine.columns()]);
    let mut rng = Pcg32::new(3, 3);
    let mut rows = Vec::new();
    for _ in 0..ROWS {
        let given = spec.columns.iter().filter_map(|column| match column.kind {
            Kind::Context { standard } => Some(standard.center + standard.scale * uniform(&mut rng)),
            _ => None,
        });
        let context: Vec<f32> = given.collect();
        engine.sample(&mut rng, &context, &mut row, &mut scratch).expect("a sample");
        rows.extend(row.iter().chain(&context));
    }
    Case { rows, ..Case::of(name, spec, params, 0, weights) }
}

fn named(set: &str, cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().enumerate().map(|(i, case)| Case { name: format!("{set} {i}: {}", case.name), ..case }).collect()
}

fn mixture(components: usize, full: bool) -> Base {
    Base::Mixture { components, full }
}

fn shape(layers: usize, hidden: &[usize], num_bins: usize) -> Shape {
    Shape { layers, hidden: hidden.to_vec(), num_bins, ..Shape::default() }
}

fn of_model(model: Model, columns: Vec<Column>, shape: &Shape, base: Base) -> Case {
    of_model_as(model, columns, shape, base, Weights::F32)
}

fn of_model_as(model: Model, columns: Vec<Column>, shape: &Shape, base: Base, weights: Weights) -> Case {
    let mut spec = FlowSpec::new(columns, Tails { knee: 4.0, rate: 26.0 }, Vec::new(), base);
    spec.circles = (spec.circular() > 0).then(|| SplineShape { hidden: vec![12], num_bins: 6 });
    let shape = Shape { lines: spec.lines(), features: spec.features(), ..shape.clone() };
    spec.layers = model.layers(&shape);
    let name =
        format!("{}, {} columns, {} layers of {:?}", model.name(), spec.columns.len(), shape.layers, shape.hidden);
    typical_as(&name, &spec, &parameters(&spec, 5), weights)
}

/// A mixture of components so narrow that most are far from one another.
fn apart(dim: usize, components: usize, full: bool) -> Case {
    let spec = FlowSpec::new(lines(dim), Tails { knee: 4.0, rate: 26.0 }, Vec::new(), mixture(components, full));
    let mut params = parameters(&spec, 5);
    for slice in Layout::of(&spec).slices() {
        for value in &mut params[slice.range()] {
            match &*slice.name {
                "base.offset" => *value *= 7.0,
                "base.log_scale" => *value += 2.5,
                _ => {}
            }
        }
    }
    typical(&format!("gmm apart, {dim} columns, {components} components"), &spec, &params)
}

/// Parameters as training leaves them, as far as the cost goes: biases that are not 0, and last layers that bend.
fn parameters(spec: &FlowSpec, seed: u64) -> Vec<f32> {
    let (layout, mut rng) = (Layout::of(spec), Pcg32::new(seed, 4));
    let mut params = layout.init(seed);
    for slice in layout.slices() {
        for value in &mut params[slice.range()] {
            match slice.role {
                Role::Bias => *value += 0.3 * uniform(&mut rng),
                Role::LastWeight => *value *= 30.0,
                _ => {}
            }
        }
    }
    params
}

fn lines(count: usize) -> Vec<Column> {
    (100..100 + count).map(continuous).collect()
}

fn standard() -> Standard {
    Standard { center: 0.5, scale: 2.0, reach: 6.0 }
}

fn column(j: usize, kind: Kind) -> Column {
    Column::new(&format!("c{j}"), kind)
}

fn continuous(j: usize) -> Column {
    column(j, Kind::Continuous { standard: standard(), jitter: 0.0 })
}

fn integer(j: usize) -> Column {
    column(j, Kind::Integer { standard: standard() })
}

fn positive(j: usize) -> Column {
    column(j, Kind::Positive { standard: standard() })
}

fn bounded(j: usize) -> Column {
    column(j, Kind::Bounded { low: -1.0, high: 3.0, standard: standard() })
}

fn lattice(j: usize) -> Column {
    column(j, Kind::Lattice { origin: 0.25, step: 0.5, standard: standard() })
}

fn constant(j: usize) -> Column {
    column(j, Kind::Constant { value: 3.0, log_mass: -0.001, log_other: -7.0, unit: 1.0 })
}

fn context(j: usize) -> Column {
    column(j, Kind::Context { standard: standard() })
}

fn circular(j: usize) -> Column {
    column(j, Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 })
}

/// The column with so many atoms, around its centre.
fn with_atoms(mut column: Column, count: usize) -> Column {
    let atom = |i: usize| {
        let value = 2.0 * i as f32 - 1.0;
        match column.kind {
            Kind::Positive { .. } => Atom { value: (value + 1.5).max(0.0), cut: (value + 1.5).ln(), width: 1.5 },
            _ => Atom { value, cut: value, width: 1.5 },
        }
    };
    let atoms = (0..count).map(atom).collect();
    column.atoms = atoms;
    column
}

/// From U(-1, 1).
fn uniform(rng: &mut Pcg32) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}
