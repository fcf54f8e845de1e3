//! Files that are cut, damaged, or made to look right: each gives an error or a flow that computes finite numbers.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::exercise::exercise;
use common::{
    Aligned, Atom, Base, Column, Draw, Kind, Layer, Model, Order, everything, family_of, model_of, newest, of_bytes,
    random_model, seal, stride,
};
use flow_nostd::layout::MINOR;
use flow_nostd::{Flow, FormatError, SelfTestError, Tag};
use proptest::prelude::*;

/// A file of about a kilobyte with every kind of record, and two probes.
fn small() -> Model {
    let mut model = random_model(42, 3, &[5], 2, 2);
    let mut draw = Draw::new(9);
    let rows: Vec<Vec<f32>> = (0..2).map(|_| model.row(&mut draw, 1.0)).collect();
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    model.probes =
        rows.into_iter().map(|row| (row.clone(), flow.log_prob(&row, &[], &mut scratch).unwrap().to_bits())).collect();
    model
}

fn error_of(file: &[u8]) -> Option<FormatError> {
    Flow::new(Aligned::new(file).bytes()).err()
}

/// The file with `bytes` at `offset` and right checksums.
fn patched(file: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    seal(&mut file);
    file
}

/// Offset and length of a section.
fn section(file: &[u8], tag: &[u8; 4]) -> (usize, usize) {
    let at = (128..).step_by(16).find(|&at| &file[at..at + 4] == tag).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    (word(at + 8), word(at + 12))
}

#[test]
fn the_small_file_is_good() {
    let file = small().file();
    assert!(file.len() < 2048, "{}", file.len());
    let file = Aligned::new(&file);
    let flow = Flow::new(file.bytes()).unwrap();
    assert_eq!(flow.probes(), 2);
    assert_eq!(flow.self_test(&mut vec![0.0; flow.scratch_len()]), Ok(()));
}

#[test]
fn a_probe_that_differs_by_one_bit_is_found() {
    let mut model = small();
    model.probes[1].1 ^= 1;
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let (expected, found) = (model.probes[1].1, model.probes[1].1 ^ 1);
    assert_eq!(
        flow.self_test(&mut vec![0.0; flow.scratch_len()]),
        Err(SelfTestError::Mismatch { probe: 1, expected, found })
    );
    model.probes.clear();
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    assert_eq!(flow.self_test(&mut vec![0.0; flow.scratch_len()]), Err(SelfTestError::NoProbes));
}

#[test]
fn every_truncation() {
    let file = small().file();
    let aligned = Aligned::new(&file);
    for length in (0..file.len()).step_by(stride(7)) {
        let error = Flow::new(&aligned.bytes()[..length]).unwrap_err();
        let expected = if length < 128 { 128 } else { file.len() };
        assert_eq!(error, FormatError::Truncated { expected, found: length });
    }
}

#[test]
fn every_flipped_bit() {
    let file = small().file();
    let mut aligned = Aligned::new(&file);
    for bit in (0..8 * file.len()).step_by(stride(2003)) {
        aligned.all_mut()[bit / 8] ^= 1 << (bit % 8);
        assert!(Flow::new(aligned.bytes()).is_err(), "bit {bit}");
        aligned.all_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(Flow::new(aligned.bytes()).is_ok());
}

#[test]
fn erased_misaligned_foreign_newer() {
    let file = small().file();
    for byte in [0xff, 0] {
        assert_eq!(error_of(&[byte; 4096]), Some(FormatError::Erased));
        assert_eq!(error_of(&[byte; 128]), Some(FormatError::Erased));
    }
    let mut shifted = vec![0; 1];
    shifted.extend(&file);
    for start in 1..4 {
        shifted.insert(0, 0);
        let aligned = Aligned::new(&shifted);
        let first = start + 1;
        let result = Flow::new(&aligned.bytes()[first..]);
        if first % 4 == 0 { assert!(result.is_ok()) } else { assert_eq!(result.unwrap_err(), FormatError::Misaligned) }
    }
    assert_eq!(error_of(&[7; 300]), Some(FormatError::Magic));
    assert_eq!(error_of(&patched(&file, 8, &[2])), Some(FormatError::Version { expected: 1, found: 2 }));
    // A newer minor version may use what is reserved.
    let newer = patched(&patched(&file, 10, &(MINOR + 1).to_le_bytes()), 80, &[9]);
    assert_eq!(error_of(&newer), None);
    assert_eq!(error_of(&patched(&file, 10, &MINOR.to_le_bytes())), None);
    assert_eq!(error_of(&patched(&file, 80, &[9])), Some(FormatError::HeaderField { offset: 76 }));
    assert_eq!(error_of(&patched(&file, 20, &[4])), Some(FormatError::CriticalFlags { bits: 4 }));
    assert_eq!(error_of(&patched(&file, 24, &[4])), None);
    assert_eq!(error_of(&patched(&file, 60, &[1])), Some(FormatError::WeightType { found: 1 }));
    assert_eq!(error_of(&patched(&file, 52, &[0xff, 0xff])), Some(FormatError::HeaderField { offset: 52 }));
    assert_eq!(error_of(&patched(&file, 50, &[2])), Some(FormatError::Dimension { expected: 2, found: 3 }));
    assert!(matches!(error_of(&patched(&file, 64, &[1])), Some(FormatError::ScratchLength { found: 1, .. })));
    assert!(matches!(error_of(&patched(&file, 68, &[1])), Some(FormatError::Macs { found: 1, .. })));
}

#[test]
fn only_a_signature_may_follow() {
    let mut file = small().file();
    let total = file.len();
    for extra in 0..130 {
        let error = error_of(&file);
        match extra {
            0 | 64 => assert_eq!(error, None),
            _ => assert_eq!(error, Some(FormatError::Trailing { expected: total, found: total + extra })),
        }
        file.push(0xff);
    }
}

#[test]
fn sections() {
    let file = small().file();
    let entry = |tag: &[u8; 4]| (128..).step_by(16).find(|&at| &file[at..at + 4] == tag).unwrap();
    let (tails, names) = (entry(b"TAIL"), entry(b"NAME"));
    assert_eq!(error_of(&patched(&file, tails, b"WHAT")), Some(FormatError::UnknownSection { tag: Tag(*b"WHAT") }));
    assert_eq!(error_of(&patched(&file, names, b"WHAT")), None);
    assert_eq!(error_of(&patched(&file, names, b"TAIL")), Some(FormatError::DuplicateSection { tag: Tag(*b"TAIL") }));
    let hidden = patched(&patched(&file, tails, b"what"), tails + 4, &[0]);
    assert_eq!(error_of(&hidden), Some(FormatError::MissingSection { tag: Tag(*b"TAIL") }));
    assert!(matches!(error_of(&patched(&file, tails + 8, &[0])), Some(FormatError::SectionPlace { .. })));
    assert!(matches!(error_of(&patched(&file, tails + 4, &[3])), Some(FormatError::SectionFlags { found: 3, .. })));
    let (start, length) = section(&file, b"PROB");
    assert!(matches!(error_of(&patched(&file, start + length, &[1])), Some(FormatError::Padding { .. })));
    let weights = entry(b"WGHT");
    assert!(matches!(
        error_of(&patched(&file, weights + 12, &0xffff_fff0u32.to_le_bytes())),
        Some(FormatError::SectionEnd { .. })
    ));
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn values_that_are_not_allowed() {
    let file = small().file();
    let (weights, _) = section(&file, b"WGHT");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(
            error_of(&patched(&file, weights, &bad.to_le_bytes())),
            Some(FormatError::WeightNotFinite { dense: 0 })
        );
    }
    let huge = patched(&file, weights, &f32::MAX.to_le_bytes());
    assert_eq!(error_of(&huge), Some(FormatError::WeightsTooLarge { dense: 0 }));
    // The first dense layer has two inputs and five outputs: its biases follow 2 * 8 weights.
    let negative_zero = patched(&file, weights + 64, &(-0.0f32).to_le_bytes());
    assert_eq!(error_of(&negative_zero), Some(FormatError::NegativeZero { dense: 0 }));

    let (columns, _) = section(&file, b"COLS");
    for (offset, bad) in [(8, 0.0), (8, -1.0), (8, f32::NAN), (12, 0.0), (4, f32::NAN), (16, f32::INFINITY)] {
        let error = error_of(&patched(&file, columns + offset, &f32::to_le_bytes(bad)));
        assert!(matches!(error, Some(FormatError::Record { tag: Tag(t), index: 0, .. }) if &t == b"COLS"), "{error:?}");
    }
    let kind = patched(&file, columns, &[9]);
    assert_eq!(error_of(&kind), Some(FormatError::UnknownKind { tag: Tag(*b"COLS"), index: 0, kind: 9 }));
    let (layers, _) = section(&file, b"LAYR");
    let kind = patched(&file, layers + 32, &[9]);
    assert_eq!(error_of(&kind), Some(FormatError::UnknownKind { tag: Tag(*b"LAYR"), index: 1, kind: 9 }));
    let (base, _) = section(&file, b"BASE");
    let kind = patched(&file, base, &[9]);
    assert_eq!(error_of(&kind), Some(FormatError::UnknownKind { tag: Tag(*b"BASE"), index: 0, kind: 9 }));
    let (indices, _) = section(&file, b"INDX");
    for bad in [[0, 0, 0, 0, 0, 0], [9, 9, 1, 0, 2, 0], [0xff; 6]] {
        assert_eq!(error_of(&patched(&file, indices, &bad)), Some(FormatError::NotAPermutation { layer: 0 }));
    }
    for bad in [0.0, f32::NAN, 100.0, f32::INFINITY] {
        let error = error_of(&patched(&file, layers + 32 + 8, &f32::to_le_bytes(bad)));
        assert!(matches!(error, Some(FormatError::Record { index: 1, offset: 8, .. })), "{error:?}");
    }
}

/// Replaces every byte of a file by each of `values`, with its checksums repaired: what is accepted computes finite numbers.
fn replace_every_byte(file: &[u8], values: &[u8]) {
    let mut accepted = 0;
    for offset in (0..file.len()).step_by(stride(997)) {
        for &value in values {
            let file = Aligned::new(&patched(file, offset, &[value]));
            if let Ok(flow) = Flow::new(file.bytes()) {
                accepted += 1;
                exercise(&flow, offset as u64);
            }
        }
    }
    assert!(cfg!(miri) || accepted > 1000);
}

/// Bytes that counts, kinds, signs and exponents are sensitive to.
const TELLING: [u8; 9] = [0, 1, 2, 3, 5, 0x3f, 0x7f, 0x80, 0xff];

#[test]
fn every_byte_replaced() {
    replace_every_byte(&small().file(), &[0, 1, 2, 3, 5, 8, 0x10, 0x3f, 0x7f, 0x80, 0xfe, 0xff]);
}

/// Small files of the layers beyond affine couplings.
fn others() -> Vec<Vec<u8>> {
    [(Kind::SplineCoupling(3), 1), (Kind::MaskedAffine, 0), (Kind::MaskedSpline(2), 0)]
        .map(|(kind, kept)| model_of(kind, 17, 3, &[5], kept, 2).file())
        .to_vec()
}

/// Small files over columns of every kind, with atoms, context and circles.
fn families() -> Vec<Model> {
    [(Kind::Coupling, 2), (Kind::MaskedSpline(2), 0)]
        .map(|(kind, kept)| {
            let mut model = family_of(kind, 23, [5, 2, 1], &[5], kept, 1);
            let row = model.row(&mut Draw::new(3), 1.0);
            model.probes = vec![(row, 0)];
            model
        })
        .to_vec()
}

/// Files with all there is in them.
fn wholes() -> [Vec<u8>; 2] {
    [everything(3, 5, Base::student_t).file(), everything(4, 5, |draw, lines| Base::mixture(draw, lines, 2)).file()]
}

/// The first column of which `which` holds, and the offset of its record.
fn column(model: &Model, file: &[u8], which: impl Fn(&Column) -> bool) -> (u16, usize) {
    let j = model.columns.iter().position(which).unwrap();
    (j as u16, section(file, b"COLS").0 + 32 * j)
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn values_of_other_columns_that_are_not_allowed() {
    let model = &families()[0];
    let file = model.file();
    assert_eq!(error_of(&file), None);
    let refused = |column: (u16, usize), offset: usize, bytes: &[u8], at: u16| {
        let error = error_of(&patched(&file, column.1 + offset, bytes));
        assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"COLS"), index: column.0, offset: at }));
    };
    let bits = f32::to_le_bytes;
    let positive = column(model, &file, |c| matches!(c, Column::Positive(_)));
    let bounded = column(model, &file, |c| matches!(c, Column::Bounded(..)));
    let lattice = column(model, &file, |c| matches!(c, Column::Lattice(..)));
    let circular = column(model, &file, |c| matches!(c, Column::Circular(_)));
    let context = column(model, &file, |c| matches!(c, Column::Context(_)));
    let constant = column(model, &file, |c| matches!(c, Column::Constant(_)));
    for bad in [0.0, -1.0, f32::NAN] {
        [positive, bounded, lattice, circular, context].iter().for_each(|&c| refused(c, 8, &bits(bad), 8));
        [positive, bounded, lattice, context].iter().for_each(|&c| refused(c, 12, &bits(bad), 12));
    }
    [positive, bounded, context].iter().for_each(|&c| refused(c, 16, &bits(0.5), 16));
    refused(context, 12, &bits(2e9), 12);
    [12, 16].iter().for_each(|&at| refused(circular, at, &bits(1.0), 12));
    [positive, bounded, lattice, circular].iter().for_each(|&c| refused(c, 4, &bits(f32::INFINITY), 4));
    for bad in [f32::NAN, f32::INFINITY, 1e9] {
        refused(bounded, 20, &bits(bad), 20);
    }
    refused(bounded, 24, &bits(-1e9), 20);
    refused(lattice, 20, &bits(f32::NAN), 20);
    [0.0, -1.0, f32::NAN, f32::INFINITY].iter().for_each(|&bad| refused(lattice, 24, &bits(bad), 20));
    [positive, circular, context, constant].iter().for_each(|&c| refused(c, 20, &bits(1.0), 20));
    [bounded, lattice].iter().for_each(|&c| refused(c, 28, &bits(1.0), 20));
    // Atoms: none off a line, at most eight, and as many as there are.
    [circular, context, constant].iter().for_each(|&c| refused(c, 2, &[1], 2));
    refused(positive, 2, &[9], 2);
    let more = error_of(&patched(&file, positive.1 + 2, &[8]));
    assert!(matches!(more, Some(FormatError::Record { offset: 2 | 4 | 0, .. })), "{more:?}");
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn atoms_that_are_not_allowed() {
    let (whole, real) = (Column::Integer([0.0, 2.0, 9.0]), Column::Continuous([0.0, 2.0, 9.0]));
    let atom = |value, cut, width| Atom { value, cut, width };
    let error = |column: &Column, atoms: &[Atom]| {
        let model = Model { columns: vec![column.clone()], atoms: vec![atoms.to_vec()], knee: 6.0, ..Model::default() };
        error_of(&model.file())
    };
    let at = |index, offset| Some(FormatError::Record { tag: Tag(*b"ATOM"), index, offset });
    assert_eq!(error(&whole, &[atom(1.0, 1.0, 1.0), atom(3.0, 3.0, 9.5)]), None);
    assert_eq!(error(&whole, &[atom(1.5, 1.5, 1.0)]), at(0, 0));
    assert_eq!(error(&whole, &[atom(1.0, 2.0, 1.0)]), at(0, 4));
    assert_eq!(error(&whole, &[atom(1.0, 1.0, 0.9)]), at(0, 8));
    assert_eq!(error(&real, &[atom(1.0, 1.2, 0.1), atom(2.0, 1.3, 1e30)]), None);
    assert_eq!(error(&real, &[atom(1.0, 1.2, 0.1), atom(2.0, 1.2, 0.1)]), at(1, 4));
    assert_eq!(error(&real, &[atom(f32::NAN, 1.2, 0.1)]), at(0, 0));
    assert_eq!(error(&real, &[atom(1.0, f32::INFINITY, 0.1)]), at(0, 4));
    [0.0, -1.0, 2e30, f32::NAN].iter().for_each(|&width| assert_eq!(error(&real, &[atom(1.0, 1.0, width)]), at(0, 8)));

    let model = Model { columns: vec![real], atoms: vec![vec![atom(1.0, 1.0, 1.0)]], knee: 6.0, ..Model::default() };
    let file = model.file();
    let (columns, (atoms, _)) = (section(&file, b"COLS").0, section(&file, b"ATOM"));
    assert_eq!(error_of(&patched(&file, atoms + 12, &1e31f32.to_le_bytes())), at(0, 12));
    assert_eq!(error_of(&patched(&file, columns + 2, &[0])), Some(FormatError::Unused { tag: Tag(*b"ATOM") }));
    let two = error_of(&patched(&file, columns + 2, &[2]));
    assert_eq!(two, Some(FormatError::Record { tag: Tag(*b"COLS"), index: 0, offset: 2 }));
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn circles_and_counts_that_are_not_allowed() {
    let model = &families()[0];
    let file = model.file();
    let circles = section(&file, b"CIRC").0;
    let refused = |offset: usize, bytes: &[u8], index: u16, at: u16| {
        let error = error_of(&patched(&file, circles + offset, bytes));
        assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"CIRC"), index, offset: at }));
    };
    refused(0, &[1], 0, 0);
    refused(16, &[0], 1, 0);
    refused(2, &[0], 0, 2);
    [0, 1, 65].iter().for_each(|&bins| refused(4, &[bins], 0, 4));
    refused(6, &[1], 0, 6);
    refused(15, &[1], 0, 6);
    // A circle without its spline, and a spline without its circle.
    let entry = (128..).step_by(16).find(|&at| &file[at..at + 4] == b"CIRC").unwrap();
    let hidden = patched(&patched(&file, entry, b"circ"), entry + 4, &[0]);
    let length = |expected, found| Some(FormatError::SectionLength { tag: Tag(*b"CIRC"), expected, found });
    assert_eq!(error_of(&hidden), length(32, 0));
    let mut plain = model_of(Kind::Coupling, 1, 2, &[], 1, 1);
    plain.circles = vec![model.circles[0].clone()];
    plain.circles[0].dense.truncate(1);
    let file = plain.file();
    assert_eq!(error_of(&patched(&file, 50, &[2])), length(0, 16));

    let file = model.file();
    let found = FormatError::ContextDimension { expected: 0, found: 1 };
    let columns = model.columns.len() as u8;
    assert_eq!(error_of(&patched(&patched(&file, 52, &[0]), 48, &[columns])), Some(found));
    // Layers, but nothing on a line.
    let mut turning = family_of(Kind::Coupling, 4, [0, 1, 0], &[], 0, 0);
    assert_eq!(error_of(&turning.file()), None);
    turning.layers.push(Layer::Permutation(vec![]));
    assert_eq!(error_of(&turning.file()), Some(FormatError::HeaderField { offset: 54 }));
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn every_byte_of_families_replaced() {
    for model in families() {
        let file = model.file();
        assert!(file.len() < 4096, "{}", file.len());
        replace_every_byte(&file, &TELLING);
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn every_byte_of_other_layers_replaced() {
    let models = newest().into_iter().chain(of_bytes());
    for file in others().into_iter().chain(models.map(|model| model.file())) {
        replace_every_byte(&file, &TELLING);
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn values_of_other_layers_that_are_not_allowed() {
    for file in others() {
        let (layers, _) = section(&file, b"LAYR");
        let layer = layers + 32;
        let kind = file[layer];
        let refused = |offset: usize, bytes: &[u8], at: u16| {
            let error = error_of(&patched(&file, layer + offset, bytes));
            assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"LAYR"), index: 1, offset: at }), "kind {kind}");
        };
        let bounds = if kind == 4 { [0.0, 100.0, f32::NAN, -1.0] } else { [1e-4, 2e6, f32::NAN, -4.0] };
        bounds.iter().for_each(|b| refused(8, &b.to_le_bytes(), 8));
        refused(31, &[1], if kind == 4 { 12 } else { 14 });
        refused(4, &[1], 4);
        refused(6, &[0], 6);
        if kind == 3 {
            refused(2, &[3], 2);
            refused(2, &[0], 2);
        } else {
            refused(2, &[1], 2);
        }
        if kind != 4 {
            refused(12, &[1, 0], 12);
            refused(12, &[65, 0], 12);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn residual_conditioners_that_are_refused() {
    let [model, ..] = newest();
    let refused = |change: &dyn Fn(&mut Vec<common::Dense>)| {
        let mut model = model.clone();
        let Layer::Coupling { dense, .. } = &mut model.layers[1] else { panic!("another layer") };
        change(dense);
        error_of(&model.file())
    };
    let dense = |index, offset| Some(FormatError::Record { tag: Tag(*b"DENS"), index, offset });
    assert_eq!(refused(&|_| {}), None);
    // Without an activation, ReLU, added, without: every other order is refused.
    for (at, right) in [0, 1, 2, 0].into_iter().enumerate() {
        for wrong in (0..4).filter(|&a| a != right) {
            // ReLU at the front makes a plain conditioner, in which the third record is wrong.
            let index = if at == 0 && wrong == 1 { 2 } else { at as u16 };
            assert_eq!(refused(&|d| d[at].activation = wrong), dense(index, 4), "{at} {wrong}");
        }
    }
    // Not a whole number of blocks, and no block.
    assert_eq!(refused(&|d| drop(d.remove(2))), dense(0, 4));
    assert_eq!(refused(&|d| drop(d.drain(1..3))), dense(0, 4));
    // A block of another width.
    let narrow = |d: &mut Vec<common::Dense>| {
        d[1].outputs = 4;
        d[1].weights.truncate(20);
        d[1].biases.truncate(4);
        d[2].inputs = 4;
        d[2].weights.truncate(20);
    };
    assert_eq!(refused(&narrow), dense(1, 2));
    // What a block adds to counts: up to 4e29 after the first dense layer, and each of these blocks doubles it.
    let large = |d: &mut Vec<common::Dense>, blocks: usize| {
        d[0].weights.fill(4e20);
        d[0].biases.fill(0.0);
        let (mut relu, mut add) = (d[1].clone(), d[2].clone());
        relu.weights.fill(0.2);
        add.weights.fill(0.2);
        d.splice(1..3, (0..blocks).flat_map(|_| [relu.clone(), add.clone()]));
        d.last_mut().unwrap().weights.fill(0.01);
    };
    assert_eq!(refused(&|d| large(d, 1)), None);
    assert_eq!(refused(&|d| large(d, 2)), Some(FormatError::WeightsTooLarge { dense: 4 }));

    // A masked layer has none, and a circle has none.
    let mut model = model_of(Kind::MaskedAffine, 1, 3, &[5, 5, 5], 0, 1);
    assert_eq!(error_of(&model.file()), None);
    let activations = common::dense::activations(4, true);
    model.layers[1].dense_mut().iter_mut().zip(&activations).for_each(|(d, a)| d.activation = *a);
    assert_eq!(error_of(&model.file()), dense(0, 4));
    let mut model = family_of(Kind::Coupling, 1, [2, 1, 1], &[5, 5, 5], 1, 1);
    assert_eq!(error_of(&model.file()), None);
    model.circles[0].dense.iter_mut().zip(&activations).for_each(|(d, a)| d.activation = *a);
    assert_eq!(error_of(&model.file()), dense(0, 4));
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn linear_layers_that_are_refused() {
    let [_, linear, act_norm, ..] = newest().map(|model| model.file());
    for file in [&linear, &act_norm] {
        let layer = section(file, b"LAYR").0 + 32;
        let refused = |offset: usize, bytes: &[u8], at: u16| {
            let error = error_of(&patched(file, layer + offset, bytes));
            assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"LAYR"), index: 1, offset: at }));
        };
        refused(2, &[1], 2);
        refused(4, &[8], 4);
        for bad in [f32::NAN, f32::INFINITY, 2e9, -2e9] {
            refused(8, &bad.to_le_bytes(), 8);
        }
        refused(12, &[1], 12);
        refused(31, &[1], 12);
        if file == &linear {
            refused(6, &[1], 6);
            refused(6, &[3], 6);
        }
    }
    let (dense, _) = section(&linear, b"DENS");
    let refused = |offset: usize, bytes: &[u8], at: u16| {
        let error = error_of(&patched(&linear, dense + offset, bytes));
        let index = (offset / 16) as u16;
        assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"DENS"), index, offset: at }));
    };
    for index in [0, 16] {
        refused(index, &[2], 0);
        refused(index + 2, &[4], 2);
        refused(index + 4, &[1], 4);
        refused(index + 4, &[2], 4);
        refused(index + 6, &[1], 6);
    }
    let (weights, _) = section(&linear, b"WGHT");
    // Three rows of a panel, then its biases; the same again for the inverse.
    for (index, bias) in [(0, weights + 96), (1, weights + 128 + 96)] {
        for bad in [1e-30, -1.0] {
            let error = error_of(&patched(&linear, bias, &f32::to_le_bytes(bad)));
            assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"DENS"), index, offset: 12 }));
        }
    }

    let (values, length) = section(&act_norm, b"WGHT");
    assert_eq!(length, 4 * 16);
    let bad: [(usize, &[f32]); 3] = [
        (0, &[0.0, -0.0, -1.0, f32::NAN, f32::INFINITY]),
        (3, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]),
        (6, &[0.0, -2.0, f32::NAN, f32::INFINITY]),
    ];
    for (first, bad) in bad {
        for at in first..first + 3 {
            for bad in bad {
                let error = error_of(&patched(&act_norm, values + 4 * at, &bad.to_le_bytes()));
                assert_eq!(error, Some(FormatError::Record { tag: Tag(*b"LAYR"), index: 1, offset: 4 }), "{at} {bad}");
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn bases_that_are_refused() {
    let [normal, .., student_t, mixture] = newest().map(|model| model.file());
    let refused = |file: &[u8], offset: usize, bytes: &[u8], index: u16, at: u16| {
        let base = section(file, b"BASE").0;
        let error = error_of(&patched(file, base + offset, bytes));
        let expected = FormatError::Record { tag: Tag(*b"BASE"), index, offset: at };
        assert_eq!(error, Some(expected), "{offset} {bytes:?}");
    };
    for file in [&normal, &student_t, &mixture] {
        refused(file, 4, &[1], 0, 4);
        refused(file, 15, &[1], 0, 4);
        refused(file, 2, &[if file == &mixture { 0 } else { 1 }], 0, 2);
        for kind in [0, 4] {
            let error = error_of(&patched(file, section(file, b"BASE").0, &[kind]));
            assert_eq!(error, Some(FormatError::UnknownKind { tag: Tag(*b"BASE"), index: 0, kind: kind.into() }));
        }
    }
    let base = |file: &[u8]| section(file, b"BASE").0;
    let length = |expected, found| Some(FormatError::SectionLength { tag: Tag(*b"BASE"), expected, found });
    assert_eq!(error_of(&patched(&normal, base(&normal), &[2])), length(64, 16));
    assert_eq!(error_of(&patched(&normal, base(&normal), &[3, 0, 5])), length(96, 16));
    assert_eq!(error_of(&patched(&student_t, base(&student_t), &[1])), length(16, 64));
    assert_eq!(error_of(&patched(&mixture, base(&mixture) + 2, &[2])), length(48, 64));

    for index in 1..=3 {
        let record = 16 * usize::from(index);
        let number = |file: &[u8], offset: usize, bad: f32| {
            refused(file, record + offset, &bad.to_le_bytes(), index, offset as u16);
        };
        for bad in [2.0, 1000.1, -3.0, f32::NAN, f32::INFINITY] {
            number(&student_t, 8, bad);
        }
        for bad in [0.0, 1.0, f32::NAN] {
            number(&student_t, 0, bad);
            number(&student_t, 4, bad);
        }
        for bad in [101.0, -101.0, f32::NAN] {
            number(&student_t, 12, bad);
        }
        for bad in [2e9, f32::NEG_INFINITY, f32::NAN] {
            number(&mixture, 0, bad);
        }
        // Beyond 1, not a number, and for the later ones less than the one before.
        for bad in [1.1, f32::NAN, -0.1] {
            number(&mixture, 4, bad);
        }
        refused(&mixture, record + 8, &[9], index, 8);
        refused(&mixture, record + 10, &[1], index, 10);
        refused(&mixture, record + 15, &[1], index, 10);
    }
    refused(&mixture, 48 + 4, &0.999f32.to_le_bytes(), 3, 4);
    refused(&mixture, 32 + 4, &1e-3f32.to_le_bytes(), 2, 4);

    // The last three panels of three rows and biases are the components'.
    let (weights, length) = section(&mixture, b"WGHT");
    for component in 0..3 {
        let panel = weights + length - 128 * (3 - component);
        let dense = 2 + component as u16;
        for from in 0..3 {
            for to in 0..3 {
                let place = panel + 4 * (8 * from + to);
                for bad in [-1.0, -0.0, f32::from_bits(1)] {
                    let error = error_of(&patched(&mixture, place, &f32::to_le_bytes(bad)));
                    let expected = match from.cmp(&to) {
                        std::cmp::Ordering::Greater => Some(FormatError::MaskedWeight { dense }),
                        std::cmp::Ordering::Equal if bad <= 0.0 => Some(FormatError::Diagonal { dense }),
                        _ => None,
                    };
                    assert_eq!(error, expected, "{from} {to} {bad}");
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn weights_against_the_order_are_refused() {
    let kinds = [Kind::MaskedAffine, Kind::MaskedSpline(3)];
    for (kind, context) in kinds.into_iter().flat_map(|kind| [(kind, 0), (kind, 2)]) {
        let dim = 4;
        let mut model = family_of(kind, 3, [dim, 0, context], &[6, 7], 0, 1);
        model.atoms.clear();
        let order = Order { lines: dim, features: context };
        let (mut refused, mut accepted) = (0, 0);
        for (i, d) in model.layers[1].clone().dense_mut().iter().enumerate() {
            for at in (0..d.weights.len()).step_by(stride(5)) {
                let mut as_bytes = model.clone().of_bytes();
                as_bytes.layers[1].dense_mut()[i].weights[at] = 1.0;
                let mut model = model.clone();
                model.layers[1].dense_mut()[i].weights[at] = 1e-9;
                let (input, output) = (at / d.outputs, at % d.outputs);
                let below = if i == 0 { (input + 1).saturating_sub(context) } else { order.degree(input, d.inputs) };
                let above = match kind {
                    _ if i < 2 => order.degree(output, d.outputs),
                    Kind::MaskedAffine => output % dim,
                    _ => output / 8,
                };
                let error = error_of(&model.file());
                assert_eq!(error_of(&as_bytes.file()), error);
                if below > above {
                    refused += 1;
                    assert_eq!(error, Some(FormatError::MaskedWeight { dense: i as u16 }));
                } else {
                    accepted += 1;
                    assert_eq!(error, None);
                }
            }
        }
        assert!(cfg!(miri) || refused > 20 && accepted > 20);
    }
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of checksums, too slow under Miri")]
fn weights_of_eight_bits_that_are_refused() {
    let record = |index, offset| Some(FormatError::Record { tag: Tag(*b"DENS"), index, offset });
    // Two inputs lead to five outputs, and those to two: 16 bytes and 40, each followed by eight biases and eight scales.
    let file = model_of(Kind::Coupling, 1, 3, &[5], 2, 1).of_bytes().file();
    assert_eq!(error_of(&file), None);
    let (dense, weights) = (section(&file, b"DENS").0, section(&file, b"WGHT").0);
    assert_eq!(section(&file, b"WGHT").1, 16 + 64 + 40 + 64);
    for (index, first, biases) in [(0, weights, weights + 16), (1, weights + 80, weights + 120)] {
        let at = dense + 16 * usize::from(index);
        for weight_type in [2, 3, 0xff] {
            assert_eq!(error_of(&patched(&file, at + 6, &[weight_type])), record(index, 6));
        }
        assert_eq!(error_of(&patched(&file, at + 7, &[1])), record(index, 6));
        assert_eq!(error_of(&patched(&file, at + 8, &[1])), record(index, 8));
        assert_eq!(error_of(&patched(&file, at + 12, &[1])), record(index, 12));
        // As f32 it has more weights than there are before its biases.
        assert_eq!(error_of(&patched(&file, at + 6, &[0])), record(index, if index == 0 { 12 } else { 8 }));
        assert_eq!(error_of(&patched(&file, first, &[0x80])), Some(FormatError::WeightsTooLarge { dense: index }));
        for good in [0x81, 0x7f, 0] {
            assert_eq!(error_of(&patched(&file, first, &[good])), None);
        }
        let value = |at: usize, bad: f32| error_of(&patched(&file, at, &bad.to_le_bytes()));
        assert_eq!(value(biases, -0.0), Some(FormatError::NegativeZero { dense: index }));
        assert_eq!(value(biases, f32::NAN), Some(FormatError::WeightNotFinite { dense: index }));
        for scale in [biases + 32, biases + 60] {
            for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
                assert_eq!(value(scale, bad), Some(FormatError::WeightNotFinite { dense: index }), "{bad}");
            }
            for bad in [-1.0, -0.0, f32::NEG_INFINITY] {
                assert_eq!(value(scale, bad), record(index, 12), "{bad}");
            }
            assert_eq!(value(scale, 1e25), Some(FormatError::WeightsTooLarge { dense: index }));
            assert_eq!(value(scale, 0.0), None);
        }
    }
    // Biases alone, and no scales behind them.
    let file = model_of(Kind::Coupling, 1, 1, &[], 0, 1).file();
    assert_eq!(error_of(&patched(&file, section(&file, b"DENS").0 + 6, &[1])), record(0, 12));
    // Matrices are not rounded.
    let mut models = newest();
    let Layer::Linear { dense: pair, .. } = &mut models[1].layers[1] else { panic!("another layer") };
    pair[0] = pair[0].clone().of_bytes();
    assert_eq!(error_of(&models[1].file()), record(0, 6));
    let Base::Mixture(components) = &mut models[4].base else { panic!("another base") };
    components[1].dense = components[1].dense.clone().of_bytes();
    assert_eq!(error_of(&models[4].file()), record(3, 6));
}

/// A few words replaced: an error, or finite results.
fn replace_words(mut file: Vec<u8>, changes: Vec<(usize, u32, u8)>, seed: u64) {
    for (word, value, how) in changes {
        let at = 4 * (word % (file.len() / 4));
        // Small numbers hit counts and offsets, others floats.
        let value = match how {
            0 => value % 64,
            1 => value & 0x00ff_00ff & (value >> 3),
            _ => value,
        };
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    // What decides before the rest is read stays as it is.
    file[..10].copy_from_slice(b"\x89FLOW\r\n\x1a\x01\x00");
    seal(&mut file);
    let file = Aligned::new(&file);
    if let Ok(flow) = Flow::new(file.bytes()) {
        exercise(&flow, seed);
    }
}

/// Miri takes a thousand times as long, and has no folder to keep failures in.
fn config() -> ProptestConfig {
    if cfg!(miri) {
        return ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() };
    }
    ProptestConfig::with_cases(2000)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn words_replaced(changes in prop::collection::vec((0usize..512, any::<u32>(), 0u8..4), 1..6), seed: u64) {
        replace_words(small().file(), changes, seed);
    }

    #[test]
    fn words_of_other_layers_replaced(
        which in 0usize..14,
        changes in prop::collection::vec((0usize..1024, any::<u32>(), 0u8..4), 1..6),
        seed: u64,
    ) {
        let file = match which {
            0..3 => others()[which].clone(),
            3..8 => newest()[which - 3].file(),
            _ => of_bytes()[which - 8].file(),
        };
        replace_words(file, changes, seed);
    }

    #[test]
    fn words_of_families_replaced(
        which in 0usize..2,
        changes in prop::collection::vec((0usize..1024, any::<u32>(), 0u8..4), 1..6),
        seed: u64,
    ) {
        replace_words(families()[which].file(), changes, seed);
    }

    #[test]
    fn words_of_wholes_replaced(
        which in 0usize..2,
        changes in prop::collection::vec((0usize..4096, any::<u32>(), 0u8..4), 1..6),
        seed: u64,
    ) {
        replace_words(wholes()[which].clone(), changes, seed);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Flow::new(Aligned::new(&bytes).bytes()).is_err());
    }
}
