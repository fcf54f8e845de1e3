//! The oddest rows of a table under a frozen flow.

use super::{Error, say};
use crate::data::{Data, columns_of};
use flow_export::frozen::Frozen;
use flow_export::score::{score, write};
use flow_model::spec::Column;
use flow_table::Table;
use flow_table::atomic::write_atomic_with;
use std::path::Path;

/// Odd rows that are shown after scoring.
const ODDEST: usize = 10;

/// The table to score, read and compared with the model's columns before any work is done.
pub(super) fn read_to_score(path: &str, data: &Data, columns: &[Column]) -> Result<Table, Error> {
    let table = columns_of(data.recipe.as_ref(), Table::read_with(path, &data.reading)?)?;
    for note in table.notes() {
        say(format_args!("to score: {note}"))?;
    }
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    Ok(table.matching(&names)?)
}

/// Scores a table with the frozen flow, leaves the scores in the run folder and prints the oddest rows.
pub(super) fn say_oddest(model: &Path, table: &Table, out: &Path, windows: bool) -> Result<(), Error> {
    let scores = score(&Frozen::read(model)?, table)?;
    let path = out.join("scores.csv");
    write_atomic_with(&path, |out| write(out, table, &scores, windows))?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let shown = ODDEST.min(order.len());
    say(format_args!("scores: {} ({} rows of {}); the {shown} oddest:", path.display(), scores.len(), table.source()))?;
    say(format_args!("{:>7}  {:>12}  {}", "row", "log_prob", table.names().join(", ")))?;
    // Rows are counted as in the file, those that were left out included.
    let numbers = table.rows_of_file();
    for &i in &order[..shown] {
        let values: Vec<String> = table.row(i).iter().map(f32::to_string).collect();
        say(format_args!("{:>7}  {:>12.2}  {}", numbers[i] + 1, scores[i], values.join(", ")))?;
    }
    Ok(())
}
