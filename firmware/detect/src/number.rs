//! Numbers as `flow-export` writes them: the shortest text that is read back as the same bits.

use core::fmt::{Display, Formatter, Result};

/// A number to be printed.
pub struct Number(pub f32);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter) -> Result {
        let Number(x) = *self;
        // The cast saturates: a whole number that is larger is printed with an exponent or a `.0`.
        if x as i32 as f32 == x { write!(f, "{x}") } else { write!(f, "{x:?}") }
    }
}
