//! A training step for a device that holds the training rows: the batch is gathered by index inside the graph, and the
//! losses stay on the device until they are asked for.
//!
//! Beside the optimiser's state a step carries the log of the last [`LOG`] steps, so that the loss of every step is known
//! though the device is read only once in [`LOG`] steps. What comes from the host in a step has a fixed shape: the
//! index, noise, weights and rates. There is no control flow and no shape that is computed, so that every node can run on
//! a GPU and the step be captured as one CUDA graph.

use crate::backend::{Backend, BackendError, Resident, Tensor};
use crate::step::{Optimiser, STATE, declare_next_state, declare_state, write_gradient, write_update};
use crate::stepper::Step;
use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph};
use flow_table::Table;

/// Steps whose losses the device keeps.
pub const LOG: usize = 64;

/// The step as one graph. Inputs: the state (6) and `log` `[LOG, 2]`, which are carried; `table` `[rows, columns]`, which
/// stays; `index` `[batch]`, int32; `learning_rate`, `ema_rate`, and of [`crate::step::step_graph`]'s those with a row for
/// each of the batch's, but `x`. Outputs: the new state (6) and log, whose last row is this step's loss and norm.
pub fn resident_graph(flow: &Flow, optimiser: &Optimiser, rows: usize) -> Graph {
    let mut g = Graph::new();
    let state = declare_state(&mut g, flow.layout().total());
    let log = g.input("log", &[Dim::Size(LOG), Dim::Size(2)]);
    let table = g.input("table", &[Dim::Size(rows), Dim::Size(flow.columns())]);
    let index = g.index_input("index");
    let [learning_rate, ema_rate] = ["learning_rate", "ema_rate"].map(|name| g.input(name, &[Dim::Size(1)]));
    let x = g.gather(table, index);
    let gradient = write_gradient(&mut g, flow, state.p, x, optimiser.dropout > 0.0, optimiser.smoothing > 0.0);
    let (next, norm) = write_update(&mut g, flow.layout(), optimiser, state, &gradient, learning_rate, ema_rate);
    declare_next_state(&mut g, &next);
    let one = [Dim::Size(1), Dim::Size(1)];
    let loss = g.div(gradient.loss, gradient.weight);
    let (loss, norm) = (g.reshape(loss, &one), g.reshape(norm, &one));
    let line = g.concat(&[loss, norm], 1);
    let kept = g.slice(log, 0, 1..LOG);
    let log = g.concat(&[kept, line], 0);
    g.output("log_next", log);
    g
}

/// Number of inputs that a step hands on to the next: the state and the log.
const CARRIED: usize = STATE + 1;

/// Takes steps with the training rows on the device.
pub struct ResidentSteps {
    program: Box<dyn Resident>,
    /// Steps taken since the log was read.
    unread: usize,
}

impl ResidentSteps {
    /// Puts `train` on the device and compiles the step for batches of `batch` rows. One step is taken on trial and
    /// forgotten, so that a device whose memory is too small is found here.
    ///
    /// # Errors
    /// If the backend keeps no rows or refuses the graph. [`BackendError::OutOfMemory`] names the largest batch, of those
    /// halved again and again, that the device does hold.
    pub fn new(
        flow: &Flow,
        backend: &dyn Backend,
        optimiser: &Optimiser,
        batch: usize,
        train: &Table,
    ) -> Result<(Self, Graph), BackendError> {
        let graph = resident_graph(flow, optimiser, train.rows());
        let attempt = |batch| -> Result<Box<dyn Resident>, BackendError> {
            let table = Tensor::matrix(flow.columns(), train.values().to_vec());
            let mut program = backend.compile_resident(&graph, batch, CARRIED, table)?;
            program.set_carried(empty_state(flow))?;
            program.step(&vec![0; batch], &trial_inputs(&graph, batch))?;
            program.carried_at(STATE)?;
            Ok(program)
        };
        match attempt(batch) {
            Ok(program) => Ok((ResidentSteps { program, unread: 0 }, graph)),
            Err(BackendError::OutOfMemory { message, .. }) => {
                let holds = largest_half(batch, |batch| attempt(batch).is_ok());
                Err(BackendError::OutOfMemory { batch, holds, message })
            }
            Err(other) => Err(other),
        }
    }

    /// Gives the optimiser its state.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn set_state(&mut self, state: &[Vec<f32>; STATE]) -> Result<(), BackendError> {
        self.unread = 0;
        let state = state.iter().map(|values| Tensor::vector(values.clone()));
        self.program.set_carried(state.chain([empty_log()]).collect())
    }

    /// The optimiser's state.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn state(&mut self) -> Result<Vec<Tensor>, BackendError> {
        (0..STATE).map(|place| self.program.carried_at(place)).collect()
    }

    /// Takes a step; gives the steps whose losses are read with it: none, or all since the last reading.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn step(&mut self, index: &[i32], inputs: &[Tensor]) -> Result<Vec<Step>, BackendError> {
        self.program.step(index, inputs)?;
        self.unread += 1;
        if self.unread < LOG { Ok(Vec::new()) } else { self.read() }
    }

    /// The steps since the last reading.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn read(&mut self) -> Result<Vec<Step>, BackendError> {
        let unread = std::mem::take(&mut self.unread);
        if unread == 0 {
            return Ok(Vec::new());
        }
        let log = self.program.carried_at(STATE)?;
        let lines = log.data[2 * (LOG - unread)..].chunks_exact(2);
        Ok(lines.map(|line| Step { loss: line[0], norm: line[1] }).collect())
    }
}

fn empty_log() -> Tensor {
    Tensor::matrix(2, vec![0.0; 2 * LOG])
}

fn empty_state(flow: &Flow) -> Vec<Tensor> {
    let state = crate::step::initial_state(&vec![0.0; flow.layout().total()]);
    state.into_iter().map(Tensor::vector).chain([empty_log()]).collect()
}

/// Zeros for all that comes from the host in a step, but the index.
fn trial_inputs(graph: &Graph, batch: usize) -> Vec<Tensor> {
    let zeros = |&id| {
        let size = |dim: &Dim| if let Dim::Size(n) = dim { *n } else { batch };
        let shape: Vec<usize> = graph.shape(id).iter().map(size).collect();
        Tensor { data: vec![0.0; shape.iter().product()], shape }
    };
    // After what is carried come the table and the index.
    graph.inputs()[CARRIED + 2..].iter().map(zeros).collect()
}

/// The first of `batch / 2`, `batch / 4`, … that `holds`.
fn largest_half(batch: usize, mut holds: impl FnMut(usize) -> bool) -> Option<usize> {
    std::iter::successors(Some(batch / 2), |n| Some(n / 2)).take_while(|&n| n > 0).find(|&n| holds(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_tried_from_the_largest_on() {
        let mut tried = Vec::new();
        let found = largest_half(4096, |n| {
            tried.push(n);
            n <= 600
        });
        assert_eq!((found, tried), (Some(512), vec![2048, 1024, 512]));
        assert_eq!(largest_half(8, |_| false), None);
        assert_eq!(largest_half(1, |_| true), None);
    }
}
