//! Four numbers side by side, for hosts: each step is the same for all of them, so that compilers take vectors of the processor.
//! Each number has the bits that it would have alone.

use core::f32::consts::LOG2_E;

/// How many.
pub(crate) const COUNT: usize = 4;

/// Four numbers.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(pub [f32; COUNT]);

impl Lanes {
    /// The same number in all lanes.
    #[inline(always)]
    pub(crate) fn all(v: f32) -> Self {
        Self([v; COUNT])
    }

    #[inline(always)]
    fn each(mut self, f: impl Fn(f32) -> f32) -> Self {
        for a in &mut self.0 {
            *a = f(*a);
        }
        self
    }

    #[inline(always)]
    fn with(mut self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    pub(crate) fn over(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        self.each(f32::abs)
    }

    /// Where `self` is above `bound`.
    #[inline(always)]
    pub(crate) fn above(self, bound: Self) -> Where {
        let mut found = [false; COUNT];
        for ((found, a), b) in found.iter_mut().zip(self.0).zip(bound.0) {
            *found = a > b;
        }
        Where(found)
    }

    /// The exponential, with the bits of `libm::expf`.
    #[inline(always)]
    pub(crate) fn exp(self) -> Self {
        // Beyond it a result might not be a normal number.
        const MOST: f32 = 87.0;
        const HALF_LN_2: f32 = f32::from_bits(0x3eb1_7218);
        const THREE_HALVES_LN_2: f32 = f32::from_bits(0x3f85_1592);
        const NEXT_TO_1: f32 = f32::from_bits(0x3900_0000);
        if !self.0.iter().fold(true, |all, x| all & (x.abs() < MOST)) {
            return self.each(libm::expf);
        }
        let (mut wholes, mut powers) = (self, self);
        for ((whole, power), x) in wholes.0.iter_mut().zip(&mut powers.0).zip(self.0) {
            let (half, one) = if x < 0.0 { (-0.5, -1) } else { (0.5, 1) };
            let rounded = (LOG2_E * x + half) as i32;
            let near = if x.abs() > HALF_LN_2 { one } else { 0 };
            let k = if x.abs() > THREE_HALVES_LN_2 { rounded } else { near };
            *whole = k as f32;
            *power = f32::from_bits((k.wrapping_add(0x7f) as u32) << 23);
        }
        let high = self.minus(wholes.times(Self::all(0.693_145_75)));
        let low = wholes.times(Self::all(1.428_606_8e-6));
        let x = high.minus(low);
        let square = x.times(x);
        let c = x.minus(square.times(Self::all(0.166_666_25).plus(square.times(Self::all(-2.766_733_3e-3)))));
        let y = Self::all(1.0).plus(x.times(c).over(Self::all(2.0).minus(c)).minus(low).plus(high));
        self.abs().above(Self::all(NEXT_TO_1)).choose(y.times(powers), Self::all(1.0).plus(self))
    }

    /// The natural logarithm, with the bits of `libm::logf`.
    #[inline(always)]
    pub(crate) fn ln(self) -> Self {
        let normal = f32::MIN_POSITIVE..=f32::MAX;
        if !self.0.iter().fold(true, |all, x| all & normal.contains(x)) {
            return self.each(libm::logf);
        }
        let (mut exponents, mut fractions) = (self, self);
        for ((exponent, fraction), x) in exponents.0.iter_mut().zip(&mut fractions.0).zip(self.0) {
            // The fraction from √½ to √2, whose bits these are, and the exponent that belongs to it.
            let bits = x.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
            *exponent = ((bits >> 23) as i32).wrapping_sub(0x7f) as f32;
            *fraction = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3));
        }
        let f = fractions.minus(Self::all(1.0));
        let s = f.over(Self::all(2.0).plus(f));
        let z = s.times(s);
        let w = z.times(z);
        let even = w.times(Self::all(0.400_009_72).plus(w.times(Self::all(0.242_790_79))));
        let odd = z.times(Self::all(0.666_666_6).plus(w.times(Self::all(0.284_987_87))));
        let half_square = Self::all(0.5).times(f).times(f);
        let r = odd.plus(even);
        let low = s.times(half_square.plus(r)).plus(exponents.times(Self::all(9.058_001e-6)));
        low.minus(half_square).plus(f).plus(exponents.times(Self::all(0.693_138_1)))
    }
}

/// Some of the lanes.
#[derive(Clone, Copy)]
pub(crate) struct Where([bool; COUNT]);

impl Where {
    /// `yes` in these lanes, `no` in the others.
    #[inline(always)]
    pub(crate) fn choose(self, yes: Lanes, no: Lanes) -> Lanes {
        let mut chosen = no;
        for ((chosen, yes), found) in chosen.0.iter_mut().zip(yes.0).zip(self.0) {
            *chosen = if found { yes } else { *chosen };
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares functions at arguments all over the floats, and near 1.
    fn compare(ours: impl Fn(Lanes) -> Lanes, libm: impl Fn(f32) -> f32) {
        for bits in (0..=u32::MAX).step_by(if cfg!(miri) { 50_000_017 } else { 9_973 }) {
            let anywhere = |i| f32::from_bits(bits.wrapping_add(i));
            let near_1 = |i| f32::from_bits(1.0f32.to_bits().wrapping_add(i).wrapping_sub(2));
            let usual = |i| (bits.wrapping_add(i) as i32 as f32) * 1e-7;
            let four = |f: &dyn Fn(u32) -> f32| Lanes([f(0), f(1), f(2), f(3)]);
            for arguments in [four(&anywhere), four(&near_1), four(&usual)] {
                for (x, found) in arguments.0.into_iter().zip(ours(arguments).0) {
                    let expected = libm(x);
                    let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
                    assert!(same, "at {x:e}: {found:e}, {expected:e}");
                }
            }
        }
    }

    #[test]
    fn functions_have_the_bits_of_libm() {
        compare(Lanes::ln, libm::logf);
        compare(Lanes::exp, libm::expf);
    }
}
