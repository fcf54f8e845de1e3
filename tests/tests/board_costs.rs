//! What the reference flows cost on an emulated Cortex-M4F: eight columns, conditioners of 64×64. Instruction counts repeat
//! exactly, so that they are asserted. `cargo test -p flow-tests --test board_costs -- --nocapture` prints them.

use flow_export::freeze::Weights;
use flow_model::models::{self, Shape};
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
use flow_tests::board::{BOARDS, Board, MPS2_AN386};
use flow_tests::case::Case;
use std::collections::BTreeMap;

const DIM: usize = 8;
const COUPLINGS: usize = 8;

/// A flow over continuous columns.
fn flow_of(columns: usize, layers: Vec<Layer>, base: Base) -> FlowSpec {
    let standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    FlowSpec {
        columns: (0..columns).map(column).collect(),
        tails: Tails { knee: 4.0, rate: 26.0 },
        circles: None,
        layers,
        base,
        dequantization: Dequantization::Uniform,
    }
}

/// Rows of a case. As many samples are drawn, and the last one is the row whose log-density's instructions are counted.
const ROWS: usize = 200;

fn case(name: &str, spec: &FlowSpec) -> Case {
    Case::new(name, spec, &Layout::of(spec).init(0), ROWS)
}

fn shape(layers: usize, hidden: &[usize]) -> Shape {
    Shape { lines: DIM, layers, hidden: hidden.to_vec(), ..Shape::default() }
}

/// The flows at which speed is stated.
fn reference() -> Vec<Case> {
    let shape = |layers| shape(layers, &[64, 64]);
    let mixture = |components| Base::Mixture { components, full: true };
    [
        ("realnvp, 8 couplings", models::realnvp(&shape(COUPLINGS)), Base::Normal),
        ("nsf, 6 couplings of 8 bins", models::nsf(&shape(6)), Base::Normal),
        ("maf, 5 layers", models::maf(&shape(5)), Base::Normal),
        ("maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5)), Base::Normal),
        ("gmm, 4 components", vec![], mixture(4)),
        ("gmm, 16 components", vec![], mixture(16)),
    ]
    .map(|(name, layers, base)| case(name, &flow_of(DIM, layers, base)))
    .into()
}

/// The same flows with weights of eight bits.
fn of_bytes() -> Vec<Case> {
    let shape = |layers| shape(layers, &[64, 64]);
    [
        ("i8 realnvp, 8 couplings", models::realnvp(&shape(COUPLINGS))),
        ("i8 nsf, 6 couplings of 8 bins", models::nsf(&shape(6))),
        ("i8 maf, 5 layers", models::maf(&shape(5))),
        ("i8 maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5))),
    ]
    .map(|(name, layers)| {
        let spec = flow_of(DIM, layers, Base::Normal);
        Case::of(name, &spec, &Layout::of(&spec).init(0), ROWS, Weights::I8)
    })
    .into()
}

/// Flows that differ by a known number of what is to be counted.
fn parts() -> Vec<Case> {
    let linear = |count| flow_of(64, vec![Layer::Lu; count], Base::Normal);
    let coupling =
        |tail_bound| Layer::SplineCoupling { kept: 4, hidden: vec![], residual: false, num_bins: 8, tail_bound };
    let splines = |tail_bound| {
        // The conditioner's weights are zero, so that it takes the same whatever it reads, and its biases are not.
        let spec = flow_of(DIM, vec![coupling(tail_bound)], Base::Normal);
        let layout = Layout::of(&spec);
        let mut params = vec![0.0; layout.total()];
        let biases = layout.slices().iter().find(|slice| slice.shape == [4 * 23]).expect("the biases of four splines");
        for (i, bias) in params[biases.range()].iter_mut().enumerate() {
            *bias = ((i * 7) % 11) as f32 * 0.3 - 1.5;
        }
        Case::new(if tail_bound > 1.0 { "inside" } else { "outside" }, &spec, &params, ROWS)
    };
    vec![
        case("one hidden layer", &flow_of(DIM, models::realnvp(&shape(COUPLINGS, &[64])), Base::Normal)),
        case("one product", &linear(1)),
        case("two products", &linear(2)),
        splines(8.0),
        splines(1e-3),
    ]
}

/// Instructions of each function for each case.
fn count(board: &Board, name: &str, cases: &[Case]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (case, report) in cases.iter().zip(board.compute(name, cases).unwrap()) {
        assert!(report.self_test, "{}: the board computes otherwise than the host", case.name);
        println!("{}: {} bytes, {} f32 of scratch, {:?}", case.name, case.flow.len(), report.scratch, report.costs);
        // The model's name without its size.
        let name = case.name.split(',').next().unwrap_or_default();
        for (function, cost) in &report.costs {
            assert!(cost.stack <= 1024, "{}, {function}: {} bytes of stack", case.name, cost.stack);
            let instructions = cost.instructions.expect("few enough to be counted");
            counts.entry(format!("{name} {function}")).or_insert(instructions);
        }
        if name == "realnvp" {
            assert!(4 * report.scratch <= 1536, "{} bytes of scratch memory", 4 * report.scratch);
        }
    }
    counts
}

/// Two percent of room over what was measured, for other compilers. Much less than measured means that the figure is old.
fn holds(what: &str, found: f64, measured: f64) {
    println!("{what}: {found:.2}, measured {measured:.2}");
    assert!(found <= 1.02 * measured, "{what}: {found:.2}, measured {measured:.2}");
    assert!(found >= 0.9 * measured, "{what}: {found:.2}, measured {measured:.2}: state the new figure");
}

#[test]
fn instructions_on_a_cortex_m4f() {
    let Some(board) = MPS2_AN386.find() else { return };
    let counts = count(board, "costs", &[reference(), of_bytes(), parts()].concat());
    let of = |what: &str| counts[what] as f64;

    holds("realnvp log_prob", of("realnvp log_prob"), 84_297.0);
    holds("nsf log_prob", of("nsf log_prob"), 142_074.0);
    holds("maf log_prob", of("maf log_prob"), 64_452.0);
    holds("maf-rqs log_prob", of("maf-rqs log_prob"), 178_615.0);
    // Each weight of eight bits is converted on the way.
    for (name, measured) in [("realnvp", 137_314.0), ("nsf", 227_267.0), ("maf", 105_135.0), ("maf-rqs", 282_225.0)] {
        let what = format!("i8 {name} log_prob");
        holds(&what, of(&what), measured);
    }
    for coupling in ["realnvp", "nsf"] {
        let [sample, log_prob] = ["sample", "log_prob"].map(|function| of(&format!("{coupling} {function}")));
        assert!(sample <= 1.1 * log_prob, "{coupling}: {sample} a sample, {log_prob} a log_prob");
    }
    for model in ["realnvp", "nsf", "maf", "gmm"] {
        let [verdict, log_prob] = ["verdict", "log_prob_of_verdict"].map(|function| of(&format!("{model} {function}")));
        println!("{model}: a verdict takes {} instructions more than its log-density", verdict - log_prob);
        assert!(verdict <= log_prob + 3000.0, "{model}: {verdict} a verdict, {log_prob} its log-density");
    }
    holds("drift", of("realnvp drift"), 590.0);
    let products = (64 * 64) as f64;
    let hidden = of("realnvp log_prob") - of("one hidden layer log_prob");
    holds("a multiply-accumulate after ReLU", hidden / (COUPLINGS as f64 * products), 1.86);
    let dense = of("two products log_prob") - of("one product log_prob");
    // With what a linear layer does besides: each value is bounded and copied back.
    holds("a multiply-accumulate without zeros", dense / products, 2.70);
    let splines = of("inside log_prob") - of("outside log_prob");
    holds("a spline of eight bins", splines / 4.0, 520.0);
}

#[test]
fn instructions_of_windows_on_a_cortex_m4f() {
    let Some(board) = MPS2_AN386.find() else { return };
    let case = |name, channels| Case::of_windows(name, 12, channels, "value,mean,std,slope", ROWS);
    let counts = count(board, "window-costs", &[case("one channel", 1), case("eight channels", 8)]);
    for (what, measured) in [
        ("one channel push", 97.0),
        ("one channel features", 930.0),
        ("eight channels push", 209.0),
        ("eight channels features", 6661.0),
    ] {
        holds(what, counts[what] as f64, measured);
    }
}

#[test]
#[ignore = "a long test: large models on slow emulators"]
fn instructions_without_an_fpu() {
    for board in BOARDS.iter().filter(|board| !board.has_fpu).filter_map(Board::find) {
        println!("{}", board.core);
        // One at a time: a Cortex-M0 has 256 KiB of flash.
        for case in reference().iter().filter(|case| case.flow.len() < 200_000) {
            count(board, "costs", std::slice::from_ref(case));
        }
    }
}
