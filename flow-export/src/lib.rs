//! Freezes a trained flow into one compact file, and inspects, scores and samples that file with the device engine.
//!
//! Each command of the command line ([`cli`]) is a function here, so that the trainer can call it too.
#![forbid(unsafe_code)]

mod alarm;
pub mod aligned;
pub mod backtest;
pub mod binomial;
pub mod board;
pub mod boards;
pub mod c_array;
pub mod calibrate;
pub mod calibration;
pub mod cli;
pub mod cost;
mod error;
pub mod freeze;
pub mod frozen;
pub mod inspect;
pub mod needs;
pub mod onnx;
mod output;
pub mod probes;
pub mod references;
pub mod resection;
pub mod run_folder;
pub mod sample;
pub mod score;
pub mod sensors;
pub mod signing;
pub mod tail;
pub mod times;
pub mod verdicts;
mod watch;
pub mod windows;

pub use error::Error;
