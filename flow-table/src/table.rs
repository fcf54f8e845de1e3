//! Rows of numbers with column names.

use crate::error::TableError;
use crate::files::Files;
use crate::missing::{Mended, Missing};
use crate::split::Split;
use crate::suggest;
use crate::time::TimeColumn;

/// A table of finite single-precision numbers, row after row in one vector; missing values are NaN where they were to be
/// kept, see [`Missing::Keep`].
///
/// ```
/// use flow_table::Table;
///
/// let table = Table::from_rows("example", vec!["t".into(), "p".into()], &[[20.0, 1.0], [21.5, 1.1]])?;
/// assert_eq!((table.rows(), table.columns()), (2, 2));
/// assert_eq!(table.row(1), [21.5, 1.1]);
/// assert_eq!(table.column(0).collect::<Vec<_>>(), [20.0, 21.5]);
/// # Ok::<(), flow_table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    names: Vec<String>,
    header: bool,
    source: String,
    values: Vec<f32>,
    time: Option<TimeColumn>,
    mended: Mended,
    files: Files,
    notes: Vec<String>,
}

impl Table {
    /// A table of named columns; `source` says in messages where the rows come from.
    ///
    /// # Errors
    /// No column, two columns of one name, a row of another length, a value that is not finite.
    pub fn from_rows(
        source: impl Into<String>,
        names: Vec<String>,
        rows: &[impl AsRef<[f32]>],
    ) -> Result<Table, TableError> {
        let source = source.into();
        let mut values = Vec::new();
        for (i, row) in rows.iter().map(AsRef::as_ref).enumerate() {
            if row.len() != names.len() {
                let message = format!("row {} has {} values; expected {}", i + 1, row.len(), names.len());
                return Err(TableError::Shape { path: source, message });
            }
            values.extend_from_slice(row);
        }
        Table::new(source, names, true, values)
    }

    /// A table from its parts, checked.
    pub(crate) fn new(source: String, names: Vec<String>, header: bool, values: Vec<f32>) -> Result<Table, TableError> {
        Table::of_parts(source, names, header, values, false)
    }

    /// The same; NaN is allowed where missing values were kept.
    pub(crate) fn of_parts(
        source: String,
        names: Vec<String>,
        header: bool,
        values: Vec<f32>,
        kept: bool,
    ) -> Result<Table, TableError> {
        let fail = |message: String| Err(TableError::Shape { path: source.clone(), message });
        if names.is_empty() {
            return fail("has no column; expected at least one".into());
        }
        if let Some((i, value)) = values.iter().enumerate().find(|(_, v)| !(v.is_finite() || kept && v.is_nan())) {
            let (row, column) = (i / names.len(), i % names.len());
            let name = &names[column];
            return fail(format!(
                "row {}, column {} ({name}): is {value}; expected a finite number",
                row + 1,
                column + 1
            ));
        }
        check_names(&source, names.iter().enumerate())?;
        Ok(Table {
            names,
            header,
            source,
            values,
            time: None,
            mended: Mended::default(),
            files: Files::default(),
            notes: Vec::new(),
        })
    }

    /// The table with what its reader found out beside the values.
    pub(crate) fn with_extras(self, time: Option<TimeColumn>, mended: Mended, notes: Vec<String>) -> Table {
        Table { time, mended, notes, ..self }
    }

    /// The table with the files that its rows are of.
    pub(crate) fn of_files(self, files: Files) -> Table {
        Table { files, ..self }
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The column that says when each row was taken, where there is one. It is not among the columns.
    pub fn time(&self) -> Option<&TimeColumn> {
        self.time.as_ref()
    }

    /// What is to be done about missing values in other tables, so that they are treated as in this one.
    pub fn missing_elsewhere(&self) -> &Missing {
        &self.mended.elsewhere
    }

    /// Indices of the rows that were left out for missing values, as they were counted before, ascending.
    pub fn dropped(&self) -> &[usize] {
        &self.mended.dropped
    }

    pub(crate) fn mended(&self) -> &Mended {
        &self.mended
    }

    /// What should be known of how the table was read: files passed over, the column of times, missing values filled.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Names of the columns: the header's, or `c0`, `c1`, ….
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the names come from a header.
    pub fn header(&self) -> bool {
        self.header
    }

    /// Where the rows come from: a path, `standard input`, or a built-in set's name.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// Number of columns, at least 1.
    pub fn columns(&self) -> usize {
        self.names.len()
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.columns()..][..self.columns()]
    }

    /// All rows, in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.columns())
    }

    /// The values of column `j`, from the first row to the last.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn column(&self, j: usize) -> impl ExactSizeIterator<Item = f32> + Clone + '_ {
        assert!(j < self.columns(), "column {j} of {}", self.columns());
        self.iter().map(move |row| row[j])
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows of the given indices, in their order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, indices: &[usize]) -> Table {
        let mut values = Vec::with_capacity(indices.len() * self.columns());
        for &i in indices {
            values.extend_from_slice(self.row(i));
        }
        Table { values, ..self.without_rows() }
    }

    /// The training, validation and calibration rows of a split of this table, in their order; each part's row numbers stay
    /// those of the file. The training rows stay where they are in memory.
    ///
    /// # Panics
    /// If the split is of a longer table.
    pub fn into_parts(mut self, split: &Split) -> [Table; 3] {
        let [validation, calibration] = [&split.validation, &split.calibration].map(|rows| self.part(rows));
        let (mended, files) = (self.left_out_but(&split.train), self.files.clone());
        let train = Table { mended, files, ..self.without_rows() };
        let width = self.columns();
        for (to, &from) in split.train.iter().enumerate() {
            self.values.copy_within(from * width..(from + 1) * width, to * width);
        }
        self.values.truncate(split.train.len() * width);
        self.values.shrink_to_fit();
        [Table { values: self.values, ..train }, validation, calibration]
    }

    /// The rows of ascending indices, all others counting as left out: row numbers stay those of the file.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn part(&self, indices: &[usize]) -> Table {
        Table { mended: self.left_out_but(indices), files: self.files.clone(), ..self.select(indices) }
    }

    fn left_out_but(&self, indices: &[usize]) -> Mended {
        let all = self.rows_of_file();
        let mut kept = indices.iter().map(|&i| all[i]).peekable();
        let dropped = (0..self.rows() + self.dropped().len()).filter(|i| kept.next_if_eq(i).is_none()).collect();
        Mended { dropped, ..Mended::default() }
    }

    /// The table without the columns of these names.
    ///
    /// # Errors
    /// A name that the table does not have, or no column left.
    pub fn without_columns(&self, ignore: &[String]) -> Result<Table, TableError> {
        let kept = kept_columns(&self.source, &self.names, ignore)?;
        Ok(self.pick(&kept))
    }

    /// The columns of the given indices, in their order.
    pub(crate) fn pick(&self, columns: &[usize]) -> Table {
        Table {
            names: columns.iter().map(|&j| self.names[j].clone()).collect(),
            values: self.iter().flat_map(|row| columns.iter().map(|&j| row[j])).collect(),
            time: self.time.clone(),
            mended: self.mended.clone(),
            files: self.files.clone(),
            notes: self.notes.clone(),
            ..self.without_rows()
        }
    }

    fn without_rows(&self) -> Table {
        Table {
            names: self.names.clone(),
            header: self.header,
            source: self.source.clone(),
            values: Vec::new(),
            time: None,
            mended: Mended::default(),
            files: Files::default(),
            notes: Vec::new(),
        }
    }
}

/// Refuses two columns of one name; each comes with its index, by which errors tell its number.
pub(crate) fn check_names<'a>(
    path: &str,
    columns: impl Iterator<Item = (usize, &'a String)>,
) -> Result<(), TableError> {
    let mut first = std::collections::HashMap::new();
    for (j, name) in columns {
        if let Some(i) = first.insert(name, j) {
            return Err(TableError::DuplicateName {
                path: path.into(),
                name: name.clone(),
                first: i + 1,
                second: j + 1,
            });
        }
    }
    Ok(())
}

/// The indices of the columns that are not to be ignored.
pub(crate) fn kept_columns(path: &str, names: &[String], ignore: &[String]) -> Result<Vec<usize>, TableError> {
    let all = || names.iter().map(String::as_str);
    if let Some(name) = ignore.iter().find(|name| !names.contains(name)) {
        return Err(TableError::UnknownColumn {
            path: path.into(),
            name: name.clone(),
            hint: suggest::hint(name, all()),
            columns: suggest::list(all()),
        });
    }
    let kept: Vec<usize> = (0..names.len()).filter(|&j| !ignore.contains(&names[j])).collect();
    if kept.is_empty() {
        return Err(TableError::NothingLeft { path: path.into(), columns: names.len() });
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|n| n.to_string()).collect()
    }

    fn table() -> Table {
        Table::from_rows("t", names(&["a", "b"]), &[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap()
    }

    #[test]
    fn rows_and_columns() {
        let t = table();
        assert_eq!(t.select(&[2, 0]).values(), [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(t.column(1).collect::<Vec<_>>(), [2.0, 4.0, 6.0]);
        assert_eq!(t.without_columns(&names(&["a"])).unwrap().values(), [2.0, 4.0, 6.0]);
    }

    #[test]
    fn parts_of_a_split() {
        let rows: Vec<[f32; 2]> = (0..50).map(|i| [i as f32, -(i as f32)]).collect();
        let table = Table::from_rows("t", names(&["a", "b"]), &rows).unwrap();
        let split = Split::new(50, 0.0, crate::Fractions::default(), None, 3).unwrap();
        let parts = table.clone().into_parts(&split);
        for (part, rows) in parts.iter().zip([&split.train, &split.validation, &split.calibration]) {
            assert_eq!((part.values(), &part.rows_of_file()), (table.select(rows).values(), rows));
        }
    }

    #[test]
    fn bad_shapes_are_refused() {
        let message = |r: Result<Table, TableError>| r.unwrap_err().to_string();
        assert!(message(Table::from_rows("t", names(&["a", "b"]), &[vec![1.0]])).contains("row 1 has 1 values"));
        assert!(message(Table::from_rows("t", names(&["a", "a"]), &[[1.0, 1.0]])).contains("columns 1 and 2"));
        assert!(message(Table::from_rows("t", vec![], &[[0.0; 0]])).contains("no column"));
        assert!(message(Table::from_rows("t", names(&["a"]), &[[f32::NAN]])).contains("row 1, column 1 (a)"));
        assert!(message(table().without_columns(&names(&["A"]))).contains("did you mean \"a\"?"));
        assert!(message(table().without_columns(&names(&["a", "b"]))).contains("all 2 columns are ignored"));
    }
}
