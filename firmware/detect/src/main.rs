//! A firmware that watches a machine: rows of raw channels become windows, windows become verdicts, and where one is an
//! alarm the column to look at is named; the drift detector says whether the machine has changed.
//!
//! It prints what `flow-export score MODEL --data ROWS --verdicts --drift-every 8640` prints, to the last digit. Lines that
//! begin with `#` say the rest: a channel that gave no number, and what rows took.
//!
//! `DETECT_FLOW` names the frozen flow at build time, one over windows and with a calibration, `DETECT_ROWS` the rows;
//! without them they are the small ones beside this program.
#![no_std]
#![no_main]

mod monitor;
mod number;
mod sensors;

use board::{Counter, Output};
use core::fmt::Write;
use flow_nostd::{EvalError, Flow};
use monitor::{Monitor, Report};
use number::Number;
use sensors::Sensors;

board::panic_handler!();
flow_nostd::include_flow!(mod model = env!("DETECT_FLOW"));

/// With a row every five minutes, a false alarm of drift in thirty days at the most.
const DRIFT_ROWS: f32 = 8640.0;

#[board::entry]
fn main() -> ! {
    let mut output = Output::open().expect("a host that listens");
    let mut counter = Counter::start().expect("a counter that nobody else has");
    let bytes = board::stack_used(|| watch(&mut output, &mut counter));
    output.line(format_args!("# stack: {bytes} bytes, that memory among them"));
    board::exit(true)
}

/// Watches until there are no more rows.
fn watch(output: &mut Output, counter: &mut Counter) {
    let mut scratch = [0.0; model::SCRATCH];
    let flow = Flow::new(model::BYTES).expect("a flow that is whole");
    flow.self_test(&mut scratch).expect("a core that computes as the host did");
    let mut memory = [0.0; model::WINDOW];
    let mut monitor = Monitor::new(flow, &mut memory, &mut scratch).expect("a flow over windows, with a calibration");

    let (mut usual, mut alarm) = (None, None);
    output.line(format_args!("row,log_prob,ln_p,alarm,status,column,drift"));
    for (row, (micros, reading)) in (1..).zip(Sensors::connect(monitor.channels())) {
        let mut taken = Ok(None);
        let instructions = counter.measure(|| taken = monitor.take(micros, reading.values()));
        match taken {
            Ok(None) => {}
            Ok(Some(report)) => {
                *(if report.verdict.alarm { &mut alarm } else { &mut usual }) = instructions;
                print(output, row, &monitor, &report);
            }
            Err(EvalError::NotFinite { column }) => {
                output.line(format_args!("# row {row}: channel {column} gave no number"));
            }
            Err(EvalError::OutOfRange { channel }) => {
                output.line(format_args!("# row {row}: channel {channel} gave what its sensor cannot"));
            }
            Err(error) => panic!("row {row}: {error}"),
        }
    }
    for (what, instructions) in [("a row", usual), ("a row that is an alarm", alarm)] {
        if let Some(instructions) = instructions {
            output.line(format_args!("# {what}: {instructions} instructions"));
        }
    }
    let bytes = size_of::<Monitor>() + size_of::<f32>() * (model::SCRATCH + model::WINDOW);
    output.line(format_args!("# memory: {bytes} bytes, and at most 1 KiB of stack in the engine"));
}

fn print(output: &mut Output, row: u32, monitor: &Monitor, report: &Report) {
    let Report { verdict, drift, .. } = report;
    let (log_prob, ln_p, drift) = (Number(verdict.log_prob), Number(verdict.ln_p), Number(*drift));
    let (alarm, status) = (u8::from(verdict.alarm), verdict.status.word());
    let column = report.column.map_or("", |column| monitor.name(column));
    let mut line = output.begin();
    let _ = write!(line, "{row},{log_prob},{ln_p},{alarm},{status},{column},{drift}");
    line.end();
}
