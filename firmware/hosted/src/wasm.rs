//! Lines through a function that the WebAssembly runtime offers.

use parity_report::Output;
use std::fmt::Arguments;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Prints a line, UTF-8 in the program's memory.
    fn print_line(text: *const u8, length: usize);
}

/// The runtime.
pub struct Lines;

impl Lines {
    /// Nothing has to be opened.
    pub fn open() -> Self {
        Lines
    }
}

impl Output for Lines {
    fn line(&mut self, line: Arguments) {
        let text = line.to_string();
        // SAFETY: the text lives, and is read only, until the call returns.
        unsafe { print_line(text.as_ptr(), text.len()) }
    }
}
