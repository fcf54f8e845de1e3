//! What the programs for real boards have in common: a frozen flow that answers lines, without the serial port.
//!
//! `FLOW_FILE` names the flow at build time; each board's `.cargo/config.toml` has one for when nothing else is said. The
//! protocol is that of `spec/line-protocol.md`; `firmware/serial` is the same program for emulated boards.
#![no_std]

use core::fmt::Write;
use flow_line::{Assembler, Memory, REQUEST, Responder};
use flow_nostd::{Flow, SensorState};
use static_cell::StaticCell;

flow_nostd::include_flow!(
    /// The frozen flow.
    mod model = env!("FLOW_FILE")
);

/// Bytes of the longest line: a row of 111 values.
pub const LONGEST: usize = 1024;
/// Most columns of a flow, and most channels of its windows.
pub const COLUMNS: usize = 64;
/// Bytes that hold any answer.
pub const ANSWER: usize = 256;

const _: () = assert!(model::COLUMNS <= COLUMNS, "the flow has more columns than COLUMNS: raise it");

/// All that the flow works in. It is no local variable, so that the linker says when a model is too large for the RAM; the
/// stack is beside it.
struct Ram {
    scratch: [f32; model::SCRATCH],
    window: [f32; model::WINDOW],
    values: [f32; 4 * COLUMNS],
    sensors: [SensorState; COLUMNS],
    assembler: Assembler<LONGEST>,
}

static RAM: StaticCell<Ram> = StaticCell::new();

/// The flow, and what it knows of lines and rows.
pub struct Answers {
    responder: Responder<'static>,
    assembler: &'static mut Assembler<LONGEST>,
}

impl Answers {
    /// Takes the memory, so it is to be called once, and says on `out` that the board has started. `None` where the file is
    /// damaged or takes more memory: `out` says why, in place of an answer, for the host to show.
    ///
    /// # Panics
    /// If it is called again.
    pub fn start(out: &mut impl Write) -> Option<Self> {
        let Ram { scratch, window, values, sensors, assembler } = RAM.init_with(|| Ram {
            scratch: [0.0; model::SCRATCH],
            window: [0.0; model::WINDOW],
            values: [0.0; 4 * COLUMNS],
            sensors: [SensorState::default(); COLUMNS],
            assembler: Assembler::new(REQUEST),
        });
        let memory = Memory { scratch, window, values, sensors };
        let flow = Flow::new(model::BYTES).map_err(|error| writeln!(out, "{error}")).ok()?;
        let responder = Responder::new(flow, memory, LONGEST).map_err(|unfit| writeln!(out, "{unfit}")).ok()?;
        // Whatever the port does, the board goes on; a host that misses a line asks again.
        let _ = responder.boot(out);
        Some(Answers { responder, assembler })
    }

    /// Takes a byte that came in. Where it ends a line, writes the answer.
    pub fn take(&mut self, byte: u8, out: &mut impl Write) {
        if let Some(received) = self.assembler.push(byte) {
            let _ = self.responder.answer(received, out);
        }
    }
}

/// Answers for ever, or stands still once it has said why it cannot. `read` waits for a byte and returns it, `out` sends.
pub fn serve(mut read: impl FnMut() -> u8, out: &mut impl Write) -> ! {
    let Some(mut answers) = Answers::start(out) else { stand_still() };
    loop {
        answers.take(read(), out);
    }
}

/// All that could be said has been.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    stand_still()
}

fn stand_still() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
