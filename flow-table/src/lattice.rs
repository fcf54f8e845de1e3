//! The step of a sensor: the largest of which all values are multiples, plus an origin.
//!
//! Whole numbers: the greatest common divisor of their differences. Other numbers: an approximate one. Values nearer
//! than two units in the last place are one point. The step is a whole fraction `gap / q` of the smallest gap between
//! points; `q = 1, 2, …` is tried until all points lie within a thousandth of a step (or two units in the last place,
//! if that is more) of a straight line through whole numbers, while the range has at most [`MOST_STEPS`] steps and the
//! step at least [`LEAST_UNITS`] units in the last place. A column of real numbers printed with many digits fails that:
//! its smallest gap is far too small.
//!
//! Few values lie on some lattice by accident. The chance is about `q (2 r)^(n - 2)` for `n` points with residuals of
//! at most `r` steps, and `g^-(n - 2)` for whole numbers with the common divisor `g`. A lattice is believed where it is
//! below 1/1000, or where every value comes back ten times and the lattice is well filled. Among fractions, a tenth of the
//! rows must also hold a value that comes back: below that, the step is too fine to matter for so many rows.

use crate::tally::Tally;

/// Most steps between the smallest and the largest value, unless all are whole numbers.
const MOST_STEPS: f64 = 20_000.0;
/// A step spans at least so many units in the last place of the largest value.
const LEAST_UNITS: f64 = 32.0;
/// How far a value may lie from its place, in steps.
const TOLERANCE: f64 = 1e-3;
/// Whole numbers beyond this size leave no room for noise within a cell in single precision.
pub(crate) const LARGEST_WHOLE: f32 = 4_194_304.0; // 2^22

/// A lattice that holds all values of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// A value of the lattice: 0 where the values are plain multiples of the step, else the smallest.
    pub(crate) origin: f32,
    /// Distance between neighbours.
    pub(crate) step: f32,
    /// Steps from the smallest to the largest value.
    steps: f64,
    /// Evidence: minus the binary logarithm of the chance that the values lie so by accident.
    bits: f64,
}

/// The number of the cell in which a value lies, as flows count.
pub(crate) fn cell(value: f32, origin: f32, step: f32) -> f32 {
    ((value - origin) / step + 0.5).floor()
}

/// The lattice of these values, if there is one, however weak the evidence.
pub(crate) fn find(tally: &Tally) -> Option<Found> {
    if tally.distinct() < 2 {
        return None;
    }
    let small = tally.min() >= -LARGEST_WHOLE && tally.max() <= LARGEST_WHOLE;
    if small && tally.whole() { Some(common_divisor(tally)) } else { approximate_divisor(tally) }
}

impl Found {
    /// Whether the evidence suffices; `others` are the rows that hold no atom.
    pub(crate) fn is_credible(&self, tally: &Tally, others: &Tally) -> bool {
        let distinct = tally.distinct() as f64;
        let filled = tally.rows() as f64 >= 10.0 * distinct && self.steps <= 10.0 * distinct;
        let ties = tally.whole() || others.distinct() as f64 <= 0.9 * others.rows() as f64;
        filled || (self.bits >= 10.0 && ties)
    }
}

fn common_divisor(tally: &Tally) -> Found {
    let first = tally.min() as i64;
    let step = tally.values().fold(0, |g, v| gcd(g, v as i64 - first));
    Found {
        origin: if first % step == 0 { 0.0 } else { tally.min() },
        step: step as f32,
        steps: ((tally.max() as i64 - first) / step) as f64,
        bits: (tally.distinct() - 2) as f64 * (step as f64).log2(),
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn approximate_divisor(tally: &Tally) -> Option<Found> {
    let unit = tally.resolution();
    let mut points: Vec<f64> = Vec::with_capacity(tally.distinct());
    for value in tally.values().map(f64::from) {
        if points.last().is_none_or(|last| value - last > 2.0 * unit) {
            points.push(value);
        }
    }
    let range = points.last()? - points[0];
    let mut gaps: Vec<f64> = points.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let smallest = *gaps.first()?;
    for q in 1.. {
        let guess = smallest / f64::from(q);
        if range / guess > MOST_STEPS || guess < LEAST_UNITS * unit {
            return None;
        }
        let Some(line) = refine(guess, &gaps).and_then(|step| Line::through(&points, step)) else { continue };
        if line.residual <= (TOLERANCE * line.step).max(2.0 * unit) {
            let near = line.residual.max(unit / 2.0) / line.step;
            let bits = -(points.len() as f64 - 2.0) * (2.0 * near).log2() - f64::from(q).log2();
            let (origin, step) = line.rounded(&points, unit);
            let first = cell(points[0] as f32, origin, step);
            let placed = |(&x, &k): (&f64, &f64)| f64::from(cell(x as f32, origin, step) - first) == k;
            let holds = points.iter().zip(&line.numbers).all(placed);
            return holds.then_some(Found { origin, step, steps: range / line.step, bits });
        }
    }
    None
}

/// A guess of the step, made better by one gap after the other, from the smallest to the largest; `None` where a gap is
/// no multiple of it.
fn refine(guess: f64, gaps: &[f64]) -> Option<f64> {
    let (mut step, mut products, mut squares) = (guess, 0.0, 0.0);
    for gap in gaps {
        let k = (gap / step).round();
        if (gap / step - k).abs() > 0.25 {
            return None;
        }
        products += gap * k;
        squares += k * k;
        step = products / squares;
    }
    Some(step)
}

/// Points as `start + number · step`, by least squares.
struct Line {
    step: f64,
    numbers: Vec<f64>,
    residual: f64,
}

impl Line {
    fn through(points: &[f64], step: f64) -> Option<Line> {
        let mut numbers = vec![0.0];
        for gap in points.windows(2) {
            numbers.push(numbers[numbers.len() - 1] + ((gap[1] - gap[0]) / step).round());
        }
        let n = points.len() as f64;
        let (mean_k, mean_x) = (numbers.iter().sum::<f64>() / n, points.iter().sum::<f64>() / n);
        let pairs = || numbers.iter().zip(points).map(|(k, x)| (k - mean_k, x - mean_x));
        let step = pairs().map(|(k, x)| k * x).sum::<f64>() / pairs().map(|(k, _)| k * k).sum::<f64>();
        let residual = pairs().map(|(k, x)| (x - k * step).abs()).fold(0.0, f64::max);
        step.is_finite().then_some(Line { step, numbers, residual })
    }

    /// Origin and step in single precision: the origin 0 if that is a point of the lattice not too far off, and the
    /// step the shortest decimal that moves no point by more than a unit in the last place.
    fn rounded(&self, points: &[f64], unit: f64) -> (f32, f32) {
        let first = (points[0] / self.step).round();
        let last = first + self.numbers[self.numbers.len() - 1];
        let farthest = first.abs().max(last.abs());
        let tolerance = (TOLERANCE * self.step).max(2.0 * unit);
        let multiples = farthest <= MOST_STEPS && (points[0] - first * self.step).abs() <= tolerance;
        let (origin, step, most) = if multiples {
            let pairs = || self.numbers.iter().map(|k| k + first).zip(points);
            let step = pairs().map(|(k, x)| k * x).sum::<f64>() / pairs().map(|(k, _)| k * k).sum::<f64>();
            (0.0, step, farthest)
        } else {
            (points[0] as f32, self.step, last - first)
        };
        let mut short = (0..9).filter_map(|digits| format!("{step:.digits$e}").parse::<f64>().ok());
        let step = short.find(|s| (s - step).abs() * most <= unit).unwrap_or(step);
        (origin, step as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    /// Draws from U(0, 1).
    fn uniform(n: usize, seed: u64) -> impl Iterator<Item = f64> + Clone {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let draws: Vec<f64> = (0..n).map(|_| f64::from(rng.next_u32()) / 4_294_967_296.0).collect();
        draws.into_iter()
    }

    /// A bell: the mean of four draws, scaled to deviation 1.
    fn bell(n: usize, seed: u64) -> Vec<f64> {
        let draws: Vec<f64> = uniform(4 * n, seed).collect();
        draws.chunks(4).map(|four| (four.iter().sum::<f64>() - 2.0) * 3f64.sqrt()).collect()
    }

    fn credible(values: impl Iterator<Item = f32>) -> Option<(f32, f32)> {
        let tally = Tally::of(values);
        find(&tally).filter(|f| f.is_credible(&tally, &tally)).map(|f| (f.origin, f.step))
    }

    #[test]
    fn printed_decimals() {
        let printed = |rows: usize, digits: usize, scale: f64| {
            let values = bell(rows, 1).into_iter().map(|v| format!("{:.digits$}", 20.0 + scale * v));
            credible(values.map(|text| text.parse().unwrap()))
        };
        assert_eq!(printed(1000, 1, 3.0), Some((0.0, 0.1)));
        assert_eq!(printed(1000, 2, 2.0), Some((0.0, 0.01)));
        assert_eq!(printed(1000, 6, 1.0), None);
        assert_eq!(printed(3000, 3, 1.0).map(|l| l.1), Some(0.001));
        assert_eq!(printed(300, 3, 1.0), None); // hardly a value comes back
        assert_eq!(credible([0.07, 12.35, 0.09, 3.0].into_iter().cycle().take(40)), Some((0.0, 0.01)));
    }

    #[test]
    fn codes_of_a_converter_in_any_unit() {
        for (bits, factor, offset) in
            [(10, 3.3 / 1023.0, 0.0), (12, 0.0371, -40.0), (12, 1e-9 / 7.0, 3e-8), (8, 1e7, 3e5)]
        {
            let codes = |rows: usize| {
                let centre = f64::from(1 << (bits - 1));
                bell(rows, 2).into_iter().map(move |v| (centre + 0.2 * centre * v).round())
            };
            // Computed in double precision, and once more in single precision, with its own rounding.
            let fine = credible(codes(2000).map(|c| (c * factor + offset) as f32)).unwrap();
            let coarse = credible(codes(2000).map(|c| c as f32 * factor as f32 + offset as f32)).unwrap();
            for (origin, step) in [fine, coarse] {
                assert!((f64::from(step) / factor - 1.0).abs() < 1e-5, "{step} for {factor}");
                let k = (f64::from(origin) - offset) / factor;
                assert!((k - k.round()).abs() < 0.01, "{origin} for {offset} and {factor}");
            }
        }
    }

    #[test]
    fn the_step_may_be_finer_than_every_gap() {
        let points = [0.0, 0.6, 1.0, 1.6, 3.0, 3.6, 5.0, 6.0]; // gaps 0.4, 0.6, 1, 1.4
        assert_eq!(credible(points.into_iter().cycle().take(80)), Some((0.0, 0.2)));
    }

    #[test]
    fn far_values_do_not_hide_the_step() {
        let values = bell(2000, 3).into_iter().map(|v| ((20.0 + v) * 10.0).round() as f32 / 10.0);
        assert_eq!(credible(values.chain([-999.0])), Some((0.0, 0.1)));
    }

    #[test]
    fn real_numbers_are_no_lattice() {
        for seed in 0..20 {
            assert_eq!(credible(uniform(1000, seed).map(|v| v as f32)), None);
            assert_eq!(credible(bell(50, seed).into_iter().map(|v| v as f32)), None);
            // A few levels anywhere, each held by many rows.
            let levels: Vec<f32> = uniform(5, seed).map(|v| v as f32).collect();
            assert_eq!(credible(levels.into_iter().cycle().take(1000)), None);
        }
        assert_eq!(credible([0.0, 1.0, 2.7654].into_iter().cycle().take(300)), None);
    }

    #[test]
    fn whole_numbers() {
        let even = bell(1000, 4).into_iter().map(|v| 2.0 * (10.0 * v).round() as f32);
        assert_eq!(credible(even.clone()), Some((0.0, 2.0)));
        let (origin, step) = credible(even.map(|v| v + 1.0)).unwrap();
        assert_eq!((origin % 2.0, step), (-1.0, 2.0));
        assert_eq!(credible([0.0, 2.0, 6.0].into_iter()), None); // by accident
        assert_eq!(credible([0.0, 2.0, 6.0].into_iter().cycle().take(30)), Some((0.0, 2.0)));
        assert_eq!(find(&Tally::of([5.0].into_iter())), None);
    }

    #[test]
    fn two_levels() {
        assert_eq!(credible([0.5, 3.25].into_iter().cycle().take(20)), Some((0.5, 2.75)));
        assert_eq!(credible([0.5, 3.25].into_iter().cycle().take(19)), None);
    }
}
