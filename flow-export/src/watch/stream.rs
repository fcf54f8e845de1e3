//! Rows of standard input, each as soon as its line is there. What a logger writes where a sensor gave nothing, `ERR` or an
//! empty cell, is a value that is missing; a line that was cut off or damaged is a gap, and so is one in the column of times.
//! Rows go on after all of them, for years if need be.

use super::Next;
use super::cell::{is_word, value};
use super::clock::Clock;
use super::input::{Input, LONGEST, Line};
use super::layout::Layout;
use crate::error::Error;
use std::io::BufRead;

/// Lines of CSV, with or without a header; comma, semicolon or tab.
pub(crate) struct Stream<R> {
    lines: Input<R>,
    /// Number of the last line, from 1.
    number: usize,
    names: Vec<String>,
    /// Columns that are left out.
    ignore: Vec<String>,
    /// Empty until the first line has come.
    layout: Layout,
    /// Names of columns that hold no times: those of values, and those that are left out.
    others: Vec<String>,
    separator: u8,
    clock: Clock,
    gap: bool,
    /// A row that waits until something was said.
    waiting: Option<Next>,
}

impl<R: BufRead> Stream<R> {
    /// For rows of these values, by name where there is a header, else in this order; of windows of this step, if it is known
    /// and the flow is over windows.
    pub fn new(reader: R, names: Vec<String>, ignore: Vec<String>, step: Option<u64>) -> Self {
        let (lines, clock) = (Input(reader), Clock::new(step));
        let (layout, others) = (Layout::default(), Vec::new());
        Stream { lines, number: 0, names, ignore, layout, others, separator: b',', clock, gap: false, waiting: None }
    }

    fn fail(&self, problem: String) -> Error {
        Error::Stream { line: self.number, problem }
    }

    fn passed_over(&self, problem: String) -> Error {
        Error::PassedOver { line: self.number, problem }
    }

    fn cells(&self, line: &str) -> Result<Vec<String>, Error> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(self.separator).from_reader(line.as_bytes());
        match reader.records().next() {
            Some(Ok(record)) => Ok(record.iter().map(|cell| cell.trim().to_owned()).collect()),
            Some(Err(error)) => Err(self.passed_over(format!("cannot be read: {error}"))),
            None => Ok(Vec::new()),
        }
    }

    /// Finds the values in the first line; whether it is a header.
    fn begin(&mut self, line: &str) -> Result<bool, Error> {
        self.separator = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|&separator| line.bytes().filter(|&b| b == separator).count())
            .filter(|&separator| line.as_bytes().contains(&separator))
            .unwrap_or(b',');
        let layout = Layout::of(&self.cells(line)?, &self.names, &self.ignore).map_err(|problem| self.fail(problem))?;
        let values = layout.places.iter().map(|&place| &layout.cells[place]);
        self.others = values.chain(&self.ignore).cloned().collect();
        self.layout = layout;
        Ok(self.layout.header)
    }

    fn begun(&self) -> bool {
        !self.layout.places.is_empty()
    }

    fn values(&self, cells: &[String]) -> Result<Vec<f32>, Error> {
        let places = &self.layout.places;
        let take = |(&place, name): (&usize, &String)| {
            let problem = || format!("{} values, and none for {name:?}", cells.len());
            let cell = cells.get(place).ok_or_else(|| self.passed_over(problem()))?;
            match value(cell) {
                Some(value) => Ok(value),
                None if is_word(cell) => Ok(f32::NAN),
                None => Err(self.passed_over(format!("column {name:?}: {cell:?} is no number"))),
            }
        };
        let row: Vec<f32> = places.iter().zip(&self.names).map(take).collect::<Result<_, _>>()?;
        let words = places.iter().filter(|&&place| cells.get(place).is_some_and(|cell| is_word(cell)));
        // Of a single value the word says that it is missing, unless it is the header again.
        if words.count() == row.len() && (row.len() > 1 || cells.contains(&self.names[0])) {
            return Err(self.passed_over("holds no number".to_owned()));
        }
        Ok(row)
    }

    /// A row without the gap of the lines before it, and what is to be known of its times.
    fn row(&mut self, line: &str) -> Result<(bool, Vec<f32>, Option<String>), Error> {
        let cells = self.cells(line)?;
        let row = self.values(&cells)?;
        let note = self.clock.find(&self.layout.cells, &cells, &self.others);
        let gap = self.clock.gap(&self.layout.cells, &cells).map_err(|problem| self.passed_over(problem))?;
        Ok((gap, row, note))
    }

    /// What a line is: nothing where it is empty or a header.
    fn read(&mut self, line: &str) -> Result<Option<(Next, Option<String>)>, Error> {
        let line = line.trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            self.gap = true;
            return Ok(None);
        }
        if !self.begun() && self.begin(line)? {
            return Ok(None);
        }
        let row = self.row(line);
        let before = std::mem::replace(&mut self.gap, row.is_err());
        row.map(|(gap, row, note)| Some((Next::Row(before || gap, row), note)))
    }
}

impl<R: BufRead> Iterator for Stream<R> {
    /// [`Error::PassedOver`] in the place of a line that is no row.
    type Item = Result<Next, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.waiting.take() {
            return Some(Ok(row));
        }
        loop {
            let line = self.lines.next()?;
            self.number += 1;
            let read = match line {
                Ok(Line::Text(line)) => self.read(&line),
                Ok(Line::TooLong) if !self.begun() => {
                    Err(self.fail(format!("longer than {LONGEST} bytes; expected a header or values")))
                }
                Ok(Line::TooLong) => {
                    self.gap = true;
                    Err(self.passed_over(format!("longer than {LONGEST} bytes")))
                }
                Err(source) => Err(self.fail(format!("cannot be read: {source}"))),
            };
            return Some(match read {
                Ok(None) => continue,
                Ok(Some((row, None))) => Ok(row),
                Ok(Some((row, Some(note)))) => {
                    self.waiting = Some(row);
                    Ok(Next::Note(note))
                }
                Err(error) => Err(error),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8], step: Option<u64>) -> Stream<&[u8]> {
        Stream::new(bytes, vec!["a, b".to_owned(), "c".to_owned()], vec![], step)
    }

    fn rows(text: &str) -> Result<Vec<(bool, Vec<f32>)>, String> {
        stream(text.as_bytes(), Some(0))
            .filter(|next| !matches!(next, Ok(Next::Note(_))))
            .map(|next| match next {
                Ok(Next::Row(gap, row)) => Ok((gap, row)),
                Ok(Next::Note(note)) => Err(note),
                Err(error) => Err(error.to_string()),
            })
            .collect()
    }

    #[test]
    fn rows_come_by_name_or_in_order() {
        let expected = vec![(false, vec![1.0, 2.5]), (true, vec![-3.0, 4e3])];
        assert_eq!(rows("1,2.5\n\n-3,4e3\n"), Ok(expected.clone()));
        assert_eq!(rows("c;time;a, b\r\n2.5;x;1\r\n\r\n4e3;y;-3"), Ok(expected.clone()));
        assert_eq!(rows("\u{feff}c,\"a, b\"\n2.5,1\n\n4e3,-3"), Ok(expected));
        assert!(rows("1,\n").is_ok_and(|rows| rows[0].1[1].is_nan()));
        assert!(rows("1,ERR\n").is_ok_and(|rows| rows[0].1[1].is_nan()));
        assert_eq!(rows(""), Ok(vec![]));
    }

    #[test]
    fn rows_go_on_after_a_word_and_after_a_line_that_was_cut_off() {
        let read: Vec<_> = stream(b"1,2\n3,ERR\n5\n7,8\n", None).collect();
        assert!(matches!(&read[1], Ok(Next::Row(false, row)) if row[0] == 3.0 && row[1].is_nan()), "{:?}", read[1]);
        assert!(matches!(read[2], Err(Error::PassedOver { line: 3, .. })), "{:?}", read[2]);
        assert!(matches!(&read[3], Ok(Next::Row(true, row)) if row[..] == [7.0, 8.0]), "{:?}", read[3]);
    }

    #[test]
    fn rows_go_on_after_bytes_that_are_no_text_and_after_a_line_without_an_end() {
        let mut bytes = b"1,2,note\n3,4,\xff\n\xff\xfe,5\n".to_vec();
        bytes.extend(vec![b'6'; 3 << 20]);
        bytes.extend(b"\n7,8\n");
        let read: Vec<_> = Stream::new(&bytes[..], vec!["c0".into(), "c1".into()], vec!["c2".into()], None).collect();
        assert!(matches!(&read[1], Ok(Next::Row(false, row)) if row[..] == [3.0, 4.0]), "{:?}", read[1]);
        let said = |i: usize| read[i].as_ref().unwrap_err().to_string();
        assert!(
            said(2).contains("line 3: column \"c0\": \"\u{fffd}\u{fffd}\" is no number; passed over"),
            "{}",
            said(2)
        );
        assert!(said(3).contains("line 4: longer than 1048576 bytes; passed over, as a gap"), "{}", said(3));
        assert!(matches!(&read[4], Ok(Next::Row(true, row)) if row[..] == [7.0, 8.0]), "{:?}", read[4]);
    }

    #[test]
    fn a_gap_in_time_is_one_between_rows() {
        let text = "2024-05-01 12:00:00,1,2\n2024-05-01 12:01:00,1,2\n2024-05-01 12:03:00,1,2\nnoon,1,2\n\
                    2024-05-01 12:04:00,1,2\n2024-05-01 12:05:00,1,2\n";
        let gaps: Vec<Option<bool>> = stream(text.as_bytes(), Some(60_000_000))
            .map(|next| if let Ok(Next::Row(gap, _)) = next { Some(gap) } else { None })
            .collect();
        assert_eq!(gaps, [Some(false), Some(false), Some(true), None, Some(true), Some(false)]);
        // Where they are not seen, that comes before the first row, which is not lost.
        let read: Vec<_> = stream(text.as_bytes(), None).collect();
        assert!(
            matches!(&read[0], Ok(Next::Note(note)) if note.contains("gaps in time are not seen")),
            "{:?}",
            read[0]
        );
        assert_eq!(read.iter().filter(|next| matches!(next, Ok(Next::Row(..)))).count(), 6);
    }

    #[test]
    fn a_word_in_the_place_of_the_only_value_is_a_missing_value() {
        let read: Vec<_> = Stream::new("a\n20\nERR\n20\na\n".as_bytes(), vec!["a".into()], vec![], None).collect();
        assert!(matches!(&read[1], Ok(Next::Row(false, row)) if row[0].is_nan()), "{read:?}");
        assert!(matches!(&read[2], Ok(Next::Row(false, _))), "{read:?}");
        assert!(matches!(read[3], Err(Error::PassedOver { line: 5, .. })), "{read:?}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, words) in [
            ("1,2,3\n", "line 1: 3 values, expected 2"),
            ("x,y\n", "line 1: no column \"a, b\""),
            ("1,2\n3\n", "line 2: 1 values, and none for \"c\"; passed over, as a gap"),
            ("1;2\n3;4,5\n", "line 2: column \"c\": \"4,5\" is no number; passed over"),
            ("1,2\na,b\n", "line 2: holds no number; passed over"),
        ] {
            let said = rows(text).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
