//! Lines on standard output.

use parity_report::Output;
use std::fmt::Arguments;
use std::io::{BufWriter, Stdout, Write};

/// Standard output.
pub struct Lines(BufWriter<Stdout>);

impl Lines {
    /// Opens it.
    pub fn open() -> Self {
        Lines(BufWriter::new(std::io::stdout()))
    }
}

impl Output for Lines {
    fn line(&mut self, line: Arguments) {
        // Whoever reads finds the output cut.
        let _ = writeln!(self.0, "{line}");
    }
}
