//! What the reference flows cost on an emulated Cortex-M4F: a long test, which prints. Instruction counts repeat exactly.
//!
//! `cargo test -p flow-tests --test board_costs -- --ignored --nocapture`

use flow_model::models::{self, Shape};
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
use flow_tests::board::MPS2_AN386;
use flow_tests::case::Case;

const DIM: usize = 8;

/// Eight columns with conditioners of 64×64, the size at which speed is stated.
fn reference(layers: Vec<Layer>) -> FlowSpec {
    let standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..DIM).map(column).collect();
    FlowSpec {
        columns,
        tails: Tails { knee: 4.0, rate: 26.0 },
        circles: None,
        layers,
        base: Base::Normal,
        dequantization: Dequantization::Uniform,
    }
}

#[test]
#[ignore = "a long test: large models on a slow emulator"]
fn reference_flows_on_a_cortex_m4f() {
    let Some(board) = MPS2_AN386.find() else { return };
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    for (name, layers) in [
        ("realnvp, 8 couplings", models::realnvp(&shape(8))),
        ("nsf, 6 couplings of 8 bins", models::nsf(&shape(6))),
        ("maf, 5 layers", models::maf(&shape(5))),
        ("maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5))),
    ] {
        let spec = reference(layers);
        let case = Case::new(name, &spec, &Layout::of(&spec).init(0), 20);
        let reports = board.compute("reference", std::slice::from_ref(&case)).unwrap();
        let [report] = reports.as_slice() else { panic!("{name}: a report on each case") };
        assert!(report.self_test, "{name}: the board computes otherwise than the host");
        println!("{name}: {} bytes, {} f32 of scratch, {:?}", case.flow.len(), report.scratch, report.costs);
    }
}
