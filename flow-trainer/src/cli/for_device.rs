//! What a device gets of a run: the frozen flow, calibrated where rows enough were set aside for it.

use super::{Error, say};
use flow_export::calibrate::{Summary, calibrate};
use flow_export::calibration::FEWEST;
use flow_export::freeze::Weights;
use flow_export::frozen::Frozen;
use flow_export::run_folder::frozen;
use flow_table::Table;
use flow_table::atomic::write_atomic;
use std::path::Path;

/// The frozen flow of a run.
pub(super) struct ForDevice {
    /// The file.
    pub frozen: Frozen,
    calibration: Option<Summary>,
}

impl ForDevice {
    /// That of the run in a folder.
    pub fn of(run: &Path, calibration: Option<&Table>) -> Result<Self, Error> {
        let frozen = frozen(run, 0, Weights::F32)?;
        let Some(table) = calibration.filter(|table| table.rows() >= FEWEST) else {
            return Ok(ForDevice { frozen, calibration: None });
        };
        let (bytes, summary) = calibrate(&frozen, table, None, None)?;
        Ok(ForDevice { frozen: Frozen::from_bytes(run, bytes), calibration: Some(summary) })
    }

    /// Writes it, and says so.
    pub fn write(&self, to: &Path) -> Result<(), Error> {
        write_atomic(to, self.frozen.bytes())?;
        say(format_args!("frozen: {} ({} bytes)", to.display(), self.frozen.bytes().len()))?;
        match &self.calibration {
            Some(summary) => say(format_args!("{}", summary.to_string().trim_end())),
            None => say(format_args!(
                "not calibrated: fewer than {FEWEST} rows were set aside for that (--calibration SHARE); flow-export \
                 calibrate takes others with --data"
            )),
        }
    }
}
