//! Windows over the rows of a table of signals: the columns that a flow models, made by the device engine itself.
//!
//! A [`Recipe`] is made once, for the training; it lies in the checkpoint's metadata and in the frozen file, and whatever
//! takes a table afterwards takes one of the raw channels.

mod feature;
mod recipe;
mod windowed;

pub use feature::Feature;
pub use recipe::{LONGEST, Recipe};
pub use windowed::{Fault, Windowed};

use crate::error::Error;
use crate::frozen::{Frozen, column_names};
use flow_table::{Missing, ReadOptions, Table};

/// Reads a table for a frozen flow: of the columns that it models, or of the raw channels that its windows are over. Missing
/// values that are kept are gaps between windows.
///
/// # Errors
/// What is wrong with the file or the table.
pub fn read(
    frozen: &Frozen,
    data: &[String],
    ignore: Vec<String>,
    missing: Missing,
) -> Result<(Table, Option<Recipe>), Error> {
    let (windowed, recipe) = read_windowed(frozen, data, ignore, missing)?;
    Ok((windowed.table, recipe))
}

/// The same, and where windows began anew.
///
/// # Errors
/// As [`read`].
pub fn read_windowed(
    frozen: &Frozen,
    data: &[String],
    ignore: Vec<String>,
    missing: Missing,
) -> Result<(Windowed, Option<Recipe>), Error> {
    let recipe = Recipe::of_file(frozen)?;
    let keep = match &recipe {
        Some(recipe) => recipe.kept(),
        None => column_names(&frozen.flow()?),
    };
    let table = Table::read_all(data, &ReadOptions { ignore, keep, missing })?;
    let windowed = match &recipe {
        Some(recipe) => recipe.windowed(table)?,
        None => Windowed { table, made: None },
    };
    Ok((windowed, recipe))
}

/// Refuses a flow whose windows make other columns than those of a recipe, whatever their names, and one over rows that are not
/// these columns.
///
/// # Errors
/// Its windows and the recipe's.
pub fn check_the_same(recipe: Option<&Recipe>, other: &Frozen) -> Result<(), Error> {
    let difference = match (recipe, Recipe::of_file(other)?) {
        (Some(own), Some(its)) => own.difference(&its),
        (None, Some(its)) => Some(format!("{its}; the first flow is over rows")),
        (Some(own), None) if column_names(&other.flow()?) != own.columns() => {
            Some("over rows, and the first flow is over windows".to_owned())
        }
        (_, None) => None,
    };
    match difference {
        Some(difference) => Err(Error::OtherWindows { path: other.path().to_owned(), difference }),
        None => Ok(()),
    }
}
