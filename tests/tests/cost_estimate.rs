//! The estimate of a flow's instructions, `flow_export::cost`, against what an emulated Cortex-M4F counts: means of 16 typical
//! rows. `cargo test -p flow-tests --test cost_estimate -- --nocapture` prints them.

use flow_export::aligned::AlignedBytes;
use flow_export::cost::{self, PARTS};
use flow_nostd::Flow;
use flow_tests::board::{Board, MPS2_AN386};
use flow_tests::case::Case;
use flow_tests::spread;
use flow_tests::trained::all_trained;

/// What a case is expected to take, and what the board counted.
struct Compared {
    name: String,
    counts: [f64; PARTS],
    estimate: f64,
    counted: f64,
}

impl Compared {
    /// How far the estimate is off, as a share of what was counted.
    fn error(&self) -> f64 {
        self.estimate / self.counted - 1.0
    }
}

fn compare(board: &Board, name: &str, cases: &[Case]) -> Vec<Compared> {
    let reports = board.compute(name, cases).unwrap();
    let compared = cases.iter().zip(reports).map(|(case, report)| {
        let bytes = AlignedBytes::from(case.flow.clone());
        let flow = Flow::new(&bytes).expect("a valid flow");
        let counted = report.mean_log_prob.expect("few enough to be counted") as f64;
        let estimate = cost::instructions(&flow) as f64;
        Compared { name: case.name.clone(), counts: cost::counts(&flow), estimate, counted }
    });
    let compared: Vec<Compared> = compared.collect();
    for c in &compared {
        println!("{:60} {:8.0} counted, {:8.0} estimated, {:+.1} %", c.name, c.counted, c.estimate, 100.0 * c.error());
    }
    compared
}

#[test]
fn instructions_are_estimated_within_five_percent() {
    let Some(board) = MPS2_AN386.find() else { return };
    for c in compare(board, "cost-estimate", &[spread::held_out(), spread::of_bytes()].concat()) {
        assert!(c.error().abs() <= 0.05, "{}: {:.0} counted, {:.0} estimated", c.name, c.counted, c.estimate);
    }
}

/// What training does to the share of hidden units that are 0 is not in the estimate.
#[test]
fn trained_flows_are_near_the_estimate() {
    let Some(board) = MPS2_AN386.find() else { return };
    let case = |t: &flow_tests::trained::Trained| spread::typical(t.name, t.flow.spec(), &t.params);
    let cases: Vec<Case> = all_trained().iter().map(case).collect();
    for c in compare(board, "cost-trained", &cases) {
        assert!(c.error().abs() <= 0.15, "{}: {:.0} counted, {:.0} estimated", c.name, c.counted, c.estimate);
    }
}

/// Least squares of relative errors, no part below 0, by coordinate descent. Prints what `cost.rs` holds.
#[test]
#[ignore = "makes the fit anew: for a new kernel or part"]
fn fit_of_the_instructions_of_each_part() {
    let Some(board) = MPS2_AN386.find() else { return };
    let cases = compare(board, "cost-fit", &spread::fitted());
    let rows: Vec<[f64; PARTS]> = cases.iter().map(|c| c.counts.map(|count| count / c.counted)).collect();
    let mut each = [0.0; PARTS];
    let mut left = vec![1.0; rows.len()];
    for _ in 0..200_000 {
        for part in 0..PARTS {
            let square: f64 = rows.iter().map(|row| row[part] * row[part]).sum();
            if square > 0.0 {
                let product: f64 = rows.iter().zip(&left).map(|(row, left)| row[part] * left).sum();
                let step = (each[part] + product / square).max(0.0) - each[part];
                each[part] += step;
                rows.iter().zip(&mut left).for_each(|(row, left)| *left -= step * row[part]);
            }
        }
    }
    for (part, value) in each.iter().enumerate() {
        println!("{part:3} {value:.2},");
    }
    for (c, left) in cases.iter().zip(&left) {
        println!("{:60} {:+.1} %", c.name, -100.0 * left);
    }
    let worst = left.iter().fold(0.0f64, |worst, left| worst.max(left.abs()));
    println!("worst: {:.1} %", 100.0 * worst);
    assert!(worst <= 0.05, "a part is missing");
}
