//! Windows over signals: what a recipe may say, what a ring of rows gives, gaps, and values that are no numbers.
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

use flow_nostd::layout::{CHANGE, CREST, ChannelRecord, LAG, MAX, MEAN, MIN, RANGE, SLOPE, STD, VALUE};
use flow_nostd::{EvalError, FormatError, Tag, Window, Windowing};
use rand_core::Rng;
use rand_pcg::Pcg32;

const WIND: Tag = Tag(*b"WIND");

fn section(length: u16, stride: u16, channels: u16, step: u64, features: &[(u16, u16)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [length, stride, channels, features.len() as u16] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(step.to_le_bytes());
    for (kind, lag) in features {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(lag.to_le_bytes());
    }
    bytes
}

/// Value, two lags, all statistics and two changes.
fn all(length: u16) -> Vec<(u16, u16)> {
    let lags = [(LAG, 1), (LAG, length - 1)];
    let lags = &lags[..if length > 2 { 2 } else { 1 }];
    let statistics = [MEAN, STD, SLOPE, MIN, MAX, RANGE, CREST].map(|kind| (kind, 0));
    let changes: Vec<_> = lags.iter().map(|(_, rows)| (CHANGE, *rows)).collect();
    [&[(VALUE, 0)], lags, &statistics, &changes].concat()
}

fn error(section: &[u8]) -> Option<FormatError> {
    Windowing::read(section).err()
}

#[test]
fn a_recipe_says_what_it_was_written_with() {
    let section = section(12, 3, 2, 300_000_000, &all(12));
    let windowing = Windowing::read(&section).unwrap();
    assert_eq!((windowing.length(), windowing.stride(), windowing.channels()), (12, 3, 2));
    assert_eq!((windowing.columns(), windowing.memory_len(), windowing.step()), (24, 24, Some(300_000_000)));
    assert_eq!(windowing.feature_records().len(), 12);
}

#[test]
fn every_damage_is_an_error_of_its_own() {
    let record = |index, offset| Some(FormatError::Record { tag: WIND, index, offset });
    let good = section(12, 1, 2, 5, &[(VALUE, 0), (LAG, 1), (MEAN, 0)]);
    assert_eq!(error(&good), None);
    let with = |offset: usize, bytes: &[u8]| {
        let mut damaged = good.clone();
        damaged[offset..offset + bytes.len()].copy_from_slice(bytes);
        error(&damaged)
    };
    for length in [0, 1, 257, u16::MAX] {
        assert_eq!(with(0, &length.to_le_bytes()), record(0, 0), "{length}");
    }
    assert_eq!(with(2, &[0, 0]), record(0, 2));
    assert_eq!(with(4, &[0, 0]), record(0, 4));
    assert_eq!(with(6, &[0, 0]), record(0, 6));
    assert_eq!(with(8, &u64::MAX.to_le_bytes()), record(0, 8));
    let length = |expected, found| Some(FormatError::SectionLength { tag: WIND, expected, found });
    assert_eq!(with(6, &[4, 0]), length(32, 28));
    assert_eq!(error(&good[..15]), length(16, 15));
    assert_eq!(error(&good[..27]), length(28, 27));
    for kind in [0, 11] {
        assert_eq!(with(24, &[kind, 0]), Some(FormatError::UnknownKind { tag: WIND, index: 3, kind: kind.into() }));
    }
    assert_eq!(with(18, &[1, 0]), record(1, 2), "a value has no lag");
    for lag in [0, 12] {
        assert_eq!(with(22, &[lag, 0]), record(2, 2), "lag {lag} of 12 rows");
        assert_eq!(with(24, &[10, 0, lag, 0]), record(3, 2), "change over {lag} of 12 rows");
    }
    assert_eq!(with(24, &[2, 0, 1, 0]), record(3, 0), "twice the same");
    assert_eq!(with(16, &[3, 0]), record(2, 0), "out of order");
}

/// The features of a channel's last rows, by the textbook in f64.
fn reference(values: &[f32], features: &[(u16, u16)]) -> Vec<f64> {
    let x: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let std = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let t = |i: usize| i as f64 - (n - 1.0) / 2.0;
    let slope =
        x.iter().enumerate().map(|(i, x)| t(i) * x).sum::<f64>() / (0..x.len()).map(|i| t(i).powi(2)).sum::<f64>();
    let (min, max) = x.iter().fold((f64::MAX, f64::MIN), |(min, max), x| (min.min(*x), max.max(*x)));
    let peak = x.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    let of = |&(kind, lag): &(u16, u16)| match kind {
        VALUE | LAG => x[x.len() - 1 - usize::from(lag)],
        MEAN => mean,
        STD => std,
        SLOPE => slope,
        MIN => min,
        MAX => max,
        RANGE => max - min,
        CHANGE => x[x.len() - 1] - x[x.len() - 1 - usize::from(lag)],
        _ if std == 0.0 => 0.0,
        _ => peak / std,
    };
    features.iter().map(of).collect()
}

#[test]
fn every_window_is_as_the_textbook_says() {
    let mut rng = Pcg32::new(1, 2);
    let mut uniform = || (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let (lengths, rows) = if cfg!(miri) { (&[2, 12][..], 30) } else { (&[2, 3, 12, 97, 256][..], 600) };
    for &length in lengths {
        let (features, channels) = (all(length), 3);
        let section = section(length, 1, channels, 0, &features);
        let windowing = Windowing::read(&section).unwrap();
        let mut memory = vec![f32::NAN; windowing.memory_len()];
        let mut window = Window::new(windowing, &mut memory).unwrap();
        let mut row = vec![0.0; windowing.columns()];
        let mut signals = vec![Vec::new(); channels.into()];
        for i in 0..rows {
            // A small ripple on a large value, a walk, and something of its own scale.
            let last = signals[1].last().copied().unwrap_or(0.0);
            let values = [1e5 + uniform(), last + uniform() - 0.5, 1e-15 * uniform()];
            values.iter().zip(&mut signals).for_each(|(x, signal)| signal.push(*x));
            let complete = window.push(&values).unwrap();
            assert_eq!(complete, i + 1 >= length.into(), "{length}, row {i}");
            if !complete {
                let expected = EvalError::WindowLength { expected: length.into(), found: i + 1 };
                assert_eq!(window.features(&mut row, &mut []), Err(expected));
                continue;
            }
            window.features(&mut row, &mut []).unwrap();
            for (signal, found) in signals.iter().zip(row.chunks(features.len())) {
                let last = &signal[i + 1 - usize::from(length)..];
                let scale = last.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
                let spread = reference(last, &[(RANGE, 0)])[0];
                for ((feature, expected), found) in features.iter().zip(reference(last, &features)).zip(found) {
                    // Means are as exact as the values are written and as their deviations are added up; the rest as those.
                    let tolerance = match feature.0 {
                        VALUE | LAG | MIN | MAX => 0.0,
                        MEAN => scale * 1.2e-7 + spread * 1e-6,
                        CREST => 1e-4 * expected,
                        _ => 3e-6 * spread,
                    };
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error <= tolerance, "{length}, row {i}, {feature:?}: {found}, expected {expected}");
                }
            }
        }
    }
}

/// Rows by which a window of three rows is due.
fn due(section: &[u8], rows: impl IntoIterator<Item = (i64, f32)>) -> Vec<usize> {
    let windowing = Windowing::read(section).unwrap();
    let mut memory = vec![0.0; windowing.memory_len()];
    let mut window = Window::new(windowing, &mut memory).unwrap();
    let is_due = |(micros, x): (i64, f32)| window.push_at(micros, &[x]).unwrap_or(false);
    let due: Vec<bool> = rows.into_iter().map(is_due).collect();
    due.iter().enumerate().filter(|(_, due)| **due).map(|(i, _)| i).collect()
}

#[test]
fn a_stride_counts_from_the_first_complete_window() {
    let plain = |i: i64| (i, 1.0);
    assert_eq!(due(&section(3, 1, 1, 0, &[(VALUE, 0)]), (0..6).map(plain)), [2, 3, 4, 5]);
    assert_eq!(due(&section(3, 4, 1, 0, &[(VALUE, 0)]), (0..12).map(plain)), [2, 6, 10]);
}

#[test]
fn a_gap_in_time_begins_the_window_anew() {
    let of_step = section(3, 1, 1, 100, &[(VALUE, 0)]);
    // 150 after the row before is none, 151 is one.
    let at = |times: &[i64]| times.iter().map(|t| (*t, 1.0)).collect::<Vec<_>>();
    assert_eq!(due(&of_step, at(&[0, 100, 200, 350, 450])), [2, 3, 4]);
    assert_eq!(due(&of_step, at(&[0, 100, 200, 351, 451, 551, 651])), [2, 5, 6]);
    // Time that stands or goes back is one, too; and the row after it is the window's first.
    assert_eq!(due(&of_step, at(&[0, 100, 100, 200, 300])), [4]);
    assert_eq!(due(&of_step, at(&[0, 100, 200, 50, 150, 250])), [2, 5]);
    assert_eq!(due(&of_step, at(&[i64::MIN, i64::MAX, i64::MIN, 0])), []);
    // Without a step only those are.
    let of_none = section(3, 1, 1, 0, &[(VALUE, 0)]);
    assert_eq!(due(&of_none, at(&[0, 1, 1_000_000, 2_000_000])), [2, 3]);
    assert_eq!(due(&of_none, at(&[0, 1, 1, 2, 3])), [4]);
    // A stride counts anew as well.
    assert_eq!(
        due(&section(3, 2, 1, 100, &[(VALUE, 0)]), at(&[0, 100, 200, 300, 900, 1000, 1100, 1200, 1300])),
        [2, 6, 8]
    );
}

#[test]
fn what_is_no_number_is_refused_and_leaves_no_hole() {
    let section = section(3, 1, 2, 0, &[(VALUE, 0), (MEAN, 0)]);
    let windowing = Windowing::read(&section).unwrap();
    let mut memory = vec![0.0; windowing.memory_len()];
    let mut window = Window::new(windowing, &mut memory).unwrap();
    for x in [1.0, 2.0, 3.0] {
        window.push(&[x, -x]).unwrap();
    }
    for (column, row) in [(1, [4.0, f32::NAN]), (0, [f32::INFINITY, 4.0])] {
        assert_eq!(window.push(&row), Err(EvalError::NotFinite { column }));
        assert_eq!(window.rows(), 0);
    }
    let mut row = [0.0; 4];
    let unfinished = window.features(&mut row, &mut []);
    assert_eq!(unfinished, Err(EvalError::WindowLength { expected: 3, found: 0 }));
    // Three good rows later, of which none is from before.
    let complete = [6.0, 7.0, 11.0].map(|x| window.push(&[x, -x]));
    assert_eq!(complete, [Ok(false), Ok(false), Ok(true)]);
    window.features(&mut row, &mut []).unwrap();
    assert_eq!(row, [11.0, 8.0, -11.0, -8.0]);
    // So it is by the caller's will.
    window.restart();
    assert_eq!((window.rows(), window.push(&[1.0, 1.0])), (0, Ok(false)));
}

#[test]
fn wrong_lengths_change_nothing() {
    let section = section(2, 1, 2, 100, &[(VALUE, 0)]);
    let windowing = Windowing::read(&section).unwrap();
    let short = Window::new(windowing, &mut [0.0; 3]).err();
    assert_eq!(short, Some(EvalError::ScratchLength { expected: 4, found: 3 }));
    let mut memory = [0.0; 5];
    let mut window = Window::new(windowing, &mut memory).unwrap();
    window.push_at(0, &[1.0, 2.0]).unwrap();
    for wrong in [&[][..], &[1.0], &[1.0; 3]] {
        let expected = Err(EvalError::RowLength { expected: 2, found: wrong.len() });
        assert_eq!((window.push(wrong), window.push_at(900, wrong)), (expected, expected));
    }
    assert_eq!(window.push_at(100, &[3.0, 4.0]), Ok(true));
    let lengths = [window.features(&mut [0.0; 3], &mut []), window.features(&mut [0.0; 2], &mut [0.0])];
    let row = EvalError::RowLength { expected: 2, found: 3 };
    assert_eq!(lengths, [Err(row), Err(EvalError::ContextLength { expected: 0, found: 1 })]);
}

#[test]
fn what_its_sensor_cannot_give_is_in_no_window() {
    let section = section(2, 1, 2, 0, &[(MEAN, 0)]);
    let record = |low: f32, high: f32| ChannelRecord { low: low.into(), high: high.into() };
    let ranges = [record(f32::MIN, f32::MAX), record(-1.0, 4.0)];
    let windowing = Windowing::read(&section).unwrap();
    assert!(windowing.ranges().is_empty());
    let mut memory = vec![0.0; windowing.memory_len()];
    let mut window = Window::new(windowing.with_ranges(&ranges), &mut memory).unwrap();
    let out = Err(EvalError::OutOfRange { channel: 1 });
    let readings =
        [[1e9, -1.0], [3.0, 4.0], [3.0, 4.1], [5.0, 0.0], [7.0, 0.0], [9.0, -1.1], [f32::NAN, 9.0], [1.0, 1.0]];
    let found = readings.map(|reading| window.push(&reading));
    let none = Err(EvalError::NotFinite { column: 0 });
    assert_eq!(found, [Ok(false), Ok(true), out, Ok(false), Ok(true), out, none, Ok(false)]);
    let mut row = [0.0; 2];
    assert_eq!(window.features(&mut row, &mut []), Err(EvalError::WindowLength { expected: 2, found: 1 }));
    assert_eq!(window.push(&[2.0, 3.0]), Ok(true));
    window.features(&mut row, &mut []).unwrap();
    assert_eq!(row, [1.5, 2.0]);
}
