//! Tables whose rows are made from another table's.

use crate::error::TableError;
use crate::table::Table;
use crate::time::TimeColumn;

impl Table {
    /// A table of other columns, whose row `i` stands for row `of[i]` of this one and has its time; `of` ascends, and
    /// `values` are those of the new columns, row after row. Rows for which none stands count as left out, so that labels
    /// and row numbers stay those of the file. `note` is added to the notes.
    ///
    /// ```
    /// use flow_table::Table;
    ///
    /// let raw = Table::from_rows("t", vec!["x".into()], &[[1.0], [2.0], [4.0]])?;
    /// let sums = raw.derived(vec!["sum".into()], vec![3.0, 6.0], &[1, 2], "sums of two rows".into())?;
    /// assert_eq!((sums.rows(), sums.dropped(), sums.values()), (2, &[0][..], &[3.0, 6.0][..]));
    /// assert_eq!(sums.rows_of_file(), [1, 2]);
    /// # Ok::<(), flow_table::TableError>(())
    /// ```
    ///
    /// # Errors
    /// No column, two columns of one name, a value that is not finite.
    ///
    /// # Panics
    /// If there are not as many rows in `values` as in `of`, or `of` names a row that is not there.
    pub fn derived(
        &self,
        names: Vec<String>,
        values: Vec<f32>,
        of: &[usize],
        note: String,
    ) -> Result<Table, TableError> {
        assert_eq!(values.len(), names.len() * of.len(), "a row of every column for each row");
        let all = self.rows_of_file();
        let kept: Vec<usize> = of.iter().map(|&i| all[i]).collect();
        let mut next = kept.iter().copied().peekable();
        let mut mended = self.mended().clone();
        mended.dropped = (0..self.rows() + self.dropped().len()).filter(|i| next.next_if_eq(i).is_none()).collect();
        let time = self
            .time()
            .map(|time| TimeColumn { name: time.name.clone(), times: of.iter().map(|&i| time.times[i]).collect() });
        let notes = self.notes().iter().cloned().chain([note]).collect();
        Ok(Table::new(self.source().to_owned(), names, true, values)?
            .with_extras(time, mended, notes)
            .of_files(self.files().clone()))
    }

    /// For each row its index among all rows of the file, those that were left out included.
    pub fn rows_of_file(&self) -> Vec<usize> {
        let mut dropped = self.dropped().iter().peekable();
        let all = 0..self.rows() + self.dropped().len();
        all.filter(|i| dropped.next_if_eq(&i).is_none()).collect()
    }
}
