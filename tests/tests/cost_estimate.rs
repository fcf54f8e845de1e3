//! The estimates of a flow's instructions, `flow_export::cost`, against what emulated cores count: means of 16 typical rows,
//! or samples. `cargo test -p flow-tests --test cost_estimate -- --nocapture` prints them.

use flow_export::aligned::AlignedBytes;
use flow_export::cost::{PARTS, Part, Work, log_prob_counts, sample_counts};
use flow_nostd::Flow;
use flow_tests::board::{BOARDS, Board, MPS2_AN386};
use flow_tests::case::Case;
use flow_tests::fit::least_squares;
use flow_tests::report::Report;
use flow_tests::spread;
use flow_tests::trained::{Trained, all_trained};

/// The boards of which no two execute the same code.
const APART: [&str; 6] = ["Cortex-M4F", "Cortex-M33", "RV32IMAFC", "Cortex-M3", "RV32IMAC", "Cortex-M0"];

/// Parts that an FPU takes as long for, whether a weight is 0 or not: there the two are fitted as one.
const ALIKE: [(Part, Part); 5] = [
    (Part::First, Part::FirstZero),
    (Part::Rectified, Part::RectifiedZero),
    (Part::Straight, Part::StraightZero),
    (Part::LaneFirst, Part::LaneZero),
    (Part::Bytes, Part::ZeroBytes),
];

/// What a call of a case is expected to take, and what the board counted.
struct Compared {
    name: String,
    call: &'static str,
    estimate: f64,
    counted: f64,
}

impl Compared {
    /// How far the estimate is off, as a share of what was counted.
    fn error(&self) -> f64 {
        self.estimate / self.counted - 1.0
    }
}

/// What the board counted of a case.
struct Counted {
    case: Case,
    log_prob: u64,
    sample: u64,
    verdict: u64,
    /// The log-density of the row of that verdict.
    of_verdict: u64,
}

/// Counts on the board. A case that its flash or its counter does not hold is left out, and said.
fn count(board: &Board, name: &str, cases: &[Case]) -> Vec<Counted> {
    let of = |(case, report): (&Case, Option<Report>)| {
        let report = report?;
        let cost = |function: &str| {
            let cost = report.costs[function];
            assert!(cost.stack <= 1024, "{}, {function}: {} bytes of stack", case.name, cost.stack);
            cost.instructions
        };
        let counted = || {
            Some(Counted {
                case: case.clone(),
                log_prob: report.mean_log_prob?,
                sample: report.mean_sample?,
                verdict: cost("verdict")?,
                of_verdict: cost("log_prob_of_verdict")?,
            })
        };
        counted().or_else(|| {
            println!("{}: more than the {} can count", case.name, board.core);
            None
        })
    };
    cases.iter().zip(board.compute_by_parts(name, cases).unwrap()).filter_map(of).collect()
}

/// The estimates beside what was counted. Of a verdict it is the estimate of what it takes beside its row's log-density,
/// which need not be typical.
fn compare(board: &Board, counted: &[Counted]) -> Vec<Compared> {
    let mut compared = Vec::new();
    for c in counted {
        let bytes = AlignedBytes::from(c.case.flow.clone());
        let estimate = Work::of(&Flow::new(&bytes).expect("a valid flow")).on(board.instruction_set());
        let verdict = c.of_verdict + estimate.verdict - estimate.log_prob;
        for (call, estimate, counted) in [
            ("log_prob", estimate.log_prob, c.log_prob),
            ("verdict", verdict, c.verdict),
            ("sample", estimate.sample, c.sample),
        ] {
            let (estimate, counted) = (estimate as f64, counted as f64);
            let compared_to = Compared { name: c.case.name.clone(), call, estimate, counted };
            let (core, name, off) = (board.core, &compared_to.name, 100.0 * compared_to.error());
            println!("{core:10} {name:56} {call:8} {counted:9.0} counted, {estimate:9.0} estimated, {off:+.1} %");
            compared.push(compared_to);
        }
    }
    compared
}

/// Asserts that no estimate of this call is off by more than a share, and prints the worst.
fn within(what: &str, compared: &[Compared], call: &str, limit: f64) {
    let worst = compared.iter().filter(|c| c.call == call).max_by(|a, b| a.error().abs().total_cmp(&b.error().abs()));
    let worst = worst.expect("something was counted");
    println!("{what}, {call}: the worst {:+.1} %, {}", 100.0 * worst.error(), worst.name);
    let Compared { name, counted, estimate, .. } = worst;
    assert!(worst.error().abs() <= limit, "{what}, {name}, {call}: {counted:.0} counted, {estimate:.0} estimated");
}

#[test]
fn instructions_are_estimated_within_five_percent() {
    let Some(board) = MPS2_AN386.find() else { return };
    let compared = compare(board, &count(board, "cost-estimate", &[spread::held_out(), spread::of_bytes()].concat()));
    within(board.core, &compared, "log_prob", 0.05);
    within(board.core, &compared, "verdict", 0.05);
    within(board.core, &compared, "sample", 0.1);
}

/// Training changes which hidden units are 0, and what their inputs are like.
#[test]
fn trained_flows_are_near_the_estimate() {
    let Some(board) = MPS2_AN386.find() else { return };
    let compared = compare(board, &count(board, "cost-trained", &small_trained()));
    within(board.core, &compared, "log_prob", 0.15);
    within(board.core, &compared, "sample", 0.15);
}

/// Small flows, so that it is soon done. The long tests have all, and the cores without an FPU.
#[test]
fn other_cores_with_an_fpu_are_estimated_within_ten_percent() {
    for board in BOARDS.iter().filter(|board| ["Cortex-M33", "RV32IMAFC"].contains(&board.core)) {
        let Some(board) = board.find() else { continue };
        let compared = compare(board, &count(board, "cost-others", &small()));
        for call in ["log_prob", "verdict", "sample"] {
            within(board.core, &compared, call, 0.1);
        }
    }
}

/// Without an FPU the instructions of a sum or a product depend on its values.
#[test]
#[ignore = "a long test: without an FPU everything takes many times as long"]
fn cores_without_an_fpu_are_estimated_within_ten_percent() {
    for board in BOARDS.iter().filter(|board| !board.has_fpu).filter_map(Board::find) {
        let compared = compare(board, &count(board, "cost-others", &[small(), small_trained()].concat()));
        for call in ["log_prob", "verdict", "sample"] {
            within(board.core, &compared, call, 0.1);
        }
    }
}

/// Small ones of the flows that the estimate was not fitted to.
fn small() -> Vec<Case> {
    let cases = [spread::held_out(), spread::of_bytes()].concat();
    let small: Vec<Case> = cases.into_iter().filter(|case| case.flow.len() < 12_000).collect();
    assert!(small.len() >= 5, "{} flows", small.len());
    small
}

/// The trained flows of the tests.
fn small_trained() -> Vec<Case> {
    let case = |t: &Trained| spread::typical(&format!("trained: {}", t.name), t.flow.spec(), &t.params);
    all_trained().iter().map(case).collect()
}

/// Cores of one instruction set execute the same code.
#[test]
#[ignore = "a long test: counts what other boards count"]
fn cores_of_one_instruction_set_count_the_same() {
    for [core, other] in [["Cortex-M4F", "Cortex-M7"], ["Cortex-M33", "Cortex-M55"]] {
        let boards = [core, other].map(|core| BOARDS.iter().find(|board| board.core == core).and_then(Board::find));
        let [Some(board), Some(twin)] = boards else { continue };
        let all = |board| count(board, "cost-twins", &spread::of_bytes());
        for (a, b) in all(board).iter().zip(&all(twin)) {
            println!("{}: {} on a {core}, {} on a {other}", a.case.name, a.log_prob, b.log_prob);
            assert!(a.log_prob.abs_diff(b.log_prob) <= 2 + a.log_prob / 1000, "{}", a.case.name);
        }
    }
}

/// Least squares of relative errors, no part below 0. Prints what `cost/fitted.rs` holds, and how far what it holds now is
/// off for flows that it was not fitted to. `CORE=RV32IMAC` does so for one core.
#[test]
#[ignore = "makes the fit anew: for a new kernel or part"]
fn fit_of_the_instructions_of_each_part() {
    let asked = std::env::var("CORE").ok();
    for core in APART.into_iter().filter(|core| asked.as_deref().is_none_or(|asked| asked == *core)) {
        let Some(board) = BOARDS.iter().find(|board| board.core == core).and_then(Board::find) else { continue };
        let fitted = count(board, "cost-fit", &spread::fitted());
        println!("LOG_PROB, {core}: {}", list(&fit(board, &fitted, log_prob_counts, |c| c.log_prob)));
        println!("SAMPLE, {core}: {}", list(&fit(board, &fitted, sample_counts, |c| c.sample)));
        // What a verdict takes more: for the call, and for each column.
        let more = |c: &Counted| (c.verdict - c.of_verdict) as f64 / c.verdict as f64;
        let row = |c: &Counted| vec![1.0 / c.verdict as f64, c.columns() / c.verdict as f64];
        let (rows, targets): (Vec<_>, Vec<_>) = fitted.iter().map(|c| (row(c), more(c))).unzip();
        println!("VERDICT, {core}: {}", list(&least_squares(&rows, &targets)));
        let others = compare(board, &count(board, "cost-others", &[spread::held_out(), spread::of_bytes()].concat()));
        for call in ["log_prob", "verdict", "sample"] {
            within(&format!("{core}, {} other flows", others.len() / 3), &others, call, f64::INFINITY);
        }
    }
}

impl Counted {
    /// Number of columns that are no context.
    fn columns(&self) -> f64 {
        let bytes = AlignedBytes::from(self.case.flow.clone());
        Flow::new(&bytes).expect("a valid flow").columns() as f64
    }
}

fn fit(board: &Board, fitted: &[Counted], parts: fn(&Flow<'_>) -> [f64; PARTS], of: fn(&Counted) -> u64) -> Vec<f64> {
    let alike = if board.has_fpu { &ALIKE[..] } else { &[] };
    let row = |c: &Counted| {
        let bytes = AlignedBytes::from(c.case.flow.clone());
        let mut row = parts(&Flow::new(&bytes).expect("a valid flow")).map(|count| count / of(c) as f64).to_vec();
        for &(whole, zero) in alike {
            row[whole as usize] += std::mem::take(&mut row[zero as usize]);
        }
        row
    };
    let rows: Vec<Vec<f64>> = fitted.iter().map(row).collect();
    let mut each = least_squares(&rows, &vec![1.0; rows.len()]);
    let error = |row: &Vec<f64>| row.iter().zip(&each).map(|(count, each)| count * each).sum::<f64>() - 1.0;
    let (worst, name) = rows
        .iter()
        .zip(fitted)
        .map(|(row, c)| (error(row), &c.case.name))
        .max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))
        .expect("flows");
    println!("{}: {} flows, the worst {:+.1} %, {name}", board.core, rows.len(), 100.0 * worst);
    alike.iter().for_each(|&(whole, zero)| each[zero as usize] = each[whole as usize]);
    each
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
    format!("[{}]", values.join(", "))
}
