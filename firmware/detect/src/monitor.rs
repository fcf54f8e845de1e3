//! All that a machine is watched with: to be fed row by row.

use flow_nostd::layout::VALUE;
use flow_nostd::{Detector, Drift, EvalError, Flow, FormatError, SensorState, Status, Verdict, Window, Windowing};

/// Most columns of a flow.
const COLUMNS: usize = 32;

/// What is said of a row that completes a window.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// How odd it is, and whether that is an alarm.
    pub verdict: Verdict,
    /// How much speaks for a change of the machine; from the chosen number of rows on it has changed.
    pub drift: f32,
    /// The column to look at: of an alarm the one that is blamed, else the one with a faulty sensor.
    pub column: Option<usize>,
}

/// The state of a machine.
pub struct Monitor<'a> {
    detector: Detector<'a>,
    window: Window<'a>,
    drift: Drift,
    sensors: [SensorState; COLUMNS],
    scratch: &'a mut [f32],
    columns: usize,
    channels: usize,
    /// Whether the first column of a channel has its name, as one of its newest values has: of others the name goes on.
    plain: bool,
}

impl<'a> Monitor<'a> {
    /// Nothing was seen yet. `memory` is of the length `WINDOW` of the flow, `scratch` of the length `SCRATCH`.
    pub fn new(flow: Flow<'a>, memory: &'a mut [f32], scratch: &'a mut [f32]) -> Result<Self, FormatError> {
        let windowing = Windowing::of(&flow)?;
        let (columns, channels) = (flow.columns(), windowing.channels());
        let plain = windowing.feature_records().first().is_some_and(|first| first.kind.get() == VALUE);
        assert!(columns <= COLUMNS && flow.context_dim() == 0, "raise COLUMNS; for a context see `Window::features`");
        let detector = Detector::new(flow)?;
        assert!(detector.is_calibrated(), "flow-export calibrate makes a flow one that gives verdicts");
        let window = Window::new(windowing, memory).expect("memory for the window");
        Ok(Self {
            detector,
            window,
            drift: Drift::new(),
            sensors: [SensorState::default(); COLUMNS],
            scratch,
            columns,
            channels,
            plain,
        })
    }

    /// Names of a row's channels: those of their first columns, less the feature.
    pub fn channels(&self) -> impl ExactSizeIterator<Item = &'a str> {
        let features = self.columns.checked_div(self.channels).unwrap_or(0);
        let (flow, plain) = (*self.detector.flow(), self.plain);
        (0..self.channels).map(move |channel| {
            let name = flow.column_name(channel * features).unwrap_or("?");
            name.rsplit_once('.').filter(|_| !plain).map_or(name, |(channel, _)| channel)
        })
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &'a str {
        self.detector.flow().value_name(column).unwrap_or("?")
    }

    /// Takes a row and the time at which it was read; a report where it completes a window.
    pub fn take(&mut self, micros: i64, reading: &[f32]) -> Result<Option<Report>, EvalError> {
        let Self { detector, window, drift, sensors, scratch, columns, .. } = self;
        let (mut row, mut shares) = ([0.0; COLUMNS], [0.0; COLUMNS]);
        let (row, shares, sensors) = (&mut row[..*columns], &mut shares[..*columns], &mut sensors[..*columns]);
        let due = window.push_at(micros, reading);
        if window.rows() <= 1 {
            // It begins anew, after a gap or what is no number; so does what is known of the sensors.
            sensors.fill(SensorState::default());
        }
        if !due? {
            return Ok(None);
        }
        window.features(row, &mut [])?;
        let verdict = detector.watch(row, &[], sensors, scratch)?;
        let level = drift.push(verdict.ln_p);
        if level >= crate::DRIFT_ROWS {
            *drift = Drift::new();
        }
        let column = match verdict.status {
            _ if verdict.alarm => detector.blame(row, &[], shares, scratch)?,
            Status::OutsideSupport { column } | Status::Sensor { column, .. } => Some(column.into()),
            _ => None,
        };
        Ok(Some(Report { verdict, drift: level, column }))
    }
}
