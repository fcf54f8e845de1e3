//! The command line as a user types it: what it prints, what it leaves on the disk, and what it says when something is
//! wrong.

#[path = "common/by_hand.rs"]
mod by_hand;
mod common;

use by_hand::{DATA, in_context, spec};
use common::{Session, names};
use flow_export::run_folder::{EVERY, read_checkpoint};
use flow_model::spec::{Base, FlowSpec, Layer};
use std::fs;
use std::process::Stdio;

fn lines(text: &str) -> Vec<f32> {
    text.lines().skip(1).map(|line| line.parse().unwrap()).collect()
}

#[test]
fn score_prints_one_log_density_a_row() {
    let session = Session::new();
    session.write("test.csv", DATA);
    let printed = session.succeed(&["score", "model.flow", "--data", "test.csv"]);
    assert_eq!(printed.lines().next(), Some("log_prob"));
    let scores = lines(&printed);
    assert_eq!(scores.len(), 4);
    assert!(scores.iter().all(|x| x.is_finite()));
    assert!(scores[0] > scores[2] && scores[1] > scores[3], "{scores:?}");

    assert_eq!(session.succeed(&["score", "model.flow", "--data", "test.csv", "-o", "scores.csv"]), "");
    assert_eq!(session.read("scores.csv"), printed);
    // Without a header the columns are taken in their order.
    session.write("bare.csv", DATA.split_once('\n').unwrap().1);
    assert_eq!(session.succeed(&["score", "model.flow", "--data", "bare.csv"]), printed);
    // With a header they are found by name.
    session.write("turned.csv", "load;speed, rpm;unit;note\n0.5;40;2;ok\n0.61;44;2;ok\n-30;39;2;ok\n0.5;400;2;ok\n");
    let turned = ["score", "model.flow", "--data", "turned.csv", "--column", "note:ignore"];
    assert_eq!(session.succeed(&turned), printed);
}

#[test]
fn score_sums_up_as_json() {
    let session = Session::new();
    session.write("test.csv", DATA);
    session.write("labels.csv", "0\n0\n1\n1\n");
    let scores = lines(&session.succeed(&["score", "model.flow", "--data", "test.csv"]));
    let json = |arguments: &[&str]| {
        let all = [&["score", "model.flow", "--data", "test.csv", "--json"], arguments].concat();
        serde_json::from_str::<serde_json::Value>(&session.succeed(&all)).unwrap()
    };
    let mean = |rows: &[f32]| rows.iter().map(|&x| f64::from(x)).sum::<f64>() / rows.len() as f64;
    let near = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;

    let all = json(&[]);
    assert_eq!(all["rows"], 4);
    assert_eq!(all["dequantization"], "midpoint");
    assert!(near(&all["mean_log_prob"], mean(&scores)), "{all}");
    assert!(all.get("auroc").is_none());

    let labelled = json(&["--labels", "labels.csv", "-o", "scores.csv"]);
    assert_eq!(labelled["auroc"], 1.0);
    assert!(near(&labelled["mean_log_prob"], mean(&scores[..2])), "{labelled}");
    let error = (scores[0] - scores[1]).abs() / 2.0;
    assert!((labelled["std_error"].as_f64().unwrap() - f64::from(error)).abs() < 1e-5, "{labelled}");
    assert_eq!(lines(&session.read("scores.csv")), scores);
}

#[test]
fn sample_draws_the_same_rows_for_the_same_seed() {
    let session = Session::new();
    let printed = session.succeed(&["sample", "model.flow", "--n", "100", "--seed", "1"]);
    assert_eq!(printed.lines().count(), 101);
    assert_eq!(printed.lines().next(), Some("\"speed, rpm\",unit,load"));
    session.succeed(&["sample", "model.flow", "--n", "100", "--seed", "1", "-o", "out.csv"]);
    assert_eq!(session.read("out.csv"), printed);
    assert_ne!(session.succeed(&["sample", "model.flow", "--n", "100", "--seed", "2"]), printed);
    // The start of a longer run is the shorter run, and what was drawn can be scored.
    assert!(session.succeed(&["sample", "model.flow", "--n", "101", "--seed", "1"]).starts_with(&printed));
    assert_eq!(lines(&session.succeed(&["score", "model.flow", "--data", "out.csv"])).len(), 100);
}

#[test]
fn inspect_says_what_is_in_the_file() {
    let session = Session::new();
    let text = session.succeed(&["inspect", "model.flow"]);
    for fact in ["speed, rpm", "integer", "continuous", "constant", "self-test"] {
        assert!(text.contains(fact), "no {fact} in\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&session.succeed(&["inspect", "model.flow", "--json"])).unwrap();
    assert_eq!(json["file_bytes"], fs::metadata(session.path("model.flow")).unwrap().len());
    assert_eq!(json["columns"][1]["kind"], "constant");
    assert_eq!(json["columns"][0]["name"], "speed, rpm");
    assert_eq!(json["dim"], 2);
    assert_eq!(json["self_test"], "passed");
    assert_eq!(json["layers"].as_array().unwrap().len(), 3);
    assert_eq!(json["model_id"].as_str().unwrap().len(), 32);
}

#[test]
fn context_is_part_of_a_table_and_given_to_samples() {
    let session = Session::of(in_context());
    session.write("test.csv", "season,rain,heading,wind,level\n0.4,1.5,10,4,3.5\n0.4,0,370,4,0\n0.4,1.5,10,9,3.5\n");
    let scores = lines(&session.succeed(&["score", "model.flow", "--data", "test.csv"]));
    assert_eq!(scores.len(), 3);
    // No rain has no density, and the wind changes that of the others.
    assert!(scores[0] > -100.0 && scores[1] < -1e29 && scores[2] != scores[0], "{scores:?}");

    let sample =
        ["sample", "model.flow", "--n", "50", "--seed", "3", "--context", "wind=4", "--context", "season=0.25"];
    let printed = session.succeed(&sample);
    assert_eq!(printed.lines().next(), Some("season,rain,heading,wind,level"));
    assert!(printed.lines().skip(1).all(|line| line.starts_with("0.25,") && line.split(',').nth(3) == Some("4")));
    session.write("drawn.csv", &printed);
    let scores = lines(&session.succeed(&["score", "model.flow", "--data", "drawn.csv"]));
    assert!(scores.len() == 50 && scores.iter().all(|&x| x > -100.0), "{scores:?}");

    let text = session.succeed(&["inspect", "model.flow"]);
    for fact in
        ["3 enter the flow and 2 are its context", "positive", "circular    from 0, period 360", "mass at 0, 2 wide"]
    {
        assert!(text.contains(fact), "no {fact} in\n{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&session.succeed(&["inspect", "model.flow", "--json"])).unwrap();
    assert_eq!((json["context_dim"].as_u64(), json["dim"].as_u64()), (Some(2), Some(3)));
    assert_eq!(json["columns"][4]["atoms"][0]["value"], 0.0);
    assert_eq!(json["circles"][0]["num_bins"], 4);
    assert_eq!(json["format_version"], "1.2");
}

#[test]
fn context_that_is_missing_is_named() {
    let session = Session::of(in_context());
    let score = |content: &str| {
        session.write("test.csv", content);
        session.fail_cleanly(1, &["score", "model.flow", "--data", "test.csv"])
    };
    let one = score("season,rain,heading,level\n0.4,1.5,10,3.5\n");
    assert!(one.contains("test.csv: lacks the column \"wind\", which the flow was trained with as context"), "{one}");
    let both = score("rain,heading,level\n1.5,10,3.5\n");
    assert!(both.contains("lacks the columns \"season\", \"wind\", which the flow was trained with as"), "{both}");
    assert!(score("1.5,10,3.5\n2,20,4\n").contains("lacks the columns \"season\", \"wind\""));
    assert!(score("season,rain,heading,wind\n0.4,1.5,10,3.5\n").contains("missing: \"level\""));

    let sample = |context: &[&str]| {
        let options: Vec<&str> = context.iter().flat_map(|value| ["--context", value]).collect();
        session.fail_cleanly(1, &[&["sample", "model.flow", "--n", "2"], options.as_slice()].concat())
    };
    let none = sample(&[]);
    assert!(none.contains("on the context: \"season\", \"wind\" missing; give --context season=VALUE"), "{none}");
    assert!(sample(&["season=1"]).contains("on the context: \"wind\" missing; give --context wind=VALUE"));
    assert!(sample(&["season=1", "wnd=2"]).contains("has no context column \"wnd\"; expected \"season\", \"wind\""));
    assert!(sample(&["season=1", "season=2"]).contains("\"season\" is given twice"));
    for bad in ["wind", "wind=", "wind=fast", "wind=inf"] {
        session.fail_cleanly(2, &["sample", "model.flow", "--n", "2", "--context", bad]);
    }
    let plain = Session::new().fail(1, &["sample", "model.flow", "--n", "2", "--context", "wind=2"]);
    assert!(plain.contains("the flow has no context column \"wind\", and no other"), "{plain}");
}

#[test]
fn onnx_writes_both_models() {
    let session = Session::new();
    session.succeed(&["onnx", "run", "--out", "models"]);
    assert_eq!(names(&session.path("models")), ["log_prob.onnx", "sample.onnx"]);
}

#[test]
fn freezing_is_repeatable() {
    let session = Session::new();
    session.succeed(&["freeze", "run", "-o", "again.flow"]);
    assert_eq!(fs::read(session.path("again.flow")).unwrap(), fs::read(session.path("model.flow")).unwrap());
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let session = Session::new();
    let freeze = |run: &str| session.fail_cleanly(1, &["freeze", run, "-o", "new.flow"]);
    assert!(freeze("runn").contains("runn: no such folder; expected the folder that `flow-trainer train --out` wrote"));
    assert!(freeze("model.flow").contains("model.flow: is a file"));
    assert!(freeze(".").contains("holds no checkpoint.safetensors"));
    assert!(session.fail_cleanly(1, &["onnx", "runn", "--out", "models"]).contains("runn: no such folder"));

    let whole = fs::read(session.path("run/checkpoint.safetensors")).unwrap();
    for length in [0, 1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        session.write("run/checkpoint.safetensors", &whole[..length]);
        assert!(freeze("run").contains("run/checkpoint.safetensors: "), "{length}");
    }
    let text = String::from_utf8_lossy(&whole[8..]).into_owned();
    let (old, new) = ("\\\"version\\\":\\\"1\\\"", "\\\"version\\\":\\\"9\\\"");
    assert!(text.contains(old), "{text}");
    let at = 8 + text.find(old).unwrap();
    let newer = [&whole[..at], new.as_bytes(), &whole[at + old.len()..]].concat();
    session.write("run/checkpoint.safetensors", newer);
    assert!(freeze("run").contains("checkpoint version 9"));
}

#[test]
fn a_damaged_flow_is_refused() {
    let session = Session::new();
    let whole = fs::read(session.path("model.flow")).unwrap();
    session.write("test.csv", DATA);
    let refuse = |bytes: &[u8]| {
        session.write("bad.flow", bytes);
        let message = session.fail_cleanly(1, &["score", "bad.flow", "--data", "test.csv"]);
        assert!(message.starts_with("flow-export: bad.flow: "), "{message}");
        message
    };
    let step = (whole.len() / 40).max(1);
    for length in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
        refuse(&whole[..length]);
    }
    for byte in (0..whole.len()).step_by(step) {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        refuse(&bytes);
    }
    let erased = refuse(&vec![0xff; whole.len()]);
    assert!(erased.contains("nothing was written there"), "{erased}");
    assert!(refuse(&DATA.as_bytes().repeat(9)).contains("not a frozen flow"));
    let mut newer = whole.clone();
    newer[flow_nostd::layout::MAGIC.len()] += 1;
    assert!(refuse(&newer).contains("format version 2; this engine reads version 1"));
    for command in ["inspect", "sample"] {
        let arguments: &[&str] =
            if command == "sample" { &["sample", "bad.flow", "--n", "1"] } else { &["inspect", "bad.flow"] };
        assert!(session.fail_cleanly(1, arguments).contains("bad.flow"));
    }
}

#[test]
fn inspect_tells_layers_and_bases() {
    let freeze = |base: Base| {
        let mut spec = spec();
        let residual = |hidden| Layer::AffineCoupling { kept: 1, hidden, residual: true, scale_bound: 2.0 };
        spec.layers = vec![Layer::ActNorm, Layer::Lu, residual(vec![4, 4])];
        spec.base = base;
        let session = Session::of(spec);
        let text = session.succeed(&["inspect", "model.flow"]);
        (text, session.succeed(&["inspect", "model.flow", "--json"]))
    };
    let (text, json) = freeze(Base::Mixture { components: 4, full: true });
    assert!(text.contains("format 1.2") && text.contains("self-test  passed"), "{text}");
    assert!(
        text.contains("shift and scale") && text.contains("linear") && text.contains("residual blocks [4, 4]"),
        "{text}"
    );
    assert!(text.contains("base mixture of 4 normal distributions, weights [0.250, 0.250, 0.250, 0.250]"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["base"], &json["weights"][3]), (&"mixture".into(), &0.25.into()));
    assert_eq!(json["layers"][1]["layer"], "lu");
    assert_eq!((&json["layers"][2]["hidden"], &json["layers"][2]["residual"]), (&vec![4, 4].into(), &true.into()));
    let (text, json) = freeze(Base::StudentT);
    assert!(text.contains("base Student-t, degrees of freedom [10.05, 10.05]"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["base"], "student_t");
    assert!(json["degrees_of_freedom"][1].as_f64().is_some_and(|v| (v - 10.05).abs() < 0.01), "{json}");
    assert!(json["weights"].is_null());
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let session = Session::new();
    let score = |content: &str| {
        session.write("test.csv", content);
        session.fail_cleanly(1, &["score", "model.flow", "--data", "test.csv"])
    };
    let narrow = score("1,2\n3,4\n");
    assert!(narrow.contains("test.csv: ") && narrow.contains("speed, rpm, unit, load"), "{narrow}");
    let renamed = score(&DATA.replace("load", "loads"));
    assert!(renamed.contains("missing: \"load\" (did you mean \"loads\"?)"), "{renamed}");
    let word = score(&DATA.replace("0.61", "high"));
    assert!(word.contains("test.csv, line 3, column 3 (load)"), "{word}");
    assert!(score(&DATA.replace("0.61", "nan")).contains("line 3, column 3 (load): is nan"));
    assert!(score("").contains("test.csv: "));
    assert!(session.fail_cleanly(1, &["score", "model.flow", "--data", "none.csv"]).contains("none.csv: "));

    session.write("test.csv", DATA);
    let label = |content: &str| {
        session.write("labels.csv", content);
        session.fail_cleanly(1, &["score", "model.flow", "--data", "test.csv", "--json", "--labels", "labels.csv"])
    };
    let few = label("0\n1\n");
    assert!(few.contains("labels.csv: ") && few.contains('2') && few.contains('4'), "{few}");
    assert!(label("0\n1\n2\n0\n").contains("labels.csv, line 3"));
    assert!(label("1\n1\n1\n1\n").contains("no row labelled 0"));
    assert!(label("0\n0\n0\n0\n").contains("no row labelled 1"));
}

#[test]
fn a_missing_flow_is_named() {
    let session = Session::new();
    assert!(session.fail_cleanly(1, &["inspect", "none.flow"]).contains("none.flow: cannot be read"));
    let folder = session.fail_cleanly(1, &["sample", "run", "--n", "3"]);
    assert!(folder.contains("run: is a folder; expected a frozen flow: flow-export freeze run"), "{folder}");
}

#[test]
fn wrong_use_exits_with_2() {
    let session = Session::new();
    for arguments in [
        &[][..],
        &["frieze"],
        &["freeze", "run"],
        &["inspect", "model.flow", "--jsn"],
        &["sample", "model.flow"],
        &["sample", "model.flow", "--n", "0"],
        &["sample", "model.flow", "--n", "-1"],
        &["sample", "model.flow", "--n", "many"],
        &["sample", "model.flow", "--n", "1", "--seed", "1.5"],
        &["score", "model.flow"],
        &["score", "model.flow", "--data", "test.csv", "--labels", "labels.csv"],
        &["score", "model.flow", "--data", "test.csv", "--column", "load:integer"],
    ] {
        session.fail_cleanly(2, arguments);
    }
    for arguments in [&["--help"][..], &["score", "--help"], &["--version"]] {
        assert!(session.succeed(arguments).contains("flow-export"));
    }
}

#[test]
fn a_failed_command_keeps_the_old_file() {
    let session = Session::new();
    session.write("out.csv", "old");
    session.write("test.csv", "1,2,3\n4,5,x\n");
    session.fail_cleanly(1, &["score", "model.flow", "--data", "test.csv", "-o", "out.csv"]);
    session.fail_cleanly(1, &["sample", "none.flow", "--n", "3", "-o", "out.csv"]);
    session.fail_cleanly(1, &["freeze", "none", "-o", "out.csv"]);
    assert_eq!(session.read("out.csv"), "old");
    let sample = |out: &str| session.fail_cleanly(1, &["sample", "model.flow", "--n", "3", "-o", out]);
    assert!(sample("none/out.csv").contains("none/out.csv: "));
    assert!(sample("run").contains("run: "));
    let onnx = session.fail_cleanly(1, &["onnx", "run", "--out", "out.csv/models"]);
    assert!(onnx.contains("out.csv/models: "), "{onnx}");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let session = Session::new();
    let folder = session.path("fixed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        return; // Whoever runs this test may write everywhere.
    }
    let message = session.fail_cleanly(1, &["sample", "model.flow", "--n", "3", "-o", "fixed/out.csv"]);
    assert!(message.contains("fixed/out.csv: "), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let session = Session::new();
    // As many rows as can be asked for: they are written as they are drawn.
    let message = session.fail_cleanly(1, &["sample", "model.flow", "--n", &u64::MAX.to_string(), "-o", "/dev/full"]);
    assert!(message.contains("/dev/full: "), "{message}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::io::{BufRead, BufReader};
    let session = Session::new();
    let mut child = session
        .command(&["sample", "model.flow", "--n", &u64::MAX.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with("load\n"));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

#[test]
fn freeze_stores_weights_of_eight_bits() {
    let session = Session::new();
    session.succeed(&["freeze", "run", "-o", "small.flow", "--weights", "i8"]);
    let size = |file: &str| fs::metadata(session.path(file)).unwrap().len();
    assert!(size("small.flow") < size("model.flow"));
    assert!(session.succeed(&["inspect", "model.flow"]).contains("weights as f32"));
    let text = session.succeed(&["inspect", "small.flow"]);
    assert!(text.contains("weights as i8") && text.contains("format 1.3"), "{text}");
    session.succeed(&["freeze", "run", "-o", "again.flow", "--weights", "f32"]);
    assert_eq!(fs::read(session.path("again.flow")).unwrap(), fs::read(session.path("model.flow")).unwrap());
    session.fail_cleanly(2, &["freeze", "run", "-o", "again.flow", "--weights", "i4"]);
}

#[test]
fn what_has_no_conditioners_has_no_weights_of_eight_bits() {
    let told = |layers: Vec<Layer>| {
        let session = Session::of(FlowSpec { layers, ..spec() });
        let output = session.run(&["freeze", "run", "-o", "bytes.flow", "--weights", "i8"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(vec![]).contains("--weights i8 has no effect"));
    assert_eq!(told(spec().layers), "");
}

#[test]
fn a_run_knows_how_far_apart_rows_are() {
    let session = Session::new();
    session.succeed(&["sample", "model.flow", "--n", "300", "-o", "usual.csv"]);
    let calibrate = ["calibrate", "run", "--data", "usual.csv", "--false-alarms", "1/1h", "-o", "c.flow"];
    assert!(session.fail(2, &calibrate).contains("say --every"));
    let of_a_file = session.run(&["calibrate", "model.flow", "--data", "usual.csv", "--p", "0.01", "-o", "c.flow"]);
    let message = String::from_utf8(of_a_file.stderr).unwrap();
    assert!(message.contains("whether the flow was trained on these rows cannot be seen"), "{message}");
    let mut checkpoint = read_checkpoint(&session.path("run")).unwrap();
    checkpoint.metadata.insert(EVERY.into(), "60000000".into());
    session.write("run/checkpoint.safetensors", checkpoint.to_bytes().unwrap());
    assert!(session.succeed(&calibrate).contains("one usual row in 60"));
}

#[test]
fn what_is_written_is_not_what_is_read() {
    let session = Session::new();
    session.succeed(&["sample", "model.flow", "--n", "300", "-o", "usual.csv"]);
    session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "-o", "a.flow", "--p", "0.01"]);
    session.succeed(&["keygen", "key"]);
    let content = || names(session.folder.path()).into_iter().map(|name| fs::read(session.path(&name)).ok());
    let before: Vec<_> = content().chain([fs::read(session.path("run/checkpoint.safetensors")).ok()]).collect();
    for arguments in [
        &["emit-c", "a.flow", "-o", "a.flow"][..],
        &["sample", "a.flow", "--n", "3", "-o", "a.flow"],
        &["freeze", "run", "-o", "run/checkpoint.safetensors"],
        &["calibrate", "run", "--data", "usual.csv", "-o", "run/checkpoint.safetensors"],
        &["calibrate", "a.flow", "--data", "usual.csv", "-o", "usual.csv"],
        &["sign", "a.flow", "--key", "key", "-o", "key"],
        &["score", "a.flow", "--data", "usual.csv", "-o", "./usual.csv"],
        &["score", "a.flow", "--data", "usual.csv", "-o", "a.flow"],
        &["score", "a.flow", "--data", "run", "-o", "run/checkpoint.safetensors"],
        &["backtest", "a.flow", "--data", "usual.csv", "--report", "usual.csv"],
        &["backtest", "a.flow", "--data", "usual.csv", "--report", "a.flow"],
        &["backtest", "a.flow", "--data", "usual.csv", "--against", "model.flow", "--report", "model.flow"],
    ] {
        let message = session.fail(1, arguments);
        assert!(message.contains("is among the files that are read, and would be lost"), "{arguments:?}: {message}");
    }
    let after: Vec<_> = content().chain([fs::read(session.path("run/checkpoint.safetensors")).ok()]).collect();
    assert!(before == after);
}
