//! Boards at a serial port: `flow-export board` finds emulated ones right, to the last bit, on a good cable and on a bad one;
//! and says what is wrong where the board is reset, the cable is pulled, or the port is not a board's.
//! `cargo test -p flow-tests --test board_serial -- --nocapture` prints what it says.
#![cfg(target_os = "linux")]

use flow_export::board::{Checked, check};
use flow_export::frozen::Frozen;
use flow_tests::board::{MPS2_AN386, RV32IMAC};
use flow_tests::serial::{Cable, Port, program};
use flow_tests::tools;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const WINDOWED: &str = "firmware/detect/machine.flow";
const CALIBRATED: &str = "spec/calibrated.flow";
/// Long, for machines that have other things to do; an answer that was lost costs it whole.
const TIMEOUT: Duration = Duration::from_secs(5);

fn path(file: &str) -> PathBuf {
    tools::repository().join(file)
}

fn checked(flow: &str, rows: &Path, port: &Path, timeout: Duration) -> Result<Checked, String> {
    let frozen = Frozen::read(&path(flow)).unwrap();
    let checked = check(&frozen, &[rows.display().to_string()], vec![], port, 115_200, timeout);
    match &checked {
        Ok(checked) => println!("{checked}"),
        Err(error) => println!("{error}"),
    }
    checked.map_err(|error| error.to_string())
}

/// Rows of four columns, usual and odd ones, with a failed reading here and there.
fn four_columns(folder: &Path) -> PathBuf {
    let mut text = String::from("flow,state,count,temperature\n");
    for i in 0..200 {
        let flow = if i % 17 == 3 { String::new() } else { format!("{}", 1.25 + 0.05 * f64::from(i % 9)) };
        let temperature = if i % 40 == 7 { 3e5 } else { -30.0 + 0.1 * f64::from(i % 5) };
        writeln!(text, "{flow},{},{},{temperature}", 2 + i % 3, 15 + i % 4).unwrap();
    }
    fs::write(folder.join("rows.csv"), text).unwrap();
    folder.join("rows.csv")
}

fn right(checked: &Checked) {
    assert!(checked.is_right() && checked.different == 0 && checked.self_test == "passed", "{checked}");
}

#[test]
fn a_cortex_m4f_is_right_row_by_row() {
    let Some(program) = program(&MPS2_AN386, WINDOWED) else { return };
    let port = Port::of(&MPS2_AN386, &program, Cable::Good).unwrap();
    for _ in 0..2 {
        // A second host finds the board as the first one left it.
        let checked = checked(WINDOWED, &path("firmware/detect/rows.csv"), port.path(), TIMEOUT).unwrap();
        right(&checked);
        assert_eq!((checked.rows, checked.verdicts, checked.line.damaged), (300, 266, 0));
    }
    // Which of the two files is it that the board has?
    let folder = tempfile::tempdir().unwrap();
    let said = checked(CALIBRATED, &four_columns(folder.path()), port.path(), TIMEOUT).unwrap_err();
    let id = |flow| Frozen::read(&path(flow)).unwrap().flow().unwrap().model_id_hex();
    assert!(said.contains(&*id(WINDOWED)) && said.contains(&*id(CALIBRATED)), "{said}");
}

#[test]
fn a_risc_v_core_is_right_row_by_row() {
    let Some(program) = program(&RV32IMAC, CALIBRATED) else { return };
    let port = Port::of(&RV32IMAC, &program, Cable::Good).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checked = checked(CALIBRATED, &four_columns(folder.path()), port.path(), TIMEOUT).unwrap();
    right(&checked);
    assert_eq!((checked.rows, checked.verdicts, checked.line.damaged), (200, 200, 0));
}

#[test]
fn noise_costs_time_and_no_bit() {
    let Some(program) = program(&MPS2_AN386, WINDOWED) else { return };
    let port = Port::of(&MPS2_AN386, &program, Cable::Noisy { every: 500, seed: 1 }).unwrap();
    let checked = checked(WINDOWED, &path("firmware/detect/rows.csv"), port.path(), TIMEOUT).unwrap();
    right(&checked);
    assert!(checked.line.resent > 10 && checked.line.damaged > 10, "{checked}");
}

#[test]
fn a_reset_in_the_middle_of_a_row_is_seen() {
    for (board, flow) in [(&MPS2_AN386, WINDOWED), (&RV32IMAC, CALIBRATED)] {
        let Some(program) = program(board, flow) else { continue };
        let port = Port::of(board, &program, Cable::Reset { row: 77 }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let rows = if flow == WINDOWED { path("firmware/detect/rows.csv") } else { four_columns(folder.path()) };
        let checked = checked(flow, &rows, port.path(), 4 * TIMEOUT).unwrap();
        assert_eq!(checked.restarts, [77], "{checked}");
        // After it both have begun anew, and agree again.
        assert!(checked.different == 0 && !checked.is_right(), "{checked}");
        assert!(checked.to_string().contains("started anew before row 77"), "{checked}");
    }
}

#[test]
fn a_cable_that_is_pulled_or_cut_is_said() {
    let Some(program) = program(&MPS2_AN386, WINDOWED) else { return };
    for (cable, words) in [
        (Cable::Pulled { row: 20 }, "cable"),
        (Cable::Cut { row: 20 }, "no answer any more, 3 times within 3s: was the cable pulled"),
    ] {
        let port = Port::of(&MPS2_AN386, &program, cable).unwrap();
        let rows = path("firmware/detect/rows.csv");
        let said = checked(WINDOWED, &rows, port.path(), Duration::from_secs(3)).unwrap_err();
        assert!(said.contains(words) && said.contains(&port.path().display().to_string()), "{said}");
    }
}

#[test]
fn a_port_that_is_not_a_boards_is_said() {
    let rows = path("firmware/detect/rows.csv");
    let timeout = Duration::from_secs(1);
    for (talk, words) in [
        (&b""[..], "nothing came at all"),
        (b"$GPGGA,123519,4807.038,N*47\r\n", "not the line protocol: \"$GPGGA,123519"),
        (b"\xf8\x00\xff\x80", "another rate than 115200 baud"),
    ] {
        let port = Port::of_something_else(talk).unwrap();
        let said = checked(WINDOWED, &rows, port.path(), timeout).unwrap_err();
        assert!(said.contains(words), "{said}");
    }
    for (name, words) in [
        ("/dev/no-such-port", "ports on this machine"),
        (path("README.md").to_str().unwrap(), "no serial port"),
        ("/dev/null", "no serial port"),
    ] {
        let said = checked(WINDOWED, &rows, Path::new(name), timeout).unwrap_err();
        assert!(said.contains(name) && (said.contains(words) || said.contains("no port")), "{said}");
    }
    // One that another program has.
    let port = Port::of_something_else(b"").unwrap();
    let other = fs::File::open(port.path()).unwrap();
    other.lock().unwrap();
    let said = checked(WINDOWED, &rows, port.path(), timeout).unwrap_err();
    assert!(said.contains("another program has it"), "{said}");
}
