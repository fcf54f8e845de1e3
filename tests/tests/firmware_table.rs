//! The table of docs/boards.md: what each program of `firmware/` takes. It prints it, in Markdown:
//! `cargo test -p flow-tests --test firmware_table -- --ignored --nocapture`. `.ci/boards` builds the programs for real boards
//! first; one that is not there is said.

use flow_export::cost::{InstructionSet, Work};
use flow_export::frozen::Frozen;
use flow_tests::board::{Board, MPS2_AN386, RV32IMAC};
use flow_tests::c_library::{build, find_gcc, include, run_in};
use flow_tests::firmware::Firmware;
use flow_tests::machine_code::{Memory, memory};
use flow_tests::tools::{repository, target_dir};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a row of the table says.
struct Program {
    name: &'static str,
    core: &'static str,
    opt_level: &'static str,
    elf: Vec<u8>,
    /// The model, and what else the flash holds for the example's sake: bytes.
    model: &'static str,
    rows: u64,
    /// Measured bytes of stack.
    stack: Option<u64>,
    /// Counted instructions of a verdict; otherwise they are estimated for this set.
    verdict: Result<u64, InstructionSet>,
}

const WINDOWED: &str = "firmware/detect/machine.flow";
const CALIBRATED: &str = "spec/calibrated.flow";

#[test]
#[ignore = "prints a table: builds every example"]
fn the_table_of_what_firmware_takes() {
    let programs = [detect(), serial(&MPS2_AN386), serial(&RV32IMAC), c_example()].into_iter().flatten();
    let programs: Vec<Program> = programs.chain(REAL.iter().filter_map(real)).collect();
    assert!(!programs.is_empty(), "none of the programs can be built here");
    println!(
        "| program | core | opt-level | flash without model | with it | RAM, static | stack | instructions a verdict |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for program in programs {
        println!("{}", program.line());
    }
}

impl Program {
    fn line(&self) -> String {
        let Memory { flash, ram } = memory(&self.elf).unwrap();
        let file = Frozen::read(&repository().join(self.model)).unwrap();
        let model = file.bytes().len() as u64;
        let engine = flash - model - self.rows;
        let stack = self.stack.map_or("not measured".into(), thousands);
        let verdict = match self.verdict {
            Ok(counted) => thousands(counted),
            Err(set) => format!("~{}", thousands(Work::of(&file.flow().unwrap()).on(set).verdict)),
        };
        let cells = [thousands(engine), thousands(engine + model), thousands(ram), stack, verdict];
        format!("| {} | {} | {} | {} |", self.name, self.core, self.opt_level, cells.join(" | "))
    }
}

/// It says itself what it takes.
fn detect() -> Option<Program> {
    let board = MPS2_AN386.find()?;
    let program = Firmware { package: "detect", ..Firmware::default() }.board(board).build("detect-table").unwrap();
    let said = board.run(&program).unwrap();
    let number = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_else(|| panic!("{what} in\n{said}"));
        line.split(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    Some(Program {
        name: "`firmware/detect`",
        core: board.core,
        opt_level: "3",
        elf: fs::read(program).unwrap(),
        model: WINDOWED,
        rows: fs::metadata(repository().join("firmware/detect/rows.csv")).unwrap().len(),
        stack: Some(number("# stack: ")),
        verdict: Ok(number("# a row: ")),
    })
}

fn serial(board: &'static Board) -> Option<Program> {
    let board = board.find()?;
    let name = format!("serial-table-{}", board.core);
    let program = Firmware { package: "serial", ..Firmware::default() }.board(board).build(&name).unwrap();
    Some(Program {
        name: "`firmware/serial`",
        core: board.core,
        opt_level: "3",
        elf: fs::read(program).unwrap(),
        model: WINDOWED,
        rows: 0,
        stack: None,
        verdict: Err(board.instruction_set()),
    })
}

fn c_example() -> Option<Program> {
    find_gcc(MPS2_AN386.target)?;
    let folder = target_dir().join("c/table");
    let mut make = Command::new("make");
    let library = build(MPS2_AN386.target, "s").unwrap();
    for (variable, path) in [("INCLUDE", include()), ("LIBRARY", library), ("BUILD", folder.clone())] {
        make.arg(format!("{variable}={}", path.display()));
    }
    let elf = folder.join("example.elf");
    run_in(&repository().join("firmware/c-example"), make.arg(&elf)).unwrap();
    Some(Program {
        name: "`firmware/c-example`",
        core: MPS2_AN386.core,
        opt_level: "s",
        elf: fs::read(elf).unwrap(),
        model: CALIBRATED,
        rows: 0,
        stack: None,
        verdict: Err(InstructionSet::Armv7EM),
    })
}

/// The programs for real boards: folder, core, target and what the engine is compiled to.
const REAL: [(&str, &str, &str, InstructionSet); 4] = [
    ("nucleo-f401re", "Cortex-M4F", "thumbv7em-none-eabihf", InstructionSet::Armv7EM),
    ("pico", "Cortex-M0+", "thumbv6m-none-eabi", InstructionSet::Armv6M),
    ("esp32-c3", "RV32IMC", "riscv32imc-unknown-none-elf", InstructionSet::Rv32imac),
    ("nrf52840-dk", "Cortex-M4F", "thumbv7em-none-eabihf", InstructionSet::Armv7EM),
];

fn real(&(name, core, target, set): &(&'static str, &'static str, &str, InstructionSet)) -> Option<Program> {
    let folder = repository().join("firmware/boards").join(name);
    let built = |triple: &str| fs::read(folder.join("target").join(triple).join("release").join(Path::new(name)));
    let Ok(elf) = built(target) else {
        println!("firmware/boards/{name} is not built: .ci/boards builds it");
        return None;
    };
    Some(Program { name, core, opt_level: "s", elf, model: WINDOWED, rows: 0, stack: None, verdict: Err(set) })
}

/// A number with commas.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let place = |(i, digit): (usize, char)| match i > 0 && (digits.len() - i).is_multiple_of(3) {
        true => format!(",{digit}"),
        false => digit.to_string(),
    };
    digits.chars().enumerate().map(place).collect()
}
