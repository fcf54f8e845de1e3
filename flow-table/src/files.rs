//! The files that a table's rows are of.

use crate::table::Table;

/// Several files make one table, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Files {
    /// Their paths; none where the rows are of none.
    pub paths: Vec<String>,
    /// The rows with which those after the first begin, counted as in all files together.
    pub begins: Vec<usize>,
}

impl Table {
    /// The rows with which the files after the first begin, counted as in all files together, see [`Table::rows_of_file`].
    pub fn begins(&self) -> &[usize] {
        &self.files().begins
    }

    /// For each row whether a further file has begun since the row before.
    pub fn begins_file(&self) -> Vec<bool> {
        let rows = self.rows_of_file();
        let until = |row: usize| self.begins().partition_point(|begin| *begin <= row);
        let before = |i: usize| rows[..i].last().map_or(0, |row| until(*row));
        (0..rows.len()).map(|i| until(rows[i]) > before(i)).collect()
    }

    /// The paths of the files, in their order; where the rows are of none, the table's source.
    pub fn paths(&self) -> Vec<&str> {
        match self.files().paths.as_slice() {
            [] => vec![self.source()],
            paths => paths.iter().map(String::as_str).collect(),
        }
    }

    /// Where a row is from: the path of its file, and its number there, from 1, the header not counted.
    ///
    /// ```
    /// use flow_table::Table;
    ///
    /// let table = Table::from_rows("new", vec!["x".into()], &[[1.0], [2.0]])?;
    /// assert_eq!(table.place(1), ("new", 2));
    /// # Ok::<(), flow_table::TableError>(())
    /// ```
    ///
    /// # Panics
    /// If there is no such row.
    pub fn place(&self, row: usize) -> (&str, usize) {
        let row = self.rows_of_file()[row];
        let file = self.begins().partition_point(|begin| *begin <= row);
        let begin = file.checked_sub(1).map_or(0, |before| self.begins()[before]);
        (self.paths()[file], row - begin + 1)
    }
}
