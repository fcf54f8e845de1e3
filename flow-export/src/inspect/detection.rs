//! What a frozen flow says of verdicts: its calibration, the sensors' limits, the columns' usual values.

use crate::calibration::Bin;
use flow_nostd::layout::{BinRecord, CalibrationRecord, SensorRecord};
use serde::Serialize;
use std::fmt;
use zerocopy::FromBytes;
use zerocopy::little_endian::F32;

/// The calibration of a frozen flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationFacts {
    /// Number of rows that it was made from.
    pub rows: u32,
    /// A row is an alarm where its p is at most this.
    pub alarm_p: f64,
    /// Shape of the tail beyond the rows; 0 for an exponential.
    pub tail_shape: f32,
    /// Its standard error.
    pub tail_shape_error: f32,
    /// The context column that has a table for each of its bins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins_of: Option<String>,
    /// These bins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<Bin>,
}

/// What a column's sensor can do, as far as the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SensorFacts {
    /// Smallest and largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
    /// The largest change from one row to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<f32>,
    /// The most rows in a run with the very same value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same: Option<u32>,
}

/// The calibration in a section that the engine has accepted; `None` without one.
pub(super) fn calibration(section: &[u8], contexts: &[String]) -> Option<CalibrationFacts> {
    let (record, rest) = CalibrationRecord::ref_from_prefix(section).ok()?;
    let (bins, _) = <[BinRecord]>::ref_from_prefix_with_elems(rest, record.bins.get().into()).ok()?;
    let bin =
        |bin: &BinRecord| Bin { upper: bin.upper.get(), rows: bin.rows.get() as usize, own_table: bin.knots.get() > 0 };
    Some(CalibrationFacts {
        rows: record.rows.get(),
        alarm_p: f64::from(record.alarm.get()).exp(),
        tail_shape: record.shape.get(),
        tail_shape_error: record.shape_error.get(),
        bins_of: contexts.get(usize::from(record.context.get())).cloned(),
        bins: bins.iter().map(bin).collect(),
    })
}

/// The limits of each column; `None` where there are none.
pub(super) fn sensors(records: &[SensorRecord]) -> Vec<Option<SensorFacts>> {
    let facts = |record: &SensorRecord| {
        let (low, high, jump, same) = (record.low.get(), record.high.get(), record.jump.get(), record.same.get());
        let facts = SensorFacts {
            range: (low > f32::MIN || high < f32::MAX).then_some([low, high]),
            jump: (jump < f32::MAX).then_some(jump),
            same: (same > 0).then_some(same),
        };
        (facts != SensorFacts { range: None, jump: None, same: None }).then_some(facts)
    };
    records.iter().map(facts).collect()
}

/// The usual value of each of so many columns; none where the section is empty.
pub(super) fn usual(section: &[u8], columns: usize) -> Vec<f32> {
    let values = <[F32]>::ref_from_bytes(section).unwrap_or_default();
    let each = (values.len() / columns.max(1)).max(1);
    values.iter().step_by(each).map(|value| value.get()).collect()
}

impl fmt::Display for CalibrationFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, alarm_p, tail_shape, tail_shape_error, .. } = self;
        writeln!(f, "calibrated with {rows} rows:")?;
        writeln!(f, "  an alarm where p is at most {alarm_p:.2e}, one usual row in {:.0}", 1.0 / alarm_p)?;
        writeln!(f, "  the tail beyond the rows has the shape {tail_shape:.2} ± {tail_shape_error:.2}")?;
        let Some(name) = &self.bins_of else { return Ok(()) };
        for Bin { upper, rows, own_table } in &self.bins {
            let table = if *own_table { "a table of its own" } else { "the table of all rows" };
            writeln!(f, "  {name} up to {upper}: {rows} rows, {table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SensorFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.range.map(|[low, high]| format!("{low} to {high}")));
        parts.extend(self.jump.map(|jump| format!("at most {jump} from row to row")));
        parts.extend(self.same.map(|same| format!("at most {same} rows the same")));
        f.write_str(&parts.join(", "))
    }
}
