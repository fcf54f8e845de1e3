//! Affine transform of a value: `y = x * exp(s) + t`, log-determinant `s`.
//!
//! A conditioner gives `t` and a raw `r`; `s = r / (1 + |r| / c)` has slope 1 at 0 and stays within ±c.

use crate::column::clamp;
use crate::layer::STATE_BOUND;
use crate::range;

/// Largest bound on the absolute log-scale: `exp` of it, and of its negative, is a normal number.
pub const SCALE_BOUND_MAX: f32 = 80.0;
/// Smallest bound on the absolute log-scale: dividing any activation by it cannot overflow.
pub const SCALE_BOUND_MIN: f32 = 1e-6;

/// Whether `c` is a bound that the engine accepts.
pub(crate) fn is_bound(c: f32) -> bool {
    range::is_from_to(c, SCALE_BOUND_MIN, SCALE_BOUND_MAX)
}

/// Replaces `x`; returns the log-determinant.
#[inline(always)]
pub(crate) fn to_latent(x: &mut f32, shift: f32, raw: f32, bound: f32) -> f32 {
    let s = log_scale(raw, bound);
    *x = clamp(*x * libm::expf(s) + shift, STATE_BOUND);
    s
}

/// The inverse of [`to_latent`].
#[inline(always)]
pub(crate) fn to_data(y: &mut f32, shift: f32, raw: f32, bound: f32) {
    *y = clamp((*y - shift) * libm::expf(-log_scale(raw, bound)), STATE_BOUND);
}

fn log_scale(raw: f32, bound: f32) -> f32 {
    raw / (1.0 + raw.abs() / bound)
}
