//! What the fuzz targets share: the plain writer, the changes and the second reader of flow-nostd's tests.
#![allow(missing_docs)]

#[path = "../../flow-nostd/tests/common/mod.rs"]
pub mod common;
#[path = "../../flow-nostd/tests/second_reader/mod.rs"]
pub mod second_reader;

use common::Aligned;
use common::exercise::exercise;
use common::mutation::Change;
use flow_nostd::{Detector, Drift, EvalError, Flow, SensorState, Window, Windowing};
use second_reader::SecondReader;

/// Whatever the file: the engine and the second reader agree whether it is one, and if it is every function returns and gives
/// finite numbers.
pub fn read(file: &[u8], seed: u64) {
    let file = Aligned::new(file);
    let (engine, second) = (Flow::new(file.bytes()), SecondReader::open(file.bytes()));
    assert_eq!(engine.is_ok(), second.is_ok(), "{:?} and {:?}", engine.err(), second.err());
    let Ok(flow) = engine else { return };
    // A file can only ask for as much as its own layers take.
    assert!(flow.scratch_len() < 64 * file.bytes().len());
    if flow.scratch_len() < 100_000 {
        exercise(&flow, seed);
        verdicts(&flow);
    }
}

/// The same for what a file says of verdicts and windows, which is checked by itself.
pub fn verdicts(flow: &Flow) {
    let (mut row, context) = (vec![0.5; flow.columns()], vec![0.5; flow.context_dim()]);
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    if let Ok(detector) = Detector::new(*flow) {
        let mut shares = vec![0.0; flow.columns()];
        let (mut sensors, mut drift) = (vec![SensorState::default(); flow.columns()], Drift::new());
        for x in [0.5, -1e30, f32::MAX, f32::NAN] {
            row.fill(x);
            if let Ok(verdict) = detector.verdict(&row, &context, &mut scratch) {
                assert!(verdict.log_prob.is_finite() && (-20.8..=0.0).contains(&verdict.ln_p), "{verdict:?}");
            }
            let mut watched = row.clone();
            if let Ok(verdict) = detector.watch(&mut watched, &context, &mut sensors, &mut scratch) {
                assert!(verdict.log_prob.is_finite() && (-20.8..=0.0).contains(&verdict.ln_p), "{verdict:?}");
                assert!(watched.iter().all(|x| x.is_finite()) && drift.push(verdict.ln_p) <= 1e30, "{watched:?}");
                assert_eq!(Drift::from_bytes(drift.to_bytes()), Some(drift));
            }
            if detector.blame(&row, &context, &mut shares, &mut scratch).is_ok() {
                assert!(shares.iter().all(|share| share.is_finite()), "{shares:?}");
            }
        }
    }
    let Ok(windowing) = Windowing::of(flow) else { return };
    if windowing.memory_len() > 1 << 20 {
        return;
    }
    let mut memory = vec![0.0; windowing.memory_len()];
    let mut window = Window::new(windowing, &mut memory).expect("memory for a window");
    let mut context = context;
    for i in 0..windowing.length() + 3 {
        let raw = vec![[0.5, -1e30, f32::MAX, 0.0][i % 4]; windowing.channels()];
        let due = match window.push(&raw) {
            Err(EvalError::OutOfRange { .. }) => false,
            due => due.expect("a raw row"),
        };
        if due {
            window.features(&mut row, &mut context).expect("features");
            assert!(row.iter().chain(&context).all(|x| x.is_finite()), "{row:?} {context:?}");
        }
    }
}

/// Changes out of a fuzzer's bytes, eight for each.
pub fn changes(bytes: &[u8]) -> Vec<Change> {
    let change = |b: &[u8; 8]| {
        let place = u16::from_le_bytes([b[1], b[2]]);
        (b[0].into(), place.into(), b[3] % 7, u32::from_le_bytes([b[4], b[5], b[6], b[7]]))
    };
    bytes.as_chunks().0.iter().take(8).map(change).collect()
}
