//! Two files for the linker.
//!
//! The linker script of esp-hal has another name than those of cortex-m-rt and riscv-rt, whose name
//! firmware/.cargo/config.toml says: `link.x` is one by that name, which includes it.
//!
//! esp-rom-sys puts the float routines of the boot ROM in the place of those that come with Rust, by a list of addresses that
//! its linker script includes. Whether they round as IEEE 754 says is not known here, so an empty list goes before that one,
//! and bits are equal for the same reason as everywhere (`docs/equal-bits.md`). Should the other list be found first after all,
//! the program does not link.

use std::{env, fs, path::Path};

/// The boot ROM ends below this address, and memory for programs begins above it.
const LINK: &str = r#"INCLUDE "linkall.x"
ASSERT(__addsf3 > 0x40060000 && __mulsf3 > 0x40060000 && __divsf3 > 0x40060000, "ERROR: floats of the boot ROM, see build.rs");
"#;

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let out = Path::new(&out);
    let write = |name: &str, text: &str| fs::write(out.join(name), text).expect("a folder to write to");
    fs::create_dir_all(out.join("rom")).expect("a folder to write to");
    write("link.x", LINK);
    write("rom/esp32c3.rom.libgcc.ld", "/* Nothing: see build.rs. */\n");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed=build.rs");
}
