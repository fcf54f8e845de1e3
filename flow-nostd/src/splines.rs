//! Four splines side by side, for hosts: the steps of [`spline`](crate::spline), without a branch. The bits are the same.

use crate::lanes::{COUNT, Lanes, Where};
use crate::spline::{SLOPE_MAX, SMALLEST, Spline};

/// Raw values of a spline for which there is room: of eight bins, or of sixteen. Splines of more are not taken side by side.
const FEW: usize = 3 * 8;
const MANY: usize = 3 * 16;

/// Replaces values, for each of which there are `each` raw values; returns the sum of the log-determinants. `raws` may be used
/// up.
pub(crate) fn to_latent(spline: &Spline, each: usize, values: &mut [f32], raws: &mut [f32]) -> f32 {
    match each {
        0..FEW => fours_first::<FEW>(spline, each, values, raws),
        FEW..MANY => fours_first::<MANY>(spline, each, values, raws),
        _ => one_by_one(spline, each, 0.0, values, raws),
    }
}

/// As many values as possible side by side, with `ROOM` for the raw values of each.
#[inline(always)]
fn fours_first<const ROOM: usize>(spline: &Spline, each: usize, values: &mut [f32], raws: &mut [f32]) -> f32 {
    let mut log_det = 0.0;
    // Raw values with the same meaning side by side.
    let mut table = [Lanes::all(0.0); ROOM];
    let (fours, last) = values.as_chunks_mut();
    let mut raws = raws;
    for four in fours {
        let split = core::mem::take(&mut raws).split_at_mut_checked(each.saturating_mul(COUNT));
        let (own, rest) = split.unwrap_or_default();
        raws = rest;
        let mut own = own.chunks_exact(each.max(1));
        let mut next = || own.next().unwrap_or_default();
        let (a, b, c, d) = (next(), next(), next(), next());
        for ((((slot, &a), &b), &c), &d) in table.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *slot = Lanes([a, b, c, d]);
        }
        let (Lanes(bent), Lanes(log_dets)) = bend(spline, Lanes(*four), &mut table);
        *four = bent;
        for term in log_dets {
            log_det += term;
        }
    }
    one_by_one(spline, each, log_det, last, raws)
}

/// One value after another.
fn one_by_one(spline: &Spline, each: usize, log_det: f32, values: &mut [f32], raws: &mut [f32]) -> f32 {
    let own = values.iter_mut().zip(raws.chunks_exact_mut(each.max(1)));
    own.fold(log_det, |log_det, (x, raws)| log_det + spline.to_latent(x, raws))
}

/// The values replaced, and the log-determinants.
#[inline(always)]
fn bend(spline: &Spline, x: Lanes, table: &mut [Lanes]) -> (Lanes, Lanes) {
    let one = Lanes::all(1.0);
    let is_inside = Lanes::all(spline.bound).above(x.abs());
    // Any value inside the box stands for one outside, whose results are not used.
    let value = is_inside.choose(x, Lanes::all(0.0));

    let last = spline.bins.saturating_sub(1);
    let (widths, rest) = table.split_at_mut_checked(spline.bins).unwrap_or_default();
    let (heights, slopes) = rest.split_at_mut_checked(spline.bins).unwrap_or_default();
    let units = [unit(spline, widths), unit(spline, heights)];
    // Knots one after the other; of the last that is below the value, and of the next, what there is stays.
    let ends = |at: f32| Knot { x: Lanes::all(at), y: Lanes::all(at), raw: Lanes::all(0.0) };
    let (mut lower, mut upper) = (ends(-spline.bound), ends(spline.bound));
    let mut knot = lower;
    for ((&width, &height), &raw) in widths.iter().zip(heights.iter()).zip(slopes.iter()).take(last) {
        let is_above = value.above(knot.x);
        let next = knot.next(spline, units, [width, height], raw);
        lower = knot.at(is_above, lower);
        upper = next.at(is_above, upper);
        knot = next;
    }
    let is_above = value.above(knot.x);
    lower = knot.at(is_above, lower);
    upper = ends(spline.bound).at(is_above, upper);

    let (width, height) = (upper.x.minus(lower.x), upper.y.minus(lower.y));
    let (left, right) = (slope(lower.raw), slope(upper.raw));
    let slope = height.over(width);
    let along = value.minus(lower.x);
    let theta = along.over(width);
    let omega = one.minus(theta);
    let e = slope.times(theta).plus(left.times(omega));
    let f = right.times(theta).plus(slope.times(omega));
    let relative = slope.over(theta.times(e).plus(omega.times(f)));
    let bent = value.plus(lower.y.minus(lower.x).plus(along.times(relative.times(e).minus(one))));
    let log_det = relative.times(relative).times(theta.times(f).plus(omega.times(e))).ln();
    (is_inside.choose(bent, x), is_inside.choose(log_det, Lanes::all(0.0)))
}

/// Replaces raw values by sizes; returns their units.
#[inline(always)]
fn unit(spline: &Spline, raws: &mut [Lanes]) -> Lanes {
    let mut sum = Lanes::all(0.0);
    for raw in raws {
        let size = Lanes::all(1.0).plus(raw.abs());
        *raw = Lanes::all(0.0).above(*raw).choose(Lanes::all(1.0).over(size), size);
        sum = sum.plus(*raw);
    }
    Lanes::all(spline.shared).over(sum)
}

/// Knots: where they lie, and their raw slopes.
#[derive(Clone, Copy)]
struct Knot {
    x: Lanes,
    y: Lanes,
    raw: Lanes,
}

impl Knot {
    /// The next knots, of sizes in `units`.
    #[inline(always)]
    fn next(self, spline: &Spline, units: [Lanes; 2], sizes: [Lanes; 2], raw: Lanes) -> Self {
        let ([across, up], [width, height]) = (units, sizes);
        let smallest = Lanes::all(spline.smallest);
        let x = self.x.plus(smallest.plus(width.times(across)));
        let y = self.y.plus(smallest.plus(height.times(up)));
        Self { x, y, raw }
    }

    /// These where `found`, `others` elsewhere.
    #[inline(always)]
    fn at(self, found: Where, others: Self) -> Self {
        Self {
            x: found.choose(self.x, others.x),
            y: found.choose(self.y, others.y),
            raw: found.choose(self.raw, others.raw),
        }
    }
}

/// The slopes at knots.
#[inline(always)]
fn slope(raw: Lanes) -> Lanes {
    let (one, most) = (Lanes::all(1.0), Lanes::all(SLOPE_MAX));
    let bounded = raw.above(most).choose(most, raw);
    let excess = Lanes::all(0.0).above(raw).choose(raw.over(one.minus(raw)), bounded);
    one.plus(Lanes::all(1.0 - SMALLEST).times(excess))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn side_by_side_they_have_the_bits_of_one_after_another() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for round in 0..if cfg!(miri) { 5 } else { 2000 } {
            let bins = [2, 3, 8, 16, 17][round % 5];
            let each = bins * 3 - 1;
            let spline = Spline::new([5.0, 1e-3, 1e6][round % 3], bins as u16);
            let size = [1.0, 10.0, 1e10, 1e30, 1e-30, 0.0][round % 6];
            let mut raws: Vec<f32> = (0..7 * each + round % 9).map(|_| next() * size).collect(); // With padding.
            let mut values: Vec<f32> = (0..7).map(|_| 1.2 * spline.bound * next()).collect();
            (values[round % 7], values[(round + 1) % 7]) = (-0.0, [spline.bound, -spline.bound][round % 2]);
            let (mut own_raws, mut expected) = (raws.clone(), values.clone());
            let own = expected.iter_mut().zip(own_raws.chunks_mut(each));
            let log_det = own.fold(0.0, |sum, (x, raws)| sum + spline.to_latent(x, raws));
            let found = to_latent(&spline, each, &mut values, &mut raws);
            assert_eq!(found.to_bits(), log_det.to_bits(), "{bins} bins, raw values of {size}: {found} {log_det}");
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(&values), bits(&expected), "{bins} bins, raw values of {size}");
        }
    }
}
