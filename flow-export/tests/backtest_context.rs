//! A back-test of a flow with a context: each row is judged in its own, as a device judges it.

mod common;

use common::Session;
use flow_export::aligned::AlignedBytes;
use flow_nostd::{Detector, Flow, Status};
use rand_core::Rng;
use rand_pcg::Pcg32;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A flow over columns of every kind, two of them its context.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/golden/nsf-columns.flow");
const ROWS: usize = 1200;
/// An odd row of the history, from 0, by its column `b`.
const ODD: usize = 700;

/// Rows of a flow's own samples in contexts of two kinds, as a table's columns and as the flow takes them.
struct Rows {
    text: String,
    values: Vec<(Vec<f32>, Vec<f32>)>,
}

fn names(flow: &Flow) -> Vec<String> {
    (0..flow.columns() + flow.context_dim()).map(|j| flow.column_name(j).unwrap().to_owned()).collect()
}

fn rows(flow: &Flow, seed: u64) -> Rows {
    let mut rng = Pcg32::new(seed, 1);
    let mut scratch = vec![0.0; flow.scratch_len()];
    let names = names(flow);
    let is_context: Vec<bool> = flow.column_records().iter().map(|column| column.is_context()).collect();
    let b = names.iter().zip(&is_context).filter(|(_, context)| !**context).position(|(name, _)| name == "b").unwrap();
    let (mut text, mut values) = (names.join(",") + "\n", Vec::new());
    for i in 0..ROWS {
        let context: Vec<f32> =
            (0..flow.context_dim()).map(|_| if rng.next_u32() & 1 == 0 { -1.5 } else { 2.5 }).collect();
        let mut row = vec![0.0; flow.columns()];
        flow.sample(&mut rng, &context, &mut row, &mut scratch).unwrap();
        if i == ODD && seed == 2 {
            row[b] = 9e4;
        }
        let (mut of_row, mut of_context) = (row.iter(), context.iter());
        let cells = is_context.iter().map(|&context| if context { of_context.next() } else { of_row.next() }.unwrap());
        let line: Vec<String> = cells.map(f32::to_string).collect();
        writeln!(text, "{}", line.join(",")).unwrap();
        values.push((row, context));
    }
    Rows { text, values }
}

#[test]
fn rows_are_judged_in_their_contexts() {
    let session = Session::empty();
    let plain = AlignedBytes::read(Path::new(MODEL)).unwrap();
    let flow = Flow::new(&plain).unwrap();
    session.write("usual.csv", rows(&flow, 1).text);
    let history = rows(&flow, 2);
    session.write("history.csv", &history.text);
    let told = session.succeed(&["calibrate", MODEL, "--data", "usual.csv", "-o", "model.flow", "--p", "0.01"]);
    assert!(told.contains("a table of its own"), "bins of the context: {told}");

    // What a device says that takes the same rows.
    let bytes = AlignedBytes::read(session.path("model.flow")).unwrap();
    let detector = Detector::new(Flow::new(&bytes).unwrap()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let alarms: Vec<usize> = history
        .values
        .iter()
        .enumerate()
        .filter_map(|(i, (row, context))| detector.verdict(row, context, &mut scratch).unwrap().alarm.then_some(i))
        .collect();
    assert!(alarms.contains(&ODD) && alarms.len() < 40, "{alarms:?}");
    // The context counts: in the other one other rows are alarms.
    let swapped = history.values.iter().enumerate().filter_map(|(i, (row, context))| {
        let other: Vec<f32> = context.iter().map(|x| 1.0 - x).collect();
        detector.verdict(row, &other, &mut scratch).unwrap().alarm.then_some(i)
    });
    assert_ne!(swapped.collect::<Vec<_>>(), alarms);

    let labels: String = (0..ROWS).map(|i| if i == ODD { "1\n" } else { "0\n" }).collect();
    session.write("labels.csv", labels);
    let options =
        ["backtest", "model.flow", "--data", "history.csv", "--labels", "labels.csv", "--apart", "0", "--json"];
    let found: Value = serde_json::from_str(&session.succeed(&options)).unwrap();
    let method = &found["methods"][0];
    assert_eq!(method["alarms"], alarms.len());
    let episode = method["episodes"].as_array().unwrap().iter().find(|e| e["first_row"] == ODD + 1).unwrap();
    assert_eq!((&episode["column"], &method["windows_found"]), (&"b".into(), &1.into()));
    assert_eq!(method["false_alarms"]["alarms"], alarms.len() - 1);
    // The share that was asked for, as far as calibration rows and these rows tell.
    assert!((alarms.len() - 1).abs_diff(ROWS / 100) <= 12, "{}", alarms.len());

    // What lies farther out than the training trusts is judged as if it lay there, and that is said.
    let (header, first) = history.text.split_once('\n').unwrap();
    let cells: Vec<&str> = first.lines().next().unwrap().split(',').collect();
    let season = names(&flow).iter().position(|name| name == "season").unwrap();
    let with = |value: String| {
        let of = |(j, x): (usize, &&str)| if j == season { value.clone() } else { (*x).to_owned() };
        cells.iter().enumerate().map(of).collect::<Vec<String>>().join(",")
    };
    let mut in_season = |value: f32| {
        let (row, mut context) = history.values[0].clone();
        let before = flow.column_records()[..season].iter().filter(|column| column.is_context()).count();
        context[before] = value;
        (detector.verdict(&row, &context, &mut scratch).unwrap(), before as u16)
    };
    let [center, scale, reach, _] = flow.column_records()[season].values.map(|value| value.get());
    let edge = scale * reach;
    for sign in [1.0, -1.0] {
        assert_eq!(in_season(center + sign * 0.99 * edge).0.status, Status::Scored);
        let (just, column) = in_season(center + sign * 1.01 * edge);
        assert_eq!(just.status, Status::OutsideContext { column });
        assert_eq!(just.log_prob, in_season(sign * 1e9).0.log_prob);
    }
    session.write("far.csv", format!("{header}\n{}\n{}\n", cells.join(","), with("1e6".to_owned())));
    let verdicts = session.succeed(&["score", "model.flow", "--data", "far.csv", "--verdicts"]);
    let status: Vec<&str> = verdicts.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).collect();
    assert_eq!(status, ["scored", "outside_context"]);

    // There is nothing that a missing context could be replaced with.
    let hole = with(String::new());
    fs::write(session.path("hole.csv"), format!("{header}\n{}\n{}\n", cells.join(","), hole)).unwrap();
    let message = session.fail(1, &["backtest", "model.flow", "--data", "hole.csv"]);
    assert!(message.contains("hole.csv, row 2") && message.contains("season"), "{message}");
}
