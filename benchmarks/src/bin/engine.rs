//! A worker: log-densities of the reference flows by the device engine.

use flow_benchmarks::reference::{self, DIM};
use flow_benchmarks::worker::{Call, serve};
use flow_export::aligned::AlignedBytes;
use flow_export::freeze::freeze;
use flow_export::probes;
use flow_nostd::{BatchError, Flow};
use std::error::Error;
use std::hint::black_box;

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    for name in reference::NAMES {
        let flow = reference::flow(name)?;
        let bytes = freeze(flow.spec(), &flow.layout().init(0), &probes::rows(flow.spec()), 0)?;
        files.push((name, AlignedBytes::from(bytes)));
    }
    let mut figures: Vec<(String, Call)> = Vec::new();
    for (name, bytes) in &files {
        for batch in [1, 4096] {
            let flow = Flow::new(bytes)?;
            let rows = reference::rows(64.max(batch));
            let (mut out, mut scratch) = (vec![0.0; batch], vec![0.0; flow.batch_scratch_len()]);
            let mut batches = (0..64.max(batch) / batch).cycle();
            let call = move || {
                let at = batches.next().unwrap_or(0) * batch * DIM;
                log_probs(&flow, black_box(&rows[at..at + batch * DIM]), &mut out, &mut scratch)?;
                black_box(&out);
                Ok(())
            };
            figures.push((format!("{name}-{batch}"), Box::new(call)));
        }
    }
    serve(env!("CARGO_PKG_VERSION"), &mut figures)
}

/// Log-densities of `out.len()` rows.
fn log_probs(flow: &Flow, rows: &[f32], out: &mut [f32], scratch: &mut [f32]) -> Result<(), BatchError> {
    flow.log_prob_batch(rows, &[], out, scratch)
}
