//! Prints the bits of what flow-nostd computes where there is an operating system, or a WebAssembly runtime that offers a
//! function to print a line.

#[cfg_attr(target_family = "wasm", path = "wasm.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "stdout.rs")]
mod output;

use output::Lines;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut scratch = [0.0; embedded::SCRATCH];
    let done = parity_report::report(&embedded::CASES, &mut scratch, &mut Lines::open());
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
