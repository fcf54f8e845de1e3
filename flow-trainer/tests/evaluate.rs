//! What `evaluate` says beyond a mean: intervals, what columns are worth, comparisons with other models.

use serde_json::Value;
use std::fs;
use std::process::{Command, Output, Stdio};

struct Session(tempfile::TempDir);

impl Session {
    /// A folder with `train.csv`, `test.csv` and, for the latter, `labels.csv`: `y` follows `x`, and `z` nothing; in an anomaly
    /// `y` does not follow.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let row = |i: usize, odd: bool| {
            let x = (i * 37 % 101) as f64 / 25.0 + (i * 53 % 97) as f64 / 1000.0;
            let noise = (i * 71 % 89) as f64 / 89.0 - 0.5;
            let y = if odd { (i * 61 % 103) as f64 / 25.0 } else { x };
            format!("{x},{},{}\n", y + 0.3 * noise, (i * 7919 % 10_007) as f64 / 10_007.0)
        };
        let table = |rows: std::ops::Range<usize>, odd: usize| -> String {
            ["x,y,z\n".to_string(), rows.map(|i| row(i, odd > 0 && i.is_multiple_of(odd))).collect()].concat()
        };
        fs::write(folder.path().join("train.csv"), table(0..1500, 0)).unwrap();
        fs::write(folder.path().join("test.csv"), table(2000..2600, 5)).unwrap();
        let labels: String = (2000..2600).map(|i| if i % 5 == 0 { "1\n" } else { "0\n" }).collect();
        fs::write(folder.path().join("labels.csv"), labels).unwrap();
        Session(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-trainer"));
        command.args(arguments).args(["--device", "tract", "--offline"]);
        command.current_dir(self.0.path()).stdin(Stdio::null()).env_remove("ORT_DYLIB_PATH").output().unwrap()
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn train(&self, out: &str, more: &[&str]) {
        let train = ["train", "--data", "train.csv", "--out", out, "--smoothing", "0"];
        self.succeed(&[&train[..], more].concat());
    }

    fn evaluate(&self, run: &str, more: &[&str]) -> Value {
        let evaluate = ["evaluate", "--run", run, "--data", "test.csv", "--json"];
        serde_json::from_str(&self.succeed(&[&evaluate[..], more].concat())).unwrap()
    }

    fn refuse(&self, run: &str, against: &str) -> String {
        let output = self.run(&["evaluate", "--run", run, "--data", "test.csv", "--against", against]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

const QUICK: [&str; 7] = ["--model", "realnvp", "--epochs=2", "--hidden", "4", "--couplings", "1"];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_column_that_does_not_matter_is_worth_nothing() {
    let session = Session::new();
    session.train("gmm", &["--model", "gmm"]);
    let labelled = session.evaluate("gmm", &["--labels", "labels.csv"]);
    let columns = &labelled["importance"]["columns"];
    // On the rows labelled normal.
    assert_eq!(labelled["importance"]["rows"], 480);
    let worth = |j: usize| (number(&columns[j]["nats"]), number(&columns[j]["std_error"]));
    let ((x, _), (y, _), (z, z_error)) = (worth(0), worth(1), worth(2));
    assert_eq!(columns[2]["name"], "z");
    assert!(x > 1.0 && y > 1.0, "{columns}");
    assert!(z.abs() < 0.02 * x && z.abs() < 5.0 * z_error + 0.02, "{columns}");
}

#[test]
fn intervals_hold_the_figures_and_are_the_same_for_the_same_seed() {
    let session = Session::new();
    session.train("gmm", &["--model", "gmm"]);
    let found = session.evaluate("gmm", &["--labels", "labels.csv"]);
    for key in ["auroc", "average_precision"] {
        let (value, interval) = (number(&found[key]), &found[format!("{key}_interval")]);
        let (low, high) = (number(&interval[0]), number(&interval[1]));
        assert!(low < value && value < high && high - low < 0.2, "{key}: {value} in {interval}");
    }
    assert_eq!(found["resamples"], 1000);
    assert_eq!(found, session.evaluate("gmm", &["--labels", "labels.csv"]));
    let other = session.evaluate("gmm", &["--labels", "labels.csv", "--seed", "1"]);
    assert!(other["auroc"] == found["auroc"] && other["auroc_interval"] != found["auroc_interval"]);
    let plain = session.evaluate("gmm", &[]);
    assert!(
        plain["auroc_interval"].is_null() && plain["resamples"].is_null() && plain["against"] == serde_json::json!([])
    );
}

#[test]
fn a_run_is_compared_row_by_row_with_another_the_last_and_a_mixture() {
    let session = Session::new();
    session.train("gmm", &["--model", "gmm"]);
    session.train("quick", &QUICK);
    let against = ["--labels", "labels.csv", "--against", "gmm", "--against", "last", "--against", "./gmm"];
    let found = session.evaluate("quick", &against);
    let [fitted, last, named] = [0, 1, 2].map(|i| &found["against"][i]);
    // The mixture that is fitted anew is the one that was trained before, to the bit; so is the run before this one.
    let alone = session.evaluate("gmm", &["--labels", "labels.csv"]);
    for other in [fitted, last, named] {
        assert_eq!(other["mean_log_prob"], alone["mean_log_prob"], "{other}");
        assert_eq!(other["auroc"]["value"], alone["auroc"]);
        assert_eq!(other["auroc"]["interval"], alone["auroc_interval"]);
        let difference = number(&found["mean_log_prob"]) - number(&alone["mean_log_prob"]);
        assert!((number(&other["difference"]["mean_log_prob"]) - difference).abs() < 1e-9);
        assert!(number(&other["difference"]["std_error"]) > 0.0);
        let auroc = number(&found["auroc"]) - number(&alone["auroc"]);
        assert!((number(&other["difference"]["auroc"]["value"]) - auroc).abs() < 1e-12);
    }
    // A run beside itself: nothing, without any error.
    let itself = session.evaluate("quick", &["--labels", "labels.csv", "--against", "quick"]);
    assert_eq!(itself["against"][0]["difference"]["mean_log_prob"], 0.0);
    assert_eq!(itself["against"][0]["difference"]["std_error"], 0.0);
    assert_eq!(itself["against"][0]["difference"]["auroc"]["interval"], serde_json::json!([0.0, 0.0]));

    let text = session.succeed(&[&["evaluate", "--run", "quick", "--data", "test.csv"][..], &against].concat());
    for word in
        ["quick less gmm, fitted to the same rows:", "quick less ./gmm (gmm):", "bootstrap", "shuffled among 480 rows"]
    {
        assert!(text.contains(word), "{word:?} is not said: {text}");
    }
}

#[test]
fn what_cannot_be_compared_with_is_refused_or_said() {
    let session = Session::new();
    session.train("run", &QUICK);
    assert!(session.refuse("run", "last").contains("no run that is older"));
    assert!(session.refuse("run", "nowhere").contains("nowhere"));
    // A density and one by another convention.
    session.train("peers", &[&QUICK[..], &["--convention", "peers"]].concat());
    let found = session.evaluate("run", &["--against", "peers"]);
    assert!(found["against"][0]["incomparable"].as_str().unwrap().contains("convention is peers"), "{found}");
    // A density and a mass.
    let rounded: String =
        (0..1500).map(|i| format!("{},{},{}\n", i % 7, i * 37 % 101, 0.01 * (i * 53 % 97) as f64)).collect();
    fs::write(session.0.path().join("rounded.csv"), "x,y,z\n".to_owned() + &rounded).unwrap();
    session.succeed(&[&["train", "--data", "rounded.csv", "--out", "rounded"], &QUICK[..]].concat());
    let found = session.evaluate("run", &["--against", "rounded"]);
    assert!(found["against"][0]["incomparable"].as_str().unwrap().contains("column \"x\" as another kind"), "{found}");
    let other = fs::read_to_string(session.0.path().join("train.csv")).unwrap().replacen("x,y,z", "x,y,w", 1);
    fs::write(session.0.path().join("other.csv"), other).unwrap();
    session.succeed(&[&["train", "--data", "other.csv", "--out", "other"], &QUICK[..]].concat());
    assert!(session.refuse("run", "other").contains("x, y, w; expected those of the run: x, y, z"));
    // The training rows have changed, then vanished.
    let path = session.0.path().join("train.csv");
    let rows = fs::read_to_string(&path).unwrap();
    fs::write(&path, rows.replacen("\n0,", "\n1,", 1)).unwrap();
    assert!(session.refuse("run", "gmm").contains("are not those of the run any more"));
    fs::remove_file(&path).unwrap();
    assert!(session.refuse("run", "gmm").contains("train.csv"));
}
