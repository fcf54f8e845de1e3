//! The inputs of a training step, as a function of the seed, the step's number and its rows.

use crate::backend::Tensor;
use crate::random::{self, Purpose};
use crate::schedule::Schedule;
use crate::train::Settings;
use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph, Op};
use flow_table::Table;

/// Makes the inputs of steps.
pub struct Batches<'a> {
    flow: &'a Flow,
    train: &'a Table,
    settings: &'a Settings,
    extras: Vec<Extra>,
    threads: usize,
    /// The plan of the run.
    pub schedule: Schedule,
}

impl<'a> Batches<'a> {
    /// For the step `graph` on rows of `train`, made on at most `threads` threads.
    pub fn new(flow: &'a Flow, train: &'a Table, settings: &'a Settings, graph: &Graph, threads: usize) -> Self {
        let schedule = Schedule {
            peak: settings.learning_rate,
            steps: settings.epochs * train.rows().div_ceil(settings.batch),
            ema_decay: settings.ema_decay,
        };
        Batches { flow, train, settings, extras: extras(graph), threads, schedule }
    }

    /// What a step needs beside its rows: learning rate and rate of averaging, each `[1]`.
    pub fn rates(&self, step: usize) -> [Tensor; 2] {
        [self.schedule.learning_rate(step), self.schedule.ema_rate(step)].map(|rate| Tensor::vector(vec![rate]))
    }

    /// What a step needs for each row of its batch: the rows, noise, weights, and by the settings noise that smooths and masks
    /// of dropout; matrices of `batch` rows. A short batch is filled up with rows of weight 0.
    pub fn rows(&self, rows: &[usize], step: usize) -> Vec<Tensor> {
        let (batch, columns) = (self.settings.batch, self.flow.columns());
        let mut x = Vec::with_capacity(batch * columns);
        for k in 0..batch {
            x.extend_from_slice(self.train.row(rows[k % rows.len()]));
        }
        let mut inputs = vec![Tensor::matrix(columns, x)];
        inputs.extend(self.beside(rows, step));
        inputs
    }

    /// Which rows of the training table [`Batches::rows`] would give.
    pub fn index(&self, rows: &[usize]) -> Vec<i32> {
        let number = |k: usize| i32::try_from(rows[k % rows.len()]).expect("a table of less than 2^31 rows");
        (0..self.settings.batch).map(number).collect()
    }

    /// What [`Batches::rows`] gives beside the rows themselves.
    pub fn beside(&self, rows: &[usize], step: usize) -> Vec<Tensor> {
        let Settings { batch, seed, smoothing, dropout, .. } = *self.settings;
        let (flow, step) = (self.flow, step as u64);
        let weights = (0..batch).map(|k| if k < rows.len() { 1.0 } else { 0.0 }).collect();
        let noise = random::uniforms(seed, Purpose::TrainNoise, step, batch * flow.dim());
        let mut inputs = vec![Tensor::matrix(flow.dim(), noise), Tensor::matrix(1, weights)];
        let units: usize =
            self.extras.iter().map(|extra| if let Extra::Mask(width) = extra { *width } else { 0 }).sum();
        let mut draws = random::uniforms(seed, Purpose::Dropout, step, batch * units).into_iter();
        for extra in &self.extras {
            inputs.push(match *extra {
                Extra::Smoothing(lines) => {
                    let noise = random::normals(seed, Purpose::Smoothing, step, batch * lines, self.threads);
                    Tensor::matrix(lines, noise.into_iter().map(|z| smoothing * z).collect())
                }
                Extra::Mask(width) => {
                    let kept = 1.0 / (1.0 - dropout);
                    let mask = draws.by_ref().take(batch * width).map(|u| if u < dropout { 0.0 } else { kept });
                    Tensor::matrix(width, mask.collect())
                }
            });
        }
        inputs
    }
}

/// What a step wants by the settings beside rows, noise and weights, with the number of columns.
#[derive(Clone, Copy)]
enum Extra {
    /// Noise that smooths.
    Smoothing(usize),
    /// A mask for a hidden layer.
    Mask(usize),
}

/// What the graph wants, in its order: the layers of a learned noise come before the noise that smooths.
fn extras(graph: &Graph) -> Vec<Extra> {
    let of = |&id| match (&graph.node(id).op, graph.shape(id)) {
        (Op::Input(name), &[_, Dim::Size(lines)]) if name == "smoothing" => Some(Extra::Smoothing(lines)),
        (Op::Input(name), &[_, Dim::Size(width)]) if name.starts_with("dropout.") => Some(Extra::Mask(width)),
        _ => None,
    };
    graph.inputs().iter().filter_map(of).collect()
}
