//! The folder of a training run: what `flow-trainer train --out` wrote.

use crate::error::Error;
use crate::freeze::{Weights, freeze_as};
use crate::frozen::Frozen;
use crate::probes;
use crate::resection::with_sections;
use crate::windows::Recipe;
use flow_model::checkpoint::Checkpoint;
use flow_nostd::layout::WINDOWS;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The file of a run folder that holds the flow.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// The key under which a checkpoint's metadata say how far apart the training's rows were, in microseconds, where they had
/// times and are no windows, which know it themselves.
pub const EVERY: &str = "every_us";

/// The time between two rows of a run's training.
pub fn every(checkpoint: &Checkpoint) -> Option<Duration> {
    let micros = checkpoint.metadata.get(EVERY)?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

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

/// The trained flow of a run, frozen with the probe rows of [`crate::probes`].
///
/// # Errors
/// As [`read_checkpoint`]; windows that cannot be read; a flow beyond the format's limits.
pub fn frozen(run: &Path, rollback: u32, weights: Weights) -> Result<Frozen, Error> {
    frozen_of(&read_checkpoint(run)?, run, rollback, weights)
}

/// The same of a run whose checkpoint was read.
///
/// # Errors
/// Windows that cannot be read; a flow beyond the format's limits.
pub fn frozen_of(checkpoint: &Checkpoint, run: &Path, rollback: u32, weights: Weights) -> Result<Frozen, Error> {
    let Checkpoint { spec, params, metadata, .. } = checkpoint;
    let bytes = freeze_as(spec, params, &probes::rows(spec), rollback, weights)
        .map_err(|source| Error::Freeze { path: run.to_owned(), source })?;
    let frozen = Frozen::from_bytes(run, bytes);
    let Some(recipe) = Recipe::of_metadata(metadata, run)? else { return Ok(frozen) };
    let with_windows = with_sections(&frozen.flow()?, frozen.bytes(), &[(WINDOWS, recipe.section())]);
    let frozen = Frozen::from_bytes(run, with_windows);
    // Read once, as a device will.
    Recipe::of_file(&frozen)?;
    Ok(frozen)
}
