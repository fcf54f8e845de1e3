//! How much noise smooths a density that is to raise alarms.
//!
//! Maximum likelihood from few rows bends a density to every row, to the steps of a sensor and to the rows that
//! happen to repeat: rows that lie beside all that, and are as normal as any, then look odd. Noise regularization (Rothfuss et
//! al., "Noise Regularization for Conditional Density Estimation", arXiv 1907.08982; Bishop, "Training with Noise is Equivalent
//! to Tikhonov Regularization", 1995) adds normal noise to the standardised rows in every step: what is learned is
//! the density of rows plus noise. The usual rule gives its deviation, `rows^(-1 / (columns + 4))`, which goes to 0 as rows
//! come in. It costs likelihood; `docs/models.md` has the figures.

/// Deviation of the noise for so many rows of so many columns on a line, in deviations of each column.
pub fn rule_of_thumb(rows: usize, lines: usize) -> f32 {
    (rows.max(1) as f64).powf(-1.0 / (lines as f64 + 4.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::rule_of_thumb;

    #[test]
    fn more_rows_need_less_and_more_columns_more() {
        assert!((rule_of_thumb(10_000, 4) - 10f32.powf(-0.5)).abs() < 1e-6);
        assert!(rule_of_thumb(1000, 4) > rule_of_thumb(2000, 4) && rule_of_thumb(1000, 5) > rule_of_thumb(1000, 4));
    }
}
