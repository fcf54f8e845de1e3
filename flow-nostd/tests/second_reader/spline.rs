//! Splines: `spec/format.md`, "Spline", in f64.

use super::PI;

/// A spline of a value and its log-determinant. `raw` holds K widths, K heights and the inner slopes; a periodic spline has
/// one slope more.
pub fn spline(x: f64, bound: f64, bins: usize, raw: &[f64]) -> (f64, f64) {
    let periodic = raw.len() == 3 * bins;
    if !periodic && x.abs() >= bound {
        return (x, 0.0);
    }
    let (xs, ys) = (knots(bound, &raw[..bins]), knots(bound, &raw[bins..2 * bins]));
    let inner = &raw[2 * bins..3 * bins - 1];
    let end = if periodic { slope(raw[3 * bins - 1]) } else { 1.0 };
    let slopes: Vec<f64> = [end].into_iter().chain(inner.iter().map(|&r| slope(r))).chain([end]).collect();
    let k = xs[1..bins].iter().filter(|&&knot| knot < x).count();
    let (width, height) = (xs[k + 1] - xs[k], ys[k + 1] - ys[k]);
    let s = height / width;
    let theta = (x - xs[k]) / width;
    let omega = 1.0 - theta;
    let e = s * theta + slopes[k] * omega;
    let f = slopes[k + 1] * theta + s * omega;
    let m = s / (theta * e + omega * f);
    let y = x + (ys[k] - xs[k]) + (x - xs[k]) * (m * e - 1.0);
    (y, (m * m * (theta * f + omega * e)).ln())
}

/// The spline of an angle.
pub fn periodic(theta: f64, bins: usize, raw: &[f64]) -> (f64, f64) {
    let (y, log_det) = spline(theta, PI, bins, raw);
    (super::columns::clamp(y, PI), log_det)
}

/// From −bound to bound, with a thousandth of the whole for each bin at least.
fn knots(bound: f64, raw: &[f64]) -> Vec<f64> {
    let (range, bins) = (2.0 * bound, raw.len());
    let v = raw.iter().map(|&r| if r < 0.0 { 1.0 / (1.0 - r) } else { 1.0 + r }).collect::<Vec<f64>>();
    let unit = range * (1.0 - bins as f64 * 1e-3) / v.iter().sum::<f64>();
    let mut knots = vec![-bound];
    for v in &v[..bins - 1] {
        knots.push(knots[knots.len() - 1] + range * 1e-3 + v * unit);
    }
    knots.push(bound);
    knots
}

fn slope(r: f64) -> f64 {
    let e = if r < 0.0 { r / (1.0 - r) } else { r.min(1e6) };
    1.0 + (1.0 - 1e-3) * e
}
