//! How much stack a piece of work takes: the free stack is painted before, and looked at afterwards.

use core::ptr;
use cortex_m::register::msp;

const PAINT: u32 = 0xcccc_cccc;

/// As much of the free stack as is painted, bytes.
const PAINTED: usize = 64 * 1024;

// SAFETY: cortex-m-rt's linker script defines this symbol; only its address is taken, it is never read or written.
unsafe extern "C" {
    /// The end of the stack's memory (its lowest address); from the linker script of cortex-m-rt.
    static mut _stack_end: u32;
}

/// Bytes of stack that `work` touched below the caller's frame, at most 64 KiB.
#[inline(never)]
pub fn stack_used(work: impl FnOnce()) -> usize {
    let top = msp::read() as usize & !3;
    let end = ptr::addr_of!(_stack_end) as usize;
    let bottom = end.max(top.saturating_sub(PAINTED)).next_multiple_of(4);
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
