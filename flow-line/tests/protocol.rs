//! A board's side of the protocol, spoken to line by line: what it says of rows is what the engine says, and what a line
//! does that is damaged, cut, too long or comes twice.

mod common;

use common::{Board, CALIBRATED, EXAMPLE, MACHINE, RANGES};
use flow_line::{Answer, Refusal, Request, Said, Tested};
use flow_nostd::{Detector, Drift, Flow, SensorState, Window, Windowing};

/// Usual rows and odd ones, one with a failed reading.
const ROWS: [[f32; 4]; 6] = [
    [1.25, 3.0, 17.0, -30.0],
    [1.5, 2.0, 17.0, -30.0],
    [90.0, 3.0, 17.0, -30.0],
    [1.25, f32::NAN, 17.0, -30.0],
    [-0.0, 1e30, -1e-40, 0.0],
    [1.25, 3.0, 17.0, -30.0],
];

#[test]
fn a_board_says_who_it_is_and_tests_itself() {
    for (bytes, calibration, window) in [(EXAMPLE, 0, 0), (CALIBRATED, 2000, 0), (MACHINE, 1989, 12)] {
        let flow = Flow::new(bytes).unwrap();
        let mut board = Board::new(bytes);
        assert_eq!(board.boot(), Answer::Boot { model: flow.model_id() });
        let Answer::Hello(hello) = board.ask(1, Request::Hello) else { panic!() };
        assert_eq!((hello.protocol, hello.model, hello.engine), (1, flow.model_id(), flow_nostd::VERSION));
        assert_eq!((hello.calibration, hello.window), (calibration, window));
        assert_eq!(usize::from(hello.values), if window == 0 { flow.columns() } else { 2 });
        assert_eq!(board.ask(2, Request::Test), Answer::Test(Tested::Passed));
        assert_eq!(board.ask(3, Request::Gap), Answer::Gap);
        assert_eq!(board.ask(4, Request::Reset { drift: 100.0 }), Answer::Reset);
    }
}

#[test]
fn a_row_is_judged_as_the_engine_judges_it() {
    let flow = Flow::new(CALIBRATED).unwrap();
    let detector = Detector::new(flow).unwrap();
    let (mut scratch, mut shares) = (vec![0.0; flow.scratch_len()], [0.0; 4]);
    let (mut sensors, mut drift) = ([SensorState::default(); 4], Drift::new());
    let mut board = Board::new(CALIBRATED);
    for (number, row) in (1..).zip(ROWS) {
        let Answer::Row { count, said: Said::Verdict(report) } = board.row(number, &row) else { panic!() };
        let mut row = row;
        let verdict = detector.watch(&mut row, &[], &mut sensors, &mut scratch).unwrap();
        assert_eq!(count, number.into());
        assert_eq!(report.status, verdict.status.word());
        assert_eq!(report.log_prob.to_bits(), verdict.log_prob.to_bits());
        assert_eq!(report.ln_p.to_bits(), verdict.ln_p.to_bits());
        assert_eq!(report.drift.to_bits(), drift.push(verdict.ln_p).to_bits());
        assert_eq!(report.alarm, verdict.alarm);
        if verdict.alarm {
            let blamed = detector.blame(&row, &[], &mut shares, &mut scratch).unwrap();
            assert_eq!(report.column.map(usize::from), blamed);
        }
        assert_eq!(report.column.is_some(), matches!(number, 3..=5), "row {number}");
    }
}

#[test]
fn without_a_calibration_there_is_a_log_density() {
    let flow = Flow::new(EXAMPLE).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut board = Board::new(EXAMPLE);
    let Answer::Row { count: 1, said: Said::Verdict(report) } = board.row(1, &ROWS[2]) else { panic!() };
    assert_eq!(report.log_prob.to_bits(), flow.log_prob(&ROWS[2], &[], &mut scratch).unwrap().to_bits());
    assert_eq!((report.status, report.alarm, report.column, report.ln_p), ("not_calibrated", false, None, 0.0));
    assert_eq!(report.drift, 0.0);
}

#[test]
fn what_a_sensor_cannot_give_begins_the_window_anew() {
    let mut board = Board::new(RANGES);
    let mut said = |number, reading: [f32; 2]| {
        let Answer::Row { said, .. } = board.row(number, &reading) else { panic!() };
        said
    };
    for number in 1..4 {
        assert_eq!(said(number, [1.0, 1.0]), Said::Waiting);
    }
    assert_eq!(said(4, [2.6, 0.0]), Said::NoReading { value: 0 });
    assert_eq!(said(5, [0.0, 3.5]), Said::NoReading { value: 1 });
    for number in 6..9 {
        assert_eq!(said(number, [2.5, -1e9]), Said::Waiting);
    }
    assert!(matches!(said(9, [-1.5, 3.0]), Said::Verdict(_)));
}

#[test]
fn windows_are_completed_row_by_row() {
    let flow = Flow::new(MACHINE).unwrap();
    let windowing = Windowing::of(&flow).unwrap();
    let detector = Detector::new(flow).unwrap();
    let (mut memory, mut scratch) = (vec![0.0; windowing.memory_len()], vec![0.0; flow.scratch_len()]);
    let mut window = Window::new(windowing, &mut memory).unwrap();
    let mut board = Board::new(MACHINE);
    let (mut row, mut sensors) = (vec![0.0; flow.columns()], vec![SensorState::default(); flow.columns()]);
    for number in 1..60u16 {
        let reading = [55.0 + f32::from(number % 7) * 0.1, 0.5 + f32::from(number % 3) * 0.01];
        let reading = if number == 20 { [f32::NAN, 0.5] } else { reading };
        if number == 40 {
            board.ask(400, Request::Gap);
            window.restart();
        }
        let Answer::Row { count, said } = board.row(number, &reading) else { panic!() };
        assert_eq!(count, number.into());
        match window.push(&reading) {
            Err(_) => assert_eq!(said, Said::NoNumber { value: 0 }),
            Ok(false) => assert_eq!(said, Said::Waiting),
            Ok(true) => {
                window.features(&mut row, &mut []).unwrap();
                if window.rows() == 1 || [32, 51].contains(&number) {
                    sensors.fill(SensorState::default());
                }
                let verdict = detector.watch(&mut row, &[], &mut sensors, &mut scratch).unwrap();
                let Said::Verdict(report) = said else { panic!("row {number}: {said:?}") };
                assert_eq!(report.log_prob.to_bits(), verdict.log_prob.to_bits(), "row {number}");
                assert_eq!(report.status, verdict.status.word(), "row {number}");
            }
        }
    }
}

#[test]
fn a_row_that_comes_again_counts_once() {
    let mut board = Board::new(CALIBRATED);
    let first = board.row(1, &ROWS[0]);
    let second = board.row(2, &ROWS[2]);
    assert_eq!(board.row(2, &ROWS[2]), second);
    assert_eq!(board.row(2, &ROWS[2]), second);
    // The same number with other values is another row, and so is every row after a greeting.
    assert!(matches!(board.row(2, &ROWS[0]), Answer::Row { count: 3, .. }));
    board.ask(3, Request::Hello);
    assert!(matches!(board.row(2, &ROWS[0]), Answer::Row { count: 4, .. }));
    board.ask(4, Request::Reset { drift: f32::INFINITY });
    assert_eq!(board.row(1, &ROWS[0]), first);
}

#[test]
fn drift_starts_anew_where_it_was_told() {
    let mut board = Board::new(CALIBRATED);
    let level = |board: &mut Board, number| match board.row(number, &ROWS[2]) {
        Answer::Row { said: Said::Verdict(report), .. } => report.drift,
        other => panic!("{other:?}"),
    };
    let first = level(&mut board, 1);
    assert!(level(&mut board, 2) > first);
    board.ask(3, Request::Reset { drift: first });
    assert_eq!([level(&mut board, 4), level(&mut board, 5)], [first; 2]);
}

#[test]
fn what_is_no_request_is_refused_and_changes_nothing() {
    let mut board = Board::new(CALIBRATED);
    board.row(1, &ROWS[0]);
    let values = Answer::Error(Refusal::Values { expected: 4, found: 3 });
    assert_eq!(board.row(2, &ROWS[0][..3]), values);
    for words in ["", "hallo", "hello ", "row", "row 3fa0000", "row 3fa00000  3fa00000", "reset", "reset x", "Hello"] {
        assert_eq!(board.framed(9, words), (9, Answer::Error(Refusal::Request)), "{words}");
    }
    // A line cut short and gone on with, as after a reset in its middle: the next mark begins a line.
    assert_eq!(board.raw(b">0003 row 3fa00000 4"), None);
    let mut whole = String::new();
    flow_line::write_row(&mut whole, 3, ROWS[0]).unwrap();
    assert!(matches!(board.raw(whole.as_bytes()), Some((3, Answer::Row { count: 2, .. }))));
    let flipped = whole.replace("3fa00000", "3fa00001").into_bytes();
    for line in [&b"garbage\n"[..], b"\xff\xfe\n", b">0001 hello*00000000\n", b">0001 hello\n", b"*\n", &flipped] {
        assert_eq!(board.raw(line), Some((0, Answer::Error(Refusal::Checksum))), "{line:?}");
    }
    assert_eq!(board.raw(b"\n\r\n\n"), None);
    let long = [b'x'; 1000].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    assert_eq!(board.raw(&long), Some((0, Answer::Error(Refusal::Long { longest: 400 }))));
    assert!(matches!(board.row(4, &ROWS[0]), Answer::Row { count: 3, .. }));
}

#[test]
fn too_little_memory_is_said() {
    let flow = Flow::new(MACHINE).unwrap();
    let needs = flow_line::Needs::of(&flow).unwrap();
    assert_eq!((needs.row, needs.window, needs.sensors, needs.values), (2, 24, 8, 18));
    let mut short = [0.0; 4];
    let memory = flow_line::Memory { scratch: &mut short, window: &mut [], values: &mut [], sensors: &mut [] };
    let unfit = flow_line::Responder::new(flow, memory, 400).err().unwrap();
    assert!(unfit.to_string().contains("8 of sensors"), "{unfit}");
}
