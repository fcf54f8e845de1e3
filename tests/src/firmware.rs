//! Builds the programs of `firmware/`, a workspace of its own, for a board or another target.

use crate::board::Board;
use crate::case::Case;
use crate::tools::{self, write_if_new};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A program of `firmware/` and how it is built.
#[derive(Clone, Debug, Default)]
pub struct Firmware {
    /// The cargo package.
    pub package: &'static str,
    /// Features, separated by commas.
    pub features: &'static str,
    /// The target triple.
    pub target: &'static str,
    /// `opt-level`; the release profile's where empty.
    pub opt_level: &'static str,
    /// `lto`; the release profile's where empty.
    pub lto: &'static str,
    /// Flags of the compiler beside those of `firmware/.cargo/config.toml`.
    pub flags: &'static str,
    /// Whether the compiler's own linker links, and no C compiler of the machine.
    pub own_linker: bool,
    /// Whether flow-nostd and the program are built with overflow checks.
    pub overflow_checks: bool,
    /// Environment variables of the build: what is embedded.
    pub env: Vec<(&'static str, PathBuf)>,
}

impl Firmware {
    /// The same program for a board: its target and memory map.
    pub fn board(mut self, board: &Board) -> Self {
        self.target = board.target;
        self.env.push(("FLOW_BOARD", board.machine.into()));
        self
    }

    /// The same program with a frozen flow and rows of its columns, one after another, kept in `target/firmware/NAME`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn embed(self, name: &str, flow: &[u8], rows: &[f32]) -> Result<Self, String> {
        self.embed_as("FLOW_FILE", name, "model.flow", flow)?.embed_as("FLOW_ROWS", name, "rows.f32", &bytes_of(rows))
    }

    /// The same program with these bytes, kept in `target/firmware/NAME/FILE`, whose path the environment variable holds.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn embed_as(mut self, variable: &'static str, name: &str, file: &str, bytes: &[u8]) -> Result<Self, String> {
        let path = tools::target_dir().join("firmware").join(name).join(file);
        write_if_new(&path, bytes)?;
        self.env.push((variable, path));
        Ok(self)
    }

    /// The same program with all these cases, kept in `target/firmware/NAME`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn embed_cases(mut self, name: &str, cases: &[Case]) -> Result<Self, String> {
        let folder = tools::target_dir().join("firmware").join(name);
        let mut expected = Vec::new();
        for (i, case) in cases.iter().enumerate() {
            let case_folder = folder.join(format!("{i:04}"));
            write_if_new(&case_folder.join("model.flow"), &case.flow)?;
            write_if_new(&case_folder.join("rows.f32"), &bytes_of(&case.rows))?;
            write_if_new(&case_folder.join("more.txt"), case.more.to_string().as_bytes())?;
            expected.push(case_folder);
        }
        // Cases of an earlier run.
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
            if !expected.contains(&entry.path()) {
                fs::remove_dir_all(entry.path()).map_err(|e| format!("{}: {e}", entry.path().display()))?;
            }
        }
        self.env.push(("FLOW_CASES", folder));
        Ok(self)
    }

    /// Builds the program and copies it to `target/firmware/NAME.program`, where no other build overwrites it.
    ///
    /// # Errors
    /// What the compiler or the linker said.
    pub fn build(&self, name: &str) -> Result<PathBuf, String> {
        let out = tools::target_dir().join("firmware");
        let folder = out.join(family(self.target));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        // Builds of one package write to one place: from here to the copy only one test at a time.
        let lock =
            File::create(folder.join("lock")).and_then(|f| f.lock().map(|()| f)).map_err(|e| format!("lock: {e}"))?;

        let mut cargo = tools::cargo();
        cargo.current_dir(tools::repository().join("firmware"));
        cargo.args(["build", "--locked", "--release", "--quiet", "--package", self.package, "--target", self.target]);
        cargo.arg("--target-dir").arg(&folder);
        if !self.features.is_empty() {
            cargo.args(["--features", self.features]);
        }
        if !self.opt_level.is_empty() {
            cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level);
        }
        if !self.lto.is_empty() {
            cargo.env("CARGO_PROFILE_RELEASE_LTO", self.lto);
        }
        let of_target =
            |what: &str| format!("CARGO_TARGET_{}_{what}", self.target.replace(['-', '.'], "_").to_uppercase());
        if self.own_linker {
            cargo.env(of_target("LINKER"), "rust-lld");
        }
        if !self.flags.is_empty() {
            cargo.env(of_target("RUSTFLAGS"), self.flags);
        }
        if self.overflow_checks {
            // Not of all crates: in others a sum that wraps may be meant.
            for package in ["flow-nostd", self.package] {
                cargo.args(["--config", &format!("profile.release.package.{package}.overflow-checks=true")]);
            }
        }
        cargo.envs(self.env.iter().map(|(k, v)| (k, v)));
        let outcome = tools::run(&mut cargo, Duration::from_secs(600))?;
        if !outcome.status.success() {
            return Err(outcome.stderr);
        }
        let program = out.join(format!("{name}.program"));
        let built = folder.join(self.target).join("release").join(self.package);
        let built = if self.target.starts_with("wasm32") { built.with_extension("wasm") } else { built };
        fs::copy(&built, &program).map_err(|e| format!("{}: {e}", built.display()))?;
        drop(lock);
        Ok(program)
    }
}

/// Targets of one family share what is built for the host, such as macros; those of two are built side by side.
pub fn family(target: &str) -> &'static str {
    match target {
        arm if arm.starts_with("thumb") && arm.ends_with("hf") => "thumb-fpu",
        arm if arm.starts_with("thumb") => "thumb",
        riscv if riscv.starts_with("riscv") => "riscv",
        _ => "other",
    }
}

fn bytes_of(rows: &[f32]) -> Vec<u8> {
    rows.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Whether the compiler has the target's core library; asks rustup for it where not.
///
/// # Errors
/// Says that it has not, and why it could not be had.
pub fn find_target(target: &str) -> Result<(), String> {
    // Tests run side by side: one asks rustup at a time, and nobody again for what it could not bring.
    static REFUSED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if has_target(target) {
        return Ok(());
    }
    let refusal = refused.entry(target.to_string()).or_insert_with(|| add_target(target));
    if has_target(target) { Ok(()) } else { Err(refusal.clone()) }
}

/// Asks rustup for a target, and returns what is to be said where it is still missing.
fn add_target(target: &str) -> String {
    match tools::run(Command::new("rustup").args(["target", "add", target]), Duration::from_secs(300)) {
        Ok(outcome) => format!("target {target} cannot be added: {}", outcome.stderr.trim()),
        Err(why) => format!("target {target} is not installed: {why}"),
    }
}

fn has_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    tools::run(&mut rustc, Duration::from_secs(60))
        .is_ok_and(|o| o.status.success() && PathBuf::from(o.stdout.trim()).is_dir())
}
