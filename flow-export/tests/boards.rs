//! `inspect --boards` and `--board`: what a flow takes on common boards, where it fits, and what is said where it does not.

mod common;

use common::Session;
use flow_export::freeze::{Weights, freeze_as};
use flow_export::probes;
use flow_model::models::{Shape, maf, realnvp};
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use serde_json::Value;

const COLUMNS: usize = 8;

/// A flow of eight columns.
fn spec(layers: impl Fn(&Shape) -> Vec<Layer>, hidden: &[usize]) -> FlowSpec {
    let standard = Standard { center: 0.0, scale: 1.0, reach: 6.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let shape = Shape { lines: COLUMNS, layers: 8, hidden: hidden.to_vec(), ..Shape::default() };
    let columns = (0..COLUMNS).map(column).collect();
    FlowSpec::new(columns, Tails { knee: 4.0, rate: 10.0 }, layers(&shape), Base::Normal)
}

fn frozen(spec: &FlowSpec, weights: Weights) -> Vec<u8> {
    freeze_as(spec, &Layout::of(spec).init(0), &probes::rows(spec), 0, weights).unwrap()
}

/// A session with a flow of 160 KiB, and a small one.
fn session() -> Session {
    let session = Session::empty();
    session.write("large.flow", frozen(&spec(realnvp, &[64, 64]), Weights::F32));
    session.write("small.flow", frozen(&spec(maf, &[12]), Weights::F32));
    session
}

fn json(session: &Session, arguments: &[&str]) -> Value {
    serde_json::from_str(&session.succeed(arguments)).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {value:#}"))
}

#[test]
fn the_table_has_every_board_and_says_where_it_fits() {
    let session = session();
    let table = session.succeed(&["inspect", "large.flow", "--boards"]);
    let line = |board: &str| {
        let start = format!("{board} ");
        table.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{board} in:\n{table}"))
    };
    assert!(line("nucleo-f401re").ends_with("  yes"), "{table}");
    // 64 and 128 KiB of flash.
    assert!(line("blue-pill-f103c8").ends_with("  NO") && line("longan-nano").ends_with("  NO"), "{table}");
    // A core that is not emulated is marked.
    assert!(line("esp32-c3").contains(" ~") && !line("nucleo-f401re").contains('~'), "{table}");
    assert!(
        table.lines().any(|line| line.starts_with("blue-pill-f103c8: ") && line.contains("tune --flash")),
        "{table}"
    );
    assert!(!table.contains("nucleo-f401re: "), "advice where it fits:\n{table}");

    let small = session.succeed(&["inspect", "small.flow", "--boards"]);
    assert!(!small.contains("NO"), "{small}");
}

#[test]
fn parts_add_up_and_milliseconds_follow_from_the_clock() {
    let session = session();
    let facts = json(&session, &["inspect", "large.flow", "--boards", "--json"]);
    let boards = facts["boards"].as_array().unwrap();
    assert!(boards.len() >= 20);
    for board in boards {
        let of = |path: &str| number(board, path);
        assert_eq!(of("/flash/needs"), of("/flash/engine") + of("/flash/file"), "{board:#}");
        assert_eq!(of("/flash/file"), number(&facts, "/file_bytes"), "{board:#}");
        let parts = ["scratch", "stack", "window", "detector"].map(|part| of(&format!("/ram/{part}")));
        assert_eq!(of("/ram/needs"), parts.iter().sum::<f64>(), "{board:#}");
        assert_eq!(of("/ram/scratch"), number(&facts, "/scratch_bytes"), "{board:#}");
        for call in ["log_prob", "verdict", "sample"] {
            let cycles = of(&format!("/instructions/{call}")) * of("/cycles_per_instruction");
            let milliseconds = cycles / (1e3 * of("/mhz"));
            assert!((of(&format!("/milliseconds/{call}")) / milliseconds - 1.0).abs() < 1e-9, "{board:#}");
        }
        assert!(of("/instructions/verdict") > of("/instructions/log_prob"), "{board:#}");
        let fits = of("/flash/needs") <= of("/flash/has") && of("/ram/needs") <= of("/ram/has");
        assert_eq!(board["fits"], fits, "{board:#}");
        assert_eq!(board.get("advice").is_none(), fits, "{board:#}");
    }
    // What `inspect` says without boards is the Cortex-M4F's.
    let m4f = boards.iter().find(|board| board["core"] == "Cortex-M4F").unwrap();
    assert_eq!(m4f["instructions"]["log_prob"], facts["instructions_log_prob"]);
    // Without an FPU it takes many times as long.
    let instructions = |set: &str| {
        number(boards.iter().find(|board| board["instruction_set"] == set).unwrap(), "/instructions/log_prob")
    };
    assert!(instructions("Armv6-M") > 10.0 * instructions("Armv7E-M with an FPU"));
}

#[test]
fn what_does_not_fit_is_told_what_would() {
    let session = session();
    let detail = session.succeed(&["inspect", "large.flow", "--board", "longan-nano"]);
    assert!(detail.contains("GD32VF103CB") && detail.contains("fits       NO: "), "{detail}");
    assert!(detail.contains("freeze --weights i8") && detail.contains("cycles an instruction"), "{detail}");
    let facts = json(&session, &["inspect", "large.flow", "--board", "longan-nano", "--json"]);
    let board = &facts["boards"][0];
    let advice = board["advice"].as_str().unwrap();

    // The budget that is named is what is left beside the engine.
    let after = |option: &str| -> u64 {
        let rest = advice.split(option).nth(1).unwrap_or_else(|| panic!("{option} in {advice}"));
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (left, engine) = (after("--flash "), number(board, "/flash/engine"));
    assert_eq!(left as f64 + engine, number(board, "/flash/has"));
    assert_eq!(after("--ram ") as f64 + number(board, "/ram/stack"), number(board, "/ram/has"));

    // The bytes that weights of eight bits are said to take are near what they take, and fit.
    let of_bytes = frozen(&spec(realnvp, &[64, 64]), Weights::I8);
    let told = after("would take about ") as f64;
    assert!((told / of_bytes.len() as f64 - 1.0).abs() < 0.05, "{told} told, {} taken", of_bytes.len());
    session.write("bytes.flow", of_bytes);
    let detail = session.succeed(&["inspect", "bytes.flow", "--board", "longan-nano"]);
    assert!(detail.contains("fits       yes"), "{detail}");
}

#[test]
fn a_board_that_is_not_known_is_wrong_use() {
    let session = session();
    let message = session.fail(2, &["inspect", "small.flow", "--board", "nucleo-f401er"]);
    assert!(message.contains("did you mean nucleo-f401re?") && message.contains("microbit-v1"), "{message}");
    session.fail(2, &["inspect", "small.flow", "--boards", "--board", "pico"]);
    let two = json(&session, &["inspect", "small.flow", "--board", "pico", "--board", "PICO-2", "--json"]);
    assert_eq!(two["boards"].as_array().unwrap().len(), 2);
    assert!(json(&session, &["inspect", "small.flow", "--json"]).get("boards").is_none());
}
