//! Numbers side by side, for hosts: vectors of the processor, in which each number has the bits that it would have alone.

#![expect(clippy::arithmetic_side_effects, reason = "of floating-point numbers, which have none")]

use core::f32::consts::LOG2_E;
use core::ops::{Add, Div, Mul, Sub};
use wide::{CmpGe, CmpGt, CmpLe, f32x4, f32x8};

/// A bit for each of eight numbers that is positive, the lowest for the first.
#[inline(always)]
pub(crate) fn positive(numbers: [f32; 8]) -> u64 {
    f32x8::new(numbers).cmp_gt(f32x8::ZERO).move_mask().cast_unsigned().into()
}

/// `N` numbers. Operators and functions are those of each of them.
pub(crate) trait Lanes<const N: usize>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn new(numbers: [f32; N]) -> Self;

    fn to_array(self) -> [f32; N];

    /// The same number in all lanes.
    #[inline(always)]
    fn all(v: f32) -> Self {
        Self::new([v; N])
    }

    /// The first of each, the second of each, and so on.
    fn transpose(all: [Self; N]) -> [Self; N];

    fn abs(self) -> Self;

    /// Where `self` is above `bound`: all bits set, or none.
    fn above(self, bound: Self) -> Self;

    /// `yes` where all bits of `self` are set, `no` where none are.
    fn choose(self, yes: Self, no: Self) -> Self;

    /// The exponential, with the bits of `libm::expf`.
    fn exp(self) -> Self;

    /// The natural logarithm, with the bits of `libm::logf`.
    fn ln(self) -> Self;

    /// `f` of each number by itself.
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        Self::new(self.to_array().map(f))
    }
}

macro_rules! lanes {
    ($floats:ty, $from_integers:ident, $count:literal) => {
        impl Lanes<$count> for $floats {
            #[inline(always)]
            fn new(numbers: [f32; $count]) -> Self {
                Self::new(numbers)
            }

            #[inline(always)]
            fn to_array(self) -> [f32; $count] {
                self.to_array()
            }

            #[inline(always)]
            fn transpose(all: [Self; $count]) -> [Self; $count] {
                Self::transpose(all)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn above(self, bound: Self) -> Self {
                self.cmp_gt(bound)
            }

            #[inline(always)]
            fn choose(self, yes: Self, no: Self) -> Self {
                self.blend(yes, no)
            }

            #[inline(always)]
            fn exp(self) -> Self {
                // Beyond it a result might not be a normal number.
                const MOST: f32 = 87.0;
                const HALF_LN_2: f32 = f32::from_bits(0x3eb1_7218);
                const THREE_HALVES_LN_2: f32 = f32::from_bits(0x3f85_1592);
                const NEXT_TO_1: f32 = f32::from_bits(0x3900_0000);
                let all = <Self as Lanes<$count>>::all;
                let size = self.abs();
                if !size.cmp_le(all(MOST)).all() {
                    return self.each(libm::expf);
                }
                let sign = all(0.0).above(self).choose(all(-1.0), all(1.0));
                let rounded = Self::$from_integers((all(LOG2_E) * self + all(0.5) * sign).fast_trunc_int());
                let near = size.above(all(HALF_LN_2)).choose(sign, all(0.0));
                let k = size.above(all(THREE_HALVES_LN_2)).choose(rounded, near);
                let power = k.each(|k| f32::from_bits((k as i32).wrapping_add(0x7f).cast_unsigned() << 23));
                let high = self - k * all(0.693_145_75);
                let low = k * all(1.428_606_8e-6);
                let x = high - low;
                let square = x * x;
                let c = x - square * (all(0.166_666_25) + square * all(-2.766_733_3e-3));
                let y = all(1.0) + ((x * c / (all(2.0) - c) - low) + high);
                size.above(all(NEXT_TO_1)).choose(y * power, all(1.0) + self)
            }

            #[inline(always)]
            fn ln(self) -> Self {
                let all = <Self as Lanes<$count>>::all;
                if !(self.cmp_ge(all(f32::MIN_POSITIVE)) & self.cmp_le(all(f32::MAX))).all() {
                    return self.each(libm::logf);
                }
                // The fraction from √½ to √2, whose bits these are, and the exponent that belongs to it.
                let bits = self.to_array().map(|x| x.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3));
                let exponent = Self::new(bits.map(|bits| (bits >> 23).cast_signed().wrapping_sub(0x7f) as f32));
                let fraction = bits.map(|bits| f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3)));
                let f = Self::new(fraction) - all(1.0);
                let s = f / (all(2.0) + f);
                let z = s * s;
                let w = z * z;
                let even = w * (all(0.400_009_72) + w * all(0.242_790_79));
                let odd = z * (all(0.666_666_6) + w * all(0.284_987_87));
                let half_square = all(0.5) * f * f;
                let r = odd + even;
                let low = s * (half_square + r) + exponent * all(9.058_001e-6);
                low - half_square + f + exponent * all(0.693_138_1)
            }
        }
    };
}

lanes!(f32x4, from_i32x4, 4);
lanes!(f32x8, from_i32x8, 8);

/// Numbers from -1 to 1, for tests.
#[cfg(test)]
pub(crate) fn draws() -> impl FnMut() -> f32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares functions at arguments all over the floats, and near 1.
    fn compare<const N: usize, L: Lanes<N>>(ours: impl Fn(L) -> L, libm: impl Fn(f32) -> f32) {
        for bits in (0..=u32::MAX).step_by(if cfg!(miri) { 50_000_017 } else { 9_973 }) {
            let anywhere = |i: usize| f32::from_bits(bits.wrapping_add(i as u32));
            let near_1 = |i: usize| f32::from_bits(1.0f32.to_bits().wrapping_add(i as u32).wrapping_sub(2));
            let usual = |i: usize| (bits.wrapping_add(i as u32).cast_signed() as f32) * 1e-7;
            for arguments in [core::array::from_fn(anywhere), core::array::from_fn(near_1), core::array::from_fn(usual)]
            {
                for (x, found) in arguments.into_iter().zip(ours(L::new(arguments)).to_array()) {
                    let expected = libm(x);
                    let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
                    assert!(same, "at {x:e}: {found:e}, {expected:e}");
                }
            }
        }
    }

    #[test]
    fn functions_have_the_bits_of_libm() {
        compare::<4, f32x4>(Lanes::ln, libm::logf);
        compare::<8, f32x8>(Lanes::ln, libm::logf);
        compare::<4, f32x4>(Lanes::exp, libm::expf);
        compare::<8, f32x8>(Lanes::exp, libm::expf);
    }
}
