//! What every line has around its words: a mark that says who speaks, the number of the request, and a checksum.
//!
//! ```text
//! >0007 row 3fa00000 40400000*fcc88eb8
//! ```

use crate::crc::Crc;
use crate::hex;
use core::fmt::{self, Write};

/// Begins a request.
pub const REQUEST: u8 = b'>';
/// Begins an answer.
pub const ANSWER: u8 = b'<';
/// The number of an answer to no request: that of a board that has started, and of what is wrong with a line of which the
/// number cannot be trusted.
pub const UNASKED: u16 = 0;

/// A line whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The number of the request, which its answer repeats.
    pub number: u16,
    /// The words, with single spaces between them.
    pub words: &'a [u8],
    /// The checksum, by which a request that is sent again is known.
    pub checksum: u32,
}

/// Takes the frame from a line, which has no end of line any more.
///
/// `None` where the mark is another, or the checksum is wrong or missing: nothing of such a line is to be believed.
///
/// ```
/// use flow_line::{REQUEST, open_frame};
///
/// let frame = open_frame(REQUEST, b">0001 hello*2b1e3a2a");
/// assert_eq!(frame.map(|frame| (frame.number, frame.words)), Some((1, &b"hello"[..])));
/// assert_eq!(open_frame(REQUEST, b">0001 hallo*2b1e3a2a"), None);
/// ```
pub fn open_frame(mark: u8, line: &[u8]) -> Option<Frame<'_>> {
    let (text, end) = line.split_at_checked(line.len().checked_sub(9)?)?;
    let (&star, digits) = end.split_first()?;
    let checksum = hex::read(digits, 8)?;
    let mut crc = Crc::new();
    crc.take(text);
    if star != b'*' || crc.value() != checksum {
        return None;
    }
    let (&first, rest) = text.split_first()?;
    let (number, rest) = rest.split_at_checked(4)?;
    let (&space, words) = rest.split_first()?;
    let number = hex::read_u16(number)?;
    (first == mark && space == b' ').then_some(Frame { number, words, checksum })
}

/// Writes a whole line: what `words` writes, in its frame, and the end of line.
///
/// # Errors
/// Whatever the writer reports.
///
/// ```
/// let mut line = String::new();
/// flow_line::write_frame(&mut line, flow_line::REQUEST, 1, |words| words.write_str("hello"))?;
/// assert_eq!(line, ">0001 hello*2b1e3a2a\n");
/// # Ok::<(), core::fmt::Error>(())
/// ```
pub fn write_frame(
    out: &mut dyn Write,
    mark: u8,
    number: u16,
    words: impl FnOnce(&mut dyn Write) -> fmt::Result,
) -> fmt::Result {
    let mut summed = Summed { out, crc: Crc::new() };
    summed.write_char(char::from(mark))?;
    hex::write(&mut summed, number.into(), 4)?;
    summed.write_char(' ')?;
    words(&mut summed)?;
    let Summed { out, crc } = summed;
    out.write_char('*')?;
    hex::write(out, crc.value(), 8)?;
    out.write_char('\n')
}

/// Hands on what is written, and sums it up.
struct Summed<'a> {
    out: &'a mut dyn Write,
    crc: Crc,
}

impl Write for Summed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.crc.take(text.as_bytes());
        self.out.write_str(text)
    }
}

/// The words of a line.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|&byte| byte == b' ')
}
