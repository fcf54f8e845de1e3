//! Writes `memory.x`, the linker script that says where the board's flash and RAM lie.
//!
//! `FLOW_BOARD` names the board as QEMU does; a new board is a new row in [`BOARDS`].

use std::{env, fs, path::PathBuf};

/// A board's memory and clock.
struct Board {
    name: &'static str,
    /// Origin and length.
    flash: (&'static str, &'static str),
    ram: (&'static str, &'static str),
    /// Frequency of SysTick as QEMU has it; 0 on cores that have none.
    systick_hz: u32,
}

#[rustfmt::skip]
const BOARDS: &[Board] = &[
    Board { name: "mps2-an386", flash: ("0x00000000", "4M"), ram: ("0x20000000", "4M"), systick_hz: 25_000_000 },
    Board { name: "mps2-an385", flash: ("0x00000000", "4M"), ram: ("0x20000000", "4M"), systick_hz: 25_000_000 },
    Board { name: "mps2-an500", flash: ("0x00000000", "4M"), ram: ("0x20000000", "4M"), systick_hz: 25_000_000 },
    Board { name: "mps2-an505", flash: ("0x10000000", "4M"), ram: ("0x38000000", "4M"), systick_hz: 20_000_000 },
    Board { name: "mps3-an547", flash: ("0x00000000", "512K"), ram: ("0x20000000", "512K"), systick_hz: 32_000_000 },
    Board { name: "microbit", flash: ("0x00000000", "256K"), ram: ("0x20000000", "16K"), systick_hz: 16_000_000 },
    // All of it RAM, from which the program runs.
    Board { name: "virt", flash: ("0x80000000", "4M"), ram: ("0x80400000", "4M"), systick_hz: 0 },
];

/// Names that riscv-rt's linker script has for the two memories.
const RISCV_REGIONS: &str = r#"REGION_ALIAS("REGION_TEXT", FLASH);
REGION_ALIAS("REGION_RODATA", FLASH);
REGION_ALIAS("REGION_DATA", RAM);
REGION_ALIAS("REGION_BSS", RAM);
REGION_ALIAS("REGION_HEAP", RAM);
REGION_ALIAS("REGION_STACK", RAM);
"#;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FLOW_BOARD");
    let name = env::var("FLOW_BOARD").unwrap_or_else(|_| BOARDS[0].name.to_string());
    let Some(board) = BOARDS.iter().find(|b| b.name == name) else {
        let known: Vec<_> = BOARDS.iter().map(|b| b.name).collect();
        panic!("FLOW_BOARD={name} is not known; known are {}", known.join(", "));
    };
    let Board { flash, ram, .. } = board;
    let mut script = format!(
        "MEMORY\n{{\n  FLASH : ORIGIN = {}, LENGTH = {}\n  RAM : ORIGIN = {}, LENGTH = {}\n}}\n",
        flash.0, flash.1, ram.0, ram.1
    );
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "riscv32") {
        script += RISCV_REGIONS;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), script).expect("write memory.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-env=SYSTICK_HZ={}", board.systick_hz);
}
