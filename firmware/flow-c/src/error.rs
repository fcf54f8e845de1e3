//! What a function returns: 0, or why it did nothing.

use core::ffi::{CStr, c_char};
use flow_nostd::{EvalError, FormatError, SelfTestError};

/// What a function returns: FLOW_ERROR_OK, which is 0, or why it did nothing. The numbers stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum FlowError {
    /// Done.
    Ok = 0,
    /// A pointer is null.
    Null = 1,
    /// A pointer is not aligned for what it should lead to.
    Misaligned = 2,
    /// A length reaches beyond the end of memory.
    Length = 3,
    /// Memory that is written overlaps other memory of the same call.
    Overlap = 4,
    /// The model, detector or window was not opened, or its opening failed.
    NotOpen = 5,
    /// A row, or what goes with its columns, does not have flow_columns values; of flow_window_push flow_window_channels.
    RowLength = 10,
    /// The context does not have flow_context_length values.
    ContextLength = 11,
    /// The latent vector does not have flow_latent_length values.
    LatentLength = 12,
    /// The memory is shorter than the model's SCRATCH, or of a window than its WINDOW.
    ScratchLength = 13,
    /// The window does not have all its rows yet.
    WindowLength = 14,
    /// A value is NaN or infinite.
    NotFinite = 15,
    /// The state of a drift detector is none: neither zeros nor what flow_drift_push left.
    DriftState = 16,
    /// A value of a raw channel is none that its sensor can give; the window begins anew.
    OutOfRange = 17,
    /// Self-test: the file has no probe rows.
    NoProbes = 20,
    /// Self-test: the arithmetic of this machine is another. See docs/equal-bits.md.
    Arithmetic = 21,
    /// Self-test: a probe row has other bits here than where the file was frozen.
    Mismatch = 22,
    /// The file does not lie at a multiple of 4 bytes.
    FileMisaligned = 30,
    /// Nothing was written there: erased flash.
    FileErased = 31,
    /// The file is cut.
    FileTruncated = 32,
    /// There are more bytes than the file and a signature have.
    FileTrailing = 33,
    /// Not a frozen flow.
    FileMagic = 34,
    /// A newer engine is needed: another version, or something that this one does not know.
    FileTooNew = 35,
    /// The file is damaged: a checksum does not fit.
    FileDamaged = 36,
    /// The file breaks a rule of its format; flow-export inspect says which.
    FileInvalid = 37,
    /// The flow models the raw channels themselves: it has no windows.
    NoWindows = 38,
}

impl FlowError {
    /// What a function returns.
    pub(crate) fn of(result: Result<(), Self>) -> Self {
        result.err().unwrap_or(Self::Ok)
    }

    fn text(code: i32) -> &'static CStr {
        match code {
            0 => c"done",
            1 => c"a pointer is null",
            2 => c"a pointer is not aligned",
            3 => c"a length reaches beyond the end of memory",
            4 => c"memory that is written overlaps other memory",
            5 => c"not opened, or opening it failed",
            10 => c"a row of another length than flow_columns",
            11 => c"a context of another length than flow_context_length",
            12 => c"a latent vector of another length than flow_latent_length",
            13 => c"memory shorter than the model needs",
            14 => c"the window is not complete yet",
            15 => c"a value is NaN or infinite",
            16 => c"no state of a drift detector",
            17 => c"a value is out of its sensor's range",
            20 => c"the file has no probe rows to test with",
            21 => c"this machine's arithmetic differs, see docs/equal-bits.md",
            22 => c"a probe row has other bits here, see docs/equal-bits.md",
            30 => c"the file does not lie at a multiple of 4 bytes",
            31 => c"the file was never written: erased flash",
            32 => c"the file is cut",
            33 => c"more bytes than the file has",
            34 => c"not a frozen flow",
            35 => c"the file needs a newer engine, or one with all kinds",
            36 => c"the file is damaged",
            37 => c"the file breaks a rule, flow-export inspect says which",
            38 => c"the flow has no windows",
            _ => c"no error of this library",
        }
    }
}

impl From<EvalError> for FlowError {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::RowLength { .. } => Self::RowLength,
            EvalError::ContextLength { .. } => Self::ContextLength,
            EvalError::LatentLength { .. } => Self::LatentLength,
            EvalError::ScratchLength { .. } => Self::ScratchLength,
            EvalError::WindowLength { .. } => Self::WindowLength,
            EvalError::OutOfRange { .. } => Self::OutOfRange,
            _ => Self::NotFinite,
        }
    }
}

impl From<SelfTestError> for FlowError {
    fn from(error: SelfTestError) -> Self {
        match error {
            SelfTestError::NoProbes => Self::NoProbes,
            SelfTestError::Eval(error) => error.into(),
            SelfTestError::Arithmetic { .. } => Self::Arithmetic,
            _ => Self::Mismatch,
        }
    }
}

impl From<FormatError> for FlowError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Misaligned => Self::FileMisaligned,
            FormatError::Erased => Self::FileErased,
            FormatError::Truncated { .. } => Self::FileTruncated,
            FormatError::Trailing { .. } => Self::FileTrailing,
            FormatError::Magic => Self::FileMagic,
            FormatError::HeaderCrc { .. } | FormatError::BodyCrc { .. } => Self::FileDamaged,
            FormatError::Version { .. }
            | FormatError::CriticalFlags { .. }
            | FormatError::WeightType { .. }
            | FormatError::UnknownSection { .. }
            | FormatError::UnknownKind { .. } => Self::FileTooNew,
            _ => Self::FileInvalid,
        }
    }
}

/// What an error means, in a few words that end with a zero byte. For any number.
#[unsafe(no_mangle)]
pub extern "C" fn flow_error_text(error: i32) -> *const c_char {
    FlowError::text(error).as_ptr()
}
