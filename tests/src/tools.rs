//! Runs other programs: with a time limit, and with what they printed in the error.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a program to its end, or kills it.
///
/// # Errors
/// Where it cannot be started, or takes longer than `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Outcome, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{name} cannot be started: {e}"))?;
    let stdout = read_aside(child.stdout.take());
    let stderr = read_aside(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|e| format!("{name}: {e}"))? {
            Some(status) => break Some(status),
            None if start.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = |reader: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    match status {
        Some(status) => Ok(Outcome { status, stdout, stderr }),
        None => Err(format!("{name} took longer than {limit:?}; it had printed:\n{stdout}\n{stderr}")),
    }
}

fn read_aside(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Whether the program answers to `--version`.
///
/// # Errors
/// Says that it does not, and how to get it.
pub fn find_program(name: &str, hint: &str) -> Result<(), String> {
    match run(Command::new(name).arg("--version"), Duration::from_secs(20)) {
        Ok(outcome) if outcome.status.success() => Ok(()),
        _ => Err(format!("{name} is not installed; {hint}")),
    }
}

/// Cargo's target folder, found from where the running test lies (`target/debug/deps/test`).
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    test.ancestors().nth(3).expect("a test lies in target/PROFILE/deps").to_path_buf()
}

/// Writes a file, or leaves it alone where nothing changed, so that nothing is built again.
///
/// # Errors
/// Where it cannot be written.
pub fn write_if_new(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)).map_err(|e| format!("{}: {e}", path.display()))
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the repository")
}

/// The cargo that runs the tests, for another workspace than theirs: flags and a target that are meant for the host would
/// replace those of its `.cargo/config.toml`.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for meant_for_the_host in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(meant_for_the_host);
    }
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed() {
        let error = run(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.contains("longer"), "{error}");
    }

    #[test]
    fn a_program_that_is_missing_says_how_to_get_it() {
        let error = find_program("no-such-program", "install it").unwrap_err();
        assert_eq!(error, "no-such-program is not installed; install it");
    }
}
