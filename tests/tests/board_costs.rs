//! What the reference flows cost on an emulated Cortex-M4F: a long test, which prints. Instruction counts repeat exactly.
//!
//! `cargo test -p flow-tests --test board_costs -- --ignored --nocapture`

use flow_export::freeze::freeze;
use flow_export::probes;
use flow_model::models::{self, Shape};
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
use flow_tests::board::MPS2_AN386;
use flow_tests::flows;

const DIM: usize = 8;

/// Eight columns with conditioners of 64×64, the size at which speed is stated.
fn reference(layers: Vec<Layer>, base: Base) -> FlowSpec {
    let standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..DIM).map(column).collect();
    FlowSpec {
        columns,
        tails: Tails { knee: 4.0, rate: 26.0 },
        circles: None,
        layers,
        base,
        dequantization: Dequantization::Uniform,
    }
}

#[test]
#[ignore = "a long test: large models on a slow emulator"]
fn reference_flows_on_a_cortex_m4f() {
    let Some(board) = MPS2_AN386.find() else { return };
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    let mixture = |components| Base::Mixture { components, full: true };
    for (name, layers, base) in [
        ("realnvp, 8 couplings", models::realnvp(&shape(8)), Base::Normal),
        ("nsf, 6 couplings of 8 bins", models::nsf(&shape(6)), Base::Normal),
        ("maf, 5 layers", models::maf(&shape(5)), Base::Normal),
        ("maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5)), Base::Normal),
        ("gmm, 4 components", vec![], mixture(4)),
        ("gmm, 16 components", vec![], mixture(16)),
    ] {
        let spec = reference(layers, base);
        let params = Layout::of(&spec).init(0);
        let bytes = freeze(&spec, &params, &probes::rows(&spec), 0).unwrap();
        let report = board.compute("reference", &bytes, &flows::rows(&spec, 20, 0)).unwrap();
        assert!(report.self_test, "{name}: the board computes otherwise than the host");
        println!("{name}: {} bytes, {} f32 of scratch, {:?}", bytes.len(), report.scratch, report.costs);
    }
}
