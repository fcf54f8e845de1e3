//! What the tests that need more than one crate share: emulated boards, other hosts, machine code, and what to do where a tool is
//! missing.
#![forbid(unsafe_code)]

pub mod board;
pub mod c_library;
pub mod case;
pub mod firmware;
pub mod fit;
pub mod flows;
pub mod foreign_libm;
pub mod hosted;
pub mod machine_code;
pub mod report;
pub mod require;
#[cfg(target_os = "linux")]
pub mod serial;
pub mod spread;
pub mod tools;
pub mod trained;
pub mod wasm;
