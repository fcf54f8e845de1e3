//! The first losses of a training are the same in tract, in ONNX Runtime and in the f64 interpreter; and so, but for a
//! thousandth of a nat, is where a whole training ends.

use flow_model::interpret::interpret;
use flow_tests::require::available;
use flow_tests::trained::{self, Trained, trained};
use flow_trainer::backend::{Backend, Choice, Device, Tensor, choose, find_library};
use flow_trainer::random::{Purpose, uniforms};
use flow_trainer::step::{Optimiser, STATE, initial_state, step_graph};
use flow_trainer::train::Settings;
use ndarray::{ArrayD, IxDyn};

const STEPS: usize = 20;
/// Of a whole training.
const EPOCHS: usize = 20;
const BATCH: usize = 64;
/// |Δ| ≤ tol · max(1, |loss|).
const TOLERANCE: f64 = 1e-5;

/// The inputs of a step beside the state.
fn inputs(Trained { flow, rows, .. }: &Trained, step: usize) -> Vec<Tensor> {
    let first = step * BATCH % (rows.rows() - BATCH);
    let x = rows.values()[first * flow.columns()..][..BATCH * flow.columns()].to_vec();
    let noise = uniforms(3, Purpose::TrainNoise, step as u64, BATCH * flow.dim());
    let weights = (0..BATCH).map(|k| if k % 5 == 0 { 0.5 } else { 1.0 }).collect();
    vec![
        Tensor::vector(vec![2e-3]),
        Tensor::vector(vec![0.1]),
        Tensor::matrix(flow.columns(), x),
        Tensor::matrix(flow.dim(), noise),
        Tensor::matrix(1, weights),
    ]
}

fn optimiser() -> Optimiser {
    Optimiser { weight_decay: 1e-2, ..Optimiser::default() }
}

fn of_interpreter(trained: &Trained) -> Vec<f64> {
    let graph = step_graph(&trained.flow, &optimiser());
    let wide = |t: &Tensor| {
        let values = t.data.iter().map(|&v| f64::from(v)).collect();
        ArrayD::from_shape_vec(IxDyn(&t.shape), values).unwrap()
    };
    let mut state: Vec<ArrayD<f64>> =
        initial_state(&trained.flow.layout().init(4)).map(Tensor::vector).iter().map(wide).collect();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let all: Vec<_> = state.iter().cloned().chain(inputs(trained, step).iter().map(wide)).collect();
        let mut out = interpret(&graph, &all);
        losses.push(out[STATE][0]);
        out.truncate(STATE);
        state = out;
    }
    losses
}

fn of_backend(trained: &Trained, backend: &dyn Backend) -> Vec<f64> {
    let mut program = backend.compile(&step_graph(&trained.flow, &optimiser()), BATCH, STATE).unwrap();
    program.set_carried(initial_state(&trained.flow.layout().init(4)).map(Tensor::vector).to_vec()).unwrap();
    (0..STEPS).map(|step| f64::from(program.run(&inputs(trained, step)).unwrap()[0].data[0])).collect()
}

fn check(name: &str, losses: &[f64], expected: &[f64]) {
    let error = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs().max(1.0);
    let worst = losses.iter().zip(expected).map(error).fold(0.0, f64::max);
    println!("{name}: losses within {worst:.1e} of the interpreter's");
    assert!(worst <= TOLERANCE, "{name}: {worst:e}\n{losses:?}\n{expected:?}");
    assert!(losses[STEPS - 1] < losses[0], "{name} learns nothing: {losses:?}");
}

#[test]
fn the_first_losses_are_the_same_on_every_backend() {
    let trained = trained();
    let expected = of_interpreter(&trained);
    let tract = choose(&Choice { device: Device::Tract, ..Choice::default() }, &mut |_| {}).unwrap();
    check("tract", &of_backend(&trained, tract.as_ref()), &expected);
    let Some(library) = available("ort", find_library()) else { return };
    let choice = Choice { device: Device::Cpu, library: Some(library), offline: true };
    let ort = choose(&choice, &mut |_| {}).unwrap();
    check("ONNX Runtime", &of_backend(&trained, ort.as_ref()), &expected);
}

#[test]
fn whole_trainings_end_at_the_same_loss() {
    let Some(library) = available("ort", find_library()) else { return };
    let Trained { flow, rows, .. } = trained();
    let settings = Settings::for_rows(rows.rows(), Some(256), Some(EPOCHS), 5);
    let ort = Choice { device: Device::Cpu, library: Some(library), offline: true };
    let [tract, ort] = [Choice { device: Device::Tract, ..Choice::default() }, ort].map(|choice| {
        let backend = choose(&choice, &mut |_| {}).unwrap();
        let outcome = trained::run(&flow, backend.as_ref(), [&rows, &rows], &settings, 1, flow.layout().init(4));
        outcome.history.iter().map(|epoch| epoch.validation_nll).collect::<Vec<f64>>()
    });
    let (first, last) = (tract[0], tract[EPOCHS - 1]);
    println!("{EPOCHS} epochs from {first} nats: tract ends at {last}, ONNX Runtime at {}", ort[EPOCHS - 1]);
    assert!(last < first - 0.1, "nothing was learned: {tract:?}");
    assert!((last - ort[EPOCHS - 1]).abs() <= 1e-3, "{tract:?}\n{ort:?}");
}

#[test]
fn a_step_whose_gradient_is_not_finite_changes_nothing() {
    let trained = trained();
    let mut backends = vec![choose(&Choice { device: Device::Tract, ..Choice::default() }, &mut |_| {}).unwrap()];
    if let Some(library) = available("ort", find_library()) {
        let choice = Choice { device: Device::Cpu, library: Some(library), offline: true };
        backends.push(choose(&choice, &mut |_| {}).unwrap());
    }
    for backend in backends {
        let mut program = backend.compile(&step_graph(&trained.flow, &optimiser()), BATCH, STATE).unwrap();
        program.set_carried(initial_state(&trained.params).map(Tensor::vector).to_vec()).unwrap();
        program.run(&inputs(&trained, 0)).unwrap();
        let before = program.carried().unwrap();
        let mut poisoned = inputs(&trained, 1);
        poisoned[4].data[0] = f32::NAN;
        program.run(&poisoned).unwrap();
        let after = program.carried().unwrap();
        assert!(before[..5] == after[..5], "{}", backend.name());
        assert_eq!((before[5].data[0], after[5].data[0]), (0.0, 1.0));
        program.run(&inputs(&trained, 2)).unwrap();
        assert!(after[0] != program.carried().unwrap()[0], "{}", backend.name());
    }
}
