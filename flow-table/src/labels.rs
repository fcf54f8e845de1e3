//! Labels beside a table: one 0 or 1 a row, 1 for an anomaly.

use crate::error::{CellProblem, TableError};
use crate::number::Cell;
use crate::read_csv::is_header;
use crate::records::{Record, Records};

/// Reads the labels of a table of `rows` rows; a header is allowed. `true` is an anomaly.
///
/// # Errors
/// A file that cannot be read, another number of labels than `rows`, or a cell that is neither 0 nor 1.
pub fn read_labels(path: &str, rows: usize) -> Result<Vec<bool>, TableError> {
    from_records(Records::open(path)?, if path == "-" { "standard input" } else { path }, rows)
}

fn from_records(mut records: Records<'_>, path: &str, rows: usize) -> Result<Vec<bool>, TableError> {
    let (mut record, mut labels, mut name) = (Record::default(), Vec::new(), "label".to_owned());
    let mut first = true;
    while records.next(&mut record)? {
        if record.len() != 1 {
            return Err(TableError::LabelColumns { path: path.into(), found: record.len() });
        }
        let cell = record.cells().next().unwrap_or_default();
        if std::mem::take(&mut first) && is_header(&record) {
            name = cell.trim().to_owned();
            continue;
        }
        labels.push(match Cell::of(cell) {
            Cell::Number(0.0) => false,
            Cell::Number(1.0) => true,
            _ => {
                let problem = CellProblem::NotALabel(cell.chars().take(40).collect());
                return Err(TableError::Cell { path: path.into(), line: record.line, column: 1, name, problem });
            }
        });
    }
    if labels.len() != rows {
        return Err(TableError::LabelCount { path: path.into(), found: labels.len(), expected: rows });
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, rows: usize) -> Result<Vec<bool>, String> {
        from_records(Records::new(text.as_bytes(), "l.csv").unwrap(), "l.csv", rows).map_err(|e| e.to_string())
    }

    #[test]
    fn labels_with_and_without_header() {
        assert_eq!(read("0\n1\r\n0.0\n", 3).unwrap(), [false, true, false]);
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
