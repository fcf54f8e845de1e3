//! Flows trained on the spot, for tests that want parameters as training makes them: one continuous pair, an integer and
//! a constant column, some 500 parameters each, a second or two of tract.

use flow_model::flow::Flow;
use flow_model::models;
use flow_model::spec::{Base, FlowSpec, Layer};
use flow_table::{Convention, Profile, Table, builtin};
use flow_trainer::backend::{Choice, Device, choose};
use flow_trainer::fit;
use flow_trainer::train::{Settings, train};
use std::sync::atomic::AtomicBool;

/// A trained flow with the rows that it was trained on.
#[derive(Debug)]
pub struct Trained {
    /// The model's name.
    pub name: &'static str,
    /// The flow.
    pub flow: Flow,
    /// Its parameters.
    pub params: Vec<f32>,
    /// Its training rows.
    pub rows: Table,
}

/// Two moons, with a count that depends on where on them the row lies, and a column that never changes.
pub fn rows(count: usize, seed: u64) -> Table {
    let moons = builtin::generate("two-moons", count, seed).expect("a built-in set");
    let row = |(i, p): (usize, &[f32])| [p[0], (8.0 + 5.0 * p[0] + (i % 3) as f32).floor(), 2.5, 40.0 + 0.1 * p[1]];
    let rows: Vec<[f32; 4]> = moons.iter().enumerate().map(row).collect();
    let names = ["x", "count", "constant", "y"].map(str::to_owned).to_vec();
    Table::from_rows("moons", names, &rows).expect("rows of four columns")
}

/// A small one of every model, over three columns.
pub fn small_models() -> [(&'static str, Vec<Layer>); 4] {
    [
        ("realnvp", models::realnvp(3, 3, &[8, 8], 0)),
        ("nsf", models::nsf(3, 2, &[8], 4, 5.0, 0)),
        ("maf", models::maf(3, 3, &[8, 8])),
        ("maf-rqs", models::maf_rqs(3, 2, &[6], 4, 5.0)),
    ]
}

/// Trains each of [`small_models`].
pub fn all_trained() -> Vec<Trained> {
    small_models().into_iter().map(|(name, layers)| train_on_moons(name, layers)).collect()
}

/// Trains the first of [`small_models`].
pub fn trained() -> Trained {
    let [(name, layers), ..] = small_models();
    train_on_moons(name, layers)
}

/// Trains for a few hundred steps.
fn train_on_moons(name: &'static str, layers: Vec<Layer>) -> Trained {
    let (rows, validation) = (rows(2000, 1), rows(500, 2));
    let profile = Profile::of(&rows, &[], Convention::Own).expect("a table to learn from");
    let columns = fit::columns(&rows, &profile, Convention::Own);
    let flow = Flow::new(FlowSpec { columns, tails: fit::tails(3), layers, base: Base::Normal }).expect("a valid spec");
    let settings = Settings { epochs: 20, batch: 128, learning_rate: 5e-3, patience: 20, weight_decay: 0.0, seed: 0 };
    let backend = choose(&Choice { device: Device::Tract, ..Choice::default() }, &mut |_| {}).expect("tract is there");
    let stop = AtomicBool::new(false);
    let outcome = train(&flow, backend.as_ref(), &rows, &validation, &settings, &stop, &mut |_, _| {}).expect("trains");
    let (first, last) = (outcome.history[0].validation_nll, -outcome.best_validation_log_prob);
    assert!(last < first - 0.1, "{name}: training brought nothing: {first} to {last}");
    Trained { name, flow, params: outcome.params, rows }
}
