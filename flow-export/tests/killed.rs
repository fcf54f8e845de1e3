//! Freezing, calibrating and signing, killed with `kill -9` at 20 random moments each: the file is the old one or the whole new one.
#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use common::Session;
use flow_model::checkpoint::Checkpoint;
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
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
