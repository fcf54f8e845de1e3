//! The programs for real boards, each a workspace of its own in `firmware/boards`, compile without a warning. No board is needed
//! for that, but their HALs take minutes: `.ci/boards` runs it, `.ci/run` does not.

use flow_tests::firmware::find_target;
use flow_tests::tools::{cargo, repository, run};
use std::fs;
use std::path::Path;
use std::time::Duration;

#[test]
#[ignore = "a long test: compiles the HALs of real boards"]
fn programs_for_real_boards_compile_without_a_warning() {
    let mut boards = 0;
    for folder in fs::read_dir(repository().join("firmware/boards")).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(config) = fs::read_to_string(folder.join(".cargo/config.toml")) else { continue };
        boards += 1;
        let target = config.lines().find_map(|line| line.strip_prefix("target = ")).expect("a target");
        find_target(target.trim_matches('"')).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
        succeed(&folder, "fmt --check");
        // The lints of each Cargo.toml deny warnings.
        succeed(&folder, "clippy --locked --release");
        succeed(&folder, "build --locked --release");
        if folder.ends_with("nucleo-f401re") {
            succeed(&folder, "clippy --locked --release --no-default-features --features f446");
        }
    }
    assert_eq!(boards, 4);
}

fn succeed(folder: &Path, arguments: &str) {
    println!("{}: cargo {arguments}", folder.display());
    let mut cargo = cargo();
    cargo.args(arguments.split(' ')).current_dir(folder).env_remove("CARGO_TARGET_DIR");
    let outcome = run(&mut cargo, Duration::from_secs(1800)).unwrap();
    assert!(outcome.status.success(), "{}: cargo {arguments}\n{}", folder.display(), outcome.stderr);
}
