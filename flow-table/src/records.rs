//! Lines of cells from a stream, with exact line numbers.
//!
//! Written here rather than taken from a library for three reasons: every error names its line, a blank line between
//! rows is an error and not skipped, and columns may be separated by runs of spaces. The stream is never held whole.

use crate::delimiter::Delimiter;
use crate::error::TableError;
use flate2::read::MultiGzDecoder;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};

/// Bytes from which the separator is judged.
const SAMPLE: u64 = 64 * 1024;
/// A longer line is no row of a table.
const MAX_RECORD: usize = 16 * 1024 * 1024;

/// Reads one record after another.
pub(crate) struct Records<'a> {
    input: Box<dyn BufRead + 'a>,
    path: String,
    compressed: bool,
    terminator: u8,
    pub(crate) delimiter: Delimiter,
    /// Lines consumed so far.
    lines: usize,
    /// Whether a record has been returned.
    begun: bool,
    raw: Vec<u8>,
}

/// The cells of one line.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    text: String,
    ends: Vec<usize>,
}

impl Record {
    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of each cell, in order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |start, &end| {
            let cell = &self.text[*start..end];
            *start = end;
            Some(cell)
        })
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }
}

impl<'a> Records<'a> {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &str) -> Result<Records<'static>, TableError> {
        if path == "-" {
            return Records::new(std::io::stdin(), "standard input");
        }
        let io = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound => TableError::Missing {
                path: path.into(),
                folder: std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_else(|_| "unknown".into()),
            },
            ErrorKind::IsADirectory => TableError::Directory { path: path.into() },
            _ => TableError::Io { path: path.into(), source },
        };
        if std::fs::metadata(path).map_err(io)?.is_dir() {
            return Err(TableError::Directory { path: path.into() });
        }
        Records::new(std::fs::File::open(path).map_err(io)?, path)
    }

    /// Reads from a stream; `path` is its name in messages.
    pub(crate) fn new(input: impl Read + 'a, path: &str) -> Result<Records<'a>, TableError> {
        let mut records = Records {
            input: Box::new(BufReader::new(input)),
            path: path.to_owned(),
            compressed: false,
            terminator: b'\n',
            delimiter: Delimiter::Byte(b','),
            lines: 0,
            begun: false,
            raw: Vec::new(),
        };
        if records.peek(2)?.starts_with(&[0x1f, 0x8b]) {
            let inner = std::mem::replace(&mut records.input, Box::new(std::io::empty()));
            records.input = Box::new(BufReader::new(MultiGzDecoder::new(inner)));
            records.compressed = true;
        }
        let sample = records.peek(SAMPLE)?;
        records.refuse_other_formats(&sample)?;
        if sample.starts_with(b"\xef\xbb\xbf") {
            records.input.consume(3);
        }
        let text = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample);
        if !text.contains(&b'\n') && text.contains(&b'\r') {
            records.terminator = b'\r';
        }
        let mut lines: Vec<&[u8]> = text.split(|b| *b == records.terminator).collect();
        if sample.len() as u64 == SAMPLE && lines.len() > 1 {
            lines.pop();
        }
        records.delimiter = Delimiter::detect(lines.into_iter().map(|l| l.strip_suffix(b"\r").unwrap_or(l)));
        Ok(records)
    }

    /// The next bytes of the stream, which stay in it.
    fn peek(&mut self, bytes: u64) -> Result<Vec<u8>, TableError> {
        let mut sample = Vec::new();
        self.input.by_ref().take(bytes).read_to_end(&mut sample).map_err(|e| self.io(e))?;
        let rest = std::mem::replace(&mut self.input, Box::new(std::io::empty()));
        self.input = Box::new(Cursor::new(sample.clone()).chain(rest));
        Ok(sample)
    }

    fn refuse_other_formats(&self, sample: &[u8]) -> Result<(), TableError> {
        let known: [(&[u8], &str, &str); 6] = [
            (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export the sheet as CSV"),
            (b"PAR1", "a Parquet file", "export it as CSV"),
            (b"\xfd7zXZ", "an xz file", "unpack it (gzip is read directly)"),
            (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it (gzip is read directly)"),
            (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
            (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
        ];
        match known.into_iter().find(|(magic, ..)| sample.starts_with(magic)) {
            Some((_, what, advice)) => Err(TableError::NotText { path: self.path.clone(), what, advice }),
            None => Ok(()),
        }
    }

    fn io(&self, source: std::io::Error) -> TableError {
        let path = self.path.clone();
        match source.kind() {
            _ if !self.compressed => TableError::Io { path, source },
            ErrorKind::UnexpectedEof => TableError::Gzip { path, line: self.lines, message: "it ends early".into() },
            _ => TableError::Gzip { path, line: self.lines, message: source.to_string() },
        }
    }

    /// Reads the next record into `record`; `false` at the end. Blank lines are passed over before the first and after
    /// the last record only.
    pub(crate) fn next(&mut self, record: &mut Record) -> Result<bool, TableError> {
        let mut blank = None;
        self.raw.clear();
        while self.read_line()? {
            if self.is_blank() {
                blank = blank.or(Some(self.lines));
                self.raw.clear();
                continue;
            }
            if let (Some(line), true) = (blank, self.begun) {
                return Err(TableError::BlankLine { path: self.path.clone(), line });
            }
            self.begun = true;
            let line = self.lines;
            while !self.split_into(record, line)? {
                self.raw.push(b'\n');
                if !self.read_line()? {
                    return Err(TableError::OpenQuote { path: self.path.clone(), line });
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Appends one line, without its end, to `raw`; `false` at the end of the stream.
    fn read_line(&mut self) -> Result<bool, TableError> {
        let room = (MAX_RECORD + 1).saturating_sub(self.raw.len()) as u64;
        let read = match self.input.by_ref().take(room).read_until(self.terminator, &mut self.raw) {
            Ok(read) => read,
            Err(source) => return Err(self.io(source)),
        };
        if self.raw.len() > MAX_RECORD {
            return Err(TableError::LongLine { path: self.path.clone(), line: self.lines + 1, limit: MAX_RECORD });
        }
        if read == 0 {
            return Ok(false);
        }
        self.lines += 1;
        if self.raw.last() == Some(&self.terminator) {
            self.raw.pop();
        }
        if self.raw.last() == Some(&b'\r') {
            self.raw.pop();
        }
        Ok(true)
    }

    fn is_blank(&self) -> bool {
        let meaningful = |b: &u8| !b.is_ascii_whitespace() || self.delimiter == Delimiter::Byte(*b);
        !self.raw.iter().any(meaningful)
    }

    /// Splits `raw` into cells; `false` if a quoted cell is still open at its end.
    fn split_into(&self, record: &mut Record, line: usize) -> Result<bool, TableError> {
        let text = std::str::from_utf8(&self.raw).map_err(|e| TableError::NotUtf8 {
            path: self.path.clone(),
            line,
            byte: e.valid_up_to() + 1,
        })?;
        record.line = line;
        record.text.clear();
        record.ends.clear();
        let is_delimiter = |c: char| match self.delimiter {
            Delimiter::Byte(b) => c == b as char,
            Delimiter::Whitespace => c == ' ' || c == '\t',
        };
        let mut rest = if self.delimiter == Delimiter::Whitespace { text.trim() } else { text };
        loop {
            let inner = rest.trim_start_matches(|c: char| c == ' ' || (c == '\t' && !is_delimiter('\t')));
            if let Some(mut quoted) = inner.strip_prefix('"') {
                loop {
                    let Some(at) = quoted.find('"') else { return Ok(false) };
                    record.text.push_str(&quoted[..at]);
                    quoted = &quoted[at + 1..];
                    match quoted.strip_prefix('"') {
                        Some(more) => {
                            record.text.push('"');
                            quoted = more;
                        }
                        None => break,
                    }
                }
                rest = quoted;
            }
            let end = rest.find(is_delimiter).unwrap_or(rest.len());
            record.text.push_str(rest[..end].trim_end());
            record.end_cell();
            if end == rest.len() {
                return Ok(true);
            }
            rest = &rest[end + 1..];
            if self.delimiter == Delimiter::Whitespace {
                rest = rest.trim_start_matches(is_delimiter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(usize, Vec<String>)>, TableError> {
        let mut records = Records::new(bytes, "test")?;
        let (mut record, mut all) = (Record::default(), Vec::new());
        while records.next(&mut record)? {
            all.push((record.line, record.cells().map(str::to_owned).collect()));
        }
        Ok(all)
    }

    fn cells(line: usize, cells: &[&str]) -> (usize, Vec<String>) {
        (line, cells.iter().map(|c| c.to_string()).collect())
    }

    #[test]
    fn quotes_and_line_ends() {
        let all = read(b"\n\"a,\"\"b\",\"c\nd\"\r\n1, \"2\" \r\n\r\n \n").unwrap();
        assert_eq!(all, [cells(2, &["a,\"b", "c\nd"]), cells(4, &["1", "2"])]);
        assert_eq!(read(b"1,2\r3,4").unwrap(), [cells(1, &["1", "2"]), cells(2, &["3", "4"])]);
        assert_eq!(read(b"\xef\xbb\xbf1;2").unwrap(), [cells(1, &["1", "2"])]);
        assert_eq!(read(b" 1  2 \n3\t 4\n").unwrap(), [cells(1, &["1", "2"]), cells(2, &["3", "4"])]);
        assert_eq!(read(b"1\t\t2\n\t\t\n").unwrap(), [cells(1, &["1", "", "2"]), cells(2, &["", "", ""])]);
    }

    #[test]
    fn broken_text_is_reported_with_its_line() {
        assert!(matches!(read(b"1\n\n2\n").unwrap_err(), TableError::BlankLine { line: 2, .. }));
        assert!(matches!(read(b"1,2\n\"3,4\n5,6\n").unwrap_err(), TableError::OpenQuote { line: 2, .. }));
        assert!(matches!(read(b"1\n\xff\n").unwrap_err(), TableError::NotUtf8 { line: 2, byte: 1, .. }));
        assert!(matches!(read(b"PK\x03\x04...").unwrap_err(), TableError::NotText { .. }));
    }

    #[test]
    fn an_endless_line_is_refused_without_holding_it() {
        let mut records = Records::new(std::io::repeat(b'1'), "test").unwrap();
        assert!(matches!(records.next(&mut Record::default()), Err(TableError::LongLine { line: 1, .. })));
    }
}
