//! How much stack every function takes on an emulated Cortex-M4F, by painting: the most over all kinds of layers, columns
//! and bases, both types of weights, and both optimisation levels.
//!
//! `cargo test -p flow-tests --test board_stack -- --nocapture` prints the figures that the docs of flow-nostd state.

use flow_export::freeze::{Weights, freeze_as};
use flow_export::probes;
use flow_model::spec::Base;
use flow_tests::board::MPS2_AN386;
use flow_tests::case::calibrated;
use flow_tests::firmware::Firmware;
use flow_tests::flows;
use std::collections::BTreeMap;

/// Bytes that the docs promise; of what holds two flows, and is called once, while the stack is empty, more.
const LIMIT: usize = 1024;
const LIMIT_OF_SLOTS: usize = 1536;

const FUNCTIONS: [&str; 25] = [
    "Flow::new",
    "scratch_len",
    "slots::pick",
    "slots::check",
    "self_test",
    "sample",
    "log_prob",
    "to_latent",
    "to_data",
    "outside_support",
    "column_name",
    "model_id_hex",
    "Detector::new",
    "verdict",
    "watch",
    "blame",
    "Drift::push",
    "Drift::from_bytes",
    "value_name",
    "Windowing::read",
    "Window::new",
    "push",
    "push_at",
    "features",
    "restart",
];

#[test]
fn no_function_takes_more_stack_than_promised() {
    let Some(board) = MPS2_AN386.find() else { return };
    let bases = [
        (Base::Normal, Weights::F32),
        (Base::StudentT, Weights::I8),
        (Base::Mixture { components: 3, full: true }, Weights::F32),
    ];
    let mut program = Firmware { package: "stack", ..Firmware::default() };
    for (variable, (base, weights)) in ["FLOW_FILE", "FLOW_FILE_2", "FLOW_FILE_3"].into_iter().zip(bases) {
        let spec = flows::every_layer(base);
        let plain = freeze_as(&spec, &flows::parameters(&spec, 0), &probes::rows(&spec), 0, weights).unwrap();
        let bytes = calibrated(&plain, &spec);
        program = program.embed_as(variable, &format!("stack-{variable}"), "model.flow", &bytes).unwrap();
    }
    let program = program.board(board);
    for opt_level in ["s", "3"] {
        let program = Firmware { opt_level, ..program.clone() };
        let output = board.run(&program.build(&format!("stack-{opt_level}")).unwrap()).unwrap();
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for line in output.lines() {
            let (function, bytes) = line.split_once(' ').unwrap();
            let most = most.entry(function).or_default();
            *most = bytes.parse::<usize>().unwrap().max(*most);
        }
        println!("opt-level {opt_level}: {most:?}");
        for function in FUNCTIONS {
            let bytes = most.get(function).unwrap_or_else(|| panic!("{function} is missing in:\n{output}"));
            let limit = if function.starts_with("slots::") { LIMIT_OF_SLOTS } else { LIMIT };
            assert!((1..=limit).contains(bytes), "opt-level {opt_level}: {function} takes {bytes} bytes of stack");
        }
    }
}
