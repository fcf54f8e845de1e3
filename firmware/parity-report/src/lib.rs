//! The bits of what flow-nostd computes, line by line: one report for boards, hosts and WebAssembly.
//!
//! Each line begins with what it holds; a flow's lines stand between `case NAME` and `done`, and the last line of all is
//! `end`, without which the output is cut.
#![no_std]
#![forbid(unsafe_code)]

mod bits;
mod many;
mod verdicts;
mod windows;

use bits::Bits;
use core::fmt::Arguments;
use core::hint::black_box;
use flow_nostd::Flow;
use rand_pcg::Pcg32;

/// Widest row, and widest context.
const COLUMNS: usize = 256;
/// As many rows are also taken to the latent space.
const LATENT_ROWS: usize = 16;
/// The instructions of as many rows' log-densities are counted, and of as many samples.
const COUNTED_ROWS: u32 = 16;
/// As many samples are drawn as there are rows, and no more than this.
const SAMPLES: usize = 200;
/// Seed and stream of the generator, those of `flow-export sample --seed 1`.
const SEED: (u64, u64) = (1, 0x0a02_bdbf_7bb3_c0a7);

/// A frozen flow and rows for it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What it is called in the report.
    pub name: &'a str,
    /// The file, aligned to 16 bytes.
    pub flow: &'a [u8],
    /// Little-endian f32 and nothing else, each row followed by its context.
    pub rows: &'a [u8],
    /// Number of further rows, made from these, of whose results only a hash a thousand is reported.
    pub more: u32,
}

/// Where the report goes.
pub trait Output {
    /// Writes one line.
    fn line(&mut self, line: Arguments);

    /// Says what one call of `work` takes, where this can be measured.
    fn cost(&mut self, what: &str, work: &mut dyn FnMut()) {
        let _ = (what, work);
    }

    /// Instructions that `work` takes, where they can be counted.
    fn instructions(&mut self, work: &mut dyn FnMut()) -> Option<u32> {
        let _ = work;
        None
    }
}

/// Reports on all cases, and says whether all could be computed. `scratch` is as long as the most demanding flow asks for.
pub fn report(cases: &[Case], scratch: &mut [f32], output: &mut impl Output) -> bool {
    for case in cases {
        output.line(format_args!("case {}", case.name));
        // Hidden from the compiler, which would compute some of it itself.
        if let Err(what) = report_case(black_box(case), scratch, output) {
            output.line(format_args!("error {what}"));
            return false;
        }
        output.line(format_args!("done"));
    }
    output.line(format_args!("end"));
    true
}

fn report_case(case: &Case, scratch: &mut [f32], output: &mut impl Output) -> Result<(), &'static str> {
    let flow = Flow::new(case.flow).map_err(|_| "the flow is not valid")?;
    let (mut row, mut context, mut z) = ([0.0; COLUMNS], [0.0; COLUMNS], [0.0; COLUMNS]);
    let (columns, context_dim, dim) = (flow.columns(), flow.context_dim(), flow.dim());
    let row = row.get_mut(..columns).ok_or("the flow has too many columns")?;
    let context = context.get_mut(..context_dim).ok_or("the flow has too much context")?;
    let z = z.get_mut(..dim).ok_or("the flow has too many dimensions")?;

    let id = flow.model_id_hex();
    let needed = flow.scratch_len();
    output.line(format_args!("flow columns={columns} context={context_dim} dim={dim} scratch={needed} id={id}"));
    flow.self_test(scratch).map_err(|_| "the self-test failed")?;
    output.line(format_args!("self_test ok"));

    let rows = case.rows.chunks_exact(4 * (columns + context_dim));
    for (i, bytes) in rows.clone().enumerate() {
        read_row(bytes, row, context);
        let log_prob = flow.log_prob(row, context, scratch).map_err(|_| "log_prob failed")?;
        output.line(format_args!("log_prob {i} {}", Bits(&[log_prob])));
    }
    for (i, bytes) in rows.clone().take(LATENT_ROWS).enumerate() {
        read_row(bytes, row, context);
        let log_det = flow.to_latent(row, context, z, scratch).map_err(|_| "to_latent failed")?;
        output.line(format_args!("to_latent {i} {} {}", Bits(&[log_det]), Bits(z)));
        flow.to_data(z, context, row, scratch).map_err(|_| "to_data failed")?;
        output.line(format_args!("to_data {i} {}", Bits(row)));
    }
    // In the context of the last of these rows.
    let mut rng = Pcg32::new(SEED.0, SEED.1);
    for i in 0..rows.len().min(SAMPLES) {
        flow.sample(&mut rng, context, row, scratch).map_err(|_| "sample failed")?;
        output.line(format_args!("sample {i} {}", Bits(row)));
    }

    // The row that was drawn last stands for a typical one.
    output.cost("log_prob", &mut || {
        let _ = black_box(flow.log_prob(black_box(row), context, scratch));
    });
    output.cost("sample", &mut || {
        let _ = black_box(flow.sample(&mut rng, context, row, scratch));
    });
    verdicts::report(&flow, case, (&mut *row, &mut *context), scratch, output)?;
    let mut mean = Some(0);
    for bytes in rows.clone().take(COUNTED_ROWS as usize) {
        read_row(bytes, row, context);
        let taken = output.instructions(&mut || {
            let _ = black_box(flow.log_prob(black_box(row), context, scratch));
        });
        mean = mean.zip(taken).map(|(mean, taken)| mean + taken);
    }
    let counted = rows.len().min(COUNTED_ROWS as usize) as u32;
    if let Some(mean) = mean.and_then(|sum: u32| sum.checked_div(counted)) {
        output.line(format_args!("mean_log_prob {mean}"));
    }
    let mut mean = Some(0);
    for _ in 0..COUNTED_ROWS {
        let taken = output.instructions(&mut || {
            let _ = black_box(flow.sample(&mut rng, context, row, scratch));
        });
        mean = mean.zip(taken).map(|(mean, taken)| mean + taken);
    }
    if let Some(sum) = mean {
        output.line(format_args!("mean_sample {}", sum / COUNTED_ROWS));
    }
    windows::report(&flow, case, output)?;
    many::report(&flow, case, (row, context, z), scratch, output)
}

fn read_row(bytes: &[u8], row: &mut [f32], context: &mut [f32]) {
    for (value, bytes) in row.iter_mut().chain(context).zip(bytes.as_chunks().0) {
        *value = f32::from_le_bytes(*bytes);
    }
}
