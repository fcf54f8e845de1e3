//! What becomes of a file when writing it goes wrong: killed with `kill -9` at 20 random moments each, freezing, calibrating and
//! signing leave the old one or the whole new one; without room on the disk, and in a folder that may not be written to, every
//! command leaves the old one and says so.
#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use common::Session;
use flow_model::checkpoint::Checkpoint;
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

const KILLS: usize = 20;

/// A run whose flow takes a moment to write: 600 KiB.
fn session() -> Session {
    let session = Session::empty();
    let standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };
    let number = |name| Column::new(name, Kind::Continuous { standard, jitter: 0.0 });
    let coupling = Layer::AffineCoupling { kept: 1, hidden: vec![256, 256], residual: false, scale_bound: 2.0 };
    let layers = vec![coupling.clone(), Layer::Permutation { order: vec![1, 0] }, coupling];
    let columns = vec![number("a"), number("b")];
    let spec = FlowSpec::new(columns, Tails { knee: 4.0, rate: 10.0 }, layers, Base::Normal);
    let params = Layout::of(&spec).init(7);
    let checkpoint = Checkpoint { spec, params, trained: Default::default(), metadata: BTreeMap::new() };
    fs::create_dir(session.path("run")).unwrap();
    session.write("run/checkpoint.safetensors", checkpoint.to_bytes().unwrap());
    session.succeed(&["freeze", "run", "-o", "model.flow"]);
    let mut rng = Pcg32::new(1, 1);
    let mut rows = "a,b\n".to_owned();
    for _ in 0..300 {
        let mut value = || (rng.next_u32() >> 8) as f32 / (1 << 22) as f32 - 1.5;
        rows += &format!("{},{}\n", value(), value());
    }
    session.write("usual.csv", rows);
    session.succeed(&["keygen", "one"]);
    session.succeed(&["keygen", "two"]);
    session
}

/// Two commands that write different files to `out.flow`, each killed at a random moment while the other one's file is there.
fn kill(session: &Session, commands: [&[&str]; 2]) {
    let out = session.path("out.flow");
    let started = Instant::now();
    let whole = commands.map(|command| {
        session.succeed(command);
        fs::read(&out).unwrap()
    });
    assert_ne!(whole[0], whole[1]);
    let usual = started.elapsed() / 2;
    let (mut there, mut killed, mut old, mut new) = (1, 0, 0, 0);
    let mut rng = Pcg32::new(2, 1);
    for _ in 0..KILLS {
        let next = 1 - there;
        let mut child = session.command(commands[next]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(usual.mul_f64(1.1 * f64::from(rng.next_u32()) / f64::from(u32::MAX)));
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let found = fs::read(&out).unwrap();
        if found == whole[next] {
            (there, new) = (next, new + 1);
        } else {
            assert!(found == whole[there], "{:?}: {} bytes that are neither file", commands[next], found.len());
            old += 1;
        }
        // What is left behind has a name that says so.
        for entry in fs::read_dir(session.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = ["run", "model.flow", "out.flow", "usual.csv", "one", "one.pub", "two", "two.pub"];
            assert!(known.contains(&&*name) || name.starts_with(".writing-"), "{name}");
        }
    }
    println!("{}: {killed} of {KILLS} killed before their end; {old} old files, {new} new ones", commands[0][0]);
    assert!(killed > 0, "{killed} were killed before their end");
}

#[test]
fn a_file_is_the_old_one_or_the_new_one() {
    let session = session();
    kill(
        &session,
        [
            &["freeze", "run", "-o", "out.flow", "--rollback", "1"],
            &["freeze", "run", "-o", "out.flow", "--rollback", "2"],
        ],
    );
    kill(
        &session,
        [
            &["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow", "--p", "0.05"],
            &["calibrate", "model.flow", "--data", "usual.csv", "-o", "out.flow", "--p", "0.02"],
        ],
    );
    kill(
        &session,
        [
            &["sign", "model.flow", "--key", "one", "-o", "out.flow"],
            &["sign", "model.flow", "--key", "two", "-o", "out.flow"],
        ],
    );
}

/// Every command that writes a file, and the file.
const WRITERS: [(&[&str], &str); 9] = [
    (&["freeze", "run", "-o"], "out.flow"),
    (&["calibrate", "model.flow", "--data", "usual.csv", "--p", "0.05", "-o"], "out.flow"),
    (&["sign", "model.flow", "--key", "one", "-o"], "out.flow"),
    (&["score", "model.flow", "--data", "usual.csv", "-o"], "out.csv"),
    (&["score", "calibrated.flow", "--data", "usual.csv", "--verdicts", "-o"], "out.csv"),
    (&["sample", "model.flow", "--n", "100", "-o"], "out.csv"),
    (&["backtest", "calibrated.flow", "--data", "usual.csv", "--report"], "out.html"),
    (&["onnx", "run", "--out"], "onnx/log_prob.onnx"),
    (&["keygen"], "three"),
];

/// Where a command is told to write.
fn place(file: &str) -> &str {
    file.split('/').next().unwrap()
}

/// Here a limit of the system's, which a full disk is to the program.
#[cfg(target_os = "linux")]
#[test]
fn without_room_the_old_file_stays() {
    let session = session();
    session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "--p", "0.05", "-o", "calibrated.flow"]);
    fs::create_dir(session.path("onnx")).unwrap();
    let names = |folder: &str| {
        let names = fs::read_dir(session.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    for (command, file) in WRITERS {
        // A private key never takes a file's place.
        let old = (command[0] != "keygen").then_some("the old file");
        old.iter().for_each(|old| session.write(file, old));
        let before = (names("."), names("onnx"));
        let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
        let output = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_flow-export")])
            .args(command)
            .arg(place(file))
            .current_dir(session.folder.path())
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {message}");
        // Of a pair of keys the public one is written first.
        let named = if command[0] == "keygen" { format!("{file}.pub") } else { file.to_owned() };
        assert!(message.contains(&format!("{named}: cannot be written: ")), "{command:?}: {message}");
        assert_eq!(fs::read_to_string(session.path(file)).ok().as_deref(), old, "{command:?}");
        assert_eq!((names("."), names("onnx")), before, "{command:?}");
    }
}

/// A folder in which not even the superuser makes files.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    let session = session();
    session.succeed(&["calibrate", "model.flow", "--data", "usual.csv", "--p", "0.05", "-o", "calibrated.flow"]);
    for (command, file) in WRITERS {
        let place = format!("/sys/kernel/{}", place(file));
        let message = session.fail(1, &[command, &[&*place]].concat());
        assert!(message.contains(&place) && message.to_lowercase().contains("permission"), "{command:?}: {message}");
    }
}
