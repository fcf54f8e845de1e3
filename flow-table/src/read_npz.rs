//! Reading NPZ: an archive of one NPY array that is a table, or of columns of one length, named by their files.

use crate::builder::{Builder, FileColumn, Role, Sort};
use crate::error::{CellProblem, TableError};
use crate::npy_header::{Header, Value};
use crate::read_npy::{self, Values, cell, set, shape_error};
use crate::{suggest, time};
use std::io::{BufReader, Read, Seek};
use zip::ZipArchive;

/// Adds the rows of an NPZ archive to a table.
pub(crate) fn read(file: impl Read + Seek, path: &str, table: &mut Builder<'_>) -> Result<(), TableError> {
    let damaged = |error: zip::result::ZipError| TableError::Damaged {
        path: path.into(),
        format: "zip archive",
        message: error.to_string(),
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(damaged)?;
        let Some(name) = file.name().map_err(damaged)?.strip_suffix(".npy").map(str::to_owned) else { continue };
        let header = Header::read(&mut file).map_err(|m| shape_error(path, format!("{name}: {m}")));
        arrays.push((index, name, header));
    }
    if let [(index, ..)] = arrays[..] {
        return read_npy::read(archive.by_index(index).map_err(damaged)?, path, table);
    }
    if arrays.is_empty() {
        return Err(TableError::NotText {
            path: path.into(),
            what: "a zip archive or a spreadsheet",
            advice: "unpack it, or export the sheet as CSV (archives of NPY arrays are read)",
        });
    }
    let mut columns = Vec::new();
    for (index, name, header) in arrays {
        let mut values = Vec::new();
        // What is ignored need not be an array of numbers.
        if !table.ignores(&name) {
            let header = header?;
            if header.shape.len() != 1 {
                let message = format!(
                    "holds several arrays, of which {name} is of shape {:?}; expected one table, or columns of one length",
                    header.shape
                );
                return Err(TableError::Shape { path: path.into(), message });
            }
            let mut file = archive.by_index(index).map_err(damaged)?;
            let header = Header::read(&mut file).map_err(|m| shape_error(path, format!("{name}: {m}")))?;
            let rows = header.shape[0];
            let mut all = Values::new(file, header, path);
            for _ in 0..rows {
                values.push(all.next()?);
            }
            all.end()?;
        }
        columns.push((name, values));
    }
    add(path, &columns, table)
}

/// Adds columns that were read.
fn add(path: &str, columns: &[(String, Vec<Value>)], table: &mut Builder<'_>) -> Result<(), TableError> {
    let described: Vec<FileColumn> =
        columns.iter().map(|(name, values)| FileColumn { name: name.clone(), sort: sort(values) }).collect();
    let roles = table.begin(path, &described, true)?;
    let used = || columns.iter().zip(&roles).filter(|(_, role)| **role != Role::Skip).map(|(column, _)| column);
    let rows = used().next().map_or(0, |(_, values)| values.len());
    if used().any(|(_, values)| values.len() != rows) {
        let lengths: Vec<String> = used().map(|(name, values)| format!("{name} ({})", values.len())).collect();
        let message = format!(
            "its columns are of different lengths: {}; expected one table, or columns of one length",
            suggest::list(lengths.iter().map(String::as_str))
        );
        return Err(TableError::Shape { path: path.into(), message });
    }
    if rows == 0 {
        return Err(TableError::NoRows { path: path.into() });
    }
    let start = table.grow(path, rows)?;
    let width = table.width();
    for (j, ((name, values), role)) in columns.iter().zip(&roles).enumerate() {
        for (i, &value) in values.iter().enumerate() {
            let done = match *role {
                Role::Skip => Ok(()),
                Role::Time => table.time(time_of(value)),
                Role::Value(to) => set(table, to, value).map(|value| table.cells(start)[i * width + to] = value),
            };
            done.map_err(|problem| cell(path, i, j, name, problem))?;
        }
    }
    Ok(())
}

fn sort(values: &[Value]) -> Sort {
    match values.first() {
        Some(Value::Time(_)) => Sort::Stamp,
        Some(Value::Number(value)) if time::of_number(*value).is_some() => Sort::Epoch,
        _ => Sort::Number,
    }
}

fn time_of(value: Value) -> Result<i64, CellProblem> {
    match value {
        Value::Time(time) => time.ok_or_else(|| CellProblem::MissingTime("NaT".into())),
        Value::Number(value) => time::of_number(value).ok_or_else(|| time::problem(&value.to_string())),
    }
}
