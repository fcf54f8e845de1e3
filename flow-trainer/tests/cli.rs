//! The command line as a user types it: what a run leaves behind, and what is said when something is wrong.

#[path = "../../flow-export/tests/common/mod.rs"]
mod common;

use common::Session;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Quick settings, with nothing but what is compiled in.
const QUICK: [&str; 8] = ["--device", "tract", "--offline", "--epochs=3", "--hidden", "4", "--couplings", "2"];

impl Session {
    /// Trains a small RealNVP, or the model that is named.
    fn train(&self, arguments: &[&str]) -> String {
        let model: &[&str] = if arguments.contains(&"--model") { &[] } else { &["--model", "realnvp"] };
        self.succeed(&[&["train"], arguments, &QUICK, model].concat())
    }

    /// The message of a training on `table` that must fail and leave no run behind.
    fn refuse(&self, table: &str, more: &[&str]) -> String {
        self.write("bad.csv", table);
        let message = self.fail(1, &[&["train", "--data", "bad.csv", "--out", "bad"], more, &QUICK].concat());
        assert!(!self.path("bad").exists(), "a folder is left behind: {message}");
        message
    }
}

/// A table of a continuous, an integer and a constant column.
fn table(rows: usize) -> String {
    let row = |i: usize| format!("{},{},5\n", ((i * 37 % 101) as f64 / 50.0).sin(), i * 13 % 17);
    ["load,count,unit\n".to_string(), (0..rows).map(row).collect()].concat()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn rows_that_are_too_few_to_calibrate_all_train_or_validate() {
    let session = Session::empty();
    session.write("train.csv", table(150));
    let said = session.train(&["--data", "train.csv", "--out", "run", "--freeze", "model.flow"]);
    for words in ["it takes 50, too many of 150", "135 training and 15 validation", "not calibrated"] {
        assert!(said.contains(words), "{words:?} is not said: {said}");
    }
    assert!(!session.path("run/calibration.csv").exists() && session.path("model.flow").exists());
}

#[test]
fn validation_rows_without_a_density_are_left_out_and_told() {
    let session = Session::empty();
    let rows = |count: usize| {
        let row =
            |i: usize| format!("{}\n", (1.5 * ((i * 37 % 101) as f64 / 50.0 - 1.0)).exp() * (1.0 + 1e-3 * i as f64));
        ["rain\n".to_string(), (0..count).map(row).collect()].concat()
    };
    session.write("train.csv", rows(300));
    session.write("val.csv", rows(40) + "0\n");
    let train = ["--data", "train.csv", "--val", "val.csv", "--out", "run", "--column", "rain:positive"];
    let said = session.run(&[&["train", "--model", "maf", "--epochs", "30", "--device", "tract"], &train[..]].concat());
    let warned = String::from_utf8(said.stderr).unwrap();
    assert!(
        warned.contains("1 of 41 validation rows are left out, the first of them row 41 of val.csv: rain is 0"),
        "{warned}"
    );
    let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
    assert!(metrics["best_val_log_prob"].as_f64().unwrap() > -10.0, "{metrics}");
    session.write("val.csv", "rain\n-1\n-2\n");
    let refused = session.fail(1, &[&["train"], &train[..], &["--force"]].concat());
    assert!(refused.contains("no validation row is left: 2 of 2 validation rows"), "{refused}");
}

#[test]
fn a_run_leaves_a_folder_that_evaluates_and_freezes() {
    let session = Session::empty();
    session.write("train.csv", table(400));
    session.write("test.csv", table(60));
    session.write("labels.csv", "0\n1\n".repeat(30));
    let said = session.train(&["--data", "train.csv", "--out", "run", "--freeze", "model.flow"]);
    for word in
        ["integer", "constant", "all 310 values are 5", "tract", "report: run/report.html", "calibrated with 50 rows"]
    {
        assert!(said.contains(word), "{word:?} is not said: {said}");
    }
    for file in ["checkpoint.safetensors", "spec.json", "metrics.json", "report.html", "calibration.csv"] {
        assert!(session.path("run").join(file).exists(), "{file}");
    }
    assert!(session.path("model.flow").exists());
    let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
    for key in ["steps", "steps_per_second", "train_seconds", "backend", "best_val_log_prob", "parameters"] {
        assert!(!metrics[key].is_null(), "metrics.json lacks {key}");
    }
    let report = fs::read_to_string(session.path("run/report.html")).unwrap();
    assert!(report.matches("<svg").count() == 7 && report.ends_with("</html>\n"));
    assert!(!report.contains("src=") && !report.contains("href="), "the report opens without a network");

    let evaluate = ["evaluate", "--run", "run", "--data", "test.csv", "--device", "tract", "--json"];
    let plain = json(&session.succeed(&evaluate));
    assert_eq!(plain["rows"], 60);
    assert!(plain["mean_log_prob"].as_f64().unwrap().is_finite() && plain["std_error"].as_f64().unwrap() > 0.0);
    assert!(plain["auroc"].is_null() && plain["bits_per_dim"].is_null());
    let labelled = json(&session.succeed(&[&evaluate[..], &["--labels", "labels.csv"]].concat()));
    assert!((0.0..=1.0).contains(&labelled["auroc"].as_f64().unwrap()));

    let message = session.fail(1, &["train", "--data", "train.csv", "--out", "run"]);
    assert!(message.contains("already holds a run") && message.contains("--force"), "{message}");
}

#[test]
fn parquet_and_standard_input_train_as_csv_does() {
    let session = Session::empty();
    let rows: Vec<[f64; 2]> = (0..200).map(|i| [(i as f64 * 0.7).sin(), (i * 13 % 17) as f64 / 4.0]).collect();
    let text: String = rows.iter().map(|[a, b]| format!("{a},{b}\n")).collect();
    let text = format!("a,b\n{text}");
    let column = |j: usize| -> arrow_array::ArrayRef {
        std::sync::Arc::new(arrow_array::Float64Array::from_iter_values(rows.iter().map(|row| row[j])))
    };
    let batch = arrow_array::RecordBatch::try_from_iter([("a", column(0)), ("b", column(1))]).unwrap();
    let file = fs::File::create(session.path("train.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    session.write("train.csv", &text);
    session.train(&["--data", "train.csv", "--out", "csv"]);
    session.train(&["--data", "train.parquet", "--out", "parquet"]);
    let arguments = [&["train", "--data", "-", "--out", "piped", "--model", "realnvp"][..], &QUICK].concat();
    let mut child = session.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &fs::read(session.path("train.parquet")).unwrap())
        .unwrap();
    assert!(child.wait().unwrap().success());
    // The same rows twice, as two files.
    let (head, tail) = text[4..].split_at(text[4..].match_indices('\n').nth(99).unwrap().0 + 1);
    session.write("1.csv", format!("a,b\n{head}"));
    session.write("2.csv", format!("a,b\n{tail}"));
    session.train(&["--data", "1.csv", "--data", "2.csv", "--out", "two"]);
    let read = |run: &str| fs::read(session.path(run).join("checkpoint.safetensors")).unwrap();
    for run in ["parquet", "piped", "two"] {
        assert!(read("csv") == read(run), "{run}");
    }
    let score = ["evaluate", "--run", "csv", "--data", "train.parquet", "--device", "tract", "--json"];
    assert_eq!(json(&session.succeed(&score))["rows"], 200);
}

#[test]
fn missing_values_are_treated_alike_in_training_and_after() {
    let session = Session::empty();
    let cell = |i: usize| if i % 10 == 3 { String::new() } else { format!("{}", (i as f64 * 0.7).sin()) };
    let text: String = (0..200).map(|i| format!("{},{}\n", cell(i), i * 13 % 17)).collect();
    session.write("holes.csv", format!("a,b\n{text}"));
    session.write("labels.csv", "0\n1\n".repeat(100));
    let message = session.fail(1, &["train", "--data", "holes.csv", "--out", "none"]);
    assert!(message.contains("holes.csv, line 5, column 1 (a): is missing"), "{message}");
    assert!(message.contains("--missing drop, previous, median or a number"), "{message}");
    let evaluate = |run: &str| {
        let arguments = ["evaluate", "--run", run, "--data", "holes.csv", "--device", "tract", "--json"];
        session.run(&[&arguments[..], &["--labels", "labels.csv"]].concat())
    };
    for (way, rows, said) in [
        ("drop", 180, "20 of 200 rows left out, for missing values in a (20)"),
        ("median", 200, "missing values filled: a (20) with "),
        ("-0.5", 200, "missing values filled: a (20) with -0.5"),
    ] {
        let run = format!("run{way}");
        let told = session.train(&["--data", "holes.csv", "--out", &run, "--missing", way]);
        assert!(told.contains(said), "{told}");
        let output = evaluate(&run);
        assert_eq!(json(&String::from_utf8(output.stdout).unwrap())["rows"], rows);
        assert!(String::from_utf8(output.stderr).unwrap().contains(said));
    }
    session.write("whole.csv", table(100).replace("load,count,unit", "a,b,unit"));
    session.train(&["--data", "whole.csv", "--column", "unit:ignore", "--out", "strict"]);
    let output = evaluate("strict");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("is missing"));
    session.fail(2, &["train", "--data", "holes.csv", "--out", "none", "--missing", "mode"]);
}

#[test]
fn a_column_of_times_splits_in_blocks_and_is_not_modelled() {
    let session = Session::empty();
    let row = |i: usize| format!("2024-05-01 {:02}:{:02}:00,{},{}\n", i / 60, i % 60, i * 37 % 101, i * 13 % 17);
    session.write("log.csv", ["time,a,b\n".to_string(), (0..300).map(row).collect()].concat());
    let said = session.train(&["--data", "log.csv", "--out", "run"]);
    assert!(said.contains("time: \"time\" from 2024-05-01T00:00:00Z to 2024-05-01T04:59:00Z, in order; not modelled"));
    assert!(said.contains("one contiguous block for each part (in time, by \"time\"; lag-1 autocorrelation"), "{said}");
    // How far apart rows are is kept for a rate of false alarms.
    let checkpoint = flow_export::run_folder::read_checkpoint(&session.path("run")).unwrap();
    assert_eq!(flow_export::run_folder::every(&checkpoint), Some(Duration::from_secs(60)));
    let evaluate = ["evaluate", "--run", "run", "--data", "log.csv", "--device", "tract", "--json"];
    assert_eq!(json(&session.succeed(&evaluate))["rows"], 300);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    let session = Session::empty();
    session.write("train.csv", table(200));
    for (out, seed) in [("a", "7"), ("b", "7"), ("c", "8")] {
        session.train(&["--data", "train.csv", "--out", out, "--seed", seed]);
    }
    let read = |run: &str| fs::read(session.path(run).join("checkpoint.safetensors")).unwrap();
    assert!(read("a") == read("b") && read("a") != read("c"));
}

#[test]
fn discrete_tables_are_told_in_bits() {
    let session = Session::empty();
    let rows: String = (0..200).map(|i| format!("{},{}\n", i % 5, i * 7 % 11)).collect();
    session.write("train.csv", rows);
    session.train(&["--data", "train.csv", "--out", "run", "--convention", "peers"]);
    let out = session.succeed(&["evaluate", "--run", "run", "--data", "train.csv", "--device", "tract", "--json"]);
    let (bits, nats) = (json(&out)["bits_per_dim"].as_f64().unwrap(), json(&out)["mean_log_prob"].as_f64().unwrap());
    assert!((bits + nats / (2.0 * std::f64::consts::LN_2)).abs() < 1e-9);
    assert_eq!(json(&out)["dequantization"], "noise");
}

#[test]
fn built_in_sets_and_tables_of_one_column_train() {
    let session = Session::empty();
    session.train(&["--data", "two-moons", "--out", "moons", "--batch", "4096"]);
    let rows: String = (0..100).map(|i| format!("{}\n", (i as f64).sin())).collect();
    session.write("one.csv", rows);
    session.train(&["--data", "one.csv", "--out", "one", "--freeze", "one.flow"]);
}

#[test]
fn a_table_that_cannot_train_is_refused() {
    let session = Session::empty();
    let good = table(50);
    for (bad, expected) in [
        ("".to_string(), "empty"),
        ("a,b\n".to_string(), "header"),
        ("1,2\n".to_string(), "too few"),
        (good.replace("\n0,", "\n0,9,"), "line"),
        ("1,2\n3,4,5\n6,7\n".to_string(), "line 2"),
        ("1,2\n3,x\n6,7\n".to_string(), "line 2, column 2"),
        ("1,2\n3,nan\n6,7\n".to_string(), "line 2, column 2"),
        ("1,2\n3,inf\n6,7\n".to_string(), "line 2, column 2"),
        ("1,2\n3,1e39\n6,7\n".to_string(), "line 2, column 2"),
        ("5,6\n".repeat(50), "no column varies"),
    ] {
        let message = session.refuse(&bad, &[]);
        assert!(message.contains(expected), "{expected:?} is not said of {bad:?}: {message}");
        assert!(message.contains("bad.csv"), "the file is not named: {message}");
    }
    let message = session.refuse(&good, &["--column", "lod:continuous"]);
    assert!(message.contains("did you mean \"load\""), "{message}");
    let message = session.refuse(&good, &["--column", "load:integer"]);
    assert!(message.contains("row 2, column \"load\""), "{message}");
    let message = session.fail(1, &["train", "--data", "nowhere.csv", "--out", "bad"]);
    assert!(message.contains("nowhere.csv"), "{message}");
}

/// A pipeline that stops reading must not cost the model.
#[test]
fn a_reader_that_goes_away_does_not_end_a_training() {
    let session = Session::empty();
    session.write("train.csv", table(200));
    let arguments = [&["train", "--data", "train.csv", "--out", "run", "--freeze", "model.flow"], &QUICK[..]].concat();
    let mut child = session.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert!(session.path("model.flow").exists() && session.path("run/report.html").exists());
}

#[test]
fn a_run_that_replaces_another_leaves_nothing_of_it() {
    let session = Session::empty();
    session.write("train.csv", table(200));
    session.train(&["--data", "train.csv", "--out", "run", "--freeze", "a.flow", "--score", "train.csv"]);
    assert!(session.path("run/scores.csv").exists() && session.path("run/calibration.csv").exists());
    session.train(&["--data", "train.csv", "--out", "run", "--convention", "peers", "--force"]);
    assert!(!session.path("run/scores.csv").exists() && !session.path("run/calibration.csv").exists());
}

#[test]
fn what_can_be_known_before_the_work_is_said_before_it() {
    let session = Session::empty();
    session.write("train.csv", table(200));
    session.write("other.csv", "load,count\n1,2\n");
    session.write("file", "");
    let train = ["train", "--data", "train.csv", "--out", "run"];
    for (more, expected) in [
        (&["--freeze", "m.flow", "--score", "nowhere.csv"][..], "nowhere.csv"),
        (&["--freeze", "m.flow", "--score", "other.csv"], "unit"),
        (&["--freeze", "."], "is a folder"),
        (&["--freeze", "file/m.flow"], "file"),
        (&["--freeze", "train.csv"], "train.csv: is a file that is read"),
        (&["--freeze", "run/checkpoint.safetensors"], "would be lost"),
        (&["--hidden", "60000,60000"], "parameters"),
    ] {
        let message = session.fail(1, &[&train[..], more, &QUICK[..4]].concat());
        assert!(message.contains(expected), "{expected:?} is not said: {message}");
        assert!(!session.path("run").exists(), "{expected}: work was done");
    }
}

#[test]
fn labels_of_one_kind_are_refused() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    session.train(&["--data", "train.csv", "--out", "run"]);
    for label in ["0\n", "1\n"] {
        session.write("labels.csv", label.repeat(100));
        let evaluate = ["evaluate", "--run", "run", "--data", "train.csv", "--labels", "labels.csv"];
        assert!(session.fail(1, &evaluate).contains("labels.csv"));
    }
}

#[test]
fn another_table_than_the_one_trained_on_is_refused() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    session.train(&["--data", "train.csv", "--out", "run"]);
    let evaluate = |data: &str| ["evaluate", "--run", "run", "--data", data, "--device", "tract"].map(str::to_owned);
    session.write("fewer.csv", "load,count\n1,2\n");
    session.write("renamed.csv", "loads,count,unit\n1,2,3\n");
    for (data, expected) in [("fewer.csv", "unit"), ("renamed.csv", "did you mean")] {
        let arguments = evaluate(data);
        let message = session.fail(1, &arguments.each_ref().map(String::as_str));
        assert!(message.contains(expected), "{data}: {message}");
    }
    session.write("labels.csv", "0\n1\n");
    let message =
        session.fail(1, &["evaluate", "--run", "run", "--data", "train.csv", "--labels", "labels.csv", "--json"]);
    assert!(message.contains("labels.csv"), "{message}");
}

#[test]
fn a_damaged_run_is_refused() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    session.train(&["--data", "train.csv", "--out", "run"]);
    let checkpoint = session.path("run/checkpoint.safetensors");
    let bytes = fs::read(&checkpoint).unwrap();
    let evaluate = ["evaluate", "--run", "run", "--data", "train.csv", "--device", "tract"];
    fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    assert!(session.fail(1, &evaluate).contains("cut short"));
    let version = br#"version\":\"1"#;
    let at = bytes.windows(version.len()).position(|w| w == version).unwrap();
    let mut newer = bytes.clone();
    newer[at + version.len() - 1] = b'9';
    fs::write(&checkpoint, &newer).unwrap();
    let message = session.fail(1, &evaluate);
    assert!(message.contains("version 9") && message.contains("version 1"), "{message}");
    fs::remove_file(&checkpoint).unwrap();
    assert!(session.fail(1, &evaluate).contains("checkpoint.safetensors"));
}

#[test]
fn wrong_use_exits_with_2() {
    let session = Session::empty();
    for arguments in [
        &["train"][..],
        &["train", "--data", "x.csv"],
        &["train", "--data", "x.csv", "--out", "run", "--model", "unet"],
        &["train", "--data", "x.csv", "--out", "run", "--epochs", "0"],
        &["train", "--data", "x.csv", "--out", "run", "--epochs", "9223372036854775808"],
        &["train", "--data", "x.csv", "--out", "run", "--lr", "-1"],
        &["train", "--data", "x.csv", "--out", "run", "--column", "a:whole"],
        &["train", "--data", "x.csv", "--out", "run", "--device", "tpu"],
        &["fly"],
    ] {
        session.fail(2, arguments);
    }
}

#[test]
fn a_device_asked_for_by_name_is_never_replaced() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    session.write("not-a-library.so", "text");
    let train = ["train", "--data", "train.csv", "--out", "run", "--offline"];
    let message = session.fail(1, &[&train[..], &["--device", "cpu", "--ort-lib", "not-a-library.so"]].concat());
    assert!(message.contains("not-a-library.so"), "{message}");
    let output = session.command(&[&train[..], &["--device", "cuda"]].concat()).env("PATH", "").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("onnxruntime-gpu") || message.contains("CUDA"), "{message}");
}

/// On a machine with a GPU and all of CUDA there is nothing to name.
#[test]
fn cuda_that_is_missing_is_named_with_how_to_get_it() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    let train = ["train", "--data", "train.csv", "--out", "run", "--offline", "--device", "cuda"];
    let output = session.command(&train).env("PATH", "").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("onnxruntime-gpu") && message.contains("docs/gpu.md"), "{message}");
    if message.contains("missing:") {
        for part in ["libcuda.so.1 (NVIDIA's driver)", "libcudart.so.13", "libcublasLt.so.13", "libcurand.so.10"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(message.contains("pip install nvidia-cuda-runtime, version 13.*"), "{message}");
    }
    assert!(!session.path("run").exists(), "a run folder was left behind");
    // A library without the provider is no CUDA either.
    let Ok(library) = flow_trainer::backend::find_library() else { return };
    let named = [&train[..], &["--ort-lib", library.to_str().unwrap()]].concat();
    let message = session.fail(1, &named);
    assert!(message.contains("CUDA") && message.contains(library.to_str().unwrap()), "{message}");
}

/// `auto` takes tract where nothing else is to be had, and says so.
#[test]
fn auto_falls_back_to_tract_and_says_so() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    let mut command = session.command(&["train", "--data", "train.csv", "--out", "run", "--offline", "--epochs", "1"]);
    let output = command.env("PATH", "").env("XDG_CACHE_HOME", session.path("empty")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{message}");
    assert!(message.contains("tract runs instead") && message.contains("--offline"), "{message}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_keeps_the_best_parameters() {
    let session = Session::empty();
    let arguments = ["train", "--data", "two-moons", "--out", "run", "--device", "tract", "--epochs", "100000"];
    let more = ["--model", "realnvp", "--hidden", "4", "--couplings", "2"];
    let mut command = session.command(&[&arguments[..], &more].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first line of progress says that an epoch is done.
    let mut errors = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut errors, &mut line).unwrap();
    assert!(line.starts_with("epoch 1/"), "{line}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "does not stop");
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("interrupted"));
    let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
    assert_eq!(metrics["ending"], "interrupted");
    session.succeed(&["evaluate", "--run", "run", "--data", "two-moons", "--device", "tract"]);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let session = Session::empty();
    session.write("train.csv", table(50));
    session.write("file", "");
    let message = session.fail(1, &[&["train", "--data", "train.csv", "--out", "file/run"], &QUICK[..]].concat());
    assert!(message.contains("file/run"), "{message}");
}

/// A machine with columns of every kind; the angle and the flow depend on the load.
fn machine(rows: usize) -> String {
    let row = |i: usize| {
        let load = (i * 37 % 101) as f64 / 100.0;
        let noise = (i * 53 % 97) as f64 / 97.0;
        let angle = (360.0 * (0.6 * load + 0.3 * noise)) % 360.0;
        let flow = if i.is_multiple_of(4) { 0.0 } else { (3.0 * noise + load).exp() };
        let valve = if i.is_multiple_of(5) { 100.0 } else { 99.0 * noise };
        format!("{load},{angle},{flow},{valve},{},{}\n", i * 13 % 17, 0.25 * (i * 7 % 23) as f64)
    };
    ["load,angle,flow,valve,count,code\n".to_string(), (0..rows).map(row).collect()].concat()
}

const KINDS: [&str; 8] = [
    "--column",
    "load:context",
    "--column",
    "angle:circular=360",
    "--column",
    "flow:positive",
    "--column",
    "valve:bounded=0..100",
];

#[test]
fn every_model_takes_every_kind_of_column() {
    let session = Session::empty();
    session.write("train.csv", machine(400));
    for model in ["realnvp", "nsf", "maf", "maf-rqs", "gmm"] {
        let out = ["--data", "train.csv", "--out", model, "--model", model, "--freeze", "model.flow", "--force"];
        let said = session.train(&[&out[..], &KINDS].concat());
        for word in ["context", "circular", "positive", "bounded", "integer", "lattice", "a mass of its own"] {
            assert!(said.contains(word), "{model}: {word:?} is not said: {said}");
        }
        let evaluate = ["evaluate", "--run", model, "--data", "train.csv", "--device", "tract", "--json"];
        let found = json(&session.succeed(&evaluate));
        assert!(found["mean_log_prob"].as_f64().unwrap().is_finite(), "{model}: {found}");
        let metrics = json(&fs::read_to_string(session.path(model).join("metrics.json")).unwrap());
        let distances = metrics["distances"]["columns"].as_array().unwrap();
        assert_eq!(distances.len(), 6, "{model}: {metrics}");
        // The context of samples is that of the validation rows.
        assert!(distances[0]["samples"].as_f64().unwrap() < 0.1, "{model}: {}", distances[0]);
    }
}

#[test]
fn a_context_that_is_missing_at_scoring_is_named() {
    let session = Session::empty();
    session.write("train.csv", machine(200));
    session.train(&[&["--data", "train.csv", "--out", "run"], &KINDS[..]].concat());
    let without: String = machine(50).lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    session.write("test.csv", without);
    let message = session.fail(1, &["evaluate", "--run", "run", "--data", "test.csv", "--device", "tract"]);
    assert!(message.contains("load"), "{message}");
}

#[test]
fn kinds_that_contradict_the_data_are_refused_with_row_and_column() {
    let session = Session::empty();
    let mut table = machine(60);
    table.push_str("0.5,10,-3,50,4.5,0.25\n");
    for (said, words) in [
        ("flow:positive", ["row 61", "flow"]),
        ("count:integer", ["row 61", "count"]),
        ("valve:bounded=0..90", ["row 1", "valve"]),
        ("valv:positive", ["valv", "did you mean"]),
    ] {
        let message = session.refuse(&table, &["--column", said]);
        assert!(words.iter().all(|word| message.contains(word)), "{said}: {message}");
    }
    let message = session.refuse(&machine(60), &["--column", "*:context"]);
    assert!(message.contains("no column is left"), "{message}");
}

#[test]
fn more_bins_or_layers_than_a_file_holds_are_wrong_use() {
    let session = Session::empty();
    session.write("train.csv", table(100));
    let train = ["train", "--data", "train.csv", "--out", "run", "--model", "nsf"];
    let message = session.fail(2, &[&train[..], &["--num-bins", "65"]].concat());
    assert!(message.contains("from 2 to 64"), "{message}");
    session.fail(2, &[&train[..], &["--couplings", "1001"]].concat());
}

#[test]
fn fewer_rows_than_columns_are_warned_of_and_still_rank() {
    let session = Session::empty();
    let row = |i: usize| (0..30).map(|j| format!("{}", ((i * 31 + j * 17) % 23) as f64 / 7.3)).collect::<Vec<_>>();
    let rows: String = (0..24).map(|i| row(i).join(",") + "\n").collect();
    let far = vec!["900.0"; 30].join(",") + "\n";
    session.write("train.csv", &rows);
    session.write("test.csv", rows + &far);
    let output = session.run(
        &[
            &["train", "--data", "train.csv", "--out", "run", "--model", "auto"],
            &QUICK[..],
            &["--freeze", "m.flow", "--score", "test.csv"],
        ]
        .concat(),
    );
    let warning = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && warning.contains("fewer rows"), "{warning}");
    let scores = fs::read_to_string(session.path("run/scores.csv")).unwrap();
    let scores: Vec<f32> = scores.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let lowest = scores[..24].iter().copied().fold(f32::INFINITY, f32::min);
    assert!(scores.len() == 25 && scores[24] < lowest, "{scores:?}");
}

#[test]
fn auto_says_what_it_tried_and_why_it_chose() {
    let session = Session::empty();
    session.write("train.csv", table(300));
    let said = session.train(&["--data", "train.csv", "--out", "run", "--model", "auto"]);
    for word in ["tried", "gmm", "maf", "realnvp", "nsf", "maf-rqs", "short", "full", "chosen: "] {
        assert!(said.contains(word), "{word:?} is not said: {said}");
    }
    let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
    let tried = metrics["tried"].as_array().unwrap();
    assert_eq!(tried.len(), 7, "{metrics}");
    assert_eq!(tried.iter().filter(|t| t["chosen"] == true).count(), 1);
    // A time that is over ends it, with something chosen all the same.
    let said = session.train(&["--data", "train.csv", "--out", "quick", "--model", "auto", "--time", "0.001"]);
    assert!(said.contains("chosen: gmm"), "{said}");
    // And a time that never is over ends nothing; what was tried before it is gone.
    let forever = ["--data", "train.csv", "--out", "run", "--model", "gmm", "--time", "1e20", "--force"];
    session.train(&forever);
    assert!(!session.path("run/search").exists() && session.path("run/checkpoint.safetensors").exists());
}

#[test]
fn more_draws_give_a_tighter_bound() {
    let session = Session::empty();
    let rows: String = (0..300).map(|i| format!("{},{}\n", i % 5, i * 7 % 4)).collect();
    session.write("train.csv", rows);
    for noise in ["uniform", "variational"] {
        let train = ["--data", "train.csv", "--out", noise, "--convention", "peers", "--dequantization", noise];
        session.train(&train);
        let bound = |k: &str| {
            let evaluate = ["evaluate", "--run", noise, "--data", "train.csv", "--device", "tract", "--json"];
            json(&session.succeed(&[&evaluate[..], &["--iwae", k]].concat()))["mean_log_prob"].as_f64().unwrap()
        };
        let (one, many) = (bound("1"), bound("64"));
        assert!(many > one, "{noise}: {one} with one draw, {many} with 64");
    }
}

#[test]
fn every_base_and_layer_can_be_asked_for() {
    let session = Session::empty();
    session.write("train.csv", table(300));
    let more = ["--permutation", "lu", "--act-norm", "--residual", "--dropout", "0.1", "--smoothing", "0.1"];
    for base in ["normal", "student-t", "mixture:3"] {
        let train = ["--data", "train.csv", "--out", "run", "--force", "--base", base, "--freeze", "m.flow"];
        session.train(&[&train[..], &more].concat());
        let spec = json(&fs::read_to_string(session.path("run/spec.json")).unwrap());
        let name = base.split(':').next().unwrap().replace('-', "_");
        assert_eq!(spec["base"]["base"], name, "{spec}");
    }
    let message = session.fail(2, &["train", "--data", "train.csv", "--out", "x", "--base", "cauchy"]);
    assert!(message.contains("student-t"), "{message}");
}

#[test]
fn a_diverging_training_stops_with_advice_and_keeps_the_best() {
    let session = Session::empty();
    session.write("train.csv", table(2000));
    let quick = ["--device", "tract", "--model", "realnvp", "--hidden", "16", "--couplings", "4", "--batch", "1600"];
    let diverged = |rate: &str| {
        let train = ["train", "--data", "train.csv", "--out", "run", "--force", "--epochs", "2000", "--lr", rate];
        let output = session.run(&[&train[..], &quick].concat());
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && message.contains("diverged") && message.contains("smaller --lr"),
            "{message}"
        );
        let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
        assert_eq!(metrics["ending"], "diverged", "{metrics}");
        assert!(metrics["history"].as_array().unwrap().len() < 200, "it went on for long");
        (metrics["best_epoch"].as_u64().unwrap(), message)
    };
    // Some epochs pass while the rate still rises.
    assert!(diverged("3").0 > 0);
    let (best, message) = diverged("10");
    assert!(best == 0 && message.contains("the start is kept"), "{message}");
}

#[test]
fn several_seeds_are_told_apart() {
    let session = Session::empty();
    session.write("train.csv", table(400));
    let said = session.train(&["--data", "train.csv", "--out", "run", "--seed", "5", "--seeds", "3"]);
    assert!(said.contains("3 seeds: ") && said.contains("standard deviation"), "{said}");
    let metrics = json(&fs::read_to_string(session.path("run/metrics.json")).unwrap());
    let seeds = metrics["seeds"]["seeds"].as_array().unwrap();
    let numbers: Vec<u64> = seeds.iter().map(|s| s["seed"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [5, 6, 7]);
    let found: Vec<f64> = seeds.iter().map(|s| s["best_val_log_prob"].as_f64().unwrap()).collect();
    let mean = found.iter().sum::<f64>() / 3.0;
    let spread = (found.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!((metrics["seeds"]["mean"].as_f64().unwrap() - mean).abs() < 1e-9 && spread > 0.0);
    assert!((metrics["seeds"]["spread"].as_f64().unwrap() - spread).abs() < 1e-9);
    let kept = seeds.iter().find(|s| s["kept"] == true).unwrap();
    assert_eq!(kept["best_val_log_prob"], metrics["best_val_log_prob"]);
    assert!(found.iter().all(|&v| v <= kept["best_val_log_prob"].as_f64().unwrap()));
    // A seed of several is what it is alone.
    session.train(&["--data", "train.csv", "--out", "alone", "--seed", "5"]);
    let alone = json(&fs::read_to_string(session.path("alone/metrics.json")).unwrap());
    assert_eq!(alone["best_val_log_prob"], seeds[0]["best_val_log_prob"]);
    assert!(alone["seeds"].is_null());
    for key in ["mean_norm", "largest_norm", "skipped", "learning_rate"] {
        assert!(alone["history"][0][key].is_number(), "{key}: {}", alone["history"][0]);
    }
}
