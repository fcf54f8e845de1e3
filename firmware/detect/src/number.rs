//! Numbers as `flow-export` writes them: the shortest text that is read back as the same bits.

use core::fmt::{Display, Formatter, Result};

/// A number to be printed.
pub struct Number(pub f32);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter) -> Result {
        let Number(x) = *self;
        let whole = x as i64 as f32 == x && x.abs() < 1e15;
        if whole { write!(f, "{x}") } else { write!(f, "{x:?}") }
    }
}
