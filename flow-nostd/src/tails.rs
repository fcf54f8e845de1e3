//! Rows far from the training data: drawn back along their ray into the trusted box, then compressed beyond a knee.
//!
//! The first step costs `rate * (alpha - 1)` nats and is not inverted; the second is a bijection,
//! `|u| -> knee + ln(1 + e)` with `e = |u| - knee`, whose log-determinant is `-ln(1 + e)`.

use crate::column::clamp;
use crate::fault::Fault;
use crate::layer::STATE_BOUND;
use crate::range;
use crate::row::Entered;
use zerocopy::little_endian::F32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bound on the absolute log-volume.
pub const LOG_VOLUME_MAX: f32 = 1e9;

const PENALTY_MAX: f32 = 1e37;
const EXCESS_LOG_MAX: f32 = 80.0;

/// The record as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct TailsRecord {
    /// Where compression starts, standardised units; positive.
    pub knee: F32,
    /// Nats lost for each box half-width outside the box; not negative.
    pub rate: F32,
    /// Minus the sum of the logarithms of all scales and of the circular columns' periods: what standardising adds to the
    /// log-density.
    pub log_volume: F32,
    /// Zero.
    pub reserved: [u8; 4],
}

impl TailsRecord {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let fail = |offset| Err(Fault::field(offset));
        let (knee, rate, log_volume) = (self.knee.get(), self.rate.get(), self.log_volume.get());
        if !range::is_positive(knee) {
            return fail(0);
        }
        if !(0.0..=f32::MAX).contains(&rate) {
            return fail(4);
        }
        if !range::is_at_most(log_volume, LOG_VOLUME_MAX) {
            return fail(8);
        }
        if u32::from_le_bytes(self.reserved) != 0 {
            return fail(12);
        }
        Ok(())
    }

    /// Brings the standardised values of columns on a line into the range of the layers; returns what this and the columns add to the
    /// log-density.
    pub(crate) fn enter(&self, entered: &Entered, lines: &mut [f32]) -> f32 {
        let knee = self.knee.get();
        let alpha = entered.alpha;
        let mut log_det = 0.0;
        for slot in lines.iter_mut() {
            let u = if alpha > 1.0 { *slot / alpha } else { *slot };
            let excess = u.abs() - knee;
            let bent = if excess > 0.0 {
                let log = libm::log1pf(excess);
                log_det -= log;
                let v = knee + log;
                if u < 0.0 { -v } else { v }
            } else {
                u
            };
            *slot = clamp(bent, STATE_BOUND);
        }
        let penalty = clamp(self.rate.get() * (alpha - 1.0), PENALTY_MAX);
        log_det + self.log_volume.get() + entered.log_terms - penalty
    }

    /// The inverse of the compression.
    pub(crate) fn leave(&self, v: f32) -> f32 {
        let knee = self.knee.get();
        let mut log = v.abs() - knee;
        if log <= 0.0 {
            return v;
        }
        if log > EXCESS_LOG_MAX {
            log = EXCESS_LOG_MAX;
        }
        let u = knee + libm::expm1f(log);
        if v < 0.0 { -u } else { u }
    }
}
