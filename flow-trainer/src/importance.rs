//! What each column is worth to a flow: how much less probable rows become when its values are shuffled among them.
//!
//! Well-defined for every model, unlike a share of each latent value in the log-density, which a coupling mixes up. What is
//! shuffled keeps its own distribution and loses what it has to do with the other columns: a column that is independent of
//! all others is worth 0, one that others can be told from is worth much (Breiman, "Random Forests", 2001, section 10; Fisher,
//! Rudin & Dominici, "All Models are Wrong, but Many are Useful", JMLR 20, 2019).

use crate::backend::BackendError;
use crate::evaluate::{Dequantization, Evaluator};
use crate::random::{self, Purpose};
use flow_table::Table;
use flow_table::metrics::Summary;
use serde::Serialize;

/// Rows that are looked at for all columns together, and the fewest for each.
const MOST_EVALUATIONS: usize = 100_000;
const FEWEST_ROWS: usize = 500;

/// What each column is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// Number of rows, of those that are given, it is measured on.
    pub rows: usize,
    /// The columns in the table's order, those of the context among them.
    pub columns: Vec<Worth>,
}

/// What a column is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worth {
    /// Its name.
    pub name: String,
    /// Mean over the rows of the log-density less that of the row with the value of another, nats.
    pub nats: f64,
    /// Standard error of that mean.
    pub std_error: f64,
}

impl Importance {
    /// Measures it on the rows of a table, some of them if they are many; the same seed chooses and shuffles alike.
    /// Discrete values are at a random point of their cells, the same before and after.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn of(evaluator: &mut Evaluator, params: &[f32], table: &Table, seed: u64) -> Result<Self, BackendError> {
        let most = (MOST_EVALUATIONS / table.columns()).max(FEWEST_ROWS);
        let mut chosen = random::permutation(seed, Purpose::Importance, table.columns() as u64, table.rows());
        chosen.truncate(most);
        let rows = table.select(&chosen);
        let noise = Dequantization::Noise { seed, purpose: Purpose::EvaluationNoise, draw: 0 };
        let before = evaluator.log_prob(params, &rows, noise)?;
        let mut columns = Vec::with_capacity(rows.columns());
        for (j, name) in rows.names().iter().enumerate() {
            let order = random::permutation(seed, Purpose::Importance, j as u64, rows.rows());
            let shuffled: Vec<Vec<f32>> = rows
                .iter()
                .zip(&order)
                .map(|(row, &other)| {
                    let mut row = row.to_vec();
                    row[j] = rows.row(other)[j];
                    row
                })
                .collect();
            let shuffled =
                Table::from_rows("shuffled rows", rows.names().to_vec(), &shuffled).expect("the table's own columns");
            let after = evaluator.log_prob(params, &shuffled, noise)?;
            let lost = before.iter().zip(&after).map(|(&before, &after)| f64::from(before) - f64::from(after));
            let Summary { mean, std_error, .. } = Summary::of(lost);
            columns.push(Worth { name: name.clone(), nats: mean, std_error });
        }
        Ok(Importance { rows: rows.rows(), columns })
    }
}
