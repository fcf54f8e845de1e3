//! Does this machine compute as the one on which the engine was written? A sum over the bits of some thousand results.
//!
//! Probe rows go the way of `log_prob` only, and rarely through subnormals. This goes through every libm function of
//! the allow-list, through subnormal sums, products and quotients, and through a product and sum that rounds twice.

use core::hint::black_box;

/// What [`checksum`] gives where `f32` arithmetic follows IEEE 754 and libm is the one that the engine was tested with.
pub(crate) const EXPECTED: u32 = 0x4241_9357;

/// Arguments that a generator gives beside them, of either sign and from 2^-12 to 2^7.
const MORE_INPUTS: usize = 128;

/// 2^-126 / 3 and its like are subnormal, exp(-100) is, and 1/3 is not exact.
const INPUTS: [f32; 12] = [-100.0, -88.5, -3.3, -0.7, -1e-3, -3.9e-39, 3.9e-39, 1e-5, 0.3, 1.7, 23.0, 80.0];

/// A sum over the bits of the results.
#[inline(never)] // Off the stack before the probe rows.
pub(crate) fn checksum() -> u32 {
    let mut sum = 0x811c_9dc5u32;
    let mut add = |v: f32| sum = (sum ^ v.to_bits()).wrapping_mul(0x0100_0193);
    let mut state = 1u32;
    let more = core::iter::repeat_with(|| {
        // The generator of Numerical Recipes; its upper bits are the better ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let exponent = 115u32.wrapping_add((state >> 8) % 20);
        f32::from_bits(state & 0x8000_0000 | exponent << 23 | state >> 8 & 0x007f_ffff)
    });
    for x in INPUTS.into_iter().chain(more.take(MORE_INPUTS)) {
        // Hidden from the compiler, which would compute all this itself.
        let x = black_box(x);
        let third = black_box(1.0f32 / 3.0);
        let size = x.abs();
        add(libm::expf(x));
        add(libm::expm1f(x));
        add(libm::log1pf(size));
        add(libm::logf(size));
        add(libm::sqrtf(size));
        add(x * 1e-38);
        add(x / 3e38);
        add(x * third - x / 3.0);
        add(x as i32 as f32);
    }
    sum
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_computes_as_expected() {
        assert_eq!(super::checksum(), super::EXPECTED, "{:#010x}", super::checksum());
    }
}
