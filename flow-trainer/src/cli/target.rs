//! The place of the frozen file that `train --freeze` writes.

use super::Error;
use crate::request::REQUEST;
use flow_export::run_folder::CHECKPOINT;
use std::path::{Path, PathBuf};

/// Refuses a place that can be seen not to take a file, or that holds what is `read` or what the run in the folder `out`
/// writes.
pub(super) fn check(path: Option<&Path>, read: impl Iterator<Item = PathBuf>, out: &Path) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    let refuse = |why: String| Err(Error::Refused(format!("--freeze {}: {why}", path.display())));
    let of_run = [CHECKPOINT, REQUEST, "metrics.json", "report.html", "report.json", "calibration.csv", "scores.csv"];
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_it = |other: PathBuf| other.canonicalize().unwrap_or(other) == place;
    if read.chain(of_run.map(|name| out.join(name))).any(is_it) {
        return refuse("is a file that is read or that the run writes, and would be lost; name another one".into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        _ if path.is_dir() => refuse("is a folder; name a file".into()),
        Some(folder) if folder.exists() && !folder.is_dir() => refuse(format!("{} is no folder", folder.display())),
        // The run's own folder is made only now.
        Some(folder) => {
            std::fs::create_dir_all(folder).or_else(|error| refuse(format!("cannot make the folder: {error}")))
        }
        None => Ok(()),
    }
}
