//! The least probable rows of a table, and the columns because of which they are.

use crate::backend::BackendError;
use crate::evaluate::{Dequantization, Evaluator};
use flow_table::Table;
use serde::Serialize;

/// Rows that are shown.
const ROWS: usize = 10;
/// Values that are tried in place of a column's own.
const CANDIDATES: usize = 32;
/// The fewest of them, where columns are many.
const FEWEST_CANDIDATES: usize = 4;
/// Rows that are looked at for each odd row, one for each value of each column, where that many values are more than the fewest.
const TRIED: usize = 10_000;

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
    /// The table that it is in.
    pub of: String,
    /// Its number in the file, from 1.
    pub row: usize,
    /// Its log-density at midpoints, nats.
    pub log_prob: f32,
    /// Its values.
    pub values: Vec<f32>,
    /// For each column the nats that the row gains if this one value is replaced by the best of those that are usual in the
    /// training rows (32, or fewer where columns are many): large for a value that does not fit the others.
    pub gains: Vec<f32>,
}

impl Oddest {
    /// Finds them among the rows of these tables of the same columns, of which these are the log-densities.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn of(
        source: String,
        scored: &[(&Table, Vec<f32>)],
        train: &Table,
        params: &[f32],
        evaluator: &mut Evaluator,
    ) -> Result<Self, BackendError> {
        let mut found: Vec<(f32, &Table, usize)> = Vec::new();
        for (table, scores) in scored {
            found.extend(scores.iter().enumerate().map(|(i, &score)| (score, *table, i)));
        }
        let among = found.len();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.truncate(ROWS);
        let names = train.names();
        let candidates = (TRIED / names.len()).clamp(FEWEST_CANDIDATES, CANDIDATES);
        let mut gains = vec![Vec::with_capacity(names.len()); found.len()];
        for j in 0..names.len() {
            let values = usual(train, j, candidates);
            let with = |&(_, table, i): &(f32, &Table, usize)| {
                let mut row = table.row(i).to_vec();
                values.iter().map(move |&value| {
                    row[j] = value;
                    row.clone()
                })
            };
            let changed: Vec<Vec<f32>> = found.iter().flat_map(with).collect();
            let changed = Table::from_rows("changed rows", names.to_vec(), &changed).expect("the table's own columns");
            let better = evaluator.log_prob(params, &changed, Dequantization::Midpoint)?;
            for ((gains, (score, ..)), better) in gains.iter_mut().zip(&found).zip(better.chunks(values.len())) {
                gains.push((better.iter().copied().fold(f32::NEG_INFINITY, f32::max) - score).max(0.0));
            }
        }
        let rows = found.iter().zip(gains).map(|(&(log_prob, table, i), gains)| OddRow {
            of: table.source().to_owned(),
            row: table.rows_of_file()[i] + 1,
            log_prob,
            values: table.row(i).to_vec(),
            gains,
        });
        let rows = rows.collect();
        Ok(Oddest { source, among, columns: names.to_vec(), rows })
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
fn usual(train: &Table, j: usize, count: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = train.column(j).collect();
    sorted.sort_by(f32::total_cmp);
    let mut values: Vec<f32> =
        (0..count).filter_map(|i| sorted.get((2 * i + 1) * sorted.len() / (2 * count)).copied()).collect();
    values.dedup();
    values
}
