//! The linker script has another name than in cortex-m-rt and riscv-rt, whose name firmware/.cargo/config.toml says: this is
//! one by that name, which includes it.

use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("link.x"), "INCLUDE \"linkall.x\"\n").expect("a folder to write to");
    println!("cargo::rustc-link-search={}", Path::new(&out).display());
    println!("cargo::rerun-if-changed=build.rs");
}
