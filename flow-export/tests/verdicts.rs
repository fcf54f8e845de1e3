//! `calibrate` and `score --verdicts` as a user types them.

#[path = "common/by_hand.rs"]
mod by_hand;
mod common;

use by_hand::{DATA, in_context};
use common::Session;
use std::fs;

/// Rows like those that the flow was made for, a little different each.
fn usual_rows(rows: usize) -> String {
    let mut text = "\"speed, rpm\",unit,load\n".to_owned();
    let row = |i: usize| {
        let (a, b) = ((i as f64 * 0.618_034).fract(), (i as f64 * 0.754_878).fract());
        let bell = |u: f64| (u.clamp(1e-4, 1.0 - 1e-4) / (1.0 - u.clamp(1e-4, 1.0 - 1e-4))).ln() / 1.7;
        format!("{},2,{:.3}\n", (40.0 + 8.0 * bell(a)).round(), 0.5 + 0.2 * bell(b))
    };
    text.extend((0..rows).map(row));
    text
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn calibrate_takes_the_rows_of_a_run_or_those_named() {
    let session = Session::new();
    session.write("run/calibration.csv", usual_rows(2000));
    let text = session.succeed(&["calibrate", "run", "-o", "of-run.flow"]);
    assert!(text.contains("calibrated with 2000 rows") && text.contains("one usual row in 1000"), "{text}");
    // The 21st oddest of them begins what is counted.
    assert!(text.contains("taken from the tail, not counted; with about 11 times as many rows"), "{text}");
    let counted = session.succeed(&["calibrate", "run", "-o", "counted.flow", "--p", "0.011"]);
    assert!(!counted.contains("taken from the tail"), "{counted}");
    let nearly = session.succeed(&["calibrate", "run", "-o", "nearly.flow", "--p", "0.0109"]);
    assert!(nearly.contains("with about 2 times as many rows"), "{nearly}");
    let sure = session.succeed(&["calibrate", "run", "-o", "sure.flow", "--p", "0.012", "--confidence", "0.9"]);
    assert!(sure.contains("taken from the tail"), "{sure}");
    session.write("usual.csv", usual_rows(2000));
    session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "-o", "of-file.flow"]);
    assert_eq!(fs::read(session.path("of-run.flow")).unwrap(), fs::read(session.path("of-file.flow")).unwrap());

    let calibrate = |options: &[&str]| {
        let all = [&["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow", "--json"], options].concat();
        json(&session.succeed(&all))
    };
    let summary = calibrate(&["--p", "1e-4"]);
    assert_eq!((&summary["rows"], &summary["alarm_p"]), (&2000.into(), &1e-4.into()));
    let rate = calibrate(&["--false-alarms", "1/30d", "--every", "5min"]);
    assert!((rate["alarm_p"].as_f64().unwrap() * 30.0 * 288.0 - 1.0).abs() < 1e-9, "{rate}");

    let sure = calibrate(&["--p", "1e-2", "--confidence", "0.9"]);
    assert_eq!((&sure["confidence"], &summary["confidence"]), (&0.9.into(), &serde_json::Value::Null));
    let share = |text: String| text.lines().skip(1).filter(|line| line.split(',').nth(2) == Some("1")).count();
    let score = ["score", "out.flow", "--data", "usual.csv", "--verdicts"];
    let fewer = share(session.succeed(&score));
    calibrate(&["--p", "1e-2"]);
    assert!((1..share(session.succeed(&score))).contains(&fewer), "{fewer} alarms");

    // A frozen flow that is calibrated is calibrated anew, and says of a column what was said.
    calibrate(&["--range", "load=-1..2", "--jump", "load=0.5", "--stuck", "speed, rpm=4"]);
    session.succeed(&["calibrate", "out.flow", "--data", "usual.csv", "-o", "again.flow", "--p", "0.01"]);
    let text = session.succeed(&["inspect", "out.flow"]);
    for fact in [
        "calibrated with 2000 rows",
        "one usual row in 1000",
        "the tail beyond the rows has the shape",
        "load        -1 to 2, at most 0.5 from row to row",
        "speed, rpm  at most 4 rows the same",
        "usual values",
    ] {
        assert!(text.contains(fact), "no {fact} in\n{text}");
    }
    let facts = json(&session.succeed(&["inspect", "out.flow", "--json"]));
    assert_eq!(facts["calibration"]["rows"], 2000);
    assert!((facts["calibration"]["alarm_p"].as_f64().unwrap() - 1e-3).abs() < 1e-9);
    assert_eq!(facts["columns"][2]["sensor"], serde_json::json!({"range": [-1.0, 2.0], "jump": 0.5}));
    assert!((0.0..1.0).contains(&facts["columns"][2]["usual"].as_f64().unwrap()), "{facts}");
    assert!(facts["columns"][1]["sensor"].is_null());
    let plain = json(&session.succeed(&["inspect", "model.flow", "--json"]));
    assert!(plain["calibration"].is_null() && plain["columns"][2]["usual"].is_null());
    let again = json(&session.succeed(&["inspect", "again.flow", "--json"]));
    assert!((again["calibration"]["alarm_p"].as_f64().unwrap() - 0.01).abs() < 1e-8, "{again}");
}

#[test]
fn calibrate_says_what_is_wrong() {
    let session = Session::new();
    session.write("usual.csv", usual_rows(150));
    let calibrate = |code, options: &[&str]| {
        session.fail_cleanly(code, &[&["calibrate", "model.flow", "-o", "out.flow"], options].concat())
    };
    assert!(calibrate(1, &[]).contains("model.flow: no rows to calibrate with: name usual rows"));
    assert!(
        session.fail_cleanly(1, &["calibrate", "run", "-o", "out.flow"]).contains("run: no rows to calibrate with")
    );
    let few = calibrate(1, &["--data", "usual.csv", "--p", "1e-6"]);
    assert!(few.contains("usual.csv: 150 rows are too few for alarms at p = 1.0e-6, which need 19999"), "{few}");
    session.write("few.csv", usual_rows(49));
    assert!(calibrate(1, &["--data", "few.csv"]).contains("too few to calibrate with: expected 50"));
    session.write("other.csv", usual_rows(150).replace("load", "loads"));
    assert!(calibrate(1, &["--data", "other.csv"]).contains("did you mean \"loads\"?"));
    // What is told can be asked for.
    session.write("exact.csv", usual_rows(198));
    let refused = calibrate(1, &["--data", "exact.csv", "--p", "1e-4"]);
    assert!(refused.contains("which need 199") && refused.contains("p can be 1.1e-4 or more"), "{refused}");
    let unknown = calibrate(1, &["--data", "usual.csv", "--jump", "lood=2"]);
    assert!(unknown.contains("no column \"lood\", did you mean \"load\"?"), "{unknown}");
    for wrong in [
        &["--p", "0"][..],
        &["--p", "0.9"],
        &["--confidence", "1"],
        &["--confidence", "90%"],
        &["--p", "1e-3", "--false-alarms", "1/30d", "--every", "5min"],
        &["--false-alarms", "1/30d"],
        &["--false-alarms", "1", "--every", "5min"],
        &["--false-alarms", "1/5min", "--every", "5min"],
        &["--every", "5min"],
        &["--range", "load=2..1"],
        &["--jump", "load=0"],
        &["--stuck", "load"],
        &["--column", "load:integer"],
        &["--p", "1e-10"],
        &["--rollback", "7"],
        &["--weights", "i8"],
    ] {
        calibrate(2, &[&["--data", "usual.csv"], wrong].concat());
    }
    let often = calibrate(2, &["--data", "usual.csv", "--false-alarms", "10/1min", "--every", "5min"]);
    assert!(often.contains("p = 50") && often.contains("from 1e-9 to 0.5"), "{often}");
    let short = calibrate(2, &["--data", "usual.csv", "--false-alarms", "1/30d", "--every", "0.0000000001s"]);
    assert!(short.contains("too short"), "{short}");
    session.fail_cleanly(2, &["calibrate", "model.flow", "--data", "usual.csv"]);
    let out = session.fail_cleanly(1, &["calibrate", "model.flow", "--data", "usual.csv", "-o", "none/out.flow"]);
    assert!(out.contains("none/out.flow: "), "{out}");
    session.write("out.flow", "old");
    calibrate(1, &["--data", "few.csv"]);
    assert_eq!(session.read("out.flow"), "old");
}

#[test]
fn calibrate_names_a_fault_among_the_usual_rows() {
    let session = Session::new();
    let usual = usual_rows(300);
    let calibrate = ["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow"];
    session.write("usual.csv", &usual);
    assert!(!session.succeed(&calibrate).contains("far beyond"));
    session.write("usual.csv", format!("{usual}40,2,6e6\n"));
    let said = session.succeed(&calibrate);
    assert!(said.contains("far beyond all others: row 301. A fault among the usual rows?"), "{said}");
    assert_eq!(json(&session.succeed(&[&calibrate[..], &["--json"]].concat()))["unreached"], serde_json::json!([301]));
    // And what is odd is odd.
    session.write("odd.csv", "\"speed, rpm\",unit,load\n40,2,30\n");
    let verdict = session.succeed(&["score", "out.flow", "--data", "odd.csv", "--verdicts"]);
    assert!(verdict.ends_with(",1,scored,load\n"), "{verdict}");
}

/// What is beyond a sensor's range no flow is told on a device, and none in the calibration.
#[test]
fn calibrate_minds_the_ranges_that_it_is_given() {
    let session = Session::new();
    let usual = usual_rows(1000);
    let calibrate = |rows: String, more: &[&str]| {
        session.write("usual.csv", rows);
        let all = [&["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow"], more].concat();
        (session.run(&all), fs::read(session.path("out.flow")).ok())
    };
    let range = ["--range", "load=-40..40"];
    let (_, alone) = calibrate(usual.clone(), &range);
    let broken = usual.clone() + &"40,2,-127\n".repeat(20);
    let (output, among) = calibrate(broken, &range);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("calibrated with 1000 rows"), "{said}");
    assert!(said.contains("beyond its sensor's range: rows 1001, 1002, 1003, 1004, 1005 and 15 more"), "{said}");
    assert!(alone == among, "broken readings count");
    let (output, _) = calibrate(usual, &["--range", "load=0..0.5"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("of 1000 rows have a value beyond its sensor's range"), "{message}");
    // What is left is counted without those.
    let (output, _) = calibrate(usual_rows(60) + &"40,2,-127\n".repeat(5), &["--p", "4e-4", range[0], range[1]]);
    assert!(output.status.success());
    let (output, _) = calibrate(usual_rows(49) + "40,2,-127\n40,2,-127\n", &["--p", "0.1", range[0], range[1]]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("without 2 rows that are left out: 49 rows are too few to calibrate with"), "{message}");
    session.write("usual.csv", usual_rows(1000));
    // Limits that were said before stay.
    let inspect = |file: &str| json(&session.succeed(&["inspect", file, "--json"]))["columns"][2]["sensor"].clone();
    session.succeed(&["calibrate", "out.flow", "--data", "usual.csv", "-o", "more.flow", "--jump", "load=5"]);
    assert_eq!(inspect("more.flow"), serde_json::json!({"range": [-40.0, 40.0], "jump": 5.0}));
    session.succeed(&["calibrate", "more.flow", "--data", "usual.csv", "-o", "wide.flow", "--range", "load=-50..50"]);
    assert_eq!(inspect("wide.flow"), serde_json::json!({"range": [-50.0, 50.0], "jump": 5.0}));
}

#[test]
fn rows_in_another_unit_calibrate_nothing() {
    let session = Session::new();
    // Kelvin, as it were.
    let rows: String = (0..300).map(|i| format!("40,2,{}\n", 273 + i % 7)).collect();
    session.write("usual.csv", "\"speed, rpm\",unit,load\n".to_owned() + &rows);
    let refused = session.fail_cleanly(1, &["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow"]);
    assert!(refused.contains("usual.csv: \"load\" is beyond -0.7"), "{refused}");
    assert!(refused.contains("in 300 of 300 rows") && refused.contains("in the units of the training"), "{refused}");
}

/// A column of real numbers has a density everywhere, however small.
#[test]
fn rows_far_out_are_not_rows_without_a_density() {
    let session = Session::new();
    session.write("usual.csv", usual_rows(1000) + "40,2,1e38\n40,2,3e38\n");
    let said = session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow"]);
    assert!(said.contains("calibrated with 1002 rows") && said.contains("far beyond all others: rows 1001, 1002"));
    assert!(!said.contains("no density"), "{said}");
}

#[test]
fn a_frozen_flow_goes_to_standard_output_where_nothing_else_does() {
    let session = Session::new();
    let printed = session.run(&["freeze", "run", "-o", "-"]);
    assert!(printed.status.success() && printed.stdout == fs::read(session.path("model.flow")).unwrap());
    session.write("usual.csv", usual_rows(300));
    let taken = session.fail_cleanly(2, &["calibrate", "model.flow", "--data", "usual.csv", "-o", "-"]);
    assert!(taken.contains("expected a file"), "{taken}");
}

#[test]
fn calibrate_minds_supports_and_ranges_of_a_context() {
    let session = Session::of(in_context());
    let rows = |rain: f32, unit: f32| {
        let row = |i: usize| {
            let part = |step: f64| (i as f64 * step).fract() as f32;
            let (season, wet) = (part(0.618_034), rain + unit * part(0.754_878));
            format!(
                "{season},{wet},{},{},{}\n",
                360.0 * part(0.569_84),
                10.0 * part(0.671_04),
                (16.0 * part(0.549_7)).round() / 2.0
            )
        };
        ["season,rain,heading,wind,level\n".to_owned(), (0..800).map(row).collect()].concat()
    };
    session.write("usual.csv", rows(0.1, 3.0));
    let calibrate = ["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow"];
    session.succeed(&[&calibrate[..], &["--p", "1e-4"]].concat());
    session.write("missing.csv", "season,rain,heading,wind,level\n0.5,1,90,4,2\n,1,90,4,2\n");
    let missing = session.fail_cleanly(1, &["score", "out.flow", "--data", "missing.csv", "--verdicts"]);
    assert!(missing.contains("missing.csv, row 2: \"season\" is missing; expected a number"), "{missing}");
    let season = session.fail_cleanly(1, &[&calibrate[..], &["--range", "season=0..1"]].concat());
    assert!(season.contains("\"season\" is a context column"), "{season}");
    // As many rows in all would do, but each range of the context has its own table.
    let few = session.fail_cleanly(1, &[&calibrate[..], &["--p", "2.6e-5"]].concat());
    assert!(
        few.contains("with the fewest rows: 200 rows are too few for alarms at p = 2.6e-5, which need 769"),
        "{few}"
    );
    let one = rows(0.1, 3.0).replacen("season,rain", "#season,rain", 1) + "0.5,-2,10,5,1\n";
    session.write("usual.csv", &one);
    let said = session.succeed(&calibrate);
    assert!(
        said.contains("calibrated with 800 rows") && said.contains("no density at all: row 801. Such rows"),
        "{said}"
    );
    session.write("usual.csv", rows(-3.0, 3.0));
    let outside = session.fail_cleanly(1, &calibrate);
    assert!(outside.contains("usual.csv: 800 of 800 rows lie where a column has no density at all"), "{outside}");
}

#[test]
fn score_gives_verdicts() {
    let session = Session::new();
    session.write("usual.csv", usual_rows(2000));
    let limits = ["--range", "load=-40..40", "--stuck", "load=3"];
    session.succeed(&[&["calibrate", "model.flow", "--data", "usual.csv", "-o", "ready.flow"], &limits[..]].concat());
    // Odd in load, odd in speed; a missing value; one out of range; one that stays the same for too long.
    session.write("test.csv", format!("{DATA}40,2,\n40,2,50\n40,2,0.5\n41,2,0.5\n40,2,0.5\n41,2,0.5\n"));
    let score = ["score", "ready.flow", "--data", "test.csv", "--verdicts"];
    let text = session.succeed(&score);
    assert_eq!(text.lines().next(), Some("log_prob,ln_p,alarm,status,column"));
    let verdicts: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.splitn(5, ',').collect()).collect();
    let expected = [
        ["0", "scored", ""],
        ["0", "scored", ""],
        ["1", "scored", "load"],
        ["1", "scored", "\"speed, rpm\""],
        ["0", "not_finite", "load"],
        ["0", "out_of_range", "load"],
        // The run begins after what was out of range.
        ["0", "scored", ""],
        ["0", "scored", ""],
        ["0", "scored", ""],
        ["0", "stuck", "load"],
    ];
    assert_eq!(verdicts.iter().map(|v| v[2..].to_vec()).collect::<Vec<_>>(), expected, "{text}");
    let ln_p: Vec<f32> = verdicts.iter().map(|v| v[1].parse().unwrap()).collect();
    assert!(ln_p.iter().all(|&x| (-20.73..=0.0).contains(&x)) && ln_p[2] < -6.9 && ln_p[0] > -6.9, "{ln_p:?}");
    // The log-densities are those of the plain scores.
    session.write("whole.csv", DATA);
    let plain = session.succeed(&["score", "ready.flow", "--data", "whole.csv"]);
    assert!(plain.lines().skip(1).zip(&verdicts).all(|(plain, verdict)| plain == verdict[0]), "{plain}");

    session.succeed(&[&score[..], &["-o", "verdicts.csv"]].concat());
    assert_eq!(session.read("verdicts.csv"), text);
    session.write("labels.csv", "0\n0\n1\n1\n0\n0\n0\n0\n0\n0\n");
    let both = session.fail_cleanly(2, &[&score[..], &["--json", "-o", "-"]].concat());
    assert!(both.contains("--json prints its object where -o - would write the rows"), "{both}");
    let summary = json(&session.succeed(&[&score[..], &["--json", "--labels", "labels.csv"]].concat()));
    assert_eq!((&summary["rows"], &summary["auroc"]), (&10.into(), &1.0.into()));

    let none = session.fail_cleanly(1, &["score", "model.flow", "--data", "test.csv", "--verdicts"]);
    assert!(none.contains("model.flow: has no calibration") && none.contains("flow-export calibrate"), "{none}");
    assert!(session.fail_cleanly(1, &["score", "ready.flow", "--data", "test.csv"]).contains("(load): is missing"));
    session.write("inf.csv", DATA.replace("0.61", "inf"));
    assert!(session.fail_cleanly(1, &["score", "ready.flow", "--data", "inf.csv", "--verdicts"]).contains("is inf"));
}
