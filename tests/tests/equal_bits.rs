//! flow-nostd computes the same bits on emulated boards, on other hosts and in WebAssembly as on this machine, however it
//! is optimised.

use cargo_metadata::MetadataCommand;
use flow_export::aligned::AlignedBytes;
use flow_nostd::Flow;
use flow_nostd::layout::{self, Base};
use flow_tests::board::{BOARDS, Board, MPS2_AN386, RV32IMAFC};
use flow_tests::case::{Case, assert_same_bits, every_case};
use flow_tests::firmware::Firmware;
use flow_tests::hosted::{HOSTS, Host, X86_64};
use flow_tests::report::Report;
use flow_tests::{foreign_libm, tools};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// All cases, and what this machine computes from them.
static HERE: LazyLock<(Vec<Case>, Vec<Report>)> = LazyLock::new(|| {
    let cases = every_case();
    let reports = compute(&cases);
    (cases, reports)
});

/// The same with fewer rows: a core without an FPU is slow to emulate, and the smallest has little flash.
static FEW: LazyLock<(Vec<Case>, Vec<Report>)> = LazyLock::new(|| {
    let cases: Vec<Case> = HERE.0.iter().map(|case| case.with(200, 0)).collect();
    let reports = compute(&cases);
    (cases, reports)
});

fn compute(cases: &[Case]) -> Vec<Report> {
    cases.iter().map(|case| case.compute().unwrap_or_else(|why| panic!("{}: {why}", case.name))).collect()
}

/// The same with few rows printed and 100,000 made from these, over all flows.
static MANY: LazyLock<(Vec<Case>, Vec<Report>)> = LazyLock::new(|| {
    let cases: Vec<Case> = HERE.0.iter().map(|case| case.with(100, 100_000u32.div_ceil(HERE.0.len() as u32))).collect();
    let reports = compute(&cases);
    (cases, reports)
});

fn cases_for(board: &Board) -> &'static (Vec<Case>, Vec<Report>) {
    if board.has_fpu { &HERE } else { &FEW }
}

#[test]
fn the_cases_hold_every_layer_base_and_kind_of_column() {
    let (mut layers, mut columns, mut bases) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for case in &HERE.0 {
        let bytes = AlignedBytes::from(case.flow.clone());
        let flow = Flow::new(&bytes).unwrap();
        layers.extend(flow.layer_records().iter().map(|layer| layer.kind.get()));
        columns.extend(flow.column_records().iter().map(|column| column.kind.get()));
        bases.insert(match flow.base() {
            Base::Normal => layout::NORMAL,
            Base::StudentT(_) => layout::STUDENT_T,
            Base::Mixture(_) => layout::MIXTURE,
        });
    }
    assert_eq!(layers, (layout::PERMUTATION..=layout::ACT_NORM).collect());
    assert_eq!(columns, (layout::CONTINUOUS..=layout::CONTEXT).collect());
    assert_eq!(bases, (layout::NORMAL..=layout::MIXTURE).collect());
    // Of 200 rows of the last case some hold what is no number, and no window holds those.
    let windows = HERE.1.last().map_or(0, |report| report.windows.len());
    assert!((40..180).contains(&windows), "{windows}");
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

/// Optimised otherwise than the programs of the other tests, which are at opt-level 3 with LTO.
fn optimised_on_boards(optimisations: &[(&'static str, &'static str)]) {
    for board in [MPS2_AN386, RV32IMAFC].iter().filter_map(Board::find) {
        let (cases, here) = &*FEW;
        for &(opt_level, lto) in optimisations {
            let what = format!("{} at opt-level {opt_level}, LTO {lto}", board.core);
            let build = Firmware { opt_level, lto, ..Firmware::default() };
            let there = board.compute_with("optimised", cases, build).unwrap_or_else(|why| panic!("{what}: {why}"));
            assert_same_bits(&what, cases, &there, here);
            println!("{what}: equal bits of {} flows", cases.len());
        }
    }
}

fn optimised_on_a_host(host: Host, optimisations: &[(&'static str, &'static str)]) {
    let Some(host) = host.find() else { return };
    let (cases, here) = &*HERE;
    for &(opt_level, lto) in optimisations {
        let what = format!("{} at opt-level {opt_level}, LTO {lto}", host.processor);
        let there = host.compute("hosted", cases, (opt_level, lto)).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_same_bits(&what, cases, &there, here);
        println!("{what}: equal bits of {} flows", cases.len());
    }
}

#[test]
fn however_optimised_on_a_board() {
    optimised_on_boards(&[("s", "fat"), ("2", "off")]);
}

#[test]
fn every_host() {
    for host in HOSTS {
        optimised_on_a_host(host, &[("3", "fat")]);
    }
    optimised_on_a_host(X86_64, &[("s", "off"), ("2", "fat")]);
}

#[test]
#[ignore = "a long test: the other optimisations"]
fn in_all_other_ways_optimised() {
    optimised_on_boards(&[("s", "off"), ("2", "fat"), ("3", "off")]);
    optimised_on_a_host(X86_64, &[("s", "fat"), ("2", "off"), ("3", "off")]);
}

#[test]
#[ignore = "a long test: 100,000 rows on each of the boards with an FPU"]
fn many_rows_on_every_board_with_an_fpu() {
    let (cases, here) = &*MANY;
    for board in BOARDS.iter().filter(|board| board.has_fpu).filter_map(Board::find) {
        let there = board.compute("many", cases).unwrap_or_else(|why| panic!("{}: {why}", board.core));
        assert_same_bits(board.core, cases, &there, here);
        println!("{}: equal bits of {} further rows", board.core, cases.iter().map(|case| case.more).sum::<u32>());
    }
}

#[test]
#[ignore = "a long test: 100,000 rows on each of the other hosts"]
fn many_rows_on_every_host() {
    let (cases, here) = &*MANY;
    for host in HOSTS {
        let Some(host) = host.find() else { continue };
        let there = host.compute("many-hosted", cases, ("3", "fat")).unwrap_or_else(|why| panic!("{host:?}: {why}"));
        assert_same_bits(host.processor, cases, &there, here);
        println!("{}: equal bits of {} further rows", host.processor, cases.iter().map(|case| case.more).sum::<u32>());
    }
}

/// A function of libm that differs in the last bit of all its results is found by the self-test of every flow, whether the
/// flow uses it or not; one that differs now and then is found more often than not.
#[test]
fn the_self_test_finds_another_libm() {
    let metadata = MetadataCommand::new().manifest_path(tools::repository().join("Cargo.toml")).exec().unwrap();
    let libm = metadata.packages.iter().find(|package| package.name == "libm").expect("the engine uses libm");
    let cases: Vec<Case> = HERE.0.iter().map(|case| case.with(200, 0)).collect();
    let verdicts = foreign_libm::verdicts(libm.manifest_path.as_std_path(), &cases).unwrap();
    assert_eq!(verdicts.len(), cases.len() * 5 * 6, "five functions, six ways");
    for v in &verdicts {
        let name = &cases[v.case].name;
        println!(
            "{name}: {} {}: of {} trials found in {}, probe rows differ in {}, rows in {}",
            v.function, v.way, v.trials, v.found, v.probes, v.rows
        );
        match v.way.as_str() {
            "true" => assert_eq!((v.found, v.probes, v.rows), (0, 0, 0), "{name}: {v:?}"),
            "1/1" => assert_eq!(v.found, v.trials, "{name}: {v:?}"),
            "1/4" => assert!(v.found * 10 >= v.trials * 9, "{name}: {v:?}"),
            _ => {} // Differs so seldom that it is a matter of luck.
        }
    }
}
