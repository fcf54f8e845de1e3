//! Monotone rational-quadratic splines: the identity outside `[-B, B]`, and inside it `K` bins in which `y` is a quotient
//! of two quadratics of `x`.
//!
//! Durkan, Bekasov, Murray & Papamakarios, "Neural Spline Flows", arXiv 1906.04032, equations 4 and 5 (forward), 6 to 8
//! (inverse). Each column has raw values `[a_0.., b_0.., d_1..]`: K widths, K heights, K - 1 inner slopes. With
//! `φ(r) = 1 + r/2` for `r ≥ 0`, else `1 / (1 - r/2)`, which is smooth, positive and 1 at 0 and needs neither a root nor an
//! exponential on a device, and `ε = 1e-3`:
//!
//! - bin widths `W_k = 2B (ε + (1 - Kε) φ(a_k) / Σφ(a))`, heights `H_k` likewise, knots `x_k = -B + W_0 + … + W_{k-1}`;
//! - slopes at the knots `δ_k = ε + (1 - ε) φ(d_k)`, and `δ_0 = δ_K = 1`, as outside;
//! - in bin k: `s = H_k / W_k`, `θ = (x - x_k) / W_k`, `ω = 1 - θ`, `e = s θ + δ_k ω`, `f = δ_{k+1} θ + s ω`, and
//!   `y = y_k + (x - x_k) s e / (θ e + ω f)`, `dy/dx = s² (θ f + ω e) / (θ e + ω f)²`.
//!
//! A periodic spline (Rezende et al., "Normalizing Flows on Tori and Spheres", arXiv 2002.02428, section 2.3.2) has one raw
//! value more, the slope `δ_0 = δ_K` at both ends, and acts on the whole circle `[-B, B)`.
//!
//! This arrangement has no differences of large terms: nothing is ever negative, and raw values of 0 give the identity
//! to the last bit. So does `x + ((y_k - x_k) + (x - x_k)(ratio - 1))` in place of the sum above.
//!
//! Everything is a product with a constant matrix or an operation on elements. The bin's number is never written down:
//! `passed` holds a 1 for every knot left of `x`, and from it come the weights with which the raw values add up to
//! the bin's edges. `φ` stays undivided: the sums stay in the denominators, where most of them cancel.

use crate::graph::{Dim, Graph, NodeId};
use ndarray::Array2;

/// The smallest bin, as a share of the range, and the smallest inner slope.
pub const SMALLEST: f32 = 1e-3;

/// Number of raw values that a conditioner gives for each column: widths, heights and inner slopes.
pub const fn raw_values(num_bins: usize) -> usize {
    3 * num_bins - 1
}

/// Splines of one shape, one for each column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spline {
    /// Number of bins K.
    pub num_bins: usize,
    /// Half-width B of the box in which the splines differ from the identity.
    pub tail_bound: f32,
    /// Whether the ends of the box are one and the same point.
    pub periodic: bool,
}

/// The axis along which a bin is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    X,
    Y,
}

/// The bin that a value lies in. Lengths along x are multiplied by `total_x = Σφ(a)`, along y by `total_y = Σφ(b)`.
/// Every node is `[batch or 1, columns, 1]`.
struct Bin {
    total_x: NodeId,
    total_y: NodeId,
    x: NodeId,
    y: NodeId,
    width: NodeId,
    height: NodeId,
    slope_left: NodeId,
    slope_right: NodeId,
    /// The value's distance from the bin's lower edge, times that axis' total.
    distance: NodeId,
}

impl Spline {
    /// Number of raw values for each column.
    pub fn raw_values(&self) -> usize {
        raw_values(self.num_bins) + usize::from(self.periodic)
    }

    /// `x`, `[batch, columns]`, towards the latent variable: the result and its log-determinant terms. `raw` is
    /// `[batch or 1, columns · raw_values]`, column after column.
    pub fn to_latent(&self, g: &mut Graph, x: NodeId, raw: NodeId) -> (NodeId, NodeId) {
        let shape = g.shape(x).to_vec();
        let (inside, clipped) = self.clip(g, x);
        let bin = self.bin(g, clipped, raw, Axis::X);
        let one = g.scalar(1.0, clipped);
        let theta = g.div(bin.distance, bin.width);
        let (theta, omega) = from_zero_to_one(g, theta);
        let slope = mean_slope(g, &bin);
        let (a, b) = (g.mul(slope, theta), g.mul(bin.slope_left, omega));
        let e = g.add(a, b);
        let (a, b) = (g.mul(bin.slope_right, theta), g.mul(slope, omega));
        let f = g.add(a, b);
        let (a, b) = (g.mul(theta, e), g.mul(omega, f));
        let denominator = g.add(a, b);
        let relative = g.div(slope, denominator);

        let ratio = g.mul(relative, e);
        let excess = g.sub(ratio, one);
        let distance = g.div(bin.distance, bin.total_x);
        let bent = g.mul(distance, excess);
        let (left, lower) = (g.div(bin.x, bin.total_x), g.div(bin.y, bin.total_y));
        let lifted = g.sub(lower, left);
        let change = g.add(lifted, bent);
        let change = g.reshape(change, &shape);

        let (a, b) = (g.mul(theta, f), g.mul(omega, e));
        let numerator = g.add(a, b);
        let square = g.mul(relative, relative);
        let derivative = g.mul(square, numerator);
        let log_det = g.log(derivative);
        let log_det = g.reshape(log_det, &shape);
        match inside {
            Some(inside) => {
                let change = g.mul(change, inside);
                (g.add(x, change), g.mul(log_det, inside))
            }
            None => (g.add(x, change), log_det),
        }
    }

    /// The inverse of [`Spline::to_latent`]: the root in `[0, 1]` of `s θ² + δ_k θ ω = v (θ e + ω f)`, where `v` is the
    /// share of the bin's height below `y`. That is `(s - b) θ² + b θ = s v` with `b = δ_k - v (δ_{k+1} + δ_k - 2 s)`,
    /// solved as `θ = 2 s v / (b + √(b² + 4 s v (s - b)))`: no cancellation near 0, and the identity to the last bit
    /// where the raw values are 0.
    pub fn to_data(&self, g: &mut Graph, y: NodeId, raw: NodeId) -> NodeId {
        let shape = g.shape(y).to_vec();
        let (inside, clipped) = self.clip(g, y);
        let bin = self.bin(g, clipped, raw, Axis::Y);
        let share = g.div(bin.distance, bin.height);
        let (share, _) = from_zero_to_one(g, share);
        let slope = mean_slope(g, &bin);
        let double = g.add(slope, slope);
        let slopes = g.add(bin.slope_left, bin.slope_right);
        let bend = g.sub(slopes, double);
        let bent = g.mul(share, bend);
        let b = g.sub(bin.slope_left, bent);
        let a = g.sub(slope, b);
        let twice = g.mul(double, share);
        let product = g.mul(twice, a);
        let product = g.add(product, product);
        let square = g.mul(b, b);
        let discriminant = g.add(square, product);
        let discriminant = g.relu(discriminant);
        let root = g.sqrt(discriminant);
        let denominator = g.add(b, root);
        let smallest = g.scalar(1e-30, denominator);
        let denominator = g.max(denominator, smallest);
        let theta = g.div(twice, denominator);
        let (theta, _) = from_zero_to_one(g, theta);

        let (along, up) = (g.mul(theta, bin.width), g.mul(share, bin.height));
        let (along, up) = (g.div(along, bin.total_x), g.div(up, bin.total_y));
        let (left, lower) = (g.div(bin.x, bin.total_x), g.div(bin.y, bin.total_y));
        let (lifted, bent) = (g.sub(left, lower), g.sub(along, up));
        let change = g.add(lifted, bent);
        let mut change = g.reshape(change, &shape);
        if let Some(inside) = inside {
            change = g.mul(change, inside);
        }
        g.add(y, change)
    }

    /// 1 inside the box and 0 outside, `[batch, columns]`, where there is an outside; and the value drawn into the box,
    /// `[batch, columns, 1]`.
    /// Clipping comes before all arithmetic, so that no value, however far, gives infinities for a gradient to meet.
    fn clip(&self, g: &mut Graph, x: NodeId) -> (Option<NodeId>, NodeId) {
        let (bound, negative) = (g.scalar(self.tail_bound, x), g.scalar(-self.tail_bound, x));
        let inside = (!self.periodic).then(|| {
            let size = g.abs(x);
            let room = g.sub(bound, size);
            g.step(room)
        });
        let clipped = g.min(x, bound);
        let clipped = g.max(clipped, negative);
        let mut shape = g.shape(x).to_vec();
        shape.push(Dim::Size(1));
        (inside, g.reshape(clipped, &shape))
    }

    /// Finds the bin of `at`, `[batch, columns, 1]`, which lies in the box.
    fn bin(&self, g: &mut Graph, at: NodeId, raw: NodeId, axis: Axis) -> Bin {
        let values = self.raw_values();
        let shape = [g.shape(raw)[0], g.shape(at)[1], Dim::Size(values)];
        let raw = g.reshape(raw, &shape);
        // φ = (2 + max(r, 0)) / (2 + max(-r, 0)), its slope at 0 the ½ that it is from both sides.
        let two = g.scalar(2.0, raw);
        let negative = g.neg(raw);
        let below = g.relu(negative);
        let above = g.add(raw, below);
        let (above, below) = (g.add(above, two), g.add(below, two));
        let phi = g.div(above, below);

        let totals = g.linear(phi, self.totals());
        let (total_x, total_y) = (g.slice(totals, 2, 0..1), g.slice(totals, 2, 1..2));
        let knots = g.linear(phi, self.knots(axis));
        let scaled = g.mul(at, if axis == Axis::X { total_x } else { total_y });
        let beyond = g.sub(scaled, knots);
        let passed = g.step(beyond);
        let here = g.linear(passed, self.one_hot());

        // The bin's lower edges and left slope, then its sizes and right slope.
        let mut gather = |weights: Array2<f32>, constants: Array2<f32>| {
            let weights = g.linear(here, weights);
            let weighted = g.mul(phi, weights);
            let sums = g.linear(weighted, self.sums());
            let constants = g.linear(here, constants);
            let all = g.add(sums, constants);
            [0, 1, 2].map(|i| g.slice(all, 2, i..i + 1))
        };
        let [x, y, slope_left] = gather(self.edges(), self.end_slopes(0));
        let [width, height, slope_right] = gather(self.sizes(), self.end_slopes(1));
        let distance = g.sub(scaled, if axis == Axis::X { x } else { y });
        Bin { total_x, total_y, x, y, width, height, slope_left, slope_right, distance }
    }

    /// Whether raw value `i` is the width (or height) of a bin, and of which.
    fn bin_of(&self, i: usize, axis: Axis) -> Option<usize> {
        let first = if axis == Axis::X { 0 } else { self.num_bins };
        i.checked_sub(first).filter(|&bin| bin < self.num_bins)
    }

    /// The share of `φ` of bin `i` in knot `k`, times the total: `x_k · total = Σ φ_i · knot(k, i)`.
    fn knot(&self, k: usize, i: usize) -> f32 {
        let (smallest, bins) = (f64::from(SMALLEST), self.num_bins as f64);
        let grown = if i < k { 1.0 - bins * smallest } else { 0.0 };
        (f64::from(self.tail_bound) * (2.0 * (k as f64 * smallest + grown) - 1.0)) as f32
    }

    /// Likewise for the width of bin `k`.
    fn size(&self, k: usize, i: usize) -> f32 {
        let (smallest, bins) = (f64::from(SMALLEST), self.num_bins as f64);
        let grown = if i == k { 1.0 - bins * smallest } else { 0.0 };
        (2.0 * f64::from(self.tail_bound) * (smallest + grown)) as f32
    }

    /// `[raw, 2]`: the totals along x and along y.
    fn totals(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.raw_values(), 2), |(i, j)| {
            let axis = if j == 0 { Axis::X } else { Axis::Y };
            if self.bin_of(i, axis).is_some() { 1.0 } else { 0.0 }
        })
    }

    /// `[raw, K]`: the lower edge of each bin, times the total. The first lies outside the box, where all have passed it.
    fn knots(&self, axis: Axis) -> Array2<f32> {
        Array2::from_shape_fn((self.raw_values(), self.num_bins), |(i, k)| match self.bin_of(i, axis) {
            Some(_) if k == 0 => -2.0 * self.tail_bound,
            Some(bin) => self.knot(k, bin),
            None => 0.0,
        })
    }

    /// `[K, K]`: from 1 at each edge passed to 1 at the last one passed.
    fn one_hot(&self) -> Array2<f32> {
        Array2::from_shape_fn((self.num_bins, self.num_bins), |(edge, bin)| match edge {
            _ if edge == bin => 1.0,
            _ if edge == bin + 1 => -1.0,
            _ => 0.0,
        })
    }

    /// `[K, raw]`: for each bin the weights of its left and lower edge and of its left slope.
    fn edges(&self) -> Array2<f32> {
        self.weights(Self::knot, 0)
    }

    /// `[K, raw]`: for each bin the weights of its width and height and of its right slope.
    fn sizes(&self) -> Array2<f32> {
        self.weights(Self::size, 1)
    }

    fn weights(&self, length: fn(&Self, usize, usize) -> f32, side: usize) -> Array2<f32> {
        Array2::from_shape_fn((self.num_bins, self.raw_values()), |(k, i)| {
            match self.bin_of(i, Axis::X).or(self.bin_of(i, Axis::Y)) {
                Some(bin) => length(self, k, bin),
                // Raw slope 2K belongs to knot 1, and a last one to both ends.
                None if i - 2 * self.num_bins + 1 == k + side => SLOPE,
                None if self.periodic && i + 1 == self.raw_values() && k + side == 0 => SLOPE,
                None => 0.0,
            }
        })
    }

    /// `[K, 3]`: what the slope at the left (`side` 0) or right (1) of each bin has besides the raw slope's share.
    fn end_slopes(&self, side: usize) -> Array2<f32> {
        Array2::from_shape_fn((self.num_bins, 3), |(k, j)| match k + side {
            _ if j < 2 => 0.0,
            knot if !self.periodic && (knot == 0 || knot == self.num_bins) => 1.0,
            _ => 1.0 - SLOPE,
        })
    }

    /// `[raw, 3]`: sums over widths, heights and slopes.
    fn sums(&self) -> Array2<f32> {
        let group = |i: usize| i / self.num_bins;
        Array2::from_shape_fn((self.raw_values(), 3), |(i, j)| if group(i) == j { 1.0 } else { 0.0 })
    }
}

/// The share of `φ` in an inner slope; the rest makes the slope exactly 1 where the raw value is 0.
const SLOPE: f32 = 1.0 - SMALLEST;

/// `s = H / W`.
fn mean_slope(g: &mut Graph, bin: &Bin) -> NodeId {
    let (height, width) = (g.mul(bin.height, bin.total_x), g.mul(bin.width, bin.total_y));
    g.div(height, width)
}

/// `v` drawn into `[0, 1]`, and 1 less it.
fn from_zero_to_one(g: &mut Graph, v: NodeId) -> (NodeId, NodeId) {
    let one = g.scalar(1.0, v);
    let v = g.relu(v);
    let rest = g.sub(one, v);
    let rest = g.relu(rest);
    (g.sub(one, rest), rest)
}
