//! The section table: where each part of the body lies.
//!
//! Sections lie in the table's order, each at the first multiple of 16 after the one before, with zeros between: there
//! are no holes in which something could hide, and no two sections overlap.

use crate::fault::{Fault, Place, is_zero};
use crate::header::{HEADER_LENGTH, SECTION_ALIGN};
use crate::{ALL_KINDS, Tag};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Column records.
pub const COLUMNS: Tag = Tag(*b"COLS");
/// One record on rows far from the training data.
pub const TAILS: Tag = Tag(*b"TAIL");
/// Layer records.
pub const LAYERS: Tag = Tag(*b"LAYR");
/// Dense records.
pub const DENSE: Tag = Tag(*b"DENS");
/// `u16` indices that layers refer to.
pub const INDICES: Tag = Tag(*b"INDX");
/// One record on the base distribution.
pub const BASE: Tag = Tag(*b"BASE");
/// Weights in the kernel's own order.
pub const WEIGHTS: Tag = Tag(*b"WGHT");
/// Atoms of the columns; there where a column has some.
pub const ATOMS: Tag = Tag(*b"ATOM");
/// Splines of the circular columns; there where a column is circular.
pub const CIRCLES: Tag = Tag(*b"CIRC");
/// Column names; may be absent.
pub const NAMES: Tag = Tag(*b"NAME");
/// Probe rows of the self-test; may be absent.
pub const PROBES: Tag = Tag(*b"PROB");
/// How odd a log-density is; may be absent.
pub const CALIBRATION: Tag = Tag(*b"CALB");
/// What the sensors can do; may be absent.
pub const SENSORS: Tag = Tag(*b"SENS");
/// Reference values of the columns; may be absent.
pub const REFERENCES: Tag = Tag(*b"REFS");
/// How wide the atoms of the columns count beside reference values; may be absent.
pub const MASSES: Tag = Tag(*b"MASS");
/// How the columns come from raw channels; may be absent.
pub const WINDOWS: Tag = Tag(*b"WIND");
/// What the sensors of raw channels can give; may be absent.
pub const CHANNELS: Tag = Tag(*b"CHAN");
/// Flag of a section that a reader must understand.
pub const CRITICAL: u32 = 1;

/// An entry of the section table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SectionEntry {
    /// What the section holds.
    pub tag: [u8; 4],
    /// [`CRITICAL`] or 0.
    pub flags: U32,
    /// First byte, counted from the start of the file; a multiple of 16.
    pub offset: U32,
    /// Length in bytes, without the zeros that follow.
    pub length: U32,
}

/// The tags of this version; the last three, of which the first counts beside atoms only, are for kinds of columns that
/// come with the feature `all-kinds`.
const TAGS: &[Tag] = &[
    COLUMNS,
    TAILS,
    LAYERS,
    DENSE,
    INDICES,
    BASE,
    WEIGHTS,
    NAMES,
    PROBES,
    CALIBRATION,
    SENSORS,
    REFERENCES,
    WINDOWS,
    CHANNELS,
    MASSES,
    ATOMS,
    CIRCLES,
];

/// Those that this engine knows.
const KNOWN: &[Tag] = match TAGS {
    [always @ .., _, _, _] if !ALL_KINDS => always,
    all => all,
};

/// The section table, checked: what it names lies in the file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sections<'a> {
    file: &'a [u8],
    entries: &'a [SectionEntry],
}

impl<'a> Sections<'a> {
    /// Reads the table of `count` entries that follows the header of `file`.
    pub(crate) fn read(file: &'a [u8], count: u16, place: &mut Place) -> Result<Self, Fault> {
        let body = file.get(HEADER_LENGTH..).unwrap_or_default();
        let Ok((entries, _)) = <[SectionEntry]>::ref_from_prefix_with_elems(body, usize::from(count)) else {
            return Err(Fault::header(58));
        };
        let table = u32::from(count).saturating_mul(size_of::<SectionEntry>() as u32);
        let mut end = table.saturating_add(HEADER_LENGTH as u32);
        let mut seen = 0u32;
        for entry in entries {
            place.tag = Tag(entry.tag);
            let offset = aligned_end(file, end, place)?;
            place.same(Fault::SECTION_PLACE, offset as usize, entry.offset.get() as usize)?;
            let flags = entry.flags.get();
            if flags & !CRITICAL != 0 {
                return place.note(Fault::SECTION_FLAGS, 0, flags as usize);
            }
            if entry.data(file).is_none() {
                return place.note(Fault::SECTION_END, offset as usize, entry.length.get() as usize);
            }
            end = offset.saturating_add(entry.length.get());
            let Some((_, bit)) = KNOWN.iter().zip(0u32..).find(|(known, _)| known.is(entry)) else {
                if flags & CRITICAL != 0 {
                    return Err(Fault::UNKNOWN_SECTION);
                }
                continue;
            };
            let bit = 1u32.wrapping_shl(bit);
            if seen & bit != 0 {
                return Err(Fault::DUPLICATE_SECTION);
            }
            seen |= bit;
        }
        place.tag = Tag(*b"end ");
        let expected = aligned_end(file, end, place)?;
        place.same(Fault::TRAILING, expected as usize, file.len())?;
        Ok(Self { file, entries })
    }

    /// The section's bytes, where it is there.
    #[inline(never)]
    pub(crate) fn find(&self, tag: Tag) -> Option<&'a [u8]> {
        self.entries.iter().find(|entry| tag.is(entry))?.data(self.file)
    }
}

impl Tag {
    fn is(&self, entry: &SectionEntry) -> bool {
        u32::from_le_bytes(self.0) == u32::from_le_bytes(entry.tag)
    }
}

impl SectionEntry {
    fn data<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        file.get(self.offset.get() as usize..)?.get(..self.length.get() as usize)
    }
}

/// `end` rounded up to where the next section starts; the bytes between must be zero.
fn aligned_end(file: &[u8], end: u32, place: &mut Place) -> Result<u32, Fault> {
    let aligned = end.checked_next_multiple_of(SECTION_ALIGN).unwrap_or(u32::MAX);
    match file.get(end as usize..aligned as usize) {
        Some(padding) if is_zero(padding) => Ok(aligned),
        _ => place.note(Fault::PADDING, end as usize, 0),
    }
}
