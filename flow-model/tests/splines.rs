//! Splines in single precision, at their knots, at the box's edge and far away.

use flow_model::graph::{Dim, Graph};
use flow_model::interpret::interpret;
use flow_model::spline::{Spline, raw_values};
use ndarray::{ArrayD, IxDyn, NdFloat};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const SPLINE: Spline = Spline { num_bins: 8, tail_bound: 3.0, periodic: false };

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u32() as f64 + 0.5) / 2f64.powi(32)
}

/// Box–Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}

/// One raw vector a row, each value normal with that standard deviation.
fn raws<T: NdFloat>(rows: usize, scale: f64, rng: &mut ChaCha8Rng) -> ArrayD<T> {
    let values = raw_values(SPLINE.num_bins);
    let all = (0..rows * values).map(|_| T::from(scale * normal(rng)).unwrap()).collect();
    ArrayD::from_shape_vec(IxDyn(&[rows, values]), all).unwrap()
}

fn column<T: NdFloat>(values: impl IntoIterator<Item = f64>) -> ArrayD<T> {
    let values: Vec<T> = values.into_iter().map(|v| T::from(v).unwrap()).collect();
    ArrayD::from_shape_vec(IxDyn(&[values.len(), 1]), values).unwrap()
}

fn to_latent<T: NdFloat>(x: &ArrayD<T>, raw: &ArrayD<T>) -> [ArrayD<T>; 2] {
    let mut g = Graph::new();
    let at = g.input("x", &[Dim::Batch, Dim::Size(1)]);
    let given = g.input("raw", &[if raw.shape()[0] == 1 { Dim::Size(1) } else { Dim::Batch }, raw.shape()[1].into()]);
    let (y, log_det) = SPLINE.to_latent(&mut g, at, given);
    g.output("y", y);
    g.output("log_det", log_det);
    interpret(&g, &[x.clone(), raw.clone()]).try_into().unwrap()
}

fn to_data<T: NdFloat>(y: &ArrayD<T>, raw: &ArrayD<T>) -> ArrayD<T> {
    let mut g = Graph::new();
    let at = g.input("y", &[Dim::Batch, Dim::Size(1)]);
    let given = g.input("raw", &[if raw.shape()[0] == 1 { Dim::Size(1) } else { Dim::Batch }, raw.shape()[1].into()]);
    let x = SPLINE.to_data(&mut g, at, given);
    g.output("x", x);
    interpret(&g, &[y.clone(), raw.clone()]).swap_remove(0)
}

/// Points in the box and a little around it.
fn points<T: NdFloat>(rows: usize, rng: &mut ChaCha8Rng) -> ArrayD<T> {
    let bound = f64::from(SPLINE.tail_bound);
    column((0..rows).map(|_| 1.1 * bound * (2.0 * uniform(rng) - 1.0)))
}

#[test]
fn single_precision_comes_back() {
    for (scale, tolerance) in [(0.0, 1e-6), (1.0, 5e-5), (3.0, 2e-3)] {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let (x, raw) = (points::<f32>(200_000, &mut rng), raws::<f32>(200_000, scale, &mut rng));
        let [y, log_det] = to_latent(&x, &raw);
        assert!(y.iter().chain(&log_det).all(|v| v.is_finite()), "scale {scale}");
        let back = to_data(&y, &raw);
        let worst = (&back - &x).iter().fold(0f32, |m, v| m.max(v.abs()));
        println!("scale {scale}: largest error of a round trip {worst:e}");
        assert!(back.iter().all(|v| v.is_finite()) && worst <= tolerance, "scale {scale}: {worst:e}");
        // The logarithm of the slope, against double precision.
        let [_, exact] = to_latent(&x.mapv(f64::from), &raw.mapv(f64::from));
        let worst = (log_det.mapv(f64::from) - exact).iter().fold(0f64, |m, v| m.max(v.abs()));
        println!("scale {scale}: largest error of a log-determinant {worst:e}");
        assert!(worst <= 2e-3, "scale {scale}: log-determinant {worst:e}");
    }
}

#[test]
fn single_precision_is_monotone() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for scale in [0.0, 1.0, 3.0] {
        for _ in 0..20 {
            let raw = raws::<f32>(1, scale, &mut rng);
            let mut sorted = points::<f32>(10_000, &mut rng).into_raw_vec_and_offset().0;
            sorted.sort_by(f32::total_cmp);
            let x = column(sorted.into_iter().map(f64::from));
            let ys = to_latent(&x, &raw)[0].clone().into_raw_vec_and_offset().0;
            // Neighbours may change places by rounding only.
            let slack = 4.0 * f32::EPSILON * SPLINE.tail_bound;
            assert!(ys.windows(2).all(|w| w[1] >= w[0] - slack), "scale {scale}");
        }
    }
}

#[test]
fn zeros_are_the_identity_exactly() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let far = [0.0, -0.0, 3.0, -3.0, 1e30, -1e30, f64::from(f32::MAX), 1e-40];
    let mut values: Vec<f64> = points::<f32>(20_000, &mut rng).iter().map(|&v| f64::from(v)).collect();
    values.extend(far);
    let x = column::<f32>(values.clone());
    let [y, log_det] = to_latent(&x, &raws(1, 0.0, &mut rng));
    assert_eq!(y, x);
    assert!(log_det.iter().all(|&v| v == 0.0));
    assert_eq!(to_data(&x, &raws(1, 0.0, &mut rng)), x);
    let x = column::<f64>(values);
    assert_eq!(to_latent(&x, &raws(1, 0.0, &mut rng))[0], x);
    assert_eq!(to_data(&x, &raws(1, 0.0, &mut rng)), x);
}

#[test]
fn outside_the_box_nothing_changes() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let x = column::<f32>([3.0, -3.0, 3.0001, -3.0001, 77.0, 1e30, -1e30, f64::from(f32::MAX)]);
    let raw = raws(8, 3.0, &mut rng);
    let [y, log_det] = to_latent(&x, &raw);
    assert_eq!(y, x);
    assert!(log_det.iter().all(|&v| v == 0.0));
    assert_eq!(to_data(&x, &raw), x);
}

#[test]
fn the_log_determinant_is_the_slope() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (x, raw) = (points::<f64>(5_000, &mut rng), raws::<f64>(5_000, 1.0, &mut rng));
    let [y, log_det] = to_latent(&x, &raw);
    let step = 1e-7;
    let [above, _] = to_latent(&x.mapv(|v| v + step), &raw);
    let mut errors: Vec<f64> =
        ((above - y) / step).iter().zip(&log_det).map(|(slope, l)| (slope / l.exp() - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    // Steps across a knot, where the second derivative jumps, and steep bins are the last few.
    assert!(errors[4_950] < 1e-4, "{:e}", errors[4_950]);
}
