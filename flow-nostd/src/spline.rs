//! Monotone rational-quadratic spline of a value: the identity outside ±B, and K quotients of quadratics inside.
//!
//! Durkan et al., "Neural Spline Flows", arXiv 1906.04032, equations 4 to 8. A conditioner gives 3K − 1 raw values: K
//! widths, K heights and the slopes at the K − 1 inner knots; the slope at both ends is 1. Raw values of 0 give the
//! identity to the last bit. Neither direction needs memory of its own: widths and heights replace their raw values.
//!
//! A periodic spline has no outside and one raw value more, the slope at both ends: see [`circle`](crate::circle).

use crate::fault::Fault;
use crate::range;

/// Fewest bins.
pub const NUM_BINS_MIN: u16 = 2;
/// Most bins.
pub const NUM_BINS_MAX: u16 = 64;
/// Smallest half-width of the box: no bin is so narrow that a quotient could overflow.
pub const TAIL_BOUND_MIN: f32 = 1e-3;
/// Largest half-width of the box.
pub const TAIL_BOUND_MAX: f32 = 1e6;

/// The narrowest bin, as a share of the box, and the smallest slope.
pub(crate) const SMALLEST: f32 = 1e-3;
/// The largest raw slope: larger ones are taken for it.
pub(crate) const SLOPE_MAX: f32 = 1e6;

/// What all splines of a layer share.
pub(crate) struct Spline {
    pub bins: usize,
    pub bound: f32,
    /// The narrowest bin.
    pub smallest: f32,
    /// What of the box is left for the raw values to divide.
    pub shared: f32,
}

/// A bin and its surroundings.
struct Bin {
    /// Lower edges.
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    /// Slopes at both ends.
    left: f32,
    right: f32,
}

/// Number of raw values of a spline of `bins` bins.
pub(crate) fn raw_values(bins: u16) -> u16 {
    bins.saturating_mul(3).saturating_sub(1)
}

/// Whether a spline may have as many bins.
pub(crate) fn is_bins(bins: u16) -> bool {
    (NUM_BINS_MIN..=NUM_BINS_MAX).contains(&bins)
}

/// Checks the fields at the bytes 8 and 12 of a record.
pub(crate) fn check(bound: f32, bins: u16) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if !range::is_from_to(bound, TAIL_BOUND_MIN, TAIL_BOUND_MAX) {
        return fail(8);
    }
    if !is_bins(bins) {
        return fail(12);
    }
    Ok(())
}

impl Spline {
    pub(crate) fn new(bound: f32, bins: u16) -> Self {
        let range = bound + bound;
        let shared = range * (1.0 - f32::from(bins) * SMALLEST);
        Spline { bins: bins.into(), bound, smallest: range * SMALLEST, shared }
    }

    /// Replaces `x`; returns the log-determinant. `raws` are used up.
    pub(crate) fn to_latent(&self, x: &mut f32, raws: &mut [f32]) -> f32 {
        if x.abs() >= self.bound { 0.0 } else { self.bend(x, raws) }
    }

    /// The inverse of [`Spline::to_latent`].
    pub(crate) fn to_data(&self, y: &mut f32, raws: &mut [f32]) {
        if y.abs() < self.bound {
            self.unbend(y, raws);
        }
    }

    /// Replaces an `x` inside the box; returns the log-determinant.
    pub(crate) fn bend(&self, x: &mut f32, raws: &mut [f32]) -> f32 {
        let at = *x;
        let Some((widths, heights, slopes)) = self.parts(raws) else { return 0.0 };
        let (k, left, right) = self.find(at, widths);
        let (lower, upper) = self.edges(k, heights);
        let bin = self.bin(k, [left, right], [lower, upper], slopes);

        let slope = bin.height / bin.width;
        let along = at - bin.x;
        let theta = along / bin.width;
        let omega = 1.0 - theta;
        let e = slope * theta + bin.left * omega;
        let f = bin.right * theta + slope * omega;
        let relative = slope / (theta * e + omega * f);
        *x = at + ((bin.y - bin.x) + along * (relative * e - 1.0));
        libm::logf(relative * relative * (theta * f + omega * e))
    }

    /// The inverse of [`Spline::bend`].
    pub(crate) fn unbend(&self, y: &mut f32, raws: &mut [f32]) {
        let at = *y;
        let Some((widths, heights, slopes)) = self.parts(raws) else { return };
        let (k, lower, upper) = self.find(at, heights);
        let (left, right) = self.edges(k, widths);
        let bin = self.bin(k, [left, right], [lower, upper], slopes);

        // The root in [0, 1] of (slope - b) theta² + b theta = slope * share.
        let slope = bin.height / bin.width;
        let up = at - bin.y;
        let share = up / bin.height;
        let b = bin.left - share * ((bin.right + bin.left) - (slope + slope));
        let a = slope - b;
        let product = slope * share;
        let discriminant = b * b + 4.0 * (a * product);
        let root = if discriminant > 0.0 { libm::sqrtf(discriminant) } else { 0.0 };
        let x = if b >= 0.0 {
            at + ((bin.x - bin.y) + up * (2.0 / (b + root) - 1.0))
        } else {
            bin.x + (root - b) / (a + a) * bin.width
        };
        // The order of the comparisons also sends a NaN to the edge.
        *y = if x > right {
            right
        } else if x > left {
            x
        } else {
            left
        };
    }

    /// Widths and heights in units of the box, ready to be added up, and raw slopes.
    #[inline(always)]
    fn parts<'r>(&self, raws: &'r mut [f32]) -> Option<(Sizes<'r>, Sizes<'r>, &'r [f32])> {
        let (widths, rest) = raws.split_at_mut_checked(self.bins)?;
        let (heights, slopes) = rest.split_at_mut_checked(self.bins)?;
        Some((self.sizes(widths), self.sizes(heights), slopes))
    }

    /// Replaces raw values by positive ones: `1 + r`, or `1 / (1 + |r|)` where r is negative.
    fn sizes<'r>(&self, raws: &'r mut [f32]) -> Sizes<'r> {
        for r in raws.iter_mut() {
            let size = 1.0 + r.abs();
            *r = if *r < 0.0 { 1.0 / size } else { size };
        }
        let mut sum = 0.0;
        for r in raws.iter() {
            sum += *r;
        }
        Sizes { unit: self.shared / sum, values: raws }
    }

    /// The bin that `at` lies in, its lower and its upper edge. The last knot is the bound itself.
    #[inline(always)]
    fn find(&self, at: f32, sizes: Sizes<'_>) -> (usize, f32, f32) {
        let mut lower = -self.bound;
        let last = self.bins.saturating_sub(1);
        for (k, &size) in sizes.values.iter().take(last).enumerate() {
            let upper = lower + (self.smallest + size * sizes.unit);
            if at <= upper {
                return (k, lower, upper);
            }
            lower = upper;
        }
        (last, lower, self.bound)
    }

    /// The lower and the upper edge of bin `k`.
    #[inline(always)]
    fn edges(&self, k: usize, sizes: Sizes<'_>) -> (f32, f32) {
        let mut lower = -self.bound;
        let mut values = sizes.values.iter();
        for &size in values.by_ref().take(k) {
            lower += self.smallest + size * sizes.unit;
        }
        match values.next() {
            Some(&size) if values.len() > 0 => (lower, lower + (self.smallest + size * sizes.unit)),
            _ => (lower, self.bound),
        }
    }

    #[inline(always)]
    fn bin(&self, k: usize, [x, right]: [f32; 2], [y, upper]: [f32; 2], slopes: &[f32]) -> Bin {
        // Knot k has the raw slope k - 1. Both ends have the one after those of the inner knots, or none.
        let at = |i: usize| slopes.get(i).map_or(1.0, |&raw| slope(raw));
        let before = k.checked_sub(1).unwrap_or(self.bins.saturating_sub(1));
        Bin { x, y, width: right - x, height: upper - y, left: at(before), right: at(k) }
    }
}

/// Sizes of bins before `smallest + value * unit`.
struct Sizes<'r> {
    unit: f32,
    values: &'r [f32],
}

/// The slope at an inner knot: 1 where `raw` is 0, otherwise `1e-3 + 0.999 v` with v as for widths.
fn slope(raw: f32) -> f32 {
    let excess = if raw < 0.0 {
        raw / (1.0 - raw)
    } else if raw > SLOPE_MAX {
        SLOPE_MAX
    } else {
        raw
    };
    1.0 + (1.0 - SMALLEST) * excess
}
