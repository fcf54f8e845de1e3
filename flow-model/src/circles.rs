//! Columns that are angles.

use crate::spec::FlowSpec;
use crate::spline::Spline;

/// The spline of a circular column: periodic, over one turn.
pub fn spline(num_bins: usize) -> Spline {
    Spline { num_bins, tail_bound: std::f32::consts::PI, periodic: true }
}

/// Number of inputs of circular column `j`'s conditioner: the context, and cosine and sine of the circular columns
/// before it.
pub fn inputs(spec: &FlowSpec, j: usize) -> usize {
    spec.context() + 2 * j
}
