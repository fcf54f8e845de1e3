//! A training that is killed goes on as if nothing had happened, or says why it does not.

#[path = "../../flow-export/tests/common/mod.rs"]
mod common;

use common::Session;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A small training of a few seconds at most that saves after every step.
const TRAIN: [&str; 14] = [
    "train",
    "--data",
    "rings",
    "--device",
    "tract",
    "--model",
    "realnvp",
    "--hidden=8",
    "--couplings=2",
    "--batch=2048",
    "--epochs=12",
    "--dropout=0.1",
    "--save-every=0",
    "--out",
];

impl Session {
    /// Starts a training, kills it as soon as `when` says so, and gives whether it was still running.
    fn kill(&self, arguments: &[&str], mut when: impl FnMut() -> bool) -> bool {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while !when() && child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(300), "neither ends nor gets there");
            std::thread::sleep(Duration::from_millis(2));
        }
        let running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        running
    }

    /// The number of steps that the saved state of a run has taken; the optimiser's own counter.
    fn steps(&self, state: &Path) -> f32 {
        let Ok(bytes) = fs::read(state) else { return 0.0 };
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a whole state, whenever it is read");
        f32::from_le_bytes(tensors.tensor("t").unwrap().data().try_into().unwrap())
    }

    fn assert_equal(&self, a: &str, b: &str) {
        for file in ["checkpoint.safetensors", "calibration.csv", "spec.json"] {
            let read = |run: &str| fs::read(self.path(run).join(file)).unwrap();
            assert!(read(a) == read(b), "{file} of {a} and {b} differ");
        }
        let history = |run: &str| {
            let text = fs::read_to_string(self.path(run).join("metrics.json")).unwrap();
            let metrics: serde_json::Value = serde_json::from_str(&text).unwrap();
            (metrics["history"].clone(), metrics["best_epoch"].clone(), metrics["ending"].clone())
        };
        assert_eq!(history(a), history(b));
    }
}

#[test]
fn a_killed_training_ends_with_the_bits_of_an_undisturbed_one() {
    let session = Session::empty();
    session.succeed(&[&TRAIN[..], &["whole"]].concat());
    let state = session.path("killed/state.safetensors");
    let killed = session.kill(&[&TRAIN[..], &["killed"]].concat(), || session.steps(&state) >= 30.0);
    let taken = session.steps(&state);
    assert!(killed && (30.0..96.0).contains(&taken), "killed: {killed}, after {taken} steps");

    // It holds no flow yet, is not overwritten, and says what would be another run.
    let message = session.fail(1, &["evaluate", "--run", "killed", "--data", "rings"]);
    assert!(message.contains("--resume"), "{message}");
    assert!(session.fail(1, &[&TRAIN[..], &["killed"]].concat()).contains("--resume"));
    let message = session.fail(1, &["train", "--resume", "--out", "killed", "--epochs", "13", "--seed=4"]);
    for expected in ["--epochs: 12 in the run, 13 now", "--seed: 0 in the run, 4 now", "training rows: "] {
        assert!(message.contains(expected), "{expected:?} is not said: {message}");
    }
    let request = fs::read_to_string(session.path("killed/run.json")).unwrap();
    fs::write(session.path("killed/run.json"), request.replace("\"version\": \"0.", "\"version\": \"9.")).unwrap();
    let message = session.fail(1, &["train", "--resume", "--out", "killed"]);
    assert!(message.contains("version: 9.") && message.contains(env!("CARGO_PKG_VERSION")), "{message}");
    fs::write(session.path("killed/run.json"), request).unwrap();
    assert_eq!(session.steps(&state), taken, "a refusal changed the state");

    // Other options than those that decide may differ; those that are repeated may be repeated.
    let said = session.succeed(&["train", "--resume", "--out", "killed", "--save-every", "1", "--epochs=12"]);
    assert!(said.contains(&format!("resumed after {taken} steps")), "{said}");
    session.assert_equal("whole", "killed");
    // Once more: nothing is left to do, and nothing changes.
    session.succeed(&["train", "--resume", "--out", "killed"]);
    session.assert_equal("whole", "killed");
}

#[test]
fn other_rows_and_a_run_that_is_none_are_refused() {
    let session = Session::empty();
    let table = |rows: usize| (0..rows).map(|i| format!("{},{}\n", i * 37 % 101, i % 7)).collect::<String>();
    fs::write(session.path("train.csv"), table(200)).unwrap();
    let quick = ["--device", "tract", "--model", "maf", "--hidden=4", "--epochs=2", "--out", "run"];
    session.succeed(&[&["train", "--data", "train.csv"], &quick[..]].concat());
    let resume = ["train", "--resume", "--out", "run"];
    session.succeed(&resume);
    fs::write(session.path("train.csv"), table(200).replacen("37,1\n", "38,1\n", 1)).unwrap();
    let message = session.fail(1, &resume);
    assert!(message.contains("rows: ") && message.contains("SHA-256") && !message.contains("--seed"), "{message}");
    fs::remove_file(session.path("train.csv")).unwrap();
    assert!(session.fail(1, &resume).contains("train.csv"));
    assert!(session.fail(1, &["train", "--resume", "--out", "nowhere"]).contains("no run to resume"));
    fs::write(session.path("run/run.json"), "{").unwrap();
    assert!(session.fail(1, &resume).contains("run.json"));
}

#[test]
fn a_folder_in_use_is_refused() {
    let session = Session::empty();
    let arguments = [&TRAIN[..], &["run"]].concat();
    let state = session.path("run/state.safetensors");
    session.kill(&arguments, || {
        if session.steps(&state) < 5.0 {
            return false;
        }
        for more in [&["--force"][..], &[]] {
            assert!(session.fail(1, &[&arguments[..], more].concat()).contains("in use by another process"));
        }
        assert!(session.fail(1, &["train", "--resume", "--out", "run"]).contains("in use by another process"));
        true
    });
    // The lock went with the process.
    session.succeed(&["train", "--resume", "--out", "run"]);
}

#[test]
fn a_damaged_state_is_named() {
    let session = Session::empty();
    let state = session.path("run/state.safetensors");
    session.kill(&[&TRAIN[..], &["run"]].concat(), || session.steps(&state) >= 5.0);
    let mut bytes = fs::read(&state).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&state, bytes).unwrap();
    let message = session.fail(1, &["train", "--resume", "--out", "run"]);
    assert!(message.contains("state.safetensors") && message.contains("damaged"), "{message}");
}

/// No room for a file: here a limit of the system's, which a full disk is to the program.
#[cfg(target_os = "linux")]
#[test]
fn where_there_is_no_room_the_old_state_stays() {
    let session = Session::empty();
    session.succeed(&[&TRAIN[..], &["whole"]].concat());
    let state = session.path("run/state.safetensors");
    assert!(session.kill(&[&TRAIN[..], &["run"]].concat(), || session.steps(&state) >= 5.0));
    let saved = fs::read(&state).unwrap();
    let script =
        format!("trap '' XFSZ; ulimit -f 1; exec {} train --resume --out run", env!("CARGO_BIN_EXE_flow-trainer"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(session.folder.path()).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("state.safetensors: cannot be written") && message.contains("--resume"), "{message}");
    assert!(fs::read(&state).unwrap() == saved, "the old state is gone");
    session.succeed(&["train", "--resume", "--out", "run"]);
    session.assert_equal("whole", "run");
}

/// `auto` takes what was done from the states of its trainings, and the seeds from theirs.
#[test]
fn a_search_and_a_row_of_seeds_are_resumed() {
    let session = Session::empty();
    let rows: String = (0..300).map(|i| format!("{},{}\n", f64::from(i * 37 % 101).sqrt(), i * i % 83)).collect();
    fs::write(session.path("train.csv"), rows).unwrap();
    let small = ["--device=tract", "--hidden=4", "--couplings=2", "--epochs=8", "--save-every=0", "--seeds=2"];
    let train = [&["train", "--data", "train.csv"], &small[..]].concat();
    session.succeed(&[&train[..], &["--out", "whole"]].concat());
    let reached = session.path("killed/search/realnvp-short.safetensors");
    assert!(session.kill(&[&train[..], &["--out", "killed"]].concat(), || session.steps(&reached) >= 3.0));
    let said = session.succeed(&["train", "--resume", "--out", "killed"]);
    assert!(said.contains("resumed after"), "{said}");
    session.assert_equal("whole", "killed");
}

/// The long test: 20 random moments in which trainings are killed, some of them twice.
#[test]
#[ignore = "a long test: trainings killed at 20 random moments"]
fn a_training_killed_at_20_random_moments_ends_with_the_same_bits() {
    let session = Session::empty();
    let timed = |run: &str| {
        let start = Instant::now();
        session.succeed(&[&TRAIN[..], &[run]].concat());
        start.elapsed()
    };
    let whole = timed("whole").min(timed("again"));
    let mut moment = u64::from(std::process::id());
    println!("moments from seed {moment}; undisturbed {whole:.2?}");
    let (mut kills, mut before_run, mut rounds) = (0, 0, 0);
    while kills < 20 {
        rounds += 1;
        assert!(rounds <= 100, "only {kills} of {rounds} trainings were still running at their moment");
        let run = format!("run{rounds}");
        let resume = ["train", "--resume", "--out", &run];
        let begun = || session.path(&run).join("run.json").exists();
        let first = [&TRAIN[..], &[&run]].concat();
        for share in [1.0, 0.5] {
            // A linear congruence will do for moments.
            moment = moment.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let wait = whole.mul_f64(share * (moment >> 40) as f64 / (1u64 << 24) as f64);
            let start = Instant::now();
            if !session.kill(if begun() { &resume } else { &first }, || start.elapsed() >= wait) {
                break;
            }
            kills += 1;
        }
        // Killed before it wrote what was asked for, it says that there is no run, and is begun anew.
        if begun() {
            session.succeed(&resume);
        } else {
            before_run += 1;
            assert!(session.fail(1, &resume).contains("no run to resume"));
            session.succeed(&first);
        }
        session.assert_equal("whole", &run);
        let left: Vec<_> = fs::read_dir(session.path(&run)).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".writing-")), "{left:?}");
    }
    println!("{kills} kills of {rounds} trainings, equal bits; {before_run} of them before there was a run");
}
