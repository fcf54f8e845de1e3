//! The header: the first 128 bytes of a file, and the checks that come before anything else is believed.
//!
//! Layout in `spec/format.md`. The header's CRC covers the header, the body's CRC every byte after it, so that a
//! damaged file is told from a file that breaks a rule.

use crate::crc::crc32;
use crate::fault::{Fault, Place, is_zero};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first eight bytes. Like PNG's they show a transfer that altered line ends or cut the eighth bit.
pub const MAGIC: [u8; 8] = *b"\x89FLOW\r\n\x1a";
/// Version of the format. A reader refuses every other major version.
pub const MAJOR: u16 = 1;
/// The latest minor version that this engine knows. A writer writes the first one that has all that the file uses, see
/// `spec/format.md`. Readers accept every minor version.
pub const MINOR: u16 = 6;
/// Length of the header in bytes.
pub const HEADER_LENGTH: usize = 128;
/// Every section starts at a multiple of this many bytes.
pub const SECTION_ALIGN: u32 = 16;
/// Length of the signature that may follow a file, in bytes.
pub const SIGNATURE_LENGTH: usize = 64;
/// Weight type, of a file and of a dense record: 32-bit floating point.
pub const WEIGHTS_F32: u16 = 0;

/// The header as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`MAJOR`].
    pub major: U16,
    /// [`MINOR`].
    pub minor: U16,
    /// [`HEADER_LENGTH`].
    pub header_length: U32,
    /// Length of the file without a signature, bytes.
    pub total_length: U32,
    /// Each bit is a property that a reader must understand. None is defined yet.
    pub critical_flags: U32,
    /// Each bit is a property that a reader may ignore. None is defined yet.
    pub skippable_flags: U32,
    /// Counter against roll-back: a device may refuse a file whose counter is below the one that it has seen.
    pub rollback: U32,
    /// First 16 bytes of the SHA-256 of the file with this field and both CRCs zero.
    pub model_id: [u8; 16],
    /// Number of columns of a row, constant ones included, context columns not.
    pub columns: U16,
    /// Number of columns that the flow models: the dimension of the latent variable.
    pub dim: U16,
    /// Number of context columns.
    pub context_dim: U16,
    /// Number of layer records.
    pub layers: U16,
    /// Number of dense records.
    pub dense: U16,
    /// Number of entries of the section table, which follows the header.
    pub sections: U16,
    /// [`WEIGHTS_F32`].
    pub weight_type: U16,
    /// Zero.
    pub reserved_a: U16,
    /// Scratch memory that every function needs, in `f32` values.
    pub scratch_length: U32,
    /// Multiply-accumulates of one `log_prob` (dense layers only).
    pub macs_log_prob: U32,
    /// Multiply-accumulates of one `sample` (dense layers only).
    pub macs_sample: U32,
    /// Zero.
    pub reserved_b: [u8; 44],
    /// CRC-32 of every byte after the header, signature excluded.
    pub body_crc: U32,
    /// CRC-32 of the 124 bytes before this field.
    pub header_crc: U32,
}

impl Header {
    /// Checks the header of `file` against its own CRC and `file` against both lengths and the body's CRC; returns the
    /// header and the file without a signature.
    pub(crate) fn open<'a>(file: &'a [u8], place: &mut Place) -> Result<(&'a Header, &'a [u8]), Fault> {
        if !file.as_ptr().cast::<u32>().is_aligned() {
            return Err(Fault::MISALIGNED);
        }
        let found = file.len();
        let Some((head, _)) = file.split_first_chunk::<HEADER_LENGTH>() else {
            return place.note(Fault::TRUNCATED, HEADER_LENGTH, found);
        };
        let [first, ..] = head;
        if matches!(first, 0 | 0xff) && head.iter().all(|b| b == first) {
            return Err(Fault::ERASED);
        }
        let header: &Header = zerocopy::transmute_ref!(head);
        if u64::from_le_bytes(header.magic) != u64::from_le_bytes(MAGIC) {
            return Err(Fault::MAGIC);
        }
        place.same(Fault::VERSION, MAJOR.into(), header.major.get().into())?;
        if header.header_length.get() as usize != HEADER_LENGTH {
            return Err(Fault::header(12));
        }
        let covered = head.split_last_chunk::<4>().map_or(&[][..], |(covered, _)| covered);
        let (expected, crc) = (header.header_crc.get(), crc32(covered));
        place.same(Fault::HEADER_CRC, expected as usize, crc as usize)?;
        header.check_fields(place)?;
        let expected = header.total_length.get() as usize;
        let Some((content, trailer)) = file.split_at_checked(expected) else {
            return place.note(Fault::TRUNCATED, expected, found);
        };
        if !(trailer.is_empty() || trailer.len() == SIGNATURE_LENGTH) {
            return place.note(Fault::TRAILING, expected, found);
        }
        let Some((_, body)) = content.split_at_checked(HEADER_LENGTH) else {
            return Err(Fault::header(16));
        };
        let (expected, crc) = (header.body_crc.get(), crc32(body));
        place.same(Fault::BODY_CRC, expected as usize, crc as usize)?;
        Ok((header, content))
    }

    /// Number of column records.
    pub(crate) fn records(&self) -> usize {
        usize::from(self.columns.get()).saturating_add(self.context_dim.get().into())
    }

    fn check_fields(&self, place: &mut Place) -> Result<(), Fault> {
        place.same(Fault::CRITICAL_FLAGS, 0, self.critical_flags.get() as usize)?;
        place.same(Fault::WEIGHT_TYPE, WEIGHTS_F32.into(), self.weight_type.get().into())?;
        if self.dim.get() == 0 || self.dim.get() > self.columns.get() {
            return Err(Fault::header(50));
        }
        if self.columns.get().checked_add(self.context_dim.get()).is_none() {
            return Err(Fault::header(52));
        }
        // A later minor version may use what is reserved today, for what a reader may ignore.
        if self.minor.get() <= MINOR {
            if self.reserved_a.get() != 0 {
                return Err(Fault::header(62));
            }
            if !is_zero(&self.reserved_b) {
                return Err(Fault::header(76));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Header;
    use core::mem::{offset_of, size_of};

    #[test]
    fn offsets_are_those_of_the_specification() {
        assert_eq!(size_of::<Header>(), super::HEADER_LENGTH);
        assert_eq!(offset_of!(Header, header_length), 12);
        assert_eq!(offset_of!(Header, total_length), 16);
        assert_eq!(offset_of!(Header, model_id), 32);
        assert_eq!(offset_of!(Header, dim), 50);
        assert_eq!(offset_of!(Header, context_dim), 52);
        assert_eq!(offset_of!(Header, reserved_a), 62);
        assert_eq!(offset_of!(Header, scratch_length), 64);
        assert_eq!(offset_of!(Header, reserved_b), 76);
        assert_eq!(offset_of!(Header, body_crc), 120);
        assert_eq!(offset_of!(Header, header_crc), 124);
    }
}
