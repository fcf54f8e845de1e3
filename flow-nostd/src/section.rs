//! The section table: where each part of the body lies.
//!
//! Sections lie in the table's order, each at the first multiple of 16 after the one before, with zeros between: there
//! are no holes in which something could hide, and no two sections overlap.

use crate::header::{HEADER_LENGTH, SECTION_ALIGN};
use crate::{FormatError, Tag};
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

/// The sections that this version knows, each where present.
#[derive(Default)]
pub(crate) struct Sections<'a> {
    pub columns: Option<&'a [u8]>,
    pub tails: Option<&'a [u8]>,
    pub layers: Option<&'a [u8]>,
    pub dense: Option<&'a [u8]>,
    pub indices: Option<&'a [u8]>,
    pub base: Option<&'a [u8]>,
    pub weights: Option<&'a [u8]>,
    pub atoms: Option<&'a [u8]>,
    pub circles: Option<&'a [u8]>,
    pub names: Option<&'a [u8]>,
    pub probes: Option<&'a [u8]>,
}

impl<'a> Sections<'a> {
    /// Reads the table of `count` entries that follows the header of `file`.
    pub(crate) fn read(file: &'a [u8], count: u16) -> Result<Self, FormatError> {
        let too_many = FormatError::HeaderField { offset: 58 };
        let body = file.get(HEADER_LENGTH..).unwrap_or_default();
        let (entries, _) =
            <[SectionEntry]>::ref_from_prefix_with_elems(body, usize::from(count)).map_err(|_| too_many)?;
        let mut sections = Sections::default();
        let table = u32::from(count).saturating_mul(size_of::<SectionEntry>() as u32);
        let mut end = table.saturating_add(HEADER_LENGTH as u32);
        for entry in entries {
            let tag = Tag(entry.tag);
            let offset = aligned_end(file, end, tag)?;
            if entry.offset.get() != offset {
                return Err(FormatError::SectionPlace { tag, expected: offset, found: entry.offset.get() });
            }
            if entry.flags.get() & !CRITICAL != 0 {
                return Err(FormatError::SectionFlags { tag, found: entry.flags.get() });
            }
            let data = file
                .get(offset as usize..)
                .and_then(|rest| rest.get(..entry.length.get() as usize))
                .ok_or(FormatError::SectionEnd { tag, offset, length: entry.length.get() })?;
            end = offset.saturating_add(entry.length.get());
            let slot = match tag {
                COLUMNS => &mut sections.columns,
                TAILS => &mut sections.tails,
                LAYERS => &mut sections.layers,
                DENSE => &mut sections.dense,
                INDICES => &mut sections.indices,
                BASE => &mut sections.base,
                WEIGHTS => &mut sections.weights,
                ATOMS => &mut sections.atoms,
                CIRCLES => &mut sections.circles,
                NAMES => &mut sections.names,
                PROBES => &mut sections.probes,
                _ if entry.flags.get() & CRITICAL != 0 => return Err(FormatError::UnknownSection { tag }),
                _ => continue,
            };
            if slot.replace(data).is_some() {
                return Err(FormatError::DuplicateSection { tag });
            }
        }
        let expected = aligned_end(file, end, Tag(*b"end "))?;
        if expected as usize != file.len() {
            return Err(FormatError::Trailing { expected: expected as usize, found: file.len() });
        }
        Ok(sections)
    }
}

/// The section's bytes, whose number must be `expected`.
pub(crate) fn exact(section: Option<&[u8]>, tag: Tag, expected: usize) -> Result<&[u8], FormatError> {
    let data = section.ok_or(FormatError::MissingSection { tag })?;
    if data.len() != expected {
        return Err(FormatError::SectionLength { tag, expected, found: data.len() });
    }
    Ok(data)
}

/// `end` rounded up to where the next section starts; the bytes between must be zero.
fn aligned_end(file: &[u8], end: u32, next: Tag) -> Result<u32, FormatError> {
    let aligned = end.checked_next_multiple_of(SECTION_ALIGN).unwrap_or(u32::MAX);
    match file.get(end as usize..aligned as usize) {
        Some(padding) if padding.iter().all(|&b| b == 0) => Ok(aligned),
        _ => Err(FormatError::Padding { offset: end, before: next }),
    }
}
