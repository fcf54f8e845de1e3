//! A firmware that raises an alarm on improbable readings.
//!
//! `FLOW_FILE` names the frozen flow at build time; without it, it is the small one beside this program.
#![no_std]
#![no_main]

mod sensor;

use board::Output;
use flow_nostd::Flow;

board::panic_handler!();
flow_nostd::include_flow!(mod model = env!("FLOW_FILE"));

/// Nats; a reading below it raises the alarm. Choose it from the scores of rows that the training did not see.
const THRESHOLD: f32 = -20.0;

#[board::entry]
fn main() -> ! {
    let mut output = Output::open().expect("a host that listens");
    let mut scratch = [0.0; model::SCRATCH];
    let flow = Flow::new(model::BYTES).expect("a flow that is whole");
    flow.self_test(&mut scratch).expect("a core that computes as the host did");
    let mut sensor = sensor::Sensor::new();
    while let Some(reading) = sensor.read(flow.columns()) {
        match flow.log_prob(reading, &[], &mut scratch) {
            Ok(log_prob) if log_prob < THRESHOLD => output.line(format_args!("{log_prob:.2} ALARM")),
            Ok(log_prob) => output.line(format_args!("{log_prob:.2}")),
            // A sensor that gives no number is no reason to stand still.
            Err(broken) => output.line(format_args!("{broken}")),
        }
    }
    board::exit(true)
}
