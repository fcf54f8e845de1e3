//! The f64 reference of splines.

/// A spline as Durkan et al. write it (arXiv 1906.04032, equations 4 to 8), inverted by bisection; periodic where there is
/// a raw value for the slope at both ends.
pub struct Spline {
    periodic: bool,
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Spline {
    pub fn new(bound: f32, bins: usize, raw: &[f64]) -> Self {
        let bound = f64::from(bound);
        let positive = |r: f64| if r < 0.0 { 1.0 / (1.0 - r) } else { 1.0 + r };
        let knots = |raw: &[f64]| {
            let total: f64 = raw.iter().map(|&r| positive(r)).sum();
            let mut knots = vec![-bound];
            for &r in raw {
                let share = 1e-3 + (1.0 - bins as f64 * 1e-3) * positive(r) / total;
                knots.push(knots.last().unwrap() + 2.0 * bound * share);
            }
            knots[bins] = bound;
            knots
        };
        let slope = |&r: &f64| 1e-3 + (1.0 - 1e-3) * positive(r);
        let end = raw.get(3 * bins - 1).map_or(1.0, slope);
        let mut slopes = vec![end];
        slopes.extend(raw[2 * bins..3 * bins - 1].iter().map(slope));
        slopes.push(end);
        Spline { periodic: raw.len() == 3 * bins, x: knots(&raw[..bins]), y: knots(&raw[bins..2 * bins]), slopes }
    }

    /// Bin, position in it, mean slope and the denominator of equation 4.
    fn place(&self, x: f64) -> Option<(usize, f64, f64, f64)> {
        let last = self.x.len() - 1;
        if !self.periodic && (x <= self.x[0] || x >= self.x[last]) {
            return None;
        }
        let k = (1..last).filter(|&k| x > self.x[k]).count();
        let width = self.x[k + 1] - self.x[k];
        let (s, xi) = ((self.y[k + 1] - self.y[k]) / width, (x - self.x[k]) / width);
        Some((k, xi, s, s + (self.slopes[k + 1] + self.slopes[k] - 2.0 * s) * xi * (1.0 - xi)))
    }

    pub fn at(&self, x: f64) -> f64 {
        let Some((k, xi, s, denominator)) = self.place(x) else { return x };
        let numerator = (self.y[k + 1] - self.y[k]) * (s * xi * xi + self.slopes[k] * xi * (1.0 - xi));
        self.y[k] + numerator / denominator
    }

    pub fn log_slope(&self, x: f64) -> f64 {
        let Some((k, xi, s, denominator)) = self.place(x) else { return 0.0 };
        let bent = self.slopes[k + 1] * xi * xi + 2.0 * s * xi * (1.0 - xi) + self.slopes[k] * (1.0 - xi) * (1.0 - xi);
        (s * s * bent / (denominator * denominator)).ln()
    }

    pub fn back(&self, y: f64) -> f64 {
        let (mut low, mut high) = (self.x[0], self.x[self.x.len() - 1]);
        if y <= low || y >= high {
            return y;
        }
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if self.at(middle) < y { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}
