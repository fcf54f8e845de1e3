//! Monotone rational-quadratic splines.

/// Number of raw values that a conditioner gives for each column: widths, heights and inner slopes.
pub const fn raw_values(num_bins: usize) -> usize {
    3 * num_bins - 1
}
