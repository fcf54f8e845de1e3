//! The table that comes of a table's windows, as a device makes them of its rows one after the other.

use super::Recipe;
use crate::error::Error;
use crate::times::{Order, gaps, usual_step};
use flow_nostd::{EvalError, Window, Windowing};
use flow_table::Table;
use serde::Serialize;
use std::time::Duration;

/// A table of the columns that a flow models, and where one row does not follow the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Windowed {
    /// The table.
    pub table: Table,
    /// What is known of the raw table; nothing where no windows were made.
    pub(crate) made: Option<Made>,
}

/// What is known of a table of which windows were made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    /// Whether the windows have begun anew between the row of the window before and that of each window.
    begun: Vec<bool>,
    /// The order of its rows.
    pub order: Order,
    /// The time from one window to the next as the training knows it.
    pub every: Option<Duration>,
    /// Rows that no window holds, for a value that is missing or beyond its sensor's range.
    pub faults: Vec<Fault>,
}

/// Faults of a sensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Its column, or its channel.
    pub column: String,
    /// What is wrong, in the word of a status.
    pub fault: &'static str,
    /// Number of rows.
    pub rows: usize,
}

impl Windowed {
    /// Whether there is a gap before each row, after which a device knows nothing of the sensors: where windows began anew,
    /// else where the table's times say so, see [`GAP`](crate::times::GAP).
    pub fn gaps(&self, every: Option<Duration>) -> Vec<bool> {
        self.made.as_ref().map_or_else(|| gaps(&self.table, every), |made| made.begun.clone())
    }

    /// The channels whose sensors have a range that could not be looked at: the rows were windows already.
    pub fn unseen_ranges<'r>(&self, recipe: &'r Recipe) -> Vec<&'r str> {
        let limited = recipe.channels.iter().zip(&recipe.ranges).filter(|(_, range)| **range != [f32::MIN, f32::MAX]);
        limited.filter(|_| self.made.is_none()).map(|(name, _)| name.as_str()).collect()
    }
}

impl Recipe {
    /// The table of the columns that come of a table's windows: a row for each window, at the place of its newest row.
    ///
    /// A table that has all these columns already is given back as it is: by name where it has names, else by their number.
    /// Where the features are the value alone, names tell nothing, and the table counts as one of raw channels.
    ///
    /// # Errors
    /// Other channels, rows that are not in the order of time, or no window that is complete.
    pub fn table(&self, table: Table) -> Result<Table, Error> {
        Ok(self.windowed(table)?.table)
    }

    /// The same, and where the windows began anew.
    ///
    /// # Errors
    /// As [`Recipe::table`].
    pub fn windowed(&self, table: Table) -> Result<Windowed, Error> {
        let columns = self.columns();
        let has_all = match table.header() {
            true => columns.iter().all(|name| table.names().contains(name)),
            false => table.columns() == columns.len() && columns.len() != self.channels.len(),
        };
        if has_all && columns != self.channels {
            return Ok(Windowed { table, made: None });
        }
        let table = &table.matching(&self.channels)?;
        let order = Order::of(table)?;
        let (section, ranges) = (self.section(), self.range_records());
        let windowing =
            Windowing::read(&section).map_err(|source| Error::Format { path: table.source().into(), source })?;
        let windowing = windowing.with_ranges(&ranges);
        let mut memory = vec![0.0; windowing.memory_len()];
        let failed = |row: usize| move |source| Error::Row { path: table.source().to_owned(), row: row + 1, source };
        let mut window = Window::new(windowing, &mut memory).map_err(failed(0))?;
        let mut made = vec![0.0; columns.len()];
        let (mut values, mut newest) = (Vec::new(), Vec::new());
        let (mut begun, mut begins) = (Vec::new(), false);
        let (rows, timeless, begins_file) = (table.rows_of_file(), table.time().is_none(), table.begins_file());
        let (mut gaps, mut longest) = (0, 0);
        let (mut missing, mut beyond) = (vec![0; table.columns()], vec![0; table.columns()]);
        for (i, row) in table.iter().enumerate() {
            // Rows that were left out are a gap, too, and so is a further file without times.
            if i > 0 && (rows[i] != rows[i - 1] + 1 || timeless && begins_file[i]) {
                window.restart();
            }
            let due = match table.time() {
                Some(time) => window.push_at(time.times()[i], row),
                None => window.push(row),
            };
            // A value that is missing, or none that its sensor can give: the window begins anew after it.
            let due = match due {
                Err(EvalError::NotFinite { .. }) => {
                    count(&mut missing, row.iter().map(|x| !x.is_finite()));
                    false
                }
                Err(EvalError::OutOfRange { .. }) => {
                    let is_beyond = |(x, [low, high]): (&f32, &[f32; 2])| !(low..=high).contains(&x);
                    count(&mut beyond, row.iter().zip(&self.ranges).map(is_beyond));
                    false
                }
                due => due.map_err(failed(rows[i]))?,
            };
            gaps += usize::from(i > 0 && window.rows() == 1);
            begins |= !newest.is_empty() && window.rows() <= 1;
            longest = longest.max(window.rows());
            if due {
                window.features(&mut made, &mut []).map_err(failed(rows[i]))?;
                values.extend_from_slice(&made);
                newest.push(i);
                begun.push(std::mem::take(&mut begins));
            }
        }
        if newest.is_empty() {
            return Err(Error::NoWindow {
                path: table.source().to_owned(),
                length: self.length,
                rows: table.rows(),
                longest,
                apart: other_step(self, table).unwrap_or_default(),
            });
        }
        let told = |counts: &[usize], what| match counts.iter().sum::<usize>() {
            0 => String::new(),
            values => format!(", {values} values {what}"),
        };
        let (lacking, far) = (told(&missing, "missing"), told(&beyond, "beyond a sensor's range"));
        let apart = other_step(self, table).unwrap_or_default();
        let note =
            format!("windows: {} in {} rows, {gaps} gaps{lacking}{far}; {self}{apart}", newest.len(), table.rows());
        let fault = |fault: &'static str, counts: Vec<usize>| {
            let some = self.channels.clone().into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
            some.map(move |(column, rows)| Fault { column, fault, rows })
        };
        let faults = fault("not_finite", missing).chain(fault("out_of_range", beyond)).collect();
        let made = Some(Made { begun, order, every: self.every(), faults });
        Ok(Windowed { table: table.derived(columns, values, &newest, note)?, made })
    }
}

/// Counts those that are so.
fn count(counts: &mut [usize], are: impl Iterator<Item = bool>) {
    counts.iter_mut().zip(are).for_each(|(count, is)| *count += usize::from(is));
}

/// That the rows of a table are not as far apart as those of the training, if by half as much again or a third less.
fn other_step(recipe: &Recipe, table: &Table) -> Option<String> {
    let [here, there] = [usual_step(table.time()?.times())?, recipe.step].map(|step| step as f64 / 1e6);
    let alike = there == 0.0 || (there / 1.5..=there * 1.5).contains(&here);
    (!alike).then(|| {
        format!("; rows are {here} s apart here and were {there} s apart in the training: a window is another time")
    })
}
