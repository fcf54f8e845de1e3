//! The functions of the C library, called as a C program would: what is null, misaligned, too short, overlapping or not open
//! is an error of its own, and all else has the bits of flow-nostd.
#![allow(unsafe_code, reason = "the functions of a C library are called")]

use flow_c::{FlowError as E, *};
use flow_export::aligned::AlignedBytes;
use flow_nostd::{Detector, Drift, Flow, SensorState, Status, Window, Windowing};
use flow_tests::tools;
use rand_pcg::Pcg32;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

const ROW: [f32; 4] = [1.25, 3.0, 17.0, -30.0];
const ODD: [f32; 4] = [90.0, 3.0, 17.0, -30.0];

fn file(name: &str) -> AlignedBytes {
    AlignedBytes::read(tools::repository().join(name)).unwrap()
}

/// A struct of a C program, whose memory it has not set.
fn handle<H>() -> H {
    // SAFETY: numbers all of them, of which zeros are one.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// An open model with its memory.
struct Open {
    file: AlignedBytes,
    scratch: Vec<f32>,
    model: FlowModel,
}

impl Open {
    fn of(name: &str) -> Box<Self> {
        let file = file(name);
        let scratch = vec![f32::NAN; flow_nostd::scratch_len(&file).unwrap()];
        let mut open = Box::new(Open { file, scratch, model: handle() });
        assert_eq!(open.again(), E::Ok);
        open
    }

    fn again(&mut self) -> E {
        let Open { file, scratch, model } = self;
        // SAFETY: the file and the memory live as long as the model.
        unsafe { flow_open(model, file.as_ptr(), file.len(), scratch.as_mut_ptr(), scratch.len()) }
    }

    fn log_prob(&self, row: &[f32]) -> (E, f32) {
        let mut log_prob = f32::NAN;
        // SAFETY: lengths are those of the slices.
        let error = unsafe { flow_log_prob(&self.model, row.as_ptr(), row.len(), null(), 0, &mut log_prob) };
        (error, log_prob)
    }
}

#[test]
fn every_function_has_the_bits_of_the_engine() {
    let open = Open::of("spec/calibrated.flow");
    let flow = Flow::new(&open.file).unwrap();
    let detector = Detector::new(flow).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let model: *const FlowModel = &open.model;
    // SAFETY: pointers are to values of this test, lengths theirs.
    unsafe {
        assert_eq!((flow_columns(model), flow_context_length(model), flow_latent_length(model)), (4, 0, 3));
        assert_eq!(flow_scratch_length(open.file.as_ptr(), open.file.len()), flow.scratch_len());
        assert_eq!(flow_self_test(model), E::Ok);
        let (mut z, mut log_det, mut back) = ([0.0; 3], 0.0, [0.0; 4]);
        let (mut here_z, mut here_back) = ([0.0; 3], [0.0; 4]);
        assert_eq!(flow_to_latent(model, ROW.as_ptr(), 4, null(), 0, z.as_mut_ptr(), 3, &mut log_det), E::Ok);
        assert_eq!(flow.to_latent(&ROW, &[], &mut here_z, &mut scratch), Ok(log_det));
        assert_eq!(flow_to_data(model, z.as_ptr(), 3, null(), 0, back.as_mut_ptr(), 4), E::Ok);
        flow.to_data(&here_z, &[], &mut here_back, &mut scratch).unwrap();
        assert_eq!((z, back), (here_z, here_back));

        let (mut random, mut rng) = (handle(), Pcg32::new(7, flow_export::sample::STREAM));
        assert_eq!(flow_random_seed(&mut random, 7), E::Ok);
        for _ in 0..3 {
            assert_eq!(flow_sample(model, &mut random, null(), 0, back.as_mut_ptr(), 4), E::Ok);
            flow.sample(&mut rng, &[], &mut here_back, &mut scratch).unwrap();
            assert_eq!(back, here_back);
        }

        let mut judge = handle();
        assert_eq!(flow_detector_open(&mut judge, model), E::Ok);
        let (mut sensors, mut states) = ([handle::<FlowSensor>(); 4], [SensorState::default(); 4]);
        for row in [ROW, ODD, [1.25, f32::NAN, 17.0, -30.0], ROW] {
            let (mut verdict, mut watched, mut here) = (handle::<Verdict>(), row, row);
            let said = verdict.as_mut_ptr();
            let sensors = sensors.as_mut_ptr();
            assert_eq!(flow_watch(&judge, watched.as_mut_ptr(), 4, null(), 0, sensors, 4, said), E::Ok);
            let expected = detector.watch(&mut here, &[], &mut states, &mut scratch).unwrap();
            let found = verdict.assume_init();
            assert_eq!((found.log_prob, found.ln_p, found.alarm), (expected.log_prob, expected.ln_p, expected.alarm));
            assert_eq!(watched, here);
            let (status, column) = match expected.status {
                Status::Sensor { column, .. } => (FlowStatus::NotFinite, column.into()),
                _ => (FlowStatus::Scored, -1),
            };
            assert_eq!((found.status, found.column), (status, column));
        }
        let mut verdict = handle::<Verdict>();
        assert_eq!(flow_verdict(&judge, ODD.as_ptr(), 4, null(), 0, verdict.as_mut_ptr()), E::Ok);
        assert!(verdict.assume_init().alarm);
        let (mut shares, mut here, mut column) = ([0.0; 4], [0.0; 4], 9);
        assert_eq!(flow_blame(&judge, ODD.as_ptr(), 4, null(), 0, shares.as_mut_ptr(), 4, &mut column), E::Ok);
        assert_eq!(detector.blame(&ODD, &[], &mut here, &mut scratch), Ok(Some(0)));
        assert_eq!((shares, column), (here, 0));
    }
    assert_eq!(open.log_prob(&ODD), (E::Ok, flow.log_prob(&ODD, &[], &mut scratch).unwrap()));
}

/// A verdict that is not written yet.
type Verdict = MaybeUninit<FlowVerdict>;

#[test]
fn windows_and_drift_have_the_bits_of_the_engine() {
    let open = Open::of("firmware/detect/machine.flow");
    let flow = Flow::new(&open.file).unwrap();
    let windowing = Windowing::of(&flow).unwrap();
    let (mut here_memory, mut memory) = (vec![0.0; windowing.memory_len()], vec![f32::NAN; windowing.memory_len()]);
    let mut here = Window::new(windowing, &mut here_memory).unwrap();
    let columns = flow.columns();
    let (mut row, mut here_row) = (vec![0.0; columns], vec![0.0; columns]);
    let mut window: FlowWindow = handle();
    // SAFETY: pointers are to values of this test, lengths theirs.
    unsafe {
        let short = memory.len() - 1;
        assert_eq!(flow_window_open(&mut window, &open.model, memory.as_mut_ptr(), short), E::ScratchLength);
        assert_eq!((flow_window_channels(&window), flow_window_rows(&window)), (0, 0));
        let of_model = open.scratch.as_ptr().cast_mut();
        assert_eq!(flow_window_open(&mut window, &open.model, of_model, memory.len()), E::Overlap);
        assert_eq!(flow_window_open(&mut window, &open.model, memory.as_mut_ptr(), memory.len()), E::Ok);
        assert_eq!(flow_window_channels(&window), 2);
        let features = |window: &FlowWindow, row: &mut [f32]| {
            flow_window_features(window, row.as_mut_ptr(), row.len(), null_mut(), 0)
        };
        assert_eq!(features(&window, &mut row), E::WindowLength);
        let mut looked_at = 0;
        for i in 0..30 {
            let (reading, micros) = ([50.0 + i as f32, 0.1 * i as f32], 300_000_000 * i);
            let (mut due, here_due) = (false, here.push_at(micros, &reading).unwrap());
            assert_eq!(flow_window_push_at(&mut window, micros, reading.as_ptr(), 2, &mut due), E::Ok);
            assert_eq!((due, flow_window_rows(&window)), (here_due, here.rows()));
            if due {
                looked_at += 1;
                assert_eq!(features(&window, &mut row), E::Ok);
                here.features(&mut here_row, &mut []).unwrap();
                assert_eq!(row, here_row);
            }
        }
        assert_eq!(looked_at, 19);
        let (mut due, late) = (true, [50.0, 0.1]);
        assert_eq!(flow_window_push_at(&mut window, i64::MAX, late.as_ptr(), 2, &mut due), E::Ok);
        assert_eq!((due, flow_window_rows(&window)), (false, 1));
        let (mut due, bad) = (true, [1.0, f32::INFINITY]);
        assert_eq!(flow_window_push(&mut window, bad.as_ptr(), 2, &mut due), E::NotFinite);
        assert_eq!(flow_window_push(&mut window, bad.as_ptr(), 1, &mut due), E::RowLength);
        assert_eq!(flow_window_push(&mut window, memory.as_ptr(), 2, &mut due), E::Overlap);
        assert!(due && features(&window, &mut row) == E::WindowLength);

        let other = Open::of("spec/example.flow");
        assert_eq!(flow_window_open(&mut window, &other.model, memory.as_mut_ptr(), memory.len()), E::NoWindows);

        let ranges = Open::of("spec/golden/windows-ranges.flow");
        assert_eq!(flow_window_open(&mut window, &ranges.model, memory.as_mut_ptr(), memory.len()), E::Ok);
        assert_eq!(flow_window_push(&mut window, [2.6, 0.0].as_ptr(), 2, &mut due), E::OutOfRange);
        assert_eq!(flow_window_push(&mut window, [2.5, 0.0].as_ptr(), 2, &mut due), E::Ok);

        let (mut state, mut drift, mut level) = (handle::<FlowDrift>(), Drift::new(), 0.0);
        for ln_p in [-0.1, -9.0, f32::NAN, -3.0] {
            assert_eq!(flow_drift_push(&mut state, ln_p, &mut level), E::Ok);
            assert_eq!(level, drift.push(ln_p));
        }
        (&raw mut state).cast::<u8>().write_bytes(0xff, 32);
        assert_eq!(flow_drift_push(&mut state, -1.0, &mut level), E::DriftState);
        assert_eq!(flow_drift_push(null_mut(), -1.0, &mut level), E::Null);
    }
}

#[test]
fn memory_that_cannot_be_taken_is_an_error_and_nothing_is_written() {
    let mut open = Open::of("spec/calibrated.flow");
    let (length, scratch_length) = (open.file.len(), open.scratch.len());
    let (bytes, scratch) = (open.file.as_ptr(), open.scratch.as_mut_ptr());
    let model: *mut FlowModel = &mut open.model;
    let mut log_prob = 5.0;
    let out: *mut f32 = &mut log_prob;
    let mut words = [0.0f32; 8];
    let odd = words.as_mut_ptr().wrapping_byte_add(1);
    // SAFETY: what is not null and aligned leads to values of this test.
    unsafe {
        let row = ROW.as_ptr();
        assert_eq!(flow_log_prob(null(), row, 4, null(), 0, out), E::Null);
        assert_eq!(flow_log_prob(model, null(), 4, null(), 0, out), E::Null);
        assert_eq!(flow_log_prob(model, row, 4, null(), 0, null_mut()), E::Null);
        assert_eq!(flow_log_prob(model, row, 4, null(), 1, out), E::Null);
        assert_eq!(flow_log_prob(model.wrapping_byte_add(4), row, 4, null(), 0, out), E::Misaligned);
        assert_eq!(flow_log_prob(model, odd, 4, null(), 0, out), E::Misaligned);
        assert_eq!(flow_log_prob(model, row, 4, null(), 0, odd), E::Misaligned);
        assert_eq!(flow_log_prob(model, row, 3, null(), 0, out), E::RowLength);
        assert_eq!(flow_log_prob(model, null(), 0, null(), 0, out), E::RowLength);
        assert_eq!(flow_log_prob(model, row, 4, words.as_ptr(), 1, out), E::ContextLength);
        assert_eq!(flow_log_prob(model, row, usize::MAX, null(), 0, out), E::Length);
        assert_eq!(flow_log_prob(model, row, usize::MAX / 4, null(), 0, out), E::Length);
        assert_eq!(flow_log_prob(model, scratch, 4, null(), 0, out), E::Overlap);
        assert_eq!(flow_log_prob(model, row, 4, null(), 0, scratch), E::Overlap);
        assert_eq!(flow_log_prob(model, row, 4, null(), 0, model.cast()), E::Overlap);
        let nan = [f32::NAN; 4];
        assert_eq!(flow_log_prob(model, nan.as_ptr(), 4, null(), 0, out), E::NotFinite);
        assert_eq!(log_prob, 5.0);
        let z = words.as_mut_ptr();
        assert_eq!(flow_to_latent(model, row, 4, null(), 0, z, 4, out), E::LatentLength);
        assert_eq!(flow_to_latent(model, row, 4, null(), 0, z, 3, z.add(2)), E::Overlap);
        assert_eq!(flow_to_data(model, z, 3, null(), 0, z, 4), E::Overlap);
        let (mut judge, mut verdict) = (handle::<FlowDetector>(), handle::<Verdict>());
        assert_eq!(flow_verdict(&judge, row, 4, null(), 0, verdict.as_mut_ptr()), E::NotOpen);
        assert_eq!(flow_detector_open(&mut judge, &handle()), E::NotOpen);
        assert_eq!(flow_detector_open(&mut judge, model), E::Ok);
        let mut sensors = [handle::<FlowSensor>(); 3];
        let (sensors, said) = (sensors.as_mut_ptr(), verdict.as_mut_ptr());
        assert_eq!(flow_watch(&judge, words.as_mut_ptr(), 4, null(), 0, sensors, 3, said), E::RowLength);

        let mut kept = [7.0; 4];
        let (to, mut random, mut column) = (kept.as_mut_ptr(), handle::<FlowRandom>(), 9);
        assert_eq!(flow_to_latent(model, row, 4, null(), 0, to, 3, null_mut()), E::Null);
        assert_eq!(flow_to_latent(model, row, 3, null(), 0, to, 3, out), E::RowLength);
        assert_eq!(flow_to_latent(model, row, 4, null(), 0, to, 4, out), E::LatentLength);
        assert_eq!(flow_to_data(model, row, 4, null(), 0, to, 4), E::LatentLength);
        assert_eq!(flow_to_data(model, row, 3, row, 1, to, 4), E::ContextLength);
        assert_eq!(flow_sample(model, &mut random, null(), 0, to, 3), E::RowLength);
        assert_eq!(flow_blame(&judge, row, 4, null(), 0, to, 3, &mut column), E::RowLength);
        assert_eq!(flow_blame(&judge, row, 3, null(), 0, to, 4, &mut column), E::RowLength);
        assert_eq!((kept, column), ([7.0; 4], 9));
        assert_eq!(flow_detector_open(model.cast(), model), E::Overlap);
        assert_eq!(flow_window_open(model.cast(), model, words.as_mut_ptr(), 8), E::Overlap);
        assert_eq!(flow_open(bytes.cast_mut().cast(), bytes, length, scratch, scratch_length), E::Overlap);
        assert_eq!(flow_columns(model), 4); // Nobody has closed it.
        assert_eq!(flow_self_test(model), E::Ok);

        assert_eq!(flow_open(model, null(), length, scratch, scratch_length), E::Null);
        assert_eq!(flow_columns(model), 0); // No longer open.
        assert_eq!(flow_log_prob(model, row, 4, null(), 0, out), E::NotOpen);
        assert_eq!(flow_open(model, bytes, length, null_mut(), scratch_length), E::Null);
        assert_eq!(flow_open(model, bytes, length, scratch, scratch_length - 1), E::ScratchLength);
        assert_eq!(flow_open(model, bytes, length, odd, scratch_length), E::Misaligned);
        assert_eq!(flow_open(model, bytes, length, bytes.cast_mut().cast(), scratch_length), E::Overlap);
        assert_eq!(flow_open(model, bytes, length - 1, scratch, scratch_length), E::FileTruncated);
        assert_eq!(flow_open(model, bytes, 0, scratch, scratch_length), E::FileTruncated);
        assert_eq!(flow_open(model, bytes.add(1), length - 1, scratch, scratch_length), E::FileMisaligned);
        assert_eq!(flow_open(model.wrapping_byte_add(1), bytes, length, scratch, scratch_length), E::Misaligned);
        assert_eq!(flow_open(null_mut(), bytes, length, scratch, scratch_length), E::Null);
        assert_eq!(flow_scratch_length(null(), 100), 0);
    }
    assert_eq!(open.again(), E::Ok);
}

#[test]
fn files_are_refused_with_their_reason() {
    let mut open = Open::of("spec/calibrated.flow");
    let whole = open.file.to_vec();
    let mut refused = |bytes: Vec<u8>| {
        open.file = AlignedBytes::from(bytes);
        open.again()
    };
    let changed = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    assert_eq!(refused(vec![0xff; 512]), E::FileErased);
    assert_eq!(refused([&whole[..], &[0; 3]].concat()), E::FileTrailing);
    assert_eq!(refused([&whole[..], &[0; 64]].concat()), E::Ok); // A signature.
    assert_eq!(refused(changed(0)), E::FileMagic);
    assert_eq!(refused(changed(40)), E::FileDamaged);
    assert_eq!(refused(changed(whole.len() - 1)), E::FileDamaged);
}

#[test]
fn every_error_has_a_text_of_its_own() {
    let text = |code: i32| {
        // SAFETY: a string that lives as long as the program.
        unsafe { CStr::from_ptr(flow_error_text(code)) }.to_str().unwrap()
    };
    let header = std::fs::read_to_string(tools::repository().join("firmware/flow-c/include/flow.h")).unwrap();
    let guide = std::fs::read_to_string(tools::repository().join("docs/c.md")).unwrap();
    let mut texts = std::collections::BTreeSet::new();
    for line in header.lines().filter_map(|line| line.trim().strip_prefix("FLOW_ERROR_")) {
        let (name, code) = line.trim_end_matches(',').split_once(" = ").unwrap();
        let code = code.parse().unwrap();
        assert_ne!(text(code), text(-1), "{name}");
        texts.insert(text(code));
        assert!(
            guide.contains(&format!("| {code} | `FLOW_ERROR_{name}` | {} |", text(code))),
            "docs/c.md lacks {name}"
        );
    }
    assert_eq!(texts.len(), 26);
    assert_eq!(text(i32::MIN), "no error of this library");
}
