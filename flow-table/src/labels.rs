//! Labels beside a table: one 0 or 1 a row, 1 for an anomaly.

use crate::error::{CellProblem, TableError};
use crate::number::Cell;
use crate::read_csv::is_header;
use crate::records::Records;

/// Reads the labels of a table of `rows` rows; a header is allowed. `true` is an anomaly.
///
/// # Errors
/// A file that cannot be read, another number of labels than `rows`, or a cell that is neither 0 nor 1.
pub fn read_labels(path: &str, rows: usize) -> Result<Vec<bool>, TableError> {
    from_records(Records::open(path)?, rows)
}

fn from_records(mut records: Records<'_>, rows: usize) -> Result<Vec<bool>, TableError> {
    let (mut labels, mut name, mut first) = (Vec::new(), "label".to_owned(), true);
    while records.next()? {
        let cell = match records.record.len() {
            1 => records.record[0].trim(),
            found => return Err(TableError::LabelColumns { path: records.path, found }),
        };
        if std::mem::take(&mut first) && is_header(&records.record) {
            name = cell.to_owned();
            continue;
        }
        labels.push(match Cell::of(cell) {
            Cell::Number(0.0) => false,
            Cell::Number(1.0) => true,
            _ => {
                let problem = CellProblem::NotALabel(cell.chars().take(40).collect());
                return Err(TableError::Cell { path: records.path, line: records.line, column: 1, name, problem });
            }
        });
    }
    if labels.len() != rows {
        return Err(TableError::LabelCount { path: records.path, found: labels.len(), expected: rows });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, rows: usize) -> Result<Vec<bool>, String> {
        from_records(Records::new(text.as_bytes(), "l.csv").unwrap(), rows).map_err(|e| e.to_string())
    }

    #[test]
    fn labels_with_and_without_header() {
        assert_eq!(read("0\n1\r\n0.0\n", 3).unwrap(), [false, true, false]);
        assert!(read("0\r\n2\r\n", 2).unwrap_err().contains("column 1 (label): \"2\" is"));
        assert_eq!(read("anomaly\n1\n", 1).unwrap(), [true]);
    }

    #[test]
    fn wrong_labels_are_reported() {
        assert_eq!(
            read("0\n2\n", 2).unwrap_err(),
            "l.csv, line 2, column 1 (label): \"2\" is not a label; expected 0 (normal) or 1 (anomaly)"
        );
        assert!(read("0\n1\n", 3).unwrap_err().contains("has 2 labels; expected 3"));
        assert!(read("", 3).unwrap_err().contains("has 0 labels"));
        assert!(read("0,1\n", 1).unwrap_err().contains("has 2 columns"));
    }
}
