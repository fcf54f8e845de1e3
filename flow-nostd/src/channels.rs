//! The physical range of a raw channel: what lies beyond it is no reading, and no window holds it.

use crate::fault::{Fault, Place};
use crate::section::CHANNELS;
use crate::{Flow, FormatError, range};
use zerocopy::little_endian::F32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a channel's sensor can give, one record for each channel of a window.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ChannelRecord {
    /// The smallest value.
    pub low: F32,
    /// The largest; the smallest and the largest finite number where there is no limit.
    pub high: F32,
}

impl ChannelRecord {
    /// The records of a flow's `channels`; none where the file has none.
    pub(crate) fn of<'a>(flow: &Flow<'a>, channels: usize) -> Result<&'a [Self], FormatError> {
        let mut place = Place::start();
        place.tag = CHANNELS;
        let Some(data) = flow.sections.find(CHANNELS) else { return Ok(&[]) };
        Self::read(data, channels, &mut place).map_err(|fault| place.error(fault))
    }

    fn read<'a>(data: &'a [u8], channels: usize, place: &mut Place) -> Result<&'a [Self], Fault> {
        place.same(Fault::SECTION_LENGTH, channels.saturating_mul(size_of::<Self>()), data.len())?;
        let Ok(records) = <[Self]>::ref_from_bytes(data) else { return Err(Fault::SECTION_LENGTH) };
        for (index, record) in (0..u16::MAX).zip(records) {
            place.index = index;
            let (low, high) = (record.low.get(), record.high.get());
            if !range::is_at_most(low, f32::MAX) {
                return Err(Fault::field(0));
            }
            if !range::is_at_most(high, f32::MAX) || high < low {
                return Err(Fault::field(4));
            }
        }
        Ok(records)
    }

    /// Whether the sensor can give this value; it is finite.
    pub(crate) fn holds(&self, x: f32) -> bool {
        self.low.get() <= x && x <= self.high.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_checked() {
        let record = |low: f32, high: f32| ChannelRecord { low: F32::new(low), high: F32::new(high) };
        let read = |records: &[ChannelRecord], channels| {
            let mut place = Place::start();
            place.tag = CHANNELS;
            let read = ChannelRecord::read(records.as_bytes(), channels, &mut place);
            read.map(|_| ()).map_err(|fault| place.error(fault))
        };
        let any = record(f32::MIN, f32::MAX);
        let field = |offset| Err(FormatError::Record { tag: CHANNELS, index: 1, offset });
        assert_eq!(read(&[any, record(2.0, 2.0)], 2), Ok(()));
        for low in [f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(read(&[any, record(low, 1.0)], 2), field(0));
        }
        for high in [f32::NAN, f32::INFINITY, 1.9] {
            assert_eq!(read(&[any, record(2.0, high)], 2), field(4));
        }
        let length = FormatError::SectionLength { tag: CHANNELS, expected: 8, found: 16 };
        assert_eq!(read(&[any, any], 1), Err(length));
        assert!(any.holds(f32::MIN) && any.holds(f32::MAX) && record(2.0, 2.0).holds(2.0));
        assert!(!record(2.0, 3.0).holds(1.9) && !record(2.0, 3.0).holds(3.1));
    }
}
