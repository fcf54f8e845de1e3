//! What verifying a signature costs on an emulated Cortex-M4F: instructions, stack and flash. `cargo test -p flow-tests --test
//! signature_costs -- --nocapture` prints the figures that `docs/updates.md` states.

use flow_tests::board::{Board, MPS2_AN386};
use flow_tests::firmware::{Firmware, find_target};
use flow_tests::machine_code::code_size;
use flow_tests::require::available;
use flow_tests::tools::repository;
use std::collections::BTreeMap;
use std::fs;

/// At 8 ns an instruction the counter, which is read as at 128 ns, holds sixteen times as many.
const SLOWER: u64 = 16;
const BOARD: Board = Board { options: &["-icount", "shift=3"], ..MPS2_AN386 };

/// Two percent of room over what was measured, for other compilers. Much less than measured means that the figure is old.
fn holds(what: &str, found: u64, measured: u64) {
    println!("{what}: {found}, measured {measured}");
    assert!(found * 100 <= measured * 102 && found * 100 >= measured * 90, "{what}: {found}, measured {measured}");
}

#[test]
fn instructions_and_stack_of_a_verification() {
    let Some(board) = BOARD.find() else { return };
    let [flow, key] =
        ["signed.flow", "key.pub"].map(|name| fs::read(repository().join("flow-signature/tests").join(name)).unwrap());
    let bytes = flow.len() as u64;
    let program = Firmware { package: "signed", ..Firmware::default() }.board(board);
    let program = program.embed_as("FLOW_FILE", "signed", "model.flow", &flow).unwrap();
    let program = program.embed_as("FLOW_KEY", "signed", "key.pub", &key).unwrap();
    for (opt_level, instructions, stack) in [("s", 2_007_376, 7832), ("3", 1_890_752, 7896)] {
        let program = Firmware { opt_level, ..program.clone() }.build(&format!("signed-{opt_level}")).unwrap();
        let output = board.run(&program).unwrap();
        let found: BTreeMap<&str, u64> =
            output.lines().filter_map(|line| line.split_once(' ')).map(|(k, v)| (k, v.parse().unwrap())).collect();
        let verification = SLOWER * (found["open"] - found["new"]);
        println!("opt-level {opt_level}: {} instructions a byte to load", SLOWER * found["new"] / bytes);
        holds(&format!("opt-level {opt_level}, instructions"), verification, instructions);
        holds(&format!("opt-level {opt_level}, bytes of stack"), found["stack"], stack);
    }
}

#[test]
fn flash_of_a_verification() {
    // Needs the target but no emulator; who requires the boards requires this too.
    let Some(()) = available("qemu", find_target(BOARD.target)) else { return };
    let [load, signature] = ["load,all-kinds", "signature,all-kinds"].map(|features| {
        let program = Firmware { package: "size", features, opt_level: "s", ..Firmware::default() }.board(&BOARD);
        let elf = program.build(&format!("size-{}", features.replace(',', "-"))).unwrap();
        code_size(&fs::read(elf).unwrap()).unwrap()
    });
    holds("bytes of flash", signature - load, 17_780);
}
