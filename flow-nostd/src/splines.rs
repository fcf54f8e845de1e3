//! Splines side by side, for hosts: four of a row, or the same one of eight rows of a block. The bits are those of
//! [`spline`](crate::spline).
//!
//! The steps are the same, without a branch.

#![expect(clippy::arithmetic_side_effects, reason = "of floating-point numbers, which have none")]

use crate::lanes::Lanes;
use crate::sparse::{BLOCK, Rows};
use crate::spline::{self, SLOPE_MAX, SMALLEST, Spline};
use wide::{f32x4, f32x8};

/// Raw values of a spline for which there is room: of eight bins, or of sixteen. Splines of more are not taken side by side.
const FEW: usize = 3 * 8;
const MANY: usize = 3 * 16;
/// Values of a row side by side.
const COLUMNS: usize = 4;
/// Rows of a block side by side.
const ROWS: usize = 8;

/// Replaces the values of a row by splines of `bins` bins in a box of half-width `bound`; returns the sum of the
/// log-determinants. `raws` may be used up.
pub(crate) fn to_latent(bound: f32, bins: u16, values: &mut [f32], raws: &mut [f32]) -> f32 {
    let (spline, each) = (Spline::new(bound, bins), spline::raw_values(bins).into());
    match each {
        0..FEW => fours_first::<FEW>(&spline, each, values, raws),
        FEW..MANY => fours_first::<MANY>(&spline, each, values, raws),
        _ => one_by_one(&spline, each, 0.0, values, raws),
    }
}

/// The same for a block of rows, each with its raw values; adds the log-determinants.
pub(crate) fn block_to_latent(
    bound: f32,
    bins: u16,
    values: [&mut [f32]; BLOCK],
    raws: &mut Rows<&mut [f32]>,
    log_dets: &mut [f32; BLOCK],
) {
    let (spline, each) = (Spline::new(bound, bins), spline::raw_values(bins).into());
    match each {
        0..FEW => rows_side_by_side::<FEW>(&spline, each, values, raws, log_dets),
        FEW..MANY => rows_side_by_side::<MANY>(&spline, each, values, raws, log_dets),
        _ => {
            for ((values, raws), log_det) in values.into_iter().zip(raws.iter_mut()).zip(log_dets) {
                *log_det += one_by_one(&spline, each, 0.0, values, raws);
            }
        }
    }
}

/// As many values as possible side by side.
#[inline(always)]
fn fours_first<const ROOM: usize>(spline: &Spline, each: usize, values: &mut [f32], raws: &mut [f32]) -> f32 {
    let mut log_det = 0.0;
    let mut table = [f32x4::ZERO; ROOM];
    let (fours, last) = values.as_chunks_mut();
    let mut raws = raws;
    for four in fours {
        let mut left = &*raws;
        fill(&mut table, each, core::array::from_fn(|_| take(&mut left, each)));
        let (bent, log_dets) = bend(spline, f32x4::new(*four), &mut table);
        *four = bent.to_array();
        for term in log_dets.to_array() {
            log_det += term;
        }
        raws = raws.get_mut(each.saturating_mul(COLUMNS)..).unwrap_or_default();
    }
    one_by_one(spline, each, log_det, last, raws)
}

/// One value of as many rows as possible side by side, then the next.
#[inline(always)]
fn rows_side_by_side<const ROOM: usize>(
    spline: &Spline,
    each: usize,
    mut values: [&mut [f32]; BLOCK],
    raws: &mut Rows<&mut [f32]>,
    log_dets: &mut [f32; BLOCK],
) {
    let mut table = [f32x8::ZERO; ROOM];
    let mut raws = raws.iter_mut();
    let ((groups, _), (sums, _)) = (values.as_chunks_mut::<ROWS>(), log_dets.as_chunks_mut::<ROWS>());
    for (rows, sums) in groups.iter_mut().zip(sums) {
        let mut left: [&[f32]; ROWS] = core::array::from_fn(|_| &*raws.next().unwrap_or_default());
        let mut log_dets = f32x8::ZERO;
        for column in 0..rows.first().map_or(0, |row| row.len()) {
            let mut own = [&[][..]; ROWS];
            own.iter_mut().zip(&mut left).for_each(|(own, left)| *own = take(left, each));
            fill(&mut table, each, own);
            let x = rows.each_ref().map(|row| row.get(column).copied().unwrap_or(0.0));
            let (bent, terms) = bend(spline, f32x8::new(x), &mut table);
            log_dets += terms;
            for (row, bent) in rows.iter_mut().zip(bent.to_array()) {
                row.get_mut(column).into_iter().for_each(|value| *value = bent);
            }
        }
        *sums = (f32x8::new(*sums) + log_dets).to_array();
    }
}

/// One value after another.
fn one_by_one(spline: &Spline, each: usize, log_det: f32, values: &mut [f32], raws: &mut [f32]) -> f32 {
    let own = values.iter_mut().zip(raws.chunks_exact_mut(each.max(1)));
    own.fold(log_det, |log_det, (x, raws)| log_det + spline.to_latent(x, raws))
}

/// Everything from a spline's raw values on; leaves what follows them.
#[inline(always)]
fn take<'r>(left: &mut &'r [f32], each: usize) -> &'r [f32] {
    let own = *left;
    *left = own.get(each..).unwrap_or_default();
    own
}

/// Brings raw values with the same meaning side by side: of each spline the first `each` of its own.
#[inline(always)]
fn fill<const N: usize, L: Lanes<N>>(table: &mut [L], each: usize, mut own: [&[f32]; N]) {
    for places in table.get_mut(..each).unwrap_or_default().chunks_mut(N) {
        let mut rows = [L::all(0.0); N];
        for (row, own) in rows.iter_mut().zip(&mut own) {
            let mut next = [0.0; N];
            match own.split_first_chunk() {
                Some((all, rest)) => (next, *own) = (*all, rest),
                None => next.iter_mut().zip(*own).for_each(|(next, &raw)| *next = raw),
            }
            *row = L::new(next);
        }
        for (place, side_by_side) in places.iter_mut().zip(L::transpose(rows)) {
            *place = side_by_side;
        }
    }
}

/// The values replaced, and the log-determinants.
#[inline(always)]
fn bend<const N: usize, L: Lanes<N>>(spline: &Spline, x: L, table: &mut [L]) -> (L, L) {
    let one = L::all(1.0);
    let is_inside = L::all(spline.bound).above(x.abs());
    // Any value inside the box stands for one outside, whose results are not used.
    let value = is_inside.choose(x, L::all(0.0));

    let last = spline.bins.saturating_sub(1);
    let (widths, rest) = table.split_at_mut_checked(spline.bins).unwrap_or_default();
    let (heights, slopes) = rest.split_at_mut_checked(spline.bins).unwrap_or_default();
    let (across, up) = (unit(spline, widths), unit(spline, heights));
    let smallest = L::all(spline.smallest);
    // Knots one after the other; of the last that is below the value, and of the next, what there is stays.
    let ends = |at: f32| Knot { x: L::all(at), y: L::all(at), raw: L::all(0.0) };
    let (mut lower, mut upper) = (ends(-spline.bound), ends(spline.bound));
    let mut knot = lower;
    for ((&width, &height), &raw) in widths.iter().zip(heights.iter()).zip(slopes.iter()).take(last) {
        let is_above = value.above(knot.x);
        let next = Knot { x: knot.x + (smallest + width * across), y: knot.y + (smallest + height * up), raw };
        lower = knot.at(is_above, lower);
        upper = next.at(is_above, upper);
        knot = next;
    }
    let is_above = value.above(knot.x);
    lower = knot.at(is_above, lower);
    upper = ends(spline.bound).at(is_above, upper);

    let (width, height) = (upper.x - lower.x, upper.y - lower.y);
    let (left, right) = (slope(lower.raw), slope(upper.raw));
    let slope = height / width;
    let along = value - lower.x;
    let theta = along / width;
    let omega = one - theta;
    let e = slope * theta + left * omega;
    let f = right * theta + slope * omega;
    let relative = slope / (theta * e + omega * f);
    let bent = value + ((lower.y - lower.x) + along * (relative * e - one));
    let log_det = (relative * relative * (theta * f + omega * e)).ln();
    (is_inside.choose(bent, x), is_inside.choose(log_det, L::all(0.0)))
}

/// Replaces raw values by sizes; returns their units.
#[inline(always)]
fn unit<const N: usize, L: Lanes<N>>(spline: &Spline, raws: &mut [L]) -> L {
    let mut sum = L::all(0.0);
    for raw in raws {
        let size = L::all(1.0) + raw.abs();
        *raw = L::all(0.0).above(*raw).choose(L::all(1.0) / size, size);
        sum = sum + *raw;
    }
    L::all(spline.shared) / sum
}

/// Knots: where they lie, and their raw slopes.
#[derive(Clone, Copy)]
struct Knot<L> {
    x: L,
    y: L,
    raw: L,
}

impl<L> Knot<L> {
    /// These where `found`, `others` elsewhere.
    #[inline(always)]
    fn at<const N: usize>(self, found: L, others: Self) -> Self
    where
        L: Lanes<N>,
    {
        Self {
            x: found.choose(self.x, others.x),
            y: found.choose(self.y, others.y),
            raw: found.choose(self.raw, others.raw),
        }
    }
}

/// The slopes at knots.
#[inline(always)]
fn slope<const N: usize, L: Lanes<N>>(raw: L) -> L {
    let (one, most) = (L::all(1.0), L::all(SLOPE_MAX));
    let bounded = raw.above(most).choose(most, raw);
    let excess = L::all(0.0).above(raw).choose(raw / (one - raw), bounded);
    one + L::all(1.0 - SMALLEST) * excess
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::draws;
    use std::vec::Vec;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn side_by_side_they_have_the_bits_of_one_after_another() {
        let mut next = draws();
        for round in 0..if cfg!(miri) { 5 } else { 2000 } {
            let bins = [2, 3, 8, 16, 17][round % 5];
            let each = usize::from(spline::raw_values(bins));
            let spline = Spline::new([5.0, 1e-3, 1e6][round % 3], bins);
            let size = [1.0, 10.0, 1e10, 1e30, 1e-30, 0.0][round % 6];
            let count = 1 + round % 7;
            let room = count * each + round % 9; // With padding.
            let mut raws: Vec<f32> = (0..BLOCK * room).map(|_| next() * size).collect();
            let mut values: Vec<f32> = (0..BLOCK * count).map(|_| 1.2 * spline.bound * next()).collect();
            let at = round % values.len();
            (values[at], values[BLOCK * count - 1 - at]) = (-0.0, [spline.bound, -spline.bound][round % 2]);

            let (mut one_raws, mut one) = (raws.clone(), values.clone());
            let one_rows = one.chunks_mut(count).zip(one_raws.chunks_mut(room));
            let expected = one_rows.map(|(row, raws)| {
                let own = row.iter_mut().zip(raws.chunks_mut(each));
                own.fold(0.0, |sum, (x, raws)| sum + spline.to_latent(x, raws))
            });
            let expected: Vec<f32> = expected.collect();

            let (mut row_raws, mut row) = (raws.clone(), values.clone());
            let rows = row.chunks_mut(count).zip(row_raws.chunks_mut(room));
            let found: Vec<f32> = rows.map(|(row, raws)| to_latent(spline.bound, bins, row, raws)).collect();
            assert_eq!(bits(&found), bits(&expected), "a row of {count}, {bins} bins, raw values of {size}");
            assert_eq!(bits(&row), bits(&one), "a row of {count}, {bins} bins, raw values of {size}");

            let mut log_dets = [0.0; BLOCK];
            let mut rows = values.chunks_mut(count);
            let rows = core::array::from_fn(|_| rows.next().unwrap());
            let mut raws = Rows { values: &mut raws[..], each: room };
            block_to_latent(spline.bound, bins, rows, &mut raws, &mut log_dets);
            assert_eq!(bits(&log_dets), bits(&expected), "blocks of {count}, {bins} bins, raw values of {size}");
            assert_eq!(bits(&values), bits(&one), "blocks of {count}, {bins} bins, raw values of {size}");
        }
    }
}
