//! Links only if no call into flow-nostd can panic: the panic handler needs a symbol that does not exist.
//!
//! Every public function is called with values that the compiler cannot see through. The program is linked, never run.
#![no_std]
#![no_main]

use core::hint::black_box;
use flow_nostd::Flow;
use rand_pcg::Pcg32;

/// Stands for a file; what is in it does not matter, since the compiler may not know.
static FILE: [u8; 4096] = [0; 4096];

#[board::entry]
fn main() -> ! {
    let (mut row, mut z, mut scratch) = ([0.0; 64], [0.0; 64], [0.0; 1024]);
    let (row, z, scratch) = (opaque(&mut row), opaque(&mut z), opaque(&mut scratch));
    match Flow::new(opaque_file()) {
        Ok(flow) => use_all(black_box(&flow), row, z, scratch),
        Err(error) => drop(black_box(error)),
    }
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

#[inline(never)]
fn use_all(flow: &Flow, row: &mut [f32], z: &mut [f32], scratch: &mut [f32]) {
    black_box((flow.columns(), flow.dim(), flow.scratch_len(), flow.macs_log_prob(), flow.model_id()));
    black_box(flow.column_name(black_box(0)));
    let _ = black_box(flow.log_prob(row, scratch));
    let _ = black_box(flow.to_latent(row, z, scratch));
    let _ = black_box(flow.to_data(z, row, scratch));
    let _ = black_box(flow.sample(&mut Pcg32::new(black_box(1), black_box(2)), row, scratch));
    let _ = black_box(flow.self_test(scratch));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn flow_nostd_can_panic() -> !;
    }
    flow_nostd_can_panic()
}
