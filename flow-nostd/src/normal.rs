//! Standard normal variates by inverse CDF.
//!
//! Algorithm AS 241, routine PPND7 (Wichura, Applied Statistics 37, 1988): about seven digits, out to where the tail
//! holds 2^-65 of the mass, 9.2 standard deviations. No rejection: each variate takes two draws.

/// The variate of two draws: the first one's top bit is the sign, the 63 bits below it are the probability beyond the
/// variate on its own side, in units of 2^-64. Flipping the top bit flips the sign and nothing else.
pub(crate) fn from_draws(high: u32, low: u32) -> f32 {
    const UNIT_HIGH: f32 = 1.0 / 4_294_967_296.0;
    const UNIT_LOW: f32 = UNIT_HIGH * UNIT_HIGH;
    let tail = (high & 0x7fff_ffff) as f32 * UNIT_HIGH + (low as f32 * UNIT_LOW + 0.5 * UNIT_LOW);
    let z = upper_quantile(tail);
    if high >> 31 == 0 { z } else { -z }
}

/// The `z >= 0` beyond which `tail`, in (0, ½], of the mass lies.
fn upper_quantile(tail: f32) -> f32 {
    let q = 0.5 - tail;
    if q <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * (((59.109_375 * r + 159.291_13) * r + 50.434_27) * r + 3.387_132_7)
            / (((67.187_56 * r + 78.757_76) * r + 17.895_17) * r + 1.0);
    }
    let r = libm::sqrtf(-libm::logf(tail));
    if r <= 5.0 {
        let r = r - 1.6;
        return (((0.170_238_21 * r + 1.306_728_5) * r + 2.756_815_4) * r + 1.423_437_3)
            / ((0.120_211_33 * r + 0.737_001_64) * r + 1.0);
    }
    let r = r - 5.0;
    (((0.017_337_204 * r + 0.428_682_94) * r + 3.081_226_4) * r + 6.657_905)
        / ((0.012_258_203 * r + 0.241_978_94) * r + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The upper quantile in f64 by Newton steps on the complementary error function.
    fn reference(tail: f64, start: f64) -> f64 {
        let mut z = start;
        for _ in 0..50 {
            let q = 0.5 * libm::erfc(z / 2f64.sqrt());
            let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
            // Newton on ln q, which is nearly parabolic in the tail.
            let step = (q.ln() - tail.ln()) * q / density;
            z += step;
            if step.abs() < 1e-13 {
                break;
            }
        }
        z
    }

    #[test]
    fn close_to_double_precision_everywhere() {
        let mut worst = 0.0f64;
        for i in (0..65_000).step_by(if cfg!(miri) { 8009 } else { 1 }) {
            let tail = 0.5 * (-f64::from(i) * 0.000_685).exp();
            let high = (tail * 2f64.powi(32)) as u32;
            let low = ((tail * 2f64.powi(32)).fract() * 2f64.powi(32)) as u32;
            let exact = (f64::from(high) * 2f64.powi(32) + f64::from(low) + 0.5) * 2f64.powi(-64);
            if high >> 31 != 0 {
                continue;
            }
            let z = f64::from(from_draws(high, low));
            let expected = reference(exact, z);
            worst = worst.max((z - expected).abs() / expected.max(1.0));
        }
        std::println!("worst error {worst:e}");
        assert!(worst < 1.5e-6, "{worst}");
    }

    #[test]
    fn symmetric_and_out_to_nine() {
        for (high, low) in [(0, 0), (5, 7), (0x1234_5678, 9), (0x7fff_ffff, u32::MAX)] {
            assert_eq!(from_draws(high, low), -from_draws(high | 1 << 31, low));
        }
        let most = from_draws(0, 0);
        assert!(most > 9.0 && most < 9.4, "{most}");
        assert_eq!(from_draws(0x7fff_ffff, u32::MAX), 0.0);
    }

    #[test]
    fn never_rises_with_the_tail() {
        let mut before = f32::INFINITY;
        for high in (0..0x8000_0000u32).step_by(if cfg!(miri) { 40_000_003 } else { 99_991 }) {
            let z = from_draws(high, 0);
            assert!(z <= before + 1e-6, "{high}: {z} after {before}");
            before = z;
        }
    }
}
