//! `spec/example.flow`, written by `flow-export`: the plain writer of these tests gives the same bytes.
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::dense::activations;
use common::{Base, Column, Dense, Layer, Model, seal};
use flow_nostd::Flow;

flow_nostd::include_flow!(mod example = "../../spec/example.flow");

fn model() -> Model {
    let mut i = 0usize;
    let mut next = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|_| {
                i += 1;
                (((i - 1) * 37 % 101) as f32 - 50.0) / 64.0
            })
            .collect()
    };
    let mut chain = |widths: &[usize]| -> Vec<Dense> {
        let dense = |(w, activation): (&[usize], usize)| {
            let (inputs, outputs) = (w[0], w[1]);
            Dense {
                inputs,
                outputs,
                weights: next(inputs * outputs),
                scales: vec![],
                biases: next(outputs),
                activation,
            }
        };
        widths.windows(2).zip(activations(widths.len() - 1, false)).map(dense).collect()
    };
    Model {
        columns: vec![
            Column::Continuous([1.5, 0.25, 4.0]),
            Column::Constant([3.0, -0.125, -8.0, 1.0]),
            Column::Integer([20.0, 4.0, 5.0]),
            Column::Continuous([-40.0, 8.0, 3.5]),
        ],
        knee: 3.0,
        rate: 1.0,
        layers: vec![
            Layer::Coupling { kept: 1, bound: 2.0, dense: chain(&[1, 5, 4]) },
            Layer::Permutation(vec![2, 0, 1]),
            Layer::Coupling { kept: 2, bound: 1.5, dense: chain(&[2, 9, 3, 2]) },
        ],
        base: Base::Normal,
        probes: vec![(vec![1.25, 3.0, 17.0, -30.0], 0), (vec![90.0, 2.0, -5.0, 0.0], 0)],
        ..Model::default()
    }
}

#[test]
fn two_writers_one_file() {
    let flow = Flow::new(example::BYTES).unwrap();
    let mut scratch = [0.0; example::SCRATCH];
    assert_eq!(flow.scratch_len(), example::SCRATCH);
    flow.self_test(&mut scratch).unwrap();
    let mut model = model();
    for (row, bits) in &mut model.probes {
        let log_prob = flow.log_prob(row, &[], &mut scratch).unwrap();
        *bits = log_prob.to_bits();
        let (_, _, expected, s) = model_reference(row);
        assert!((f64::from(log_prob) - expected).abs() <= 5e-6 * s.max(1.0));
    }
    let mut file = model.file();
    // What the plain writer leaves at zero: the counter and the id.
    file[28..48].copy_from_slice(&example::BYTES[28..48]);
    // It names the columns otherwise.
    let names = [&b"\x04\0flow\x05\0state\x05\0count\x0b\0temperature"[..]].concat();
    let at = (128..).step_by(16).find(|&at| &file[at..at + 4] == b"NAME").unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (start, old) = (word(at + 8), word(at + 12));
    let grown = names.len().next_multiple_of(16) - old.next_multiple_of(16);
    let mut padded = names.clone();
    padded.resize(names.len().next_multiple_of(16), 0);
    file.splice(start..start + old.next_multiple_of(16), padded);
    file[at + 12..at + 16].copy_from_slice(&(names.len() as u32).to_le_bytes());
    for later in [at + 16, at + 32] {
        let offset = u32::from_le_bytes(file[later + 8..later + 12].try_into().unwrap()) + grown as u32;
        file[later + 8..later + 12].copy_from_slice(&offset.to_le_bytes());
    }
    let total = file.len() as u32;
    file[16..20].copy_from_slice(&total.to_le_bytes());
    seal(&mut file);
    assert!(file == example::BYTES);
}

fn model_reference(row: &[f32]) -> (Vec<f64>, f64, f64, f64) {
    model().reference(row)
}

#[test]
fn included_files_are_aligned() {
    assert_eq!(example::BYTES.as_ptr() as usize % 16, 0);
    assert_eq!(flow_nostd::scratch_len(&[0; 200]), None);
    assert_eq!(flow_nostd::scratch_len(&example::BYTES[..60]), None);
}
