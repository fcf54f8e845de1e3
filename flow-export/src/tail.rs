//! How odd rows can become beyond those that were seen: a generalised Pareto distribution.
//!
//! Pickands, "Statistical inference using extreme order statistics" (1975): what exceeds a high threshold is distributed
//! like that, `P(excess > e) = (1 + shape * e / scale)^(-1 / shape)`. Both numbers by maximum likelihood.

/// The shapes that are considered. Below 0 a tail would end, and no row is impossible: only a little is allowed, since the
/// log-densities of flows fall off faster than an exponential. Those of rows far from the data fall by a constant for each
/// deviation, so that they have the tails of the columns themselves; one whose mean is not finite, above 1, is left out.
const SHAPES: [f64; 2] = [-0.04, 1.0];
/// The longest that is taken where nobody asks to be sure: above, a few rows decide everything, and where neighbouring rows
/// resemble each other, or there are some tens of them, they decide for no alarms at all.
pub const USUAL: f64 = 0.5;
/// Shapes on the grid between them lie so far apart.
const STEP: f64 = 0.01;

/// So many excesses settle the shape. With fewer it is taken to be larger, by as much as its standard error is larger than
/// theirs: a tail that was guessed to be too short would call usual rows odd.
const ENOUGH: f64 = 200.0;

/// A fitted tail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// The shape; 0 for an exponential. With few excesses larger than the likeliest, to be on the safe side.
    pub shape: f64,
    /// Its standard error, of maximum likelihood.
    pub shape_error: f64,
    /// The scale, in the excesses' unit.
    pub scale: f64,
}

impl Tail {
    /// The tail of excesses over a threshold, none negative.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(excesses: &[f64]) -> Self {
        Self::at_most(excesses, SHAPES[1])
    }

    /// The same with no shape above `most`.
    ///
    /// # Panics
    /// If there is no excess.
    pub fn at_most(excesses: &[f64], most: f64) -> Self {
        let count = excesses.len() as f64;
        let mean = excesses.iter().sum::<f64>() / count;
        // Where all are the same there is nothing to fit; any small scale makes odder rows very odd.
        let mean = if mean > 0.0 { mean } else { 1e-3 };
        let largest = excesses.iter().copied().fold(0.0, f64::max);
        let steps = ((most - SHAPES[0]) / STEP).round() as usize;
        let shapes = (0..=steps).map(|i| SHAPES[0] + STEP * i as f64);
        let fits = shapes.map(|shape| {
            let scale = best_scale(excesses, shape, mean, largest);
            (log_likelihood(excesses, shape, scale), shape, scale)
        });
        let (_, fitted, _) = fits.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are shapes");
        let shape_error = (1.0 + fitted) / count.sqrt();
        let shape = (fitted + (shape_error - (1.0 + fitted) / ENOUGH.sqrt()).max(0.0)).min(most);
        Tail { shape, shape_error, scale: best_scale(excesses, shape, mean, largest) }
    }

    /// The tail whose shape is so many of its standard errors larger.
    pub fn longer(&self, errors: f64) -> Self {
        Tail { shape: (self.shape + errors * self.shape_error).clamp(SHAPES[0], SHAPES[1]), ..*self }
    }

    /// How far an excess must reach for a share `e^ln_p` of them to reach farther.
    pub fn excess(&self, ln_p: f64) -> f64 {
        if self.shape.abs() < 1e-6 {
            -ln_p * self.scale
        } else {
            (-self.shape * ln_p).exp_m1() / self.shape * self.scale
        }
    }

    /// The share of excesses that reach farther than this.
    pub fn share(&self, excess: f64) -> f64 {
        if self.shape.abs() < 1e-6 {
            (-excess / self.scale).exp()
        } else {
            // A tail of negative shape ends.
            (1.0 + self.shape * excess / self.scale).max(0.0).powf(-1.0 / self.shape)
        }
    }

    /// The tail over a threshold that lies farther out by `further`.
    pub fn beyond(&self, further: f64) -> Self {
        Tail { scale: (self.scale + self.shape * further).max(1e-9 * self.scale), ..*self }
    }
}

fn log_likelihood(excesses: &[f64], shape: f64, scale: f64) -> f64 {
    let count = excesses.len() as f64;
    if shape.abs() < 1e-6 {
        return -count * scale.ln() - excesses.iter().sum::<f64>() / scale;
    }
    let sum: f64 = excesses.iter().map(|e| (shape * e / scale).max(-1.0).ln_1p()).sum();
    -count * scale.ln() - (1.0 / shape + 1.0) * sum
}

/// The scale of largest likelihood, to a thousandth, by golden section over its logarithm.
fn best_scale(excesses: &[f64], shape: f64, mean: f64, largest: f64) -> f64 {
    let least = (-shape * largest * 1.0001).max(mean * 1e-3);
    let (mut low, mut high) = (least.ln(), (mean * 3.0).max(least * 2.0).ln());
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let at = |x: f64| log_likelihood(excesses, shape, x.exp());
    while high - low > 1e-3 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if at(a) > at(b) { high = b } else { low = a }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Excesses at the quantiles of a tail.
    fn of(tail: Tail) -> Vec<f64> {
        (0..400).map(|i| tail.excess(((f64::from(i) + 0.5) / 400.0).ln())).collect()
    }

    #[test]
    fn the_tail_that_was_drawn_from_is_found() {
        for shape in [0.0, 0.1, 0.3, 0.8] {
            let drawn = Tail { shape, shape_error: 0.0, scale: 2.5 };
            let fitted = Tail::of(&of(drawn));
            assert!((fitted.shape - shape).abs() < 0.03, "{fitted:?}");
            assert!((fitted.scale - 2.5).abs() < 0.1, "{fitted:?}");
            let beyond = fitted.beyond(3.0);
            assert!((beyond.excess(-4.0) - (fitted.excess(-4.0 + fitted.share(3.0).ln()) - 3.0)).abs() < 1e-9);
            assert!((fitted.share(fitted.excess(-7.0)).ln() + 7.0).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_excesses_give_a_tail_all_the_same() {
        let tail = Tail::of(&[0.0; 20]);
        assert!(tail.scale > 0.0 && tail.excess(-20.0).is_finite());
    }
}
