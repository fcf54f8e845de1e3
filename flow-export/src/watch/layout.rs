//! Where a line of CSV has its values: by the names of a header, or in their order beside a column of times.

use super::cell::value;
use flow_table::suggest::{hint, list};
use flow_table::{time_cell, time_of};

/// Where the cells of every line stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layout {
    /// Names of the cells: those of the header, or `c0`, `c1` and so on.
    pub cells: Vec<String>,
    /// Where each value stands.
    pub places: Vec<usize>,
    /// Whether the first line is a header.
    pub header: bool,
}

impl Layout {
    /// Finds these values in the first line, without the columns that are left out.
    ///
    /// It is a header where a cell has the name of a value, or where there is text, and neither a number nor a time.
    pub fn of(first: &[String], names: &[String], ignore: &[String]) -> Result<Layout, String> {
        let header = is_header(first, names);
        let cells: Vec<String> = first.iter().enumerate().map(|(j, cell)| name(j, cell, header)).collect();
        if let Some(unknown) = ignore.iter().find(|name| !cells.contains(name)) {
            let hint = hint(unknown, cells.iter().map(String::as_str));
            let there = list(cells.iter().map(String::as_str));
            return Err(format!("no column {unknown:?} to leave out{hint}; its columns are {there}"));
        }
        let places = if header { by_name(&cells, names, ignore) } else { in_order(&cells, first, names, ignore) };
        Ok(Layout { places: places?, cells, header })
    }
}

fn is_header(first: &[String], names: &[String]) -> bool {
    let is_text = |cell: &str| value(cell).is_none();
    let is_data = |cell: &str| value(cell).is_some_and(|value| !value.is_nan()) || time_of(cell).is_some();
    let is_name = |(j, cell): (usize, &String)| is_text(cell) && names.contains(&name(j, cell, true));
    let has_name = first.iter().enumerate().any(is_name);
    has_name || (first.iter().any(|cell| is_text(cell)) && !first.iter().any(|cell| is_data(cell)))
}

/// The name of a column, as a table has it.
fn name(j: usize, cell: &str, header: bool) -> String {
    let cell = if j == 0 { cell.trim_start_matches('#').trim() } else { cell };
    if header && !cell.is_empty() { cell.to_owned() } else { format!("c{j}") }
}

fn by_name(cells: &[String], names: &[String], ignore: &[String]) -> Result<Vec<usize>, String> {
    let place = |name: &String| {
        if ignore.contains(name) {
            return Err(format!("column {name:?} is to be left out, and the flow needs it; leave it in"));
        }
        if cells.iter().filter(|cell| *cell == name).count() > 1 {
            return Err(format!("two columns have the name {name:?}; rename one of them in the header"));
        }
        cells.iter().position(|cell| cell == name).ok_or_else(|| {
            let hint = hint(name, cells.iter().map(String::as_str));
            format!("no column {name:?}{hint}; expected a header with {}", names.join(", "))
        })
    };
    names.iter().map(place).collect()
}

fn in_order(cells: &[String], first: &[String], names: &[String], ignore: &[String]) -> Result<Vec<usize>, String> {
    let time = time_cell(cells, first, ignore);
    let places: Vec<usize> = (0..cells.len()).filter(|&j| Some(j) != time && !ignore.contains(&cells[j])).collect();
    if places.len() == names.len() {
        return Ok(places);
    }
    let (found, expected) = (places.len(), names.len());
    let beside = time.map_or(String::new(), |j| format!(" beside the time {:?}", first[j]));
    let left_out = if ignore.is_empty() { String::new() } else { format!(" without {}", ignore.join(", ")) };
    Err(format!("{found} values{beside}{left_out}, expected {expected}: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(cells: &str) -> Vec<String> {
        if cells.is_empty() { vec![] } else { cells.split(',').map(str::to_owned).collect() }
    }

    fn places(first: &str, ignore: &str) -> Result<(bool, Vec<usize>), String> {
        Layout::of(&owned(first), &owned("a,b"), &owned(ignore)).map(|layout| (layout.header, layout.places))
    }

    #[test]
    fn a_first_line_is_a_header_or_a_row() {
        for (first, header, expected) in [
            ("a,b", true, [0, 1]),
            ("#b,x,a", true, [2, 0]),
            ("time,b,a", true, [2, 1]),
            ("a,b,7", true, [0, 1]),
            ("0.1,0.2", false, [0, 1]),
            ("0.1,ERR", false, [0, 1]),
            ("nan,", false, [0, 1]),
            ("2024-01-01 00:00:00,0.1,0.2", false, [1, 2]),
            ("2024-01-01 00:00:00,ERR,ERR", false, [1, 2]),
            ("0.1,2024-01-01T00:00:00Z,0.2", false, [0, 2]),
        ] {
            assert_eq!(places(first, ""), Ok((header, expected.to_vec())), "{first}");
        }
    }

    #[test]
    fn columns_are_left_out_as_of_a_table() {
        assert_eq!(places("x,b,a", "x"), Ok((true, vec![2, 1])));
        assert_eq!(places("7,0.1,0.2", "c0"), Ok((false, vec![1, 2])));
        assert_eq!(places("2024-01-01,0.1,0.2", "c0"), Ok((false, vec![1, 2])));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (first, ignore, words) in [
            ("speed,load", "", "no column \"a\"; expected a header with a, b"),
            ("aa,b", "", "no column \"a\", did you mean \"aa\"?; expected a header with a, b"),
            ("1,2,3", "", "3 values, expected 2: a, b"),
            ("2024-01-01,2", "", "1 values beside the time \"2024-01-01\", expected 2: a, b"),
            ("1,2", "c1", "1 values without c1, expected 2: a, b"),
            ("a,b,a", "", "two columns have the name \"a\""),
            ("a,b", "b", "column \"b\" is to be left out, and the flow needs it"),
            ("1,2", "b", "no column \"b\" to leave out; its columns are c0, c1"),
            (
                "speed,a,b",
                "sped",
                "no column \"sped\" to leave out, did you mean \"speed\"?; its columns are speed, a, b",
            ),
        ] {
            let said = places(first, ignore).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
