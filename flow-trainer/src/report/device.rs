//! What the flow takes on a device, from the frozen file itself.

use flow_export::Error;
use flow_export::frozen::Frozen;
use flow_export::inspect;
use flow_export::score::score;
use flow_table::Table;
use serde::Serialize;
use std::time::Instant;

/// Rows that are scored to measure the time of one.
const TIMED_ROWS: usize = 1000;

/// What the flow takes on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Device {
    /// Bytes of the frozen file: flash, beside the engine's own code.
    pub file_bytes: usize,
    /// Rows that the file's calibration was made from; 0 where it has none.
    pub calibration_rows: u32,
    /// Bytes of RAM that a caller provides; the stack comes on top.
    pub scratch_bytes: usize,
    /// Multiply-accumulates of one log-density.
    pub macs_log_prob: u32,
    /// Multiply-accumulates of one sample.
    pub macs_sample: u32,
    /// Instructions of one log-density on a Cortex-M4F, estimated.
    pub instructions_log_prob: u64,
    /// Version of the frozen file's format.
    pub format_version: String,
    /// First 16 bytes of the frozen file's SHA-256, hexadecimal.
    pub model_id: String,
    /// What the self-test on this host says.
    pub self_test: String,
    /// Mean time of one log-density by the device engine on this host, microseconds; `None` without rows.
    pub host_microseconds: Option<f64>,
}

impl Device {
    /// Inspects the frozen flow, and takes the time that the engine needs for some of the rows.
    ///
    /// # Errors
    /// A file that is no frozen flow; rows of other columns.
    pub fn of(frozen: &Frozen, rows: &Table) -> Result<Self, Error> {
        let facts = inspect::inspect(frozen)?;
        let some = rows.select(&(0..rows.rows().min(TIMED_ROWS)).collect::<Vec<_>>());
        score(frozen, &some)?; // The first time is not the engine's alone.
        let start = Instant::now();
        let scored = score(frozen, &some)?.len();
        let seconds = start.elapsed().as_secs_f64();
        Ok(Device {
            file_bytes: facts.file_bytes,
            calibration_rows: facts.calibration.map_or(0, |calibration| calibration.rows),
            scratch_bytes: facts.scratch_bytes,
            macs_log_prob: facts.macs_log_prob,
            macs_sample: facts.macs_sample,
            instructions_log_prob: facts.instructions_log_prob,
            format_version: facts.format_version,
            model_id: facts.model_id,
            self_test: facts.self_test,
            host_microseconds: (scored > 0).then(|| 1e6 * seconds / scored as f64),
        })
    }
}
