//! The frozen flows and rows that a program carries, taken from the folder `FLOW_CASES` when it is built.
#![no_std]
#![forbid(unsafe_code)]

use parity_report::Case;

include!(concat!(env!("OUT_DIR"), "/cases.rs"));

/// Number of `f32` values of scratch memory that the most demanding of the flows needs.
pub const SCRATCH: usize = {
    let (mut most, mut rest) = (0, LENGTHS.as_slice());
    while let [first, after @ ..] = rest {
        most = if *first > most { *first } else { most };
        rest = after;
    }
    most
};
