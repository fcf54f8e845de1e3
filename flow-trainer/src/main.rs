//! The command `flow-trainer`; see [`flow_trainer::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_trainer::cli::main()
}
