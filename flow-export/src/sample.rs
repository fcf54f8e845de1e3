//! Rows drawn from a frozen flow by the device engine, as a device draws them.

use crate::error::Error;
use crate::frozen::{Frozen, column_names};
use rand_pcg::Pcg32;
use std::io::Write;

/// Stream of the seeded generator, which is PCG XSH RR 64/32 (`rand_pcg::Pcg32`) with the seed as its state.
pub const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;

/// Writes `count` rows as CSV with a header; equal for equal seeds on every machine. Rows are written as they are drawn,
/// so that their number is not bounded by memory.
///
/// # Errors
/// A file that is no frozen flow or fails its self-test here, or a writer that fails.
pub fn sample(frozen: &Frozen, count: u64, seed: u64, out: &mut dyn Write) -> Result<(), Error> {
    let flow = frozen.tested_flow()?;
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut rng = Pcg32::new(seed, STREAM);
    let mut failure = None;
    let rows = (1..=count).map_while(|number| {
        let mut row = vec![0.0; flow.columns()];
        match flow.sample(&mut rng, &mut row, &mut scratch) {
            Ok(()) => Some(row),
            Err(source) => {
                failure = Some(Error::Sample { path: frozen.path().to_owned(), number, source });
                None
            }
        }
    });
    flow_table::write_csv(out, &column_names(&flow), rows).map_err(Error::Stdout)?;
    failure.map_or(Ok(()), Err)
}
