//! What a host asks a board.

use crate::frame::{Frame, REQUEST, words, write_frame};
use crate::hex;
use core::fmt::{self, Write};

/// What a host asks a board.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Who are you?
    Hello,
    /// Do you compute as the machine did that froze the flow?
    Test,
    /// Forget all rows: windows, sensors, drift, and their number.
    Reset {
        /// The level at which drift starts anew after a row; infinity for never.
        drift: f32,
    },
    /// The next row does not follow the last one: forget the window and what is known of sensors, but not drift.
    Gap,
    /// What do you say of this row?
    Row(Values<'a>),
}

/// The values of a row, as they stand in a line.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(&'a [u8]);

impl<'a> Request<'a> {
    /// Reads the words of a request; `None` where they are none.
    pub fn read(frame: &Frame<'a>) -> Option<Self> {
        let text = frame.words;
        let (verb, rest) = match text.iter().position(|&byte| byte == b' ') {
            Some(space) => (text.get(..space)?, text.get(space.checked_add(1)?..)),
            None => (text, None),
        };
        Some(match (verb, rest) {
            (b"hello", None) => Request::Hello,
            (b"test", None) => Request::Test,
            (b"gap", None) => Request::Gap,
            (b"reset", Some(drift)) => Request::Reset { drift: hex::read_f32(drift)? },
            (b"row", Some(values)) if words(values).all(|word| hex::read(word, 8).is_some()) => {
                Request::Row(Values(values))
            }
            _ => return None,
        })
    }

    /// Writes the line of a request without values.
    ///
    /// # Errors
    /// Whatever the writer reports.
    pub fn write(&self, out: &mut dyn Write, number: u16) -> fmt::Result {
        match self {
            Request::Row(values) => write_row(out, number, values.iter()),
            Request::Hello => write_frame(out, REQUEST, number, |out| out.write_str("hello")),
            Request::Test => write_frame(out, REQUEST, number, |out| out.write_str("test")),
            Request::Gap => write_frame(out, REQUEST, number, |out| out.write_str("gap")),
            Request::Reset { drift } => write_frame(out, REQUEST, number, |out| {
                out.write_str("reset ")?;
                hex::write(out, drift.to_bits(), 8)
            }),
        }
    }
}

/// Writes the line of a row.
///
/// # Errors
/// Whatever the writer reports.
///
/// ```
/// let mut line = String::new();
/// flow_line::write_row(&mut line, 7, [1.25, 3.0])?;
/// assert_eq!(line, ">0007 row 3fa00000 40400000*fcc88eb8\n");
/// # Ok::<(), core::fmt::Error>(())
/// ```
pub fn write_row(out: &mut dyn Write, number: u16, values: impl IntoIterator<Item = f32>) -> fmt::Result {
    write_frame(out, REQUEST, number, |out| {
        out.write_str("row")?;
        for value in values {
            out.write_char(' ')?;
            hex::write(out, value.to_bits(), 8)?;
        }
        Ok(())
    })
}

impl Values<'_> {
    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = f32> + Clone {
        words(self.0).map(|word| hex::read_f32(word).unwrap_or(f32::NAN))
    }
}

/// Bytes of the line of a row of so many values, its end not counted.
pub const fn row_length(values: usize) -> usize {
    // Mark, number, space, verb; a space and eight digits a value; star and checksum.
    values.saturating_mul(9).saturating_add(1 + 4 + 1 + 3 + 9)
}
