//! Back-tests of flows over windows: faults of the raw channels, rows as the file numbers and labels them, and only flows over the
//! same windows side by side.

mod common;
#[path = "common/of_windows.rs"]
mod of_windows;

use common::Session;
use flow_export::windows::Recipe;
use flow_table::Table;
use of_windows::{csv, recipe, usual};
use std::fs;

#[test]
fn a_back_test_counts_faults_of_the_channels() {
    let session = Session::new();
    session.write("usual.csv", csv(&usual(600)));
    let calibrate = ["calibrate", "model.flow", "--data", "usual.csv", "-o", "a.flow", "--range", "speed=-1..20"];
    // The windows come every ten minutes, which the flow knows.
    let said = session.succeed(&[&calibrate[..], &["--false-alarms", "1/1d", "--json"]].concat());
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!((said["alarm_p"].as_f64().unwrap() * 144.0 - 1.0).abs() < 1e-9, "{said}");
    let other = session.run(&[&calibrate[..], &["--false-alarms", "1/1d", "--every", "5min"]].concat());
    assert!(String::from_utf8(other.stderr).unwrap().contains("come every 600s, and --every says 300s"));
    let mut rows = usual(300);
    rows[100].1[0] = f32::NAN;
    rows[150].1[1] = 85.0;
    rows[151].1[1] = -127.0;
    rows[200].0 = rows[199].0;
    session.write("raw.csv", csv(&rows).replace("NaN", ""));
    let found = session.succeed(&["backtest", "a.flow", "--data", "raw.csv", "--json", "--report", "out.html"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["doubled_times"], &found["steps_back"]), (&1.into(), &0.into()));
    let faults = serde_json::json!([
        {"column": "temp", "fault": "not_finite", "rows": 1},
        {"column": "speed", "fault": "out_of_range", "rows": 2},
    ]);
    assert_eq!(found["faults"], faults);
    let html = fs::read_to_string(session.path("out.html")).unwrap();
    assert!(html.contains("not finite") && html.contains("out of range"));
    // Each file has an order of its own.
    session.write("again.csv", csv(&usual(60)));
    session.succeed(&["score", "a.flow", "--data", "again.csv", "--data", "again.csv", "--data", "again.csv"]);
}

#[test]
fn a_range_of_a_channel_is_not_looked_for_in_windows_without_a_word() {
    let session = Session::new();
    session.write("raw.csv", csv(&usual(600)));
    let raw = Table::read(&session.path("raw.csv").display().to_string()).unwrap();
    let windows = recipe().table(raw).unwrap();
    let rows: String =
        windows.iter().map(|row| row.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(",") + "\n").collect();
    session.write("windows.csv", windows.names().join(",") + "\n" + &rows);
    let calibrate = |data: &str, range: &str| {
        let output = session.run(&["calibrate", "model.flow", "--data", data, "-o", "a.flow", "--range", range]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let warned = "these rows are windows already, so that readings beyond the --range of speed cannot be seen";
    assert!(calibrate("windows.csv", "speed=-1..20").contains(warned));
    assert!(!calibrate("raw.csv", "speed=-1..20").contains("windows already"));
    assert!(!calibrate("windows.csv", "speed.mean=-1..20").contains("windows already"));
}

#[test]
fn a_back_test_refuses_flows_over_other_windows() {
    let session = Session::new();
    let other = Session::over(Recipe { length: 24, ..recipe() }, |spec| spec);
    session.write("other.flow", fs::read(other.path("model.flow")).unwrap());
    session.write("usual.csv", csv(&usual(600)));
    for (model, out) in [("model.flow", "a.flow"), ("other.flow", "b.flow")] {
        session.succeed(&["calibrate", model, "--data", "usual.csv", "-o", out, "--p", "0.01"]);
    }
    let data = ["--data", "usual.csv"];
    session.succeed(&[&["backtest", "a.flow", "--against", "a.flow"], &data[..]].concat());
    let refused = session.fail(1, &[&["backtest", "a.flow", "--against", "b.flow"], &data[..]].concat());
    assert!(
        refused.contains("b.flow: is over other windows than the first flow (24 rows") && refused.contains("12 rows")
    );
    // A flow over rows, of other columns.
    session.write("rows.flow", fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow")).unwrap());
    let refused = session.fail(1, &[&["backtest", "a.flow", "--against", "rows.flow"], &data[..]].concat());
    assert!(
        refused.contains("rows.flow: is over other windows than the first flow (over rows, and the first"),
        "{refused}"
    );
    // The same windows, but of readings within another range; one without limits is one with the widest.
    let calibrate = ["calibrate", "model.flow", "--data", "usual.csv", "--p", "0.01"];
    let ranges = [("-1e3..1e3", "wide.flow"), ("-1e3..1e4", "wider.flow")];
    for (range, out) in ranges {
        session.succeed(&[&calibrate[..], &["--range", &format!("speed={range}"), "-o", out]].concat());
    }
    let refused = session.fail(1, &[&["backtest", "wide.flow", "--against", "wider.flow"], &data[..]].concat());
    assert!(refused.contains("the channel \"speed\" is in one of them alone, or has another --range"));
}

#[test]
fn a_back_test_counts_rows_as_the_file_and_its_labels_do() {
    let session = Session::over(Recipe { stride: 1, ..recipe() }, |spec| spec);
    let mut rows = usual(600);
    session.write("usual.csv", csv(&rows));
    rows[505].1[1] = 1000.0;
    session.write("raw.csv", csv(&rows));
    session.write(
        "labels.csv",
        (0..600).map(|i| if (500..=510).contains(&i) { "1\n" } else { "0\n" }).collect::<String>(),
    );
    session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "-o", "calibrated.flow", "--p", "0.01"]);
    let data = ["backtest", "calibrated.flow", "--data", "raw.csv", "--labels", "labels.csv", "--drift-every", "1000"];
    let found = session.succeed(&[&data[..], &["--report", "out.html", "--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let method = &found["methods"][0];
    // Of the 589 windows those whose newest row is labelled.
    assert_eq!(method["false_alarms"]["rows"], 589 - 11);
    let outcome = &method["windows"][0];
    assert_eq!((&outcome["rows"], &outcome["alarms"]), (&serde_json::json!([501, 511]), &6.into()));
    assert_eq!((&outcome["delay_rows"], &outcome["delay_seconds"]), (&5.into(), &1500.0.into()));
    let episodes = method["episodes"].as_array().unwrap();
    let episode = episodes.iter().find(|episode| episode["window"] == 1).unwrap();
    assert_eq!((&episode["first_row"], &episode["last_row"]), (&506.into(), &517.into()));
    assert!((506..=517).contains(&episode["oddest_row"].as_u64().unwrap()), "{episode}");
    assert_eq!(method["drift"]["alarms"][0]["row"], 506);
    let html = fs::read_to_string(session.path("out.html")).unwrap();
    assert!(html.contains("501 to 511") && html.contains("506 to 517"));
}
