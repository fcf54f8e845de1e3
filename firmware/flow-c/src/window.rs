//! Windows over signals: from the rows of raw channels to the row that the flow models.

use crate::handle::{self, Handle};
use crate::memory::Memory;
use crate::{FlowError, FlowModel};
use flow_nostd::{FormatError, Window, Windowing};

/// The newest rows of the raw channels, open after flow_window_open. Its content is the library's; it is not to be copied.
#[repr(C)]
pub struct FlowWindow {
    /// Not to be touched.
    mark: u64,
    /// Not to be touched.
    words: [usize; 26],
}

/// What an open window holds.
pub(crate) struct Rows {
    window: Window<'static>,
    channels: usize,
    /// Rows of a complete window.
    rows: usize,
    /// Values of a row and of its context, which are the features of a window.
    features: [usize; 2],
    /// The memory that the window is in, to tell where a call's other memory overlaps it.
    values: *const f32,
    length: usize,
}

// SAFETY: it begins with a `u64`, any bytes are numbers.
unsafe impl Handle for FlowWindow {
    type Content = Rows;
    const MARK: u64 = 0x666c_6f77_2d77_696e;
}

/// Opens a window without rows over an open model. `values` is WINDOW floats of the model's header or more, which are the
/// window's from now on.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_open(
    window: *mut FlowWindow,
    model: *const FlowModel,
    values: *mut f32,
    length: usize,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let open = || unsafe {
        let mut memory = Memory::new();
        let model = handle::begin(&mut memory, window, model)?;
        let windowing = Windowing::of(&model.flow).map_err(|error| match error {
            FormatError::MissingSection { .. } => FlowError::NoWindows,
            other => other.into(),
        })?;
        if length < windowing.memory_len() {
            return Err(FlowError::ScratchLength);
        }
        let (channels, rows, length) = (windowing.channels(), windowing.length(), windowing.memory_len());
        let features = [model.flow.columns(), model.flow.context_dim()];
        // It belongs to the model.
        memory.add(model.scratch.cast_const(), model.flow.scratch_len(), true)?;
        let memory = memory.write(values, length)?.zeros();
        let window_rows = Window::new(windowing, memory)?;
        handle::open(window, Rows { window: window_rows, channels, rows, features, values, length });
        Ok(())
    };
    FlowError::of(open())
}

/// The number of values of a raw row; 0 where the window is not open.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_channels(window: *const FlowWindow) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    unsafe { handle::content(&mut Memory::new(), window) }.map_or(0, |rows| rows.channels)
}

/// The number of rows that a window has, one after the other without a gap; 0 where it is not open. Where it is 1 or less
/// after a push, the window has begun anew, and so does what is known of the sensors: make their FlowSensor zeros.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_rows(window: *const FlowWindow) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    unsafe { handle::content(&mut Memory::new(), window) }.map_or(0, |rows| rows.window.rows())
}

/// Takes a row of the raw channels; `due` becomes whether there is now a complete window to be looked at. Where a value is
/// NaN, infinite or none that its sensor can give, that is the error, and the window begins anew.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_push(
    window: *mut FlowWindow,
    row: *const f32,
    row_length: usize,
    due: *mut bool,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let push = || unsafe {
        let mut memory = Memory::new();
        let rows = handle::content_mut(&mut memory, window)?;
        memory.add(rows.values, rows.length, true)?;
        let row = memory.read(row, row_length)?;
        let out = memory.out(due)?;
        out.set(rows.window.push(row)?);
        Ok(())
    };
    FlowError::of(push())
}

/// The same for a row that was taken at a time, in microseconds from any start: after a gap the window begins anew with it.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_push_at(
    window: *mut FlowWindow,
    micros: i64,
    row: *const f32,
    row_length: usize,
    due: *mut bool,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let push = || unsafe {
        let mut memory = Memory::new();
        let rows = handle::content_mut(&mut memory, window)?;
        memory.add(rows.values, rows.length, true)?;
        let row = memory.read(row, row_length)?;
        let out = memory.out(due)?;
        out.set(rows.window.push_at(micros, row)?);
        Ok(())
    };
    FlowError::of(push())
}

/// The features of a complete window: the row that the flow models, and its context.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_window_features(
    window: *const FlowWindow,
    row: *mut f32,
    row_length: usize,
    context: *mut f32,
    context_length: usize,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let features = || unsafe {
        let mut memory = Memory::new();
        let rows = handle::content(&mut memory, window)?;
        memory.add(rows.values, rows.length, false)?;
        let row = memory.write(row, row_length)?;
        let context = memory.write(context, context_length)?;
        if rows.window.rows() != rows.rows {
            return Err(FlowError::WindowLength);
        }
        if row.len() != rows.features[0] {
            return Err(FlowError::RowLength);
        }
        if context.len() != rows.features[1] {
            return Err(FlowError::ContextLength);
        }
        Ok(rows.window.features(row.zeros(), context.zeros())?)
    };
    FlowError::of(features())
}
