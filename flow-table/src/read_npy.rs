//! Reading NPY: one array, its rows in the array's first dimension; a vector is a column.

use crate::builder::{Builder, FileColumn, MOST_COLUMNS, Role, Sort};
use crate::error::{CellProblem, TableError};
use crate::npy_header::{Header, Value};
use std::io::{ErrorKind, Read};

/// Adds the rows of an NPY array to a table.
pub(crate) fn read(mut input: impl Read, path: &str, table: &mut Builder<'_>) -> Result<(), TableError> {
    let header = Header::read(&mut input).map_err(|message| shape_error(path, message))?;
    let width = match header.shape[..] {
        [_] => 1,
        [_, width] if width <= MOST_COLUMNS as u64 => width as usize,
        [_, width] => return Err(shape_error(path, format!("{width} columns; expected at most {MOST_COLUMNS}"))),
        _ => return Err(wrong_shape(path, &header)),
    };
    let rows = header.shape[0];
    if rows == 0 || width == 0 {
        return Err(TableError::NoRows { path: path.into() });
    }
    let sort = if header.number.is_time() { Sort::Other("datetime64".into()) } else { Sort::Number };
    let names = (0..width).map(|j| format!("c{j}"));
    let columns: Vec<FileColumn> = names.map(|name| FileColumn { name, sort: sort.clone() }).collect();
    let roles = table.begin(path, &columns, false)?;
    let mut values = Values::new(input, header.clone(), path);
    if header.fortran && width > 1 {
        // Column after column: the first tells that the rows are there, before memory is taken for the others.
        let first = (0..rows).map(|_| values.next()).collect::<Result<Vec<_>, _>>()?;
        let start = table.grow(path, first.len())?;
        let width = table.width();
        for j in 0..columns.len() {
            for (i, &of_first) in first.iter().enumerate() {
                let value = if j == 0 { of_first } else { values.next()? };
                if let Role::Value(to) = roles[j] {
                    table.cells(start)[i * width + to] =
                        set(table, to, value).map_err(|problem| cell(path, i, j, &columns[j].name, problem))?;
                }
            }
        }
        return values.end();
    }
    for i in 0..rows as usize {
        let start = table.grow(path, 1)?;
        for (j, role) in roles.iter().enumerate() {
            let value = values.next()?;
            if let Role::Value(to) = *role {
                let value = set(table, to, value).map_err(|problem| cell(path, i, j, &columns[j].name, problem))?;
                table.cells(start)[to] = value;
            }
        }
    }
    values.end()
}

/// A cell's value for column `to` of a table.
pub(crate) fn set(table: &mut Builder<'_>, to: usize, value: Value) -> Result<f32, CellProblem> {
    match value {
        Value::Number(value) => table.number(to, Some(value)),
        Value::Time(time) => table.number(to, time.map(|t| t as f64)),
    }
}

pub(crate) fn cell(path: &str, i: usize, j: usize, name: &str, problem: CellProblem) -> TableError {
    TableError::Value { path: path.into(), row: i + 1, column: j + 1, name: name.to_owned(), problem }
}

pub(crate) fn shape_error(path: &str, message: String) -> TableError {
    TableError::Damaged { path: path.into(), format: "NPY array", message }
}

fn wrong_shape(path: &str, header: &Header) -> TableError {
    let message = format!("is an array of shape {:?}; expected rows and columns, or one column", header.shape);
    TableError::Shape { path: path.into(), message }
}

/// The numbers of an array, one after the other.
pub(crate) struct Values<R> {
    input: R,
    header: Header,
    path: String,
    buffer: Vec<u8>,
    next: usize,
    given: u64,
}

impl<R: Read> Values<R> {
    pub(crate) fn new(input: R, header: Header, path: &str) -> Self {
        Values { input, header, path: path.to_owned(), buffer: Vec::new(), next: 0, given: 0 }
    }

    /// The next number; it is an error that there is none.
    pub(crate) fn next(&mut self) -> Result<Value, TableError> {
        let size = self.header.number.size();
        if self.next == self.buffer.len() {
            (self.next, self.buffer) = (0, self.read(64 * 1024)?);
        }
        let Some(bytes) = self.buffer.get(self.next..self.next + size) else {
            let (shape, given) = (&self.header.shape, self.given);
            return Err(shape_error(&self.path, format!("shape {shape:?}, but it ends after {given} numbers")));
        };
        self.next += size;
        self.given += 1;
        Ok(self.header.number.value(bytes))
    }

    /// Checks that nothing follows.
    pub(crate) fn end(mut self) -> Result<(), TableError> {
        if self.next < self.buffer.len() || !self.read(1)?.is_empty() {
            let message = format!("shape {:?}, but it goes on behind the last number", self.header.shape);
            return Err(shape_error(&self.path, message));
        }
        Ok(())
    }

    fn read(&mut self, most: u64) -> Result<Vec<u8>, TableError> {
        let mut bytes = Vec::new();
        match self.input.by_ref().take(most).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            // What a damaged archive says of itself.
            Err(e)
                if matches!(e.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof) =>
            {
                Err(shape_error(&self.path, e.to_string()))
            }
            Err(source) => Err(TableError::Io { path: self.path.clone(), source }),
        }
    }
}
