//! The static library for C, and programs that are built with it.

use crate::firmware::find_target;
use crate::require::available;
use crate::tools;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the header lies.
pub fn include() -> PathBuf {
    tools::repository().join("firmware/flow-c/include")
}

/// `Some` where Arm's embedded gcc, make and the Rust target are there; otherwise the test is skipped or fails, see
/// [`crate::require`].
pub fn find_gcc(target: &str) -> Option<()> {
    let hint = "Debian's packages are gcc-arm-none-eabi and make";
    let found =
        ["arm-none-eabi-gcc", "arm-none-eabi-g++", "make"].iter().try_for_each(|gcc| tools::find_program(gcc, hint));
    available("gcc", found.and_then(|()| find_target(target)))
}

/// Builds the static library, and copies it to `target/c/TARGET-OPT_LEVEL/libflow_c.a`, where no other build overwrites it.
/// The release profile's level where `opt_level` is empty.
///
/// # Errors
/// What the compiler said.
pub fn build(target: &str, opt_level: &str) -> Result<PathBuf, String> {
    let out = tools::target_dir().join("c");
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let lock = File::create(out.join("lock")).and_then(|f| f.lock().map(|()| f)).map_err(|e| format!("lock: {e}"))?;
    let mut cargo = tools::cargo();
    cargo.current_dir(tools::repository().join("firmware"));
    cargo.args(["rustc", "--release", "--quiet", "--locked", "--package", "flow-c", "--crate-type", "staticlib"]);
    cargo.args(["--target", target, "--target-dir"]).arg(&out);
    if !opt_level.is_empty() {
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level);
    }
    let outcome = tools::run(&mut cargo, Duration::from_secs(600))?;
    if !outcome.status.success() {
        return Err(outcome.stderr);
    }
    let library = out.join(format!("{target}-{opt_level}")).join("libflow_c.a");
    tools::write_if_new(&library, &fs::read(out.join(target).join("release/libflow_c.a")).map_err(|e| e.to_string())?)?;
    drop(lock);
    Ok(library)
}

/// Runs a command in a folder.
///
/// # Errors
/// What it said where it failed.
pub fn run_in(folder: &Path, command: &mut Command) -> Result<String, String> {
    let outcome = tools::run(command.current_dir(folder), Duration::from_secs(300))?;
    match outcome.status.success() {
        true => Ok(outcome.stdout),
        false => Err(format!("{:?}: {}\n{}{}", command, outcome.status, outcome.stdout, outcome.stderr)),
    }
}
