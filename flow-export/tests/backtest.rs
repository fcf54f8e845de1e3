//! Back-tests as a user asks for them, on rows of which it is known what is odd in them.

mod common;

use common::Session;
use serde_json::{Value, json};
use std::fs;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow");

/// Odd rows, from 0, and what they have in place of a usual value.
const ODD: [(usize, &str); 7] = [
    (20, "1.5,3,,-30"),
    (50, "1.5,3,17,90000"),
    (60, "1.5,3,17,90000"),
    (105, "9000,3,17,-30"),
    (106, "9000,3,17,-30"),
    (118, "9000,3,17,-30"),
    (305, "1.5,3,9000,-30"),
];

impl Session {
    /// A folder with `history.csv`: 400 rows five minutes apart.
    fn new() -> Self {
        let session = Session::empty();
        session.write("history.csv", history(stamp));
        session
    }

    fn backtest(&self, options: &[&str]) -> Value {
        let all = [&["backtest", MODEL, "--data", "history.csv", "--json"], options].concat();
        serde_json::from_str(&self.succeed(&all)).unwrap()
    }

    /// The message of a back-test that must fail, leaving no report.
    fn refuse(&self, code: i32, options: &[&str]) -> String {
        let output = self.run(&[&["backtest", MODEL, "--report", "out.html"], options].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{options:?}: {message}");
        assert!(output.stdout.is_empty() && !self.path("out.html").exists(), "{options:?}");
        assert!(!message.contains("panicked"), "{message}");
        message
    }
}

/// Five minutes a row from midnight of 2024-05-01 on.
fn stamp(row: usize) -> String {
    let minutes = 5 * row;
    format!("2024-05-{:02} {:02}:{:02}:00", 1 + minutes / 1440, minutes / 60 % 24, minutes % 60)
}

fn history(stamp: impl Fn(usize) -> String) -> String {
    let mut text = "time,flow,state,count,temperature\n".to_owned();
    for row in 0..400 {
        let odd = ODD.iter().find(|(odd, _)| *odd == row).map(|(_, values)| *values);
        let usual = format!("{},3,{},-30", 1.4 + (row % 5) as f32 / 20.0, 16 + row % 3);
        text += &format!("{},{}\n", stamp(row), odd.unwrap_or(&usual));
    }
    text
}

/// The windows of the rows 100 to 119, 200 to 209 and 300 to 309.
fn windows() -> String {
    json!({"other/table.csv": [], "some/history.csv": [
        [stamp(300), stamp(309)],
        [stamp(100), stamp(119)],
        [format!("{}.000000", stamp(200)), stamp(209)],
    ]})
    .to_string()
}

#[test]
fn a_back_test_finds_what_there_is() {
    let session = Session::new();
    session.write("windows.json", windows());
    let found = session.backtest(&["--windows", "windows.json", "--drift-every", "1000"]);
    assert_eq!((&found["rows"], &found["every_seconds"], &found["gaps"]), (&400.into(), &300.0.into(), &0.into()));
    assert_eq!(found["times"], json!(["2024-05-01T00:00:00Z", "2024-05-02T09:15:00Z"]));
    assert_eq!(found["status"], json!({"not_finite": 1, "scored": 399}));
    assert_eq!(found["faults"], json!([{"column": "count", "fault": "not_finite", "rows": 1}]));

    let method = &found["methods"][0];
    assert_eq!((&method["alarms"], &method["alarms_per_1000_rows"]), (&6.into(), &15.0.into()));
    assert!((method["alarms_per_day"].as_f64().unwrap() - 6.0 * 288.0 / 400.0).abs() < 1e-9, "{method}");
    // 50 and 60 are ten rows apart, 106 and 118 twelve.
    let episodes: Vec<[&Value; 5]> = method["episodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| ["first_row", "last_row", "alarms", "column", "window"].map(|key| &e[key]))
        .collect();
    assert_eq!(
        json!(episodes),
        json!([[51, 61, 2, "temperature", null], [106, 119, 3, "flow", 1], [306, 306, 1, "count", 3]])
    );
    assert_eq!(method["episodes"][0]["time"], "2024-05-01T04:10:00Z");
    assert_eq!((&method["windows_found"], &method["windows_missed"]), (&2.into(), &1.into()));
    assert_eq!(method["false_episodes"], 1);
    let outcomes = method["windows"].as_array().unwrap();
    assert_eq!((&outcomes[0]["delay_rows"], &outcomes[0]["delay_seconds"]), (&5.into(), &1500.0.into()));
    assert_eq!((&outcomes[0]["rows"], &outcomes[0]["column"]), (&json!([101, 120]), &"flow".into()));
    assert!(outcomes[1]["delay_rows"].is_null() && outcomes[1]["start"] == "2024-05-01T16:40:00Z", "{method}");
    let named = [("flow", 3), ("temperature", 2), ("count", 1)];
    assert_eq!(method["named"], json!(named.map(|(column, alarms)| json!({"column": column, "alarms": alarms}))));
    let false_alarms = &method["false_alarms"];
    assert_eq!((&false_alarms["rows"], &false_alarms["alarms"]), (&360.into(), &2.into()));
    let [low, high] = [0, 1].map(|i| false_alarms["interval"][i].as_f64().unwrap());
    // From sums of the binomial distribution with exact coefficients.
    assert!((low - 0.000_673_4).abs() < 1e-5 && (high - 0.019_92).abs() < 1e-4, "{low} {high}");

    // Each of the odd rows is enough for a change, and the detector starts anew after it.
    let drift: Vec<&Value> = method["drift"]["alarms"].as_array().unwrap().iter().map(|alarm| &alarm["row"]).collect();
    assert_eq!(json!(drift), json!([51, 61, 106, 107, 119, 306]));
    assert_eq!((&method["drift"]["outside"], &method["drift"]["windows_found"]), (&2.into(), &2.into()));

    // Labels say the same, but for when the windows end between two rows.
    let label = |row| (100..120).contains(&row) || (200..210).contains(&row) || (300..310).contains(&row);
    let labels: String = (0..400).map(|row| if label(row) { "1\n" } else { "0\n" }).collect();
    session.write("labels.csv", labels);
    let same = session.backtest(&["--labels", "labels.csv", "--drift-every", "1000"]);
    assert_eq!(same["methods"], found["methods"]);
}

#[test]
fn rows_go_through_the_engine_as_verdicts_do() {
    let session = Session::new();
    let verdicts = session.succeed(&["score", MODEL, "--data", "history.csv", "--verdicts"]);
    let lines: Vec<Vec<&str>> = verdicts.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let alarms = lines.iter().filter(|cells| cells[2] == "1").count();
    let method = &session.backtest(&["--apart", "0"])["methods"][0];
    assert_eq!((method["alarms"].as_u64(), alarms), (Some(6), 6));
    for episode in method["episodes"].as_array().unwrap() {
        let cells = &lines[episode["oddest_row"].as_u64().unwrap() as usize - 1];
        assert_eq!(cells[1].parse::<f32>().unwrap(), episode["ln_p"].as_f64().unwrap() as f32);
        assert_eq!(cells[4], episode["column"]);
    }
}

#[test]
fn others_are_held_against_it_at_the_same_p() {
    let session = Session::new();
    session.write("windows.json", windows());
    let usual = session.succeed(&["sample", MODEL, "--n", "1000"]);
    session.write("usual.csv", &usual);
    // Its own alarm would be at another p.
    session.succeed(&["calibrate", MODEL, "--data", "usual.csv", "--p", "0.1", "-o", "other.flow"]);
    let options =
        ["--windows", "windows.json", "--against", "other.flow", "--train", "usual.csv", "--report", "out.html"];
    let found = session.backtest(&options);
    // Of 400 rows three windows of 20, 10 and 10, and 12 rows on each side of them, cannot be in a false episode.
    let away = 400.0 - 40.0 - 6.0 * 12.0;
    let methods = found["methods"].as_array().unwrap();
    assert_eq!(methods.iter().map(|m| &m["name"]).collect::<Vec<_>>(), ["calibrated", "other", "z-score"]);
    for method in methods {
        assert!((method["false_alarms"]["chosen"].as_f64().unwrap() - 1e-3).abs() < 1e-8, "{method}");
        assert_eq!((&method["windows_found"], &method["false_episodes"]), (&2.into(), &1.into()), "{method}");
        let curve = method["curve"].as_array().unwrap();
        assert_eq!(curve.len(), 80);
        let found = |point: &Value| point["windows_found"].as_u64().unwrap();
        assert!(curve.is_sorted_by(|a, b| found(a) >= found(b) && a["ln_p"].as_f64() > b["ln_p"].as_f64()));
        assert!(curve.iter().any(|point| point["false_episodes_per_1000_rows"] == 1e3 / away), "{method}");
    }
    let html = fs::read_to_string(session.path("out.html")).unwrap();
    for part in ["calibrated", "z-score", "temperature", "2024-05-01T08:20:00Z", "prefers-color-scheme:dark", "missed"]
    {
        assert!(html.contains(part), "no {part}");
    }
    assert_eq!(html.matches("<svg").count(), 5);
    // Nothing is fetched: the only address is the name of SVG.
    assert_eq!(html.matches("http").count(), html.matches("http://www.w3.org/2000/svg").count());
    assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("href="));
}

#[test]
fn alarms_everywhere_are_not_one_true_episode() {
    let session = Session::new();
    session.write("windows.json", windows());
    let mut text = "time,flow,state,count,temperature\n".to_owned();
    (0..400).for_each(|row| text += &format!("{},90,3,17,-30\n", stamp(row)));
    session.write("history.csv", text);
    let method = &session.backtest(&["--windows", "windows.json"])["methods"][0];
    // Before, between and after the three windows.
    assert_eq!((&method["windows_found"], &method["false_episodes"]), (&3.into(), &4.into()));
    assert_eq!(method["windows"][1]["delay_rows"], 0);
}

#[test]
fn times_that_are_odd_are_counted_or_refused() {
    let session = Session::new();
    // A row doubled, a clock that is set back by 50 minutes and not set again, and a gap.
    let odd = |row: usize| match row {
        0..200 => stamp(row),
        200..250 => stamp(row - 1),
        250..300 => stamp(row - 11),
        _ => stamp(row + 50),
    };
    session.write("history.csv", history(odd));
    let found = session.backtest(&[]);
    assert_eq!((&found["steps_back"], &found["doubled_times"], &found["gaps"]), (&1.into(), &1.into(), &2.into()));

    // A window that was there twice: what lies between is not near it, and it is found once.
    session.write("windows.json", json!([[stamp(240), stamp(245)]]).to_string());
    let again = |row: usize| if row < 250 { stamp(row) } else { stamp(row - 150) };
    let odd = |row: usize| [242, 300, 393].contains(&row);
    let row = |(i, line): (usize, &str)| match i.checked_sub(1).filter(|&row| odd(row)) {
        Some(row) => format!("{},9000,3,17,-30\n", again(row)),
        None => format!("{line}\n"),
    };
    let plain = |row: usize| if row < 400 { again(row) } else { stamp(row) };
    let usual: String = history(plain)
        .lines()
        .enumerate()
        .map(|(i, line)| {
            // Of the rows that are odd elsewhere only the three are left.
            let is_odd = i > 0 && ODD.iter().any(|(odd, _)| *odd == i - 1);
            if is_odd { format!("{},1.5,3,17,-30", again(i - 1)) } else { line.to_owned() }
        })
        .enumerate()
        .map(|(i, line)| row((i, &line)))
        .collect();
    session.write("history.csv", usual);
    let found = session.backtest(&["--windows", "windows.json", "--drift-every", "2"]);
    let method = &found["methods"][0];
    assert_eq!((&method["false_episodes"], &method["windows_found"]), (&1.into(), &1.into()), "{method}");
    assert_eq!(method["drift"]["windows_found"], 1, "{}", method["drift"]);

    session.write("turned.csv", history(|row| stamp(399 - row)));
    let turned = session.refuse(1, &["--data", "turned.csv"]);
    assert!(turned.contains("turned.csv: 399 of 400 rows are earlier than the row before"), "{turned}");
    assert!(turned.contains("row 2 (2024-05-02T09:10:00Z after 2024-05-02T09:15:00Z); sort the rows by \"time\""));
    // Forms of time may be mixed, with offsets; what is none is named.
    let mixed =
        |row: usize| if row.is_multiple_of(2) { stamp(row) } else { format!("{}Z", stamp(row).replace(' ', "T")) };
    session.write("history.csv", history(mixed));
    assert_eq!(session.backtest(&[])["steps_back"], 0);
    session.write("bad.csv", history(|row| if row == 7 { "07:35".to_owned() } else { stamp(row) }));
    let bad = session.refuse(1, &["--data", "bad.csv"]);
    assert!(bad.contains("bad.csv, line 9, column 1 (time)"), "{bad}");
}

#[test]
fn without_times_rows_are_counted() {
    let session = Session::new();
    let rows: String = history(stamp).lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    session.write("history.csv", rows);
    session.write("windows.json", windows());
    let method = &session.backtest(&[])["methods"][0];
    assert!(method["alarms_per_day"].is_null() && method["episodes"][0]["time"].is_null(), "{method}");
    let daily = &session.backtest(&["--every", "5min", "--drift-every", "1/30d"])["methods"][0];
    assert!((daily["alarms_per_day"].as_f64().unwrap() - 4.32).abs() < 1e-9, "{daily}");
    assert!((daily["drift"]["every_rows"].as_f64().unwrap() - 8640.0).abs() < 1e-6, "{daily}");
    let data = ["--data", "history.csv"];
    let fail = |options: &[&str]| session.refuse(1, &[&data, options].concat());
    assert!(
        fail(&["--drift-every", "1/30d"])
            .contains("has no times that tell how far apart its rows are; say it with --every")
    );
    let verdicts = ["score", MODEL, "--data", "history.csv", "--verdicts", "--drift-every", "1/30d"];
    assert!(session.fail(1, &verdicts).contains("say it with --every"));
    session.succeed(&[&verdicts[..], &["--every", "5min"]].concat());
    let watch = session.fail(1, &["watch", MODEL, "--data", "history.csv", "--drift-every", "1/30d"]);
    assert!(
        watch.contains("calibrated.flow: does not say how far apart rows are") && watch.contains("a number of rows")
    );
    assert!(fail(&["--windows", "windows.json"]).contains("no column of times to compare them with; use --labels"));
}

#[test]
fn what_is_wrong_with_windows_and_labels_is_said() {
    let session = Session::new();
    let windows = |content: &str| {
        session.write("windows.json", content);
        session.refuse(1, &["--data", "history.csv", "--windows", "windows.json"])
    };
    assert!(windows("[").contains("windows.json: is no JSON"));
    assert!(windows("3").contains("expected a list of [start, end]"));
    assert!(windows("[]").contains("has no window"));
    assert!(windows("[[\"2024-05-01\"]]").contains("window 1 is no [start, end]"));
    assert!(windows("[[\"noon\", \"2024-05-01\"]]").contains("window 1: \"noon\" is no time"));
    assert!(
        windows("[[\"2024-05-02\", \"2024-05-01\"]]")
            .contains("window 1 ends at 2024-05-01T23:59:59.999999Z, before it")
    );
    // The end of a day is within it, and where one window ends another may start: the row is of the first.
    let all = json!([["2024-05-01 00:00", "2024-05-01"], [stamp(300), stamp(305)], [stamp(305), stamp(309)]]);
    session.write("days.json", all.to_string());
    let found = session.backtest(&["--windows", "days.json"]);
    let rows: Vec<&Value> = found["methods"][0]["windows"].as_array().unwrap().iter().map(|w| &w["rows"]).collect();
    assert_eq!(rows, [&json!([1, 288]), &json!([301, 306]), &json!([307, 310])]);
    // Seconds since 1970 are no date, though of as many letters.
    session.write("epoch.json", json!([["1714546800", "1714548000"]]).to_string());
    let found = session.backtest(&["--windows", "epoch.json"]);
    assert_eq!(found["methods"][0]["windows"][0]["rows"], json!([85, 89]));
    assert!(windows(&format!("[[\"{0}\", \"{0}\"], [\"{0}\", \"{1}\"]]", stamp(12), stamp(24))).contains("overlap"));
    let overlap = format!("[[\"{}\", \"{}\"], [\"{}\", \"{}\"]]", stamp(12), stamp(36), stamp(24), stamp(48));
    assert!(windows(&overlap).contains("from 2024-05-01T01:00:00Z and from 2024-05-01T02:00:00Z overlap"));
    let outside = windows("[[\"2023-05-01\", \"2023-05-02\"]]");
    assert!(
        outside.contains("of its 1 windows none holds a row of history.csv, whose times go from 2024"),
        "{outside}"
    );
    assert!(
        windows("{\"a.csv\": [], \"b.csv\": []}")
            .contains("has windows for a.csv, b.csv, and none for history.csv; expected one of these names")
    );
    session.write("some.json", format!("[[\"2023-05-01\", \"2023-05-02\"], [\"{}\", \"{}\"]]", stamp(300), stamp(309)));
    let some = session.backtest(&["--windows", "some.json"]);
    assert_eq!((&some["windows_left_out"], &some["methods"][0]["windows_found"]), (&1.into(), &1.into()));

    session.write("labels.csv", "0\n1\n");
    let labels = session.refuse(1, &["--data", "history.csv", "--labels", "labels.csv"]);
    assert!(labels.contains("labels.csv: has 2 labels; expected 400"), "{labels}");
}

#[test]
fn wrong_use_and_files_that_do_not_fit() {
    let session = Session::new();
    let plain = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");
    let output = session.run(&["backtest", plain, "--data", "history.csv", "--report", "out.html"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("has no calibration") && message.contains("flow-export calibrate"), "{message}");
    let against = session.refuse(1, &["--data", "history.csv", "--against", plain]);
    assert!(against.contains("example.flow: has no calibration"), "{against}");
    session.write("few.csv", "flow,state,count,temperature\n1.5,3,17,-30\n");
    let few = session.refuse(1, &["--data", "history.csv", "--train", "few.csv"]);
    assert!(few.contains("few.csv: 1 rows are too few to fit and calibrate a z-score with; expected 50"), "{few}");
    assert!(!few.contains("p ="), "{few}");
    session.write("other.csv", history(stamp).replace("temperature", "temp"));
    assert!(session.refuse(1, &["--data", "other.csv"]).contains("missing: \"temperature\""));
    for wrong in [
        &[][..],
        &["--data", "history.csv", "--labels", "l.csv", "--windows", "w.json"],
        &["--data", "history.csv", "--every", "5"],
        &["--data", "history.csv", "--drift-every", "0"],
        &["--data", "history.csv", "--drift-every", "often"],
        &["--data", "history.csv", "--apart", "-1"],
    ] {
        session.refuse(2, wrong);
    }
    let output = session.run(&["backtest", MODEL, "--data", "history.csv", "--report", "none/out.html"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none/out.html: "));
}

#[test]
fn rows_of_several_files_are_told_by_their_own() {
    let session = Session::new();
    let history = history(stamp);
    let (first, second) = history.split_at(history.find("2024-05-01 16:40:00").unwrap());
    session.write("first.csv", first);
    session.write("second.csv", format!("time,flow,state,count,temperature\n{second}"));
    let data = ["--data", "first.csv", "--data", "second.csv"];
    let of = |rows: [usize; 2]| [rows.map(stamp)];
    let windows = json!({"first.csv.gz": of([100, 119]), "a/second.csv": of([300, 309]), "third.csv": of([0, 1])});
    session.write("windows.json", windows.to_string());
    let found = session.succeed(&[&["backtest", MODEL, "--windows", "windows.json", "--json"], &data[..]].concat());
    let found: Value = serde_json::from_str(&found).unwrap();
    let method = &found["methods"][0];
    assert_eq!((&method["windows_found"], &method["windows"][1]["rows"]), (&2.into(), &json!([301, 310])), "{method}");
    // The second file's rows back to front.
    let mut lines: Vec<&str> = second.lines().collect();
    lines.reverse();
    session.write("second.csv", format!("time,flow,state,count,temperature\n{}\n", lines.join("\n")));
    let refused = session.refuse(1, &data);
    assert!(refused.contains("the first of them row 2 of second.csv"), "{refused}");
}

/// A verdict names one sensor; that another one is faulty as well is counted all the same.
#[test]
fn faults_of_each_sensor_are_counted() {
    let session = Session::empty();
    let mut rows = "flow,state,count,temperature\n".to_owned();
    for row in 0..60 {
        rows += match row {
            10 => ",3,,-30\n",
            20..30 => "1.5,3,17,\n",
            _ => "1.5,3,17,-30\n",
        };
    }
    session.write("history.csv", rows);
    let found = session.backtest(&[]);
    let faults: Vec<(&str, &str, u64)> = found["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["column"].as_str().unwrap(), f["fault"].as_str().unwrap(), f["rows"].as_u64().unwrap()))
        .collect();
    let expected = [("flow", "not_finite", 1), ("count", "not_finite", 1), ("temperature", "not_finite", 10)];
    assert_eq!(faults, expected);
    assert_eq!(found["status"]["not_finite"], 11);
}

#[test]
fn a_time_between_rows_that_is_not_the_tables_is_told() {
    let session = Session::new();
    let told = |options: &[&str]| {
        let output = session.run(&[&["backtest", MODEL, "--data", "history.csv"], options].concat());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(&["--every", "20min"]).contains("the rows of the table come every 300s, and --every says 1200s"));
    assert!(!told(&["--every", "5min"]).contains("come every"));
    assert!(told(&["--drift-every", "1/30d"]).contains("drift: an alarm where the level reaches 8640 rows"));
}
