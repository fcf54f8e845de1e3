//! One cell of a table: a number, or why it is none.

use crate::error::CellProblem;

/// Words by which programs write a missing value.
const MISSING: [&str; 10] = ["", "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "?", "-"];

/// Whether a cell says that it has no value: nothing, or a word by which programs write that, whatever its case. `nan` is
/// not among them; it is read as a number.
///
/// ```
/// assert!(flow_table::is_missing(" N/A ") && flow_table::is_missing(""));
/// assert!(!flow_table::is_missing("0") && !flow_table::is_missing("error"));
/// ```
pub fn is_missing(text: &str) -> bool {
    MISSING.iter().any(|missing| text.trim().eq_ignore_ascii_case(missing))
}

/// What a cell's text is.
#[derive(Debug, PartialEq)]
pub(crate) enum Cell {
    Number(f32),
    Missing,
    NotFinite,
    TooLarge,
    Text,
}

impl Cell {
    pub(crate) fn of(text: &str) -> Cell {
        let text = text.trim();
        match text.parse::<f32>() {
            Ok(v) if v.is_finite() => Cell::Number(v),
            Ok(_) if text.contains(|c: char| c.is_ascii_digit()) => Cell::TooLarge,
            Ok(_) => Cell::NotFinite,
            Err(_) if is_missing(text) => Cell::Missing,
            Err(_) => Cell::Text,
        }
    }
}

/// The text of a cell for a message, shortened.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim();
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The number in a cell of the column `name`.
pub(crate) fn parse(text: &str, name: &str) -> Result<f32, CellProblem> {
    let shown = || shown(text);
    match Cell::of(text) {
        Cell::Number(v) => Ok(v),
        Cell::Missing => Err(CellProblem::Missing(shown())),
        Cell::NotFinite => Err(CellProblem::NotFinite(shown())),
        Cell::TooLarge => Err(CellProblem::TooLarge(shown())),
        Cell::Text if matches!(Cell::of(&text.replacen(',', ".", 1)), Cell::Number(_)) => {
            Err(CellProblem::DecimalComma(shown()))
        }
        Cell::Text => Err(CellProblem::Text(shown(), name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_told_apart() {
        for (text, cell) in [
            (" 1.5 ", Cell::Number(1.5)),
            ("-.5e1", Cell::Number(-5.0)),
            ("+7", Cell::Number(7.0)),
            ("3.4028235e38", Cell::Number(f32::MAX)),
            ("1e-60", Cell::Number(0.0)),
            ("1e39", Cell::TooLarge),
            ("NaN", Cell::NotFinite),
            ("-inf", Cell::NotFinite),
            ("", Cell::Missing),
            ("N/A", Cell::Missing),
            ("2013-12-02 21:15:00", Cell::Text),
            ("1_000", Cell::Text),
            ("0x10", Cell::Text),
        ] {
            assert_eq!(Cell::of(text), cell, "{text:?}");
        }
    }

    #[test]
    fn advice_fits_the_cell() {
        assert!(parse("1,5", "a").unwrap_err().to_string().contains("\"1.5\""));
        assert!(parse("noon", "clock").unwrap_err().to_string().contains("--column clock:ignore"));
        assert!(parse(&"y".repeat(500), "a").unwrap_err().to_string().len() < 200);
    }
}
