//! The base distribution: the density of the latent variable.
//!
//! Standard normal: `log p(z) = Σ (-z_j² / 2) - D · ln(2π) / 2`.

use crate::FormatError;
use crate::section::BASE;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Base distribution: the standard normal distribution.
pub const NORMAL: u16 = 1;

/// ln(2π) / 2.
const HALF_LOG_TWO_PI: f32 = 0.918_938_5;

/// The base distribution as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BaseRecord {
    /// [`NORMAL`].
    pub kind: U16,
    /// Zero.
    pub reserved: [u8; 14],
}

impl BaseRecord {
    pub(crate) fn check(&self) -> Result<(), FormatError> {
        if self.kind.get() != NORMAL {
            return Err(FormatError::UnknownKind { tag: BASE, index: 0, kind: self.kind.get() });
        }
        if self.reserved != [0; 14] {
            return Err(FormatError::Record { tag: BASE, index: 0, offset: 2 });
        }
        Ok(())
    }

    /// The log-density of a latent vector.
    pub(crate) fn log_prob(&self, z: &[f32]) -> f32 {
        let mut squares = 0.0;
        for &v in z {
            squares += v * v;
        }
        -0.5 * squares - z.len() as f32 * HALF_LOG_TWO_PI
    }
}
