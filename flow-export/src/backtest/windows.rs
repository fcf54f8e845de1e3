//! When something was wrong: the windows of a back-test, from a file of windows or of labels.

use crate::error::Error;
use flow_table::suggest::list;
use flow_table::{Table, read_labels, time_of, time_text};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Letters of a date without a time of the day.
const DATE: usize = "2024-05-01".len();
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A time, or a run of rows, in which something was wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its first row in the table, from 0.
    pub first: usize,
    /// Its last row.
    pub last: usize,
    /// When it starts and ends, microseconds since 1970, where the table has times.
    pub times: Option<[i64; 2]>,
}

/// The windows of a table's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Windows {
    list: Vec<Window>,
    of_row: Vec<Option<usize>>,
    left_out: usize,
}

impl Windows {
    /// Nothing was wrong.
    pub fn none(table: &Table) -> Self {
        Windows { of_row: vec![None; table.rows()], ..Self::default() }
    }

    /// The windows, in the order of their start.
    pub fn list(&self) -> &[Window] {
        &self.list
    }

    /// The window in which each row lies.
    pub fn of_row(&self) -> &[Option<usize>] {
        &self.of_row
    }

    /// The same, but windows begin and end so many rows before and after.
    pub(super) fn near(&self, rows: usize) -> Vec<Option<usize>> {
        let mut near = self.of_row.clone();
        let mut start = 0;
        // Where a clock was set back, the rows of a window lie in two places.
        for run in self.of_row.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            if let Some(number) = run[0] {
                let until = near.len().min(end.saturating_add(rows));
                near[start.saturating_sub(rows)..until].iter_mut().for_each(|row| {
                    row.get_or_insert(number);
                });
            }
            start = end;
        }
        near
    }

    /// Number of windows in which the table has no row.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Reads one label for each row of the file, those that were left out of the table included: each run of rows labelled 1
    /// is a window. Windows without a row of the table are left out.
    ///
    /// # Errors
    /// A file that cannot be read, another number of labels than rows, another label than 0 and 1.
    pub fn of_labels(path: &str, table: &Table) -> Result<Self, Error> {
        let labels = read_labels(path, table.rows() + table.dropped().len())?;
        let times = table.time().map(|time| time.times());
        let rows_of_file = table.rows_of_file();
        let row_from = |row_of_file: usize| rows_of_file.partition_point(|&row| row < row_of_file);
        let (mut windows, mut start) = (Windows::none(table), 0);
        for run in labels.chunk_by(|a, b| a == b) {
            let end = start + run.len();
            let rows = row_from(start)..row_from(end);
            if run[0] && rows.is_empty() {
                windows.left_out += 1;
            } else if run[0] {
                let (first, last) = (rows.start, rows.end - 1);
                windows.of_row[rows].fill(Some(windows.list.len()));
                windows.list.push(Window { first, last, times: times.map(|times| [times[first], times[last]]) });
            }
            start = end;
        }
        Ok(windows)
    }

    /// Reads pairs of times, start and end, both within, of an end that is a date the whole day:
    /// `[["2024-05-01 12:00", "2024-05-01 14:00"], …]`, or an object with
    /// such a list for each file, of which those of the table's files count, or the only one whatever its name. Windows without
    /// a row of the table are left out.
    ///
    /// # Errors
    /// A table without times; a file that cannot be read or holds anything else; a window that ends before it starts;
    /// windows that overlap; no window in which the table has a row.
    pub fn of_json(path: &Path, table: &Table) -> Result<Self, Error> {
        let fail = |problem: String| Error::Windows { path: path.to_owned(), problem };
        let Some(time) = table.time() else {
            return Err(fail(format!("{} has no column of times to compare them with; use --labels", table.source())));
        };
        let text = fs::read_to_string(path).map_err(|e| Error::read(path, e))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| fail(format!("is no JSON: {e}")))?;
        let mut pairs = pairs(&value, &table.paths()).map_err(fail)?;
        pairs.sort_unstable();
        if let Some(pair) = pairs.windows(2).find(|pair| pair[1][0] < pair[0][1] || pair[1][0] == pair[0][0]) {
            let [a, b] = [pair[0], pair[1]].map(|[start, _]| time_text(start));
            return Err(fail(format!("the windows from {a} and from {b} overlap; expected one for both")));
        }
        let mut windows = Windows::none(table);
        let (times, order) = (time.times(), time.order());
        for [start, end] in &pairs {
            let from = order.partition_point(|&row| times[row] < *start);
            let to = order.partition_point(|&row| times[row] <= *end);
            // A row in which one window ends and another starts is of the first.
            let rows: Vec<usize> =
                order[from..to].iter().copied().filter(|&row| windows.of_row[row].is_none()).collect();
            let Some((&first, &last)) = rows.iter().min().zip(rows.iter().max()) else {
                windows.left_out += 1;
                continue;
            };
            rows.iter().for_each(|&row| windows.of_row[row] = Some(windows.list.len()));
            windows.list.push(Window { first, last, times: Some([*start, *end]) });
        }
        if windows.list.is_empty() {
            let (from, to) = (time.times().iter().min(), time.times().iter().max());
            let [from, to] = [from, to].map(|time| time.map_or("?".to_owned(), |time| time_text(*time)));
            return Err(fail(format!(
                "of its {} windows none holds a row of {}, whose times go from {from} to {to}",
                pairs.len(),
                table.source()
            )));
        }
        Ok(windows)
    }
}

/// The pairs of times that count for a table.
fn pairs(value: &Value, paths: &[&str]) -> Result<Vec<[i64; 2]>, String> {
    const EXPECTED: &str = "expected a list of [start, end], or an object with such a list for each file";
    let lists: Vec<&Value> = match value {
        Value::Object(files) => {
            let own = |file: &String| paths.iter().any(|path| file_name(file) == file_name(path));
            let own: Vec<&Value> = files.iter().filter(|(file, _)| own(file)).map(|(_, list)| list).collect();
            if own.is_empty() && files.len() > 1 {
                let [there, read] = [list(files.keys().map(String::as_str)), list(paths.iter().copied())];
                return Err(format!("has windows for {there}, and none for {read}; expected one of these names"));
            }
            if own.is_empty() { files.values().collect() } else { own }
        }
        list => vec![list],
    };
    let lists = lists.into_iter().map(|list| list.as_array().ok_or_else(|| EXPECTED.to_owned()));
    let list: Vec<&Value> = lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    if list.is_empty() {
        return Err(format!("has no window; {EXPECTED}"));
    }
    let time = |value: &Value, number: usize| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        time_of(&text)
            .ok_or_else(|| format!("window {number}: {text:?} is no time; expected one as 2024-05-01 12:00:00"))
    };
    let pair = |(i, pair): (usize, &Value)| {
        let Some([start, end]) = pair.as_array().map(Vec::as_slice) else {
            return Err(format!("window {} is no [start, end]; {EXPECTED}", i + 1));
        };
        let is_date = end.as_str().is_some_and(|text| text.trim().len() == DATE && text.contains('-'));
        let [start, end] = [time(start, i + 1)?, time(end, i + 1)?];
        let end = if is_date { end.saturating_add(DAY - 1) } else { end };
        if end < start {
            return Err(format!("window {} ends at {}, before it starts", i + 1, time_text(end)));
        }
        Ok([start, end])
    };
    list.into_iter().enumerate().map(pair).collect()
}

/// The name of a file without its folders, packed or not.
fn file_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.strip_suffix(".gz").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_of_all_rows_of_the_file() {
        let raw = Table::from_rows("t", vec!["x".into()], &[[0.0]; 10]).unwrap();
        let table = raw.derived(vec!["y".into()], vec![0.0; 5], &[1, 3, 5, 7, 9], "every second row".into()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        fs::write(&path, "1\n0\n0\n1\n0\n1\n1\n1\n0\n0\n").unwrap();
        let windows = Windows::of_labels(path.to_str().unwrap(), &table).unwrap();
        assert_eq!(windows.left_out(), 1, "no row of the table is the first row of the file");
        assert_eq!(windows.of_row(), [None, Some(0), Some(1), Some(1), None]);
        let rows: Vec<[usize; 2]> = windows.list().iter().map(|window| [window.first, window.last]).collect();
        assert_eq!(rows, [[1, 1], [2, 3]]);
    }
}
