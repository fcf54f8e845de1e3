//! What is particular to RISC-V: the entry, the stack's registers and symbols, `minstret` as instruction counter.

use riscv::register::minstret;

pub use riscv_rt::entry;

/// The stack pointer.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: copies a register.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// The lowest address that the stack may reach.
pub fn stack_end() -> usize {
    // SAFETY: riscv-rt's linker script defines this symbol; only its address is taken, it is never read or written.
    unsafe extern "C" {
        static mut __estack: u32;
    }
    core::ptr::addr_of!(__estack) as usize
}

/// The instruction counter. Under QEMU's `-icount shift=0` it counts the same in every run.
pub struct Counter(());

impl Counter {
    /// The core counts from its reset on.
    pub fn start() -> Option<Self> {
        Some(Counter(()))
    }

    /// Instructions that `work` takes, within a few; `None` when there were more than 32 bits hold.
    pub fn measure(&mut self, work: impl FnOnce()) -> Option<u32> {
        let before = minstret::read64();
        work();
        u32::try_from(minstret::read64() - before).ok()
    }
}
