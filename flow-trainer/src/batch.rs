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
    /// Widths of the hidden layers for which the step wants a mask.
    hidden: Vec<usize>,
    /// The plan of the run.
    pub schedule: Schedule,
}

impl<'a> Batches<'a> {
    /// For the step `graph` on rows of `train`.
    pub fn new(flow: &'a Flow, train: &'a Table, settings: &'a Settings, graph: &Graph) -> Self {
        let schedule = Schedule {
            peak: settings.learning_rate,
            steps: settings.epochs * train.rows().div_ceil(settings.batch),
            ema_decay: settings.ema_decay,
        };
        Batches { flow, train, settings, hidden: hidden_widths(graph), schedule }
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
        if smoothing > 0.0 {
            let lines = flow.spec().lines();
            let noise = random::normals(seed, Purpose::Smoothing, step, batch * lines);
            inputs.push(Tensor::matrix(lines, noise.into_iter().map(|z| smoothing * z).collect()));
        }
        let units: usize = self.hidden.iter().sum();
        let mut draws = random::uniforms(seed, Purpose::Dropout, step, batch * units).into_iter();
        for &width in &self.hidden {
            let kept = 1.0 / (1.0 - dropout);
            let mask = draws.by_ref().take(batch * width).map(|u| if u < dropout { 0.0 } else { kept });
            inputs.push(Tensor::matrix(width, mask.collect()));
        }
        inputs
    }
}

/// Widths of the hidden layers for which the graph wants a mask.
fn hidden_widths(graph: &Graph) -> Vec<usize> {
    let of = |&id| match (&graph.node(id).op, graph.shape(id)) {
        (Op::Input(name), &[_, Dim::Size(width)]) if name.starts_with("dropout.") => Some(width),
        _ => None,
    };
    graph.inputs().iter().filter_map(of).collect()
}
