//! The flow of a run as two ONNX models with any number of rows: `log_prob.onnx`, from raw rows `x` to their
//! log-densities `log_prob`, and `sample.onnx`, from draws `z` of the base distribution to raw rows `x`.

use crate::error::Error;
use crate::run_folder::read_checkpoint;
use flow_model::flow::Flow;
use flow_model::onnx::{Batch, encode};
use flow_table::atomic::{make_folder, write_atomic};
use std::path::{Path, PathBuf};

/// Writes both models into the folder `out`, which is made where it is missing, and returns their paths.
///
/// # Errors
/// A folder that holds no run, a flow whose inverse is too large for a graph, or a place that cannot be written.
pub fn write_onnx(run: &Path, out: &Path) -> Result<[PathBuf; 2], Error> {
    let checkpoint = read_checkpoint(run)?;
    let flow = Flow::new(checkpoint.spec).map_err(|e| Error::Checkpoint { path: run.to_owned(), source: e.into() })?;
    let sample =
        flow.sample_graph(&checkpoint.params).map_err(|source| Error::Onnx { path: run.to_owned(), source })?;
    let models = [
        (out.join("log_prob.onnx"), encode(&flow.log_prob_graph(&checkpoint.params), Batch::Symbolic)),
        (out.join("sample.onnx"), encode(&sample, Batch::Symbolic)),
    ];
    make_folder(out)?;
    for (path, bytes) in &models {
        write_atomic(path, bytes)?;
    }
    Ok(models.map(|(path, _)| path))
}
