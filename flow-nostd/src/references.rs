//! Usual values of each column: one to replace what a broken sensor says, and those over which a density is integrated to
//! name a sensor, see [`along`](crate::along).

use crate::fault::{Fault, Place};
use crate::masses::{self, Masses};
use crate::section::REFERENCES;
use crate::{Flow, FormatError, range};
use zerocopy::FromBytes;
use zerocopy::little_endian::F32;

/// The most values of a column's integral.
pub const REFERENCES_MAX: usize = 64;
/// What stands before them: a usual value, and the logarithm of their spacing in deviations.
const BEFORE: usize = 2;

/// What the file has of all columns, the same number of values for each.
#[derive(Clone, Copy)]
pub(crate) struct References<'a> {
    values: &'a [F32],
    each: usize,
    widths: &'a [F32],
}

/// What it has of one.
pub(crate) struct Reference<'a> {
    /// A usual value, the middle of all.
    pub usual: f32,
    /// The logarithm of the values' spacing in deviations.
    pub log_step: f32,
    /// The values of the integral.
    pub values: &'a [F32],
}

impl<'a> References<'a> {
    /// Those of a flow; none for any column where the file has none.
    pub(crate) fn of(flow: &Flow<'a>) -> Result<Self, FormatError> {
        let mut place = Place::start();
        place.tag = REFERENCES;
        let Some(data) = flow.sections.find(REFERENCES) else {
            return Ok(Self { values: &[], each: 0, widths: &[] });
        };
        let references = Self::read(data, flow.columns(), &mut place).map_err(|fault| place.error(fault))?;
        Ok(Self { widths: masses::widths(flow)?, ..references })
    }

    fn read(data: &'a [u8], columns: usize, place: &mut Place) -> Result<Self, Fault> {
        let row = columns.saturating_mul(size_of::<F32>());
        let each = data.len().checked_div(row).unwrap_or(0);
        if each <= BEFORE || each > BEFORE.saturating_add(REFERENCES_MAX) {
            let least = row.saturating_mul(BEFORE.saturating_add(1));
            return place.note(Fault::SECTION_LENGTH, least, data.len());
        }
        place.same(Fault::SECTION_LENGTH, each.saturating_mul(row), data.len())?;
        let Ok(values) = <[F32]>::ref_from_bytes(data) else { return Err(Fault::SECTION_LENGTH) };
        for (index, values) in (0..u16::MAX).zip(values.chunks(each)) {
            place.index = index;
            if values.iter().any(|value| !range::is_at_most(value.get(), f32::MAX)) {
                return Err(Fault::field(0));
            }
        }
        Ok(Self { values, each, widths: &[] })
    }

    /// The masses of a column that count beside them.
    pub(crate) fn masses(&self, flow: &Flow<'a>, column: usize) -> Masses<'a> {
        Masses::of(flow, self.widths, column)
    }

    /// What the file has of a column.
    pub(crate) fn column(&self, column: usize) -> Option<Reference<'a>> {
        let mine = self.values.get(column.saturating_mul(self.each)..)?.get(..self.each)?;
        let ([usual, log_step], values) = mine.split_first_chunk::<BEFORE>()?;
        Some(Reference { usual: usual.get(), log_step: log_step.get(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_rule_is_checked() {
        let read = |values: &[f32], columns| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let mut place = Place::start();
            place.tag = REFERENCES;
            let read = References::read(&bytes, columns, &mut place);
            read.map(|references| references.column(1).map(|second| second.usual)).map_err(|fault| place.error(fault))
        };
        assert_eq!(read(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2), Ok(Some(4.0)));
        let length = |expected, found| Err(FormatError::SectionLength { tag: REFERENCES, expected, found });
        assert_eq!(read(&[1.0; 7], 2), length(24, 28));
        assert_eq!(read(&[1.0; 4], 2), length(24, 16));
        assert_eq!(read(&[1.0; 67], 1), length(12, 268));
        assert_eq!(read(&[], 2), length(24, 0));
        let error = FormatError::Record { tag: REFERENCES, index: 1, offset: 0 };
        assert_eq!(read(&[1.0, 2.0, 3.0, 4.0, f32::NAN, 4.0], 2), Err(error));
    }
}
