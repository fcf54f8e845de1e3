//! What the tests that need more than one crate share: emulated boards, machine code, and what to do where a tool is
//! missing.
#![forbid(unsafe_code)]

pub mod board;
pub mod firmware;
pub mod flows;
pub mod machine_code;
pub mod report;
pub mod require;
pub mod tools;
pub mod trained;
