//! Emulated boards: builds a program for one, runs it under QEMU and reads what it printed.

use crate::firmware::{Firmware, find_target};
use crate::report::Report;
use crate::require::available;
use crate::tools;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A board that QEMU emulates.
#[derive(Debug)]
pub struct Board {
    /// The name that QEMU and `firmware/board` know it by.
    pub machine: &'static str,
    /// The program that emulates it.
    pub emulator: &'static str,
    /// The Rust target of its core.
    pub target: &'static str,
    /// Arguments after which instruction counts repeat exactly.
    pub count: &'static [&'static str],
}

/// Cortex-M4F.
pub const MPS2_AN386: Board = Board {
    machine: "mps2-an386",
    emulator: "qemu-system-arm",
    target: "thumbv7em-none-eabihf",
    count: &["-icount", "shift=7"],
};

/// Longest that an emulated program may run.
const LIMIT: Duration = Duration::from_secs(300);

impl Board {
    /// `Some` where the board's emulator and target are there; otherwise the test is skipped or fails, see
    /// [`crate::require`].
    pub fn find(&self) -> Option<&Self> {
        let emulator = tools::find_program(self.emulator, "Debian's packages are qemu-system-arm and qemu-system-misc");
        available("qemu", emulator.and_then(|()| find_target(self.target)).map(|()| self))
    }

    /// Runs a program until it exits with success, and returns what it printed.
    ///
    /// # Errors
    /// Where it takes too long or exits with failure.
    pub fn run(&self, elf: &Path) -> Result<String, String> {
        let mut emulator = Command::new(self.emulator);
        emulator.args(["-machine", self.machine, "-nographic", "-semihosting-config", "enable=on,target=native"]);
        emulator.args(self.count).arg("-kernel").arg(elf);
        let outcome = tools::run(&mut emulator, LIMIT)?;
        match outcome.status.success() {
            true => Ok(outcome.stdout),
            false => Err(format!("{}: {}\n{}{}", self.machine, outcome.status, outcome.stdout, outcome.stderr)),
        }
    }

    /// What flow-nostd computes on the board from a frozen flow and rows of its columns, one after the other.
    ///
    /// # Errors
    /// Where the program cannot be built, fails or prints something else.
    pub fn compute(&self, name: &str, flow: &[u8], rows: &[f32]) -> Result<Report, String> {
        let program = Firmware { package: "parity", ..Firmware::default() };
        let elf = program.embed(name, flow, rows)?.board(self).build(&format!("{name}-{}", self.machine))?;
        Report::parse(&self.run(&elf)?)
    }
}
