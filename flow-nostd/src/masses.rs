//! Masses beside the density of a column, where its oddness is told: an atom's value has a mass, all others a density.
//!
//! A mass is a density times a width: that of a cell, or 1 in columns of real numbers. The file has the logarithm of this width
//! in deviations of the column. With it an atom adds its mass to the integral, and a row whose value is an atom is as odd as
//! that mass is small.

use crate::atoms::AtomRecord;
use crate::column::{ColumnRecord, LOG_MASS_MAX};
use crate::fault::{Fault, Place};
use crate::section::MASSES;
use crate::{ALL_KINDS, Flow, FormatError, range};
use zerocopy::FromBytes;
use zerocopy::little_endian::F32;

/// What stands for a column whose atoms do not count, or that has none.
pub const NO_WIDTH: f32 = f32::MAX;

/// The atoms of a column that count, and how.
pub(crate) struct Masses<'a> {
    column: Option<&'a ColumnRecord>,
    atoms: &'a [AtomRecord],
    /// The logarithm of the width of a cell in deviations.
    pub log_width: f32,
}

/// The section: a logarithm for each value of a row; empty where the file has none.
pub(crate) fn widths<'a>(flow: &Flow<'a>) -> Result<&'a [F32], FormatError> {
    let mut place = Place::start();
    place.tag = MASSES;
    let Some(data) = flow.sections.find(MASSES).filter(|_| ALL_KINDS) else { return Ok(&[]) };
    read(data, flow.columns(), &mut place).map_err(|fault| place.error(fault))
}

fn read<'a>(data: &'a [u8], columns: usize, place: &mut Place) -> Result<&'a [F32], Fault> {
    place.same(Fault::SECTION_LENGTH, columns.saturating_mul(size_of::<F32>()), data.len())?;
    let Ok(widths) = <[F32]>::ref_from_bytes(data) else { return Err(Fault::SECTION_LENGTH) };
    for (index, width) in (0..u16::MAX).zip(widths) {
        place.index = index;
        if width.get() != NO_WIDTH && !range::is_at_most(width.get(), LOG_MASS_MAX) {
            return Err(Fault::field(0));
        }
    }
    Ok(widths)
}

impl<'a> Masses<'a> {
    /// Those of a value of the row.
    pub(crate) fn of(flow: &Flow<'a>, widths: &[F32], value: usize) -> Self {
        if !ALL_KINDS {
            return Self::none(); // There are no atoms, nor is any of this in the program.
        }
        let width = widths.get(value).map(|width| width.get()).filter(|&width| width != NO_WIDTH);
        match (width, flow.modelled().nth(value)) {
            (Some(log_width), Some((column, atoms))) => Self { column: Some(column), atoms, log_width },
            _ => Self::none(),
        }
    }

    /// Those of a column that has none.
    pub(crate) fn none() -> Self {
        Self { column: None, atoms: &[], log_width: 0.0 }
    }

    /// Whether this value is one of them.
    pub(crate) fn holds(&self, x: f32) -> bool {
        ALL_KINDS && self.column.is_some_and(|column| self.atoms.iter().any(|atom| column.is_atom(atom, x)))
    }

    /// The value of the next one that is not `x`, each once; NaN is none of them.
    pub(crate) fn next_but(&mut self, x: f32) -> Option<f32> {
        let column = self.column.filter(|_| ALL_KINDS)?;
        while let Some((atom, rest)) = self.atoms.split_first() {
            self.atoms = rest;
            // NaN has no cell, and would be taken for that of 0.
            if x.is_nan() || !column.is_atom(atom, x) {
                return Some(column.atom_value(atom.value.get()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_rule_is_checked() {
        let read = |widths: &[f32], columns| {
            let bytes: Vec<u8> = widths.iter().flat_map(|v| v.to_le_bytes()).collect();
            let mut place = Place::start();
            place.tag = MASSES;
            let read = read(&bytes, columns, &mut place).map(|widths| widths.len());
            read.map_err(|fault| place.error(fault))
        };
        assert_eq!(read(&[NO_WIDTH, -3.0], 2), Ok(2));
        let length = |expected, found| Err(FormatError::SectionLength { tag: MASSES, expected, found });
        assert_eq!(read(&[-3.0], 2), length(8, 4));
        assert_eq!(read(&[-3.0; 3], 2), length(8, 12));
        for width in [f32::NAN, f32::INFINITY, -NO_WIDTH, 2e30] {
            assert_eq!(read(&[-3.0, width], 2), Err(FormatError::Record { tag: MASSES, index: 1, offset: 0 }));
        }
    }
}
