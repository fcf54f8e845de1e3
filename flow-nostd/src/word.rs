//! A weight where it lies in the file: four aligned bytes, least significant first.
//!
//! On little-endian targets it is an `f32` in place, so that the kernel loads floating-point registers and nothing
//! else; on big-endian ones the bytes are swapped as it is read.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A weight or a bias.
#[cfg(target_endian = "little")]
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(transparent)]
pub(crate) struct Word(f32);

/// A weight or a bias.
#[cfg(target_endian = "big")]
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(transparent)]
pub(crate) struct Word(u32);

#[cfg(target_endian = "little")]
impl Word {
    #[inline(always)]
    pub(crate) fn get(self) -> f32 {
        self.0
    }

    pub(crate) fn bits(self) -> u32 {
        self.0.to_bits()
    }
}

#[cfg(target_endian = "big")]
impl Word {
    #[inline(always)]
    pub(crate) fn get(self) -> f32 {
        f32::from_bits(self.bits())
    }

    pub(crate) fn bits(self) -> u32 {
        u32::from_le(self.0)
    }
}
