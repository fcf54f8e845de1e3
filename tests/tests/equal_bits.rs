//! flow-nostd computes the same bits on emulated boards, on other hosts and in WebAssembly as on this machine, however it
//! is optimised.

use flow_tests::board::{BOARDS, Board, MPS2_AN386, RV32IMAFC};
use flow_tests::case::{Case, assert_same_bits, every_case};
use flow_tests::firmware::Firmware;
use flow_tests::hosted::HOSTS;
use flow_tests::report::Report;
use std::sync::LazyLock;

/// All cases, and what this machine computes from them.
static HERE: LazyLock<(Vec<Case>, Vec<Report>)> = LazyLock::new(|| {
    let cases = every_case();
    let reports = compute(&cases);
    (cases, reports)
});

/// The same with fewer rows: a core without an FPU is slow to emulate, and the smallest has little flash.
static FEW: LazyLock<(Vec<Case>, Vec<Report>)> = LazyLock::new(|| {
    let cases: Vec<Case> = HERE.0.iter().map(|case| case.percent(20)).collect();
    let reports = compute(&cases);
    (cases, reports)
});

fn compute(cases: &[Case]) -> Vec<Report> {
    cases.iter().map(|case| case.compute().unwrap_or_else(|why| panic!("{}: {why}", case.name))).collect()
}

fn cases_for(board: &Board) -> &'static (Vec<Case>, Vec<Report>) {
    if board.has_fpu { &HERE } else { &FEW }
}

#[test]
fn every_board() {
    for board in BOARDS.iter().filter_map(Board::find) {
        let (cases, here) = cases_for(board);
        let there = board.compute("every-case", cases).unwrap_or_else(|why| panic!("{}: {why}", board.core));
        assert_same_bits(board.core, cases, &there, here);
        println!("{}: equal bits of {} flows, {} rows each", board.core, cases.len(), here[0].log_prob.len());
    }
}

#[test]
fn however_optimised_on_a_board() {
    for board in [MPS2_AN386, RV32IMAFC].iter().filter_map(Board::find) {
        let (cases, here) = &*FEW;
        for (opt_level, lto) in [("s", "off"), ("s", "fat"), ("2", "off"), ("2", "fat"), ("3", "off")] {
            let what = format!("{} at opt-level {opt_level}, LTO {lto}", board.core);
            let build = Firmware { opt_level, lto, ..Firmware::default() };
            let there = board.compute_with("optimised", cases, build).unwrap_or_else(|why| panic!("{what}: {why}"));
            assert_same_bits(&what, cases, &there, here);
            println!("{what}: equal bits of {} flows", cases.len());
        }
    }
}

#[test]
fn every_host() {
    for (host, optimisations) in HOSTS {
        let Some(host) = host.find() else { continue };
        let (cases, here) = &*HERE;
        for &(opt_level, lto) in optimisations {
            let what = format!("{} at opt-level {opt_level}, LTO {lto}", host.processor);
            let there = host.compute("hosted", cases, (opt_level, lto)).unwrap_or_else(|why| panic!("{what}: {why}"));
            assert_same_bits(&what, cases, &there, here);
            println!("{what}: equal bits of {} flows", cases.len());
        }
    }
}
