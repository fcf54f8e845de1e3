//! The command `flow-export`, compiled with what the other tests compile, for those that run it beside a board.

use std::process::ExitCode;

fn main() -> ExitCode {
    flow_export::cli::main()
}
