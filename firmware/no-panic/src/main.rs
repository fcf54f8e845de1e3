//! Links only if no call into flow-nostd can panic: the panic handler needs a symbol that does not exist.
//!
//! Every public function is called, by its type's name, and every trait used, with values that the compiler cannot see
//! through; `tests/tests/engine_promises.rs` looks for what is missing here. The program is linked, never run.
#![no_std]
#![no_main]

mod functions;
mod line;
mod opaque;
mod traits;

#[board::entry]
fn main() -> ! {
    functions::call_all();
    traits::use_all();
    #[cfg(feature = "deliberate-panic")]
    core::hint::black_box(opaque::values()[core::hint::black_box(0)]);
    #[cfg(feature = "deliberate-overflow")]
    core::hint::black_box(core::hint::black_box(1u32) + core::hint::black_box(2));
    #[expect(clippy::empty_loop, reason = "the program is never run")]
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: nobody defines it: where a panic can be reached, the program does not link and nothing is ever called.
    unsafe extern "C" {
        safe fn flow_nostd_can_panic() -> !;
    }
    flow_nostd_can_panic()
}
