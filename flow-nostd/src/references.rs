//! Which sensor: what the log-density gains when a column is replaced by a likely value of its own.
//!
//! For each column the file has a few reference values, quantiles of usual rows. A column's share of a row's oddness is
//! the most that the log-density gains where one of them stands in its place and all other columns stay: close to
//! replacing it by its most likely value given the others, and the same for every kind of flow. A column that only is odd
//! beside the others is found, one that is usual for itself and for the others gains little.

use crate::fault::{Fault, Place};
use crate::section::REFERENCES;
use crate::{Flow, FormatError, range};
use zerocopy::FromBytes;
use zerocopy::little_endian::F32;

/// The most reference values of a column.
pub const REFERENCES_MAX: usize = 64;

/// The reference values of all columns, the same number for each; none where the file has none.
pub(crate) fn of<'a>(flow: &Flow<'a>) -> Result<&'a [F32], FormatError> {
    let mut place = Place::start();
    place.tag = REFERENCES;
    let Some(data) = flow.sections.find(REFERENCES) else { return Ok(&[]) };
    read(data, flow.columns(), &mut place).map_err(|fault| place.error(fault))
}

fn read<'a>(data: &'a [u8], columns: usize, place: &mut Place) -> Result<&'a [F32], Fault> {
    let row = columns.saturating_mul(size_of::<F32>());
    let each = data.len().checked_div(row).unwrap_or(0);
    if each == 0 || each > REFERENCES_MAX {
        return place.note(Fault::SECTION_LENGTH, row, data.len());
    }
    place.same(Fault::SECTION_LENGTH, each.saturating_mul(row), data.len())?;
    let Ok(values) = <[F32]>::ref_from_bytes(data) else { return Err(Fault::SECTION_LENGTH) };
    for (index, values) in (0..u16::MAX).zip(values.chunks(each)) {
        place.index = index;
        if values.iter().any(|value| !range::is_at_most(value.get(), f32::MAX)) {
            return Err(Fault::field(0));
        }
    }
    Ok(values)
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
            read(&bytes, columns, &mut place).map(<[F32]>::len).map_err(|fault| place.error(fault))
        };
        assert_eq!(read(&[1.0, 2.0, 3.0, 4.0], 2), Ok(4));
        let length = |expected, found| Err(FormatError::SectionLength { tag: REFERENCES, expected, found });
        assert_eq!(read(&[1.0, 2.0, 3.0], 2), length(8, 12));
        assert_eq!(read(&[1.0], 2), length(8, 4));
        assert_eq!(read(&[1.0; 65], 1), length(4, 260));
        assert_eq!(read(&[], 2), length(8, 0));
        let error = FormatError::Record { tag: REFERENCES, index: 1, offset: 0 };
        assert_eq!(read(&[1.0, 2.0, f32::NAN, 4.0], 2), Err(error));
    }
}
