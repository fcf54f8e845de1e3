//! A line protocol between a host and a board that runs a frozen flow: one request a line, one answer a line.
//!
//! ```text
//! >0007 row 3fa00000 40400000 41880000 c1f00000*…
//! <0007 row 00000003 scored c0d3a9f1 bf317218 - - 3f59c1a2*…
//! ```
//!
//! Values go as the bits of their `f32`, each line has a checksum and a number, and a board says how many rows it has seen:
//! so noise, a reset and a row that comes twice are told apart from what the board computes. `spec/line-protocol.md` says all
//! of it.
//!
//! Firmware puts bytes together with an [`Assembler`] and hands lines to a [`Responder`]; a host writes [`Request`]s, reads
//! [`Answer`]s, and runs the same responder beside the board. Neither needs a heap, and none of it panics.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(test)]
extern crate std;

mod answer;
mod assembler;
mod crc;
mod frame;
mod hex;
mod request;
mod responder;

pub use answer::{Answer, Hello, Refusal, Report, STATUS, Said, Tested};
pub use assembler::{Assembler, Received};
pub use frame::{ANSWER, Frame, REQUEST, UNASKED, open_frame, write_frame};
pub use request::{Request, Values, row_length, write_row};
pub use responder::{Memory, Needs, Responder, Unfit};

/// Version of the protocol: a board of another one is not spoken to.
pub const PROTOCOL: u16 = 1;
