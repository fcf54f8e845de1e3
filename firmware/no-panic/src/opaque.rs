//! Values of which the compiler knows nothing but their type.

use core::convert::Infallible;
use core::hint::black_box;

/// Stands for a file; what is in it does not matter, since the compiler may not know.
static FILE: [u8; 4096] = [0; 4096];

/// A file of unknown address and length.
pub fn file() -> &'static [u8] {
    black_box(FILE.get(..black_box(0)).unwrap_or_default())
}

/// Values of unknown address and length.
pub fn values() -> &'static mut [f32] {
    black_box(&mut [])
}

/// A verification of which the compiler does not know what it says.
#[inline(never)]
pub fn verify(_: &[u8], _: &[u8; 64]) -> bool {
    black_box(false)
}

/// What a firmware can feed; the compiler does not know what it says.
#[inline(never)]
pub fn fits(_: &flow_nostd::Flow<'_>) -> bool {
    black_box(false)
}

/// Any generator that does not panic itself: the compiler does not know what it gives.
pub struct Generator;

impl rand_core::TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(black_box(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(black_box(0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        black_box(bytes);
        Ok(())
    }
}
