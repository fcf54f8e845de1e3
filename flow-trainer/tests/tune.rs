//! `flow-trainer tune` as a user types it: what it leaves behind, that it is resumed, and what it says when nothing fits.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A search of a few seconds.
const TUNE: [&str; 13] = [
    "tune",
    "--data",
    "two-moons",
    "--device",
    "tract",
    "--epochs=2",
    "--model=maf",
    "--couplings=2",
    "--flash",
    "6K",
    "--cycles=20k",
    "--out",
    "run",
];

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow-trainer"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("ORT_DYLIB_PATH").output().unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn tuned(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("run/tune.json")).unwrap()).unwrap()
}

/// What was found, without the time that it took.
fn found(folder: &Path) -> Vec<(Value, Value, Value)> {
    let tried = tuned(folder)["tried"].as_array().unwrap().clone();
    tried.iter().map(|t| (t["name"].clone(), t["training"].clone(), t["validation_log_prob"].clone())).collect()
}

#[test]
fn the_chosen_flow_keeps_to_the_budget_and_a_search_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let said = succeed(folder, &[&TUNE[..], &["--freeze", "m.flow"]].concat());
    assert!(said.contains("flows keep to it") && said.contains("chosen: maf-2x"), "{said}");

    let json = tuned(folder);
    let tried = json["tried"].as_array().unwrap();
    let chosen = &tried[json["chosen"].as_u64().unwrap() as usize];
    assert_eq!(chosen["chosen"], true);
    assert!(tried.iter().any(|t| t["training"] == "short") && tried.iter().any(|t| t["training"] == "full"), "{json}");
    for t in tried {
        assert!(t["needs"]["bytes"].as_u64().unwrap() <= 6144, "{t}");
        // A tenth is left for what training does to the estimate.
        assert!(t["needs"]["instructions"].as_f64().unwrap() * 1.1 <= 20_000.0, "{t}");
    }
    assert!(!json["front"].as_array().unwrap().is_empty());
    // The bytes that were told before the training are those of the file; a calibration comes on top.
    let frozen = flow_export::run_folder::frozen(&folder.join("run"), 0, flow_export::freeze::Weights::F32).unwrap();
    assert_eq!(frozen.bytes().len() as u64, chosen["needs"]["bytes"].as_u64().unwrap());
    assert!(fs::metadata(folder.join("m.flow")).unwrap().len() > frozen.bytes().len() as u64);
    assert!(fs::read_to_string(folder.join("run/front.svg")).unwrap().starts_with("<svg"));
    succeed(folder, &["evaluate", "--run", "run", "--data", "two-moons", "--device", "tract"]);

    // A search that has ended is taken up and finds the same, also where its time is over.
    let before = found(folder);
    succeed(folder, &["tune", "--resume", "--out", "run", "--time", "0.001"]);
    assert_eq!(found(folder), before);
    succeed(folder, &["train", "--resume", "--out", "run"]);
    assert_eq!(found(folder), before);
    // One whose last training is lost makes it again.
    let last = before.last().unwrap();
    let state = format!("run/search/{}-{}.safetensors", last.0.as_str().unwrap(), last.1.as_str().unwrap());
    fs::remove_file(folder.join(state)).unwrap();
    succeed(folder, &["tune", "--resume", "--out", "run"]);
    assert_eq!(found(folder), before);
    let other = run(folder, &["tune", "--resume", "--out", "run", "--flash", "7K"]);
    let message = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(other.status.code() == Some(1) && message.contains("budget: 6144 bytes of flash"), "{message}");
}

#[test]
fn a_budget_that_nothing_keeps_to_says_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        run(folder.path(), &["tune", "--data", "two-moons", "--out", "run", "--flash", "300", "--model", "maf"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("no flow keeps to 300 bytes of flash: the smallest, maf-1x8, needs "), "{message}");
    assert!(!folder.path().join("run").exists());
    for arguments in [&["--flash", "32KB"][..], &["--flash", "0"], &[]] {
        let all = [&["tune", "--data", "two-moons", "--out", "run"][..], arguments].concat();
        assert_eq!(run(folder.path(), &all).status.code(), Some(2), "{all:?}");
    }
}
