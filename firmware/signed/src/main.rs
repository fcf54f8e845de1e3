//! Verifies a signed flow on this board, then the same with one bit changed, and prints what that takes, one line each: what, a
//! space, a number.
//!
//! At build time `FLOW_FILE` names the signed flow, `FLOW_KEY` the public key.
#![no_std]
#![no_main]

use board::{Counter, Output, stack_used};
use core::hint::black_box;
use flow_nostd::slots::{Policy, Slot, pick};
use flow_signature::{Distrust, PublicKey, open, public_key};

board::panic_handler!();
flow_nostd::include_flow!(mod model = env!("FLOW_FILE"));
const KEY: PublicKey = public_key(include_str!(env!("FLOW_KEY")));
/// Larger than any file of the test.
const LONGEST: usize = 16 * 1024;

#[board::entry]
fn main() -> ! {
    let done = Output::open().is_ok_and(|mut output| report(&mut output).is_some());
    board::exit(done)
}

fn report(output: &mut Output) -> Option<()> {
    let mut print = |what: &str, number: usize| output.line(format_args!("{what} {number}"));
    let mut good = false;
    print("stack", stack_used(|| good = black_box(open(black_box(model::BYTES), &KEY, 0)).is_ok()));
    let mut counter = Counter::start()?;
    let count = counter.measure(|| good &= black_box(open(black_box(model::BYTES), &KEY, 0)).is_ok());
    print("open", count? as usize);
    let count = counter.measure(|| good &= black_box(flow_nostd::Flow::new(black_box(model::BYTES))).is_ok());
    print("new", count? as usize);

    let mut changed = flow_nostd::Aligned([0xff; LONGEST]);
    changed.0.get_mut(..model::BYTES.len())?.copy_from_slice(model::BYTES);
    let policy = Policy {
        verify: Some(|file, signature| flow_signature::verify(file, signature, &KEY)),
        lowest: 0,
        fits: Some(|flow| flow.columns() == model::COLUMNS),
    };
    let mut scratch = [0.0; model::SCRATCH];
    let picked = pick(&[], black_box(&changed.0), &policy, &mut scratch).ok()?;
    good &= picked.slot == Slot::B;
    *changed.0.get_mut(model::BYTES.len().checked_sub(1)?)? ^= 1;
    let file = changed.0.get(..model::BYTES.len())?;
    good &= matches!(open(black_box(file), &KEY, 0), Err(Distrust::Signature));
    good &= pick(&[], &changed.0, &policy, &mut scratch).is_err();
    good.then_some(())
}
