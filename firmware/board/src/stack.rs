//! How much stack a piece of work takes: the free stack is painted before, and looked at afterwards.

use crate::processor::{stack_end, stack_pointer};
use core::ptr;

const PAINT: u32 = 0xcccc_cccc;

/// As much of the free stack as is painted, bytes.
const PAINTED: usize = 64 * 1024;

/// Bytes of stack that `work` touched below the caller's frame, at most 64 KiB.
#[inline(never)]
pub fn stack_used(work: impl FnOnce()) -> usize {
    let top = stack_pointer() & !3;
    let bottom = stack_end().max(top.saturating_sub(PAINTED)).next_multiple_of(4);
    for address in (bottom..top).step_by(4) {
        // SAFETY: the words between the stack's end and the stack pointer are RAM that belongs to nobody: nothing is
        // called while they are painted, and no interrupt is enabled.
        unsafe { ptr::write_volatile(address as *mut u32, PAINT) };
    }
    out_of_line(work);
    // SAFETY: the same words as above; whatever was left there by `work` is valid as a u32.
    let touched = (bottom..top).step_by(4).find(|&a| unsafe { ptr::read_volatile(a as *const u32) } != PAINT);
    top - touched.unwrap_or(top)
}

/// Keeps the frame of `work` apart from the frame that paints.
#[inline(never)]
fn out_of_line(work: impl FnOnce()) {
    work();
}
