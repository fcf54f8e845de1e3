//! Writes `memory.x`, the linker script that says where the board's flash and RAM lie.
//!
//! `FLOW_BOARD` names the board as QEMU does; a new board is a new row in [`BOARDS`].

use std::{env, fs, path::PathBuf};

/// Board, origin and length of its flash, origin and length of its RAM.
const BOARDS: &[(&str, &str, &str, &str, &str)] = &[("mps2-an386", "0x00000000", "4M", "0x20000000", "4M")];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FLOW_BOARD");
    let board = env::var("FLOW_BOARD").unwrap_or_else(|_| BOARDS[0].0.to_string());
    let Some((_, flash, flash_length, ram, ram_length)) = BOARDS.iter().find(|b| b.0 == board) else {
        let known: Vec<_> = BOARDS.iter().map(|b| b.0).collect();
        panic!("FLOW_BOARD={board} is not known; known are {}", known.join(", "));
    };
    let script = format!(
        "MEMORY\n{{\n  FLASH : ORIGIN = {flash}, LENGTH = {flash_length}\n  RAM : ORIGIN = {ram}, LENGTH = {ram_length}\n}}\n"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), script).expect("write memory.x");
    println!("cargo:rustc-link-search={}", out.display());
}
