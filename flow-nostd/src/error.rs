//! What can go wrong: in a file, in a call, in a self-test.
//!
//! Each enum is small and `Copy`, and names the place: a device can send it as it is.

use core::fmt;

/// The four letters that name a section.
///
/// ```
/// assert_eq!(flow_nostd::Tag(*b"WGHT").to_string(), "WGHT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tag(pub [u8; 4]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&b| write!(f, "{}", b.escape_ascii()))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Why a file is refused. Offsets and lengths are bytes.
///
/// ```
/// use flow_nostd::{Flow, FormatError};
///
/// static ERASED: flow_nostd::Aligned<[u8; 256]> = flow_nostd::Aligned([0xff; 256]);
/// let error = Flow::new(&ERASED.0).unwrap_err();
/// assert_eq!(error, FormatError::Erased);
/// let _: &dyn core::error::Error = &error;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FormatError {
    /// The slice does not start at a multiple of 4 bytes.
    Misaligned,
    /// The header is 0xFF or 0x00 throughout: flash that was never written.
    Erased,
    /// The slice is shorter than the file.
    Truncated {
        /// Length that the header states, or the header's own.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// More bytes than the file, and not exactly a signature's 64.
    Trailing {
        /// Length that is stated.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The first eight bytes are not a frozen flow's.
    Magic,
    /// Another major version.
    Version {
        /// The version that this engine reads.
        expected: u16,
        /// The file's version.
        found: u16,
    },
    /// The header's checksum does not fit: damaged.
    HeaderCrc {
        /// The CRC that the file states.
        expected: u32,
        /// The CRC of its bytes.
        found: u32,
    },
    /// The body's checksum does not fit: damaged.
    BodyCrc {
        /// The CRC that the file states.
        expected: u32,
        /// The CRC of its bytes.
        found: u32,
    },
    /// A field of the header has a value that is not allowed.
    HeaderField {
        /// Offset of the field.
        offset: u16,
    },
    /// The file has properties that this engine does not know and must not ignore.
    CriticalFlags {
        /// The flags that are set.
        bits: u32,
    },
    /// Weights of a type that this engine does not know.
    WeightType {
        /// The type that the file states.
        found: u16,
    },
    /// A section that this engine does not know and must not ignore.
    UnknownSection {
        /// The section.
        tag: Tag,
    },
    /// A section that every file needs, or what was asked for.
    MissingSection {
        /// The section.
        tag: Tag,
    },
    /// Two sections of the same tag.
    DuplicateSection {
        /// The section.
        tag: Tag,
    },
    /// A section that does not start where the one before ends: a hole or an overlap.
    SectionPlace {
        /// The section.
        tag: Tag,
        /// Where it must start.
        expected: u32,
        /// Where it starts.
        found: u32,
    },
    /// A section that reaches beyond the file.
    SectionEnd {
        /// The section.
        tag: Tag,
        /// Where it starts.
        offset: u32,
        /// Its length.
        length: u32,
    },
    /// A section of a length that does not fit the header's counts or its own records.
    SectionLength {
        /// The section.
        tag: Tag,
        /// Length that it must have.
        expected: usize,
        /// Length that it has.
        found: usize,
    },
    /// A section with flags that are not defined.
    SectionFlags {
        /// The section.
        tag: Tag,
        /// Its flags.
        found: u32,
    },
    /// Bytes between two sections that are not zero, or that are missing.
    Padding {
        /// Where the padding starts.
        offset: u32,
        /// The section that follows.
        before: Tag,
    },
    /// A record of a kind that this engine does not know.
    UnknownKind {
        /// The section that holds the record.
        tag: Tag,
        /// Which record.
        index: u16,
        /// Its kind.
        kind: u16,
    },
    /// A record with a value that is not allowed.
    Record {
        /// The section that holds the record.
        tag: Tag,
        /// Which record.
        index: u16,
        /// Offset of the value in the record.
        offset: u16,
    },
    /// The index lists of a permutation are not a permutation and its inverse.
    NotAPermutation {
        /// Which layer.
        layer: u16,
    },
    /// A weight or bias that is NaN or infinite.
    WeightNotFinite {
        /// Which dense record.
        dense: u16,
    },
    /// A bias that is negative zero.
    NegativeZero {
        /// Which dense record.
        dense: u16,
    },
    /// Weights so large that an activation might overflow.
    WeightsTooLarge {
        /// Which dense record.
        dense: u16,
    },
    /// A weight of an autoregressive layer or of a mixture's component that leads from a column to one that must not
    /// depend on it.
    MaskedWeight {
        /// Which dense record.
        dense: u16,
    },
    /// A mixture's component whose matrix has a diagonal entry that is not positive.
    Diagonal {
        /// Which dense record.
        dense: u16,
    },
    /// The columns that the flow models do not number what the header says.
    Dimension {
        /// The header's number.
        expected: u16,
        /// The number counted.
        found: u16,
    },
    /// The context columns do not number what the header says.
    ContextDimension {
        /// The header's number.
        expected: u16,
        /// The number counted.
        found: u16,
    },
    /// Not all of a section is used by the records before it.
    Unused {
        /// The section.
        tag: Tag,
    },
    /// The header's scratch length is not what the layers need.
    ScratchLength {
        /// What the layers need.
        expected: u32,
        /// What the header states.
        found: u32,
    },
    /// A table of a calibration whose log-densities do not ascend, or whose `ln p` descend or leave their range.
    Knots {
        /// The section that holds the table.
        tag: Tag,
        /// The record that the table belongs to.
        index: u16,
    },
    /// The header's multiply-accumulates are not what the layers take.
    Macs {
        /// What the layers take.
        expected: u32,
        /// What the header states.
        found: u32,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Misaligned => write!(f, "the file does not lie at a multiple of 4 bytes in memory"),
            Self::Erased => write!(f, "the header is 0xFF or 0x00 throughout: nothing was written there"),
            Self::Truncated { expected, found } => write!(f, "the file is cut: {found} bytes of {expected}"),
            Self::Trailing { expected, found } => {
                write!(f, "{found} bytes, expected {expected}, or with a signature 64 more")
            }
            Self::Magic => write!(f, "not a frozen flow: other first eight bytes"),
            Self::Version { expected, found } => {
                write!(f, "format version {found}; this engine reads version {expected}")
            }
            Self::HeaderCrc { expected, found } => {
                write!(f, "damaged header (bytes 0 to 123): CRC {found:08x}, expected {expected:08x}")
            }
            Self::BodyCrc { expected, found } => {
                write!(f, "damaged after byte 127: CRC {found:08x}, expected {expected:08x}")
            }
            Self::HeaderField { offset } => {
                write!(f, "header field at byte {offset} holds a value that is not allowed")
            }
            Self::CriticalFlags { bits } => {
                write!(f, "unknown critical flags {bits:#x} (byte 20): a newer engine needed")
            }
            Self::WeightType { found } => write!(f, "unknown weight type {found} (byte 60): a newer engine needed"),
            Self::UnknownSection { tag } => write!(f, "unknown critical section {tag}: a newer engine needed"),
            Self::MissingSection { tag } => write!(f, "section {tag} is missing"),
            Self::DuplicateSection { tag } => write!(f, "section {tag} is there twice"),
            Self::SectionPlace { tag, expected, found } => {
                write!(f, "section {tag} starts at byte {found}, expected {expected}")
            }
            Self::SectionEnd { tag, offset, length } => {
                write!(f, "section {tag} at byte {offset}, {length} bytes long, reaches beyond the file")
            }
            Self::SectionLength { tag, expected, found } => {
                write!(f, "section {tag} has {found} bytes, expected {expected}")
            }
            Self::SectionFlags { tag, found } => write!(f, "section {tag} has unknown flags {found:#x}"),
            Self::Padding { offset, before } => write!(f, "no zeros from byte {offset} up to section {before}"),
            Self::UnknownKind { tag, index, kind } => {
                write!(f, "record {index} of section {tag}: unknown kind {kind}; a newer engine needed")
            }
            Self::Record { tag, index, offset } => {
                write!(f, "record {index} of section {tag}: value at its byte {offset} is not allowed")
            }
            Self::NotAPermutation { layer } => write!(f, "layer {layer}: not a permutation and its inverse"),
            Self::WeightNotFinite { dense } => write!(f, "dense layer {dense}: NaN or infinity among the weights"),
            Self::NegativeZero { dense } => write!(f, "dense layer {dense}: a bias is negative zero"),
            Self::WeightsTooLarge { dense } => {
                write!(f, "dense layer {dense}: weights so large that it might overflow")
            }
            Self::MaskedWeight { dense } => {
                write!(f, "dense layer {dense}: a weight that the order of the columns forbids is not zero")
            }
            Self::Diagonal { dense } => {
                write!(f, "dense layer {dense}: a diagonal entry of a mixture's component is not positive")
            }
            Self::Dimension { expected, found } => {
                write!(f, "{found} columns are modelled, the header says {expected}")
            }
            Self::ContextDimension { expected, found } => {
                write!(f, "{found} context columns, the header says {expected}")
            }
            Self::Unused { tag } => write!(f, "section {tag} holds more than its users take"),
            Self::ScratchLength { expected, found } => {
                write!(f, "scratch length {found} (byte 64), the layers need {expected}")
            }
            Self::Knots { tag, index } => {
                write!(f, "section {tag}, record {index}: a table that does not ascend or leaves its range")
            }
            Self::Macs { expected, found } => {
                write!(f, "{found} multiply-accumulates (bytes 68, 72), the layers take {expected}")
            }
        }
    }
}

impl core::error::Error for FormatError {}

/// Why a call computes nothing.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// # let flow = flow_nostd::Flow::new(model::BYTES)?;
/// # let mut scratch = [0.0; model::SCRATCH];
/// use flow_nostd::EvalError;
///
/// let error = flow.log_prob(&[1.0, 2.0], &[], &mut scratch).unwrap_err();
/// assert_eq!(error, EvalError::RowLength { expected: 4, found: 2 });
/// assert_eq!(error.to_string(), "a row of 2 values, expected 4");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EvalError {
    /// The row, or a slice with one entry for each of its values, does not have [`Flow::columns`](crate::Flow::columns) of them; a
    /// window's row not one for each channel.
    RowLength {
        /// Number of columns or channels.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The context does not have [`Flow::context_dim`](crate::Flow::context_dim) values.
    ContextLength {
        /// Number of context columns.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The latent vector does not have [`Flow::dim`](crate::Flow::dim) values.
    LatentLength {
        /// Number of latent values.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The scratch memory is shorter than [`Flow::scratch_len`](crate::Flow::scratch_len).
    ScratchLength {
        /// Number of values needed.
        expected: usize,
        /// Length of the slice.
        found: usize,
    },
    /// The window does not have all its rows yet.
    WindowLength {
        /// Rows of a complete window.
        expected: usize,
        /// Rows that it has.
        found: usize,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// Which column, in the order of the file's columns, context among them, as [`Flow::column_name`](crate::Flow::column_name)
        /// counts; of a window's row which channel; of a latent vector which of its values.
        column: usize,
    },
    /// A value beyond what its channel's sensor can give.
    OutOfRange {
        /// Which channel.
        channel: usize,
    },
}

/// Why a batch of rows could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BatchError {
    /// Which row, from 0; `None` where a slice has not the length that all rows together need.
    pub row: Option<usize>,
    /// What is wrong with it.
    pub error: EvalError,
}

impl BatchError {
    /// An error of all rows together.
    pub(crate) fn all(error: EvalError) -> Self {
        BatchError { row: None, error }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "row {row}: {}", self.error),
            None => write!(f, "all rows: {}", self.error),
        }
    }
}

impl core::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RowLength { expected, found } => write!(f, "a row of {found} values, expected {expected}"),
            Self::ContextLength { expected, found } => write!(f, "a context of {found} values, expected {expected}"),
            Self::LatentLength { expected, found } => write!(f, "{found} latent values, expected {expected}"),
            Self::ScratchLength { expected, found } => {
                write!(f, "scratch of {found} values, at least {expected} needed")
            }
            Self::WindowLength { expected, found } => write!(f, "a window of {found} rows, expected {expected}"),
            Self::NotFinite { column } => write!(f, "the value of column {column} is NaN or infinite"),
            Self::OutOfRange { channel } => write!(f, "the value of channel {channel} is out of its sensor's range"),
        }
    }
}

impl core::error::Error for EvalError {}

/// Why a self-test fails.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// # let flow = flow_nostd::Flow::new(model::BYTES)?;
/// use flow_nostd::{EvalError, SelfTestError};
///
/// let error = flow.self_test(&mut []).unwrap_err();
/// assert!(matches!(error, SelfTestError::Eval(EvalError::ScratchLength { found: 0, .. })));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelfTestError {
    /// The file has no probe rows.
    NoProbes,
    /// The call failed for a reason of its own.
    Eval(EvalError),
    /// This machine's arithmetic or its libm differs from the one that the engine was tested with.
    Arithmetic {
        /// The checksum that the engine knows.
        expected: u32,
        /// The checksum of what was computed here.
        found: u32,
    },
    /// This machine computes other bits than the one that froze the file.
    Mismatch {
        /// Which probe row.
        probe: usize,
        /// Bits of the log-density in the file.
        expected: u32,
        /// Bits of the log-density computed here.
        found: u32,
    },
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoProbes => write!(f, "the file has no probe rows"),
            Self::Eval(error) => error.fmt(f),
            Self::Arithmetic { expected, found } => {
                write!(
                    f,
                    "f32 arithmetic or libm differs: checksum {found:08x}, expected {expected:08x}; see the list"
                )?;
                write!(f, " of hazards in spec/format.md")
            }
            Self::Mismatch { probe, expected, found } => {
                write!(
                    f,
                    "probe row {probe}: log_prob has bits {found:08x}, expected {expected:08x}; see the list of"
                )?;
                write!(f, " hazards in spec/format.md")
            }
        }
    }
}

impl core::error::Error for SelfTestError {}

impl From<EvalError> for SelfTestError {
    fn from(error: EvalError) -> Self {
        Self::Eval(error)
    }
}
