//! Records of a CSV stream, by the csv crate, with what that crate leaves open: the separator, gzip, a limit on a record's
//! length, and the line on which a record begins. The stream is never held whole.

use crate::delimiter;
use crate::error::TableError;
use crate::read;
use csv::{ReaderBuilder, StringRecord, Terminator};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Chain, Cursor, Read, Take};

/// Bytes from which the separator is judged, and which are read at once.
const SAMPLE: usize = 64 * 1024;
/// A longer record is no row of a table.
const MAX_RECORD: usize = 1024 * 1024;
/// Put after the stream twice: the first ends the last record, so that only a quoted cell without an end reads the second.
const LINE_END: &[u8] = b"\n";

/// A stream with two line ends after it.
type Ended<'a> = Chain<Chain<Box<dyn Read + 'a>, &'static [u8]>, &'static [u8]>;

/// Reads one record after another.
pub(crate) struct Records<'a> {
    reader: csv::Reader<Take<Ended<'a>>>,
    compressed: bool,
    /// The line after the last record; 0 before the first.
    next_line: usize,
    /// The stream's name in messages.
    pub(crate) path: String,
    pub(crate) delimiter: u8,
    /// The last record read. Its cells are not trimmed: a line end of CR and LF leaves its CR.
    pub(crate) record: StringRecord,
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
}

impl<'a> Records<'a> {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &str) -> Result<Records<'static>, TableError> {
        if path == "-" {
            return Records::new(std::io::stdin(), "standard input");
        }
        Records::new(read::open(path)?.0, path)
    }

    /// Reads from a stream; `path` is its name in messages.
    pub(crate) fn new(input: impl Read + 'a, path: &str) -> Result<Records<'a>, TableError> {
        let mut input: Box<dyn Read + 'a> = Box::new(input);
        let compressed = peek(&mut input, 2).map_err(|e| unreadable(path, None, e))? == [0x1f, 0x8b];
        if compressed {
            input = Box::new(MultiGzDecoder::new(BufReader::new(input)));
        }
        let sample = peek(&mut input, SAMPLE).map_err(|e| unreadable(path, compressed.then_some(0), e))?;
        refuse_other_formats(path, &sample)?;
        let delimiter = delimiter::detect(&sample, sample.len() < SAMPLE);
        // With LF alone as the line end, the reader's count of lines is exact.
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .terminator(Terminator::Any(b'\n'))
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(SAMPLE)
            .from_reader(input.chain(LINE_END).chain(LINE_END).take(0));
        let (path, record) = (path.to_owned(), StringRecord::new());
        Ok(Records { reader, compressed, next_line: 0, path, delimiter, record, line: 0 })
    }

    /// Reads the next record; `false` at the end. Blank lines are passed over before the first and after the last record
    /// only.
    pub(crate) fn next(&mut self) -> Result<bool, TableError> {
        let path = || self.path.clone();
        let mut bytes = std::mem::take(&mut self.record).into_byte_record();
        loop {
            self.reader.get_mut().set_limit((MAX_RECORD + SAMPLE) as u64);
            let more = self.reader.read_byte_record(&mut bytes);
            let end = self.reader.position().line() as usize;
            let more = more.map_err(|e| unreadable(&self.path, self.compressed.then_some(end - 1), e.into()))?;
            let line = end - bytes.as_slice().iter().filter(|b| **b == b'\n').count();
            if self.reader.get_ref().limit() == 0 {
                return Err(TableError::LongLine { path: path(), line, limit: MAX_RECORD });
            }
            let (_, second) = self.reader.get_ref().get_ref().get_ref();
            if more && second.is_empty() {
                return Err(TableError::OpenQuote { path: path(), line });
            }
            if !more {
                return Ok(false);
            }
            if self.delimiter == b' ' {
                bytes = bytes.iter().filter(|cell| !cell.trim_ascii().is_empty()).collect();
            }
            if bytes.len() < 2 && bytes.as_slice().trim_ascii().is_empty() {
                continue;
            }
            self.line = line - 1;
            if self.next_line != 0 && self.line != self.next_line {
                return Err(TableError::BlankLine { path: path(), line: self.next_line });
            }
            self.next_line = end;
            self.record = StringRecord::from_byte_record(bytes).map_err(|e| TableError::NotUtf8 {
                path: path(),
                line: self.line,
                column: e.utf8_error().field() + 1,
            })?;
            return Ok(true);
        }
    }
}

/// The first bytes of the stream, which stay in it.
fn peek<'a>(input: &mut Box<dyn Read + 'a>, bytes: usize) -> io::Result<Vec<u8>> {
    let mut sample = Vec::new();
    input.take(bytes as u64).read_to_end(&mut sample)?;
    let rest = std::mem::replace(input, Box::new(io::empty()));
    *input = Box::new(Cursor::new(sample.clone()).chain(rest));
    Ok(sample)
}

/// An error of the stream; `lines` of a compressed one could be read before.
fn unreadable(path: &str, lines: Option<usize>, source: io::Error) -> TableError {
    match lines {
        Some(line) => TableError::Gzip { path: path.into(), line, message: source.to_string() },
        None => TableError::Io { path: path.into(), source },
    }
}

fn refuse_other_formats(path: &str, sample: &[u8]) -> Result<(), TableError> {
    let known: [(&[u8], &str, &str); 6] = [
        (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export the sheet as CSV"),
        (b"PAR1", "a Parquet file", "unpack it, or export it as CSV"),
        (b"\xfd7zXZ", "an xz file", "unpack it (gzip is read directly)"),
        (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it (gzip is read directly)"),
        (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
        (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    ];
    let known = known.into_iter().find(|(magic, ..)| sample.starts_with(magic)).map(|(_, what, advice)| (what, advice));
    let old = !sample.contains(&b'\n') && sample.trim_ascii().contains(&b'\r');
    let old = old.then_some(("text whose lines end with CR alone", "save it with LF or CRLF"));
    match known.or(old) {
        Some((what, advice)) => Err(TableError::NotText { path: path.into(), what, advice }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(usize, Vec<String>)>, TableError> {
        let mut records = Records::new(bytes, "test")?;
        let mut all = Vec::new();
        while records.next()? {
            all.push((records.line, records.record.iter().map(|cell| cell.trim().to_owned()).collect()));
        }
        Ok(all)
    }

    fn cells(line: usize, cells: &[&str]) -> (usize, Vec<String>) {
        (line, cells.iter().map(|c| c.to_string()).collect())
    }

    #[test]
    fn quotes_and_line_ends() {
        let all = read(b"\n\"a,\"\"b\",\"c\nd\"\r\n1,\"2\" \r\n\r\n \n").unwrap();
        assert_eq!(all, [cells(2, &["a,\"b", "c\nd"]), cells(4, &["1", "2"])]);
        assert_eq!(read(b"\xef\xbb\xbf1;2").unwrap(), [cells(1, &["1", "2"])]);
        assert_eq!(read(b" 1  2 \r\n3 4\r\n").unwrap(), [cells(1, &["1", "2"]), cells(2, &["3", "4"])]);
        assert_eq!(read(b"1\t\t2\n\t\t\n").unwrap(), [cells(1, &["1", "", "2"]), cells(2, &["", "", ""])]);
    }

    #[test]
    fn a_quoted_cell_may_end_in_blank_lines() {
        for end in ["", "\n", "\r\n", "\n\n"] {
            let all = read(format!("x,note\n1,\"hello\n\n\"\n2,\"b\n\n\"{end}").as_bytes()).unwrap();
            assert_eq!(all, [cells(1, &["x", "note"]), cells(2, &["1", "hello"]), cells(5, &["2", "b"])], "{end:?}");
        }
        let open = read(b"x,note\n1,\"hello\n\n\"\n2,\"b\n\n").unwrap_err();
        assert!(matches!(open, TableError::OpenQuote { line: 5, .. }), "{open}");
    }

    #[test]
    fn broken_text_is_reported_with_its_line() {
        assert!(matches!(read(b"1\n\n2\n").unwrap_err(), TableError::BlankLine { line: 2, .. }));
        assert!(matches!(read(b"1,2\n\"3,4\n5,6\n").unwrap_err(), TableError::OpenQuote { line: 2, .. }));
        assert!(matches!(read(b"1\n\xff\n").unwrap_err(), TableError::NotUtf8 { line: 2, column: 1, .. }));
        assert!(matches!(read(b"\r\n\n1,\xff\n").unwrap_err(), TableError::NotUtf8 { line: 3, column: 2, .. }));
        assert!(matches!(read(b"1,2\r\n \r\n2,3\r\n").unwrap_err(), TableError::BlankLine { line: 2, .. }));
        assert!(matches!(read(b"1,2\n3,\"4").unwrap_err(), TableError::OpenQuote { line: 2, .. }));
        assert!(matches!(read(b"1,2\r3,4\r").unwrap_err(), TableError::NotText { .. }));
        assert!(matches!(read(b"PK\x03\x04...").unwrap_err(), TableError::NotText { .. }));
    }

    #[test]
    fn an_endless_line_is_refused_without_holding_it() {
        let mut records = Records::new(b"1\n".chain(io::repeat(b'1')), "test").unwrap();
        assert!(records.next().unwrap());
        assert!(matches!(records.next(), Err(TableError::LongLine { line: 2, .. })));
        let mut records = Records::new(b"\n\"".chain(io::repeat(b'\n')), "test").unwrap();
        assert!(matches!(records.next(), Err(TableError::LongLine { line: 2, .. })));
    }
}
