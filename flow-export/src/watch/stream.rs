//! Rows of standard input, each as soon as its line is there. What a logger writes where a sensor gave nothing, `ERR` or an
//! empty cell, is a value that is missing; a line that was cut off is a gap. Rows go on after both, for years if need be.

use crate::error::Error;
use flow_table::did_you_mean;
use std::io::BufRead;

/// What stands in a cell without a value.
const MISSING: [&str; 6] = ["", "na", "nan", "n/a", "null", "none"];

/// Lines of CSV, with or without a header; comma, semicolon or tab.
pub(crate) struct Stream<R> {
    lines: std::io::Lines<R>,
    /// Number of the last line, from 1.
    number: usize,
    names: Vec<String>,
    /// Where each value stands in a line; known after the first one.
    places: Option<Vec<usize>>,
    separator: u8,
    gap: bool,
}

impl<R: BufRead> Stream<R> {
    /// For rows of these values, by name where there is a header, else in this order.
    pub fn new(reader: R, names: Vec<String>) -> Self {
        Stream { lines: reader.lines(), number: 0, names, places: None, separator: b',', gap: false }
    }

    fn fail(&self, problem: String) -> Error {
        Error::Stream { line: self.number, problem }
    }

    fn cells(&self, line: &str) -> Result<Vec<String>, Error> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(self.separator).from_reader(line.as_bytes());
        match reader.records().next() {
            Some(Ok(record)) => Ok(record.iter().map(|cell| cell.trim().to_owned()).collect()),
            Some(Err(error)) => Err(self.fail(format!("cannot be read: {error}"))),
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
        let cells = self.cells(line)?;
        if cells.iter().all(|cell| value(cell).is_some()) {
            if cells.len() != self.names.len() {
                return Err(self.fail(format!(
                    "{} values, expected {}: {}",
                    cells.len(),
                    self.names.len(),
                    self.names.join(", ")
                )));
            }
            self.places = Some((0..cells.len()).collect());
            return Ok(false);
        }
        let place = |name: &String| {
            cells.iter().position(|cell| cell == name).ok_or_else(|| {
                let hint = did_you_mean(name, cells.iter().map(String::as_str))
                    .map_or(String::new(), |found| format!(" (is it {found:?}?)"));
                self.fail(format!("no column {name:?}{hint}; expected a header with {}", self.names.join(", ")))
            })
        };
        self.places = Some(self.names.iter().map(place).collect::<Result<_, _>>()?);
        Ok(true)
    }

    fn row(&self, line: &str, places: &[usize]) -> Result<Vec<f32>, Error> {
        let cells = self.cells(line)?;
        let take = |(&place, name): (&usize, &String)| {
            let problem = || format!("{} values, and none for {name:?}", cells.len());
            let cell = cells.get(place).ok_or_else(|| Error::PassedOver { line: self.number, problem: problem() })?;
            match value(cell) {
                Some(value) => Ok(value),
                None if is_word(cell) => Ok(f32::NAN),
                None => {
                    let problem = format!("column {name:?}: {cell:?} is no number");
                    Err(Error::PassedOver { line: self.number, problem })
                }
            }
        };
        let row: Vec<f32> = places.iter().zip(&self.names).map(take).collect::<Result<_, _>>()?;
        let words = places.iter().filter(|&&place| cells.get(place).is_some_and(|cell| is_word(cell)));
        if words.count() == row.len() {
            return Err(Error::PassedOver { line: self.number, problem: "holds no number".to_owned() });
        }
        Ok(row)
    }
}

impl<R: BufRead> Iterator for Stream<R> {
    /// Whether there is a gap before it, and a row; [`Error::PassedOver`] in the place of a line that is none.
    type Item = Result<(bool, Vec<f32>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.next()?;
            self.number += 1;
            let line = match line {
                Ok(line) => line,
                Err(source) => return Some(Err(self.fail(format!("cannot be read: {source}")))),
            };
            let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
            if line.trim().is_empty() {
                self.gap = true;
                continue;
            }
            let places = match self.places.clone() {
                Some(places) => places,
                None => match self.begin(line) {
                    Ok(true) => continue,
                    Ok(false) => self.places.clone().unwrap_or_default(),
                    Err(error) => return Some(Err(error)),
                },
            };
            let row = self.row(line, &places);
            let gap = std::mem::replace(&mut self.gap, row.is_err());
            return Some(row.map(|row| (gap, row)));
        }
    }
}

/// Whether a cell says in a word that there is no number.
fn is_word(cell: &str) -> bool {
    value(cell).is_none() && !cell.contains(|c: char| c.is_ascii_digit())
}

/// The value of a cell, NaN where it has none.
fn value(cell: &str) -> Option<f32> {
    if MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing)) { Some(f32::NAN) } else { cell.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<(bool, Vec<f32>)>, String> {
        let names = vec!["a, b".to_owned(), "c".to_owned()];
        Stream::new(text.as_bytes(), names).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    #[test]
    fn rows_come_by_name_or_in_order() {
        let expected = vec![(false, vec![1.0, 2.5]), (true, vec![-3.0, 4e3])];
        assert_eq!(rows("1,2.5\n\n-3,4e3\n"), Ok(expected.clone()));
        assert_eq!(rows("c;time;a, b\r\n2.5;x;1\r\n\r\n4e3;y;-3"), Ok(expected.clone()));
        assert_eq!(rows("\u{feff}c,\"a, b\"\n2.5,1\n\n4e3,-3"), Ok(expected));
        assert!(rows("1,\n").is_ok_and(|rows| rows[0].1[1].is_nan()));
        assert_eq!(rows(""), Ok(vec![]));
    }

    #[test]
    fn rows_go_on_after_a_word_and_after_a_line_that_was_cut_off() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let read: Vec<_> = Stream::new("1,2\n3,ERR\n5\n7,8\n".as_bytes(), names).collect();
        assert!(matches!(&read[1], Ok((false, row)) if row[0] == 3.0 && row[1].is_nan()), "{:?}", read[1]);
        assert!(matches!(read[2], Err(Error::PassedOver { line: 3, .. })), "{:?}", read[2]);
        assert!(matches!(&read[3], Ok((true, row)) if row[..] == [7.0, 8.0]), "{:?}", read[3]);
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
