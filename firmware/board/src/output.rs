//! Standard output of the host, one semihosting call a line.
//!
//! A call stops the core, so that fragments as `core::fmt` hands them over would cost more than the work reported.

use core::fmt::{self, Write};
use semihosting::io::{self, Stdout, Write as _};

/// Longest line; what goes beyond is cut.
pub const LINE: usize = 1024;

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
        // A host that closed the stream cannot be told so.
        let _ = self.output.0.write_all(self.text.as_bytes());
    }
}
