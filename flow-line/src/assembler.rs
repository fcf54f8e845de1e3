//! From bytes to lines.

/// Puts lines together from bytes that come one at a time, in memory for `N` of them; the end of a line is not counted.
///
/// It finds its way again after anything: a line ends at its line feed, and one begins wherever the mark stands that only
/// begins lines. So what was cut off, by a reset or a cable, spoils no more than itself.
///
/// ```
/// use flow_line::{Assembler, REQUEST, Received};
///
/// let mut assembler = Assembler::<16>::new(REQUEST);
/// let mut lines = Vec::new();
/// for byte in *b">00>0001 x\r\n>too long for the memory\n\n>2\n" {
///     if let Some(received) = assembler.push(byte) {
///         lines.push(match received {
///             Received::Line(line) => line.to_vec(),
///             Received::TooLong => b"too long".to_vec(),
///         });
///     }
/// }
/// assert_eq!(lines, [&b">0001 x"[..], b"too long", b">2"]);
/// ```
#[derive(Clone, Debug)]
pub struct Assembler<const N: usize> {
    mark: u8,
    bytes: [u8; N],
    length: usize,
    /// Whether a carriage return stands behind the memory, which is full: it may belong to the line's end.
    returned: bool,
    /// Whether there were more bytes than the memory holds.
    overflown: bool,
}

/// What has ended at a line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// A line that was longer than the memory; nothing of it was kept.
    TooLong,
}

impl<const N: usize> Assembler<N> {
    /// For lines that begin with `mark`.
    pub const fn new(mark: u8) -> Self {
        Assembler { mark, bytes: [0; N], length: 0, returned: false, overflown: false }
    }

    /// Takes the next byte; a line where it ends one. Empty lines are passed over.
    pub fn push(&mut self, byte: u8) -> Option<Received<'_>> {
        if byte == self.mark {
            self.clear();
        }
        if byte != b'\n' {
            match self.bytes.get_mut(self.length) {
                Some(slot) => {
                    *slot = byte;
                    self.length = self.length.saturating_add(1);
                }
                None if byte == b'\r' && !self.returned => self.returned = true,
                None => self.overflown = true,
            }
            return None;
        }
        let (length, returned, overflown) = (self.length, self.returned, self.overflown);
        self.clear();
        if overflown {
            return Some(Received::TooLong);
        }
        let line = self.bytes.get(..length).unwrap_or_default();
        let line = if returned { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        (!line.is_empty()).then_some(Received::Line(line))
    }

    /// Forgets what there is of a line.
    pub fn clear(&mut self) {
        self.length = 0;
        self.returned = false;
        self.overflown = false;
    }
}
