//! The functions of libm that flow-nostd uses, of which one at a time can be made to differ in the last bit.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The functions, by whose index [`set_off`] knows them.
pub const FUNCTIONS: [&str; 5] = ["expf", "expm1f", "logf", "log1pf", "sqrtf"];

/// How a function differs.
#[derive(Clone, Copy, Debug)]
pub enum Off {
    /// Not at all.
    True,
    /// It is rounded correctly, as in some other libraries.
    Rounded,
    /// By the next float on one argument in so many, which the second number and the argument's bits choose.
    OneIn(u32, u32),
}

const ROUNDED: u32 = u32::MAX;

static FUNCTION: AtomicU32 = AtomicU32::new(0);
static ONE_IN: AtomicU32 = AtomicU32::new(0);
static CHOICE: AtomicU32 = AtomicU32::new(0);

/// Makes a function differ, and no other.
pub fn set_off(function: u32, off: Off) {
    let (one_in, choice) = match off {
        Off::True => (0, 0),
        Off::Rounded => (ROUNDED, 0),
        Off::OneIn(one_in, choice) => (one_in, choice),
    };
    FUNCTION.store(function, Relaxed);
    ONE_IN.store(one_in, Relaxed);
    CHOICE.store(choice, Relaxed);
}

/// The result of a function at x: y, or what differs.
fn result(function: u32, x: f32, y: f32, exact: fn(f64) -> f64) -> f32 {
    let one_in = ONE_IN.load(Relaxed);
    // Exact results (0, 1, infinities and NaN) stay as every libm has them.
    if FUNCTION.load(Relaxed) != function || one_in == 0 || !y.is_finite() || y == 0.0 || y == 1.0 {
        return y;
    }
    if one_in == ROUNDED {
        return exact(f64::from(x)) as f32;
    }
    let mixed = (x.to_bits() ^ CHOICE.load(Relaxed).wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b9);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xc2b2_ae35);
    if (mixed >> 8).is_multiple_of(one_in) { f32::from_bits(y.to_bits() + 1) } else { y }
}

/// e to the power of x.
pub fn expf(x: f32) -> f32 {
    result(0, x, published::expf(x), f64::exp)
}

/// e to the power of x, less 1.
pub fn expm1f(x: f32) -> f32 {
    result(1, x, published::expm1f(x), f64::exp_m1)
}

/// The natural logarithm of x.
pub fn logf(x: f32) -> f32 {
    result(2, x, published::logf(x), f64::ln)
}

/// The natural logarithm of 1 + x.
pub fn log1pf(x: f32) -> f32 {
    result(3, x, published::log1pf(x), f64::ln_1p)
}

/// The square root of x.
pub fn sqrtf(x: f32) -> f32 {
    result(4, x, published::sqrtf(x), f64::sqrt)
}
