//! What the engine promises of its machine code: no call can panic, nothing is computed in f64, and no multiplication is
//! fused with an addition. Checked in `firmware/no-panic`, which calls every public function.

use flow_tests::board::MPS2_AN386;
use flow_tests::firmware::{Firmware, find_target};
use flow_tests::machine_code::{double_precision_routines, fused_multiply_adds};
use flow_tests::require::available;

fn no_panic() -> Option<Firmware> {
    // Needs the target but no emulator; who requires the boards requires this too.
    available("qemu", find_target(MPS2_AN386.target))?;
    Some(Firmware { package: "no-panic", ..Firmware::default() }.board(&MPS2_AN386))
}

#[test]
fn no_call_can_panic() {
    let Some(program) = no_panic() else { return };
    for opt_level in ["s", "3"] {
        let program = Firmware { opt_level, ..program.clone() };
        if let Err(why) = program.build(&format!("no-panic-{opt_level}")) {
            panic!("at opt-level {opt_level} the engine can panic, or does not compile:\n{why}");
        }
    }
}

#[test]
fn a_call_that_can_panic_is_found() {
    let Some(program) = no_panic() else { return };
    for opt_level in ["s", "3"] {
        let program = Firmware { opt_level, features: "deliberate-panic", ..program.clone() };
        let why = program.build("deliberate-panic").expect_err("an index out of bounds must not link");
        assert!(why.contains("flow_nostd_can_panic"), "{why}");
    }
}

#[test]
fn nothing_is_computed_in_f64_or_fused() {
    let Some(program) = no_panic() else { return };
    for opt_level in ["s", "3"] {
        let program = Firmware { opt_level, ..program.clone() };
        let elf = std::fs::read(program.build(&format!("machine-code-{opt_level}")).unwrap()).unwrap();
        assert_eq!(double_precision_routines(&elf).unwrap(), [""; 0], "opt-level {opt_level}");
        assert_eq!(fused_multiply_adds(&elf).unwrap(), [0; 0], "opt-level {opt_level}, addresses");
    }
}
