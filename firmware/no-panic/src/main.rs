//! Links only if no call into flow-nostd can panic: the panic handler needs a symbol that does not exist.
//!
//! Every public function is called with values that the compiler cannot see through. The program is linked, never run.
#![no_std]
#![no_main]

use core::fmt::{self, Display, Write};
use core::hint::black_box;
use flow_nostd::Flow;
use rand_pcg::Pcg32;

/// Stands for a file; what is in it does not matter, since the compiler may not know.
static FILE: [u8; 4096] = [0; 4096];

#[board::entry]
fn main() -> ! {
    let (mut row, mut context, mut z, mut scratch) = ([0.0; 64], [0.0; 64], [0.0; 64], [0.0; 1024]);
    let (row, context) = (opaque(&mut row), opaque(&mut context));
    let (z, scratch) = (opaque(&mut z), opaque(&mut scratch));
    let flow = Flow::new(opaque_file());
    if let Ok(flow) = &flow {
        use_all(black_box(flow), row, context, z, scratch);
    }
    use_result(flow);
    #[cfg(feature = "deliberate-panic")]
    black_box(row[black_box(0)]);
    #[expect(clippy::empty_loop, reason = "the program is never run")]
    loop {}
}

/// A slice of unknown address and length.
fn opaque(values: &mut [f32]) -> &mut [f32] {
    black_box(values.get_mut(..black_box(0)).unwrap_or_default())
}

fn opaque_file() -> &'static [u8] {
    black_box(FILE.get(..black_box(0)).unwrap_or_default())
}

/// Messages count too: a device may print them.
#[inline(never)]
fn use_result<T>(result: Result<T, impl Display>) {
    match result {
        Ok(value) => _ = black_box(value),
        Err(error) => _ = write!(Nowhere, "{error}"),
    }
}

struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

#[inline(never)]
fn use_all(flow: &Flow, row: &mut [f32], context: &[f32], z: &mut [f32], scratch: &mut [f32]) {
    black_box((
        flow.columns(),
        flow.context_dim(),
        flow.dim(),
        flow.scratch_len(),
        flow.macs_log_prob(),
        flow.macs_sample(),
    ));
    black_box((flow.model_id(), flow.model_id_hex(), flow.column_name(black_box(0)), flow.probes(), flow.header()));
    black_box((flow.column_records(), flow.layer_records(), flow.dense_records(), flow.tails_record(), flow.base()));
    black_box((flow.atom_records(), flow.circle_records(), flow.outside_support(row)));
    black_box(flow_nostd::scratch_len(opaque_file()));
    let rng = &mut Pcg32::new(black_box(1), black_box(2));
    use_result(flow.log_prob(row, context, scratch));
    use_result(flow.to_latent(row, context, z, scratch));
    use_result(flow.to_data(z, context, row, scratch));
    use_result(flow.sample(rng, context, row, scratch));
    use_result(flow.self_test(scratch));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: nobody defines it: where a panic can be reached, the program does not link and nothing is ever called.
    unsafe extern "C" {
        safe fn flow_nostd_can_panic() -> !;
    }
    flow_nostd_can_panic()
}
