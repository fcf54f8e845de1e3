//! What the engine promises of its machine code: no call can panic, no sum of whole numbers overflows, nothing is computed
//! in f64, no multiplication is fused with an addition, and nothing is allocated. Checked in `firmware/no-panic`, which
//! calls every public function and uses every trait, for the target of every emulated board.

use flow_tests::board::{BOARDS, Board};
use flow_tests::firmware::{Firmware, family, find_target};
use flow_tests::machine_code::{allocation_routines, double_precision_routines, forbidden_instructions};
use flow_tests::require::available;
use flow_tests::tools::repository;
use std::fs;
use std::thread;

/// One board of each target that is there. It needs no emulator; who requires the boards requires this too.
fn boards() -> Vec<&'static Board> {
    let mut boards: Vec<&Board> = BOARDS.iter().collect();
    boards.sort_by_key(|board| (family(board.target), board.target));
    boards.dedup_by_key(|board| board.target);
    boards.retain(|board| available("qemu", find_target(board.target)).is_some());
    boards
}

/// Checks boards of each family of targets side by side: cargo builds them in different folders.
fn check_each(boards: &[&'static Board], check: impl Fn(&Board) + Sync) {
    thread::scope(|scope| {
        for family in boards.chunk_by(|a, b| family(a.target) == family(b.target)) {
            scope.spawn(|| family.iter().for_each(|board| check(board)));
        }
    });
}

fn no_panic(board: &Board, opt_level: &'static str) -> Firmware {
    Firmware { package: "no-panic", opt_level, ..Firmware::default() }.board(board)
}

#[test]
fn no_call_can_panic_compute_in_f64_fuse_or_allocate() {
    check_each(&boards(), |board| {
        for opt_level in ["s", "3"] {
            let what = format!("{} at opt-level {opt_level}", board.target);
            let program = no_panic(board, opt_level).build(&format!("no-panic-{}-{opt_level}", board.target));
            let elf = program.unwrap_or_else(|why| panic!("{what}: can panic, or does not compile:\n{why}"));
            let elf = fs::read(elf).unwrap();
            assert_eq!(double_precision_routines(&elf).unwrap(), [""; 0], "{what}");
            assert_eq!(forbidden_instructions(&elf).unwrap(), [], "{what}, addresses");
            assert_eq!(allocation_routines(&elf).unwrap(), [""; 0], "{what}");
        }
    });
}

/// The same with overflow checks in flow-nostd: what the compiler leaves of them could panic, and would not link.
#[test]
fn no_sum_can_overflow() {
    check_each(&boards(), |board| {
        let program = Firmware { overflow_checks: true, ..no_panic(board, "3") };
        if let Err(why) = program.build(&format!("no-overflow-{}", board.target)) {
            panic!("{}: a sum can overflow, or does not compile:\n{why}", board.target);
        }
    });
}

fn deliberate_ones_are_found(boards: &[&'static Board]) {
    check_each(boards, |board| {
        for (features, overflow_checks) in [("deliberate-panic", false), ("deliberate-overflow", true)] {
            let program = Firmware { features, overflow_checks, ..no_panic(board, "3") };
            let why = program.build("deliberate").expect_err(features);
            assert!(why.contains("flow_nostd_can_panic"), "{}, {features}: {why}", board.target);
        }
    });
}

#[test]
fn a_call_that_can_panic_and_a_sum_that_can_overflow_are_found() {
    let mut one_of_each_family = boards();
    one_of_each_family.dedup_by_key(|board| family(board.target));
    deliberate_ones_are_found(&one_of_each_family);
}

#[test]
#[ignore = "a long test: builds for every target what must not link"]
fn they_are_found_on_every_target() {
    deliberate_ones_are_found(&boards());
}

/// The lints forbid both; this says that nobody took the lints away.
#[test]
fn neither_unsafe_nor_a_heap_is_in_the_source() {
    let lib = fs::read_to_string(repository().join("flow-nostd/src/lib.rs")).unwrap();
    assert!(lib.contains("\n#![no_std]\n") && lib.contains("\n#![forbid(unsafe_code)]\n"));
    for (file, text) in sources() {
        for line in text.lines().map(|line| line.split("//").next().unwrap_or_default()) {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            assert!(!words.contains(&"unsafe") && !words.contains(&"alloc"), "{file}: {line}");
        }
    }
}

/// A public function or type that is added is added to the program, too.
#[test]
fn nothing_public_is_missing_from_the_proof() {
    let program = ["functions.rs", "traits.rs"]
        .map(|file| fs::read_to_string(repository().join("firmware/no-panic/src").join(file)).unwrap())
        .concat();
    let wanted = public_items();
    assert!(wanted.len() > 60, "{wanted:?}");
    let missing: Vec<&String> = wanted.iter().filter(|call| !program.contains(call.as_str())).collect();
    assert!(missing.is_empty(), "not in firmware/no-panic: {missing:#?}");
}

fn sources() -> Vec<(String, String)> {
    let entries = fs::read_dir(repository().join("flow-nostd/src")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// How the program must name each public function (`Flow::dim(`), and each trait of each public type
/// (`debug::<Flow>`; of a record `record::<Header>`), read from the source.
fn public_items() -> Vec<String> {
    let mut items = vec![];
    for (_, text) in sources() {
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let (mut owner, mut derived) = (String::new(), vec![]);
        for line in text.lines() {
            let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
            if let Some(head) = line.strip_prefix("impl") {
                let head = head.trim_start_matches("<'a>").trim_start();
                match head.split_once(" for ") {
                    None => owner = name(head),
                    Some((of, target)) => items.extend(trait_use(of, &name(target))),
                }
            } else if let Some(list) = line.strip_prefix("#[derive(") {
                derived = list.trim_end_matches(")]").split(", ").map(str::to_owned).collect();
            } else if let Some(rest) = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum ")) {
                let this = name(rest);
                if derived.iter().any(|of| of == "FromBytes") {
                    items.push(format!("record::<{this}>"));
                } else {
                    items.extend(derived.iter().flat_map(|of| trait_use(of, &this)));
                }
                derived.clear();
            } else if let Some(rest) = line.trim_start().strip_prefix("pub ")
                && let Some(rest) = rest.trim_start_matches("const ").strip_prefix("fn ")
            {
                let path = if line.starts_with(' ') { format!("{owner}::") } else { "::".to_owned() };
                items.push(format!("{path}{}(", name(rest)));
            } else if !line.starts_with('#') && !line.starts_with("//") && !line.trim().is_empty() {
                derived.clear();
            }
        }
    }
    items
}

/// Nothing for traits that no caller uses, or that have no code of their own.
fn trait_use(of: &str, target: &str) -> Option<String> {
    match of.rsplit("::").next()? {
        // They print records or other `f32`, see `traits.rs`.
        "Debug" if matches!(target, "Base" | "Layer" | "Verdict" | "Drift" | "SensorState") => None,
        "Default" => Some(format!("default::<{target}")),
        "Debug" => Some(format!("debug::<{target}")),
        "Display" => Some(format!("display::<{target}")),
        "Clone" => Some(format!("clone::<{target}")),
        "PartialEq" => Some(format!("equal::<{target}")),
        "From<EvalError>" => Some(format!("from::<EvalError, {target}>")),
        // Of the crate's own, and nobody else's.
        "Weight" => None,
        "Copy" | "Eq" | "Error" => None,
        other => Some(format!("a use of {other} for {target}")),
    }
}
