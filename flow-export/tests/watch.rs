//! `flow-export watch` without a board: rows of a file, of standard input line by line, and what a terminal shows.

mod common;

use common::Session;
#[cfg(target_os = "linux")]
use flow_line::Responder;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};

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

/// What a command that succeeds says of bytes on its standard input: its lines, and its messages.
#[cfg(unix)]
#[test]
fn an_interruption_says_what_came_of_the_rows() {
    let session = Session::empty();
    let mut command = session.command(&["watch", CALIBRATED, "--data", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    to.write_all(FOUR.as_bytes()).unwrap();
    to.flush().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut lines = String::new();
    (0..FOUR.lines().count()).for_each(|_| assert!(from.read_line(&mut lines).unwrap() > 0));
    // It waits for a row that does not come.
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("4 verdicts, 1 alarm, in row 3; to look at: flow (1)"), "{said}");
    drop(to);
}

fn of_standard_input(session: &Session, arguments: &[&str], bytes: &[u8]) -> (String, String) {
    let output = with_standard_input(session, arguments, bytes);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {message}");
    (String::from_utf8(output.stdout).unwrap(), message)
}

fn with_standard_input(session: &Session, arguments: &[&str], bytes: &[u8]) -> Output {
    session.write("input", bytes);
    let input = std::fs::File::open(session.path("input")).unwrap();
    session.command(arguments).stdin(Stdio::from(input)).output().unwrap()
}

#[test]
fn bytes_that_are_no_text_and_a_line_without_an_end_are_gaps_that_are_told() {
    let session = Session::empty();
    let mut bytes = FOUR.as_bytes().to_vec();
    bytes.extend(b"17,\xff\xfe,-30,3\n");
    bytes.extend(vec![b'1'; 2 << 20]);
    bytes.extend(b"\n17,1.25,-30,3\n");
    let (watched, message) = of_standard_input(&session, &["watch", CALIBRATED, "--data", "-"], &bytes);
    assert!(message.contains("line 6: column \"flow\": ") && message.contains("line 7: longer than "), "{message}");
    assert_eq!(watched.lines().count(), 1 + 4 + 1, "{watched}");
    let after = |row: &str| watched.lines().find_map(|line| line.strip_prefix(row)).unwrap().split(',').next().unwrap();
    assert_eq!(after("7,"), after("1,"), "{watched}");
}

#[test]
fn a_first_line_without_a_header_is_judged_as_of_a_file() {
    let session = Session::empty();
    let rows = std::fs::read_to_string(ROWS).unwrap();
    let (_, without_header) = rows.split_once('\n').unwrap();
    session.write("rows.csv", without_header);
    let whole = session.succeed(&["watch", MODEL, "--data", "rows.csv"]);
    let (watched, _) = of_standard_input(&session, &["watch", MODEL, "--data", "-"], without_header.as_bytes());
    assert_eq!(watched, whole);
    // A sensor that gives nothing at first.
    let (watched, _) = of_standard_input(&session, &["watch", CALIBRATED, "--data", "-"], b"1.25,3,17,ERR\n");
    let first = watched.lines().nth(1).unwrap();
    assert!(first.starts_with("1,") && first.contains(",not_finite,temperature"), "{watched}");
}

#[test]
fn gaps_in_the_times_of_standard_input_are_those_of_a_file() {
    let session = Session::empty();
    let rows = std::fs::read_to_string(ROWS).unwrap();
    // Two hours are missing, twice.
    let left: Vec<&str> = rows
        .lines()
        .enumerate()
        .filter(|(i, _)| !(50..74).contains(i) && !(120..144).contains(i))
        .map(|(_, l)| l)
        .collect();
    let text = left.join("\n") + "\n";
    session.write("rows.csv", &text);
    let whole = session.succeed(&["watch", MODEL, "--data", "rows.csv"]);
    let (watched, message) = of_standard_input(&session, &["watch", MODEL, "--data", "-"], text.as_bytes());
    assert_eq!(watched, whole);
    assert!(!message.contains("gaps in time"), "{message}");
    // Of times that are none it is said that they say nothing.
    let clock = text.replace("2024-05-0", "on day ");
    let (watched, message) = of_standard_input(&session, &["watch", MODEL, "--data", "-"], clock.as_bytes());
    assert!(watched.lines().count() > whole.lines().count(), "{watched}");
    assert_eq!(message.matches("column \"time\": gaps in time are not seen").count(), 1, "{message}");
    // So it is where the flow does not know how far apart its rows are.
    let timed = "time,flow,state,count,temperature\n2024-05-01,1.25,3,17,-30\n2025-05-01,1.25,3,17,-30\n";
    let (_, message) = of_standard_input(&session, &["watch", CALIBRATED, "--data", "-"], timed.as_bytes());
    assert_eq!(message.matches("gaps in time are not seen, as the flow does not say").count(), 1, "{message}");
}

#[test]
fn columns_of_standard_input_are_left_out_as_those_of_a_file() {
    let session = Session::empty();
    let watch = |column: &str, input: &str| {
        with_standard_input(&session, &["watch", CALIBRATED, "--data", "-", "--column", column], input.as_bytes())
    };
    let output = watch("c1:ignore", "1.25,7,3,17,-30\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    session.write("four.csv", FOUR);
    let whole = session.succeed(&["watch", CALIBRATED, "--data", "four.csv"]);
    let judged = String::from_utf8(output.stdout).unwrap();
    assert!(judged.lines().count() == 2 && whole.starts_with(&judged), "{judged}");
    for (column, words) in [
        ("flow:ignore", "line 1: column \"flow\" is to be left out, and the flow needs it"),
        ("flo:ignore", "line 1: no column \"flo\" to leave out, did you mean \"flow\"?"),
    ] {
        let output = watch(column, FOUR);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && message.contains(words), "{message}");
    }
    // A board with rows of its own has no table.
    let message = session.fail(2, &["watch", CALIBRATED, "--port", "/dev/no-such-port", "--column", "a:ignore"]);
    assert!(message.contains("--data"), "{message}");
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
    let rate = ["watch", CALIBRATED, "--data", "four.csv", "--drift-every", "1/30d", "--every", "1min"];
    let rows = ["watch", CALIBRATED, "--data", "four.csv", "--drift-every", "43200"];
    assert_eq!(session.succeed(&rate), session.succeed(&rows));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");
    let output = session.run(&["watch", example, "--data", "four.csv"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.contains("is not calibrated, so that there are no p"), "{message}");
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
    use flow_line::{Assembler, REQUEST, UNASKED};
    use std::time::Duration;

    let session = Session::empty();
    session.write("odd.csv", format!("flow,state,count,temperature\n{}", "90,3,17,-30\n".repeat(3)));
    let expected = session.succeed(&["watch", CALIBRATED, "--data", "odd.csv", "--drift-every", "100"]);

    of_calibrated(|responder| {
        let mut assembler = Assembler::<400>::new(REQUEST);
        let (mut board, _host, port) = ports();
        let mut command =
            session.command(&["watch", CALIBRATED, "--port", port.to_str().unwrap(), "--drift-every", "100"]);
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
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_row_at_which_a_board_starts_anew_again_and_again_is_left_out() {
    let session = Session::empty();
    let mut boots = 0;
    // The board fails at 90.
    let mut answer = |board: &mut Responder, received: flow_line::Received| {
        let mut line = String::new();
        match received {
            flow_line::Received::Line(text) if text.windows(8).any(|digits| digits == b"42b40000") => {
                boots += 1;
                assert!(boots < 30, "it goes on for ever");
                board.boot(&mut line).unwrap();
            }
            received => board.answer(received, &mut line).unwrap(),
        }
        line
    };
    session.write("three.csv", "flow,state,count,temperature\n1.25,3,17,-30\n90,3,17,-30\n1.25,3,17,-30\n");
    let output = at_a_board(&session, &["--data", "three.csv", "--timeout", "60s"], &mut answer);
    let (said, message) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{message}");
    assert!(message.contains("row 2: the board has started anew 4 times while it had this row"), "{message}");
    let rows: Vec<&str> = said.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(rows, ["1", "3"], "{said}");
    // One that fails at every row is no board to watch a machine with.
    session.write("six.csv", format!("flow,state,count,temperature\n{}", "90,3,17,-30\n".repeat(6)));
    let output = at_a_board(&session, &["--data", "six.csv", "--timeout", "60s"], &mut answer);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("has not judged 4 rows one after the other, up to row 4: look at its power"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn lines_of_a_board_that_arrive_damaged_are_told_from_silence() {
    let session = Session::empty();
    let output = at_a_board(&session, &["--timeout", "1s"], |board, received| {
        let mut line = String::new();
        board.answer(received, &mut line).unwrap();
        for _ in 0..3 {
            let good = line.len();
            board.row([90.0, 3.0, 17.0, -30.0].into_iter()).write(&mut line, flow_line::UNASKED).unwrap();
            line.replace_range(good + 8..good + 9, "#");
        }
        line
    });
    // The port is gone in the end.
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("lines arrive damaged, 2 so far, and their rows are lost"), "{message}");
    assert!(!message.contains("no row comes"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_words_of_a_boot_loader_are_passed_over() {
    let session = Session::empty();
    session.write("two.csv", "flow,state,count,temperature\n1.25,3,17,-30\n1.25,3,17,-30\n");
    let output = at_a_board(&session, &["--data", "two.csv", "--timeout", "60s"], |board, received| {
        let mut line = "ESP-ROM:esp32c3-api1-20210207\r\nrst:0x1 (POWERON),boot:0xc\r\n".repeat(10);
        board.answer(received, &mut line).unwrap();
        line
    });
    let (said, message) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && !message.contains("damaged"), "{message}");
    assert_eq!(said.lines().count(), 3, "{said}");
}

/// How `watch` ends with a board of the calibrated flow at its port, which answers each line with `answer`; the cable is
/// pulled when the board was asked nothing for a while.
#[cfg(target_os = "linux")]
fn at_a_board(
    session: &Session,
    arguments: &[&str],
    mut answer: impl FnMut(&mut Responder, flow_line::Received) -> String,
) -> Output {
    use flow_line::{Assembler, REQUEST};

    of_calibrated(|responder| {
        let mut assembler = Assembler::<400>::new(REQUEST);
        let (mut board, host, port) = ports();
        let mut command =
            session.command(&[&["watch", CALIBRATED, "--port", port.to_str().unwrap()], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        board.set_read_timeout(std::time::Duration::from_millis(20)).unwrap();
        let (mut buffer, mut asked) = ([0; 256], None::<std::time::Instant>);
        while child.try_wait().unwrap().is_none() && asked.is_none_or(|asked| asked.elapsed().as_secs() < 5) {
            let Ok(length) = board.read(&mut buffer) else { continue };
            asked = Some(std::time::Instant::now());
            for &byte in &buffer[..length] {
                if let Some(received) = assembler.push(byte) {
                    board.write_all(answer(responder, received).as_bytes()).unwrap();
                }
            }
        }
        drop((board, host));
        child.wait_with_output().unwrap()
    })
}

/// The program of a board with the calibrated flow.
#[cfg(target_os = "linux")]
fn of_calibrated<T>(then: impl FnOnce(&mut Responder) -> T) -> T {
    use flow_line::{Memory, Needs};
    use flow_nostd::{Flow, SensorState};

    let bytes = flow_export::aligned::AlignedBytes::read(CALIBRATED).unwrap();
    let flow = Flow::new(&bytes).unwrap();
    let needs = Needs::of(&flow).unwrap();
    let (mut scratch, mut values) = (vec![0.0; needs.scratch], vec![0.0; needs.values]);
    let mut sensors = vec![SensorState::default(); needs.sensors];
    let memory = Memory { scratch: &mut scratch, window: &mut [], values: &mut values, sensors: &mut sensors };
    then(&mut Responder::new(flow, memory, 400).unwrap())
}

/// Both ends of a cable, and the path of the host's.
#[cfg(target_os = "linux")]
fn ports() -> (serial2::SerialPort, serial2::SerialPort, std::path::PathBuf) {
    use std::os::fd::AsRawFd;

    let (board, host) = serial2::SerialPort::pair().unwrap();
    let port = std::fs::read_link(format!("/proc/self/fd/{}", host.as_raw_fd())).unwrap();
    (board, host, port)
}
