//! Standard output of the host, one semihosting call a line.
//!
//! A call stops the core, so that fragments as `core::fmt` hands them over would cost more than the work reported.

use core::fmt::{self, Write};
use semihosting::io::{self, Stdout, Write as _};

/// Longest line; what goes beyond is cut.
pub const LINE: usize = 1024;

/// So many times the host may refuse a line, one time after the other: under QEMU, for longer than a reader
/// that sleeps six seconds.
const PATIENCE: u32 = 10_000_000;

/// The host's standard output.
pub struct Output(Stdout);

/// The host would not take the output.
#[derive(Debug)]
pub struct OutputError;

/// A line that is being put together.
pub struct Line<'a> {
    output: &'a mut Output,
    text: heapless::String<LINE>,
}

impl Output {
    /// Opens standard output.
    ///
    /// # Errors
    /// Where no host listens.
    pub fn open() -> Result<Self, OutputError> {
        io::stdout().map(Output).map_err(|_| OutputError)
    }

    /// Writes one line.
    pub fn line(&mut self, arguments: fmt::Arguments) {
        let mut line = self.begin();
        let _ = line.write_fmt(arguments);
        line.end();
    }

    /// Begins a line of several parts.
    pub fn begin(&mut self) -> Line<'_> {
        Line { output: self, text: heapless::String::new() }
    }
}

impl Write for Line<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.text.push_str(s).map_err(|_| fmt::Error)
    }
}

impl Line<'_> {
    /// Writes the line out.
    pub fn end(mut self) {
        if self.text.push('\n').is_err() {
            self.text.pop();
            let _ = self.text.push('\n');
        }
        // A host whose reader is busy takes nothing for a while; one that closed the stream cannot be told so.
        let (mut rest, mut refused) = (self.text.as_bytes(), 0u32);
        while !rest.is_empty() && refused < PATIENCE {
            match self.output.0.write(rest) {
                Ok(written) if written > 0 => (rest, refused) = (rest.get(written..).unwrap_or_default(), 0),
                _ => refused += 1,
            }
        }
    }
}
