//! Verdicts: how odd a row is, whether that is an alarm, and which sensor to look at.

use crate::handle::{self, Handle};
use crate::memory::{Memory, Plain};
use crate::model::{check_lengths, scratch};
use crate::{FlowError, FlowModel};
use flow_nostd::{Detector, SensorFault, SensorState, Status, Verdict};

/// A model with what its file says of verdicts, open after flow_detector_open. Its content is the library's.
#[repr(C)]
pub struct FlowDetector {
    /// Not to be touched.
    mark: u64,
    /// Not to be touched.
    words: [usize; 40],
}

/// What an open detector holds.
pub(crate) struct Judge {
    detector: Detector<'static>,
    scratch: *mut f32,
}

// SAFETY: it begins with a `u64`, any bytes are numbers.
unsafe impl Handle for FlowDetector {
    type Content = Judge;
    const MARK: u64 = 0x666c_6f77_2d64_6574;
}

/// What there is to know of a row beside how odd it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum FlowStatus {
    /// Nothing.
    Scored = 0,
    /// The file has no calibration: ln_p and alarm say nothing. flow-export calibrate makes one.
    NotCalibrated = 1,
    /// A value lies where its column has no density at all.
    OutsideSupport = 2,
    /// A sensor gave NaN or infinity; a usual value that fits the others stood for it.
    NotFinite = 3,
    /// A sensor gave a value beyond its range; a usual value that fits the others stood for it.
    OutOfRange = 4,
    /// A sensor's value changed faster than it can.
    Jump = 5,
    /// A sensor has given the very same value for too many rows.
    Stuck = 6,
    /// A value of the context lies farther out than the training trusts; the row is judged as if it lay there.
    OutsideContext = 7,
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct FlowVerdict {
    /// The log-density, nats.
    pub log_prob: f32,
    /// The logarithm of the share of usual rows that are as odd or odder, at most 0.
    pub ln_p: f32,
    /// Whether that is an alarm.
    pub alarm: bool,
    /// What else there is to know.
    pub status: FlowStatus,
    /// The column that the status is about, its place in the row, or in the context where it is about that; -1 where it is
    /// about none.
    pub column: i32,
}

/// What flow_watch keeps of a sensor from one row to the next: zeros at first and after a gap in time.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FlowSensor {
    /// Not to be touched, but to make them zeros.
    words: [u32; 2],
}

// SAFETY: two numbers of 32 bits.
unsafe impl Plain for FlowSensor {}

// What the engine keeps of a sensor is a float and a number of 32 bits, of which any are one.
const _: () = assert!(size_of::<SensorState>() == size_of::<FlowSensor>());
const _: () = assert!(align_of::<SensorState>() == align_of::<FlowSensor>());

impl From<Verdict> for FlowVerdict {
    fn from(verdict: Verdict) -> Self {
        let (status, column) = match verdict.status {
            Status::Scored => (FlowStatus::Scored, -1),
            Status::OutsideSupport { column } => (FlowStatus::OutsideSupport, column.into()),
            Status::OutsideContext { column } => (FlowStatus::OutsideContext, column.into()),
            Status::Sensor { column, fault } => {
                let status = match fault {
                    SensorFault::OutOfRange => FlowStatus::OutOfRange,
                    SensorFault::Jump => FlowStatus::Jump,
                    SensorFault::Stuck => FlowStatus::Stuck,
                    _ => FlowStatus::NotFinite,
                };
                (status, column.into())
            }
            _ => (FlowStatus::NotCalibrated, -1),
        };
        Self { log_prob: verdict.log_prob, ln_p: verdict.ln_p, alarm: verdict.alarm, status, column }
    }
}

/// Opens a detector over an open model, whose scratch memory it shares. A file without a calibration is no error: its
/// verdicts say so.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_detector_open(detector: *mut FlowDetector, model: *const FlowModel) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let open = || unsafe {
        let mut memory = Memory::new();
        let model = handle::begin(&mut memory, detector, model)?;
        handle::open(detector, Judge { detector: Detector::new(model.flow)?, scratch: model.scratch });
        Ok(())
    };
    FlowError::of(open())
}

/// The verdict on a row in its context. Without a context: NULL, 0.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_verdict(
    detector: *const FlowDetector,
    row: *const f32,
    row_length: usize,
    context: *const f32,
    context_length: usize,
    verdict: *mut FlowVerdict,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let judge = || unsafe {
        let mut memory = Memory::new();
        let judge = handle::content(&mut memory, detector)?;
        let scratch = scratch(&mut memory, judge.detector.flow(), judge.scratch)?;
        let row = memory.read(row, row_length)?;
        let context = memory.read(context, context_length)?;
        let out = memory.out(verdict)?;
        out.set(judge.detector.verdict(row, context, scratch)?.into());
        Ok(())
    };
    FlowError::of(judge())
}

/// The same, after a look at each sensor: `sensors` are as many as a row has values, zeros at first and after a gap in time
/// (of windows, see flow_window_rows). Values that are NaN, infinite or out of range are replaced in `row` by usual ones, so
/// that the verdict is on the others.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_watch(
    detector: *const FlowDetector,
    row: *mut f32,
    row_length: usize,
    context: *const f32,
    context_length: usize,
    sensors: *mut FlowSensor,
    sensors_length: usize,
    verdict: *mut FlowVerdict,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let judge = || unsafe {
        let mut memory = Memory::new();
        let judge = handle::content(&mut memory, detector)?;
        let scratch = scratch(&mut memory, judge.detector.flow(), judge.scratch)?;
        let row = memory.change(row, row_length)?;
        let context = memory.read(context, context_length)?;
        let sensors = memory.change(sensors, sensors_length)?;
        // SAFETY: of the same size and alignment, and any bytes are a state, see above.
        let states = core::slice::from_raw_parts_mut(sensors.as_mut_ptr().cast::<SensorState>(), sensors.len());
        let out = memory.out(verdict)?;
        out.set(judge.detector.watch(row, context, states, scratch)?.into());
        Ok(())
    };
    FlowError::of(judge())
}

/// How odd each column's value is beside the values of all others, nats, never below 0; `column` becomes the one of the
/// largest share, -1 where all are 0 or the file has no calibration. It takes as long as some hundred log-densities: for an
/// alarm, not for every row.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_blame(
    detector: *const FlowDetector,
    row: *const f32,
    row_length: usize,
    context: *const f32,
    context_length: usize,
    shares: *mut f32,
    shares_length: usize,
    column: *mut i32,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let blame = || unsafe {
        let mut memory = Memory::new();
        let judge = handle::content(&mut memory, detector)?;
        let scratch = scratch(&mut memory, judge.detector.flow(), judge.scratch)?;
        let row = memory.read(row, row_length)?;
        let context = memory.read(context, context_length)?;
        let shares = memory.write(shares, shares_length)?;
        let out = memory.out(column)?;
        check_lengths(judge.detector.flow(), row.len(), context.len())?;
        check_lengths(judge.detector.flow(), shares.len(), context.len())?;
        let worst = judge.detector.blame(row, context, shares.zeros(), scratch)?;
        out.set(worst.and_then(|column| i32::try_from(column).ok()).unwrap_or(-1));
        Ok(())
    };
    FlowError::of(blame())
}
