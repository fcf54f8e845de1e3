//! How much flash the engine takes: the same program is linked with and without calls into it. It is never run.
//!
//! No frozen flow is inside, so that weights do not count.
#![no_std]
#![no_main]

#[cfg(feature = "load")]
use core::hint::black_box;

#[board::entry]
fn main() -> ! {
    #[cfg(feature = "load")]
    engine();
    #[expect(clippy::empty_loop, reason = "the program is never run")]
    loop {}
}

/// Calls the engine with slices of unknown address and length.
#[cfg(feature = "load")]
fn engine() {
    static FILE: [u8; 4] = [0; 4];
    let file = black_box(FILE.get(..black_box(0)).unwrap_or_default());
    #[cfg(not(feature = "signature"))]
    let flow = flow_nostd::Flow::new(file);
    #[cfg(feature = "signature")]
    let flow = flow_signature::open(file, black_box(&[0; 32]), black_box(0));
    #[cfg(feature = "log-prob")]
    if let Ok(flow) = black_box(&flow) {
        evaluate(flow);
    }
    black_box(&flow);
}

#[cfg(feature = "log-prob")]
fn evaluate(flow: &flow_nostd::Flow<'_>) {
    let (mut row, context, mut scratch) = ([0.0; 4], [0.0; 4], [0.0; 4]);
    _ = black_box(flow.log_prob(black_box(&row), black_box(&context), black_box(&mut scratch)));
    #[cfg(feature = "everything")]
    {
        let mut z = [0.0; 4];
        _ = black_box(flow.to_latent(black_box(&row), black_box(&context), black_box(&mut z), black_box(&mut scratch)));
        _ = black_box(flow.to_data(black_box(&z), black_box(&context), black_box(&mut row), black_box(&mut scratch)));
        let mut rng = rand_pcg::Pcg32::new(black_box(1), black_box(2));
        _ = black_box(flow.sample(&mut rng, black_box(&context), black_box(&mut row), black_box(&mut scratch)));
        _ = black_box(flow.self_test(black_box(&mut scratch)));
    }
    #[cfg(feature = "verdicts")]
    watch(flow, &mut row, &mut scratch);
    black_box(&mut row);
}

/// What a firmware that watches a machine calls.
#[cfg(feature = "verdicts")]
fn watch(flow: &flow_nostd::Flow<'_>, row: &mut [f32], scratch: &mut [f32]) {
    use flow_nostd::{Detector, Drift, SensorState, Window, Windowing};
    let (mut memory, mut sensors, mut drift) = ([0.0; 4], [SensorState::default(); 4], Drift::new());
    let (Ok(windowing), Ok(detector)) = (Windowing::of(flow), Detector::new(*flow)) else { return };
    let Ok(mut window) = Window::new(windowing, black_box(&mut memory)) else { return };
    _ = black_box(window.push_at(black_box(1), black_box(row)));
    _ = black_box(window.features(black_box(row), black_box(&mut [])));
    let verdict = detector.watch(black_box(row), black_box(&[]), black_box(&mut sensors), black_box(scratch));
    if let Ok(verdict) = black_box(verdict) {
        black_box(drift.push(verdict.ln_p));
    }
    _ = black_box(detector.blame(black_box(row), black_box(&[]), black_box(&mut [0.0; 4]), black_box(scratch)));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
