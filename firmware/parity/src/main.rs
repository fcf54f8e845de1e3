//! Prints the bits of what flow-nostd computes on this board, for the host to compare.
//!
//! At build time `FLOW_FILE` names the frozen flow and `FLOW_ROWS` a file of its rows, little-endian f32 and nothing
//! else, each row followed by its context. Each line of the output begins with what it holds; the last one is `end`, without which the output is cut.
#![no_std]
#![no_main]

use board::{Counter, Output};
use core::fmt::Write;
use core::hint::black_box;
use flow_nostd::Flow;
use rand_pcg::Pcg32;

board::panic_handler!();
flow_nostd::include_flow!(mod model = env!("FLOW_FILE"));

static ROWS: &[u8] = include_bytes!(env!("FLOW_ROWS"));

/// Widest row, and widest context.
const COLUMNS: usize = 256;
/// As many rows are also taken to the latent space.
const LATENT_ROWS: usize = 16;
/// Number of samples.
const SAMPLES: usize = 200;
/// Seed and stream of the generator, those of `flow-export sample --seed 1`.
const SEED: (u64, u64) = (1, 0x0a02_bdbf_7bb3_c0a7);

#[board::entry]
fn main() -> ! {
    let done = Output::open().is_ok_and(|mut output| {
        let reported = report(&mut output);
        if let Err(what) = reported {
            output.line(format_args!("error {what}"));
        }
        reported.is_ok()
    });
    board::exit(done)
}

fn report(output: &mut Output) -> Result<(), &'static str> {
    let flow = Flow::new(model::BYTES).map_err(|_| "the flow is not valid")?;
    let mut scratch = [0.0; model::SCRATCH];
    let (mut row, mut context, mut z) = ([0.0; COLUMNS], [0.0; COLUMNS], [0.0; COLUMNS]);
    let (columns, context_dim, dim) = (flow.columns(), flow.context_dim(), flow.dim());
    let row = row.get_mut(..columns).ok_or("the flow has too many columns")?;
    let context = context.get_mut(..context_dim).ok_or("the flow has too much context")?;
    let z = z.get_mut(..dim).ok_or("the flow has too many dimensions")?;

    let id = flow.model_id_hex();
    let needed = flow.scratch_len();
    output.line(format_args!("flow columns={columns} context={context_dim} dim={dim} scratch={needed} id={id}"));
    flow.self_test(&mut scratch).map_err(|_| "the self-test failed")?;
    output.line(format_args!("self_test ok"));

    let rows = ROWS.chunks_exact(4 * (columns + context_dim));
    for (i, bytes) in rows.clone().enumerate() {
        read_row(bytes, row, context);
        let log_prob = flow.log_prob(row, context, &mut scratch).map_err(|_| "log_prob failed")?;
        output.line(format_args!("log_prob {i} {:08x}", log_prob.to_bits()));
    }
    for (i, bytes) in rows.clone().take(LATENT_ROWS).enumerate() {
        read_row(bytes, row, context);
        let log_det = flow.to_latent(row, context, z, &mut scratch).map_err(|_| "to_latent failed")?;
        print_bits(output, format_args!("to_latent {i} {:08x}", log_det.to_bits()), z);
        flow.to_data(z, context, row, &mut scratch).map_err(|_| "to_data failed")?;
        print_bits(output, format_args!("to_data {i}"), row);
    }
    // In the context of the last of these rows.
    let mut rng = Pcg32::new(SEED.0, SEED.1);
    for i in 0..SAMPLES {
        flow.sample(&mut rng, context, row, &mut scratch).map_err(|_| "sample failed")?;
        print_bits(output, format_args!("sample {i}"), row);
    }

    // The row that was drawn last stands for a typical one.
    let mut counter = Counter::start().ok_or("no instruction counter")?;
    let mut log_prob = || {
        let _ = black_box(flow.log_prob(black_box(row), context, &mut scratch));
    };
    print_count(output, "log_prob", counter.measure(&mut log_prob), board::stack_used(&mut log_prob));
    let mut sample = || {
        let _ = black_box(flow.sample(&mut rng, context, row, &mut scratch));
    };
    print_count(output, "sample", counter.measure(&mut sample), board::stack_used(&mut sample));
    output.line(format_args!("end"));
    Ok(())
}

fn read_row(bytes: &[u8], row: &mut [f32], context: &mut [f32]) {
    for (value, bytes) in row.iter_mut().chain(context).zip(bytes.as_chunks().0) {
        *value = f32::from_le_bytes(*bytes);
    }
}

fn print_bits(output: &mut Output, head: core::fmt::Arguments, values: &[f32]) {
    let mut line = output.begin();
    let _ = line.write_fmt(head);
    for value in values {
        let _ = write!(line, " {:08x}", value.to_bits());
    }
    line.end();
}

fn print_count(output: &mut Output, what: &str, instructions: Option<u32>, stack: usize) {
    let mut line = output.begin();
    let _ = write!(line, "cost {what} stack={stack}");
    if let Some(instructions) = instructions {
        let _ = write!(line, " instructions={instructions}");
    }
    line.end();
}
