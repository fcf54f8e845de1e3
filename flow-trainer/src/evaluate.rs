//! The log-density of many rows through a backend, in batches of one fixed size.

use crate::backend::{Backend, BackendError, Program, Tensor};
use crate::random::{self, Purpose};
use crate::step::evaluation_graph;
use flow_model::flow::Flow;
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
    },
}

/// Evaluates rows under any parameters of one flow.
pub struct Evaluator {
    program: Box<dyn Program>,
    batch: usize,
    columns: usize,
    dim: usize,
}

impl Evaluator {
    /// Compiles the evaluation for tables of about `rows` rows.
    ///
    /// # Errors
    /// If the backend refuses the graph.
    pub fn new(flow: &Flow, backend: &dyn Backend, rows: usize) -> Result<Self, BackendError> {
        let batch = rows.clamp(1, 1024);
        let program = backend.compile(&evaluation_graph(flow), batch, 0)?;
        Ok(Evaluator { program, batch, columns: flow.columns(), dim: flow.dim() })
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
        let noise = match dequantization {
            Dequantization::Midpoint => vec![0.5; table.rows() * self.dim],
            Dequantization::Noise { seed, purpose } => random::uniforms(seed, purpose, 0, table.rows() * self.dim),
        };
        let params = Tensor::vector(params.to_vec());
        let mut result = Vec::with_capacity(table.rows());
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
            let inputs = [params.clone(), filled(rows, self.columns), filled(noise, self.dim)];
            let outputs = self.program.run(&inputs)?;
            result.extend_from_slice(&outputs[0].data[..count]);
        }
        Ok(result)
    }
}
