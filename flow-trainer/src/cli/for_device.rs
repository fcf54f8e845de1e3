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
    /// What came of its calibration, or why there is none.
    calibration: Result<Summary, String>,
}

impl ForDevice {
    /// That of the run in a folder.
    pub fn of(run: &Path, calibration: Option<&Table>) -> Result<Self, Error> {
        let frozen = frozen(run, 0, Weights::F32)?;
        let Some(table) = calibration.filter(|table| table.rows() >= FEWEST) else {
            let why = format!(
                "fewer than {FEWEST} rows were set aside for that (--calibration SHARE); flow-export calibrate takes others \
                 with --data"
            );
            return Ok(ForDevice { frozen, calibration: Err(why) });
        };
        Ok(match calibrate(&frozen, table, None, None) {
            Ok((bytes, summary)) => ForDevice { frozen: Frozen::from_bytes(run, bytes), calibration: Ok(summary) },
            Err(why) => ForDevice { frozen, calibration: Err(why.to_string()) },
        })
    }

    /// Writes it, and says so.
    pub fn write(&self, to: &Path) -> Result<(), Error> {
        write_atomic(to, self.frozen.bytes())?;
        say(format_args!("frozen: {} ({} bytes)", to.display(), self.frozen.bytes().len()))?;
        match &self.calibration {
            Ok(summary) => say(format_args!("{}", summary.to_string().trim_end())),
            Err(why) => say(format_args!("not calibrated: {why}")),
        }
    }
}
