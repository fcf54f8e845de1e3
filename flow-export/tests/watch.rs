//! `flow-export watch` without a board: rows of a file, of standard input line by line, and what a terminal shows.

mod common;

use common::Session;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

/// The flow over windows of two channels, and rows of them.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/detect/machine.flow");
const ROWS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/detect/rows.csv");
const CALIBRATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");

const FOUR: &str = "count,flow,temperature,state\n17,1.25,-30,3\n17,,-30,3\n17,90,-30,3\n16,1.3,-29.5,2\n";

#[test]
fn a_file_is_watched_as_it_is_scored() {
    let session = Session::empty();
    for every in ["8640", "1/30d"] {
        let watched = session.succeed(&["watch", MODEL, "--data", ROWS, "--drift-every", every]);
        let scored = session.succeed(&["score", MODEL, "--data", ROWS, "--verdicts", "--drift-every", every]);
        assert_eq!(watched, scored);
        assert_eq!(watched.lines().count(), 1 + 266);
    }
    session.write("four.csv", FOUR);
    let watched = session.succeed(&["watch", CALIBRATED, "--data", "four.csv", "--drift-every", "100"]);
    let scored = session.succeed(&["score", CALIBRATED, "--data", "four.csv", "--verdicts", "--drift-every", "100"]);
    let numbered = scored.lines().enumerate().map(|(i, line)| match i {
        0 => format!("row,{line}\n"),
        i => format!("{i},{line}\n"),
    });
    assert_eq!(watched, numbered.collect::<String>());
    // Without a calibration there is no alarm, and a log-density all the same.
    let watched = session.succeed(&["watch", EXAMPLE, "--data", "four.csv"]);
    assert!(watched.lines().nth(1).is_some_and(|line| line.contains(",0,0,not_calibrated,,0")), "{watched}");
}

#[test]
fn standard_input_is_judged_line_by_line() {
    let session = Session::empty();
    let mut command = session.command(&["watch", CALIBRATED, "--data", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    session.write("four.csv", FOUR);
    let whole = session.succeed(&["watch", CALIBRATED, "--data", "four.csv"]);
    let mut expected = whole.lines();
    let mut said = String::new();
    for (i, line) in FOUR.lines().enumerate() {
        writeln!(to, "{line}").unwrap();
        to.flush().unwrap();
        said.clear();
        // The answer is there before the next row is.
        from.read_line(&mut said).unwrap();
        assert_eq!(said.trim_end(), expected.next().unwrap(), "line {i}");
    }
    // Neither a line that was cut off nor a word where a sensor gave nothing ends it.
    writeln!(to, "17\n17,ERR,3,4").unwrap();
    drop(to);
    let (mut rest, mut message) = (String::new(), String::new());
    from.read_to_string(&mut rest).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{message}");
    assert!(message.contains("standard input, line 6: 1 values, and none for "), "{message}");
    assert!(rest.contains(",not_finite,flow"), "{rest}");
    assert!(message.contains(": 5 verdicts, ") && message.contains("to look at: flow (1)"), "{message}");
}

#[test]
fn who_reads_the_lines_may_go_away() {
    let session = Session::empty();
    let mut command = session.command(&["watch", MODEL, "--data", ROWS]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_missing_is_said() {
    let session = Session::empty();
    let message = session.fail(2, &["watch", MODEL]);
    assert!(message.contains("--port") && message.contains("--data"), "{message}");
    let message = session.fail(1, &["watch", MODEL, "--port", "/dev/no-such-port"]);
    assert!(message.contains("/dev/no-such-port: cannot be opened"), "{message}");
    let message = session.fail(1, &["board", MODEL, "--port", "/dev/no-such-port", "--data", ROWS]);
    assert!(message.contains("/dev/no-such-port: cannot be opened"), "{message}");
    session.write("four.csv", FOUR);
    let message = session.fail(1, &["watch", MODEL, "--data", "four.csv"]);
    assert!(message.contains("missing: \"temperature\"") || message.contains("\"load\""), "{message}");
    let message = session.fail(1, &["watch", CALIBRATED, "--data", "four.csv", "--drift-every", "1/30d"]);
    assert!(message.contains("does not say how far apart rows are"), "{message}");
    assert!(Path::new(MODEL).exists());
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_how_things_stand() {
    let (mut terminal, stdout) = serial2::SerialPort::pair().unwrap();
    terminal.set_read_timeout(std::time::Duration::from_secs(60)).unwrap();
    let session = Session::empty();
    let mut command = session.command(&["watch", MODEL, "--data", ROWS, "--drift-every", "8640"]);
    command.stdout(Stdio::from(std::os::fd::OwnedFd::from(stdout))).stderr(Stdio::null());
    let mut child = command.env("TERM", "xterm").spawn().unwrap();
    // The command holds the other end until it ends.
    drop(command);
    let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..length]);
    }
    assert!(child.wait().unwrap().success());
    let shown = String::from_utf8_lossy(&shown);
    // The last drawing, over the ones before.
    let last = shown.rsplit_once("machine.flow").unwrap().1;
    for words in ["300, 266 verdicts, 4 alarms", "0.118", "scored", "reached 13 times", "row 114", "temperature.std"] {
        assert!(last.contains(words), "{words}: {last}");
    }
    assert!(shown.contains("\x1b[2K"), "{shown}");
}

/// A board with rows of its own says their verdicts once it has told who it is, and nobody asks anything more.
#[cfg(target_os = "linux")]
#[test]
fn a_board_with_rows_of_its_own_is_told_of_drift() {
    use flow_line::{Assembler, Memory, Needs, REQUEST, Responder, UNASKED};
    use flow_nostd::{Flow, SensorState};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    let session = Session::empty();
    session.write("odd.csv", format!("flow,state,count,temperature\n{}", "90,3,17,-30\n".repeat(3)));
    let expected = session.succeed(&["watch", CALIBRATED, "--data", "odd.csv", "--drift-every", "100"]);

    let bytes = flow_export::aligned::AlignedBytes::read(CALIBRATED).unwrap();
    let flow = Flow::new(&bytes).unwrap();
    let needs = Needs::of(&flow).unwrap();
    let (mut scratch, mut values) = (vec![0.0; needs.scratch], vec![0.0; needs.values]);
    let mut sensors = vec![SensorState::default(); needs.sensors];
    let memory = Memory { scratch: &mut scratch, window: &mut [], values: &mut values, sensors: &mut sensors };
    let mut responder = Responder::new(flow, memory, 400).unwrap();
    let mut assembler = Assembler::<400>::new(REQUEST);

    let (mut board, host) = serial2::SerialPort::pair().unwrap();
    let port = std::fs::read_link(format!("/proc/self/fd/{}", host.as_raw_fd())).unwrap();
    let mut command = session.command(&["watch", CALIBRATED, "--port", port.to_str().unwrap(), "--drift-every", "100"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    board.set_read_timeout(Duration::from_secs(60)).unwrap();
    let mut buffer = [0; 256];
    while let Ok(length) = board.read(&mut buffer) {
        board.set_read_timeout(Duration::from_secs(3)).unwrap();
        for &byte in &buffer[..length] {
            let Some(received) = assembler.push(byte) else { continue };
            let mut line = String::new();
            responder.answer(received, &mut line).unwrap();
            board.write_all(line.as_bytes()).unwrap();
        }
    }
    for _ in 0..3 {
        let mut line = String::new();
        responder.row([90.0, 3.0, 17.0, -30.0].into_iter()).write(&mut line, UNASKED).unwrap();
        board.write_all(line.as_bytes()).unwrap();
    }
    let watched = BufReader::new(child.stdout.take().unwrap()).lines().take(4).map(Result::unwrap);
    assert_eq!(watched.collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    child.kill().unwrap();
    child.wait().unwrap();
}
