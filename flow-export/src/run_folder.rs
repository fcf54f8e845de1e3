//! The folder of a training run: what `flow-trainer train --out` wrote.

use crate::error::Error;
use crate::freeze::freeze;
use crate::probes;
use flow_model::checkpoint::Checkpoint;
use flow_table::atomic::write_atomic;
use std::fs;
use std::path::Path;

/// The file of a run folder that holds the flow.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// Reads the trained flow of a run.
///
/// # Errors
/// No such folder, none of a training run, or a checkpoint that is damaged or of another version.
pub fn read_checkpoint(run: &Path) -> Result<Checkpoint, Error> {
    let none = |problem| Err(Error::NoRun { path: run.to_owned(), problem });
    let path = run.join(CHECKPOINT);
    if run.is_file() {
        return none("is a file");
    } else if !run.exists() {
        return none("no such folder");
    } else if !path.exists() && run.join("run.json").exists() {
        return none(
            "holds no checkpoint.safetensors: its training has not ended, and flow-trainer train --resume goes on with it",
        );
    } else if !path.exists() {
        return none("holds no checkpoint.safetensors");
    }
    let bytes = fs::read(&path).map_err(|e| Error::read(&path, e))?;
    Checkpoint::from_bytes(&bytes).map_err(|source| Error::Checkpoint { path, source })
}

/// Freezes the trained flow of a run into the file `out`, with the probe rows of [`crate::probes`].
///
/// # Errors
/// As [`read_checkpoint`]; a flow beyond the format's limits; a place that cannot be written.
pub fn freeze_run(run: &Path, out: &Path, rollback: u32) -> Result<(), Error> {
    let Checkpoint { spec, params, .. } = read_checkpoint(run)?;
    let bytes = freeze(&spec, &params, &probes::rows(&spec), rollback)
        .map_err(|source| Error::Freeze { path: run.to_owned(), source })?;
    Ok(write_atomic(out, &bytes)?)
}
