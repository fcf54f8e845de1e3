//! Lets the linker find this board's `memory.x` before that of the HAL, which is for a smaller chip.

use std::{env, fs, path::Path};

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("memory.x"), include_bytes!("memory.x")).expect("a folder to write to");
    println!("cargo::rustc-link-search={}", Path::new(&out).display());
    println!("cargo::rerun-if-changed=memory.x");
}
