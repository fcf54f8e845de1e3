//! How much flash the engine takes on a Cortex-M4F, without weights: `firmware/size` linked with and without calls into
//! it, at opt-level "s". `cargo test -p flow-tests --test engine_size -- --nocapture` prints the figures.

use flow_export::inspect::ENGINE;
use flow_tests::board::{BOARDS, MPS2_AN386};
use flow_tests::firmware::{Firmware, find_target};
use flow_tests::machine_code::code_size;
use flow_tests::require::available;
use std::collections::BTreeMap;
use std::fs;

/// What the program calls, and bytes of `.text` and `.rodata` when it was last measured: for affine couplings only, and
/// with all kinds.
const MEASURED: [(&str, u64, u64); 4] =
    [("load", 4036, 8352), ("log-prob", 7100, 17152), ("verdicts", 15588, 26396), ("everything", 11900, 26484)];

#[test]
fn the_engine_is_as_small_as_measured() {
    // Needs the target but no emulator; who requires the boards requires this too.
    let Some(()) = available("qemu", find_target(MPS2_AN386.target)) else { return };
    let size = |features: &'static str| {
        let program = Firmware { package: "size", features, opt_level: "s", ..Firmware::default() }.board(&MPS2_AN386);
        let elf = program.build(&format!("size-{}", features.replace(',', "-"))).unwrap();
        code_size(&fs::read(elf).unwrap()).unwrap()
    };
    let empty = size("");
    let (mut wrong, mut found) = (Vec::new(), BTreeMap::new());
    for (features, affine, all_kinds) in MEASURED {
        let all_features = match features {
            "load" => "load,all-kinds",
            "log-prob" => "log-prob,all-kinds",
            "verdicts" => "verdicts,all-kinds",
            _ => "everything,all-kinds",
        };
        for (features, measured) in [(features, affine), (all_features, all_kinds)] {
            let bytes = size(features) - empty;
            println!("{features}: {bytes} bytes");
            found.insert(features.to_string(), bytes);
            // Two percent of room, for other compilers. Much less than measured means that the figure is old.
            if bytes * 100 > measured * 102 || bytes * 100 < measured * 90 {
                wrong.push(format!("{features}: {bytes} bytes, {measured} measured"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    // What is promised of computing a log-density, loading apart.
    for (with, limit) in [("", 3 * 1024), (",all-kinds", 12 * 1024)] {
        let [load, log_prob] = ["load", "log-prob"].map(|calls| found[&format!("{calls}{with}")]);
        println!("log-prob{with} without load: {} bytes", log_prob - load);
        assert!(log_prob - load <= limit, "{} bytes", log_prob - load);
    }
}

/// What `flow-export inspect --boards` says of flash, for every instruction set. Boards that share one are measured once.
#[test]
#[ignore = "a long test: eighteen programs"]
fn the_engine_is_as_small_as_told_for_every_instruction_set() {
    let (mut wrong, mut done) = (Vec::new(), Vec::new());
    for board in &BOARDS {
        let set = board.instruction_set();
        let Some(()) = available("qemu", find_target(board.target)).filter(|()| !done.contains(&set)) else { continue };
        done.push(set);
        let size = |features: &'static str| {
            let program = Firmware { package: "size", features, opt_level: "3", ..Firmware::default() }.board(board);
            let name = format!("size-3-{}-{}", board.target, features.replace(',', "-"));
            code_size(&fs::read(program.build(&name).unwrap()).unwrap()).unwrap()
        };
        let empty = size("");
        for (features, told) in ["log-prob,all-kinds", "verdicts,all-kinds"].into_iter().zip(ENGINE[set as usize]) {
            let bytes = size(features) - empty;
            println!("{}, {features}: {bytes} bytes", board.target);
            if bytes * 100 > told * 102 || bytes * 100 < told * 90 {
                wrong.push(format!("{}, {features}: {bytes} bytes, {told} told", board.target));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
