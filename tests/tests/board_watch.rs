//! `flow-export watch --port` as a user types it, with an emulated board behind a pseudo-terminal: the verdicts are those of
//! this machine, each as soon as its row has been sent; a reset is said, and so is a cable that is pulled or cut, upon which
//! the command ends. `cargo test -p flow-tests --test board_watch -- --nocapture` prints what it says.
#![cfg(target_os = "linux")]

use flow_tests::board::MPS2_AN386;
use flow_tests::serial::{Cable, Port, program};
use flow_tests::tools::{self, Outcome};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A flow over windows, and 300 rows of its channels.
const MODEL: &str = "firmware/detect/machine.flow";
const ROWS: &str = "firmware/detect/rows.csv";
/// Much longer than any of it takes: whoever is still running then hangs.
const LIMIT: Duration = Duration::from_secs(300);

fn path(file: &str) -> PathBuf {
    tools::repository().join(file)
}

/// Watches the rows, with these arguments besides.
fn watch(arguments: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_export"));
    command.arg("watch").args([path(MODEL), "--data".into(), path(ROWS)]).args(arguments);
    let start = Instant::now();
    let outcome = tools::run(&mut command, LIMIT).unwrap();
    println!("{arguments:?}: {}, {:.1} s\n{}", outcome.status, start.elapsed().as_secs_f64(), outcome.stderr);
    outcome
}

/// The same with a board at the other end of this cable; its port's name comes with it.
fn watch_on(cable: Cable, timeout: &str) -> Option<(Outcome, String)> {
    let port = Port::of(&MPS2_AN386, &program(&MPS2_AN386, MODEL)?, cable).unwrap();
    let name = port.path().to_str().unwrap().to_string();
    Some((watch(&["--port", &name, "--timeout", timeout]), name))
}

/// What this machine says of the rows: a line for each verdict, after the header.
fn here() -> String {
    let outcome = watch(&[]);
    assert!(outcome.status.success() && outcome.stdout.lines().count() == 1 + 266, "{}", outcome.stdout);
    outcome.stdout
}

#[test]
fn the_boards_verdicts_are_those_of_this_machine() {
    for cable in [Cable::Good, Cable::Noisy { every: 500, seed: 1 }] {
        let Some((there, _)) = watch_on(cable, "5s") else { return };
        assert!(there.status.success(), "{cable:?}: {}", there.stderr);
        assert_eq!(there.stdout, here(), "{cable:?}");
    }
    // There was something to see.
    assert!(here().lines().any(|line| line.split(',').nth(3) == Some("1")), "no alarm");
}

#[test]
fn a_reset_is_said_and_watching_goes_on() {
    let Some((there, _)) = watch_on(Cable::Reset { row: 77 }, "20s") else { return };
    assert!(there.status.success(), "{}", there.stderr);
    assert!(there.stderr.contains("the board has started anew before row 77"), "{}", there.stderr);
    // Its window begins anew, and is whole again 11 rows later.
    let rows = |text: &str| -> Vec<usize> {
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
    };
    let expected: Vec<usize> = rows(&here()).into_iter().filter(|row| !(77..88).contains(row)).collect();
    assert_eq!(rows(&there.stdout), expected);
}

#[test]
fn a_cable_that_is_pulled_or_cut_is_said_and_ends_it() {
    for (cable, words) in [
        (Cable::Pulled { row: 120 }, "cable"),
        (Cable::Cut { row: 120 }, "no answer any more, 3 times within 3s: was the cable pulled"),
    ] {
        let Some((there, port)) = watch_on(cable, "3s") else { return };
        assert_eq!(there.status.code(), Some(1), "{cable:?}: {}", there.stderr);
        assert!(there.stderr.contains(words) && there.stderr.contains(&port), "{cable:?}: {}", there.stderr);
        // What came before it was shown and summed up, and nothing else.
        assert!(there.stderr.contains(&format!("on {port}: ")), "{cable:?}: {}", there.stderr);
        let shown = there.stdout.lines().count();
        let before =
            |line: &str| line.split(',').next().is_none_or(|row| row.parse().is_ok_and(|row: usize| row < 120));
        assert_eq!(shown, 1 + here().lines().filter(|line| before(line)).count(), "{cable:?}: {}", there.stdout);
        assert!(here().starts_with(&there.stdout), "{cable:?}: {}", there.stdout);
    }
}
