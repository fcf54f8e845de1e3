//! Tables that are odd but whole: columns of which no mixture can be made, values as far as single precision goes, columns of
//! two values under wide noise, rows that were trained on.

#[path = "../../flow-export/tests/common/mod.rs"]
mod common;

use common::Session;
use std::fmt::Write;

/// Quick settings, with nothing but what is compiled in.
const QUICK: [&str; 6] = ["--device", "tract", "--offline", "--hidden=4", "--couplings", "2"];

fn trained(session: &Session, arguments: &[&str]) -> (String, String) {
    let output = session.run(&[&["train"], arguments, &QUICK].concat());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    (String::from_utf8(output.stdout).unwrap(), message)
}

fn table(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    (0..rows).fold(format!("{header}\n"), |mut text, i| {
        writeln!(text, "{}", row(i)).unwrap();
        text
    })
}

#[test]
fn of_angles_alone_there_is_no_mixture() {
    let session = Session::empty();
    session.write("turns.csv", table("dir", 200, |i| format!("{:.1}", (i as f64 * 137.5) % 360.0)));
    let column = ["--data", "turns.csv", "--column", "dir:circular=360"];
    let (said, _) = trained(&session, &[&column[..], &["--epochs", "2", "--time", "20", "--out", "auto"]].concat());
    assert!(said.contains("maf") && !said.contains("mixtures of"), "{said}");
    let gmm = [&["train"], &column[..], &["--model", "gmm", "--out", "gmm"], &QUICK].concat();
    let message = session.fail(1, &gmm);
    assert!(message.contains("only angles") && !session.path("gmm").exists(), "{message}");
}

#[test]
fn rows_far_out_rank_as_the_oddest_and_rows_without_a_density_are_told() {
    let session = Session::empty();
    let row = |i: usize| format!("{:.1},{}", 0.1 * (i * 37 % 91) as f64, (1.0 + (i * 13 % 17) as f64).ln() + 0.013);
    session.write("train.csv", table("steps,level", 300, row));
    let columns = ["--column", "steps:lattice", "--column", "level:positive"];
    let data = ["--data", "train.csv", "--model", "realnvp", "--epochs", "2", "--out", "run"];
    trained(&session, &[&data[..], &columns].concat());
    session.write("far.csv", "steps,level\n3e38,1\n-3e38,1\n0.1,1\n0.2,1.5\n");
    session.write("labels.csv", "1\n1\n0\n0\n");
    let evaluate = ["evaluate", "--run", "run", "--data", "far.csv", "--labels", "labels.csv", "--device", "tract"];
    let found: serde_json::Value =
        serde_json::from_str(&session.succeed(&[&evaluate[..], &["--json"]].concat())).unwrap();
    assert_eq!(found["auroc"], 1.0, "{found}");
    assert!(found["mean_log_prob"].as_f64().unwrap().is_finite());
    // Where a column has no density, that is said: every mean shows it.
    session.write("none.csv", "steps,level\n0.1,1\n0.2,0\n");
    let output = session.run(&["evaluate", "--run", "run", "--data", "none.csv", "--device", "tract"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("1 of 2 rows") && message.contains("row 2 of none.csv: level is 0"), "{message}");
}

/// Trains one model for a few epochs.
fn briefly(session: &Session, arguments: &[&str]) {
    trained(session, &[arguments, &["--model", "realnvp", "--epochs", "3"]].concat());
}

#[test]
fn a_column_of_huge_values_trains_and_scores_finitely() {
    let session = Session::empty();
    let rows: String = (0..100).map(|i| format!("{}e30,{}\n", 1.0 + (i % 7) as f64 / 10.0, i % 10)).collect();
    session.write("huge.csv", rows);
    briefly(&session, &["--data", "huge.csv", "--out", "run", "--freeze", "huge.flow"]);
    session.write("constant.csv", (0..100).map(|i| format!("1e30,{}\n", i % 10)).collect::<String>());
    briefly(&session, &["--data", "constant.csv", "--out", "constant", "--freeze", "constant.flow"]);
    let out = session.succeed(&["evaluate", "--run", "run", "--data", "huge.csv", "--device", "tract", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(found["mean_log_prob"].as_f64().unwrap().is_finite());
}

#[test]
fn a_column_as_wide_as_single_precision_trains_and_is_drawn() {
    let session = Session::empty();
    session.write("wide.csv", (0..100).map(|i| format!("{}e38,{}\n", (i % 7) - 3, i % 10)).collect::<String>());
    briefly(&session, &["--data", "wide.csv", "--out", "run", "--column", "c0:continuous", "--freeze", "wide.flow"]);
    assert!(session.path("run/report.html").exists() && session.path("wide.flow").exists());
}

/// Their own noise is more than the start's distance from the rows: no reason to give up.
#[test]
fn columns_of_two_values_are_learned_under_wide_noise() {
    let session = Session::empty();
    let value = |i: usize, j: usize| {
        let sign = if (i * (2 * j + 3) / 7 + i / (j + 1)).is_multiple_of(2) { -1.0 } else { 1.0 };
        format!("{:.5}", sign + 1e-3 * ((i * 31 + j * 17) % 97) as f64)
    };
    let row = |i: usize| (0..20).map(|j| value(i, j)).collect::<Vec<_>>().join(",");
    let names: Vec<String> = (0..20).map(|j| format!("c{j}")).collect();
    session.write("signs.csv", table(&names.join(","), 200, row));
    let data = ["--data", "signs.csv", "--model", "maf", "--epochs", "5", "--smoothing", "2", "--out", "run"];
    let (_, message) = trained(&session, &data);
    assert!(!message.contains("diverged"), "{message}");
}

#[test]
fn rows_that_were_trained_on_are_told() {
    let session = Session::empty();
    session.write("train.csv", table("a,b", 300, |i| format!("{},{}", (i as f64 * 0.7).sin(), (i as f64 * 1.3).cos())));
    session.write("other.csv", table("a,b", 100, |i| format!("{},{}", (i as f64 * 0.9).sin(), (i as f64 * 1.1).cos())));
    trained(&session, &["--data", "train.csv", "--model", "realnvp", "--epochs", "2", "--out", "run"]);
    let told = |table: &str| {
        let output = session.run(&["evaluate", "--run", "run", "--data", table, "--device", "tract"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let warning = "of the 300 rows of train.csv were trained on";
    assert!(told("train.csv").contains(warning) && !told("other.csv").contains("were trained on"));
}
