//! Rows of a table as a board takes them: one after the other, and where one does not follow the row before.

use super::twin::row_names;
use crate::error::Error;
use crate::frozen::Frozen;
use crate::times::gaps;
use crate::windows::Recipe;
use flow_table::{Missing, ReadOptions, Table};

/// Rows for a board.
pub(crate) struct Rows {
    pub table: Table,
    /// Whether each row does not follow the one before.
    gaps: Vec<bool>,
}

impl Rows {
    /// Reads a table of all columns, or of the raw channels where the flow is over windows.
    pub fn read(frozen: &Frozen, data: &[String], ignore: Vec<String>) -> Result<Self, Error> {
        let names = row_names(frozen)?;
        let options = ReadOptions { ignore, keep: names.clone(), missing: Missing::Keep };
        let table = Table::read_all(data, &options)?;
        table.notes().iter().for_each(|note| eprintln!("{note}"));
        let table = table.matching(&names)?;
        let gaps = match Recipe::of_file(frozen)? {
            None => gaps(&table, None),
            Some(recipe) => window_gaps(&table, recipe.step),
        };
        Ok(Rows { table, gaps })
    }

    /// Each row, and whether there is a gap before it.
    pub fn iter(&self) -> impl Iterator<Item = (bool, &[f32])> {
        self.table.iter().enumerate().map(|(i, row)| (i > 0 && self.gaps.get(i) == Some(&true), row))
    }
}

/// Gaps as windows have them, see [`flow_nostd::Window::push_at`].
fn window_gaps(table: &Table, step: u64) -> Vec<bool> {
    let (rows, begins_file) = (table.rows_of_file(), table.begins_file());
    let times = table.time().map_or(&[][..], |time| time.times());
    let gap = |i: usize| {
        let times = times.get(i - 1).zip(times.get(i));
        let follows = rows[i] == rows[i - 1] + 1 && !(times.is_none() && begins_file[i]);
        !follows || times.is_some_and(|(before, now)| is_gap(*before, *now, step))
    };
    (0..table.rows()).map(|i| i > 0 && gap(i)).collect()
}

/// Whether windows begin anew between two rows of these times, in microseconds; their step is 0 where it is not known.
pub(crate) fn is_gap(before: i64, now: i64, step: u64) -> bool {
    let longest = match step {
        0 => i64::MAX,
        step => i64::try_from(step.saturating_add(step / 2)).unwrap_or(i64::MAX),
    };
    let passed = now.saturating_sub(before);
    passed <= 0 || passed > longest
}
