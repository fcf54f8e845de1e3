//! A training whose rows stay where it runs is the ordinary one to the last bit: the same graph as on a GPU, with its two
//! bindings, its index and its log, on the CPU.

use flow_model::graph::Graph;
use flow_model::interpret::interpret;
use flow_tests::require::available;
use flow_tests::trained::{self, cases, flow_of};
use flow_trainer::backend::{Backend, BackendError, Choice, Device, Program, Resident, Tensor, choose, find_library};
use flow_trainer::random::{Purpose, uniforms};
use flow_trainer::resident::{LOG, resident_graph};
use flow_trainer::step::{Optimiser, STATE, initial_state, step_graph};
use flow_trainer::train::Settings;
use ndarray::{ArrayD, IxDyn};

/// A backend that keeps the rows, as the one of a GPU does.
struct Keeps(Box<dyn Backend>);

impl Backend for Keeps {
    fn name(&self) -> String {
        self.0.name()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn keeps_rows(&self) -> bool {
        true
    }

    fn compile_resident(
        &self,
        graph: &Graph,
        batch: usize,
        carried: usize,
        table: Tensor,
    ) -> Result<Box<dyn Resident>, BackendError> {
        self.0.compile_resident(graph, batch, carried, table)
    }

    fn compile(&self, graph: &Graph, batch: usize, carried: usize) -> Result<Box<dyn Program>, BackendError> {
        self.0.compile(graph, batch, carried)
    }
}

#[test]
fn a_training_with_resident_rows_has_the_bits_of_the_ordinary_one() {
    let Some(library) = available("ort", find_library()) else { return };
    let choice = Choice { device: Device::Cpu, library: Some(library), offline: true };
    let ordinary = choose(&choice, &mut |_| {}).unwrap();
    let keeps = Keeps(choose(&choice, &mut |_| {}).unwrap());
    // A short last batch; more steps an epoch than the log holds, and not a multiple of them; inputs of every kind.
    let rows_of_table = 1000;
    let settings = Settings { dropout: 0.1, smoothing: 0.1, ..Settings::for_rows(rows_of_table, Some(13), Some(2), 5) };
    assert!(rows_of_table.div_ceil(settings.batch) > LOG);
    for case in cases() {
        let rows = case.rows.draw(rows_of_table, 1);
        let flow = flow_of(&case, &rows);
        let run = |backend: &dyn Backend| {
            let outcome = trained::run(&flow, backend, [&rows, &rows], &settings, 1, flow.layout().init(4));
            let [first, second] = outcome.history[..] else { panic!("two epochs") };
            assert!(second.train_nll < first.train_nll, "{}: nothing was learned", case.name);
            (outcome.params, outcome.history, outcome.steps, outcome.skipped)
        };
        assert!(run(&keeps) == run(ordinary.as_ref()), "{}", case.name);
    }
}

/// Without any runtime: the two graphs are one computation.
#[test]
fn the_gathered_step_is_the_ordinary_one_in_the_interpreter() {
    const BATCH: usize = 7;
    let case = &cases()[0];
    let rows = case.rows.draw(50, 1);
    let flow = flow_of(case, &rows);
    let optimiser = Optimiser { weight_decay: 1e-2, ..Optimiser::default() };
    let array = |shape: &[usize], data: Vec<f32>| {
        ArrayD::from_shape_vec(IxDyn(shape), data.into_iter().map(f64::from).collect()).unwrap()
    };
    let state: Vec<_> = initial_state(&flow.layout().init(4)).map(|v| array(&[v.len()], v)).to_vec();
    let log: Vec<f32> = (0..2 * LOG).map(|i| i as f32).collect();
    let index = [3usize, 49, 0, 3, 17, 20, 8];
    let x = index.iter().flat_map(|&i| rows.row(i).to_vec()).collect();
    let beside = [
        array(&[1], vec![2e-3]),
        array(&[1], vec![0.1]),
        array(&[BATCH, flow.dim()], uniforms(1, Purpose::TrainNoise, 0, BATCH * flow.dim())),
        array(&[BATCH, 1], vec![1.0; BATCH]),
    ];
    let [rates, per_row] = [&beside[..2], &beside[2..]];
    let x = array(&[BATCH, flow.columns()], x);
    let ordinary = interpret(&step_graph(&flow, &optimiser), &[&state[..], rates, &[x], per_row].concat());
    let table = array(&[rows.rows(), flow.columns()], rows.values().to_vec());
    let index = array(&[BATCH], index.iter().map(|&i| i as f32).collect());
    let kept = [array(&[LOG, 2], log.clone()), table, index];
    let resident = interpret(&resident_graph(&flow, &optimiser, rows.rows()), &[&state[..], &kept, &beside].concat());
    assert_eq!(ordinary[..STATE], resident[..STATE]);
    let lines = resident[STATE].iter().copied().collect::<Vec<f64>>();
    let expected: Vec<f64> =
        log[2..].iter().map(|&v| f64::from(v)).chain([ordinary[STATE][0], ordinary[STATE + 1][0]]).collect();
    assert_eq!(lines, expected);
}
