//! A firmware that raises an alarm on improbable readings.
//!
//! `FLOW_FILE` names the frozen flow at build time. The readings stand for what a sensor's driver would bring.
#![no_std]
#![no_main]

use board::Output;
use flow_nostd::Flow;

flow_nostd::include_flow!(mod model = env!("FLOW_FILE"));

/// Nats; readings below raise the alarm.
const THRESHOLD: f32 = -20.0;

static READINGS: &[u8] = include_bytes!(env!("FLOW_ROWS"));

#[board::entry]
fn main() -> ! {
    let mut output = Output::open().expect("a host that listens");
    let mut scratch = [0.0; model::SCRATCH];
    let flow = Flow::new(model::BYTES).expect("the file was checked when it was frozen");
    flow.self_test(&mut scratch).expect("this core computes as the host did");
    for reading in READINGS.chunks_exact(4 * flow.columns()) {
        let mut row = [0.0; 64];
        let row = &mut row[..flow.columns()];
        for (value, bytes) in row.iter_mut().zip(reading.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        match flow.log_prob(row, &mut scratch) {
            Ok(log_prob) if log_prob > THRESHOLD => output.line(format_args!("{log_prob:9.2}")),
            Ok(log_prob) => output.line(format_args!("{log_prob:9.2} ALARM")),
            Err(error) => output.line(format_args!("{error:?} ALARM")),
        }
    }
    board::exit(true)
}
