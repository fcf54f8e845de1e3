//! What the report of a run holds, that nothing from a file means something in it, and that its figures are right.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Trains a small model on a table and returns the folder of the run.
fn train(folder: &tempfile::TempDir, name: &str, table: &str, more: &[&str]) -> PathBuf {
    let data = format!("{name}.csv");
    fs::write(folder.path().join(&data), table).unwrap();
    let quick = ["--device", "tract", "--offline", "--epochs=4", "--hidden", "4", "--couplings", "2"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-trainer"));
    command.args(["train", "--data", &data, "--out", name]).args(quick).args(more);
    command.current_dir(folder.path()).stdin(Stdio::null()).env_remove("ORT_DYLIB_PATH");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.path().join(name)
}

fn json(run: &std::path::Path, file: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(run.join(file)).unwrap()).unwrap()
}

/// `y` follows `x` closely; the last row does not.
fn line(rows: usize) -> String {
    let row = |i: usize| {
        let x = (i * 37 % 101) as f64 / 25.0 + (i * 53 % 97) as f64 / 1000.0;
        let noise = (i * 71 % 89) as f64 / 89.0 - 0.5;
        format!("{x},{},{}\n", x + 0.2 * noise, (i * 29 % 83) as f64 / 83.0)
    };
    ["x,y,z\n".to_string(), (0..rows).map(row).collect()].concat()
}

#[test]
fn the_page_holds_every_part_and_opens_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let run = train(&folder, "run", &line(400), &["--model", "realnvp"]);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    for part in [
        "Negative log-likelihood",
        "Learning rate",
        "Norm of the gradient",
        "Samples beside data",
        ">Columns<",
        "Distance from the validation rows",
        "Log-density of the rows",
        "Calibration of the latent variable",
        "N(0, 1)",
        "The oddest rows",
        "model size, flash",
        "of scratch",
        "multiply-accumulates",
        "why this kind",
        "steps/s",
        "prefers-color-scheme:dark",
    ] {
        assert!(page.contains(part), "{part:?} is missing");
    }
    assert_eq!(page.matches("<svg").count(), 7);
    for outside in ["src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "the page asks for something else: {outside}");
    }
    assert!(!page.contains("NaN") && page.ends_with("</html>\n"));
}

#[test]
fn the_figures_are_those_of_the_frozen_file_and_of_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = folder.path().join("m.flow");
    let run = train(&folder, "run", &line(400), &["--model", "realnvp", "--freeze", frozen.to_str().unwrap()]);
    let report = json(&run, "report.json");
    assert_eq!(report["metrics"], json(&run, "metrics.json"));
    assert_eq!(report["device"]["file_bytes"], fs::metadata(&frozen).unwrap().len());
    assert_eq!(report["device"]["self_test"], "passed");
    let facts = flow_export::inspect::inspect(&flow_export::frozen::Frozen::read(&frozen).unwrap()).unwrap();
    assert_eq!(report["device"]["model_id"], facts.model_id);
    assert_eq!(report["device"]["calibration_rows"], 50);
    assert_eq!(report["device"]["scratch_bytes"], facts.scratch_bytes);
    assert_eq!(report["device"]["macs_log_prob"], facts.macs_log_prob);
    assert_eq!(report["device"]["instructions_log_prob"], facts.instructions_log_prob);
    assert_eq!(report["columns"].as_array().unwrap().len(), 3);
    assert_eq!(report["calibration"].as_array().unwrap().len(), 3);
    assert_eq!(report["log_prob"][0]["rows"], 310);
    let oddest = report["oddest"]["rows"].as_array().unwrap();
    assert_eq!(oddest.len(), 10);
    let scores: Vec<f64> = oddest.iter().map(|row| row["log_prob"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted(), "{scores:?}");
}

/// Also where a learned noise is taken out again.
#[test]
fn log_densities_of_rows_are_those_of_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = folder.path().join("m.flow");
    let counts =
        ["a,b\n".to_string(), (0..300).map(|i| format!("{},{}\n", i * 37 % 19, i * 13 % 7)).collect()].concat();
    let options = ["--model", "nsf", "--dequantization", "variational", "--freeze", frozen.to_str().unwrap()];
    let run = train(&folder, "run", &counts, &options);
    let frozen = flow_export::frozen::Frozen::read(&frozen).unwrap();
    let oddest = json(&run, "report.json")["oddest"].clone();
    let values = |row: &serde_json::Value| -> Vec<f32> {
        row["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    };
    let rows: Vec<Vec<f32>> = oddest["rows"].as_array().unwrap().iter().map(values).collect();
    let table = flow_table::Table::from_rows("oddest", vec!["a".into(), "b".into()], &rows).unwrap();
    let scores = flow_export::score::score(&frozen, &table).unwrap();
    for (row, score) in oddest["rows"].as_array().unwrap().iter().zip(scores) {
        assert!((row["log_prob"].as_f64().unwrap() - f64::from(score)).abs() < 1e-4, "{row}: {score} on a device");
    }
}

#[test]
fn the_column_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("score.csv"), "x,y,z\n1,1,0.5\n1,1,30\n2,2,0.5\n").unwrap();
    let more = ["--model", "gmm", "--freeze", "m.flow", "--score", "score.csv"];
    let run = train(&folder, "run", &line(400), &more);
    let report = json(&run, "report.json");
    assert_eq!(report["oddest"]["source"], "score.csv");
    let oddest = &report["oddest"]["rows"][0];
    let gains: Vec<f64> = oddest["gains"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(oddest["row"] == 2 && gains[2] > 10.0 * (gains[0] + gains[1]), "{oddest}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("<td class=\"n mark\">30</td>"));
}

/// A mixture fitted to normal rows, smoothed by nothing: its latent values are normal.
#[test]
fn the_latent_values_of_a_right_model_are_normal() {
    let folder = tempfile::tempdir().unwrap();
    // Sums of twelve uniforms are nearly normal.
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let rows: String = (0..2000).map(|_| format!("{},{}\n", normal(), normal())).collect();
    let run = train(&folder, "run", &rows, &["--model", "gmm", "--smoothing", "0"]);
    let report = json(&run, "report.json");
    for z in report["calibration"].as_array().unwrap() {
        let figure = |key: &str| z[key].as_f64().unwrap();
        // 200 validation rows: four standard errors of a mean and of a deviation.
        assert!(figure("mean").abs() < 0.29 && (figure("std") - 1.0).abs() < 0.2, "{z}");
        assert!(figure("distance") < 1.5 * figure("usual_distance"), "{z}");
    }
}

#[test]
fn names_from_a_file_are_text_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let name = "<script>alert(1)</script>";
    let rows: String = (0..300).map(|i| format!("{},{}\n", (i * 37 % 101) as f64 / 7.3, i * 13 % 17)).collect();
    let run = train(&folder, "run", &format!("{name},\"a \"\"&'b\"\n{rows}"), &["--model", "realnvp"]);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("a \"&'b"), "a name is markup");
    assert!(page.matches("&lt;script&gt;alert(1)").count() >= 3 && page.contains("a &quot;&amp;"), "a name is missing");
    assert_eq!(json(&run, "report.json")["columns"][0]["name"], name);
}

/// Every kind of base, angles and a context: there is a report of each, and a figure for each latent value.
#[test]
fn every_base_has_its_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| format!("{},{},{}\n", (i * 37 % 101) as f64 / 9.1, i * 53 % 360, (i * 71 % 89) as f64 / 89.0);
    let table = ["a,angle,load\n".to_string(), (0..300).map(row).collect()].concat();
    let kinds = ["--column", "angle:circular=360", "--column", "load:context", "--model", "realnvp", "--force"];
    for base in ["normal", "student-t", "mixture:3"] {
        let run = train(&folder, "run", &table, &[&kinds[..], &["--base", base]].concat());
        let calibration = json(&run, "report.json")["calibration"].clone();
        let names: Vec<&str> = calibration.as_array().unwrap().iter().map(|z| z["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["z1", "angle"], "{base}");
        for z in calibration.as_array().unwrap() {
            assert!(z["rows"] == 30 && z["std"].as_f64().unwrap() > 0.2, "{base}: {z}");
        }
    }
}
