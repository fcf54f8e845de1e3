//! Says whether the self-test of frozen flows finds a libm that differs in the last bit of some results.
//!
//! Each argument is a folder with a `model.flow`, its probe rows in `probes.f32` and other rows in `rows.f32`,
//! little-endian f32, each row followed by its context. Printed is a line for each flow, for every function of libm and
//! every share of its arguments on which it differs:
//!
//! ```text
//! FOLDER FUNCTION ONE_IN VERDICT PROBES ROWS
//! ```
//!
//! VERDICT is `ok`, `arithmetic` or `mismatch`, as `Flow::self_test` finds; then the number of probe rows and of other rows
//! whose log-density has other bits.

use flow_nostd::{Aligned, Flow, SelfTestError};
use std::error::Error;
use std::path::Path;

/// On one argument in so many a function differs; 0 is the true libm.
const ONE_IN: [u32; 5] = [0, 1, 4, 16, 64];

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

    libm::set_off(0, 0);
    let true_probes = log_probs(&flow, &probes, &mut scratch)?;
    let true_rows = log_probs(&flow, &rows, &mut scratch)?;
    for (function, name) in (0..).zip(libm::FUNCTIONS) {
        for one_in in ONE_IN {
            libm::set_off(function, one_in);
            let verdict = match flow.self_test(&mut scratch) {
                Ok(()) => "ok",
                Err(SelfTestError::Arithmetic { .. }) => "arithmetic",
                Err(SelfTestError::Mismatch { .. }) => "mismatch",
                Err(error) => return Err(error.into()),
            };
            let of_probes = different(&true_probes, &log_probs(&flow, &probes, &mut scratch)?);
            let of_rows = different(&true_rows, &log_probs(&flow, &rows, &mut scratch)?);
            println!("{folder} {name} {one_in} {verdict} {of_probes} {of_rows}");
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

fn different(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).filter(|(one, other)| one != other).count()
}
