//! The engine for C and C++: `flow.h` declares what is defined here, and `docs/c.md` leads from a frozen file to a program.
//!
//! flow-nostd has no `unsafe` code; here is all that a C interface cannot do without. Every function checks what can be
//! checked of what it is given: a null pointer, one that is not aligned, a length that reaches beyond the address space or
//! is not the flow's, memory that is written and overlaps other memory, a handle that was never opened. Each is an error of
//! its own, and nothing is computed then.
//!
//! # Safety
//! What cannot be checked is the caller's promise, the same for all functions:
//! - a pointer that is neither null nor misaligned leads to as many values as its length says, and to one where there is no
//!   length;
//! - the file, and the memory that a handle was opened with, stay where they are, and only this library writes to them,
//!   until the handle is no longer used;
//! - of one handle, and of handles that share their memory, one call is on its way at a time: not one from an interrupt
//!   while the program is in another. A detector shares the memory of its model.
#![no_std]

// On a host, the standard library brings the panic handler.
#[cfg(not(target_os = "none"))]
extern crate std;

mod detector;
mod drift;
mod error;
mod handle;
mod memory;
mod model;
mod random;
mod window;

pub use detector::{
    FlowDetector, FlowSensor, FlowStatus, FlowVerdict, flow_blame, flow_detector_open, flow_verdict, flow_watch,
};
pub use drift::{FlowDrift, flow_drift_push};
pub use error::{FlowError, flow_error_text};
pub use model::{
    FlowModel, flow_columns, flow_context_length, flow_latent_length, flow_log_prob, flow_open, flow_scratch_length,
    flow_self_test, flow_to_data, flow_to_latent,
};
pub use random::{FlowRandom, flow_random_seed, flow_sample};
pub use window::{
    FlowWindow, flow_window_channels, flow_window_features, flow_window_open, flow_window_push, flow_window_push_at,
    flow_window_rows,
};

/// Never called: no function here can panic, and a test sees that it is not in the library. It has to be there to compile all
/// the same.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
