//! What the programs share of a board: output, exit status, instruction counter and stack gauge.
//!
//! Everything goes through semihosting, so that the same program runs under an emulator and under a debug probe.
#![no_std]

mod output;
#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod processor;
mod stack;

pub use output::{Line, Output};
pub use processor::{Counter, entry};
pub use stack::stack_used;

/// Ends the program: status 0 for success, 1 for failure.
pub fn exit(success: bool) -> ! {
    semihosting::process::exit(if success { 0 } else { 1 })
}

/// Says where the program panicked, then ends it with failure. See [`panic_handler`].
pub fn report_panic(info: &core::panic::PanicInfo) -> ! {
    if let Ok(mut output) = Output::open() {
        output.line(format_args!("{info}"));
    }
    exit(false)
}

/// Makes [`report_panic`] the program's panic handler. Not done for every program: one that proves that it cannot panic
/// brings its own.
#[macro_export]
macro_rules! panic_handler {
    () => {
        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo) -> ! {
            $crate::report_panic(info)
        }
    };
}
