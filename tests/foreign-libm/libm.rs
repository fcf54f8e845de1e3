//! The functions of libm that flow-nostd uses, of which one at a time can be made to differ in the last bit.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The functions, by whose index [`set_off`] knows them.
pub const FUNCTIONS: [&str; 5] = ["expf", "expm1f", "logf", "log1pf", "sqrtf"];

static FUNCTION: AtomicU32 = AtomicU32::new(0);
static ONE_IN: AtomicU32 = AtomicU32::new(0);

/// Makes a function differ on one argument in `one_in`, chosen by the argument's bits; on none where that is 0.
pub fn set_off(function: u32, one_in: u32) {
    FUNCTION.store(function, Relaxed);
    ONE_IN.store(one_in, Relaxed);
}

fn result(function: u32, x: f32, y: f32) -> f32 {
    let one_in = ONE_IN.load(Relaxed);
    let share = x.to_bits().wrapping_mul(0x9e37_79b9) >> 8;
    // The next float away from zero; exact results (0, 1, infinities and NaN) stay as every libm has them.
    let is_off = FUNCTION.load(Relaxed) == function && one_in > 0 && share % one_in == 0;
    if is_off && y.is_finite() && y != 0.0 && y != 1.0 { f32::from_bits(y.to_bits() + 1) } else { y }
}

/// e to the power of x.
pub fn expf(x: f32) -> f32 {
    result(0, x, published::expf(x))
}

/// e to the power of x, less 1.
pub fn expm1f(x: f32) -> f32 {
    result(1, x, published::expm1f(x))
}

/// The natural logarithm of x.
pub fn logf(x: f32) -> f32 {
    result(2, x, published::logf(x))
}

/// The natural logarithm of 1 + x.
pub fn log1pf(x: f32) -> f32 {
    result(3, x, published::log1pf(x))
}

/// The square root of x.
pub fn sqrtf(x: f32) -> f32 {
    result(4, x, published::sqrtf(x))
}
