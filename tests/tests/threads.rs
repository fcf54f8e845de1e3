//! A training gives the same bits on any number of threads, and in shards what it gives in one piece.

use flow_tests::require::available;
use flow_tests::trained::{self, Trained, trained};
use flow_trainer::backend::{Backend, Choice, Device, Tensor, choose, find_library};
use flow_trainer::random::{Purpose, uniforms};
use flow_trainer::step::{Optimiser, STATE, initial_state, step_graph};
use flow_trainer::stepper::{SHARD, Stepper};
use flow_trainer::train::Settings;

/// Three shards, whose rows do not divide the batch.
const BATCH: usize = 2 * SHARD + 90;

fn backends() -> Vec<Box<dyn Backend>> {
    let mut backends = vec![choose(&Choice { device: Device::Tract, ..Choice::default() }, &mut |_| {}).unwrap()];
    if let Some(library) = available("ort", find_library()) {
        let choice = Choice { device: Device::Cpu, library: Some(library), offline: true };
        backends.push(choose(&choice, &mut |_| {}).unwrap());
    }
    backends
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let Trained { flow, rows, .. } = trained();
    // The last batch is short; dropout and smoothing have rows of their own.
    let settings = Settings { dropout: 0.1, smoothing: 0.1, ..Settings::for_rows(2000, Some(BATCH), Some(4), 5) };
    for backend in backends() {
        let run = |threads| {
            let outcome =
                trained::run(&flow, backend.as_ref(), [&rows, &rows], &settings, threads, flow.layout().init(4));
            assert!(outcome.best_epoch > 0, "{}: nothing was learned", backend.name());
            (outcome.params, outcome.history)
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "{}: {threads} threads", backend.name());
        }
    }
}

#[test]
fn shards_take_the_steps_of_a_whole_batch() {
    let Trained { flow, rows, .. } = trained();
    let optimiser = Optimiser { weight_decay: 1e-2, ..Optimiser::default() };
    let start = initial_state(&flow.layout().init(4));
    for backend in backends() {
        let mut whole = backend.compile(&step_graph(&flow, &optimiser), BATCH, STATE).unwrap();
        whole.set_carried(start.clone().map(Tensor::vector).to_vec()).unwrap();
        let mut shards = Stepper::new(&flow, backend.as_ref(), &optimiser, BATCH, 2).unwrap();
        assert_eq!(shards.threads(), 2);
        shards.set_state(&start).unwrap();
        for step in 0..20 {
            let first = step * 61 % (rows.rows() - BATCH);
            let x = rows.values()[first * flow.columns()..][..BATCH * flow.columns()].to_vec();
            let weights = (0..BATCH).map(|k| if k % 5 == 0 { 0.5 } else { 1.0 }).collect();
            let batch = vec![
                Tensor::matrix(flow.columns(), x),
                Tensor::matrix(flow.dim(), uniforms(3, Purpose::TrainNoise, step as u64, BATCH * flow.dim())),
                Tensor::matrix(1, weights),
            ];
            let rates = [2e-3, 0.1].map(|rate| Tensor::vector(vec![rate]));
            let expected = whole.run(&[&rates[..], &batch].concat()).unwrap();
            let found = shards.step(rates, batch).unwrap();
            for (found, expected) in [(found.loss, &expected[0]), (found.norm, &expected[1])] {
                let expected = expected.data[0];
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error <= 1e-5, "{}, step {step}: {found}, whole {expected}", backend.name());
            }
        }
        let (whole, shards) = (whole.carried().unwrap(), shards.state().unwrap());
        let worst = whole[0].data.iter().zip(&shards[0].data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{}: after 20 steps parameters differ by at most {worst:.1e}", backend.name());
        // Adam moves a parameter by 2e-3 a step whatever its gradient's size.
        assert!(worst < 2e-3, "{}: {worst:e}", backend.name());
    }
}
