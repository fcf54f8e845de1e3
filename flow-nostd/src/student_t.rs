//! Independent Student-t distributions: a base with heavy tails, for rows far from the data.
//!
//! `log p(z) = log_norm - (ν + 1) / 2 · ln(1 + z² / ν)`. Variates after Bailey, "Polar generation of random variates with
//! the t-distribution", Mathematics of Computation 62 (1994), in the form without rejection:
//! `t = sqrt(ν (u₁^(-2/ν) - 1)) · cos θ`, θ being uniform.

use crate::fault::Fault;
use crate::range;
use crate::trig::{cos_sin, uniform_angle};
use zerocopy::little_endian::F32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Degrees of freedom are more than this: the variance is finite.
pub const DEGREES_MIN: f32 = 2.0;
/// Most degrees of freedom.
pub const DEGREES_MAX: f32 = 1000.0;
/// Bound on the absolute logarithm of the density at 0.
pub const LOG_NORM_MAX: f32 = 100.0;

/// One latent value's distribution as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct StudentTRecord {
    /// (ν + 1) / 2.
    pub half: F32,
    /// 1 / ν.
    pub inverse: F32,
    /// ν, the degrees of freedom.
    pub degrees: F32,
    /// The log-density at 0: ln Γ((ν + 1) / 2) − ln Γ(ν / 2) − ln(νπ) / 2.
    pub log_norm: F32,
}

/// Checks one record.
pub(crate) fn check(record: &StudentTRecord) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    let degrees = record.degrees.get();
    if !(degrees > DEGREES_MIN && degrees <= DEGREES_MAX) {
        return fail(8);
    }
    if record.half.get() != (degrees + 1.0) * 0.5 {
        return fail(0);
    }
    if record.inverse.get() != 1.0 / degrees {
        return fail(4);
    }
    if !range::is_at_most(record.log_norm.get(), LOG_NORM_MAX) {
        return fail(12);
    }
    Ok(())
}

/// The log-density of a latent vector.
pub(crate) fn log_prob(records: &[StudentTRecord], z: &[f32]) -> f32 {
    let mut sum = 0.0;
    for (record, &v) in records.iter().zip(z) {
        sum += record.log_norm.get() - record.half.get() * libm::log1pf(v * v * record.inverse.get());
    }
    sum
}

/// The variate of two draws.
pub(crate) fn from_draws(record: &StudentTRecord, high: u32, low: u32) -> f32 {
    const UNIT: f32 = 1.0 / 4_294_967_296.0;
    let radius = libm::expm1f(-2.0 * record.inverse.get() * libm::logf((high as f32 + 0.5) * UNIT));
    let [cos, _] = cos_sin(uniform_angle(low));
    libm::sqrtf(record.degrees.get() * radius) * cos
}
