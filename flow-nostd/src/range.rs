//! Ranges that numbers of a file must lie in, compared as integers: without the sign, the bits of floating-point
//! numbers are ordered as the numbers are, and NaN lies beyond infinity.

/// Whether `v` is above 0, infinity included.
#[inline(always)]
pub(crate) fn is_above_zero(v: f32) -> bool {
    v.to_bits().wrapping_sub(1) < f32::INFINITY.to_bits()
}

/// Whether `v` is finite and above 0.
#[inline(always)]
pub(crate) fn is_positive(v: f32) -> bool {
    v.to_bits().wrapping_sub(1) < f32::MAX.to_bits()
}

/// Whether `v` lies within ±`most`, which is not negative.
#[inline(always)]
pub(crate) fn is_at_most(v: f32, most: f32) -> bool {
    v.to_bits() & (u32::MAX >> 1) <= most.to_bits()
}

/// Whether `v` lies from `least`, which is above 0, to `most`.
#[inline(always)]
pub(crate) fn is_from_to(v: f32, least: f32, most: f32) -> bool {
    v.to_bits().wrapping_sub(least.to_bits()) <= most.to_bits().wrapping_sub(least.to_bits())
}

/// Whether `v` is +0.
#[inline(always)]
pub(crate) fn is_zero(v: f32) -> bool {
    v.to_bits() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_floating_point_numbers_compare() {
        let mut numbers = std::vec![0.0, 1e-45, 1e-38, 0.5, 1.0, 1.5, 1e30, f32::MAX, f32::INFINITY, f32::NAN];
        numbers.extend(numbers.clone().iter().map(|v| -v));
        for &v in &numbers {
            assert_eq!(is_above_zero(v), v > 0.0, "{v}");
            assert_eq!(is_positive(v), v > 0.0 && v.is_finite(), "{v}");
            assert_eq!(is_zero(v), v == 0.0 && v.is_sign_positive(), "{v}");
            for &most in numbers.iter().filter(|most| most.is_finite() && most.is_sign_positive()) {
                assert_eq!(is_at_most(v, most), v.abs() <= most, "{v} {most}");
                for &least in numbers.iter().filter(|&&least| least > 0.0 && least <= most) {
                    assert_eq!(is_from_to(v, least, most), (least..=most).contains(&v), "{v} {least} {most}");
                }
            }
        }
    }
}
