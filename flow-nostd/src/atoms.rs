//! Atoms: values of a column that hold a mass of their own.
//!
//! On the column's axis an interval of the atom's width is inserted at its cut, and the value stands in the middle of it,
//! as a whole number stands in the middle of its cell: the density there, times the width, is the value's mass. What
//! lies above moves up by the width; in a column of cells by the width less 1, that of the cell which it replaces.

use crate::ALL_KINDS;
use crate::column::{ColumnRecord, LOG_MASS_MAX, floor};
use crate::fault::{Fault, Place};
use crate::range;
use crate::section::{ATOMS, COLUMNS};
use zerocopy::little_endian::F32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most atoms of a column.
pub const ATOMS_MAX: u16 = 8;
/// Largest width of an atom: sums of all shifts of a column are finite.
pub const ATOM_WIDTH_MAX: f32 = 1e30;

/// An atom as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AtomRecord {
    /// The value: raw in columns of real numbers, the number of its cell in discrete ones.
    pub value: F32,
    /// Where on the axis the interval starts; in discrete columns `value` again.
    pub cut: F32,
    /// Width of the interval; positive, at least 1 in discrete columns.
    pub width: F32,
    /// The logarithm of the width.
    pub log_mass: F32,
}

impl AtomRecord {
    fn shift(&self, discrete: bool) -> f32 {
        let width = self.width.get();
        if discrete { width - 1.0 } else { width }
    }

    fn check(&self, discrete: bool, before: f32) -> Result<(), Fault> {
        let fail = |offset| Err(Fault::field(offset));
        let (value, cut, width, log_mass) = (self.value.get(), self.cut.get(), self.width.get(), self.log_mass.get());
        // In a discrete column the value is whole and the cut, and the width at least that of a cell.
        let (whole, start, least) = if discrete { (floor(value), value, 1.0) } else { (value, cut, f32::from_bits(1)) };
        if !range::is_at_most(value, f32::MAX) || whole != value {
            return fail(0);
        }
        if !range::is_at_most(cut, f32::MAX) || cut <= before || start != cut {
            return fail(4);
        }
        if !range::is_from_to(width, least, ATOM_WIDTH_MAX) {
            return fail(8);
        }
        if !range::is_at_most(log_mass, LOG_MASS_MAX) {
            return fail(12);
        }
        Ok(())
    }
}

/// Checks that the columns, in order, take all atoms, by rising cut in each.
pub(crate) fn check(columns: &[ColumnRecord], atoms: &[AtomRecord], place: &mut Place) -> Result<(), Fault> {
    let mut rest = atoms;
    let mut index = 0u16;
    for (column, record) in (0..u16::MAX).zip(columns) {
        let count = record.atoms.get();
        place.tag = COLUMNS;
        place.index = column;
        if count > if ALL_KINDS { ATOMS_MAX } else { 0 } || (count > 0 && !record.is_line()) {
            return Err(Fault::field(2));
        }
        let (mine, after) = rest.split_at_checked(count.into()).ok_or(Fault::field(2))?;
        rest = after;
        place.tag = ATOMS;
        let mut before = f32::NEG_INFINITY;
        for atom in mine {
            place.index = index;
            atom.check(record.is_discrete(), before)?;
            before = atom.cut.get();
            index = index.saturating_add(1);
        }
    }
    place.tag = ATOMS;
    if rest.is_empty() { Ok(()) } else { Err(Fault::UNUSED) }
}

/// The middle of the interval of the atom with that value, and its log-mass.
pub(crate) fn find(atoms: &[AtomRecord], value: f32, discrete: bool) -> Option<(f32, f32)> {
    let mut shift = 0.0;
    for atom in atoms {
        if atom.value.get() == value {
            return Some(((atom.cut.get() + shift) + 0.5 * atom.width.get(), atom.log_mass.get()));
        }
        shift += atom.shift(discrete);
    }
    None
}

/// By how much the atoms move a place `w` on the axis.
pub(crate) fn shift(atoms: &[AtomRecord], w: f32, discrete: bool) -> f32 {
    let below = atoms.iter().take_while(|atom| atom.cut.get() < w);
    below.fold(0.0, |shift, atom| shift + atom.shift(discrete))
}

/// What a place on the axis with all intervals inserted stands for: an atom's value, or the place on the axis without
/// them.
pub(crate) fn leave(atoms: &[AtomRecord], q: f32, discrete: bool) -> Result<f32, f32> {
    let mut shift = 0.0;
    for atom in atoms {
        let start = atom.cut.get() + shift;
        if q <= start {
            break;
        }
        if q < start + atom.width.get() {
            return Ok(atom.value.get());
        }
        shift += atom.shift(discrete);
    }
    Err(q - shift)
}
