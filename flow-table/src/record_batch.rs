//! Batches of typed columns, as Parquet and Arrow files hold them, added to a table.

use crate::builder::{Builder, FileColumn, Role, Sort};
use crate::error::{CellProblem, TableError};
use crate::time;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};

/// Adds the batches of one file to a table.
pub(crate) struct Batches<'b, 'o> {
    path: String,
    table: &'b mut Builder<'o>,
    roles: Option<Vec<Role>>,
    rows: usize,
}

/// The cells of a column: its value at a row that is not null.
type Cells<'a> = Box<dyn Fn(usize) -> f64 + 'a>;

impl<'b, 'o> Batches<'b, 'o> {
    pub(crate) fn new(path: &str, table: &'b mut Builder<'o>) -> Self {
        Batches { path: path.to_owned(), table, roles: None, rows: 0 }
    }

    /// Adds a batch whose columns are those of the file at `places`; `names` are those of all columns of the file, by which
    /// errors tell their number.
    pub(crate) fn add(&mut self, names: &[String], batch: &RecordBatch, places: &[usize]) -> Result<(), TableError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.roles.is_none() {
            let columns = names.iter().map(|name| FileColumn { name: name.clone(), sort: Sort::Number });
            let mut columns: Vec<FileColumn> = columns.collect();
            batch.columns().iter().zip(places).for_each(|(array, &j)| columns[j].sort = sort(array));
            self.roles = Some(self.table.begin(&self.path, &columns, true)?);
        }
        let start = self.table.grow(&self.path, batch.num_rows())?;
        let roles = self.roles.as_deref().unwrap_or_default();
        for (array, &j) in batch.columns().iter().zip(places) {
            let done = match roles[j] {
                Role::Skip => Ok(()),
                Role::Time => times(array, self.table),
                Role::Value(to) => values(array, start, to, self.table),
            };
            done.map_err(|(i, problem)| TableError::Value {
                path: self.path.clone(),
                row: self.rows + i + 1,
                column: j + 1,
                name: names[j].clone(),
                problem,
            })?;
        }
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Whether the column of this name is to be left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.table.ignores(name)
    }

    /// Checks that there were rows.
    pub(crate) fn finish(self) -> Result<(), TableError> {
        if self.rows == 0 {
            return Err(TableError::NoRows { path: self.path });
        }
        Ok(())
    }
}

/// The names of a schema's columns.
pub(crate) fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

fn values(array: &dyn Array, start: usize, to: usize, table: &mut Builder<'_>) -> Result<(), (usize, CellProblem)> {
    let other = || (0, CellProblem::Text(array.data_type().to_string(), String::new()));
    let cells = cells(array).ok_or_else(other)?;
    let width = table.width();
    for i in 0..array.len() {
        let value = (!array.is_null(i)).then(|| cells(i));
        let value = table.number(to, value).map_err(|problem| (i, problem))?;
        table.cells(start)[i * width + to] = value;
    }
    Ok(())
}

fn times(array: &dyn Array, table: &mut Builder<'_>) -> Result<(), (usize, CellProblem)> {
    for i in 0..array.len() {
        let time = match array.is_null(i) {
            true => Err(CellProblem::MissingTime("null".into())),
            false => time_at(array, i).map_err(|text| time::problem(&text)),
        };
        table.time(time).map_err(|problem| (i, problem))?;
    }
    Ok(())
}

/// What a column holds, by its type, and for text by its first value.
fn sort(array: &dyn Array) -> Sort {
    let first = (0..array.len()).find(|&i| !array.is_null(i));
    let is_time = first.is_some_and(|i| time_at(array, i).is_ok());
    match cells(array) {
        Some(_) if is_time => Sort::Epoch,
        Some(_) => Sort::Number,
        None if is_time => Sort::Stamp,
        None => Sort::Other(match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
            other => other.to_string(),
        }),
    }
}

/// The numbers of a column of numbers.
fn cells(array: &dyn Array) -> Option<Cells<'_>> {
    macro_rules! plain {
        ($type:ty) => {{
            let array = array.as_primitive_opt::<$type>()?;
            Box::new(|i| array.value(i) as f64)
        }};
    }
    macro_rules! decimal {
        ($type:ty, $scale:expr) => {{
            let (array, unit) = (array.as_primitive_opt::<$type>()?, 10f64.powi(i32::from(*$scale)));
            Box::new(move |i| array.value(i) as f64 / unit)
        }};
    }
    Some(match array.data_type() {
        DataType::Int8 => plain!(Int8Type),
        DataType::Int16 => plain!(Int16Type),
        DataType::Int32 => plain!(Int32Type),
        DataType::Int64 => plain!(Int64Type),
        DataType::UInt8 => plain!(UInt8Type),
        DataType::UInt16 => plain!(UInt16Type),
        DataType::UInt32 => plain!(UInt32Type),
        DataType::UInt64 => plain!(UInt64Type),
        DataType::Float32 => plain!(Float32Type),
        DataType::Float64 => plain!(Float64Type),
        DataType::Float16 => {
            let array = array.as_primitive_opt::<Float16Type>()?;
            Box::new(|i| array.value(i).to_f64())
        }
        DataType::Decimal32(_, scale) => decimal!(Decimal32Type, scale),
        DataType::Decimal64(_, scale) => decimal!(Decimal64Type, scale),
        DataType::Decimal128(_, scale) => decimal!(Decimal128Type, scale),
        DataType::Boolean => {
            let array = array.as_boolean_opt()?;
            Box::new(|i| f64::from(u8::from(array.value(i))))
        }
        _ => return None,
    })
}

/// The time in a cell, or its text if it is none.
fn time_at(array: &dyn Array, i: usize) -> Result<i64, String> {
    let text = |text: &str| time::parse(text).ok_or_else(|| text.to_owned());
    let scaled = |value: i64, factor: i64| value.checked_mul(factor).ok_or_else(|| value.to_string());
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            scaled(array.as_primitive::<TimestampSecondType>().value(i), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            scaled(array.as_primitive::<TimestampMillisecondType>().value(i), 1000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => Ok(array.as_primitive::<TimestampMicrosecondType>().value(i)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Ok(array.as_primitive::<TimestampNanosecondType>().value(i).div_euclid(1000))
        }
        DataType::Date32 => scaled(array.as_primitive::<Date32Type>().value(i).into(), 86_400_000_000),
        DataType::Date64 => scaled(array.as_primitive::<Date64Type>().value(i), 1000),
        DataType::Utf8 => text(array.as_string::<i32>().value(i)),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(i)),
        DataType::Utf8View => text(array.as_string_view().value(i)),
        _ => {
            let value = cells(array).map(|cells| cells(i));
            value.and_then(time::of_number).ok_or_else(|| value.map_or(String::new(), |v| v.to_string()))
        }
    }
}
