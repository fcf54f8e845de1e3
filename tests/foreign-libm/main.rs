//! Says whether the self-test of frozen flows finds a libm that differs in the last bit of some results.
//!
//! Each argument is a folder with a `model.flow`, its probe rows in `probes.f32` and other rows in `rows.f32`,
//! little-endian f32, each row followed by its context. Printed is a line for each flow, every function of libm and every
//! way in which it differs:
//!
//! ```text
//! FOLDER FUNCTION WAY TRIALS FOUND PROBES ROWS
//! ```
//!
//! WAY is `true`, `rounded` or `1/N`, the share of arguments. Of TRIALS, each with other arguments, the self-test fails in
//! FOUND; a probe row's log-density has other bits in PROBES, and that of any other row in ROWS.

use flow_nostd::{Aligned, Flow};
use libm::Off;
use std::error::Error;
use std::path::Path;

/// On one argument in so many a function differs.
const ONE_IN: [u32; 4] = [1, 4, 16, 64];

/// Trials for each of these.
const TRIALS: u32 = 50;

/// Longest file.
const FILE: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    for folder in std::env::args().skip(1) {
        examine(&folder)?;
    }
    Ok(())
}

fn examine(folder: &str) -> Result<(), Box<dyn Error>> {
    let file = std::fs::read(Path::new(folder).join("model.flow"))?;
    let mut aligned = Box::new(Aligned([0; FILE]));
    let bytes = aligned.0.get_mut(..file.len()).ok_or("the file is too long")?;
    bytes.copy_from_slice(&file);
    let flow = Flow::new(bytes)?;
    let probes = read_rows(&Path::new(folder).join("probes.f32"))?;
    let rows = read_rows(&Path::new(folder).join("rows.f32"))?;
    let mut scratch = vec![0.0; flow.scratch_len()];

    libm::set_off(0, Off::True);
    let true_probes = log_probs(&flow, &probes, &mut scratch)?;
    let true_rows = log_probs(&flow, &rows, &mut scratch)?;
    for (function, name) in (0..).zip(libm::FUNCTIONS) {
        let mut ways = vec![("true".to_string(), vec![Off::True]), ("rounded".to_string(), vec![Off::Rounded])];
        ways.extend(ONE_IN.map(|n| (format!("1/{n}"), (0..TRIALS).map(|trial| Off::OneIn(n, trial)).collect())));
        for (way, trials) in ways {
            let (mut found, mut of_probes, mut of_rows) = (0, 0, 0);
            for off in &trials {
                libm::set_off(function, *off);
                found += usize::from(flow.self_test(&mut scratch).is_err());
                of_probes += usize::from(log_probs(&flow, &probes, &mut scratch)? != true_probes);
                of_rows += usize::from(log_probs(&flow, &rows, &mut scratch)? != true_rows);
            }
            println!("{folder} {name} {way} {} {found} {of_probes} {of_rows}", trials.len());
        }
    }
    Ok(())
}

fn read_rows(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    Ok(std::fs::read(path)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// The bits of each row's log-density.
fn log_probs(flow: &Flow, rows: &[f32], scratch: &mut [f32]) -> Result<Vec<u32>, Box<dyn Error>> {
    let of_row = |row: &[f32]| {
        let (row, context) = row.split_at(flow.columns());
        Ok(flow.log_prob(row, context, scratch)?.to_bits())
    };
    rows.chunks_exact(flow.columns() + flow.context_dim()).map(of_row).collect()
}
