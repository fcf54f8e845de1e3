//! Log-densities of a table's rows, computed by the device engine itself.

use crate::error::Error;
use crate::frozen::{Frozen, column_names, context_names, split_context};
use flow_nostd::Flow;
use flow_table::{Table, metrics, read_labels, write_csv};
use serde::Serialize;
use std::io::{self, Write};

/// Rows that are scored at a time.
const BATCH: usize = 4096;

/// Which rows are anomalies, and how many there are of either kind: at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels(Vec<bool>);

impl Labels {
    /// Reads the labels of a table's rows; of rows that were left out there are labels too.
    ///
    /// # Errors
    /// A file that cannot be read, another number of labels, another label than 0 and 1, or only one of them.
    pub fn of_table(path: &str, table: &Table) -> Result<Self, Error> {
        let all = read_labels(path, table.rows() + table.dropped().len())?;
        let mut dropped = table.dropped().iter().peekable();
        let kept = all.into_iter().enumerate().filter(|(i, _)| dropped.next_if_eq(&i).is_none());
        let labels: Vec<bool> = kept.map(|(_, label)| label).collect();
        for (kind, missing) in [(false, "0 (normal)"), (true, "1 (anomaly)")] {
            if !labels.contains(&kind) {
                return Err(Error::OneClass { path: path.to_owned(), missing });
            }
        }
        Ok(Labels(labels))
    }

    /// Whether each row is an anomaly.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }
}

/// What `score --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of rows.
    pub rows: usize,
    /// Mean log-density, nats; with labels over the rows labelled normal only.
    pub mean_log_prob: f64,
    /// Standard error of that mean.
    pub std_error: f64,
    /// With labels: the probability that an anomaly has a lower log-density than a normal row, the area under the ROC
    /// curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// How discrete values were dequantised: always `midpoint`, as on a device.
    pub dequantization: &'static str,
}

impl Summary {
    /// Sums up log-densities.
    ///
    /// # Panics
    /// If there are not as many labels as log-densities.
    pub fn of(log_prob: &[f32], labels: Option<&Labels>) -> Self {
        let anomaly = |i: usize| labels.is_some_and(|Labels(labels)| labels[i]);
        let normal = log_prob.iter().enumerate().filter(|&(i, _)| !anomaly(i)).map(|(_, &x)| f64::from(x));
        let mean = metrics::Summary::of(normal);
        let auroc = labels.and_then(|Labels(labels)| {
            let scores: Vec<f64> = log_prob.iter().map(|&x| -f64::from(x)).collect();
            metrics::auroc(&scores, labels)
        });
        Summary {
            rows: log_prob.len(),
            mean_log_prob: mean.mean,
            std_error: mean.std_error,
            auroc,
            dequantization: "midpoint",
        }
    }
}

/// The log-density of each row, nats. The table holds all columns, those of the context among them.
///
/// # Errors
/// A file that is no frozen flow or fails its self-test here, or a table of other columns.
pub fn score(frozen: &Frozen, table: &Table) -> Result<Vec<f32>, Error> {
    let flow = frozen.tested_flow()?;
    let table = matching(&flow, table)?;
    let mut scratch = vec![0.0; flow.batch_scratch_len()];
    let mut log_probs = vec![0.0; table.rows()];
    let mut rows = table.iter();
    for (batch, log_probs) in log_probs.chunks_mut(BATCH).enumerate() {
        let (values, contexts) = split_context(&flow, rows.by_ref().take(log_probs.len()));
        flow.log_prob_batch(&values, &contexts, log_probs, &mut scratch).map_err(|error| Error::Row {
            path: table.source().to_owned(),
            row: batch * BATCH + error.row.unwrap_or(0) + 1,
            source: error.error,
        })?;
    }
    Ok(log_probs)
}

/// Writes the log-densities as CSV. Of `windows` each has the number of the window's newest row before it, from 1 and as the
/// rows are counted in the file.
///
/// # Errors
/// Whatever the writer reports.
pub fn write(out: &mut (impl Write + ?Sized), table: &Table, log_prob: &[f32], windows: bool) -> io::Result<()> {
    if !windows {
        return write_csv(out, &["log_prob"], log_prob.iter().map(std::slice::from_ref));
    }
    writeln!(out, "row,log_prob")?;
    for (row, log_prob) in table.rows_of_file().iter().zip(log_prob) {
        writeln!(out, "{},{log_prob:?}", row + 1)?;
    }
    Ok(())
}

/// The table with its columns in the flow's order.
pub(crate) fn matching(flow: &Flow, table: &Table) -> Result<Table, Error> {
    let names = column_names(flow);
    table.matching(&names).map_err(|error| lacks_context(flow, table, &names).unwrap_or(error.into()))
}

/// What is wrong with a table of other columns, if it is that it lacks some of the context.
fn lacks_context(flow: &Flow, table: &Table, names: &[String]) -> Option<Error> {
    let mut missing = context_names(flow);
    if table.header() {
        missing.retain(|name| !table.names().contains(name));
    } else if table.columns() + missing.len() != names.len() {
        return None;
    }
    let several = missing.len() > 1;
    let names = missing.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    (!missing.is_empty()).then(|| Error::NoContext { path: table.source().to_owned(), names, several })
}
