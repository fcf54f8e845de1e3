//! Flows over windows of signals: a table of raw channels is scored as a device would, that is fed row by row.

mod common;
#[path = "common/of_windows.rs"]
mod of_windows;

use common::Session;
use flow_export::aligned::AlignedBytes;
use flow_export::frozen::Frozen;
use flow_export::windows::{Feature, Recipe};
use flow_model::spec::{Kind, Layer};
use flow_nostd::{Flow, Window, Windowing};
use flow_table::{ReadOptions, Table};
use of_windows::{csv, recipe, usual};
use std::fs;

/// Times in seconds and rows of two channels; a gap before row 40, and one hole of two steps before row 70.
fn signals() -> Vec<(i64, [f32; 2])> {
    let mut time = 1_714_564_800;
    (0..100)
        .map(|i| {
            time += if i == 40 {
                86_400
            } else if i == 70 {
                600
            } else {
                300
            };
            let x = i as f32;
            (time, [5.0 + (0.3 * x).sin() + 0.01 * x, ((i * 37) % 11) as f32])
        })
        .collect()
}

/// Row numbers and log-densities of the windows, as a device computes them.
fn on_device(session: &Session) -> Vec<(usize, f32)> {
    let bytes = AlignedBytes::read(session.path("model.flow")).unwrap();
    let flow = Flow::new(&bytes).unwrap();
    let windowing = Windowing::of(&flow).unwrap();
    let mut memory = vec![0.0; flow_nostd::window_len(&bytes)];
    assert_eq!(memory.len(), windowing.memory_len());
    let mut window = Window::new(windowing, &mut memory).unwrap();
    let (mut row, mut context) = (vec![0.0; flow.columns()], vec![0.0; flow.context_dim()]);
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut found = Vec::new();
    for (i, (time, values)) in signals().iter().enumerate() {
        if window.push_at(time * 1_000_000, values).unwrap() {
            window.features(&mut row, &mut context).unwrap();
            found.push((i + 1, flow.log_prob(&row, &context, &mut scratch).unwrap()));
        }
    }
    found
}

/// Windows of 12 in 40, 30 and 30 rows, every second one.
const WINDOWS: usize = 15 + 10 + 10;

fn scores(text: &str) -> Vec<(usize, f32)> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,log_prob"));
    let line = |line: &str| {
        let (row, log_prob) = line.split_once(',').unwrap();
        (row.parse().unwrap(), log_prob.parse().unwrap())
    };
    lines.map(line).collect()
}

#[test]
fn a_table_of_raw_channels_is_scored_as_a_device_is_fed() {
    let session = Session::new();
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    let found = scores(&session.succeed(&["score", "model.flow", "--data", "raw.csv"]));
    let expected = on_device(&session);
    assert_eq!(found.len(), WINDOWS);
    assert_eq!((found[0].0, found[1].0, found[15].0, found[25].0), (12, 14, 52, 82), "rows are counted as in the file");
    let bits = |scores: &[(usize, f32)]| scores.iter().map(|(row, x)| (*row, x.to_bits())).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&expected));
}

#[test]
fn context_columns_are_told_apart() {
    let session = Session::of(|mut spec| {
        let Kind::Continuous { standard, .. } = spec.columns[1].kind else { panic!("a continuous column") };
        spec.columns[1].kind = Kind::Context { standard };
        spec.columns[12].kind = Kind::Context { standard };
        spec.layers = vec![Layer::AffineCoupling { kept: 8, hidden: vec![4], residual: false, scale_bound: 2.0 }];
        spec
    });
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    let found = scores(&session.succeed(&["score", "model.flow", "--data", "raw.csv"]));
    assert_eq!(found, on_device(&session));
}

#[test]
fn labels_are_those_of_the_newest_rows() {
    let session = Session::new();
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    // Anomalies where a window's log-density is among the lowest, and where there is none.
    let mut windows = on_device(&session);
    windows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let odd: Vec<usize> = windows[..5].iter().map(|(row, _)| *row).collect();
    let of = |row: usize| if odd.contains(&row) || row < 12 { "1\n" } else { "0\n" };
    fs::write(session.path("labels.csv"), (1..=100).map(of).collect::<String>()).unwrap();
    let json = session.succeed(&["score", "model.flow", "--data", "raw.csv", "--labels", "labels.csv", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((summary["rows"].as_u64(), summary["auroc"].as_f64()), (Some(WINDOWS as u64), Some(1.0)));
}

#[test]
fn derived_columns_are_not_windowed_again() {
    let session = Session::new();
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    let table = Table::read(&session.path("raw.csv").display().to_string()).unwrap();
    let derived = recipe().table(table).unwrap();
    assert_eq!((derived.rows(), derived.columns(), derived.dropped().len()), (WINDOWS, 18, 100 - WINDOWS));
    let again = recipe().table(derived.clone()).unwrap();
    assert_eq!(again, derived);
    // Written and read, its own rows are counted.
    let mut text = Vec::new();
    flow_table::write_csv(&mut text, derived.names(), derived.iter()).unwrap();
    fs::write(session.path("derived.csv"), text).unwrap();
    let found = scores(&session.succeed(&["score", "model.flow", "--data", "derived.csv"]));
    let expected: Vec<(usize, f32)> = (1..).zip(on_device(&session)).map(|(i, (_, x))| (i, x)).collect();
    assert_eq!(found, expected);
    // The value alone has the channels' names: such a table counts as raw.
    let only = Recipe { features: vec![Feature::Value], stride: 1, ..recipe() };
    let raw = Table::read(&session.path("raw.csv").display().to_string()).unwrap();
    assert_eq!(only.table(only.table(raw).unwrap()).unwrap().rows(), 100 - 11 - 11 - 11 - 11 - 11 - 11);
}

#[test]
fn rows_that_were_left_out_are_gaps() {
    let text = csv(&signals()[..30]).replacen(",5.0\n", ",\n", 1);
    assert!(text.contains(",\n"));
    let options = ReadOptions { missing: "drop".parse().unwrap(), ..ReadOptions::default() };
    let table = Table::from_reader(
        text.replace("time,", "clock,").as_bytes(),
        "t",
        &ReadOptions { ignore: vec!["clock".into()], ..options },
    );
    let table = table.unwrap();
    let [hole] = *table.dropped() else { panic!("one row is left out") };
    let found = Recipe { stride: 1, ..recipe() }.table(table).unwrap();
    let whole = |row: usize| row + 1 >= 12 && (row < hole || row >= hole + 12);
    let expected: Vec<usize> = (0..30).filter(|&row| whole(row)).collect();
    assert_eq!(found.rows_of_file(), expected);
}

#[test]
fn the_step_of_windows_is_what_a_back_test_takes_for_usual() {
    let text = "time,x\n1714564800,1\n1714564801,2\n1714564901,3\n";
    let table = Table::from_reader(text.as_bytes(), "t", &ReadOptions::default()).unwrap();
    let every = flow_export::times::every(&table, None).unwrap();
    assert_eq!((Recipe::over(&table, 2, 1, &[Feature::Value]).step, every.as_micros()), (1_000_000, 1_000_000));
}

#[test]
fn the_recipe_lies_in_the_file() {
    let session = Session::new();
    let frozen = Frozen::read(&session.path("model.flow")).unwrap();
    assert_eq!(Recipe::of_file(&frozen).unwrap(), Some(recipe()));
    let facts: serde_json::Value =
        serde_json::from_str(&session.succeed(&["inspect", "model.flow", "--json"])).unwrap();
    assert_eq!(facts["windows"]["features"][1], "lag1");
    assert!(session.succeed(&["inspect", "model.flow"]).contains("windows    12 rows, stride 2: value, lag1, mean"));
    // It stays there when a calibration is added, which takes raw channels too.
    let many: Vec<(i64, [f32; 2])> =
        (0..400).map(|i| (1_714_564_800 + 300 * i, [5.0 + (0.3 * i as f32).sin(), ((i * 37) % 11) as f32])).collect();
    fs::write(session.path("many.csv"), csv(&many)).unwrap();
    let said = session.succeed(&["calibrate", "model.flow", "--data", "many.csv", "-o", "calibrated.flow"]);
    assert!(said.contains("calibrated with 195 rows"), "{said}");
    let frozen = Frozen::read(&session.path("calibrated.flow")).unwrap();
    assert_eq!(Recipe::of_file(&frozen).unwrap(), Some(recipe()));
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    let session = Session::new();
    let fail = |text: &str| {
        fs::write(session.path("bad.csv"), text).unwrap();
        session.fail(1, &["score", "model.flow", "--data", "bad.csv"])
    };
    let missing = fail("temp,sped\n1,2\n");
    assert!(missing.contains("missing: \"speed\" (did you mean \"sped\"?)"), "{missing}");
    assert!(fail("1,2,3\n").contains("expected 2 (temp, speed), found 3"));
    let short = fail(&csv(&signals()[30..50]));
    assert!(short.contains("no window of 12 rows is complete: 20 rows, at most 10 of them"), "{short}");
    let hole = fail("temp,speed\n1,2\n1,nan\n");
    assert!(hole.contains("line 3, column 2 (speed)"), "{hole}");
}

#[test]
fn verdicts_are_of_the_newest_rows_and_drift_starts_anew() {
    let session = Session::new();
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    let many: Vec<(i64, [f32; 2])> =
        (0..400).map(|i| (1_714_564_800 + 300 * i, [5.0 + (0.3 * i as f32).sin(), ((i * 37) % 11) as f32])).collect();
    fs::write(session.path("many.csv"), csv(&many)).unwrap();
    session.succeed(&["calibrate", "model.flow", "--data", "many.csv", "-o", "calibrated.flow"]);
    let score = ["score", "calibrated.flow", "--data", "raw.csv", "--verdicts"];
    let plain = session.succeed(&score);
    assert_eq!(plain.lines().next(), Some("row,log_prob,ln_p,alarm,status,column"));
    let text = session.succeed(&[&score[..], &["--drift-every", "50"]].concat());
    assert_eq!(text.lines().next(), Some("row,log_prob,ln_p,alarm,status,column,drift"));
    let rows = on_device(&session);
    let mut drift = flow_nostd::Drift::new();
    let mut reached = 0;
    for ((line, plain), (row, log_prob)) in text.lines().zip(plain.lines()).skip(1).zip(rows) {
        let (before, level) = line.rsplit_once(',').unwrap();
        assert_eq!(before, plain);
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[0].parse(), cells[1].parse()), (Ok(row), Ok(log_prob)));
        assert_eq!(drift.push(cells[2].parse().unwrap()), level.parse::<f32>().unwrap());
        if drift.level() >= 50.0 {
            drift = flow_nostd::Drift::new();
            reached += 1;
        }
    }
    assert!(reached > 0, "{text}");
    // As a rate it needs the time between rows, which is in the table.
    let rate = session.succeed(&[&score[..], &["--drift-every", "1/500min"]].concat());
    assert_eq!(rate, text);
    session.fail(2, &["score", "calibrated.flow", "--data", "raw.csv", "--drift-every", "50"]);
}

/// Of logs without times one does not go on where the other ended.
#[test]
fn windows_begin_anew_with_each_file_without_times() {
    let session = Session::new();
    let plain = |rows: &[(i64, [f32; 2])]| {
        let rows: String = csv(rows).lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
        rows
    };
    let all = usual(60);
    session.write("a.csv", plain(&all[..30]));
    session.write("b.csv", plain(&all[30..]));
    session.write("all.csv", plain(&all));
    session.write("timed-a.csv", csv(&all[..30]));
    session.write("timed-b.csv", csv(&all[30..]));
    let windows = |data: &[&str]| {
        let options: Vec<&str> = data.iter().flat_map(|path| ["--data", path]).collect();
        let scored = session.succeed(&[&["score", "model.flow"], &options[..]].concat());
        scores(&scored).iter().map(|(row, _)| *row).collect::<Vec<_>>()
    };
    let every_second = |from: usize, to: usize| (from + 11..=to).step_by(2).collect::<Vec<_>>();
    assert_eq!(windows(&["all.csv"]), every_second(1, 60));
    assert_eq!(windows(&["a.csv", "b.csv"]), [every_second(1, 30), every_second(31, 60)].concat());
    assert_eq!(windows(&["timed-a.csv", "timed-b.csv"]), every_second(1, 60));
}

#[test]
fn a_table_that_is_not_as_the_training_was_is_told() {
    let session = Session::new();
    let scored = |rows: &[(i64, [f32; 2])]| {
        session.write("raw.csv", csv(rows));
        let output = session.run(&["score", "model.flow", "--data", "raw.csv"]);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let every = |step: i64| usual(60).iter().map(|(time, row)| (time * step / 300, *row)).collect::<Vec<_>>();
    assert!(!scored(&every(300)).1.contains("apart here"));
    let (done, quick) = scored(&every(60));
    assert!(done && quick.contains("rows are 60 s apart here and were 300 s apart in the training"), "{quick}");
    let (done, slow) = scored(&every(600));
    assert!(!done && slow.contains("no window of 12 rows is complete") && slow.contains("rows are 600 s apart here"));
    let mut turned = usual(60);
    turned.reverse();
    let (done, turned) = scored(&turned);
    assert!(!done && turned.contains("59 of 60 rows are earlier than the row before"), "{turned}");
}

/// Rows that no window holds have no verdict, and are told.
#[test]
fn a_damaged_recipe_is_told() {
    let session = Session::new();
    let run = fs::read(session.path("run/checkpoint.safetensors")).unwrap();
    let place = run.windows(4).position(|four| four == b"mean").unwrap();
    let mut damaged = run;
    damaged[place] = b'M';
    session.write("run/checkpoint.safetensors", damaged);
    let error = session.fail(1, &["freeze", "run", "-o", "again.flow"]);
    assert!(error.contains("run: the checkpoint's windows cannot be read") && !session.path("again.flow").exists());
    let mut bytes = fs::read(session.path("model.flow")).unwrap();
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let entry = (128..).step_by(16).find(|&at| &bytes[at..at + 4] == b"WIND").unwrap();
    let start = word(&bytes, entry + 8);
    bytes[start + 4] = 3; // Channels: the columns do not number as many.
    let crc = flow_nostd::layout::crc32(&bytes[128..]).to_le_bytes();
    bytes[120..124].copy_from_slice(&crc);
    let crc = flow_nostd::layout::crc32(&bytes[..124]).to_le_bytes();
    bytes[124..128].copy_from_slice(&crc);
    fs::write(session.path("model.flow"), bytes).unwrap();
    fs::write(session.path("raw.csv"), csv(&signals())).unwrap();
    let error = session.fail(1, &["score", "model.flow", "--data", "raw.csv"]);
    assert!(error.contains("record 0 of section WIND: value at its byte 4 is not allowed"), "{error}");
}

/// Of a spike beyond what the sensor can give the mean, the deviation and the slope of a whole window would tell.
#[test]
fn no_window_holds_what_a_sensor_cannot_give() {
    let session = Session::new();
    let many: Vec<(i64, [f32; 2])> =
        (0..400).map(|i| (1_714_564_800 + 300 * i, [5.0 + (0.3 * i as f32).sin(), ((i * 37) % 11) as f32])).collect();
    let mut spiked = many.clone();
    spiked[200].1[0] = 150.0;
    fs::write(session.path("many.csv"), csv(&many)).unwrap();
    fs::write(session.path("spiked.csv"), csv(&spiked)).unwrap();
    let calibrate = ["calibrate", "model.flow", "--data", "many.csv", "-o", "limited.flow"];
    session.succeed(&[&calibrate[..], &["--range", "temp=-40..125", "--range", "temp.std=0..50"]].concat());
    let facts: serde_json::Value =
        serde_json::from_str(&session.succeed(&["inspect", "limited.flow", "--json"])).unwrap();
    assert_eq!(facts["format_version"], "1.5");
    assert_eq!(facts["windows"]["ranges"][0], serde_json::json!([-40.0, 125.0]));
    assert_eq!(facts["columns"][3]["sensor"]["range"], serde_json::json!([0.0, 50.0]));
    assert!(facts["columns"][0]["sensor"].is_null(), "the channel's range is that of its readings");
    let text = session.succeed(&["inspect", "limited.flow"]);
    assert!(text.contains("no window holds a reading:\n  temp         -40 to 125\n\nsensors:"), "{text}");

    let rows = |data: &str| {
        let text = session.succeed(&["score", "limited.flow", "--data", data, "--verdicts"]);
        text.lines().skip(1).map(|line| line.split_once(',').unwrap().0.parse().unwrap()).collect::<Vec<usize>>()
    };
    let (all, found) = (rows("many.csv"), rows("spiked.csv"));
    assert_eq!(all, (12..=400).step_by(2).collect::<Vec<_>>());
    // Row 201 is in no window; the next one that is complete ends twelve rows after it.
    let expected: Vec<usize> = (12..=200).step_by(2).chain((213..=400).step_by(2)).collect();
    assert_eq!(found, expected);
    let wrong = session.fail(1, &[&calibrate[..], &["--range", "tempp=1..2"]].concat());
    assert!(wrong.contains("did you mean \"temp\"?"), "{wrong}");
}

#[test]
fn what_is_known_of_the_sensors_begins_anew_with_the_window() {
    let features = vec![Feature::Value, Feature::Mean];
    let session = Session::over(Recipe { length: 2, stride: 1, features, ..recipe() }, |spec| spec);
    session.write("usual.csv", csv(&usual(400)));
    let calibrate = ["calibrate", "model.flow", "--data", "usual.csv", "-o", "limited.flow", "--jump", "temp=5"];
    session.succeed(&calibrate);
    session.write("raw.csv", "temp,speed\n0,5\n0,5\n,5\n100,5\n100,5\n100,5\n90,5\n");
    let data = ["limited.flow", "--data", "raw.csv", "--drift-every", "1000"];
    let scored = session.succeed(&[&["score"], &data[..], &["--verdicts"]].concat());
    let said: Vec<_> = scored.lines().skip(1).map(|line| (line.split(',').next(), line.split(',').nth(4))).collect();
    let expected = [("2", "scored"), ("5", "scored"), ("6", "scored"), ("7", "jump")];
    assert_eq!(said, expected.map(|(row, status)| (Some(row), Some(status))));
    // As a board does.
    assert_eq!(scored, session.succeed(&[&["watch"], &data[..]].concat()));
    let found = session.succeed(&[&["backtest"], &data[..], &["--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&found["gaps"], &found["status"]), (&1.into(), &serde_json::json!({"jump": 1, "scored": 3})));
}
