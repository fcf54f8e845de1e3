//! Handles: structs of the caller's, in which something of the engine lies behind a mark that says so.

use crate::FlowError;
use crate::memory::Memory;
use core::ptr;

/// What lies in a handle that is open.
#[repr(C)]
struct Opened<T> {
    mark: u64,
    content: T,
}

/// A struct of the caller's that holds something.
///
/// # Safety
/// The struct begins with a `u64`, and any bytes are one.
pub(crate) unsafe trait Handle: Sized {
    /// What it holds.
    type Content;

    /// The `u64` at the beginning of an open one: no accident, and another one for each kind of handle.
    const MARK: u64;

    /// What is wrong does not compile: a content that does not fit.
    const FITS: () = assert!(
        size_of::<Opened<Self::Content>>() <= size_of::<Self>()
            && align_of::<Opened<Self::Content>>() <= align_of::<Self>()
    );
}

/// Notes the handle as written and what it is opened over as read, and returns that. From then on the handle is not open, so that
/// it stays so where the opening fails; but one that lies over the other is left as it is, since that would damage the other.
///
/// # Safety
/// Where `handle` is neither null nor misaligned, it leads to a struct that nobody else uses; `over` as for [`content`].
pub(crate) unsafe fn begin<'a, H: Handle, O: Handle>(
    memory: &mut Memory,
    handle: *mut H,
    over: *const O,
) -> Result<&'a O::Content, FlowError> {
    memory.add(handle.cast_const(), 1, true)?;
    // SAFETY: the caller's promise; the handle was noted just now.
    unsafe {
        let content = content(memory, over);
        if !matches!(content, Err(FlowError::Overlap)) {
            close(handle);
        }
        content
    }
}

/// Marks a handle as not open.
///
/// # Safety
/// It was noted as written, with no other piece of the call's memory over it, and leads to a struct that nobody else uses.
pub(crate) unsafe fn close<H: Handle>(handle: *mut H) {
    // SAFETY: not null and aligned; the struct begins with a `u64`.
    unsafe { handle.cast::<u64>().write(0) }
}

/// Puts the content into the handle: it is open.
///
/// # Safety
/// As for [`close`].
pub(crate) unsafe fn open<H: Handle>(handle: *mut H, content: H::Content) {
    const { H::FITS };
    let opened = Opened { mark: H::MARK, content };
    // SAFETY: not null and aligned, as was checked when it was noted; it fits, as `FITS` has.
    unsafe { handle.cast::<Opened<H::Content>>().write(opened) };
}

/// What is in the handle, to read.
///
/// # Safety
/// Where `handle` is neither null nor misaligned, it leads to a struct that was opened or has any other bytes without the
/// mark, and that nobody changes for `'a`.
pub(crate) unsafe fn content<'a, H: Handle>(
    memory: &mut Memory,
    handle: *const H,
) -> Result<&'a H::Content, FlowError> {
    memory.add(handle, 1, false)?;
    // SAFETY: not null and aligned; the struct begins with a `u64`.
    if unsafe { handle.cast::<u64>().read() } != H::MARK {
        return Err(FlowError::NotOpen);
    }
    // SAFETY: the mark says that `open` has written a content there.
    Ok(unsafe { &*ptr::addr_of!((*handle.cast::<Opened<H::Content>>()).content) })
}

/// What is in the handle, to change.
///
/// # Safety
/// As for [`content`], and nobody else reads it for `'a`.
pub(crate) unsafe fn content_mut<'a, H: Handle>(
    memory: &mut Memory,
    handle: *mut H,
) -> Result<&'a mut H::Content, FlowError> {
    memory.add(handle.cast_const(), 1, true)?;
    // SAFETY: not null and aligned; the struct begins with a `u64`.
    if unsafe { handle.cast::<u64>().read() } != H::MARK {
        return Err(FlowError::NotOpen);
    }
    // SAFETY: the mark says that `open` has written a content there.
    Ok(unsafe { &mut *ptr::addr_of_mut!((*handle.cast::<Opened<H::Content>>()).content) })
}
