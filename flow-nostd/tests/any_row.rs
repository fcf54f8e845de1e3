//! Any row: once `Flow::new` says Ok, whatever file that was, every function returns for every row, context, latent vector
//! and length; what comes of finite numbers is finite, and what is not finite is refused.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::mutation::{Change, FILES, change, mutate};
use common::{Aligned, Draw};
use flow_nostd::{EvalError, Flow};
use proptest::prelude::*;

/// Numbers as they may be: usual, of any size, special, any bits.
fn value() -> impl Strategy<Value = f32> {
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ]);
    prop_oneof![4 => -10f32..10.0, 2 => prop::num::f32::NORMAL, 1 => special, 1 => any::<u32>().prop_map(f32::from_bits)]
}

fn finite(values: &[f32]) -> bool {
    values.iter().all(|v| v.is_finite())
}

/// What every function must say of finite and of other values.
fn judge<T>(result: Result<T, EvalError>, all_finite: bool) -> Option<T> {
    match result {
        Ok(value) => {
            assert!(all_finite);
            Some(value)
        }
        Err(EvalError::NotFinite { .. }) => {
            assert!(!all_finite);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn call_all(flow: &Flow<'_>, values: &[f32], seed: u64) {
    let mut next = values.iter().copied().cycle();
    let mut take = |n: usize| -> Vec<f32> { next.by_ref().take(n).collect() };
    let (row, context, latent) = (take(flow.columns()), take(flow.context_dim()), take(flow.dim()));
    let whole = finite(&row) && finite(&context);
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    if let Some(log_prob) = judge(flow.log_prob(&row, &context, &mut scratch), whole) {
        assert!(log_prob.is_finite(), "log_prob {log_prob} of {row:?} in {context:?}");
    }
    let mut z = vec![0.0; flow.dim()];
    if let Some(log_det) = judge(flow.to_latent(&row, &context, &mut z, &mut scratch), whole) {
        assert!(log_det.is_finite() && finite(&z), "log_det {log_det}, {z:?} of {row:?} in {context:?}");
    }
    let mut back = vec![0.0; flow.columns()];
    if judge(flow.to_data(&latent, &context, &mut back, &mut scratch), finite(&latent) && finite(&context)).is_some() {
        assert!(finite(&back), "{back:?} of {latent:?} in {context:?}");
    }
    if judge(flow.sample(&mut Draw::new(seed).0, &context, &mut back, &mut scratch), finite(&context)).is_some() {
        assert!(finite(&back), "the sample {back:?} in {context:?}");
    }
    let _ = flow.self_test(&mut scratch);
    assert!(flow.outside_support(&row).is_none_or(|column| column < flow.column_records().len()));
    assert!(flow.column_name(seed as usize).is_none_or(|_| (seed as usize) < flow.column_records().len()));
    let _ = (format!("{flow:?}"), flow.model_id_hex(), flow.probes());
    // Any other length is refused, or for functions that cannot fail, of no consequence.
    let length = seed as usize % (flow.columns() + 2);
    if length != flow.columns() {
        assert!(flow.log_prob(&take(length), &context, &mut scratch).is_err());
        let _ = flow.outside_support(&take(length));
    }
}

fn cases(ordinary: u32) -> ProptestConfig {
    let failure_persistence = ProptestConfig::default().failure_persistence.filter(|_| !cfg!(miri));
    ProptestConfig { cases: if cfg!(miri) { 2 } else { ordinary }, failure_persistence, ..ProptestConfig::default() }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((0usize..16, any::<usize>(), 0u8..7, any::<u32>()), 0..4)
}

fn run(which: usize, changes: &[Change], rows: &[Vec<f32>], seed: u64) -> bool {
    let file = Aligned::new(&mutate(&FILES[which % FILES.len()], changes));
    let flow = Flow::new(file.bytes());
    assert!(flow.is_ok() || !changes.is_empty(), "{flow:?}");
    flow.is_ok_and(|flow| {
        // A file can only ask for as much as its own layers take.
        assert!(flow.scratch_len() < 1 << 20);
        rows.iter().for_each(|row| call_all(&flow, row, seed));
        true
    })
}

fn rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(value(), 1..32), 4)
}

proptest! {
    #![proptest_config(cases(120_000))]

    #[test]
    fn of_any_accepted_file(which: usize, changes in changes(), rows in rows(), seed in 0u64..64) {
        run(which, &changes, &rows, seed);
    }
}

proptest! {
    #![proptest_config(cases(3_000_000))]

    #[test]
    #[ignore = "a long test: millions of files"]
    fn of_any_accepted_file_at_length(which: usize, changes in changes(), rows in rows(), seed in 0u64..64) {
        run(which, &changes, &rows, seed);
    }
}

/// The test above would say nothing if most files were refused.
#[test]
fn many_changed_files_are_accepted() {
    let mut draw = Draw::new(1);
    let (mut accepted, files) = (0, if cfg!(miri) { 2 } else { 4000 });
    for which in 0..files {
        let changes = [change(&mut draw), change(&mut draw)];
        accepted += usize::from(run(which, &changes, &[vec![0.5, -1.0]], 0));
    }
    println!("{accepted} of {files} accepted");
    assert!(cfg!(miri) || accepted > files / 8, "{accepted}");
}
