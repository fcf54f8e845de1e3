//! Prints the bits of what flow-nostd computes on this board, and what a call takes, for the host to compare.
#![no_std]
#![no_main]

use board::{Counter, Output};
use core::fmt::Arguments;

board::panic_handler!();

#[board::entry]
fn main() -> ! {
    let mut scratch = [0.0; embedded::SCRATCH];
    let done = match (Output::open(), Counter::start()) {
        (Ok(output), Some(counter)) => {
            parity_report::report(&embedded::CASES, &mut scratch, &mut Measuring { output, counter })
        }
        _ => false,
    };
    board::exit(done)
}

/// The board's output and its instruction counter.
struct Measuring {
    output: Output,
    counter: Counter,
}

impl parity_report::Output for Measuring {
    fn line(&mut self, line: Arguments) {
        self.output.line(line);
    }

    fn cost(&mut self, what: &str, work: &mut dyn FnMut()) {
        let instructions = self.counter.measure(&mut *work);
        let stack = board::stack_used(work);
        match instructions {
            Some(n) => self.line(format_args!("cost {what} stack={stack} instructions={n}")),
            None => self.line(format_args!("cost {what} stack={stack}")),
        }
    }

    fn instructions(&mut self, work: &mut dyn FnMut()) -> Option<u32> {
        self.counter.measure(work)
    }
}
