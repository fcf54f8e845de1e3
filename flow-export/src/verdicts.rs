//! Verdicts on a table's rows, one after the other, by the device engine itself.

use crate::error::Error;
use crate::frozen::{Frozen, judged_names, split_context};
use crate::score::matching;
use crate::sensors::unlimited;
use crate::windows::Fault;
use flow_nostd::{Detector, Drift, EvalError, SensorState, Status, Verdict};
use flow_table::{Table, csv_field, csv_number};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A verdict, and the column to look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The column that [`Detector::blame`] names, of an alarm.
    pub blamed: Option<u16>,
}

impl Judged {
    /// The column to look at: of an alarm the one that is blamed, else the one with a faulty sensor or a value outside its
    /// support.
    pub fn column(&self) -> Option<u16> {
        self.blamed.or(match self.verdict.status {
            Status::OutsideSupport { column } | Status::Sensor { column, .. } => Some(column),
            _ => None,
        })
    }
}

/// A frozen flow with a calibration.
#[derive(Clone)]
pub struct Judge<'a> {
    frozen: &'a Frozen,
    detector: Detector<'a>,
}

impl<'a> Judge<'a> {
    /// The flow in the file.
    ///
    /// # Errors
    /// A file that is no frozen flow, fails its self-test here, or has no calibration.
    pub fn new(frozen: &'a Frozen) -> Result<Self, Error> {
        let source = |source| Error::Format { path: frozen.path().to_owned(), source };
        let detector = Detector::new(frozen.tested_flow()?).map_err(source)?;
        if !detector.is_calibrated() {
            return Err(Error::NotCalibrated { path: frozen.path().to_owned() });
        }
        Ok(Judge { frozen, detector })
    }

    /// The same with alarms at another `ln p`.
    pub fn with_alarm_ln_p(self, ln_p: f32) -> Self {
        Judge { detector: self.detector.with_alarm_ln_p(ln_p), ..self }
    }

    /// A row is an alarm where its `ln p` is at most this.
    pub fn alarm_ln_p(&self) -> f32 {
        self.detector.alarm_ln_p()
    }

    /// Where the flow is from.
    pub fn frozen(&self) -> &'a Frozen {
        self.frozen
    }

    /// The flow.
    pub(crate) fn flow(&self) -> &flow_nostd::Flow<'a> {
        self.detector.flow()
    }

    /// Names of the columns that verdicts speak of: all but those of the context.
    pub fn names(&self) -> Vec<String> {
        judged_names(self.detector.flow())
    }

    /// The verdict on each row, in the table's order; missing values are NaN. After a gap, of which `gaps` says whether there
    /// is one before each row, the sensors are looked at anew: see [`Windowed::gaps`](crate::windows::Windowed::gaps).
    ///
    /// # Errors
    /// A table of other columns, or a value of the context that is missing.
    pub fn judge(&self, table: &Table, gaps: &[bool]) -> Result<Vec<Judged>, Error> {
        let flow = self.detector.flow();
        let table = matching(flow, table)?;
        let mut sensors = vec![SensorState::default(); flow.columns()];
        let mut scratch = vec![0.0; flow.scratch_len()];
        let mut shares = vec![0.0; flow.columns()];
        let mut judged = Vec::with_capacity(table.rows());
        for (i, all) in table.iter().enumerate() {
            if gaps.get(i) == Some(&true) {
                sensors.fill(SensorState::default());
            }
            let (mut row, context) = split_context(flow, [all]);
            let mut judge = || {
                let verdict = self.detector.watch(&mut row, &context, &mut sensors, &mut scratch)?;
                let blamed = match verdict.alarm {
                    true => self.detector.blame(&row, &context, &mut shares, &mut scratch)?,
                    false => None,
                };
                Ok(Judged { verdict, blamed: blamed.map(|column| column as u16) })
            };
            let fail = |source| {
                let (path, row) = table.place(i);
                let path = path.to_owned();
                match source {
                    EvalError::NotFinite { column } if column < table.columns() => {
                        Error::MissingContext { path, row, name: table.names()[column].clone() }
                    }
                    source => Error::Row { path, row, source },
                }
            };
            judged.push(judge().map_err(fail)?);
        }
        Ok(judged)
    }

    /// How many rows have each fault of each sensor: a verdict names one of them.
    ///
    /// # Errors
    /// A table of other columns.
    pub fn faults(&self, table: &Table, gaps: &[bool]) -> Result<Vec<Fault>, Error> {
        let flow = self.detector.flow();
        let (rows, _) = split_context(flow, matching(flow, table)?.iter());
        // Without limits nothing but values that are not finite are faults.
        let limits = [self.detector.sensor_records(), &vec![unlimited(); flow.columns()]].concat();
        let mut states = vec![SensorState::default(); flow.columns()];
        let mut counts = BTreeMap::new();
        for (row, gap) in rows.chunks_exact(flow.columns()).zip(gaps) {
            if *gap {
                states.fill(SensorState::default());
            }
            for (column, ((x, state), limits)) in (0..).zip(row.iter().zip(&mut states).zip(&limits)) {
                if let Some(fault) = limits.check(state, *x) {
                    *counts.entry((column, Status::Sensor { column, fault }.word())).or_insert(0) += 1;
                }
            }
        }
        let names = self.names();
        let fault =
            |((column, fault), rows): ((u16, _), _)| Fault { column: names[usize::from(column)].clone(), fault, rows };
        Ok(counts.into_iter().map(fault).collect())
    }
}

/// Levels of the [`Drift`] detector after each of these rows' `ln p`, which starts anew after a row in which it reached `every`.
pub(crate) fn drift_levels(ln_p: impl IntoIterator<Item = f32>, every: f64) -> impl Iterator<Item = f32> {
    let mut drift = Drift::new();
    ln_p.into_iter().map(move |ln_p| {
        let level = drift.push(ln_p);
        if f64::from(level) >= every {
            drift = Drift::new();
        }
        level
    })
}

/// Writes verdicts as CSV: `log_prob,ln_p,alarm,status,column`. Of windows, `rows` are the numbers of their newest rows from
/// 0 on, and stand before it; with `drift_every`, the mean number of rows between two false alarms of drift, the level of
/// [`Drift`] stands behind it, which starts anew after a row in which it reached that number.
///
/// # Errors
/// Whatever the writer reports.
pub fn write(
    out: &mut dyn Write,
    names: &[String],
    judged: &[Judged],
    rows: Option<&[usize]>,
    drift_every: Option<f64>,
) -> io::Result<()> {
    let (row, level) = (rows.map_or("", |_| "row,"), drift_every.map_or("", |_| ",drift"));
    writeln!(out, "{row}log_prob,ln_p,alarm,status,column{level}")?;
    let mut levels = drift_every.map(|every| drift_levels(judged.iter().map(|one| one.verdict.ln_p), every));
    for (i, one) in judged.iter().enumerate() {
        if let Some(row) = rows.and_then(|rows| rows.get(i)) {
            write!(out, "{},", row + 1)?;
        }
        let Verdict { log_prob, ln_p, alarm, status } = one.verdict;
        let column = one.column().and_then(|column| names.get(usize::from(column)));
        let column = column.map(|name| csv_field(name)).unwrap_or_default();
        let (log_prob, ln_p, alarm) = (csv_number(log_prob), csv_number(ln_p), u8::from(alarm));
        write!(out, "{log_prob},{ln_p},{alarm},{},{column}", status.word())?;
        if let Some(level) = levels.as_mut().and_then(Iterator::next) {
            write!(out, ",{}", csv_number(level))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
