//! What a check finds wrong, in one register, and where: a [`FormatError`] is put together only once, at the end.

use crate::section::DENSE;
use crate::{FormatError, Tag};
use core::num::NonZeroU32;

/// The rule that is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault(NonZeroU32);

/// Codes from here on are offsets in the record at hand, or in the dense record.
const FIELD: u32 = 32;
const DENSE_FIELD: u32 = 64;
/// Codes from here on are offsets in the header.
const HEADER_FIELD: u32 = 96;

impl Fault {
    pub(crate) const MISALIGNED: Self = Self::code(1);
    pub(crate) const ERASED: Self = Self::code(2);
    pub(crate) const TRUNCATED: Self = Self::code(3);
    pub(crate) const TRAILING: Self = Self::code(4);
    pub(crate) const MAGIC: Self = Self::code(5);
    pub(crate) const VERSION: Self = Self::code(6);
    pub(crate) const HEADER_CRC: Self = Self::code(7);
    pub(crate) const BODY_CRC: Self = Self::code(8);
    pub(crate) const CRITICAL_FLAGS: Self = Self::code(9);
    pub(crate) const WEIGHT_TYPE: Self = Self::code(10);
    pub(crate) const UNKNOWN_SECTION: Self = Self::code(11);
    pub(crate) const MISSING_SECTION: Self = Self::code(12);
    pub(crate) const DUPLICATE_SECTION: Self = Self::code(13);
    pub(crate) const SECTION_PLACE: Self = Self::code(14);
    pub(crate) const SECTION_END: Self = Self::code(15);
    pub(crate) const SECTION_LENGTH: Self = Self::code(16);
    pub(crate) const SECTION_FLAGS: Self = Self::code(17);
    pub(crate) const PADDING: Self = Self::code(18);
    pub(crate) const UNKNOWN_KIND: Self = Self::code(19);
    pub(crate) const NOT_A_PERMUTATION: Self = Self::code(20);
    pub(crate) const WEIGHT_NOT_FINITE: Self = Self::code(21);
    pub(crate) const NEGATIVE_ZERO: Self = Self::code(22);
    pub(crate) const WEIGHTS_TOO_LARGE: Self = Self::code(23);
    pub(crate) const MASKED_WEIGHT: Self = Self::code(24);
    pub(crate) const DIAGONAL: Self = Self::code(25);
    pub(crate) const DIMENSION: Self = Self::code(26);
    pub(crate) const CONTEXT_DIMENSION: Self = Self::code(27);
    pub(crate) const UNUSED: Self = Self::code(28);
    pub(crate) const SCRATCH_LENGTH: Self = Self::code(29);
    pub(crate) const MACS: Self = Self::code(30);
    pub(crate) const KNOTS: Self = Self::code(31);

    /// The value at this byte, below 32, of the record at hand.
    pub(crate) const fn field(offset: u32) -> Self {
        Self::code(FIELD.saturating_add(offset))
    }

    /// The value at this byte, below 32, of the dense record taken last.
    pub(crate) const fn dense(offset: u32) -> Self {
        Self::code(DENSE_FIELD.saturating_add(offset))
    }

    /// The value at this byte of the header.
    pub(crate) const fn header(offset: u32) -> Self {
        Self::code(HEADER_FIELD.saturating_add(offset))
    }

    const fn code(code: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(code))
    }
}

/// Where the loader is, and the numbers that do not fit.
#[repr(C)]
pub(crate) struct Place {
    /// The section of the record at hand.
    pub tag: Tag,
    /// Which record it is.
    pub index: u16,
    /// The dense record taken last.
    pub dense: u16,
    /// The fault of a section that could not be had.
    pub fault: Fault,
    /// What should be there, or an offset.
    pub expected: usize,
    /// What is there, or a length.
    pub found: usize,
}

impl Place {
    /// Nowhere yet.
    pub(crate) fn start() -> Self {
        Self { tag: DENSE, index: 0, dense: 0, fault: Fault::MISALIGNED, expected: 0, found: 0 }
    }

    /// Notes the numbers of a fault.
    pub(crate) fn note<T>(&mut self, fault: Fault, expected: usize, found: usize) -> Result<T, Fault> {
        self.expected = expected;
        self.found = found;
        Err(fault)
    }

    /// Whether what is there is what should be.
    #[inline(never)]
    pub(crate) fn same(&mut self, fault: Fault, expected: usize, found: usize) -> Result<(), Fault> {
        if expected == found { Ok(()) } else { self.note(fault, expected, found) }
    }

    /// The error of a fault found here.
    #[inline(never)]
    pub(crate) fn error(&self, Fault(code): Fault) -> FormatError {
        let &Self { tag, index, dense, expected: length, found: found_length, .. } = self;
        let (expected, found) = (length as u32, found_length as u32);
        let (number, found_number) = (expected as u16, found as u16);
        let code = code.get().saturating_sub(1);
        match code {
            HEADER_FIELD.. => FormatError::HeaderField { offset: code.saturating_sub(HEADER_FIELD) as u16 },
            DENSE_FIELD.. => {
                FormatError::Record { tag: DENSE, index: dense, offset: code.saturating_sub(DENSE_FIELD) as u16 }
            }
            FIELD.. => FormatError::Record { tag, index, offset: code.saturating_sub(FIELD) as u16 },
            _ => match Fault::code(code) {
                Fault::ERASED => FormatError::Erased,
                Fault::TRUNCATED => FormatError::Truncated { expected: length, found: found_length },
                Fault::TRAILING => FormatError::Trailing { expected: length, found: found_length },
                Fault::MAGIC => FormatError::Magic,
                Fault::VERSION => FormatError::Version { expected: number, found: found_number },
                Fault::HEADER_CRC => FormatError::HeaderCrc { expected, found },
                Fault::BODY_CRC => FormatError::BodyCrc { expected, found },
                Fault::CRITICAL_FLAGS => FormatError::CriticalFlags { bits: found },
                Fault::WEIGHT_TYPE => FormatError::WeightType { found: found_number },
                Fault::UNKNOWN_SECTION => FormatError::UnknownSection { tag },
                Fault::MISSING_SECTION => FormatError::MissingSection { tag },
                Fault::DUPLICATE_SECTION => FormatError::DuplicateSection { tag },
                Fault::SECTION_PLACE => FormatError::SectionPlace { tag, expected, found },
                Fault::SECTION_END => FormatError::SectionEnd { tag, offset: expected, length: found },
                Fault::SECTION_LENGTH => FormatError::SectionLength { tag, expected: length, found: found_length },
                Fault::SECTION_FLAGS => FormatError::SectionFlags { tag, found },
                Fault::PADDING => FormatError::Padding { offset: expected, before: tag },
                Fault::UNKNOWN_KIND => FormatError::UnknownKind { tag, index, kind: found_number },
                Fault::NOT_A_PERMUTATION => FormatError::NotAPermutation { layer: index },
                Fault::WEIGHT_NOT_FINITE => FormatError::WeightNotFinite { dense },
                Fault::NEGATIVE_ZERO => FormatError::NegativeZero { dense },
                Fault::WEIGHTS_TOO_LARGE => FormatError::WeightsTooLarge { dense },
                Fault::MASKED_WEIGHT => FormatError::MaskedWeight { dense },
                Fault::DIAGONAL => FormatError::Diagonal { dense },
                Fault::DIMENSION => FormatError::Dimension { expected: number, found: found_number },
                Fault::CONTEXT_DIMENSION => FormatError::ContextDimension { expected: number, found: found_number },
                Fault::UNUSED => FormatError::Unused { tag },
                Fault::SCRATCH_LENGTH => FormatError::ScratchLength { expected, found },
                Fault::KNOTS => FormatError::Knots { tag, index },
                Fault::MACS => FormatError::Macs { expected, found },
                _ => FormatError::Misaligned,
            },
        }
    }
}

/// Whether reserved bytes are zero.
#[inline(never)]
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| b == 0)
}
