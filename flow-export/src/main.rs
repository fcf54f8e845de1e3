//! The command `flow-export`; see [`flow_export::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_export::cli::main()
}
