//! Counts instructions with SysTick.
//!
//! Meant for QEMU's `-icount shift=7` on the mps2 boards: an instruction takes 2^7 = 128 ns there and SysTick, at
//! 25 MHz, steps every 40 ns; hence instructions = ticks · 40 / 128, equal in every run. On silicon the figure is
//! clock cycles in the same unit.

use cortex_m::peripheral::{SYST, syst::SystClkSource};

/// SysTick counts 24 bits downwards.
const RELOAD: u32 = 0x00ff_ffff;

/// The instruction counter.
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

    /// Instructions that `work` takes, within one; `None` when there were more than the 5.24 million that SysTick holds.
    pub fn measure(&mut self, work: impl FnOnce()) -> Option<u32> {
        self.0.clear_current();
        // The counter loads its start value at the next tick; the flag of that event is read away.
        while SYST::get_current() == 0 {}
        let _ = self.0.has_wrapped();
        let before = SYST::get_current();
        work();
        let after = SYST::get_current();
        let ticks = before.checked_sub(after)?;
        if self.0.has_wrapped() { None } else { u32::try_from(u64::from(ticks) * 40 / 128).ok() }
    }
}
