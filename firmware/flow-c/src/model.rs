//! A frozen flow that was checked, and what it computes.

use crate::FlowError;
use crate::handle::{self, Handle};
use crate::memory::Memory;
use flow_nostd::Flow;

/// A frozen flow with its scratch memory, open after flow_open. Its content is the library's.
#[repr(C)]
pub struct FlowModel {
    /// Not to be touched.
    mark: u64,
    /// Not to be touched.
    words: [usize; 28],
}

/// What an open model holds.
pub(crate) struct Model {
    pub flow: Flow<'static>,
    pub scratch: *mut f32,
}

// SAFETY: it begins with a `u64`, any bytes are numbers.
unsafe impl Handle for FlowModel {
    type Content = Model;
    const MARK: u64 = 0x666c_6f77_2d6d_6f64;
}

/// Refuses a row and a context that are not as long as the flow's, before anything is written.
pub(crate) fn check_lengths(flow: &Flow<'static>, row: usize, context: usize) -> Result<(), FlowError> {
    if row != flow.columns() {
        return Err(FlowError::RowLength);
    }
    if context == flow.context_dim() { Ok(()) } else { Err(FlowError::ContextLength) }
}

/// The scratch memory of a flow, from its address.
///
/// # Safety
/// It is the one of an open model; no other call with it is on its way for `'a`.
pub(crate) unsafe fn scratch<'a>(
    memory: &mut Memory,
    flow: &Flow<'static>,
    address: *mut f32,
) -> Result<&'a mut [f32], FlowError> {
    // SAFETY: `flow_open` was given as many values there, and made them zeros; that they are still there and nobody else
    // uses them is the caller's promise.
    unsafe { memory.change(address, flow.scratch_len()) }
}

/// Checks a whole file and opens it: after this no function can fail but for the lengths of what it is given and for values
/// that are no numbers. `file` lies at a multiple of 4 bytes and stays there unchanged; `scratch` is SCRATCH floats of the
/// model's header or more, which are the model's from now on. Where it fails, the model is not open.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_open(
    model: *mut FlowModel,
    file: *const u8,
    length: usize,
    scratch: *mut f32,
    scratch_length: usize,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let open = || unsafe {
        let mut memory = Memory::new();
        memory.add(model.cast_const(), 1, true)?;
        let bytes = memory.read(file, length);
        // As in `handle::begin`: not over the file.
        if !matches!(bytes, Err(FlowError::Overlap)) {
            handle::close(model);
        }
        if file.is_null() {
            return Err(FlowError::Null);
        }
        if length == 0 {
            return Err(FlowError::FileTruncated);
        }
        let flow = Flow::new(bytes?)?;
        if scratch.is_null() {
            return Err(FlowError::Null);
        }
        if scratch_length < flow.scratch_len() {
            return Err(FlowError::ScratchLength);
        }
        memory.write(scratch, flow.scratch_len())?.zeros();
        handle::open(model, Model { flow, scratch });
        Ok(())
    };
    FlowError::of(open())
}

/// A number that an open model states; 0 of one that is not open.
///
/// # Safety
/// As for [`handle::content`].
unsafe fn number(model: *const FlowModel, of: impl FnOnce(&Flow<'static>) -> usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { handle::content(&mut Memory::new(), model) }.map_or(0, |model| of(&model.flow))
}

/// The number of values of a row; 0 where the model is not open.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_columns(model: *const FlowModel) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    unsafe { number(model, Flow::columns) }
}

/// The number of values of a context, most often 0; 0 where the model is not open.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_context_length(model: *const FlowModel) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    unsafe { number(model, Flow::context_dim) }
}

/// The number of values of a latent vector; 0 where the model is not open.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_latent_length(model: *const FlowModel) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    unsafe { number(model, Flow::dim) }
}

/// The number of floats of scratch memory that a file states, before it is opened; 0 where it is no frozen flow.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_scratch_length(file: *const u8, length: usize) -> usize {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let file = unsafe { Memory::new().read(file, length) };
    file.ok().and_then(flow_nostd::scratch_len).unwrap_or(0)
}

/// Whether this machine computes the bits that the machine computed which froze the file. To be called once, at boot.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_self_test(model: *const FlowModel) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let test = || unsafe {
        let mut memory = Memory::new();
        let model = handle::content(&mut memory, model)?;
        let scratch = scratch(&mut memory, &model.flow, model.scratch)?;
        Ok(model.flow.self_test(scratch)?)
    };
    FlowError::of(test())
}

/// The log-density of a row in its context, in nats. Without a context: NULL, 0.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_log_prob(
    model: *const FlowModel,
    row: *const f32,
    row_length: usize,
    context: *const f32,
    context_length: usize,
    log_prob: *mut f32,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let compute = || unsafe {
        let mut memory = Memory::new();
        let model = handle::content(&mut memory, model)?;
        let scratch = scratch(&mut memory, &model.flow, model.scratch)?;
        let row = memory.read(row, row_length)?;
        let context = memory.read(context, context_length)?;
        let out = memory.out(log_prob)?;
        out.set(model.flow.log_prob(row, context, scratch)?);
        Ok(())
    };
    FlowError::of(compute())
}

/// The latent vector of a row in its context, and the log-determinant: the row's log-density is that of the latent vector
/// under the base distribution, plus it.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_to_latent(
    model: *const FlowModel,
    row: *const f32,
    row_length: usize,
    context: *const f32,
    context_length: usize,
    latent: *mut f32,
    latent_length: usize,
    log_det: *mut f32,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let compute = || unsafe {
        let mut memory = Memory::new();
        let model = handle::content(&mut memory, model)?;
        let scratch = scratch(&mut memory, &model.flow, model.scratch)?;
        let row = memory.read(row, row_length)?;
        let context = memory.read(context, context_length)?;
        let latent = memory.write(latent, latent_length)?;
        let out = memory.out(log_det)?;
        check_lengths(&model.flow, row.len(), context.len())?;
        if latent.len() != model.flow.dim() {
            return Err(FlowError::LatentLength);
        }
        out.set(model.flow.to_latent(row, context, latent.zeros(), scratch)?);
        Ok(())
    };
    FlowError::of(compute())
}

/// The row of a latent vector in a context.
///
/// # Safety
/// See the crate's documentation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flow_to_data(
    model: *const FlowModel,
    latent: *const f32,
    latent_length: usize,
    context: *const f32,
    context_length: usize,
    row: *mut f32,
    row_length: usize,
) -> FlowError {
    // SAFETY: the caller's promise, as in the crate's documentation.
    let compute = || unsafe {
        let mut memory = Memory::new();
        let model = handle::content(&mut memory, model)?;
        let scratch = scratch(&mut memory, &model.flow, model.scratch)?;
        let latent = memory.read(latent, latent_length)?;
        let context = memory.read(context, context_length)?;
        let row = memory.write(row, row_length)?;
        check_lengths(&model.flow, row.len(), context.len())?;
        if latent.len() != model.flow.dim() {
            return Err(FlowError::LatentLength);
        }
        Ok(model.flow.to_data(latent, context, row.zeros(), scratch)?)
    };
    FlowError::of(compute())
}
