//! Prints how much stack every function of flow-nostd takes on this board, one line each: the function, a space, bytes.
//!
//! At build time `FLOW_FILE`, `FLOW_FILE_2` and `FLOW_FILE_3` name three frozen flows; each function is called on all.
#![no_std]
#![no_main]

use board::{Output, stack_used};
use core::hint::black_box;
use flow_nostd::slots::{Policy, check, pick};
use flow_nostd::{Detector, Drift, Flow, SensorState, Window, Windowing};
use rand_pcg::Pcg32;

board::panic_handler!();
flow_nostd::include_flow!(mod first = env!("FLOW_FILE"));
flow_nostd::include_flow!(mod second = env!("FLOW_FILE_2"));
flow_nostd::include_flow!(mod third = env!("FLOW_FILE_3"));

/// Longest row, context and latent vector, and scratch memory.
const COLUMNS: usize = 32;
const SCRATCH: usize = 2048;

#[board::entry]
fn main() -> ! {
    let done = Output::open().is_ok_and(|mut output| {
        let files = [first::BYTES, second::BYTES, third::BYTES];
        files.iter().all(|file| report(file, &mut output).is_some()) && report_windows(&mut output).is_some()
    });
    board::exit(done)
}

/// `None` where a flow is not valid, or a call fails.
fn report(file: &'static [u8], output: &mut Output) -> Option<()> {
    let mut print = |what: &str, stack: usize| output.line(format_args!("{what} {stack}"));
    let mut done = true;
    print("Flow::new", stack_used(|| done &= black_box(Flow::new(black_box(file))).is_ok()));
    print("scratch_len", stack_used(|| done &= black_box(flow_nostd::scratch_len(black_box(file))).is_some()));
    let flow = Flow::new(file).ok()?;
    let flow = black_box(&flow);
    let (mut row, mut context, mut z) = ([0.0; COLUMNS], [0.0; COLUMNS], [0.0; COLUMNS]);
    let mut scratch = [0.0; SCRATCH];
    let (row, context) = (row.get_mut(..flow.columns())?, context.get_mut(..flow.context_dim())?);
    let z = z.get_mut(..flow.dim())?;

    let policy = Policy { verify: None, lowest: 0, fits: None };
    print("slots::pick", stack_used(|| done &= black_box(pick(black_box(file), file, &policy, &mut scratch)).is_ok()));
    print("slots::check", stack_used(|| done &= black_box(check(black_box(file), &policy, &mut scratch)).is_ok()));
    print("self_test", stack_used(|| done &= black_box(flow.self_test(&mut scratch)).is_ok()));
    let mut rng = Pcg32::new(1, 2);
    // Rows that the flow draws, and one far away, of each of which no branch is left out.
    let (mut most, names) = ([0; 5], ["sample", "log_prob", "to_latent", "to_data", "outside_support"]);
    for round in 0..20 {
        let [sample, log_prob, to_latent, to_data, outside_support] = &mut most;
        let note = |most: &mut usize, used: usize| *most = used.max(*most);
        note(sample, stack_used(|| done &= black_box(flow.sample(&mut rng, context, row, &mut scratch)).is_ok()));
        if round % 4 == 3 {
            row.iter_mut().for_each(|x| *x *= -1e6);
            context.iter_mut().for_each(|x| *x = 1e6);
        }
        note(log_prob, stack_used(|| done &= black_box(flow.log_prob(row, context, &mut scratch)).is_ok()));
        note(to_latent, stack_used(|| done &= black_box(flow.to_latent(row, context, z, &mut scratch)).is_ok()));
        note(to_data, stack_used(|| done &= black_box(flow.to_data(z, context, row, &mut scratch)).is_ok()));
        note(outside_support, stack_used(|| _ = black_box(flow.outside_support(row))));
    }
    for (name, most) in names.iter().zip(most) {
        print(name, most);
    }
    print("Detector::new", stack_used(|| done &= black_box(Detector::new(black_box(*flow))).is_ok()));
    let detector = Detector::new(*flow).ok()?;
    let detector = black_box(&detector);
    let (mut sensors, mut shares) = ([SensorState::default(); COLUMNS], [0.0; COLUMNS]);
    let (sensors, shares) = (sensors.get_mut(..row.len())?, shares.get_mut(..row.len())?);
    print("verdict", stack_used(|| done &= black_box(detector.verdict(row, context, &mut scratch)).is_ok()));
    print("watch", stack_used(|| done &= black_box(detector.watch(row, context, sensors, &mut scratch)).is_ok()));
    row.iter_mut().for_each(|x| *x = f32::NAN); // What is missing is found from what there is.
    print("watch", stack_used(|| done &= black_box(detector.watch(row, context, sensors, &mut scratch)).is_ok()));
    print("blame", stack_used(|| done &= black_box(detector.blame(row, context, shares, &mut scratch)).is_ok()));
    let mut drift = Drift::new();
    print("Drift::push", stack_used(|| _ = black_box(drift.push(black_box(-3.0)))));
    let kept = drift.to_bytes();
    print("Drift::from_bytes", stack_used(|| done &= black_box(Drift::from_bytes(black_box(kept))).is_some()));
    print("value_name", stack_used(|| done &= black_box(flow.value_name(black_box(1))).is_some()));
    print("column_name", stack_used(|| done &= black_box(flow.column_name(black_box(1))).is_some()));
    print("model_id_hex", stack_used(|| _ = black_box(flow.model_id_hex())));
    done.then_some(())
}

/// The same of windows: two channels, two rows, every feature.
fn report_windows(output: &mut Output) -> Option<()> {
    const FEATURES: usize = 10;
    const SECTION: [u8; 16 + 4 * FEATURES] = {
        let mut section = [0; 16 + 4 * FEATURES];
        (section[0], section[2], section[4], section[6], section[8]) = (2, 1, 2, FEATURES as u8, 1);
        let mut feature = 0;
        while feature < FEATURES {
            section[16 + 4 * feature] = feature as u8 + 1;
            // The second kind is a lag, the last one a change over one.
            section[18 + 4 * feature] = if feature == 1 || feature == FEATURES - 1 { 1 } else { 0 };
            feature += 1;
        }
        section
    };
    let mut print = |what: &str, stack: usize| output.line(format_args!("{what} {stack}"));
    let mut done = true;
    print("Windowing::read", stack_used(|| done &= black_box(Windowing::read(black_box(&SECTION))).is_ok()));
    let windowing = Windowing::read(&SECTION).ok()?;
    let (mut memory, mut other, mut row) = ([0.0; 4], [0.0; 4], [0.0; 2 * FEATURES]);
    print("Window::new", stack_used(|| done &= black_box(Window::new(windowing, &mut other)).is_ok()));
    let mut window = Window::new(windowing, &mut memory).ok()?;
    print("push", stack_used(|| done &= black_box(window.push(black_box(&[1.0, 2.0]))).is_ok()));
    print("push_at", stack_used(|| done &= black_box(window.push_at(black_box(1), &[2.0, 4.0])).is_ok()));
    print("features", stack_used(|| done &= black_box(window.features(&mut row, &mut [])).is_ok()));
    print("restart", stack_used(|| window.restart()));
    done.then_some(())
}
