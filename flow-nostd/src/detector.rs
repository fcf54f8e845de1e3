//! Verdicts: how odd a row is, whether that is an alarm, and which sensor to look at.

use crate::along::Along;
use crate::calibration::{Calibration, LN_P_MIN};
use crate::column::clamp;
use crate::flow::Replaced;
use crate::references::References;
use crate::sensors::{SensorFault, SensorRecord, SensorState};
use crate::{EvalError, Flow, FormatError};

/// So many times values in the place of several missing ones are looked for at most.
const MOST_FITS: u32 = 4;

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verdict {
    /// The log-density, nats.
    pub log_prob: f32,
    /// The logarithm of the share of usual rows that are as odd or odder: from about -20.7, a billionth, to 0. 0 where the
    /// file has no calibration.
    pub ln_p: f32,
    /// Whether that is at most what was chosen for an alarm.
    pub alarm: bool,
    /// What else there is to know.
    pub status: Status,
}

/// What there is to know of a row beside how odd it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Status {
    /// Nothing.
    Scored,
    /// The file has no calibration: `ln_p` and `alarm` say nothing.
    NotCalibrated,
    /// The first value that lies where its column has no density at all, see [`Flow::outside_support`].
    OutsideSupport {
        /// Its column: its place in the row, which has no context.
        column: u16,
    },
    /// The first value of the context that lies farther out than the training trusts, half as far again as its rows: the row is
    /// judged as if the value lay there.
    OutsideContext {
        /// Its place in the context.
        column: u16,
    },
    /// A faulty sensor: the first whose value is missing, else the first that jumps or is stuck; those of which
    /// [`SensorState::is_missing`] are all that the verdict is not on. What the flow was told in its place is a usual value of the
    /// column, or, of a stuck sensor and after a jump, the value itself. It is said before all else: whether the file has a
    /// calibration says [`Detector::is_calibrated`].
    Sensor {
        /// Its column: its place in the row.
        column: u16,
        /// What is wrong with it.
        fault: SensorFault,
    },
}

impl Status {
    /// What it is in a word, as `flow-export score --verdicts` writes it: of a faulty sensor the fault.
    pub fn word(self) -> &'static str {
        match self {
            Status::Scored => "scored",
            Status::NotCalibrated => "not_calibrated",
            Status::OutsideSupport { .. } => "outside_support",
            Status::OutsideContext { .. } => "outside_context",
            Status::Sensor { fault: SensorFault::NotFinite, .. } => "not_finite",
            Status::Sensor { fault: SensorFault::OutOfRange, .. } => "out_of_range",
            Status::Sensor { fault: SensorFault::Jump, .. } => "jump",
            Status::Sensor { fault: SensorFault::Stuck, .. } => "stuck",
        }
    }
}

/// A flow with what the file says of verdicts: the calibration, the sensors' limits, the columns' reference values.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
/// use flow_nostd::{Detector, Flow, SensorState, Status};
///
/// let detector = Detector::new(Flow::new(model::BYTES)?)?;
/// let mut scratch = [0.0; model::SCRATCH];
/// let usual = detector.verdict(&[1.25, 3.0, 17.0, -30.0], &[], &mut scratch)?;
/// assert!(!usual.alarm && usual.status == Status::Scored);
///
/// let odd = [90.0, 3.0, 17.0, -30.0];
/// let verdict = detector.verdict(&odd, &[], &mut scratch)?;
/// assert!(verdict.alarm && verdict.ln_p < -9.0); // One usual row in ten thousand.
///
/// let mut shares = [0.0; 4];
/// let worst = detector.blame(&odd, &[], &mut shares, &mut scratch)?;
/// assert_eq!(worst, Some(0));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Detector<'a> {
    flow: Flow<'a>,
    calibration: Option<Calibration<'a>>,
    sensors: &'a [SensorRecord],
    references: References<'a>,
    alarm: f32,
}

impl<'a> Detector<'a> {
    /// Reads what a flow's file says of verdicts, after checking all of it.
    ///
    /// # Errors
    /// The first rule of `spec/format.md` that the sections `CALB`, `SENS`, `REFS` and `MASS` break, and where. A file
    /// without them is no error.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// use flow_nostd::{Detector, Flow, Status};
    ///
    /// let detector = Detector::new(Flow::new(model::BYTES)?)?;
    /// let mut scratch = [0.0; model::SCRATCH];
    /// let verdict = detector.verdict(&[90.0, 2.0, -5.0, 0.0], &[], &mut scratch)?;
    /// assert_eq!((verdict.status, verdict.alarm), (Status::NotCalibrated, false));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn new(flow: Flow<'a>) -> Result<Self, FormatError> {
        let calibration = Calibration::of(&flow)?;
        let sensors = SensorRecord::of(&flow)?;
        let references = References::of(&flow)?;
        let alarm = calibration.map_or(LN_P_MIN, |calibration| calibration.record.alarm.get());
        Ok(Self { flow, calibration, sensors, references, alarm })
    }

    /// Checks what [`new`](Self::new) checks, in less memory.
    #[inline(never)]
    pub(crate) fn check(flow: &Flow<'_>) -> Result<(), FormatError> {
        Calibration::of(flow)?;
        SensorRecord::of(flow)?;
        References::of(flow)?;
        Ok(())
    }

    /// The flow.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert_eq!(detector.flow().columns(), 4);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn flow(&self) -> &Flow<'a> {
        &self.flow
    }

    /// What each column's sensor can do, one record a column of a row; none where the file says nothing of it.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert_eq!(detector.sensor_records()[1].high.get(), 1e6);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn sensor_records(&self) -> &'a [SensorRecord] {
        self.sensors
    }

    /// A row is an alarm where its `ln_p` is at most this.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert!((detector.alarm_ln_p().exp() - 1e-3).abs() < 1e-6);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn alarm_ln_p(&self) -> f32 {
        self.alarm
    }

    /// The same with alarms at another `ln_p`, in place of the file's. One that is positive or NaN counts as 0, one below all
    /// that there are, -20.7, as that.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// let once_in_a_million = detector.with_alarm_ln_p(-13.8);
    /// assert_eq!(once_in_a_million.alarm_ln_p(), -13.8);
    /// let mut scratch = [0.0; model::SCRATCH];
    /// let oddest = detector.with_alarm_ln_p(-100.0).verdict(&[1e9, 0.0, 0.0, 0.0], &[], &mut scratch)?;
    /// assert!(oddest.alarm);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn with_alarm_ln_p(self, ln_p: f32) -> Self {
        let alarm = match ln_p {
            below if below < LN_P_MIN => LN_P_MIN,
            ln_p if ln_p < 0.0 => ln_p,
            _ => 0.0,
        };
        Self { alarm, ..self }
    }

    /// Whether the file has a calibration: without one there are no p and no alarms.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert!(detector.is_calibrated());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_calibrated(&self) -> bool {
        self.calibration.is_some()
    }

    /// Number of rows that the calibration was made from; 0 without one.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert_eq!(detector.calibration_rows(), 2000);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn calibration_rows(&self) -> u32 {
        self.calibration.map_or(0, |calibration| calibration.record.rows.get())
    }

    /// `ln p` of a log-density in its context, as in a [`Verdict`]; 0 without a calibration.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// assert!(detector.ln_p(-1e9, &[]) < -20.0);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn ln_p(&self, log_prob: f32, context: &[f32]) -> f32 {
        self.calibration.map_or(0.0, |calibration| calibration.ln_p(log_prob, context))
    }

    /// The verdict on a row in its context.
    ///
    /// # Errors
    /// As [`Flow::log_prob`].
    ///
    /// See [`Detector`] for an example.
    pub fn verdict(&self, row: &[f32], context: &[f32], scratch: &mut [f32]) -> Result<Verdict, EvalError> {
        let log_prob = self.flow.log_prob(row, context, scratch)?;
        let ln_p = self.ln_p(log_prob, context);
        let status = match (self.flow.outside_support(row), self.flow.outside_context(context)) {
            _ if self.calibration.is_none() => Status::NotCalibrated,
            (Some(column), _) => Status::OutsideSupport { column: column as u16 },
            (None, Some(column)) => Status::OutsideContext { column: column as u16 },
            (None, None) => Status::Scored,
        };
        Ok(Verdict { log_prob, ln_p, alarm: self.calibration.is_some() && ln_p <= self.alarm, status })
    }

    /// The same, after a look at each sensor. `sensors` keeps what is needed from one row to the next, one for each
    /// column, all [`SensorState::default`] at first, after a gap in time, and of a flow over windows with the first row of a
    /// window that begins anew ([`Window::rows`](crate::Window::rows)). Values that are NaN, infinite or out of the sensor's range are replaced in
    /// `row`, each by that usual value of its column which fits the others best: so the verdict is on all other columns, and an
    /// alarm besides is theirs. Each takes as many log-densities as the column has values in [`blame`](Self::blame), and one
    /// more. Several are replaced one after the other, up to four times over; where columns tie each other closely that may
    /// still leave them odd together. Without limits in the file only values that are not finite are found.
    ///
    /// # Errors
    /// The length of `row`, `context`, `sensors` or `scratch`, before anything is looked at; or a context value that is NaN or
    /// infinite, once the sensors have seen the row.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// use flow_nostd::{SensorFault, SensorState, Status};
    ///
    /// let mut sensors = [SensorState::default(); 4];
    /// let mut row = [1.25, f32::NAN, 17.0, -30.0];
    /// let verdict = detector.watch(&mut row, &[], &mut sensors, &mut scratch)?;
    /// assert_eq!(verdict.status, Status::Sensor { column: 1, fault: SensorFault::NotFinite });
    /// assert!(row[1].is_finite() && !verdict.alarm); // The others are as usual.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn watch(
        &self,
        row: &mut [f32],
        context: &[f32],
        sensors: &mut [SensorState],
        scratch: &mut [f32],
    ) -> Result<Verdict, EvalError> {
        self.flow.check_row(row.len())?;
        self.flow.check_row(sensors.len())?;
        self.flow.check_context(context.len())?;
        self.flow.split(scratch)?;
        let found = self.check_sensors(row, sensors);
        // What fits depends on what the others were given: of several over again, while that changes one.
        let mut left = MOST_FITS;
        while left > 0 {
            let (mut missing, mut changed) = (0_u32, false);
            for (column, _) in (0..usize::MAX).zip(&*sensors).filter(|(_, state)| state.is_missing()) {
                missing = missing.saturating_add(1);
                changed |= self.fit(column, row, context, scratch)?;
            }
            left = if changed && missing > 1 { left.saturating_sub(1) } else { 0 };
        }
        let verdict = self.verdict(row, context, scratch)?;
        Ok(Verdict { status: found.unwrap_or(verdict.status), ..verdict })
    }

    /// The first sensor whose value is missing, else the first that is faulty; puts usual values in the place of what is
    /// missing.
    #[inline(never)] // Off the stack again before the log-density is computed.
    fn check_sensors(&self, row: &mut [f32], sensors: &mut [SensorState]) -> Option<Status> {
        let (mut found, mut found_missing) = (None, false);
        let mut limits = self.sensors.iter();
        for (column, (x, state)) in (0..u16::MAX).zip(row.iter_mut().zip(sensors)) {
            let fault = match limits.next() {
                Some(limits) => limits.check(state, *x),
                None => {
                    state.note(!x.is_finite());
                    state.is_missing().then_some(SensorFault::NotFinite)
                }
            };
            if state.is_missing() {
                *x = self.usual(column.into());
            }
            if let Some(fault) = fault
                && (found.is_none() || (state.is_missing() && !found_missing))
            {
                found = Some(Status::Sensor { column, fault });
                found_missing = state.is_missing();
            }
        }
        found
    }

    /// Puts into the place of a missing value, where a usual one stands, that one of its column's values (those to integrate
    /// over, and its atoms') under which the row is the most probable; whether that is another.
    #[inline(never)]
    fn fit(&self, column: usize, row: &mut [f32], context: &[f32], scratch: &mut [f32]) -> Result<bool, EvalError> {
        let (mut best, mut most, mut tried, mut changed) = (0.0, f32::NEG_INFINITY, 0_usize, false);
        loop {
            let log_prob = self.flow.log_prob(row, context, scratch)?;
            let Some(x) = row.get_mut(column) else { return Ok(changed) };
            if log_prob > most {
                changed = tried > 0;
                (best, most) = (*x, log_prob);
            }
            let Some(value) = self.candidate(column, tried) else {
                *x = best;
                return Ok(changed);
            };
            *x = value;
            tried = tried.saturating_add(1);
        }
    }

    /// Of a column's values to integrate over, and its atoms' after them, the one with this number.
    #[inline(never)]
    fn candidate(&self, column: usize, number: usize) -> Option<f32> {
        let values = self.references.column(column)?.values;
        if let Some(value) = values.get(number) {
            return Some(value.get());
        }
        let mut masses = self.references.masses(&self.flow, column);
        for _ in values.len()..number {
            masses.next_but(f32::NAN)?;
        }
        masses.next_but(f32::NAN)
    }

    /// How odd each column's value is beside the values of all others, into `shares`: minus the logarithm of its density
    /// given the others, nats, in the unit of the column's deviation; of an atom, minus the logarithm of its mass; never
    /// below 0. Returns the column of the largest share; `None` where all are 0, as where the file has no values to integrate
    /// over.
    ///
    /// It takes one log-density, one more for each of these values of each column, and one for each atom: with 16 values, as
    /// `flow-export` writes, and eight columns without atoms, 129 log-densities.
    ///
    /// # Errors
    /// As [`Flow::log_prob`]; `shares` is as long as a row.
    ///
    /// See [`Detector`] for an example.
    pub fn blame(
        &self,
        row: &[f32],
        context: &[f32],
        shares: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<Option<usize>, EvalError> {
        self.flow.check_row(shares.len())?;
        self.flow.check_row(row.len())?;
        self.flow.check_context(context.len())?;
        shares.fill(0.0);
        let mut replaced = Replaced { flow: &self.flow, row, context, scratch };
        let now = replaced.log_prob(usize::MAX, 0.0)?;
        let mut along = Along::before(&self.flow, &self.references);
        for (column, (share, &x)) in (0..usize::MAX).zip(shares.iter_mut().zip(row)) {
            if !along.start(column, x, now) {
                return Ok(None);
            }
            while let Some(value) = along.next() {
                along.add(replaced.log_prob(column, value)?);
            }
            *share = along.share(now);
        }
        Ok(largest(shares))
    }

    /// A usual value of a column: the file's, or without one the middle of its sensor's range.
    fn usual(&self, column: usize) -> f32 {
        if let Some(reference) = self.references.column(column) {
            return reference.usual;
        }
        let limits = self.sensors.get(column);
        clamp(limits.map_or(0.0, |limits| 0.5 * limits.low.get() + 0.5 * limits.high.get()), f32::MAX)
    }
}

/// The place of the largest value, where there is one above 0.
fn largest(values: &[f32]) -> Option<usize> {
    let (mut place, mut most) = (None, 0.0);
    for (j, &value) in (0..usize::MAX).zip(values) {
        if value > most {
            (place, most) = (Some(j), value);
        }
    }
    place
}
