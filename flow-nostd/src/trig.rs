//! Cosine and sine of a share of a turn.
//!
//! The turn is folded onto the eighth on either side of its nearest quarter, without an error; there the polynomials of
//! Moshier's Cephes (`sinf.c`, 1992) stand for sine and cosine. The error is at most 3e-7 in each.

use core::f32::consts::TAU;

/// `(cos 2πt, sin 2πt)` for t in [0, 1].
#[inline]
pub(crate) fn cos_sin_turns(t: f32) -> (f32, f32) {
    if t < 0.125 {
        eighth(t)
    } else if t < 0.375 {
        let (cos, sin) = eighth(t - 0.25);
        (-sin, cos)
    } else if t < 0.625 {
        let (cos, sin) = eighth(t - 0.5);
        (-cos, -sin)
    } else if t < 0.875 {
        let (cos, sin) = eighth(t - 0.75);
        (sin, -cos)
    } else {
        eighth(t - 1.0)
    }
}

/// The same for |t| up to ⅛.
fn eighth(t: f32) -> (f32, f32) {
    let x = t * TAU;
    let s = x * x;
    let sin = ((-1.951_529_6e-4 * s + 8.332_161e-3) * s - 1.666_665_5e-1) * s * x + x;
    let cos = ((2.443_315_7e-5 * s - 1.388_731_6e-3) * s + 4.166_664_6e-2) * s * s - 0.5 * s + 1.0;
    (cos, sin)
}

#[cfg(test)]
#[allow(clippy::disallowed_types, clippy::disallowed_methods)]
mod tests {
    use super::cos_sin_turns;

    #[test]
    fn error_over_a_turn() {
        let mut worst = 0.0f64;
        for i in 0..=1 << 20 {
            let t = i as f32 / (1 << 20) as f32;
            let (cos, sin) = cos_sin_turns(t);
            let angle = core::f64::consts::TAU * f64::from(t);
            let (s, c) = (libm::sin(angle), libm::cos(angle));
            worst = worst.max((f64::from(cos) - c).abs()).max((f64::from(sin) - s).abs());
        }
        assert!(worst <= 1.5e-7, "{worst:e}");
    }

    #[test]
    fn quarters_are_exact() {
        let quarters = [0.0, 0.25, 0.5, 0.75, 1.0].map(cos_sin_turns);
        assert_eq!(quarters, [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 0.0)]);
    }
}
