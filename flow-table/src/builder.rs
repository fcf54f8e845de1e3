//! A table as it grows, row after row, out of one file or several of the same columns.

use crate::error::{CellProblem, TableError};
use crate::files::Files;
use crate::missing::{Missing, mend};
use crate::read::ReadOptions;
use crate::suggest;
use crate::table::{Table, check_names};
use crate::time::{TimeColumn, is_name_of_time};
use std::collections::{HashMap, HashSet};

/// More columns are no table of sensor data; files that claim them are refused.
pub(crate) const MOST_COLUMNS: usize = 10_000;

/// A column as a file has it.
pub(crate) struct FileColumn {
    pub(crate) name: String,
    pub(crate) sort: Sort,
}

/// What a column of a file holds, judged from its type or its first row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sort {
    /// Numbers, or what is looked at cell by cell.
    Number,
    /// Numbers that are times where the column's name says so.
    Epoch,
    /// Times.
    Stamp,
    /// Of a type that no number is, by its name.
    Other(String),
}

/// What becomes of a file's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Left out.
    Skip,
    /// It is the table's column of this index.
    Value(usize),
    /// It says when a row was taken.
    Time,
}

/// A table as it grows.
pub(crate) struct Builder<'a> {
    options: &'a ReadOptions,
    /// Files to be read, where it is known.
    files: usize,
    first: Option<String>,
    header: bool,
    names: Vec<String>,
    time: Option<TimeColumn>,
    values: Vec<f32>,
    missing: Vec<usize>,
    /// The rows with which further files begin.
    rows_of: Files,
    /// Rows without a time, which are to be left out.
    timeless: Vec<usize>,
    ignored: Vec<String>,
    file_names: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(options: &'a ReadOptions, files: usize) -> Self {
        Builder {
            options,
            files,
            first: None,
            header: false,
            names: Vec::new(),
            time: None,
            values: Vec::new(),
            missing: Vec::new(),
            rows_of: Files::default(),
            timeless: Vec::new(),
            ignored: Vec::new(),
            file_names: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether the column of this name is to be left out.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.options.ignore.iter().any(|n| n == name)
    }

    /// Takes up a file of these columns and says what becomes of each.
    pub(crate) fn begin(&mut self, path: &str, columns: &[FileColumn], header: bool) -> Result<Vec<Role>, TableError> {
        self.rows_of.paths.push(path.to_owned());
        let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
        if names.len() > MOST_COLUMNS {
            let message = format!("has {} columns; expected at most {MOST_COLUMNS}", names.len());
            return Err(TableError::Shape { path: path.into(), message });
        }
        for name in names.iter().filter(|name| self.options.ignore.contains(name)) {
            if !self.ignored.contains(name) {
                self.ignored.push(name.clone());
            }
        }
        if self.first.is_none() {
            self.file_names = names.clone();
        }
        if self.files == 1 {
            self.check_ignored(path)?;
        }
        let kept: Vec<usize> = (0..names.len()).filter(|&j| !self.ignores(&names[j])).collect();
        if kept.is_empty() {
            return Err(TableError::NothingLeft { path: path.into(), columns: names.len() });
        }
        let time = match (&self.first, &self.time) {
            (None, _) => time_column(columns, &kept, &self.options.keep),
            (Some(_), Some(time)) => kept.iter().copied().find(|&j| names[j] == time.name),
            (Some(_), None) => None,
        };
        let valued: Vec<usize> = kept.into_iter().filter(|&j| Some(j) != time).collect();
        check_names(path, valued.iter().map(|&j| (j, &names[j])))?;
        let own: Vec<String> = valued.iter().map(|&j| names[j].clone()).collect();
        match &self.first {
            None => {
                if own.is_empty() {
                    let name = time.map(|j| names[j].clone()).unwrap_or_default();
                    return Err(TableError::OnlyTime { path: path.into(), name });
                }
                self.time = time.map(|j| TimeColumn { name: names[j].clone(), times: Vec::new() });
                self.missing = vec![0; own.len()];
                (self.first, self.header, self.names) = (Some(path.to_owned()), header, own);
            }
            Some(first) => {
                self.rows_of.begins.push(self.values.len() / self.names.len());
                let fail = |differences| {
                    Err(TableError::OtherColumns { path: path.into(), first: first.clone(), differences })
                };
                if header != self.header {
                    let which = if header { "it has a header, the other has none" } else { "it has no header" };
                    return fail(which.to_owned());
                }
                if let Some(time) = self.time.as_ref().filter(|_| time.is_none()) {
                    return fail(format!("missing: {:?}, the time", time.name));
                }
                if let Some(differences) = differences(&self.names, &own) {
                    return fail(differences);
                }
            }
        }
        for &j in &valued {
            let found = match &columns[j].sort {
                Sort::Other(found) => found.clone(),
                Sort::Stamp => "time, and not that of the rows".to_owned(),
                Sort::Number | Sort::Epoch => continue,
            };
            return Err(TableError::ColumnType { path: path.into(), column: j + 1, name: names[j].clone(), found });
        }
        let places: HashMap<&str, usize> = self.names.iter().enumerate().map(|(j, n)| (n.as_str(), j)).collect();
        let mut roles = vec![Role::Skip; names.len()];
        valued.iter().for_each(|&j| roles[j] = Role::Value(places[names[j].as_str()]));
        time.into_iter().for_each(|j| roles[j] = Role::Time);
        Ok(roles)
    }

    /// Adds `rows` rows of missing values, to be set by [`Builder::cells`], and returns where they begin.
    pub(crate) fn grow(&mut self, path: &str, rows: usize) -> Result<usize, TableError> {
        let (start, width) = (self.values.len(), self.names.len());
        let memory = |_| TableError::Memory { path: path.into(), rows: start / width };
        let more = rows.saturating_mul(width);
        self.values.try_reserve(more).map_err(memory)?;
        self.values.resize(start + more, f32::NAN);
        if let Some(time) = &mut self.time {
            time.times.try_reserve(rows).map_err(memory)?;
        }
        Ok(start)
    }

    /// The values from `start` on, row after row.
    pub(crate) fn cells(&mut self, start: usize) -> &mut [f32] {
        &mut self.values[start..]
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.names.len()
    }

    /// The value in place of a cell of column `j` that has a problem, if it is one that is to be mended.
    pub(crate) fn mended(&mut self, j: usize, problem: CellProblem) -> Result<f32, CellProblem> {
        if self.options.missing != Missing::Refuse && problem.is_missing() {
            self.missing[j] += 1;
            return Ok(f32::NAN);
        }
        Err(problem)
    }

    /// A cell of column `j` of a typed file; `None` is a null.
    pub(crate) fn number(&mut self, j: usize, value: Option<f64>) -> Result<f32, CellProblem> {
        let Some(value) = value else { return self.mended(j, CellProblem::Missing("null".into())) };
        let single = value as f32;
        if single.is_finite() {
            return Ok(single);
        }
        match value.is_finite() {
            true => Err(CellProblem::TooLarge(format!("{value:e}"))),
            false => self.mended(j, CellProblem::NotFinite(value.to_string())),
        }
    }

    /// The time of the next row, in microseconds. A row without one is left out or refused: no other has its time.
    pub(crate) fn time(&mut self, time: Result<i64, CellProblem>) -> Result<(), CellProblem> {
        let Some(column) = &mut self.time else { return Ok(()) };
        let time = match time {
            Err(CellProblem::MissingTime(_)) if self.options.missing == Missing::Drop => {
                self.timeless.push(column.times.len());
                0
            }
            other => other?,
        };
        column.times.push(time);
        Ok(())
    }

    /// The table, once all files are read.
    pub(crate) fn finish(mut self, source: String) -> Result<Table, TableError> {
        self.check_ignored(&source)?;
        let time = self.time.as_ref().map(|time| (time.name.as_str(), self.timeless.as_slice()));
        let mended = mend(&source, &self.names, &mut self.values, &self.missing, time, &self.options.missing)?;
        self.values.shrink_to_fit();
        if let Some(time) = &mut self.time {
            let mut dropped = mended.dropped.iter().peekable();
            let mut i = 0;
            time.times.retain(|_| {
                i += 1;
                dropped.next_if(|d| **d == i - 1).is_none()
            });
        }
        let mut notes = self.notes;
        notes.extend(self.time.iter().map(|time| format!("time: {time}")));
        notes.extend(mended.notes.iter().cloned());
        let kept = self.options.missing == Missing::Keep;
        let table = Table::of_parts(source, self.names, self.header, self.values, kept)?;
        Ok(table.with_extras(self.time, mended, notes).of_files(self.rows_of))
    }

    fn check_ignored(&self, path: &str) -> Result<(), TableError> {
        let unknown = self.options.ignore.iter().find(|name| !self.ignored.contains(name));
        let columns = || self.file_names.iter().map(String::as_str);
        match unknown {
            Some(name) => Err(TableError::UnknownColumn {
                path: path.into(),
                name: name.clone(),
                hint: suggest::hint(name, columns()),
                columns: suggest::list(columns()),
            }),
            None => Ok(()),
        }
    }
}

/// The column that says when each row was taken: one named like a time that holds times, else the first that holds times.
pub(crate) fn time_column(columns: &[FileColumn], candidates: &[usize], keep: &[String]) -> Option<usize> {
    let mut free = candidates.iter().copied().filter(|&j| !keep.contains(&columns[j].name));
    let named = |j: &usize| is_name_of_time(&columns[*j].name) && matches!(columns[*j].sort, Sort::Stamp | Sort::Epoch);
    free.clone().find(named).or_else(|| free.find(|&j| columns[j].sort == Sort::Stamp))
}

/// How the columns of a file differ from those of the first, order apart.
fn differences(expected: &[String], found: &[String]) -> Option<String> {
    let quoted = |names: Vec<&String>| {
        let quoted: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
        suggest::list(quoted.iter().map(String::as_str))
    };
    let (here, there): (HashSet<&String>, HashSet<&String>) = (found.iter().collect(), expected.iter().collect());
    let missing: Vec<&String> = expected.iter().filter(|n| !here.contains(n)).collect();
    let unexpected: Vec<&String> = found.iter().filter(|n| !there.contains(n)).collect();
    match (missing.is_empty(), unexpected.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("missing: {}", quoted(missing))),
        (true, false) => Some(format!("unexpected: {}", quoted(unexpected))),
        (false, false) => Some(format!("missing: {}; unexpected: {}", quoted(missing), quoted(unexpected))),
    }
}
