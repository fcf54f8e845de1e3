//! The engine against an f64 reference written from the specification.
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::Kind::{
    self, ActNorm, Coupling, Linear, MaskedAffine, MaskedSpline, ResidualCoupling, ResidualSplineCoupling,
    SplineCoupling,
};
use common::{Aligned, Base, Draw, KNEE, Layer, Model, model_of, random_model};
use flow_nostd::{EvalError, Flow};

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

fn each(mut test: impl FnMut(&Model, &Flow<'_>, &mut [f32], &mut Draw)) {
    let shapes = SHAPES.map(|shape| (shape, "normal", 0)).into_iter().chain(BASES);
    for (seed, ((kind, dim, hidden, kept, layers), base, components)) in (0u64..).zip(shapes) {
        let mut model = model_of(kind, seed, dim, hidden, kept, layers);
        model.base = match base {
            "normal" => Base::Normal,
            "student_t" => Base::student_t(&mut Draw::new(seed), dim),
            _ => Base::mixture(&mut Draw::new(seed), dim, components),
        };
        let file = Aligned::new(&model.file());
        let flow = Flow::new(file.bytes()).unwrap_or_else(|e| panic!("{kind:?}, dim {dim}, hidden {hidden:?}: {e}"));
        assert_eq!((flow.columns(), flow.dim()), (dim + 1, dim));
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        println!("{kind:?}, dim {dim}, hidden {hidden:?}, base {base}");
        test(&model, &flow, &mut scratch, &mut Draw::new(seed + 100));
    }
}

#[test]
fn log_prob_near_the_data() {
    each(|model, flow, scratch, draw| {
        let mut worst = 0.0f64;
        for _ in 0..500 {
            let row = model.row(draw, 1.0);
            let (z, log_det, log_prob, s) = model.reference(&row);
            let got = flow.log_prob(&row, scratch).unwrap();
            worst = worst.max((f64::from(got) - log_prob).abs() / s.max(1.0));
            let mut latent = vec![0.0; flow.dim()];
            let got = flow.to_latent(&row, &mut latent, scratch).unwrap();
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
        for exponent in 0..300 {
            let row = model.row(draw, 10f32.powf(exponent as f32 / 50.0));
            let (_, _, log_prob, s) = model.reference(&row);
            let got = f64::from(flow.log_prob(&row, scratch).unwrap());
            worst = worst.max((got - log_prob).abs() / s.max(1.0));
        }
        assert!(worst <= 1e-4, "dim {}: {worst:e}", flow.dim());
    });
}

#[test]
fn every_finite_row_is_finite() {
    let extremes = [0.0, -0.0, 1e-45, -1e-40, 1e30, -1e30, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1.0, -8e37];
    each(|model, flow, scratch, draw| {
        for round in 0..3000 {
            let mut row = model.row(draw, 2.0);
            for x in &mut row {
                match draw.below(if round < 1000 { 1 } else { 4 }) {
                    0 => *x = extremes[draw.below(extremes.len())],
                    1 => *x = draw.any_finite(),
                    _ => {}
                }
            }
            let got = flow.log_prob(&row, scratch).unwrap();
            assert!(got.is_finite(), "{row:?}: {got}");
            let mut z = vec![0.0; flow.dim()];
            let log_det = flow.to_latent(&row, &mut z, scratch).unwrap();
            assert!(log_det.is_finite() && z.iter().all(|v| v.is_finite()));

            z.iter_mut()
                .for_each(|v| *v = if draw.below(2) == 0 { draw.any_finite() } else { extremes[draw.below(11)] });
            flow.to_data(&z, &mut row, scratch).unwrap();
            assert!(row.iter().all(|v| v.is_finite()), "{z:?}: {row:?}");
        }
    });
}

#[test]
fn rows_come_back() {
    each(|model, flow, scratch, draw| {
        let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
        for _ in 0..500 {
            let row = model.row(draw, 1.0);
            flow.to_latent(&row, &mut z, scratch).unwrap();
            flow.to_data(&z, &mut back, scratch).unwrap();
            for ((x, y), column) in row.iter().zip(&back).zip(&model.columns) {
                match column {
                    common::Column::Continuous([_, scale, _]) => assert!((x - y).abs() <= 1e-4 * scale, "{x} {y}"),
                    _ => assert_eq!(x, y),
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
        if let common::Column::Continuous([_, _, reach]) | common::Column::Integer([_, _, reach]) = column {
            *reach = 1e9;
        }
    }
    model.layers.clear();
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut draw = Draw::new(3);
    let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
    for _ in 0..1000 {
        let row = model.row(&mut draw, 1000.0);
        flow.to_latent(&row, &mut z, &mut scratch).unwrap();
        assert!(z.iter().all(|v| v.abs() < KNEE + 12.0));
        flow.to_data(&z, &mut back, &mut scratch).unwrap();
        let expected = model.reference_to_data(&z.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
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
        for _ in 0..300 {
            let z: Vec<f32> = (0..flow.dim()).map(|_| draw.normal()).collect();
            flow.to_data(&z, &mut row, scratch).unwrap();
            let expected = model.reference_to_data(&z.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            for ((x, exact), column) in row.iter().zip(&expected).zip(&model.columns) {
                let slack = if matches!(column, common::Column::Integer(_)) { 1.0 } else { 0.0 };
                assert!((f64::from(*x) - exact).abs() <= slack + 2e-4 * exact.abs().max(1.0), "{x} {exact}");
            }
        }
    });
}

#[test]
fn samples_are_the_inverse_of_what_the_generator_gives() {
    use rand_core::Rng;
    each(|_, flow, scratch, draw| {
        let mut row = vec![0.0; flow.columns()];
        let before = draw.0.clone();
        flow.sample(&mut draw.0, &mut row, scratch).unwrap();
        assert!(row.iter().all(|v| v.is_finite()));
        // Two draws for each latent value, and two for the component of a mixture.
        let mut skipped = before.clone();
        let components = usize::from(matches!(flow.base(), flow_nostd::layout::Base::Mixture(_)));
        (0..2 * (flow.dim() + components)).for_each(|_| {
            skipped.next_u32();
        });
        assert_eq!(skipped.next_u32(), draw.0.clone().next_u32());
        let mut again = vec![0.0; flow.columns()];
        flow.sample(&mut before.clone(), &mut again, scratch).unwrap();
        assert_eq!(row, again);
    });
}

/// Without layers, with center 0 and scale 1, samples are the normal variates themselves.
#[test]
fn variates_are_normal() {
    let model = Model {
        columns: vec![common::Column::Continuous([0.0, 1.0, 6.0])],
        knee: 30.0,
        rate: 1.0,
        layers: vec![],
        base: Base::Normal,
        probes: vec![],
    };
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut draw = Draw::new(11);
    let n = 200_000;
    let mut samples: Vec<f32> = (0..n)
        .map(|_| {
            let mut row = [0.0];
            flow.sample(&mut draw.0, &mut row, &mut scratch).unwrap();
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
    assert_eq!(flow.log_prob(&row, &mut scratch[..n - 1]), Err(EvalError::ScratchLength { expected: n, found: n - 1 }));
    assert_eq!(flow.log_prob(&row[1..], &mut scratch), Err(EvalError::RowLength { expected: 4, found: 3 }));
    assert_eq!(
        flow.to_latent(&row, &mut [0.0; 4], &mut scratch),
        Err(EvalError::LatentLength { expected: 3, found: 4 })
    );
    for (column, bad) in [(0, f32::NAN), (1, f32::INFINITY), (3, f32::NEG_INFINITY)] {
        let mut row = row.clone();
        row[column] = bad;
        assert_eq!(flow.log_prob(&row, &mut scratch), Err(EvalError::NotFinite { column }));
    }
    assert_eq!(flow.to_data(&[0.0, 0.0, f32::NAN], &mut row, &mut scratch), Err(EvalError::NotFinite { column: 2 }));
    assert_eq!(flow.column_name(3), Some("c3"));
    assert_eq!(flow.column_name(4), None);
}

#[test]
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
        model
            .layers
            .retain(|layer| !matches!(layer, Layer::Permutation(_) | Layer::Linear { .. } | Layer::ActNorm { .. }));
        let mut plain = model.clone();
        plain.layers.clear();
        let (file, plain_file) = (Aligned::new(&model.file()), Aligned::new(&plain.file()));
        let (flow, plain) = (Flow::new(file.bytes()).unwrap(), Flow::new(plain_file.bytes()).unwrap());
        let (mut scratch, mut other) = (vec![f32::NAN; flow.scratch_len()], vec![f32::NAN; plain.scratch_len()]);
        let (mut row, mut back) = (vec![0.0; flow.columns()], vec![0.0; flow.columns()]);
        for _ in 0..200 {
            let x = model.row(draw, 2.0);
            let expected = plain.log_prob(&x, &mut other).unwrap();
            assert_eq!(flow.log_prob(&x, &mut scratch).unwrap().to_bits(), expected.to_bits());
            let z: Vec<f32> = (0..flow.dim()).map(|_| 2.0 * draw.normal()).collect();
            flow.to_data(&z, &mut row, &mut scratch).unwrap();
            plain.to_data(&z, &mut back, &mut other).unwrap();
            assert_eq!(row, back);
        }
    });
}

/// A flow of one column is a spline alone: its raw values are biases.
fn one_spline(bins: usize, scale: f32, seed: u64) -> Model {
    let mut model = model_of(SplineCoupling(bins), seed, 1, &[], 0, 1);
    let mut draw = Draw::new(seed);
    model.columns = vec![common::Column::Continuous([0.0, 1.0, 1e9])];
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
        for seed in 0..100 {
            let model = one_spline(8, scale, seed);
            let file = Aligned::new(&model.file());
            let flow = Flow::new(file.bytes()).unwrap();
            let mut scratch = vec![f32::NAN; flow.scratch_len()];
            let (mut z, mut back, mut before) = ([0.0], [0.0], f32::NEG_INFINITY);
            for i in 0..2000 {
                let x = [(i as f32 / 1000.0 - 1.0) * 3.2];
                let log_det = flow.to_latent(&x, &mut z, &mut scratch).unwrap();
                assert!(log_det.is_finite() && z[0].is_finite());
                assert!(z[0] >= before - 5e-7, "seed {seed}: {} after {before}", z[0]);
                before = z[0];
                flow.to_data(&z, &mut back, &mut scratch).unwrap();
                worst = worst.max((x[0] - back[0]).abs());
                // The inverse by itself, against bisection in f64.
                let exact = model.reference_to_data(&[f64::from(z[0])])[0];
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
    for round in 0..2000 {
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
        for _ in 0..50 {
            let x = [draw.around([1.1e-3, 3.3, 1.1e6][round % 3])];
            assert!(flow.to_latent(&x, &mut z, &mut scratch).unwrap().is_finite() && z[0].is_finite(), "{x:?}");
            flow.to_data(&x, &mut back, &mut scratch).unwrap();
            assert!(back[0].is_finite(), "{x:?}");
        }
    }
}

#[test]
fn the_way_back_takes_products_of_its_own() {
    let file = Aligned::new(&model_of(MaskedAffine, 5, 8, &[64, 64], 0, 5).file());
    let flow = Flow::new(file.bytes()).unwrap();
    assert_eq!(flow.macs_log_prob(), 5 * (8 * 64 + 64 * 64 + 64 * 16));
    assert_eq!(flow.macs_sample(), 25_550);
    assert_eq!(flow.scratch_len(), 8 + 128 + 64);
}
