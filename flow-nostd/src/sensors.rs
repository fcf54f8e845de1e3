//! Faults of sensors, apart from those of the machine: looked for before a row reaches the flow.

use crate::column::clamp;
use crate::fault::{Fault, Place};
use crate::section::SENSORS;
use crate::{Flow, FormatError, range};
use zerocopy::little_endian::{F32, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a column's sensor can do, one record for each column of a row.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SensorRecord {
    /// The smallest value that it can give.
    pub low: F32,
    /// The largest.
    pub high: F32,
    /// The largest change from one row to the next, both of which have a value; the largest number for any.
    pub jump: F32,
    /// The most rows in a run that have the very same value, without a missing one between them; 0 for any number.
    pub same: U32,
}

/// What is wrong with a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SensorFault {
    /// It gave NaN or infinity: nothing was read, or a wire is broken.
    NotFinite,
    /// It gave a value beyond its physical range.
    OutOfRange,
    /// Its value changed faster than it can.
    Jump,
    /// It has given the very same value for too many rows.
    Stuck,
}

/// What is kept of a sensor from one row to the next: 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SensorState {
    last: f32,
    /// Number of rows in a run with that value; 0 before the first and after a missing one. And whether this row's value is
    /// [`MISSING`].
    run: u32,
}

/// The bit that says of a row that the sensor gave no value that could be one.
const MISSING: u32 = 1 << 31;

impl SensorState {
    /// Whether the last row's value was missing: NaN, infinite or out of range. A [`Status`](crate::Status) names one column;
    /// this says it of each.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// let mut sensors = [flow_nostd::SensorState::default(); 4];
    /// detector.watch(&mut [f32::NAN, 3.0, 17.0, f32::NAN], &[], &mut sensors, &mut scratch)?;
    /// assert_eq!(sensors.map(|sensor| sensor.is_missing()), [true, false, false, true]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn is_missing(&self) -> bool {
        self.run & MISSING != 0
    }

    /// Notes of a row whether its value is missing. Nothing is kept of the rows before one that is: what comes after an outage may
    /// be anywhere.
    pub(crate) fn note(&mut self, missing: bool) {
        if missing {
            *self = Self { last: 0.0, run: MISSING };
        } else {
            self.run &= !MISSING;
        }
    }
}

impl SensorRecord {
    /// The records of a flow's columns; none where the file has none.
    pub(crate) fn of<'a>(flow: &Flow<'a>) -> Result<&'a [Self], FormatError> {
        let mut place = Place::start();
        place.tag = SENSORS;
        let Some(data) = flow.sections.find(SENSORS) else { return Ok(&[]) };
        Self::read(data, flow.columns(), &mut place).map_err(|fault| place.error(fault))
    }

    fn read<'a>(data: &'a [u8], columns: usize, place: &mut Place) -> Result<&'a [Self], Fault> {
        let expected = columns.saturating_mul(size_of::<Self>());
        place.same(Fault::SECTION_LENGTH, expected, data.len())?;
        let Ok(records) = <[Self]>::ref_from_bytes(data) else { return Err(Fault::SECTION_LENGTH) };
        for (index, record) in (0..u16::MAX).zip(records) {
            place.index = index;
            let (low, high, jump) = (record.low.get(), record.high.get(), record.jump.get());
            if !range::is_at_most(low, f32::MAX) {
                return Err(Fault::field(0));
            }
            if !range::is_at_most(high, f32::MAX) || high < low {
                return Err(Fault::field(4));
            }
            if !range::is_positive(jump) {
                return Err(Fault::field(8));
            }
        }
        Ok(records)
    }

    /// What is wrong with a value, given what was kept of the rows before. After a jump the new value is kept, so that a spike is
    /// two jumps. [`Detector::watch`](crate::Detector::watch) asks this of each column, and names one of those that are faulty.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow"));
    /// # let detector = flow_nostd::Detector::new(flow_nostd::Flow::new(model::BYTES)?)?;
    /// use flow_nostd::{SensorFault, SensorState};
    ///
    /// let [_, flow, ..] = detector.sensor_records() else { panic!("no sensors") };
    /// let mut state = SensorState::default();
    /// let found = [3.0, f32::NAN, 2e6].map(|x| flow.check(&mut state, x));
    /// assert_eq!(found, [None, Some(SensorFault::NotFinite), Some(SensorFault::OutOfRange)]);
    /// # Ok::<(), flow_nostd::FormatError>(())
    /// ```
    pub fn check(&self, state: &mut SensorState, x: f32) -> Option<SensorFault> {
        let out = x < self.low.get() || x > self.high.get();
        state.note(out || !x.is_finite());
        if state.is_missing() {
            return Some(if x.is_finite() { SensorFault::OutOfRange } else { SensorFault::NotFinite });
        }
        let before = core::mem::replace(state, SensorState { last: x, run: 1 });
        if before.run == 0 {
            return None;
        }
        if before.last == x {
            state.run = before.run.saturating_add(1).min(!MISSING);
            let most = self.same.get();
            return (most != 0 && state.run > most).then_some(SensorFault::Stuck);
        }
        // Where any jump is allowed, one that overflows is.
        (clamp(x - before.last, f32::MAX).abs() > self.jump.get()).then_some(SensorFault::Jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn sensor(low: f32, high: f32, jump: f32, same: u32) -> SensorRecord {
        SensorRecord { low: F32::new(low), high: F32::new(high), jump: F32::new(jump), same: U32::new(same) }
    }

    #[test]
    fn each_fault_is_told_apart() {
        let record = sensor(-10.0, 50.0, 5.0, 3);
        let mut state = SensorState::default();
        let values = [20.0, 21.0, f32::NAN, 22.0, 60.0, 23.0, 33.0, 33.0, 33.0, 33.0, 33.5, f32::INFINITY, -10.1, 29.0];
        let found: Vec<_> = values.iter().map(|&x| record.check(&mut state, x)).collect();
        let [bad, out, jump, stuck] =
            [SensorFault::NotFinite, SensorFault::OutOfRange, SensorFault::Jump, SensorFault::Stuck].map(Some);
        let expected = [None, None, bad, None, out, None, jump, None, None, stuck, None, bad, out, None];
        assert_eq!(found, expected);
        // While nothing could be read, the machine may have gone anywhere, or stayed where it was.
        let (mut state, values) =
            (SensorState::default(), [20.0, f32::NAN, 60.0, 27.0, 27.0, 27.0, f32::NAN, 27.0, 27.0]);
        let found: Vec<_> = values.iter().map(|&x| record.check(&mut state, x)).collect();
        assert_eq!(found, [None, bad, out, None, None, None, bad, None, None]);
    }

    #[test]
    fn limits_that_are_off_find_nothing() {
        let record = sensor(f32::MIN, f32::MAX, f32::MAX, 0);
        let mut state = SensorState::default();
        assert!(
            [f32::MAX, f32::MIN, 0.0, -0.0, 0.0]
                .iter()
                .chain([&7.0; 1000])
                .all(|&x| record.check(&mut state, x).is_none())
        );
    }

    #[test]
    fn every_rule_is_checked() {
        let field = |offset| Err(FormatError::Record { tag: SENSORS, index: 0, offset });
        let read = |record: SensorRecord, columns| {
            let mut place = Place::start();
            place.tag = SENSORS;
            SensorRecord::read(record.as_bytes(), columns, &mut place).map(|_| ()).map_err(|fault| place.error(fault))
        };
        assert_eq!(read(sensor(0.0, 1.0, 1.0, 0), 1), Ok(()));
        assert_eq!(read(sensor(f32::NAN, 1.0, 1.0, 0), 1), field(0));
        assert_eq!(read(sensor(0.0, f32::INFINITY, 1.0, 0), 1), field(4));
        assert_eq!(read(sensor(2.0, 1.0, 1.0, 0), 1), field(4));
        assert_eq!(read(sensor(0.0, 1.0, 0.0, 0), 1), field(8));
        assert_eq!(read(sensor(0.0, 1.0, f32::NAN, 0), 1), field(8));
        let length = FormatError::SectionLength { tag: SENSORS, expected: 32, found: 16 };
        assert_eq!(read(sensor(0.0, 1.0, 1.0, 0), 2), Err(length));
    }
}
