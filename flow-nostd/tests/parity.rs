//! The engine against an f64 reference written from the specification.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::Kind::{
    self, ActNorm, Coupling, Linear, MaskedAffine, MaskedSpline, ResidualCoupling, ResidualSplineCoupling,
    SplineCoupling,
};
use common::{Aligned, Base, Column, Draw, KNEE, Layer, Model, everything, family_of, model_of, random_model, stride};
use flow_nostd::{BatchError, EvalError, Flow};

/// Kind, dim, hidden, kept, layers.
const SHAPES: [(Kind, usize, &[usize], usize, usize); 41] = [
    (Coupling, 1, &[], 0, 2),
    (Coupling, 2, &[5], 1, 3),
    (Coupling, 2, &[], 1, 4),
    (Coupling, 3, &[5], 2, 4),
    (Coupling, 3, &[8, 3, 17], 1, 4),
    (Coupling, 8, &[64, 64], 4, 8),
    (Coupling, 8, &[16], 7, 3),
    (Coupling, 21, &[64, 64], 10, 4),
    (Coupling, 21, &[9], 1, 2),
    (SplineCoupling(8), 1, &[], 0, 2),
    (SplineCoupling(2), 2, &[5], 1, 3),
    (SplineCoupling(16), 3, &[8, 3, 17], 1, 3),
    (SplineCoupling(8), 8, &[64, 64], 4, 6),
    (SplineCoupling(5), 21, &[32], 10, 3),
    (SplineCoupling(64), 36, &[24, 24], 18, 2),
    (MaskedAffine, 1, &[], 0, 2),
    (MaskedAffine, 2, &[5], 0, 3),
    (MaskedAffine, 2, &[], 0, 2),
    (MaskedAffine, 3, &[8, 3, 17], 0, 3),
    (MaskedAffine, 3, &[1], 0, 3),
    (MaskedAffine, 8, &[64, 64], 0, 5),
    (MaskedAffine, 21, &[64, 11], 0, 3),
    (MaskedAffine, 36, &[100], 0, 2),
    (MaskedSpline(8), 1, &[], 0, 2),
    (MaskedSpline(3), 2, &[5, 4, 3], 0, 2),
    (MaskedSpline(8), 3, &[], 0, 2),
    (MaskedSpline(8), 3, &[16, 16], 0, 3),
    (MaskedSpline(8), 8, &[64, 64], 0, 3),
    (MaskedSpline(4), 21, &[30], 0, 2),
    (MaskedSpline(8), 36, &[40, 40], 0, 2),
    (ResidualCoupling, 2, &[5], 1, 3),
    (ResidualCoupling, 3, &[1, 1], 2, 3),
    (ResidualCoupling, 8, &[32, 32], 4, 6),
    (ResidualCoupling, 21, &[20, 20, 20], 10, 3),
    (ResidualSplineCoupling(8), 8, &[30, 30], 4, 4),
    (Linear, 1, &[], 0, 2),
    (Linear, 3, &[], 1, 3),
    (Linear, 21, &[], 1, 3),
    (ActNorm, 1, &[], 0, 2),
    (ActNorm, 8, &[], 1, 3),
    (ActNorm, 21, &[], 1, 2),
];

/// A shape, a base and its components.
type WithBase = ((Kind, usize, &'static [usize], usize, usize), &'static str, usize);

const BASES: [WithBase; 7] = [
    ((Coupling, 1, &[], 0, 1), "student_t", 0),
    ((Coupling, 8, &[16], 4, 3), "student_t", 0),
    ((MaskedAffine, 21, &[30], 0, 1), "student_t", 0),
    ((Coupling, 1, &[], 0, 1), "mixture", 3),
    ((ResidualCoupling, 3, &[9], 1, 2), "mixture", 1),
    ((Coupling, 8, &[16], 4, 2), "mixture", 11),
    ((Linear, 21, &[], 0, 1), "mixture", 40),
];

/// Kind, columns on a line, circular and context columns, hidden, kept, layers.
type Family = (Kind, [usize; 3], &'static [usize], usize, usize);

/// Over columns of every kind, with atoms.
const FAMILY: [Family; 22] = [
    (Coupling, [1, 0, 0], &[], 0, 2),
    (Coupling, [5, 0, 0], &[16], 2, 4),
    (Coupling, [1, 0, 1], &[5], 0, 2),
    (Coupling, [1, 1, 0], &[5], 0, 3),
    (Coupling, [4, 1, 2], &[9, 9], 2, 3),
    (Coupling, [10, 3, 4], &[32, 32], 5, 4),
    (Coupling, [0, 1, 0], &[], 0, 0),
    (Coupling, [0, 3, 0], &[7], 0, 0),
    (Coupling, [0, 2, 3], &[8, 8, 8], 0, 0),
    (SplineCoupling(8), [5, 0, 0], &[16], 2, 3),
    (SplineCoupling(4), [1, 0, 2], &[5, 6], 0, 2),
    (SplineCoupling(4), [3, 2, 1], &[17], 1, 3),
    (SplineCoupling(8), [10, 0, 20], &[30], 5, 3),
    (MaskedAffine, [5, 0, 0], &[16], 0, 3),
    (MaskedAffine, [1, 0, 1], &[5, 3], 0, 2),
    (MaskedAffine, [1, 2, 0], &[], 0, 2),
    (MaskedAffine, [5, 1, 2], &[64, 11], 0, 3),
    (MaskedAffine, [7, 0, 3], &[3], 0, 3),
    (MaskedSpline(4), [1, 1, 1], &[9], 0, 2),
    (MaskedSpline(4), [5, 0, 4], &[16, 16], 0, 2),
    (MaskedSpline(8), [6, 3, 0], &[20, 5, 30], 0, 2),
    (MaskedSpline(3), [10, 2, 2], &[40], 0, 2),
];

/// Under Miri, which takes a thousand times as long, small ones only.
fn is_taken(columns: usize, hidden: &[usize]) -> bool {
    !cfg!(miri) || (columns < 4 && hidden.iter().sum::<usize>() < 6)
}

fn each(mut test: impl FnMut(&Model, &Flow<'_>, &mut [f32], &mut Draw)) {
    let plain = (0u64..).zip(SHAPES).filter(|(_, (_, dim, hidden, ..))| is_taken(*dim, hidden)).map(|(seed, shape)| {
        let (kind, dim, hidden, kept, layers) = shape;
        (seed, model_of(kind, seed, dim, hidden, kept, layers), format!("{shape:?}"))
    });
    let bases = (41u64..).zip(BASES).filter(|(_, ((_, dim, hidden, ..), ..))| is_taken(*dim, hidden)).map(
        |(seed, with_base)| {
            let ((kind, dim, hidden, kept, layers), base, components) = with_base;
            let model = Model {
                base: match base {
                    "student_t" => Base::student_t(&mut Draw::new(seed), dim),
                    _ => Base::mixture(&mut Draw::new(seed), dim, components),
                },
                ..model_of(kind, seed, dim, hidden, kept, layers)
            };
            (seed, model, format!("{with_base:?}"))
        },
    );
    let families = |first: u64| {
        let taken = |(_, (_, columns, hidden, ..)): &(u64, Family)| is_taken(columns.iter().sum(), hidden);
        (first..).zip(FAMILY).filter(taken)
    };
    let family = families(50).map(|(seed, shape)| {
        let (kind, columns, hidden, kept, layers) = shape;
        (seed, family_of(kind, seed, columns, hidden, kept, layers), format!("{shape:?}"))
    });
    let all = match cfg!(miri) {
        true => vec![],
        false => vec![
            (200, everything(200, 10, Base::student_t), "everything, Student-t".to_owned()),
            (201, everything(201, 10, |draw, lines| Base::mixture(draw, lines, 4)), "everything, mixture".to_owned()),
        ],
    };
    // Of layers over plain columns large ones, and of the others every third.
    let large = SHAPES
        .into_iter()
        .zip(300u64..)
        .filter(|((_, dim, hidden, ..), _)| *dim > 2 && hidden.len() > 1 && is_taken(*dim, hidden));
    let large = large.map(|((kind, dim, hidden, kept, layers), seed)| {
        (seed, model_of(kind, seed, dim, hidden, kept, layers), format!("{kind:?} {dim} {hidden:?}"))
    });
    let small = families(400).step_by(3).map(|(seed, (kind, columns, hidden, kept, layers))| {
        (seed, family_of(kind, seed, columns, hidden, kept, layers), format!("{kind:?} {columns:?} {hidden:?}"))
    });
    let of_bytes = large.chain(small).chain(all.clone()).map(|(seed, model, name)| {
        let model = model.of_bytes();
        assert_eq!(model.file()[10], 3, "{name}");
        (seed, model, format!("{name}, weights of eight bits"))
    });
    let of_bytes = of_bytes.collect::<Vec<_>>();
    for (seed, model, name) in plain.chain(bases).chain(family).chain(all).chain(of_bytes) {
        let file = Aligned::new(&model.file());
        let flow = Flow::new(file.bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((flow.columns(), flow.dim()), (model.columns.len() - model.context(), model.dim()));
        assert_eq!(flow.context_dim(), model.context());
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        println!("{name}");
        test(&model, &flow, &mut scratch, &mut Draw::new(seed + 100));
    }
}

#[test]
fn log_prob_near_the_data() {
    each(|model, flow, scratch, draw| {
        let mut worst = 0.0f64;
        for _ in (0..500).step_by(stride(250)) {
            let all = model.row(draw, 1.0);
            let (z, log_det, log_prob, s) = model.reference(&all);
            let (row, context) = model.split(&all);
            let got = flow.log_prob(&row, &context, scratch).unwrap();
            worst = worst.max((f64::from(got) - log_prob).abs() / s.max(1.0));
            let mut latent = vec![0.0; flow.dim()];
            let got = flow.to_latent(&row, &context, &mut latent, scratch).unwrap();
            assert!((f64::from(got) - log_det).abs() <= 5e-6 * s.max(1.0), "{got} {log_det}");
            for (got, z) in latent.iter().zip(&z) {
                assert!((f64::from(*got) - z).abs() < 1e-4 * (1.0 + z.abs()), "{got} {z}");
            }
        }
        println!("dim {}: worst err {worst:.1e}", flow.dim());
        assert!(worst <= 5e-6, "dim {}: {worst:e}", flow.dim());
    });
}

#[test]
fn log_prob_far_from_the_data() {
    each(|model, flow, scratch, draw| {
        let mut worst = 0.0f64;
        for exponent in (0..300).step_by(stride(299)) {
            let all = model.row(draw, 10f32.powf(exponent as f32 / 50.0));
            let (_, _, log_prob, s) = model.reference(&all);
            let (row, context) = model.split(&all);
            let got = f64::from(flow.log_prob(&row, &context, scratch).unwrap());
            worst = worst.max((got - log_prob).abs() / s.max(1.0));
        }
        assert!(worst <= 1e-4, "dim {}: {worst:e}", flow.dim());
    });
}

#[test]
fn a_batch_has_the_bits_of_its_rows() {
    each(|model, flow, scratch, draw| {
        for count in [0, 1, 5, 16, 17, 35].into_iter().step_by(stride(4)) {
            let (mut rows, mut contexts) = (vec![], vec![]);
            for i in 0..count {
                let mut all = model.row(draw, if i % 3 == 2 { 1e5 } else { 1.0 });
                if i % 4 == 3 {
                    all.iter_mut().for_each(|x| *x = draw.any_finite());
                }
                let (row, context) = model.split(&all);
                rows.extend(row);
                contexts.extend(context);
            }
            let mut log_probs = vec![f32::NAN; count];
            let mut memory = vec![f32::NAN; flow.batch_scratch_len()];
            flow.log_prob_batch(&rows, &contexts, &mut log_probs, &mut memory).unwrap();
            for (i, log_prob) in log_probs.iter().enumerate() {
                let row = &rows[i * flow.columns()..][..flow.columns()];
                let context = &contexts[i * flow.context_dim()..][..flow.context_dim()];
                let one = flow.log_prob(row, context, scratch).unwrap();
                assert_eq!(log_prob.to_bits(), one.to_bits(), "row {i} of {count}: {log_prob} {one}");
            }
        }
    });
}

#[test]
fn a_batch_says_which_row_and_which_length() {
    let model = family_of(Coupling, 1, [4, 1, 2], &[9], 2, 2);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let (columns, context_dim) = (flow.columns(), flow.context_dim());
    let (mut rows, contexts) = (vec![0.5; 18 * columns], vec![0.5; 18 * context_dim]);
    let (mut out, mut memory) = ([0.0; 18], vec![0.0; flow.batch_scratch_len()]);
    let all = |error| BatchError { row: None, error };
    let (expected, found) = (18 * columns, 18 * columns - 1);
    let short = flow.log_prob_batch(&rows[1..], &contexts, &mut out, &mut memory);
    assert_eq!(short, Err(all(EvalError::RowLength { expected, found })));
    let (expected, found) = (18 * context_dim, 0);
    let short = flow.log_prob_batch(&rows, &[], &mut out, &mut memory);
    assert_eq!(short, Err(all(EvalError::ContextLength { expected, found })));
    let (expected, found) = (memory.len(), memory.len() - 1);
    let short = flow.log_prob_batch(&rows, &contexts, &mut out, &mut memory[1..]);
    assert_eq!(short, Err(all(EvalError::ScratchLength { expected, found })));
    // One row in a block, one among those that are left over.
    for row in [2, 17] {
        rows[row * columns] = f32::NAN;
        let error = flow.log_prob_batch(&rows, &contexts, &mut out, &mut memory).unwrap_err();
        assert!(error.row == Some(row) && matches!(error.error, EvalError::NotFinite { .. }), "{error}");
        rows[row * columns] = 0.5;
    }
}

#[test]
fn every_finite_row_is_finite() {
    let extremes = [0.0, -0.0, 1e-45, -1e-40, 1e30, -1e30, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1.0, -8e37];
    each(|model, flow, scratch, draw| {
        for round in (0..3000).step_by(stride(1500)) {
            let mut all = model.row(draw, 2.0);
            for x in &mut all {
                match draw.below(if round < 1000 { 1 } else { 4 }) {
                    0 => *x = extremes[draw.below(extremes.len())],
                    1 => *x = draw.any_finite(),
                    _ => {}
                }
            }
            let (mut row, context) = model.split(&all);
            let got = flow.log_prob(&row, &context, scratch).unwrap();
            assert!(got.is_finite(), "{all:?}: {got}");
            let mut z = vec![0.0; flow.dim()];
            let log_det = flow.to_latent(&row, &context, &mut z, scratch).unwrap();
            assert!(log_det.is_finite() && z.iter().all(|v| v.is_finite()));

            z.iter_mut()
                .for_each(|v| *v = if draw.below(2) == 0 { draw.any_finite() } else { extremes[draw.below(11)] });
            flow.to_data(&z, &context, &mut row, scratch).unwrap();
            assert!(row.iter().all(|v| v.is_finite()), "{z:?}: {row:?}");
        }
    });
}

#[test]
fn rows_come_back() {
    each(|model, flow, scratch, draw| {
        let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
        for _ in (0..500).step_by(stride(250)) {
            let (row, context) = model.split(&model.row(draw, 1.0));
            flow.to_latent(&row, &context, &mut z, scratch).unwrap();
            flow.to_data(&z, &context, &mut back, scratch).unwrap();
            for ((&x, &y), (column, atoms)) in row.iter().zip(&back).zip(model.modelled()) {
                match column {
                    Column::Integer(_) | Column::Constant(_) => assert_eq!(x, y),
                    _ if atoms.iter().any(|a| a.value == x) => assert_eq!(x, y),
                    _ => assert!(column.distance(x.into(), y.into()) <= 1e-4, "{column:?}: {x} {y}"),
                }
            }
        }
    });
}

#[test]
fn compression_comes_back() {
    // No box in the way: values up to 1e4 standard deviations are compressed and come back.
    let mut model = random_model(7, 4, &[8], 2, 3);
    for column in &mut model.columns {
        if let Column::Continuous([_, _, reach]) | Column::Integer([_, _, reach]) = column {
            *reach = 1e9;
        }
    }
    model.layers.clear();
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut draw = Draw::new(3);
    let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
    for _ in (0..1000).step_by(stride(100)) {
        let row = model.row(&mut draw, 1000.0);
        flow.to_latent(&row, &[], &mut z, &mut scratch).unwrap();
        assert!(z.iter().all(|v| v.abs() < KNEE + 12.0));
        flow.to_data(&z, &[], &mut back, &mut scratch).unwrap();
        let expected = model.reference_to_data(&z.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), &[]);
        for ((x, y), exact) in row.iter().zip(&back).zip(&expected) {
            assert!((x - y).abs() <= 1e-4 * x.abs().max(1.0) + 1.0, "{x} {y}");
            assert!((f64::from(*y) - exact).abs() <= 1e-4 * exact.abs().max(1.0) + 1.0, "{y} {exact}");
        }
    }
}

#[test]
fn to_data_as_the_reference() {
    each(|model, flow, scratch, draw| {
        let mut row = vec![0.0; flow.columns()];
        for _ in (0..300).step_by(stride(150)) {
            let z: Vec<f32> = (0..flow.dim())
                .map(|j| if j < model.lines() { draw.normal() } else { draw.around(std::f32::consts::PI) })
                .collect();
            let (_, context) = model.split(&model.row(draw, 1.0));
            flow.to_data(&z, &context, &mut row, scratch).unwrap();
            let expected = model.reference_to_data(&z.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), &context);
            for ((x, exact), (column, _)) in row.iter().zip(&expected).zip(model.modelled()) {
                let slack = if column.is_discrete() { 1.001 } else { 2e-4 };
                assert!(
                    column.distance(f64::from(*x), *exact) <= slack * exact.abs().max(1.0),
                    "{column:?} {x} {exact}"
                );
            }
        }
    });
}

#[test]
fn samples_are_the_inverse_of_what_the_generator_gives() {
    use rand_core::Rng;
    each(|model, flow, scratch, draw| {
        let (_, context) = model.split(&model.row(draw, 1.0));
        let mut row = vec![0.0; flow.columns()];
        let before = draw.0.clone();
        flow.sample(&mut draw.0, &context, &mut row, scratch).unwrap();
        assert!(row.iter().all(|v| v.is_finite()));
        // Two draws for each latent value, and two for the component of a mixture.
        let mut skipped = before.clone();
        let components = usize::from(matches!(flow.base(), flow_nostd::layout::Base::Mixture(_)));
        (0..2 * (flow.dim() + components)).for_each(|_| {
            skipped.next_u32();
        });
        assert_eq!(skipped.next_u32(), draw.0.clone().next_u32());
        let mut again = vec![0.0; flow.columns()];
        flow.sample(&mut before.clone(), &context, &mut again, scratch).unwrap();
        assert_eq!(row, again);
    });
}

/// Without layers, with center 0 and scale 1, samples are the normal variates themselves.
#[test]
#[cfg_attr(miri, ignore = "statistics of many draws")]
fn variates_are_normal() {
    let model = Model { columns: vec![Column::Continuous([0.0, 1.0, 6.0])], knee: 30.0, rate: 1.0, ..Model::default() };
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut draw = Draw::new(11);
    let n = 200_000;
    let mut samples: Vec<f32> = (0..n)
        .map(|_| {
            let mut row = [0.0];
            flow.sample(&mut draw.0, &[], &mut row, &mut scratch).unwrap();
            row[0]
        })
        .collect();
    samples.sort_by(f32::total_cmp);
    // Kolmogorov-Smirnov at 0.1 %: 1.95 / sqrt(n).
    let cdf = |z: f32| 0.5 * libm::erfc(-f64::from(z) / std::f64::consts::SQRT_2);
    let distance = samples
        .iter()
        .enumerate()
        .map(|(i, &z)| (cdf(z) - i as f64 / n as f64).abs().max((cdf(z) - (i + 1) as f64 / n as f64).abs()))
        .fold(0.0, f64::max);
    assert!(distance < 1.95 / (n as f64).sqrt(), "{distance}");
    let moment = |p: i32| samples.iter().map(|&v| f64::from(v).powi(p)).sum::<f64>() / n as f64;
    assert!((moment(2) - 1.0).abs() < 0.015 && (moment(4) - 3.0).abs() < 0.12, "{} {}", moment(2), moment(4));
}

#[test]
fn what_a_call_refuses() {
    let model = random_model(1, 3, &[5], 2, 2);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let n = flow.scratch_len();
    let mut scratch = vec![0.0; n];
    let mut row = model.row(&mut Draw::new(1), 1.0);
    assert_eq!(
        flow.log_prob(&row, &[], &mut scratch[..n - 1]),
        Err(EvalError::ScratchLength { expected: n, found: n - 1 })
    );
    assert_eq!(flow.log_prob(&row[1..], &[], &mut scratch), Err(EvalError::RowLength { expected: 4, found: 3 }));
    assert_eq!(
        flow.to_latent(&row, &[], &mut [0.0; 4], &mut scratch),
        Err(EvalError::LatentLength { expected: 3, found: 4 })
    );
    for (column, bad) in [(0, f32::NAN), (1, f32::INFINITY), (3, f32::NEG_INFINITY)] {
        let mut row = row.clone();
        row[column] = bad;
        assert_eq!(flow.log_prob(&row, &[], &mut scratch), Err(EvalError::NotFinite { column }));
    }
    assert_eq!(
        flow.to_data(&[0.0, 0.0, f32::NAN], &[], &mut row, &mut scratch),
        Err(EvalError::NotFinite { column: 2 })
    );
    let one = Err(EvalError::ContextLength { expected: 0, found: 1 });
    assert_eq!(flow.log_prob(&row, &[1.0], &mut scratch), one);
    assert_eq!(flow.column_name(3), Some("c3"));
    assert_eq!(flow.column_name(4), None);
}

#[test]
#[cfg_attr(miri, ignore = "a file of half a megabyte, of which only the header is looked at")]
fn scratch_of_the_reference_flow_is_small() {
    let file = Aligned::new(&random_model(5, 8, &[64, 64], 4, 8).file());
    let flow = Flow::new(file.bytes()).unwrap();
    assert_eq!(flow.scratch_len(), 8 + 64 + 64);
    assert_eq!(flow.macs_log_prob(), 8 * (4 * 64 + 64 * 64 + 64 * 8));
}

#[test]
fn parameters_of_zero_are_the_identity() {
    each(|model, _, _, draw| {
        let mut model = model.clone();
        for dense in model.layers.iter_mut().flat_map(|layer| layer.dense_mut()) {
            dense.weights.fill(0.0);
            dense.biases.fill(0.0);
        }
        for dense in model.circles.iter_mut().flat_map(|circle| &mut circle.dense) {
            dense.weights.fill(0.0);
            dense.biases.fill(0.0);
        }
        model
            .layers
            .retain(|layer| !matches!(layer, Layer::Permutation(_) | Layer::Linear { .. } | Layer::ActNorm { .. }));
        let mut plain = model.clone();
        plain.layers.clear();
        let (file, plain_file) = (Aligned::new(&model.file()), Aligned::new(&plain.file()));
        let (flow, plain) = (Flow::new(file.bytes()).unwrap(), Flow::new(plain_file.bytes()).unwrap());
        let (mut scratch, mut other) = (vec![f32::NAN; flow.scratch_len()], vec![f32::NAN; plain.scratch_len()]);
        let (mut row, mut back) = (vec![0.0; flow.columns()], vec![0.0; flow.columns()]);
        for _ in (0..200).step_by(stride(200)) {
            let (x, context) = model.split(&model.row(draw, 2.0));
            let expected = plain.log_prob(&x, &context, &mut other).unwrap();
            assert_eq!(flow.log_prob(&x, &context, &mut scratch).unwrap().to_bits(), expected.to_bits());
            let z: Vec<f32> = (0..flow.dim()).map(|_| 2.0 * draw.normal()).collect();
            flow.to_data(&z, &context, &mut row, &mut scratch).unwrap();
            plain.to_data(&z, &context, &mut back, &mut other).unwrap();
            assert_eq!(row, back);
        }
    });
}

/// A flow of one column is a spline alone: its raw values are biases.
fn one_spline(bins: usize, scale: f32, seed: u64) -> Model {
    let mut model = model_of(SplineCoupling(bins), seed, 1, &[], 0, 1);
    let mut draw = Draw::new(seed);
    model.columns = vec![Column::Continuous([0.0, 1.0, 1e9])];
    model.knee = 1e9;
    model.layers.iter_mut().flat_map(|layer| layer.dense_mut()).for_each(|d| {
        d.biases.iter_mut().for_each(|b| *b = scale * draw.normal() + 0.0);
    });
    if let Some(Layer::SplineCoupling { bound, .. }) = model.layers.first_mut() {
        *bound = 3.0;
    }
    model
}

#[test]
fn splines_come_back_and_never_fall() {
    for (scale, limit) in [(0.0, 1e-6), (1.0, 5e-5), (3.0, 2e-3)] {
        let (mut worst, mut exact_worst) = (0.0f32, 0.0f64);
        for seed in (0..100).step_by(stride(50)) {
            let model = one_spline(8, scale, seed);
            let file = Aligned::new(&model.file());
            let flow = Flow::new(file.bytes()).unwrap();
            let mut scratch = vec![f32::NAN; flow.scratch_len()];
            let (mut z, mut back, mut before) = ([0.0], [0.0], f32::NEG_INFINITY);
            for i in (0..2000).step_by(stride(200)) {
                let x = [(i as f32 / 1000.0 - 1.0) * 3.2];
                let log_det = flow.to_latent(&x, &[], &mut z, &mut scratch).unwrap();
                assert!(log_det.is_finite() && z[0].is_finite());
                assert!(z[0] >= before - 5e-7, "seed {seed}: {} after {before}", z[0]);
                before = z[0];
                flow.to_data(&z, &[], &mut back, &mut scratch).unwrap();
                worst = worst.max((x[0] - back[0]).abs());
                // The inverse by itself, against bisection in f64.
                let exact = model.reference_to_data(&[f64::from(z[0])], &[])[0];
                exact_worst = exact_worst.max((f64::from(back[0]) - exact).abs());
            }
        }
        println!("scale {scale}: round trip {worst:e}, inverse {exact_worst:e}");
        assert!(worst <= limit, "scale {scale}: {worst:e}");
    }
}

#[test]
fn raw_values_at_the_limit() {
    let values = [0.0, 1e30, -1e30, 1e18, -1e18, 1e6, -1e6, 1.0, f32::MIN_POSITIVE];
    let mut draw = Draw::new(5);
    for round in (0..2000).step_by(stride(145)) {
        let bins = [2, 3, 8, 64][round % 4];
        let mut model = one_spline(bins, 1.0, round as u64);
        if let Some(Layer::SplineCoupling { bound, dense, .. }) = model.layers.first_mut() {
            *bound = [1e-3, 3.0, 1e6][round % 3];
            dense[0].biases.iter_mut().for_each(|b| *b = values[draw.below(values.len())]);
        }
        let file = Aligned::new(&model.file());
        let flow = Flow::new(file.bytes()).unwrap();
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        let (mut z, mut back) = ([0.0], [0.0]);
        for _ in (0..50).step_by(stride(25)) {
            let x = [draw.around([1.1e-3, 3.3, 1.1e6][round % 3])];
            assert!(flow.to_latent(&x, &[], &mut z, &mut scratch).unwrap().is_finite() && z[0].is_finite(), "{x:?}");
            flow.to_data(&x, &[], &mut back, &mut scratch).unwrap();
            assert!(back[0].is_finite(), "{x:?}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "a file of a quarter of a megabyte, of which only the header is looked at")]
fn the_way_back_takes_products_of_its_own() {
    let file = Aligned::new(&model_of(MaskedAffine, 5, 8, &[64, 64], 0, 5).file());
    let flow = Flow::new(file.bytes()).unwrap();
    assert_eq!(flow.macs_log_prob(), 5 * (8 * 64 + 64 * 64 + 64 * 16));
    assert_eq!(flow.macs_sample(), 25_550);
    assert_eq!(flow.scratch_len(), 8 + 128 + 64);
}
