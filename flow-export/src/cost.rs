//! How many instructions a call of the engine takes on a core, estimated from the records of a frozen flow: how often each
//! [`Part`] of the engine's work comes up, times what it was found to cost on the emulated board.
//!
//! The instructions of a part are a fit: least squares of relative errors over the flows of `tests/src/spread.rs`, whose
//! instructions the boards counted, for each [`InstructionSet`] and for both ways through the flow. A verdict takes a
//! log-density and little more. `tests/tests/cost_estimate.rs` holds the estimates against flows that the fit has not seen,
//! and its long test makes the fit again. On silicon an instruction takes a cycle or more; the figure is no time.
//!
//! What a call takes depends on values, too: the engine passes over hidden units that ReLU makes 0, and without an FPU a product
//! with 0 is soon done. So parts are counted by them: the conditioners are tried with normal inputs, and weights looked
//! at. Rows are taken as they usually are: within the splines' bounds, drawn into no box.

mod counts;
mod fitted;
mod mixture;
mod part;
mod tried;

pub use counts::{log_prob_counts, sample_counts};
pub use part::{PARTS, Part};

use flow_nostd::Flow;
use serde::Serialize;

/// What the engine is compiled to: cores that share it execute the same instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum InstructionSet {
    /// Cortex-M0, M0+ and M1: no FPU, a multiplication of 32 bits.
    #[serde(rename = "Armv6-M")]
    Armv6M,
    /// Cortex-M3, and M4 or M7 without an FPU: a long multiplication.
    #[serde(rename = "Armv7-M")]
    Armv7M,
    /// Cortex-M4F and M7.
    #[serde(rename = "Armv7E-M with an FPU")]
    Armv7EM,
    /// Cortex-M33 with an FPU, and M55 without MVE.
    #[serde(rename = "Armv8-M with an FPU")]
    Armv8M,
    /// RISC-V without an FPU.
    #[serde(rename = "RV32IMAC")]
    Rv32imac,
    /// RISC-V with an FPU.
    #[serde(rename = "RV32IMAFC")]
    Rv32imafc,
}

/// Number of instruction sets.
const SETS: usize = 6;

impl InstructionSet {
    /// All of them.
    pub const ALL: [InstructionSet; SETS] =
        [Self::Armv6M, Self::Armv7M, Self::Armv7EM, Self::Armv8M, Self::Rv32imac, Self::Rv32imafc];

    /// The Rust target that the instructions were counted with.
    pub fn target(self) -> &'static str {
        match self {
            Self::Armv6M => "thumbv6m-none-eabi",
            Self::Armv7M => "thumbv7m-none-eabi",
            Self::Armv7EM => "thumbv7em-none-eabihf",
            Self::Armv8M => "thumbv8m.main-none-eabihf",
            Self::Rv32imac => "riscv32imac-unknown-none-elf",
            Self::Rv32imafc => "riscv32imafc-unknown-none-elf",
        }
    }

    /// Whether it computes with f32 itself.
    pub fn has_fpu(self) -> bool {
        matches!(self, Self::Armv7EM | Self::Armv8M | Self::Rv32imafc)
    }
}

/// Instructions of one call of each of the engine's main functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Instructions {
    /// `Flow::log_prob`.
    pub log_prob: u64,
    /// `Detector::watch`, where the file has a calibration.
    pub verdict: u64,
    /// `Flow::sample`.
    pub sample: u64,
}

/// What calls of a flow's functions consist of.
#[derive(Clone, Debug)]
pub struct Work {
    log_prob: [f64; PARTS],
    sample: [f64; PARTS],
    columns: usize,
}

impl Work {
    /// That of this flow.
    pub fn of(flow: &Flow<'_>) -> Self {
        Work { log_prob: log_prob_counts(flow), sample: sample_counts(flow), columns: flow.columns() }
    }

    /// What it takes with this instruction set.
    pub fn on(&self, set: InstructionSet) -> Instructions {
        let log_prob = sum(&self.log_prob, &fitted::LOG_PROB[set as usize]);
        let sample = sum(&self.sample, &fitted::SAMPLE[set as usize]);
        let [call, column] = fitted::VERDICT[set as usize];
        let verdict = log_prob + call + column * self.columns as f64;
        let [log_prob, verdict, sample] = [log_prob, verdict, sample].map(|n| n.round() as u64);
        Instructions { log_prob, verdict, sample }
    }
}

/// Instructions of one `log_prob` on a Cortex-M4F.
pub fn instructions(flow: &Flow<'_>) -> u64 {
    sum(&log_prob_counts(flow), &fitted::LOG_PROB[InstructionSet::Armv7EM as usize]).round() as u64
}

/// So many of each part, times what each takes.
fn sum(counts: &[f64; PARTS], each: &[f64; PARTS]) -> f64 {
    counts.iter().zip(each).map(|(count, each)| count * each).sum()
}
