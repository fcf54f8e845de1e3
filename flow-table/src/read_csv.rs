//! Reading CSV as people have it: with or without a header; comma, semicolon, tab, bar or spaces; quotes; CRLF; a byte
//! order mark; gzip, known by its first bytes.
//!
//! The first line is a header if one of its cells is text, unless all its text looks like time stamps (begins with a
//! digit) beside numbers. `nan`, `inf` and empty cells are not text. A header's leading `#` is dropped.

use crate::builder::{Builder, FileColumn, Role, Sort, time_column};
use crate::delimiter;
use crate::error::{CellProblem, TableError};
use crate::number::{self, Cell};
use crate::records::Records;
use crate::time;
use csv::StringRecord;

/// Adds the rows of a CSV stream to a table.
pub(crate) fn read(mut records: Records<'_>, table: &mut Builder<'_>) -> Result<(), TableError> {
    let source = records.path.clone();
    let path = || source.clone();
    if !records.next()? {
        return Err(TableError::Empty { path: path() });
    }
    let header = is_header(&records.record);
    let names = header_names(&records.record, header);
    let mut more = if header { records.next()? } else { true };
    if !more {
        return Err(TableError::HeaderOnly { path: path() });
    }
    if header && is_of_words(&records.record) {
        return Err(TableError::WordsBelowHeader { path: path(), line: records.line });
    }
    let sort = |j| records.record.get(j).map_or(Sort::Number, sort);
    let columns: Vec<FileColumn> =
        names.iter().enumerate().map(|(j, name)| FileColumn { name: name.clone(), sort: sort(j) }).collect();
    let roles = table.begin(&source, &columns, header)?;
    while more {
        let (record, line) = (&records.record, records.line);
        if record.len() != names.len() {
            return Err(TableError::Ragged {
                path: path(),
                line,
                found: record.len(),
                expected: names.len(),
                separator: delimiter::name(records.delimiter),
            });
        }
        let start = table.grow(&source, 1)?;
        for (j, (cell, role)) in record.iter().zip(&roles).enumerate() {
            let done = match *role {
                Role::Skip => Ok(()),
                Role::Time => table.time(time_of(cell)),
                Role::Value(to) => number::parse(cell, &names[j])
                    .or_else(|problem| table.mended(to, problem))
                    .map(|value| table.cells(start)[to] = value),
            };
            done.map_err(|problem| {
                let (column, name) = (j + 1, names[j].clone());
                TableError::Cell { path: path(), line, column, name, problem }
            })?;
        }
        more = records.next()?;
    }
    Ok(())
}

/// Which cell of a CSV's first row says when the row was taken, as [`Table::read`](crate::Table::read) finds it: the one of a
/// column named like a time that holds a time, else the first that holds one as text. None of the columns `keep` is it.
///
/// ```
/// let owned = |cells: [&str; 3]| cells.map(str::to_owned);
/// let row = owned(["1714564800", "2024-05-01T12:00:00Z", "7"]);
/// assert_eq!(flow_table::time_cell(&owned(["c0", "c1", "c2"]), &row, &[]), Some(1));
/// assert_eq!(flow_table::time_cell(&owned(["time", "end", "a"]), &row, &[]), Some(0));
/// ```
pub fn time_cell(names: &[String], row: &[String], keep: &[String]) -> Option<usize> {
    let column = |(name, cell): (&String, &String)| FileColumn { name: name.clone(), sort: sort(cell) };
    let columns: Vec<FileColumn> = names.iter().zip(row).map(column).collect();
    let all: Vec<usize> = (0..columns.len()).collect();
    time_column(&columns, &all, keep)
}

/// Whether a record has several cells, words and nothing else.
fn is_of_words(record: &StringRecord) -> bool {
    let is_word = |cell: &str| Cell::of(cell) == Cell::Text && !cell.trim().starts_with(|c: char| c.is_ascii_digit());
    record.len() > 1 && record.iter().all(is_word)
}

/// What a column seems to hold by the cell in its first row.
fn sort(cell: &str) -> Sort {
    match Cell::of(cell) {
        Cell::Text if time::parse(cell).is_some() => Sort::Stamp,
        Cell::Number(_) if epoch(cell).is_some() => Sort::Epoch,
        _ => Sort::Number,
    }
}

fn epoch(cell: &str) -> Option<i64> {
    time::of_number(cell.trim().parse().ok()?)
}

fn time_of(cell: &str) -> Result<i64, CellProblem> {
    time::parse(cell).or_else(|| epoch(cell)).ok_or_else(|| time::problem(cell))
}

pub(crate) fn is_header(first: &StringRecord) -> bool {
    let (mut text, mut stamps, mut numbers) = (0, 0, 0);
    for cell in first {
        match Cell::of(cell) {
            Cell::Text => {
                text += 1;
                stamps += usize::from(cell.trim().starts_with(|c: char| c.is_ascii_digit()));
            }
            Cell::Number(_) | Cell::TooLarge => numbers += 1,
            Cell::Missing | Cell::NotFinite => {}
        }
    }
    text > 0 && !(stamps == text && numbers > 0)
}

/// The names in the first record, or `c0`, `c1`, … for cells without one.
fn header_names(first: &StringRecord, header: bool) -> Vec<String> {
    let name = |(j, cell): (usize, &str)| {
        let cell = if j == 0 { cell.trim_start_matches('#') } else { cell };
        match cell.trim() {
            name if header && !name.is_empty() => name.to_owned(),
            _ => format!("c{j}"),
        }
    };
    first.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReadOptions, Table};
    use proptest::prelude::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Table, TableError> {
        Table::from_reader(bytes, "test.csv", &ReadOptions::default())
    }

    fn message(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn headers_are_recognised() {
        let names = |text: &str| read(text.as_bytes()).unwrap().names().join("|");
        assert_eq!(names("a,b\n1,2"), "a|b");
        assert_eq!(names("1,2\n3,4"), "c0|c1");
        assert_eq!(names("\"flow, l/s\"\tp\n1\t2"), "flow, l/s|p");
        assert_eq!(names(",b\n1,2"), "c0|b");
        assert_eq!(names("# x y\n1 2".replace("# x", "#x").as_str()), "x|y");
        assert_eq!(names("a 1,b 2\n1,2"), "a 1|b 2");
        assert!(read(b"1,2").unwrap().rows() == 1);
        assert!(!read(b"1,2").unwrap().header());
    }

    #[test]
    fn a_first_row_of_nan_is_not_a_header() {
        assert!(message("nan,1\n2,3").contains("line 1, column 1 (c0): is nan"), "{}", message("nan,1\n2,3"));
        assert!(message("1,inf\n2,3").contains("line 1, column 2 (c1): is inf"));
        assert!(message(",1\n2,3").contains("line 1, column 1 (c0): is missing"));
        assert!(!read(b"2013-12-02 21:15:00,7\n2013-12-02 21:20:00,8").unwrap().header());
    }

    #[test]
    fn bad_cells_name_line_and_column() {
        assert_eq!(
            message("time,a,b\nUTC,mm/s,%\n2024-05-01 12:00:00,1,2\n"),
            "test.csv, line 2: holds words and no number, as a line of units does; remove it"
        );
        assert!(message("a,b\n1,2\n3,x y\n").starts_with("test.csv, line 3, column 2 (b): \"x y\" is not a number"));
        assert!(message("a,b\n1,2\n3,\n").starts_with("test.csv, line 3, column 2 (b): is missing;"));
        assert!(
            message("a,b\n1,2\n3\n").starts_with("test.csv, line 3: expected 2 cells as in the first line, found 1")
        );
        assert!(message("a;b\n1;2\n3;4,5\n").contains("decimal comma"));
        assert!(message("a,b\n1,1e300\n").contains("too large"));
        assert!(message("a\n1\n\n2\n").contains("line 3: is blank"));
        assert!(message("a,b,a\n1,2,3\n").contains("columns 1 and 3 are both named \"a\""));
        let beside_times = message("time,a,b,a\n2024-05-01,1,2,3\n");
        assert!(beside_times.contains("columns 2 and 4 are both named \"a\""), "{beside_times}");
    }

    #[test]
    fn files_without_rows() {
        assert!(message("").contains("is empty"));
        assert!(message("\r\n\r\n").contains("is empty"));
        assert!(message("a,b\n\n").contains("a header but no row"));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        assert!(matches!(Table::read(&path("none.csv")), Err(TableError::Missing { .. })));
        assert!(matches!(Table::read(&path("")), Err(TableError::EmptyFolder { .. })));
        std::fs::write(path("a.csv"), "a\n1\n").unwrap();
        assert_eq!(Table::read(&path("a.csv")).unwrap().source(), path("a.csv"));
    }

    #[test]
    fn gzip_is_known_by_its_bytes() {
        let whole = gzip("a,b\n1,2\n3,4\n");
        assert_eq!(read(&whole).unwrap().values(), [1.0, 2.0, 3.0, 4.0]);
        for end in 2..whole.len() {
            assert!(matches!(read(&whole[..end]), Err(TableError::Gzip { .. })), "cut at {end}");
        }
        let mut damaged = whole;
        damaged[14] ^= 0xff;
        assert!(read(&damaged).is_err());
    }

    #[test]
    fn ignored_columns_are_not_parsed() {
        let ignore = |name: &str| ReadOptions { ignore: vec![name.into()], ..ReadOptions::default() };
        let text = b"2013-12-02 21:15:00,7\n2013-12-02 21:20:00,8\n";
        let table = Table::from_reader(&text[..], "t", &ignore("c0")).unwrap();
        assert_eq!((table.names()[0].as_str(), table.values()), ("c1", &[7.0, 8.0][..]));
        let error = Table::from_reader(&b"time,p\nx,1\n"[..], "t", &ignore("tme")).unwrap_err();
        assert_eq!(error.to_string(), "t: has no column \"tme\", did you mean \"time\"?; its columns are time, p");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_near_table_is_read_or_refused(text in "[-0-9.,;\t\" \r\n|ax\u{e9}]{0,120}") {
            if let Ok(table) = read(text.as_bytes()) {
                prop_assert!(table.values().iter().all(|v| v.is_finite()));
                prop_assert_eq!(table.values().len(), table.rows() * table.columns());
            }
        }

        #[test]
        fn a_written_table_reads_back_bit_equal(
            names in proptest::collection::btree_set("[a-z][a-z0-9 ,;\"|\t\n\u{e9}-]{0,9}x|[0-9]{1,3}", 1..5),
            rows in 1usize..8,
            bits in proptest::collection::vec(any::<u32>(), 32),
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let finite = |b: &u32| Some(f32::from_bits(*b)).filter(|v| v.is_finite()).unwrap_or(-0.0);
            let rows: Vec<Vec<f32>> =
                (0..rows).map(|i| (0..names.len()).map(|j| finite(&bits[(i * 4 + j) % 32])).collect()).collect();
            let mut text = Vec::new();
            crate::write_csv(&mut text, &names, &rows).unwrap();
            let back = read(&text).unwrap();
            prop_assert_eq!(back.names(), &names[..]);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(back.values()), bits(&rows.concat()));
        }
    }
}
