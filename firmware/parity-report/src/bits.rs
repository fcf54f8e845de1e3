//! Numbers as a report writes them, so that a comparison is exact.

use core::fmt::{Display, Formatter, Result};

/// The bits of numbers, eight hexadecimal digits each, with a space between them.
pub struct Bits<'a>(pub &'a [f32]);

impl Display for Bits<'_> {
    fn fmt(&self, f: &mut Formatter) -> Result {
        for (i, value) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{:08x}", value.to_bits())?;
        }
        Ok(())
    }
}
