//! A firmware that answers rows over its serial port: `flow-export board` and `flow-export watch` speak to it, in the line
//! protocol of `spec/line-protocol.md`.
//!
//! ```sh
//! cargo build --release -p serial
//! qemu-system-arm -machine mps2-an386 -nographic -monitor none -serial pty -kernel target/thumbv7em-none-eabihf/release/serial
//! ```
//!
//! QEMU says which pseudo-terminal it is: that is the port. `SERIAL_FLOW` names the frozen flow at build time; without it, it
//! is the small one over windows of `firmware/detect`.
//!
//! For another board, `uart` is what changes: a byte in, a byte out. Nothing here goes through a debug probe.
#![no_std]
#![no_main]

#[cfg_attr(target_arch = "arm", path = "cmsdk.rs")]
#[cfg_attr(target_arch = "riscv32", path = "ns16550.rs")]
mod uart;

use core::fmt::{self, Write};
use flow_line::{Assembler, Memory, REQUEST, Responder};
use flow_nostd::{Flow, SensorState};
use uart::Uart;

flow_nostd::include_flow!(mod model = env!("SERIAL_FLOW"));

/// Bytes of the longest line: a row of 111 values.
const LONGEST: usize = 1024;
/// Most columns of a flow, and most channels of its windows.
const COLUMNS: usize = 64;

const _: () = assert!(model::COLUMNS <= COLUMNS, "the flow has more columns than COLUMNS: raise it");

#[board::entry]
fn main() -> ! {
    let mut uart = Uart::start();
    let (mut scratch, mut window) = ([0.0; model::SCRATCH], [0.0; model::WINDOW]);
    let (mut values, mut sensors) = ([0.0; 4 * COLUMNS], [SensorState::default(); COLUMNS]);
    let memory = Memory { scratch: &mut scratch, window: &mut window, values: &mut values, sensors: &mut sensors };
    let flow = Flow::new(model::BYTES).expect("a flow that is whole");
    let mut responder = Responder::new(flow, memory, LONGEST).expect("memory for the flow: raise COLUMNS");
    let mut assembler = Assembler::<LONGEST>::new(REQUEST);
    // A port takes whatever is written to it.
    let _ = responder.boot(&mut uart);
    loop {
        if let Some(received) = assembler.push(uart.read()) {
            let _ = responder.answer(received, &mut uart);
        }
    }
}

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.write(byte));
        Ok(())
    }
}

/// Says what is wrong, in place of an answer, and stands still: the host sees it, and that nothing follows.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Uart::start(), "{info}");
    loop {
        core::hint::spin_loop();
    }
}
