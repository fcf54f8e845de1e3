//! A log-density as a sum of terms, and the sum of their magnitudes, by which its rounding is measured.

/// The sum so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Of the terms.
    pub total: f64,
    /// Of their magnitudes.
    pub magnitude: f64,
}

impl Sum {
    /// One term more.
    pub fn add(&mut self, term: f64) {
        self.total += term;
        self.magnitude += term.abs();
    }
}
