//! Flows trained on the spot, for tests that want parameters as training makes them: some 500 parameters each, a second or
//! two of tract. One of every model, every base and every kind of layer and column.

use flow_model::flow::Flow;
use flow_model::models::{self, Mixing, Shape};
use flow_model::spec::{Base, Column, Dequantization, Layer, SplineShape};
use flow_table::{Convention, KindOverride, Profile, Table, builtin};
use flow_trainer::backend::{Backend, Choice, Device, choose};
use flow_trainer::model::{Choices, Model};
use flow_trainer::state::State;
use flow_trainer::train::{Job, Outcome, Settings, train};
use flow_trainer::{fit, gmm, start};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::sync::atomic::AtomicBool;

/// A trained flow with the rows that it was trained on.
#[derive(Debug)]
pub struct Trained {
    /// What it is.
    pub name: &'static str,
    /// The flow.
    pub flow: Flow,
    /// Its parameters.
    pub params: Vec<f32>,
    /// Its training rows.
    pub rows: Table,
}

/// Which rows a flow is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Two moons, with a count and a column that never changes.
    Moons,
    /// A machine with columns of every kind.
    Machine,
    /// The angles of that machine.
    Angles,
}

impl Rows {
    /// So many rows, drawn from this seed.
    pub fn draw(self, count: usize, seed: u64) -> Table {
        match self {
            Rows::Moons => moons(count, seed),
            Rows::Machine => machine(count, seed),
            Rows::Angles => {
                let others = ["flow", "valve", "alarms", "code", "load", "constant", "drift"].map(str::to_owned);
                machine(count, seed).without_columns(&others).expect("columns of the machine")
            }
        }
    }

    /// The columns of a flow over them.
    pub fn columns(self, rows: &Table) -> Vec<Column> {
        const KINDS: [&str; 7] = [
            "heading:circular=360",
            "phase:circular=1",
            "flow:positive",
            "valve:bounded=0..100",
            "load:context",
            "code:lattice",
            "drift:continuous",
        ];
        let there = |text: &&&str| rows.names().iter().any(|name| Some(name.as_str()) == text.split(':').next());
        let stated: Vec<KindOverride> = KINDS.iter().filter(there).map(|text| text.parse().expect("a kind")).collect();
        let profile = Profile::of(rows, &stated, Convention::Own).expect("a table to learn from");
        fit::columns(rows, &profile, Convention::Own, false)
    }
}

/// Two moons, with a count that depends on where on them the row lies, and a column that never changes.
fn moons(count: usize, seed: u64) -> Table {
    let moons = builtin::generate("two-moons", count, seed).expect("a built-in set");
    let row = |(i, p): (usize, &[f32])| [p[0], (8.0 + 5.0 * p[0] + (i % 3) as f32).floor(), 2.5, 40.0 + 0.1 * p[1]];
    let rows: Vec<[f32; 4]> = moons.iter().enumerate().map(row).collect();
    let names = ["x", "count", "constant", "y"].map(str::to_owned).to_vec();
    Table::from_rows("moons", names, &rows).expect("rows of four columns")
}

/// A machine with columns of every kind, all of which depend on its load or on one another.
fn machine(count: usize, seed: u64) -> Table {
    let mut rng = Pcg32::new(seed, 5);
    let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let mut row = || {
        let load = uniform();
        let normal = (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
        let heading = (360.0 * (uniform() * uniform() + 0.4 * load)).rem_euclid(360.0);
        let phase = (heading / 360.0 + 0.2 * uniform()).rem_euclid(1.0);
        let idle = uniform() < 0.25;
        let flow = if idle { 0.0 } else { (0.6 * normal + 2.0 * load).exp() };
        let open = 100.0 / (1.0 + (-2.0 * load - normal).exp());
        let valve = if uniform() < 0.2 { 100.0 } else { open };
        let alarms = if uniform() < 0.6 { 2.0 } else { (12.0 * uniform() * (1.0 + load)).floor() };
        let code = 0.5 + 0.25 * (10.0 + 8.0 * load + 3.0 * normal).floor();
        [heading, flow, valve, alarms, phase, code, load, 7.0, load + 0.3 * normal]
    };
    let rows: Vec<[f32; 9]> = (0..count).map(|_| row()).collect();
    let names = ["heading", "flow", "valve", "alarms", "phase", "code", "load", "constant", "drift"];
    Table::from_rows("machine", names.map(str::to_owned).to_vec(), &rows).expect("rows of nine columns")
}

/// What is trained.
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// On which rows.
    pub rows: Rows,
    layers: fn(&Shape) -> Vec<Layer>,
    shape: Shape,
    base: Base,
    variational: bool,
}

/// A small one of every model, base, layer and kind of column; the model `gmm` comes on top.
pub fn cases() -> Vec<Case> {
    let shape = |layers, hidden: &[usize]| Shape { layers, hidden: hidden.to_vec(), num_bins: 4, ..Shape::default() };
    let mixed = |shape| Shape { mixing: Mixing::Lu, act_norm: true, residual: true, ..shape };
    let case = |name, rows, layers: fn(&Shape) -> Vec<Layer>, shape, base| Case {
        name,
        rows,
        layers,
        shape,
        base,
        variational: false,
    };
    let mixture = |full| Base::Mixture { components: 3, full };
    vec![
        case("realnvp", Rows::Moons, models::realnvp, shape(3, &[8, 8]), Base::Normal),
        case("nsf", Rows::Moons, models::nsf, shape(2, &[8]), Base::Normal),
        case("maf", Rows::Moons, models::maf, shape(3, &[8, 8]), Base::Normal),
        case("maf-rqs", Rows::Moons, models::maf_rqs, shape(2, &[6]), Base::Normal),
        case("realnvp, LU, ActNorm, residual", Rows::Moons, models::realnvp, mixed(shape(2, &[7])), Base::StudentT),
        case("maf, mixture", Rows::Moons, models::maf, shape(2, &[8]), mixture(false)),
        case("nsf, LU, ActNorm, full mixture", Rows::Moons, models::nsf, mixed(shape(2, &[6])), mixture(true)),
        case("maf-rqs, every kind of column", Rows::Machine, models::maf_rqs, shape(1, &[8]), Base::Normal),
        Case {
            variational: true,
            ..case(
                "realnvp, every kind of column",
                Rows::Machine,
                models::realnvp,
                mixed(shape(2, &[6])),
                Base::StudentT,
            )
        },
        case("angles alone", Rows::Angles, models::maf, shape(1, &[8]), Base::Normal),
    ]
}

/// Trains each of [`cases`], and fits a mixture.
pub fn all_trained() -> Vec<Trained> {
    let mut all: Vec<Trained> = cases().iter().map(train_case).collect();
    let (train, validation) = (Rows::Moons.draw(2000, 1), Rows::Moons.draw(500, 2));
    let columns = Rows::Moons.columns(&train);
    let choices = Choices::default();
    let (flow, outcome) =
        gmm::fit(&columns, &train, &validation, &choices, usize::MAX, &|| false, &mut |_| {}).expect("a mixture");
    all.push(Trained { name: "gmm", flow, params: outcome.params, rows: train });
    all
}

/// Trains the first of [`cases`].
pub fn trained() -> Trained {
    train_case(&cases()[0])
}

/// The flow of a case for those training rows.
pub fn flow_of(case: &Case, rows: &Table) -> Flow {
    let columns = case.rows.columns(rows);
    let mut spec = Model::Gmm.spec(&columns, rows.rows(), &Choices::default());
    if let Some(circles) = &mut spec.circles {
        *circles = SplineShape { hidden: vec![5], num_bins: 4 };
    }
    let shape = Shape { lines: spec.lines(), features: spec.features(), ..case.shape.clone() };
    if shape.lines > 0 {
        spec.layers = (case.layers)(&shape);
    }
    spec.base = case.base.clone();
    if case.variational {
        spec.dequantization = Dequantization::Variational(SplineShape { hidden: vec![6], num_bins: 3 });
    }
    Flow::new(spec).expect("a valid spec")
}

/// Trains for a few hundred steps.
fn train_case(case: &Case) -> Trained {
    let (rows, validation) = (case.rows.draw(2000, 1), case.rows.draw(500, 2));
    let flow = flow_of(case, &rows);
    let settings = Settings {
        learning_rate: 5e-3,
        weight_decay: 0.0,
        patience: 20,
        ..Settings::for_rows(2000, Some(128), Some(20), 0)
    };
    let backend = choose(&Choice { device: Device::Tract, ..Choice::default() }, &mut |_| {}).expect("tract is there");
    let start = start::parameters(&flow, &rows, 0.0, 0);
    let outcome = run(&flow, backend.as_ref(), [&rows, &validation], &settings, 1, start);
    let (first, last) = (outcome.history[0].validation_nll, -outcome.best_validation_log_prob);
    assert!(last < first - 0.02, "{}: training brought nothing: {first} to {last}", case.name);
    Trained { name: case.name, flow, params: outcome.params, rows }
}

/// A training from `start` to its end, on rows to train and to validate on.
pub fn run(
    flow: &Flow,
    backend: &dyn Backend,
    [train_rows, validation]: [&Table; 2],
    settings: &Settings,
    threads: usize,
    start: Vec<f32>,
) -> Outcome {
    let stop = AtomicBool::new(false);
    let job = Job { flow, backend, train: train_rows, validation, settings, threads, stop: &stop, deadline: None };
    train(&job, State::start(start), None, &mut |_, _| {}).expect("trains")
}
