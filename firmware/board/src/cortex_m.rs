//! What is particular to Arm's Cortex-M: the entry, the stack's registers and symbols, SysTick as instruction counter.

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m::register::msp;

pub use cortex_m_rt::entry;

/// The stack pointer.
#[inline(always)]
pub fn stack_pointer() -> usize {
    msp::read() as usize
}

/// The lowest address that the stack may reach.
pub fn stack_end() -> usize {
    // SAFETY: cortex-m-rt's linker script defines this symbol; only its address is taken, it is never read or written.
    unsafe extern "C" {
        static mut _stack_end: u32;
    }
    core::ptr::addr_of!(_stack_end) as usize
}

/// SysTick counts 24 bits downwards.
const RELOAD: u32 = 0x00ff_ffff;

/// How often it counts, from `build.rs`.
const SYSTICK_HZ: u64 = match u64::from_str_radix(env!("SYSTICK_HZ"), 10) {
    Ok(hz) => hz,
    Err(_) => panic!("SYSTICK_HZ is no number"),
};

/// The instruction counter.
///
/// Meant for QEMU's `-icount shift=7`: an instruction takes 2^7 = 128 ns there; hence instructions = ticks / (128 ns ·
/// frequency), equal in every run. On silicon the figure is clock cycles in the same unit.
pub struct Counter(SYST);

impl Counter {
    /// Starts SysTick; `None` when the core's peripherals are taken already.
    pub fn start() -> Option<Self> {
        let mut systick = cortex_m::Peripherals::take()?.SYST;
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        Some(Counter(systick))
    }

    /// Instructions that `work` takes, within one; `None` when there were more than SysTick holds, which at 25 MHz is 5.24
    /// million.
    pub fn measure(&mut self, work: impl FnOnce()) -> Option<u32> {
        self.0.clear_current();
        // The counter loads its start value at the next tick; the flag of that event is read away.
        while SYST::get_current() == 0 {}
        let _ = self.0.has_wrapped();
        let before = SYST::get_current();
        work();
        let after = SYST::get_current();
        let ticks = u64::from(before.checked_sub(after)?);
        if self.0.has_wrapped() { None } else { u32::try_from(ticks * 1_000_000_000 / (128 * SYSTICK_HZ)).ok() }
    }
}
