//! What a cell of a line says: a number, a word in its place, or nothing that can be read.

use flow_table::is_missing;

/// The value of a cell, NaN where it has none.
pub(crate) fn value(cell: &str) -> Option<f32> {
    if is_missing(cell) { Some(f32::NAN) } else { cell.parse().ok() }
}

/// Whether a cell says in a word that there is no number. What is no UTF-8 is no word: a number may have stood there.
pub(crate) fn is_word(cell: &str) -> bool {
    value(cell).is_none() && !cell.contains(|c: char| c.is_ascii_digit() || c == char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_numbers_and_from_damage() {
        assert_eq!(value("-1.5e1"), Some(-15.0));
        assert!(["", "NaN", "N/A", "-"].iter().all(|cell| value(cell).is_some_and(f32::is_nan)));
        assert!(["ERR", "Störung"].iter().all(|cell| is_word(cell)));
        assert!(["1", "", "4,5", "0x", "\u{fffd}\u{fffd}"].iter().all(|cell| !is_word(cell)));
    }
}
