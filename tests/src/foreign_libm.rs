//! The engine with another libm in the place of the true one, `foreign-libm/`: a workspace that is written into the target
//! folder, because a patch holds for all of a workspace, and because the other libm asks the true one, wherever it lies.

use crate::case::Case;
use crate::tools::{self, write_if_new};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What the program says of a flow and a libm.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which of the cases.
    pub case: usize,
    /// The function that differs.
    pub function: String,
    /// How it differs: `true` for not at all, `rounded` correctly, `1/N` by the next float on one argument in N.
    pub way: String,
    /// Number of trials, each with other arguments.
    pub trials: usize,
    /// Trials in which the self-test fails.
    pub found: usize,
    /// Trials in which the log-density of a probe row has other bits.
    pub probes: usize,
    /// Trials in which the log-density of any of the case's rows has other bits.
    pub rows: usize,
}

/// Builds the program against the libm whose manifest is `libm`, and runs it on all cases.
///
/// # Errors
/// Where it cannot be built, fails or prints something else.
pub fn verdicts(libm: &Path, cases: &[Case]) -> Result<Vec<Verdict>, String> {
    let folder = tools::target_dir().join("foreign-libm");
    write_workspace(&folder, libm)?;
    let mut cargo = tools::cargo();
    cargo.current_dir(&folder).args(["build", "--quiet", "--target-dir"]).arg(&folder);
    let outcome = tools::run(&mut cargo, Duration::from_secs(600))?;
    if !outcome.status.success() {
        return Err(outcome.stderr);
    }
    let mut program = Command::new(folder.join("debug/foreign-libm"));
    program.current_dir(&folder);
    for (i, case) in cases.iter().enumerate() {
        let bytes = |rows: &[f32]| rows.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        write_if_new(&folder.join(format!("{i}/model.flow")), &case.flow)?;
        write_if_new(&folder.join(format!("{i}/probes.f32")), &bytes(&case.probes))?;
        write_if_new(&folder.join(format!("{i}/rows.f32")), &bytes(&case.rows))?;
        program.arg(i.to_string());
    }
    let outcome = tools::run(&mut program, Duration::from_secs(300))?;
    if !outcome.status.success() {
        return Err(outcome.stderr);
    }
    outcome.stdout.lines().map(|line| read(line).ok_or_else(|| format!("not as expected: {line}"))).collect()
}

fn read(line: &str) -> Option<Verdict> {
    let mut words = line.split(' ');
    Some(Verdict {
        case: words.next()?.parse().ok()?,
        function: words.next()?.to_string(),
        way: words.next()?.to_string(),
        trials: words.next()?.parse().ok()?,
        found: words.next()?.parse().ok()?,
        probes: words.next()?.parse().ok()?,
        rows: words.next()?.parse().ok()?,
    })
}

/// The workspace's manifests, which name the sources where they lie, and the lock file of the tests without libm.
fn write_workspace(folder: &Path, libm: &Path) -> Result<(), String> {
    let sources = tools::repository().join("tests/foreign-libm");
    let engine = tools::repository().join("flow-nostd");
    let published = libm.parent().ok_or("a manifest lies in a folder")?;
    let package = |name: &str, version: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\npublish = false\n")
    };
    // Later than any libm that is published, so that the engine gets this one, and this one the published one.
    let version = "0.2.999";
    let program = [
        "[workspace]\n".to_string(),
        package("foreign-libm", "0.1.0"),
        format!("[[bin]]\nname = \"foreign-libm\"\npath = {:?}\n", sources.join("main.rs")),
        format!("[dependencies]\nlibm = \"{version}\"\nflow-nostd = {{ path = {engine:?} }}\n"),
        "[patch.crates-io]\nlibm = { path = \"libm\" }\n".to_string(),
        "[profile.dev]\nopt-level = 2\n".to_string(),
    ];
    let other = [
        package("libm", version),
        format!("[lib]\npath = {:?}\n", sources.join("libm.rs")),
        format!("[dependencies]\npublished = {{ package = \"libm\", path = {published:?} }}\n"),
    ];
    write_if_new(&folder.join("Cargo.toml"), program.concat().as_bytes())?;
    write_if_new(&folder.join("libm/Cargo.toml"), other.concat().as_bytes())?;

    let lock = tools::repository().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let packages = lock.split("\n[[package]]\n").filter(|package| !package.starts_with("name = \"libm\"\n"));
    let lock: Vec<&str> = packages.flat_map(|package| [package, "\n[[package]]\n"]).collect();
    let lock = lock.split_last().map_or(String::new(), |(_, lock)| lock.concat());
    write_if_new(&folder.join("Cargo.lock"), lock.as_bytes())
}
