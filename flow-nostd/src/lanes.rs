//! Four numbers side by side, for hosts: each step is the same for all of them, so that compilers take vectors of the processor.
//! Each number has the bits that it would have alone.

/// How many.
const COUNT: usize = 4;

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

    #[test]
    fn a_logarithm_has_the_bits_of_libm() {
        for bits in (0..=u32::MAX).step_by(if cfg!(miri) { 50_000_017 } else { 9_973 }) {
            let near = |i: u32| f32::from_bits(bits.wrapping_add(i));
            let one = |i: u32| f32::from_bits(1.0f32.to_bits().wrapping_add(i.wrapping_sub(2)) ^ (bits & 1));
            for four in [core::array::from_fn(|i| near(i as u32)), core::array::from_fn(|i| one(i as u32))] {
                let Lanes(found) = Lanes(four).ln();
                for (x, found) in four.into_iter().zip(found) {
                    let expected = libm::logf(x);
                    assert!(found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()), "{x:e}");
                }
            }
        }
    }
}
