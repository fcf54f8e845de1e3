//! A training step, on one thread or several.
//!
//! A batch of more than [`SHARD`] rows is cut into shards of equal size. Each shard's gradient is a run of its own, on
//! whatever thread; the gradients are added in the shards' order, and one update follows. How a batch is cut depends on
//! its size alone, so that the bits are the same for any number of threads. A batch of one shard is one graph.

use crate::backend::{Backend, BackendError, Program, Tensor};
use crate::batch::Batches;
use crate::resident::ResidentSteps;
use crate::step::{Optimiser, STATE, gradient_graph, step_graph, update_graph};
use flow_model::flow::Flow;
use flow_model::graph::Graph;
use flow_table::Table;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Most rows of a shard. Each shard costs something whatever its size: shards of 256 made a batch of 512 a seventh slower on
/// one thread; shards of this size leave it whole.
pub const SHARD: usize = 512;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Mean negative log-likelihood of the batch, nats a row.
    pub loss: f32,
    /// Norm of its gradient before clipping.
    pub norm: f32,
}

/// Takes steps.
pub struct Stepper {
    kind: Kind,
    graph: Graph,
}

enum Kind {
    Whole(Box<dyn Program>),
    Shards(Shards),
    Resident(ResidentSteps),
}

struct Shards {
    /// Holds the optimiser's state.
    update: Box<dyn Program>,
    /// The parameters after the last step.
    p: Tensor,
    /// Number of shards, and rows of each.
    count: usize,
    rows: usize,
    /// Works on this thread.
    own: Box<dyn Program>,
    workers: Vec<Worker>,
}

/// A thread that computes gradients.
struct Worker {
    jobs: Option<Sender<Vec<Tensor>>>,
    results: Receiver<Result<Vec<Tensor>, BackendError>>,
    thread: Option<JoinHandle<()>>,
}

impl Stepper {
    /// For batches of `batch` rows, on at most `threads` threads, this one included.
    ///
    /// # Errors
    /// If the backend refuses a graph.
    pub fn new(
        flow: &Flow,
        backend: &dyn Backend,
        optimiser: &Optimiser,
        batch: usize,
        threads: usize,
    ) -> Result<Self, BackendError> {
        let count = if backend.shards() { batch.div_ceil(SHARD) } else { 1 };
        if count <= 1 {
            let graph = step_graph(flow, optimiser);
            let program = backend.compile(&graph, batch, STATE)?;
            return Ok(Stepper { kind: Kind::Whole(program), graph });
        }
        let graph = gradient_graph(flow, optimiser);
        let rows = batch.div_ceil(count);
        let mut programs = backend.compile_several(&graph, rows, threads.clamp(1, count))?.into_iter();
        let own = programs.next().expect("at least one program");
        let workers = programs.map(Worker::spawn).collect();
        let update = backend.compile(&update_graph(flow.layout(), optimiser), 1, STATE)?;
        let p = Tensor::vector(Vec::new());
        Ok(Stepper { kind: Kind::Shards(Shards { update, p, count, rows, own, workers }), graph })
    }

    /// For batches of rows of `train` on a backend that keeps them on its device; on another as [`Stepper::new`].
    ///
    /// # Errors
    /// If the backend refuses a graph, or the device's memory is too small.
    pub fn on_rows(
        flow: &Flow,
        backend: &dyn Backend,
        optimiser: &Optimiser,
        batch: usize,
        threads: usize,
        train: &Table,
    ) -> Result<Self, BackendError> {
        if !backend.keeps_rows() {
            return Self::new(flow, backend, optimiser, batch, threads);
        }
        let (steps, graph) = ResidentSteps::new(flow, backend, optimiser, batch, train)?;
        Ok(Stepper { kind: Kind::Resident(steps), graph })
    }

    /// The graph that sees the rows.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Number of threads that are put to work.
    pub fn threads(&self) -> usize {
        match &self.kind {
            Kind::Whole(_) | Kind::Resident(_) => 1,
            Kind::Shards(shards) => 1 + shards.workers.len(),
        }
    }

    /// Gives the optimiser its state.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn set_state(&mut self, state: &[Vec<f32>; STATE]) -> Result<(), BackendError> {
        let tensors = state.iter().map(|values| Tensor::vector(values.clone())).collect();
        match &mut self.kind {
            Kind::Whole(program) => program.set_carried(tensors),
            Kind::Shards(shards) => {
                shards.p = Tensor::vector(state[0].clone());
                shards.update.set_carried(tensors)
            }
            Kind::Resident(steps) => steps.set_state(state),
        }
    }

    /// The optimiser's state.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn state(&mut self) -> Result<Vec<Tensor>, BackendError> {
        match &mut self.kind {
            Kind::Whole(program) => program.carried(),
            Kind::Shards(shards) => shards.update.carried(),
            Kind::Resident(steps) => steps.state(),
        }
    }

    /// Takes step number `step` with those rows of the training table. Gives what is known now of this step and of those
    /// before it, in order: a device is read once in a while only, see [`Stepper::known`].
    ///
    /// # Errors
    /// If the backend fails.
    pub fn take(&mut self, batches: &Batches<'_>, rows: &[usize], step: usize) -> Result<Vec<Step>, BackendError> {
        let rates = batches.rates(step);
        if let Kind::Resident(steps) = &mut self.kind {
            let inputs: Vec<Tensor> = rates.into_iter().chain(batches.beside(rows, step)).collect();
            return steps.step(&batches.index(rows), &inputs);
        }
        Ok(vec![self.step(rates, batches.rows(rows, step))?])
    }

    /// What is not yet known of the steps taken.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn known(&mut self) -> Result<Vec<Step>, BackendError> {
        match &mut self.kind {
            Kind::Resident(steps) => steps.read(),
            _ => Ok(Vec::new()),
        }
    }

    /// Takes a step with these rates and rows, as [`Batches`] makes them.
    ///
    /// # Errors
    /// If the backend fails.
    ///
    /// # Panics
    /// If the training rows are on the device.
    pub fn step(&mut self, rates: [Tensor; 2], rows: Vec<Tensor>) -> Result<Step, BackendError> {
        let outputs = match &mut self.kind {
            Kind::Whole(program) => {
                let inputs: Vec<Tensor> = rates.into_iter().chain(rows).collect();
                program.run(&inputs)?
            }
            Kind::Shards(shards) => shards.step(rates, &rows)?,
            Kind::Resident(_) => panic!("the rows are on the device"),
        };
        Ok(Step { loss: outputs[0].data[0], norm: outputs[1].data[0] })
    }
}

impl Shards {
    fn step(&mut self, rates: [Tensor; 2], rows: &[Tensor]) -> Result<Vec<Tensor>, BackendError> {
        let threads = 1 + self.workers.len();
        // Shard s is the business of thread s modulo the number of threads.
        for (w, worker) in self.workers.iter().enumerate() {
            for s in (w + 1..self.count).step_by(threads) {
                worker.send(self.inputs(rows, s))?;
            }
        }
        let mut sum: Option<Vec<Tensor>> = None;
        let mut own = Vec::new();
        for s in (0..self.count).step_by(threads) {
            own.push(self.own.run(&self.inputs(rows, s))?);
        }
        let mut own = own.into_iter();
        for s in 0..self.count {
            let part = match s % threads {
                0 => own.next().expect("a result for each shard"),
                w => self.workers[w - 1].receive()?,
            };
            match &mut sum {
                None => sum = Some(part),
                Some(sum) => sum.iter_mut().zip(&part).for_each(|(sum, part)| add(&mut sum.data, &part.data)),
            }
        }
        let mut inputs = Vec::from(rates);
        inputs.extend(sum.expect("at least one shard"));
        let outputs = self.update.run(&inputs)?;
        self.p = self.update.carried_at(0)?;
        Ok(outputs)
    }

    /// What shard `s` gets: the parameters and its rows; where the last has fewer, copies of the batch's first with weight 0 follow.
    fn inputs(&self, rows: &[Tensor], s: usize) -> Vec<Tensor> {
        let mut inputs = vec![self.p.clone()];
        for (i, tensor) in rows.iter().enumerate() {
            let (batch, width) = (tensor.shape[0], tensor.shape[1]);
            let (from, to) = ((s * self.rows).min(batch), ((s + 1) * self.rows).min(batch));
            let mut data = tensor.data[from * width..to * width].to_vec();
            let first = &tensor.data[..width];
            for _ in to - from..self.rows {
                if i == WEIGHTS { data.push(0.0) } else { data.extend_from_slice(first) }
            }
            inputs.push(Tensor::matrix(width, data));
        }
        inputs
    }
}

/// Which of the rows' tensors holds their weights.
const WEIGHTS: usize = 2;

fn add(sum: &mut [f32], part: &[f32]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += part;
    }
}

impl Worker {
    fn spawn(mut program: Box<dyn Program>) -> Self {
        let (jobs, todo) = channel::<Vec<Tensor>>();
        let (done, results) = channel();
        let thread = std::thread::spawn(move || {
            while let Ok(inputs) = todo.recv() {
                if done.send(program.run(&inputs)).is_err() {
                    break;
                }
            }
        });
        Worker { jobs: Some(jobs), results, thread: Some(thread) }
    }

    fn send(&self, inputs: Vec<Tensor>) -> Result<(), BackendError> {
        self.jobs.as_ref().and_then(|jobs| jobs.send(inputs).ok()).ok_or_else(ended)
    }

    fn receive(&self) -> Result<Vec<Tensor>, BackendError> {
        self.results.recv().map_err(|_| ended())?
    }
}

fn ended() -> BackendError {
    BackendError::Failed { backend: "a thread".into(), task: "compute a gradient", message: "it has ended".into() }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
