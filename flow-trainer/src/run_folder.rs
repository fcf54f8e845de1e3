//! The folder of a run: what training leaves behind.
//!
//! `checkpoint.safetensors` (weights with the spec in its metadata: the truth), `spec.json` (a rendering of the spec),
//! `metrics.json`, `report.html` and `report.json`, `calibration.csv` (rows that neither training nor validation saw). The checkpoint is
//! written first, so that an interrupted write never leaves a report without its flow. Beside it `run.json`
//! ([`crate::request`]) and the states of its trainings ([`crate::saver`]): the truth of a training that has not ended.

use crate::data::{self, Data};
use crate::distances::Distances;
use crate::model::Model;
use crate::report::Report;
use crate::request::REQUEST;
use crate::saver::STATE_FOLDERS;
use crate::search::Try;
use crate::seeds::Seeds;
use crate::train::{Ending, Epoch, Outcome, Settings};
use flow_export::calibrate::REPEATED;
use flow_export::run_folder::{CHECKPOINT, EVERY};
use flow_model::checkpoint::{Checkpoint, CheckpointError};
use flow_model::flow::Flow;
use flow_model::row_hashes::RowHashes;
use flow_table::atomic::{BEGUN, WriteError, write_atomic, write_atomic_with};
use flow_table::{Convention, Table, write_csv};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// What `metrics.json` holds.
#[derive(Clone, Debug, Serialize)]
pub struct Metrics {
    /// What ran the steps.
    pub backend: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Rows trained on.
    pub train_rows: usize,
    /// Rows validated on.
    pub validation_rows: usize,
    /// Steps taken.
    pub steps: usize,
    /// Steps skipped because a gradient was not finite.
    pub skipped: usize,
    /// Steps a second, validation included.
    pub steps_per_second: f64,
    /// Time in the loop, seconds.
    pub train_seconds: f64,
    /// Mean log-density of the validation rows, nats a row, discrete columns at a random point of their cells.
    pub best_val_log_prob: f64,
    /// How discrete columns were evaluated for it.
    pub dequantization: &'static str,
    /// The epoch whose parameters were kept.
    pub best_epoch: usize,
    /// Why training ended.
    pub ending: Ending,
    /// How the run was set.
    pub settings: Settings,
    /// Each epoch.
    pub history: Vec<Epoch>,
    /// How far samples are from the validation rows, beside the training rows.
    pub distances: Option<Distances>,
    /// The models that `auto` tried; none where a model was named.
    pub tried: Vec<Try>,
    /// What each seed came to, if there were several.
    pub seeds: Option<Seeds>,
}

impl Metrics {
    /// The metrics of a finished training.
    pub fn of(
        outcome: &Outcome,
        settings: &Settings,
        backend: String,
        [train_rows, validation_rows]: [usize; 2],
        distances: Option<Distances>,
        tried: Vec<Try>,
        seeds: Option<Seeds>,
    ) -> Self {
        let seconds = outcome.duration.as_secs_f64();
        Metrics {
            backend,
            parameters: outcome.params.len(),
            train_rows,
            validation_rows,
            steps: outcome.steps,
            skipped: outcome.skipped,
            steps_per_second: outcome.steps as f64 / seconds.max(1e-9),
            train_seconds: seconds,
            best_val_log_prob: outcome.best_validation_log_prob,
            dequantization: "noise",
            best_epoch: outcome.best_epoch,
            ending: outcome.ending,
            settings: settings.clone(),
            history: outcome.history.clone(),
            distances,
            tried,
            seeds,
        }
    }
}

/// The trained flow with what else is kept of its training.
pub fn checkpoint(
    data: &Data,
    flow: &Flow,
    outcome: &Outcome,
    model: Model,
    (seed, convention): (u64, Convention),
) -> Checkpoint {
    let trained = RowHashes::of(data.train.iter());
    // Rows repeat by themselves; whoever looks for the rows trained on has to know how often.
    let repeated = trained.count(data.validation.iter()) as f64 / data.validation.rows() as f64;
    let mut metadata = BTreeMap::from([
        (REPEATED.to_string(), repeated.to_string()),
        (data::MISSING.to_string(), data::missing_as_text(&data.reading.missing)),
        ("convention".to_string(), format!("{convention:?}").to_lowercase()),
        ("model".to_string(), model.name().to_string()),
        ("seed".to_string(), seed.to_string()),
    ]);
    match (&data.recipe, data.every) {
        (Some(recipe), _) => recipe.to_metadata(&mut metadata),
        (None, Some(every)) => _ = metadata.insert(EVERY.to_string(), every.as_micros().to_string()),
        (None, None) => {}
    }
    Checkpoint { spec: flow.spec().clone(), params: outcome.params.clone(), trained, metadata }
}

/// Why a run folder could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is a run already.
    #[error("{} already holds a run; name another folder with --out, or say --force to replace it, --resume to go on with it", .0.display())]
    Occupied(PathBuf),
    /// Another process works in it.
    #[error("{} is in use by another process: wait for it, or name another folder with --out", .0.display())]
    InUse(PathBuf),
    /// It cannot be locked.
    #[error("{}: cannot lock the folder: {source}", path.display())]
    Lock {
        /// The file that is locked for it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be made.
    #[error("{}: cannot make the folder: {source}", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of an earlier run cannot be removed.
    #[error("{}: cannot remove what an earlier run left: {source}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The trained flow is not one.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Checks that there is no run in the folder; with `force` a run there may be replaced.
///
/// # Errors
/// If the folder holds a run.
pub fn check_free(folder: &Path, force: bool) -> Result<(), FolderError> {
    if (folder.join(CHECKPOINT).exists() || folder.join(REQUEST).exists()) && !force {
        return Err(FolderError::Occupied(folder.to_owned()));
    }
    Ok(())
}

/// Locks the folder, if there is one, until the file is dropped or the process ends, however it ends. The file `.lock` stays.
///
/// # Errors
/// If another process has locked it, or it cannot be locked.
pub fn lock_if_there(folder: &Path) -> Result<Option<File>, FolderError> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let path = folder.join(".lock");
    let fail = |source| FolderError::Lock { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(FolderError::InUse(folder.to_owned())),
        // A file system without locks: the user's care has to do.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(Some(file)),
        Err(TryLockError::Error(source)) => Err(FolderError::Lock { path, source }),
    }
}

/// Removes the files that a process which was killed had begun to write in the folder, which has to be locked.
pub fn sweep(folder: &Path) {
    for folder in STATE_FOLDERS.map(|name| folder.join(name)).iter().map(PathBuf::as_path).chain([folder]) {
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with(BEGUN) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

/// Makes the folder where it is missing.
///
/// # Errors
/// If it cannot be made.
pub fn make(folder: &Path) -> Result<(), FolderError> {
    std::fs::create_dir_all(folder).map_err(|source| FolderError::Make { path: folder.to_owned(), source })
}

/// Writes everything but the report.
///
/// # Errors
/// If a file cannot be written; each is then either the old one or the new one.
pub fn write(
    folder: &Path,
    checkpoint: &Checkpoint,
    metrics: &Metrics,
    calibration: Option<&Table>,
) -> Result<(), FolderError> {
    write_atomic(folder.join(CHECKPOINT), &checkpoint.to_bytes()?)?;
    // What an earlier run left is not this run's.
    for old in ["report.html", "report.json", "calibration.csv", "scores.csv"] {
        remove(folder.join(old))?;
    }
    write_atomic(folder.join("spec.json"), &pretty(&checkpoint.spec))?;
    write_atomic(folder.join("metrics.json"), &pretty(metrics))?;
    if let Some(table) = calibration {
        write_atomic_with(folder.join("calibration.csv"), |out| write_csv(out, table.names(), table.iter()))?;
    }
    Ok(())
}

/// Removes what a search under a budget left, for a run that is to replace it.
///
/// # Errors
/// If a file cannot be removed.
pub fn forget_search(folder: &Path) -> Result<(), FolderError> {
    ["tune.json", "front.svg"].into_iter().try_for_each(|old| remove(folder.join(old)))
}

fn remove(path: PathBuf) -> Result<(), FolderError> {
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(FolderError::Remove { path, source }),
        _ => Ok(()),
    }
}

/// Writes the figures of the report.
///
/// # Errors
/// If the file cannot be written.
pub fn write_report(folder: &Path, report: &Report) -> Result<(), FolderError> {
    Ok(write_atomic(folder.join("report.json"), &pretty(report))?)
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("plain data with names as keys becomes JSON");
    text.push(b'\n');
    text
}
