//! Training on windows of signals, from a table of raw channels, and what takes such a table afterwards.

#[path = "../../flow-export/tests/common/mod.rs"]
mod common;

use common::Session;
use flow_export::frozen::Frozen;
use flow_export::run_folder::read_checkpoint;
use flow_export::score::score;
use flow_export::windows::Recipe;
use flow_table::Table;
use std::fmt::Write;
use std::fs;

const QUICK: [&str; 10] =
    ["--device", "tract", "--offline", "--epochs=2", "--hidden", "4", "--couplings", "2", "--model", "realnvp"];

impl Session {
    fn table(&self, name: &str) -> Table {
        Table::read(&self.path(name).display().to_string()).unwrap()
    }
}

/// Two channels, five minutes apart, with a gap of a day after 1,000 rows.
fn signals(rows: usize, seed: u32) -> String {
    let mut text = "time,temp,speed\n".to_owned();
    let (mut state, mut walk) = (seed, 0.0f32);
    for i in 0..rows {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
        walk = 0.9 * walk + noise;
        let time = 1_714_564_800 + 300 * i + if i >= 1000 { 86_400 } else { 0 };
        writeln!(text, "{time},{:?},{:?}", 20.0 + walk, 3.0 + 0.5 * walk * walk + 0.1 * noise).unwrap();
    }
    text
}

#[test]
fn from_raw_channels_to_scores() {
    let session = Session::empty();
    fs::write(session.path("raw.csv"), signals(1500, 1)).unwrap();
    fs::write(session.path("later.csv"), signals(300, 2)).unwrap();
    let options =
        ["train", "--data", "raw.csv", "--out", "run", "--window", "12", "--lags", "1,2", "--freeze", "f.flow"];
    let said = session.succeed(&[&options[..], &["--score", "later.csv"], &QUICK].concat());
    assert!(
        said.contains("windows: 1478 in 1500 rows, 1 gaps; 12 rows, stride 1: value, lag1, lag2, mean, std, slope")
    );
    assert!(said.contains("a row every 300 s"), "{said}");
    assert!(said.contains("windows between them left out, so that no parts share a row"), "{said}");

    let checkpoint = read_checkpoint(&session.path("run")).unwrap();
    let recipe = Recipe::of_metadata(&checkpoint.metadata, &session.path("run")).unwrap().unwrap();
    let names: Vec<&str> = checkpoint.spec.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names[..6], ["temp", "temp.lag1", "temp.lag2", "temp.mean", "temp.std", "temp.slope"]);
    assert_eq!((names.len(), names[6]), (12, "speed"));

    // What else was asked for is told by its name.
    let resume = ["train", "--resume", "--out", "run", "--window", "6"];
    let resumed = session.fail(1, &resume);
    assert!(resumed.contains("--window: 12 rows, stride 1"), "{resumed}");
    let degenerate = ["train", "--data", "raw.csv", "--out", "few", "--window", "3", "--device", "tract", "--offline"];
    let output = session.run(&[&degenerate[..], &["--model", "gmm"]].concat());
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: 4 features of 3 values follow from each other"), "{said}");

    // No part of the split shares a row of the raw table with another: 100 rows of calibration and 12 before.
    let calibration = session.table("run/calibration.csv");
    let derived = recipe.table(session.table("raw.csv")).unwrap();
    assert!(calibration.rows() > 50, "{}", calibration.rows());
    assert!(calibration.iter().all(|row| derived.iter().any(|other| other == row)));

    // The scores that the training leaves are those of the file, of the raw table, with the rows counted as in it.
    let frozen = Frozen::read(&session.path("f.flow")).unwrap();
    assert_eq!(Recipe::of_file(&frozen).unwrap(), Some(recipe.clone()));
    let later = recipe.table(session.table("later.csv")).unwrap();
    let expected = score(&frozen, &later).unwrap();
    let scores = session.table("run/scores.csv");
    assert_eq!(scores.names(), ["row", "log_prob"]);
    assert_eq!(scores.column(1).collect::<Vec<_>>(), expected);
    assert_eq!(scores.column(0).collect::<Vec<_>>(), (12..=300).map(|row| row as f32).collect::<Vec<_>>());

    // Evaluated without being told: of raw channels, with a label a row, and of the run's own calibration windows.
    let labels: String = (1..=300).map(|i| if i % 7 == 0 { "1\n" } else { "0\n" }).collect();
    fs::write(session.path("labels.csv"), labels).unwrap();
    let evaluate = ["evaluate", "--run", "run", "--device", "tract", "--offline", "--json"];
    let json = session.succeed(&[&evaluate[..], &["--data", "later.csv", "--labels", "labels.csv"]].concat());
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["rows"], 289);
    assert!(found["auroc"].is_number(), "{json}");
    let json = session.succeed(&[&evaluate[..], &["--data", "run/calibration.csv"]].concat());
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["rows"].as_u64(), Some(calibration.rows() as u64));

    // A resumed run makes the same windows.
    session.succeed(&["train", "--resume", "--out", "run"]);
    assert_eq!(read_checkpoint(&session.path("run")).unwrap().params, checkpoint.params);
}

#[test]
fn changes_alone_and_as_many_rows_for_calibration_as_asked_for() {
    let session = Session::empty();
    fs::write(session.path("raw.csv"), signals(1000, 1)).unwrap();
    let options = ["train", "--data", "raw.csv", "--out", "run", "--window", "13", "--changes", "1,12"];
    let rows = |more: &[&str]| {
        let said = session.succeed(&[&options[..], more, &QUICK, &["--force"]].concat());
        assert!(said.contains("13 rows, stride 1: change1, change12 of temp, speed"), "{said}");
        session.path("run/calibration.csv").exists().then(|| session.table("run/calibration.csv"))
    };
    let usual = rows(&[]).expect("a tenth");
    assert_eq!(usual.names(), ["temp.change1", "temp.change12", "speed.change1", "speed.change12"]);
    let most = rows(&["--calibration", "0.5"]).expect("half of them").rows();
    assert!(most > 4 * usual.rows() && most > 380, "{most}, {}", usual.rows());
    assert_eq!(rows(&["--calibration", "0"]), None);
}

#[test]
fn wrong_use_is_said() {
    let session = Session::empty();
    fs::write(session.path("raw.csv"), signals(400, 1)).unwrap();
    let train = ["train", "--data", "raw.csv", "--out", "run"];
    let fail = |code, more: &[&str]| session.fail(code, &[&train[..], more, &QUICK].concat());
    assert!(fail(2, &["--window", "1"]).contains("1 is not in 2..=256"));
    assert!(fail(2, &["--stride", "2"]).contains("--window"));
    let typo = fail(2, &["--window", "12", "--features", "value,slop"]);
    assert!(typo.contains("no feature, did you mean slope?"), "{typo}");
    assert!(fail(1, &["--window", "12", "--lags", "12"]).contains("lag12 reaches beyond a window of 12 rows"));
    assert!(fail(1, &["--window", "12", "--changes", "12"]).contains("change12 reaches beyond a window of 12 rows"));
    for share in [["--calibration", "1"], ["--validation", "0"], ["--calibration", "x"]] {
        assert!(fail(2, &share).contains("below 1"), "{share:?}");
    }
    assert!(
        fail(1, &["--validation", "0.5", "--calibration", "0.5"])
            .contains("expected numbers from 0 with a sum below 1")
    );
    let long = fail(1, &["--window", "200"]);
    assert!(long.contains("too few windows to split: of 201 windows of 200 rows"), "{long}");
    assert!(!session.path("run").exists());
}
