//! The board's side: a line comes in, its answer goes out.

use crate::PROTOCOL;
use crate::answer::{Answer, Hello, Refusal, Report, Said, Tested};
use crate::assembler::Received;
use crate::frame::{REQUEST, UNASKED, open_frame};
use crate::request::Request;
use core::fmt::{self, Write};
use flow_nostd::{
    Detector, Drift, EvalError, Flow, FormatError, SelfTestError, SensorState, Status, Window, Windowing,
};

/// Memory that a [`Responder`] works in. None of it needs an initial value.
#[derive(Debug)]
pub struct Memory<'a> {
    /// For the flow: `SCRATCH` of an included one.
    pub scratch: &'a mut [f32],
    /// For windows: `WINDOW` of an included flow.
    pub window: &'a mut [f32],
    /// For rows: what [`Needs`] says, or more.
    pub values: &'a mut [f32],
    /// For sensors: one for each column that is no context, or more.
    pub sensors: &'a mut [SensorState],
}

/// How much of each kind of [`Memory`] a flow needs, in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Values of [`Memory::scratch`].
    pub scratch: usize,
    /// Values of [`Memory::window`].
    pub window: usize,
    /// Values of [`Memory::values`].
    pub values: usize,
    /// Values of [`Memory::sensors`].
    pub sensors: usize,
    /// Values of a row as a host sends it.
    pub row: usize,
}

/// Why there is no [`Responder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// What the file says of verdicts or windows breaks a rule.
    Format(FormatError),
    /// Too little memory.
    Memory {
        /// What is needed.
        needs: Needs,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Unfit::Format(error) => error.fmt(f),
            Unfit::Memory { needs } => {
                let Needs { scratch, window, values, sensors, .. } = needs;
                write!(f, "too little memory; the flow needs {scratch} values of scratch, {window} of windows, ")?;
                write!(f, "{values} of rows, {sensors} of sensors")
            }
        }
    }
}

impl core::error::Error for Unfit {}

impl Needs {
    /// What a flow needs.
    ///
    /// # Errors
    /// The rule that the file's section `WIND` breaks.
    pub fn of(flow: &Flow) -> Result<Self, FormatError> {
        let (columns, context) = (flow.columns(), flow.context_dim());
        let (row, window) = match windowing(flow)? {
            Some(windowing) => (windowing.channels(), windowing.memory_len()),
            None => (columns.saturating_add(context), 0),
        };
        // The row as it comes, the columns, the context, and the columns' shares of an alarm.
        let values = row.saturating_add(columns.saturating_mul(2)).saturating_add(context);
        Ok(Needs { scratch: flow.scratch_len(), window, values, sensors: columns, row })
    }
}

fn windowing<'a>(flow: &Flow<'a>) -> Result<Option<Windowing<'a>>, FormatError> {
    match Windowing::of(flow) {
        Ok(windowing) => Ok(Some(windowing)),
        Err(FormatError::MissingSection { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A flow that answers requests, with all that it remembers of rows.
///
/// The host runs the same one beside a board, to compare with.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
/// use flow_line::{Assembler, Memory, REQUEST, Responder};
/// use flow_nostd::{Flow, SensorState};
///
/// let (mut scratch, mut window) = ([0.0; model::SCRATCH], [0.0; model::WINDOW]);
/// let (mut values, mut sensors) = ([0.0; 64], [SensorState::default(); 16]);
/// let memory =
///     Memory { scratch: &mut scratch, window: &mut window, values: &mut values, sensors: &mut sensors };
/// let mut responder = Responder::new(Flow::new(model::BYTES)?, memory, 400)?;
///
/// let mut assembler = Assembler::<400>::new(REQUEST);
/// let (mut uart, mut request) = (String::new(), String::new());
/// flow_line::write_row(&mut request, 7, [1.25, 3.0, 17.0, -30.0])?;
/// for byte in request.bytes() {
///     if let Some(line) = assembler.push(byte) {
///         responder.answer(line, &mut uart)?;
///     }
/// }
/// assert!(uart.starts_with("<0007 row 00000001 scored "));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Responder<'a> {
    detector: Detector<'a>,
    window: Option<Window<'a>>,
    window_length: u16,
    drift: Drift,
    /// The level at which drift starts anew.
    drift_every: f32,
    needs: Needs,
    scratch: &'a mut [f32],
    values: &'a mut [f32],
    sensors: &'a mut [SensorState],
    /// Rows since the start.
    count: u32,
    longest: u16,
    /// Number and checksum of the last row, and what was answered. A host that did not understand the answer sends the row
    /// again, which must not count twice.
    last: Option<(u16, u32, Answer<'static>)>,
}

impl<'a> Responder<'a> {
    /// Knows nothing of rows yet. `longest` is how many bytes of a line its assembler holds.
    ///
    /// # Errors
    /// Sections of the file that break a rule, or too little memory.
    pub fn new(flow: Flow<'a>, memory: Memory<'a>, longest: usize) -> Result<Self, Unfit> {
        let needs = Needs::of(&flow).map_err(Unfit::Format)?;
        let Memory { scratch, window, values, sensors } = memory;
        let short = Unfit::Memory { needs };
        let scratch = scratch.get_mut(..needs.scratch).ok_or(short)?;
        let values = values.get_mut(..needs.values).ok_or(short)?;
        let sensors = sensors.get_mut(..needs.sensors).ok_or(short)?;
        let windowing = windowing(&flow).map_err(Unfit::Format)?;
        let window_length = windowing.map_or(0, |windowing| narrow(windowing.length()));
        let window = match windowing {
            Some(windowing) => Some(Window::new(windowing, window).map_err(|_| short)?),
            None => None,
        };
        let detector = Detector::new(flow).map_err(Unfit::Format)?;
        sensors.fill(SensorState::default());
        Ok(Responder {
            detector,
            window,
            window_length,
            drift: Drift::new(),
            drift_every: f32::INFINITY,
            needs,
            scratch,
            values,
            sensors,
            count: 0,
            longest: narrow(longest),
            last: None,
        })
    }

    /// Writes what a board says unasked when it has started.
    ///
    /// # Errors
    /// Whatever the writer reports.
    pub fn boot(&self, out: &mut dyn Write) -> fmt::Result {
        Answer::Boot { model: self.detector.flow().model_id() }.write(out, UNASKED)
    }

    /// Takes what was received and writes the answer.
    ///
    /// # Errors
    /// Whatever the writer reports.
    pub fn answer(&mut self, received: Received, out: &mut dyn Write) -> fmt::Result {
        let line = match received {
            Received::Line(line) => line,
            Received::TooLong => return Answer::Error(Refusal::Long { longest: self.longest }).write(out, UNASKED),
        };
        let Some(frame) = open_frame(REQUEST, line) else {
            return Answer::Error(Refusal::Checksum).write(out, UNASKED);
        };
        let (number, checksum) = (frame.number, frame.checksum);
        let answer = match Request::read(&frame) {
            None => Answer::Error(Refusal::Request),
            Some(Request::Row(values)) => match self.last {
                Some((last, sum, answer)) if (last, sum) == (number, checksum) => answer,
                _ => {
                    let answer = self.row(values.iter());
                    self.last = Some((number, checksum, answer));
                    answer
                }
            },
            Some(request) => self.respond(request),
        };
        answer.write(out, number)
    }

    /// The answer to a request that did not come over a line.
    pub fn respond(&mut self, request: Request) -> Answer<'static> {
        match request {
            Request::Hello => {
                // Whoever asks may begin to count anew.
                self.last = None;
                Answer::Hello(Hello {
                    protocol: PROTOCOL,
                    model: self.detector.flow().model_id(),
                    values: narrow(self.needs.row),
                    window: self.window_length,
                    calibration: self.detector.calibration_rows(),
                    longest: self.longest,
                    engine: flow_nostd::VERSION,
                })
            }
            Request::Test => Answer::Test(self.test()),
            Request::Reset { drift } => {
                self.forget();
                self.drift = Drift::new();
                self.drift_every = drift;
                self.count = 0;
                self.last = None;
                Answer::Reset
            }
            Request::Gap => {
                self.forget();
                Answer::Gap
            }
            Request::Row(values) => self.row(values.iter()),
        }
    }

    fn forget(&mut self) {
        self.sensors.fill(SensorState::default());
        if let Some(window) = &mut self.window {
            window.restart();
        }
    }

    fn test(&mut self) -> Tested {
        match self.detector.flow().self_test(self.scratch) {
            Ok(()) => Tested::Passed,
            Err(SelfTestError::NoProbes) => Tested::NoProbes,
            Err(SelfTestError::Arithmetic { expected, found }) => Tested::Arithmetic { expected, found },
            Err(SelfTestError::Mismatch { probe, expected, found }) => {
                Tested::Probe { probe: narrow(probe), expected, found }
            }
            Err(_) => Tested::Failed,
        }
    }

    /// The answer to a row.
    pub fn row(&mut self, values: impl Iterator<Item = f32> + Clone) -> Answer<'static> {
        let (expected, found) = (self.needs.row, values.clone().count());
        if expected != found {
            return Answer::Error(Refusal::Values { expected: narrow(expected), found: narrow(found) });
        }
        for (slot, value) in self.values.iter_mut().zip(values) {
            *slot = value;
        }
        self.count = self.count.saturating_add(1);
        let said = match self.judge() {
            Ok(Some(report)) => Said::Verdict(report),
            Ok(None) => Said::Waiting,
            Err(EvalError::NotFinite { column }) => Said::NoNumber { value: narrow(column) },
            Err(EvalError::OutOfRange { channel }) => Said::NoReading { value: narrow(channel) },
            Err(_) => return Answer::Error(Refusal::Engine),
        };
        Answer::Row { count: self.count, said }
    }

    /// The verdict on the values at the beginning of the memory, where they complete a window or are a row themselves.
    fn judge(&mut self) -> Result<Option<Report>, EvalError> {
        let Self { detector, window, drift, scratch, values, sensors, .. } = self;
        let columns = detector.flow().columns();
        let (input, rest) = values.split_at_mut_checked(self.needs.row).unwrap_or_default();
        let (row, rest) = rest.split_at_mut_checked(columns).unwrap_or_default();
        let (shares, context) = rest.split_at_mut_checked(columns).unwrap_or_default();
        match window {
            Some(window) => {
                let due = window.push(input);
                if window.rows() <= 1 {
                    // It begins anew, and so does what is known of the sensors.
                    sensors.fill(SensorState::default());
                }
                if !due? {
                    return Ok(None);
                }
                window.features(row, context)?;
            }
            None => {
                let (mut row, mut context) = (row.iter_mut(), context.iter_mut());
                for (record, &mut value) in detector.flow().column_records().iter().zip(input) {
                    if let Some(slot) = if record.is_context() { context.next() } else { row.next() } {
                        *slot = value;
                    }
                }
            }
        }
        let verdict = detector.watch(row, context, sensors, scratch)?;
        let mut level = 0.0;
        if detector.is_calibrated() {
            level = drift.push(verdict.ln_p);
            if level >= self.drift_every {
                *drift = Drift::new();
            }
        }
        let blamed = if verdict.alarm { detector.blame(row, context, shares, scratch)? } else { None };
        let column = match (blamed, verdict.status) {
            (Some(column), _) => Some(narrow(column)),
            (None, Status::OutsideSupport { column } | Status::Sensor { column, .. }) => Some(column),
            (None, _) => None,
        };
        Ok(Some(Report {
            status: verdict.status.word(),
            log_prob: verdict.log_prob,
            ln_p: verdict.ln_p,
            alarm: verdict.alarm,
            column,
            drift: level,
        }))
    }
}

fn narrow(value: usize) -> u16 {
    value.try_into().unwrap_or(u16::MAX)
}
