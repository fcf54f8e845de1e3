//! The log-density, or the latent variable, of many rows through a backend, in batches of one fixed size.

use crate::backend::{Backend, BackendError, Program, Tensor};
use crate::random::{self, Purpose};
use crate::step::{evaluation_graph, latent_graph};
use flow_model::flow::Flow;
use flow_model::graph::Graph;
use flow_model::spec;
use flow_table::Table;

/// Where in its cell a discrete value is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dequantization {
    /// At the middle: scores, thresholds, devices.
    Midpoint,
    /// At a random point, drawn with this seed: one draw of the bound that libraries quote.
    Noise {
        /// The draw's seed.
        seed: u64,
        /// What the draw is for.
        purpose: Purpose,
        /// Which of several draws.
        draw: u64,
    },
}

/// Evaluates rows under any parameters of one flow.
pub struct Evaluator {
    program: Box<dyn Program>,
    /// The same at midpoints, where a learned noise has none of 1/2.
    at_midpoints: Option<Box<dyn Program>>,
    batch: usize,
    columns: usize,
    dim: usize,
    /// Values that come of a row.
    width: usize,
}

impl Evaluator {
    /// Compiles the evaluation for tables of about `rows` rows.
    ///
    /// # Errors
    /// If the backend refuses the graph.
    pub fn new(flow: &Flow, backend: &dyn Backend, rows: usize) -> Result<Self, BackendError> {
        let mut evaluator = Evaluator::of(&evaluation_graph(flow, true), 1, flow, backend, rows)?;
        if matches!(flow.spec().dequantization, spec::Dequantization::Variational(_)) {
            evaluator.at_midpoints = Some(backend.compile(&evaluation_graph(flow, false), evaluator.batch, 0)?);
        }
        Ok(evaluator)
    }

    fn of(graph: &Graph, width: usize, flow: &Flow, backend: &dyn Backend, rows: usize) -> Result<Self, BackendError> {
        let batch = rows.clamp(1, 1024);
        let program = backend.compile(graph, batch, 0)?;
        Ok(Evaluator { program, at_midpoints: None, batch, columns: flow.columns(), dim: flow.dim(), width })
    }

    /// The latent variable of each row: `rows × dim` values, row after row.
    ///
    /// # Errors
    /// If the backend refuses the graph or fails.
    pub fn latent(
        flow: &Flow,
        backend: &dyn Backend,
        params: &[f32],
        table: &Table,
        dequantization: Dequantization,
    ) -> Result<Vec<f32>, BackendError> {
        Evaluator::of(&latent_graph(flow), flow.dim(), flow, backend, table.rows())?.run(params, table, dequantization)
    }

    /// The tighter bound of `k` draws for each row, nats: `ln (1/k) Σ exp(log_prob)` (Burda, Grosse & Salakhutdinov,
    /// "Importance Weighted Autoencoders", arXiv 1509.00519). With one draw it is what libraries quote.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn importance_weighted(
        &mut self,
        params: &[f32],
        table: &Table,
        seed: u64,
        k: u64,
    ) -> Result<Vec<f64>, BackendError> {
        // The sum so far as its logarithm: nothing overflows, and no draw is kept.
        let mut total = vec![f64::NEG_INFINITY; table.rows()];
        for draw in 0..k {
            let noise = Dequantization::Noise { seed, purpose: Purpose::EvaluationNoise, draw };
            for (sum, &v) in total.iter_mut().zip(&self.log_prob(params, table, noise)?) {
                let (v, largest) = (f64::from(v), sum.max(f64::from(v)));
                *sum = largest + ((*sum - largest).exp() + (v - largest).exp()).ln();
            }
        }
        Ok(total.into_iter().map(|sum| sum - (k as f64).ln()).collect())
    }

    /// The log-density of each row, nats.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn log_prob(
        &mut self,
        params: &[f32],
        table: &Table,
        dequantization: Dequantization,
    ) -> Result<Vec<f32>, BackendError> {
        self.run(params, table, dequantization)
    }

    fn run(&mut self, params: &[f32], table: &Table, dequantization: Dequantization) -> Result<Vec<f32>, BackendError> {
        let noise = match dequantization {
            Dequantization::Midpoint => vec![0.5; table.rows() * self.dim],
            Dequantization::Noise { seed, purpose, draw } => {
                random::uniforms(seed, purpose, draw, table.rows() * self.dim)
            }
        };
        let params = Tensor::vector(params.to_vec());
        let mut result = Vec::with_capacity(table.rows() * self.width);
        let chunks = table.values().chunks(self.batch * self.columns).zip(noise.chunks(self.batch * self.dim));
        for (rows, noise) in chunks {
            let count = rows.len() / self.columns;
            // The last batch is filled up with copies of its first row.
            let filled = |values: &[f32], width: usize| {
                let first = &values[..width];
                let mut all = values.to_vec();
                (count..self.batch).for_each(|_| all.extend_from_slice(first));
                Tensor::matrix(width, all)
            };
            let (params, rows) = (params.clone(), filled(rows, self.columns));
            let outputs = match (&mut self.at_midpoints, dequantization) {
                (Some(program), Dequantization::Midpoint) => program.run(&[params, rows])?,
                _ => self.program.run(&[params, rows, filled(noise, self.dim)])?,
            };
            result.extend_from_slice(&outputs[0].data[..count * self.width]);
        }
        Ok(result)
    }
}
