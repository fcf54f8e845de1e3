//! Angles: cosine and sine within a turn, in `f32` throughout, and angles drawn evenly.
//!
//! The angle is reduced to the nearest quarter turn in three parts (Cody & Waite, "Software Manual for the Elementary
//! Functions", 1980) and both series follow Moshier's Cephes, `sinf.c`. Errors stay below 1e-7.

use crate::column::clamp;
use core::f32::consts::PI;

/// π/2 in three parts, the first two of which have few bits: their products with small whole numbers are exact.
const QUARTER: [f32; 3] = [1.570_312_5, 4.837_513e-4, 7.549_79e-8];

/// An angle from -π to π, each as probable as any other.
pub(crate) fn uniform_angle(draw: u32) -> f32 {
    clamp(draw as f32 * (1.0 / 4_294_967_296.0) * (PI + PI) - PI, PI)
}

/// Cosine and sine of an angle between -π and π.
pub(crate) fn cos_sin(theta: f32) -> [f32; 2] {
    let turned = theta * core::f32::consts::FRAC_2_PI;
    let n = (if turned < 0.0 { turned - 0.5 } else { turned + 0.5 }) as i32;
    let k = n as f32;
    let [first, second, third] = QUARTER;
    let r = ((theta - k * first) - k * second) - k * third;
    let square = r * r;
    let sin = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * r + r;
    let cos =
        ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * square * square - 0.5 * square + 1.0;
    match n & 3 {
        0 => [cos, sin],
        1 => [-sin, cos],
        2 => [-cos, -sin],
        _ => [sin, -cos],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_double_precision_over_a_turn() {
        let mut worst = 0.0f64;
        for i in (-1_000_000..=1_000_000).step_by(if cfg!(miri) { 50_021 } else { 1 }) {
            let theta = PI * (i as f32 / 1e6);
            let [cos, sin] = cos_sin(theta).map(f64::from);
            let exact = f64::from(theta);
            worst = worst.max((cos - exact.cos()).abs()).max((sin - exact.sin()).abs());
        }
        std::println!("worst error {worst:e}");
        assert!(worst < 1e-7, "{worst:e}");
    }

    #[test]
    fn tiny_angles() {
        for theta in [0.0, -0.0, 1e-45, -1e-39, 1e-20] {
            assert_eq!(cos_sin(theta), [1.0, theta]);
        }
    }

    #[test]
    fn drawn_from_a_whole_turn() {
        assert_eq!([0, 1 << 31, u32::MAX].map(uniform_angle), [-PI, 0.0, PI]);
    }
}
