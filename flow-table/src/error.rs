//! What can be wrong with a table, said so that its owner can mend it: file, line, column, what was found, what to do.

use std::fmt;

/// A table, or a file of labels, that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no such file.
    #[error("{path}: no such file; check the path (relative paths start at {folder})")]
    Missing {
        /// The path as given.
        path: String,
        /// The current folder.
        folder: String,
    },
    /// A folder was given.
    #[error("{path}: is a folder; expected a file")]
    Directory {
        /// The path as given.
        path: String,
    },
    /// The operating system could not read the file.
    #[error("{path}: cannot be read: {source}")]
    Io {
        /// The path as given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A compressed file that ends early or is damaged.
    #[error("{path}: damaged gzip file after line {line} ({message}); copy it again, or test it with `gzip -t`")]
    Gzip {
        /// The path as given.
        path: String,
        /// Lines that could still be read.
        line: usize,
        /// What the decoder said.
        message: String,
    },
    /// Not a text table at all.
    #[error("{path}: is {what}; expected CSV text: {advice}")]
    NotText {
        /// The path as given.
        path: String,
        /// What it seems to be.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Text in another encoding.
    #[error("{path}, line {line}, column {column}: is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Number of the column, from 1.
        column: usize,
    },
    /// No line at all.
    #[error("{path}: is empty; expected rows of numbers")]
    Empty {
        /// The path as given.
        path: String,
    },
    /// A header and nothing below it.
    #[error("{path}: holds a header but no row; expected rows of numbers below it")]
    HeaderOnly {
        /// The path as given.
        path: String,
    },
    /// A line of words between the header and the rows.
    #[error("{path}, line {line}: holds words and no number, as a line of units does; remove it")]
    WordsBelowHeader {
        /// The path as given.
        path: String,
        /// The line.
        line: usize,
    },
    /// Two columns of one name.
    #[error("{path}: columns {first} and {second} are both named {name:?}; rename one of them in the header")]
    DuplicateName {
        /// The path as given.
        path: String,
        /// The name.
        name: String,
        /// Number of the first column, from 1.
        first: usize,
        /// Number of the second column, from 1.
        second: usize,
    },
    /// A line with another number of cells than the first.
    #[error(
        "{path}, line {line}: expected {expected} cells as in the first line, found {found} (separator: {separator})"
    )]
    Ragged {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Cells in this line.
        found: usize,
        /// Cells in the first line.
        expected: usize,
        /// The detected separator.
        separator: &'static str,
    },
    /// A blank line with rows below it.
    #[error("{path}, line {line}: is blank, with rows below it; expected a row: remove the line or fill its cells")]
    BlankLine {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// A quoted cell that never ends.
    #[error("{path}, line {line}: a quoted cell begins here and never ends; add the closing quote")]
    OpenQuote {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// A record of absurd length.
    #[error("{path}, line {line}: is longer than {limit} bytes; expected a table with one row a line")]
    LongLine {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// A cell that is not a finite number.
    #[error("{path}, line {line}, column {column} ({name}): {problem}")]
    Cell {
        /// The path as given.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Number of the column, from 1.
        column: usize,
        /// Name of the column.
        name: String,
        /// What is wrong with it.
        problem: CellProblem,
    },
    /// A cell of a typed file, or of an array, that is not a finite number.
    #[error("{path}, row {row}, column {column} ({name}): {problem}")]
    Value {
        /// The path as given.
        path: String,
        /// Row, from 1.
        row: usize,
        /// Number of the column, from 1.
        column: usize,
        /// Name of the column.
        name: String,
        /// What is wrong with it.
        problem: CellProblem,
    },
    /// A column of a type that no number is.
    #[error(
        "{path}, column {column} ({name}): is of type {found}; expected numbers: convert it, or leave it out with \
        --column {name}:ignore"
    )]
    ColumnType {
        /// The path as given.
        path: String,
        /// Number of the column, from 1.
        column: usize,
        /// Name of the column.
        name: String,
        /// Its type, as its format calls it.
        found: String,
    },
    /// A file of other columns than the first of several files.
    #[error("{path}: has other columns than {first}: {differences}")]
    OtherColumns {
        /// The path as given.
        path: String,
        /// The first file.
        first: String,
        /// What differs.
        differences: String,
    },
    /// Nothing but a column of times.
    #[error("{path}: its only column, {name:?}, holds times, which are not modelled; expected numbers beside them")]
    OnlyTime {
        /// The path as given.
        path: String,
        /// Name of the column.
        name: String,
    },
    /// Columns and no row.
    #[error("{path}: holds columns but no row; expected rows of numbers")]
    NoRows {
        /// The path as given.
        path: String,
    },
    /// A damaged or truncated file.
    #[error("{path}: damaged or truncated {format} ({message}); copy it again, or write it again")]
    Damaged {
        /// The path as given.
        path: String,
        /// The format's name.
        format: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A folder without a table.
    #[error("{path}: is a folder without a file to read; expected files ending in {endings}{passed}")]
    EmptyFolder {
        /// The path as given.
        path: String,
        /// Endings of names that are looked for.
        endings: String,
        /// What was passed over, if anything.
        passed: String,
    },
    /// A file that did not stay as it was.
    #[error("{path}: {how} while it was read; read a copy that stays as it is")]
    Changed {
        /// The path as given.
        path: String,
        /// What happened to it.
        how: &'static str,
    },
    /// A missing value, and no other to fill it with.
    #[error(
        "{path}, column {name:?}: there is no value to fill the missing ones with; leave the column out with \
        --column {name}:ignore, or name a value"
    )]
    NothingToFill {
        /// The path as given.
        path: String,
        /// Name of the column.
        name: String,
    },
    /// A column was named that the table does not have.
    #[error("{path}: has no column {name:?}{hint}; its columns are {columns}")]
    UnknownColumn {
        /// The path as given.
        path: String,
        /// The name asked for.
        name: String,
        /// ", did you mean …?", or nothing.
        hint: String,
        /// The columns there are.
        columns: String,
    },
    /// Every column was to be ignored.
    #[error("{path}: all {columns} columns are ignored; keep at least one")]
    NothingLeft {
        /// The path as given.
        path: String,
        /// Columns in the file.
        columns: usize,
    },
    /// The rows do not fit into memory.
    #[error("{path}: memory is exhausted after {rows} rows; use fewer rows or columns")]
    Memory {
        /// The path as given.
        path: String,
        /// Rows read.
        rows: usize,
    },
    /// Another number of columns than expected.
    #[error("{path}: the model was trained on other columns: expected {expected} ({names}), found {found}")]
    ColumnCount {
        /// The path as given.
        path: String,
        /// Columns of the table.
        found: usize,
        /// Columns of the model.
        expected: usize,
        /// Names of the model's columns.
        names: String,
    },
    /// Other columns than expected.
    #[error("{path}: is not a table of the model's columns: {differences}")]
    ColumnNames {
        /// The path as given.
        path: String,
        /// Missing and unexpected names.
        differences: String,
    },
    /// A file of labels for another number of rows.
    #[error("{path}: has {found} labels; expected {expected}, one for each row of the data")]
    LabelCount {
        /// The path as given.
        path: String,
        /// Labels in the file.
        found: usize,
        /// Rows of the data.
        expected: usize,
    },
    /// A file of labels with several columns.
    #[error("{path}: has {found} columns; expected one label a row, 0 (normal) or 1 (anomaly)")]
    LabelColumns {
        /// The path as given.
        path: String,
        /// Columns in the file.
        found: usize,
    },
    /// Values that do not make a table.
    #[error("{path}: {message}")]
    Shape {
        /// Where the values come from.
        path: String,
        /// What is wrong and what was expected.
        message: String,
    },
}

/// What is wrong with one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellProblem {
    /// Nothing, or a word for nothing.
    Missing(String),
    /// NaN or infinity, spelled out.
    NotFinite(String),
    /// Larger than the largest single-precision number.
    TooLarge(String),
    /// A number with a decimal comma.
    DecimalComma(String),
    /// Text; the name is the column's, for the advice.
    Text(String, String),
    /// Not 0 or 1 where a label was expected.
    NotALabel(String),
    /// No time in a column of times.
    NotATime(String),
    /// Nothing in a column of times, or a word for nothing.
    MissingTime(String),
}

impl CellProblem {
    /// Whether the cell holds nothing, or NaN: a missing value. A missing time is none, as nothing can be put in its place.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::NotFinite(text) => text.trim_start_matches(['+', '-']).eq_ignore_ascii_case("nan"),
            _ => false,
        }
    }
}

impl TableError {
    /// Whether a missing value is what is wrong.
    pub fn is_missing_value(&self) -> bool {
        matches!(self, Self::Cell { problem, .. } | Self::Value { problem, .. } if problem.is_missing())
    }
}

impl fmt::Display for CellProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(text) if text.is_empty() => {
                f.write_str("is missing; expected a number: fill the cell or remove the row")
            }
            Self::Missing(text) => write!(f, "is missing ({text}); expected a number: fill the cell or remove the row"),
            Self::NotFinite(text) => write!(f, "is {text}; expected a finite number: fill the cell or remove the row"),
            Self::TooLarge(text) => {
                write!(f, "{text} is too large; expected at most {:e}: use a larger unit for this column", f32::MAX)
            }
            Self::DecimalComma(text) => {
                write!(
                    f,
                    "{text:?} has a decimal comma; expected a decimal point, as in {:?}: turn the file's decimal commas into \
                     points (its fields stay apart by semicolons)",
                    text.replace(',', ".")
                )
            }
            Self::Text(text, name) => {
                let like_a_time = text.starts_with(|c: char| c.is_ascii_digit()) && text.contains([':', '/']);
                let times = if like_a_time { "write times as 2024-05-01T12:00:00; " } else { "" };
                write!(
                    f,
                    "{text:?} is not a number; {times}empty the cell where its value is missing, and leave a column of text out: \
                     --column {name}:ignore"
                )
            }
            Self::NotATime(text) => write!(
                f,
                "{text:?} is no time, as the column's first value is; write it as 2024-05-01T12:00:00, or leave the \
                 column out: --column NAME:ignore"
            ),
            Self::MissingTime(text) => {
                let word = if text.is_empty() { String::new() } else { format!(" ({text})") };
                write!(
                    f,
                    "is missing{word}; expected a time: write it, or leave out the row (flow-trainer does with --missing drop)"
                )
            }
            Self::NotALabel(text) => write!(f, "{text:?} is not a label; expected 0 (normal) or 1 (anomaly)"),
        }
    }
}
