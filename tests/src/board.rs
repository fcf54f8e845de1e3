//! Emulated boards: builds a program for one, runs it under QEMU and reads what it printed.

use crate::case::Case;
use crate::firmware::{Firmware, find_target};
use crate::report::Report;
use crate::require::available;
use crate::tools;
use flow_export::cost::InstructionSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A board that QEMU emulates. Its memory map is in `firmware/board/build.rs`.
#[derive(Debug)]
pub struct Board {
    /// Its core, by which the tests name the board.
    pub core: &'static str,
    /// The name that QEMU and `firmware/board` know it by.
    pub machine: &'static str,
    /// The program that emulates it.
    pub emulator: &'static str,
    /// Further arguments of that program: after them instruction counts repeat exactly.
    pub options: &'static [&'static str],
    /// The Rust target of its core.
    pub target: &'static str,
    /// Whether the core computes f32 itself.
    pub has_fpu: bool,
    /// Bytes of cases that fit into its flash beside the program.
    pub room: usize,
}

/// Cortex-M4F, the board of the tests that need only one.
pub const MPS2_AN386: Board = arm("Cortex-M4F", "mps2-an386", "thumbv7em-none-eabihf", true, 3900);

/// RISC-V without an FPU.
pub const RV32IMAC: Board = riscv("RV32IMAC", "riscv32imac-unknown-none-elf", false);

/// RISC-V with an FPU.
pub const RV32IMAFC: Board = riscv("RV32IMAFC", "riscv32imafc-unknown-none-elf", true);

/// All boards.
pub const BOARDS: [Board; 8] = [
    MPS2_AN386,
    arm("Cortex-M0", "microbit", "thumbv6m-none-eabi", false, 160),
    arm("Cortex-M3", "mps2-an385", "thumbv7m-none-eabi", false, 3900),
    arm("Cortex-M7", "mps2-an500", "thumbv7em-none-eabihf", true, 3900),
    arm("Cortex-M33", "mps2-an505", "thumbv8m.main-none-eabihf", true, 3900),
    // Without MVE, whose vectors flush subnormals to zero.
    arm("Cortex-M55", "mps3-an547", "thumbv8m.main-none-eabihf", true, 400),
    RV32IMAC,
    RV32IMAFC,
];

const fn arm(core: &'static str, machine: &'static str, target: &'static str, has_fpu: bool, room_kib: usize) -> Board {
    let options = &["-icount", "shift=7"];
    Board { core, machine, emulator: "qemu-system-arm", options, target, has_fpu, room: 1024 * room_kib }
}

const fn riscv(core: &'static str, target: &'static str, has_fpu: bool) -> Board {
    let options = &["-bios", "none", "-icount", "shift=0"];
    Board { core, machine: "virt", emulator: "qemu-system-riscv32", options, target, has_fpu, room: 3900 * 1024 }
}

/// Longest that an emulated program may run.
const LIMIT: Duration = Duration::from_secs(900);

impl Board {
    /// What the engine is compiled to for its core.
    ///
    /// # Panics
    /// For a target of which flow-export does not know what it takes.
    pub fn instruction_set(&self) -> InstructionSet {
        let set = InstructionSet::ALL.into_iter().find(|set| set.target() == self.target);
        set.unwrap_or_else(|| panic!("{} is no target of flow_export::cost", self.target))
    }

    /// `Some` where the board's emulator and target are there; otherwise the test is skipped or fails, see
    /// [`crate::require`].
    pub fn find(&self) -> Option<&Self> {
        let emulator = tools::find_program(
            self.emulator,
            "Debian's packages are qemu-system-arm, qemu-system-misc and, from Debian 13 on, qemu-system-riscv",
        );
        let found = emulator.and_then(|()| find_target(self.target)).map(|()| self);
        available("qemu", found.map_err(|missing| format!("{}: {missing}", self.core)))
    }

    /// Runs a program until it exits with success, and returns what it printed.
    ///
    /// # Errors
    /// Where it takes too long or exits with failure.
    pub fn run(&self, program: &Path) -> Result<String, String> {
        let mut emulator = Command::new(self.emulator);
        emulator.args(["-machine", self.machine, "-nographic", "-semihosting-config", "enable=on,target=native"]);
        emulator.args(self.options).arg("-kernel").arg(program);
        let outcome = tools::run(&mut emulator, LIMIT)?;
        match outcome.status.success() {
            true => Ok(outcome.stdout),
            false => Err(format!("{}: {}\n{}{}", self.core, outcome.status, outcome.stdout, outcome.stderr)),
        }
    }

    /// What flow-nostd computes on the board.
    ///
    /// # Errors
    /// Where the program cannot be built, fails or prints something else.
    pub fn compute(&self, name: &str, cases: &[Case]) -> Result<Vec<Report>, String> {
        self.compute_with(name, cases, Firmware::default())
    }

    /// The same with as many programs as it takes for all cases that fit into the flash at all; those that do not are left
    /// out, and their places are `None`.
    ///
    /// # Errors
    /// As for [`compute`](Self::compute).
    pub fn compute_by_parts(&self, name: &str, cases: &[Case]) -> Result<Vec<Option<Report>>, String> {
        let size = |case: &Case| case.flow.len() + size_of_val(&case.rows[..]) + 64;
        let mut reports = Vec::new();
        let mut rest = cases;
        while let Some(first) = rest.first() {
            let mut room = self.room;
            let fits = |case: &&Case| {
                let left = room.checked_sub(size(case));
                room = left.unwrap_or(0);
                left.is_some()
            };
            let (part, after) = rest.split_at(rest.iter().take_while(fits).count());
            if part.is_empty() {
                println!("{} is too large for the {}'s flash", first.name, self.core);
                reports.push(None);
                rest = &rest[1..];
            } else {
                reports.extend(self.compute(name, part)?.into_iter().map(Some));
                rest = after;
            }
        }
        Ok(reports)
    }

    /// The same with a program that is optimised as `build` says.
    ///
    /// # Errors
    /// Where the program cannot be built, fails or prints something else.
    pub fn compute_with(&self, name: &str, cases: &[Case], build: Firmware) -> Result<Vec<Report>, String> {
        let program = Firmware { package: "parity", ..build };
        let name = format!("{name}-{}", self.core);
        let program = program.embed_cases(&name, cases)?.board(self).build(&name)?;
        Report::parse(&self.run(&program)?)
    }
}
