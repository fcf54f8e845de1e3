//! The engine without `all-kinds`: affine couplings load and compute, all else is refused by name.
#![cfg(not(feature = "all-kinds"))]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::exercise::exercise;
use common::{Aligned, Base, Draw, Kind, family_of, model_of, newest, random_model, seal};
use flow_nostd::{Flow, FormatError, Tag};

fn error_of(file: &[u8]) -> Option<FormatError> {
    Flow::new(Aligned::new(file).bytes()).err()
}

#[test]
fn affine_couplings_are_those_of_the_reference() {
    for seed in 0..20 {
        let model = random_model(seed, 2 + seed as usize % 4, &[7, 9], 1, 3);
        let file = Aligned::new(&model.file());
        let flow = Flow::new(file.bytes()).unwrap();
        exercise(&flow, seed);
        let mut draw = Draw::new(seed);
        let mut scratch = vec![0.0; flow.scratch_len()];
        for _ in 0..20 {
            let row = model.row(&mut draw, 3.0);
            let (_, _, log_prob, sum) = model.reference(&row);
            let found = f64::from(flow.log_prob(&row, &[], &mut scratch).unwrap());
            assert!((found - log_prob).abs() <= 5e-6 * sum.max(1.0), "{found}, expected {log_prob}");
        }
    }
}

#[test]
fn every_byte_replaced() {
    let file = random_model(3, 2, &[3], 1, 2).file();
    let mut accepted = 0;
    for at in 0..file.len() {
        for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut file = file.clone();
            file[at] = value;
            seal(&mut file);
            let file = Aligned::new(&file);
            if let Ok(flow) = Flow::new(file.bytes()) {
                accepted += 1;
                exercise(&flow, at as u64);
            }
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn other_layers_are_refused() {
    for (kind, number) in [
        (Kind::SplineCoupling(3), 3),
        (Kind::MaskedAffine, 4),
        (Kind::MaskedSpline(3), 5),
        (Kind::Linear, 6),
        (Kind::ActNorm, 7),
    ] {
        let error = error_of(&model_of(kind, 5, 3, &[4], 1, 1).file());
        assert!(
            matches!(error, Some(FormatError::UnknownKind { tag: Tag(tag), kind, .. }) if &tag == b"LAYR" && kind == number),
            "{error:?}"
        );
    }
    let error = error_of(&model_of(Kind::ResidualCoupling, 5, 3, &[4], 1, 1).file());
    assert!(
        matches!(error, Some(FormatError::Record { tag: Tag(tag), offset: 4, .. }) if &tag == b"DENS"),
        "{error:?}"
    );
}

#[test]
fn other_bases_and_columns_are_refused() {
    let [.., student_t, mixture] = newest();
    assert!(matches!((&student_t.base, &mixture.base), (Base::StudentT(_), Base::Mixture(_))));
    for (model, kind) in [(student_t, 2), (mixture, 3)] {
        assert_eq!(error_of(&model.file()), Some(FormatError::UnknownKind { tag: Tag(*b"BASE"), index: 0, kind }));
    }
    for seed in 0..20 {
        let error = error_of(&family_of(Kind::Coupling, seed, [3, 1, 1], &[4], 1, 1).file());
        let refused = match error {
            Some(FormatError::UnknownKind { tag: Tag(tag), .. }) => &tag == b"COLS",
            Some(FormatError::UnknownSection { tag: Tag(tag) }) => &tag == b"ATOM" || &tag == b"CIRC",
            _ => false,
        };
        assert!(refused, "{error:?}");
    }
}
