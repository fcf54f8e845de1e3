//! The least probable rows of a table, and the columns because of which they are.

use crate::backend::BackendError;
use crate::evaluate::{Dequantization, Evaluator};
use flow_table::Table;
use serde::Serialize;

/// Rows that are shown.
const ROWS: usize = 10;
/// Values that are tried in place of a column's own.
const CANDIDATES: usize = 32;

/// The least probable rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Oddest {
    /// Where the rows come from.
    pub source: String,
    /// Number of rows among which they are.
    pub among: usize,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, the oddest first.
    pub rows: Vec<OddRow>,
}

/// A row that is improbable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OddRow {
    /// Its number in the table, from 1.
    pub row: usize,
    /// Its log-density at midpoints, nats.
    pub log_prob: f32,
    /// Its values.
    pub values: Vec<f32>,
    /// For each column the nats that the row gains if this one value is replaced by the best of 32 that are usual in the
    /// training rows: large for a value that does not fit the others.
    pub gains: Vec<f32>,
}

impl Oddest {
    /// Finds them.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn of(
        source: String,
        table: &Table,
        train: &Table,
        params: &[f32],
        evaluator: &mut Evaluator,
    ) -> Result<Self, BackendError> {
        let scores = evaluator.log_prob(params, table, Dequantization::Midpoint)?;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        order.truncate(ROWS);
        let usual: Vec<Vec<f32>> = (0..train.columns()).map(|j| usual(train, j)).collect();
        let mut changed: Vec<Vec<f32>> = Vec::new();
        for &i in &order {
            for (j, values) in usual.iter().enumerate() {
                changed.extend(values.iter().map(|&value| {
                    let mut row = table.row(i).to_vec();
                    row[j] = value;
                    row
                }));
            }
        }
        let changed =
            Table::from_rows("changed rows", table.names().to_vec(), &changed).expect("the table's own columns");
        let better = evaluator.log_prob(params, &changed, Dequantization::Midpoint)?;
        let mut better = better.iter();
        let rows = order.iter().map(|&i| {
            let mut gain = |values: &Vec<f32>| {
                let best = better.by_ref().take(values.len()).copied().fold(f32::NEG_INFINITY, f32::max);
                (best - scores[i]).max(0.0)
            };
            let gains = usual.iter().map(&mut gain).collect();
            OddRow { row: i + 1, log_prob: scores[i], values: table.row(i).to_vec(), gains }
        });
        let rows = rows.collect();
        Ok(Oddest { source, among: table.rows(), columns: table.names().to_vec(), rows })
    }
}

impl OddRow {
    /// The columns with the largest gains, at most `most` and none that is small beside the first.
    pub fn blamed(&self, most: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.gains.len()).collect();
        order.sort_by(|&a, &b| self.gains[b].total_cmp(&self.gains[a]));
        let least = order.first().map_or(0.0, |&j| 0.2 * self.gains[j]).max(0.05);
        order.into_iter().take(most).filter(|&j| self.gains[j] >= least).collect()
    }
}

/// Values at equal steps through a column's ranks, each once.
fn usual(train: &Table, j: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = train.column(j).collect();
    sorted.sort_by(f32::total_cmp);
    let mut values: Vec<f32> =
        (0..CANDIDATES).filter_map(|i| sorted.get((2 * i + 1) * sorted.len() / (2 * CANDIDATES)).copied()).collect();
    values.dedup();
    values
}
