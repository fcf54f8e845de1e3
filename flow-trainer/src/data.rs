//! The rows of a run: read or generated, profiled, and split into training, validation and calibration.

use flow_export::calibration::FEWEST;
use flow_export::times;
use flow_export::windows::{Feature, Recipe};
use flow_model::spec::Column;
use flow_table::{Convention, Fractions, KindOverride, Missing, Profile, ProfileError, ReadOptions, Split, SplitError};
use flow_table::{Table, TableError, builtin};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows that a built-in set has, before it is split.
const BUILTIN_ROWS: usize = 20_000;

/// Where the rows come from and what is said of them.
#[derive(Clone, Debug)]
pub struct Source {
    /// Files or folders of the same columns, `-` for standard input, or the name of a built-in set.
    pub data: Vec<String>,
    /// Validation rows; without it they are split off `data`.
    pub validation: Option<String>,
    /// Kinds of columns that were stated.
    pub overrides: Vec<KindOverride>,
    /// How kinds are detected.
    pub convention: Convention,
    /// What becomes of missing values.
    pub missing: Missing,
    /// Windows over the rows, which the flow models in their place.
    pub windows: Option<Windows>,
    /// Share of the rows that validate where `validation` is `None`.
    pub validation_share: f64,
    /// Share of the rows that is set aside for thresholds, but under the peers' convention; without it as
    /// [`usual_calibration`] says.
    pub calibration_share: Option<f64>,
    /// Seed of the split and of a built-in set.
    pub seed: u64,
}

/// Windows over signals.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Rows of a window.
    pub length: u16,
    /// Rows from one window to the next.
    pub stride: u16,
    /// What a window says of each channel.
    pub features: Vec<Feature>,
}

/// The rows of a run.
#[derive(Clone, Debug)]
pub struct Data {
    /// Rows to learn from.
    pub train: Table,
    /// Rows for early stopping and the choice of parameters.
    pub validation: Table,
    /// Rows for thresholds, which neither training nor validation sees; none under the peers' convention.
    pub calibration: Option<Table>,
    /// The training rows' columns, described; kinds that were stated are those of all rows.
    pub profile: Profile,
    /// How the rows were split and why.
    pub split: String,
    /// The time between two rows of the whole table, where it has times.
    pub every: Option<Duration>,
    /// What else should be known of how they were read: files passed over, a column of times, missing values filled.
    pub notes: Vec<String>,
    /// How other tables are to be read so that they are treated as these rows were.
    pub reading: ReadOptions,
    /// How the columns come from the raw channels of the table, where they do.
    pub recipe: Option<Recipe>,
}

/// Rows that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The table cannot be read.
    #[error("{0}{advice}", advice = missing_advice(.0))]
    Table(#[from] TableError),
    /// No window fits into it.
    #[error(transparent)]
    Windows(#[from] flow_export::Error),
    /// Its kinds do not fit it.
    #[error(transparent)]
    Profile(Box<ProfileError>),
    /// No validation row has a density.
    #[error("no validation row is left: {0}")]
    Outside(String),
    /// It cannot be split.
    #[error("{path}: {source}")]
    Split {
        /// The table.
        path: String,
        /// Why not.
        source: SplitError,
    },
}

impl Source {
    /// All that is in `data`, with kinds that are detected and the seed 0.
    pub fn of(data: &str) -> Source {
        Source {
            data: vec![data.to_string()],
            validation: None,
            overrides: Vec::new(),
            convention: Convention::Own,
            missing: Missing::default(),
            windows: None,
            validation_share: Fractions::default().validation,
            calibration_share: None,
            seed: 0,
        }
    }
}

/// The largest share of the rows that is set aside for thresholds where nobody says how large it is.
const MOST_CALIBRATION: f64 = 0.25;

/// The share of so many rows that is set aside for thresholds where nobody says how large it is: a tenth, but at least as many
/// rows as a calibration takes. Where that is more than a quarter of them none is: they would be lost to the training and
/// calibrate nothing.
pub fn usual_calibration(rows: usize) -> f64 {
    let least = FEWEST as f64 / rows.max(1) as f64;
    if least > MOST_CALIBRATION { 0.0 } else { least.max(Fractions::default().calibration) }
}

impl From<ProfileError> for DataError {
    fn from(error: ProfileError) -> Self {
        DataError::Profile(Box::new(error))
    }
}

/// The key under which a checkpoint's metadata say what became of missing values.
pub const MISSING: &str = "missing";

/// What becomes of missing values, for a checkpoint's metadata.
///
/// # Panics
/// Never: it is plain data.
pub fn missing_as_text(missing: &Missing) -> String {
    serde_json::to_string(missing).expect("plain data becomes JSON")
}

/// What became of missing values when a checkpoint was trained; those of before that was recorded were refused.
pub fn missing_of(metadata: &BTreeMap<String, String>) -> Missing {
    metadata.get(MISSING).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// What a training can do about a missing value.
fn missing_advice(error: &TableError) -> &'static str {
    if error.is_missing_value() { ", or say what to do: --missing drop, previous, median or a number" } else { "" }
}

/// Reads files or folders, or makes the built-in set of that name where there is no such file.
///
/// # Errors
/// As [`Table::read_all`].
pub fn read_or_generate(data: &[String], options: &ReadOptions, seed: u64) -> Result<Table, TableError> {
    if let [name] = data
        && !std::path::Path::new(name).exists()
        && let Some(table) = builtin::generate(name, BUILTIN_ROWS, seed)
    {
        return table.without_columns(&options.ignore);
    }
    Table::read_all(data, options)
}

/// The columns that a flow models, of a table as it was read.
///
/// # Errors
/// As [`Recipe::table`].
pub fn columns_of(recipe: Option<&Recipe>, table: Table) -> Result<Table, flow_export::Error> {
    match recipe {
        Some(recipe) => recipe.table(table),
        None => Ok(table),
    }
}

impl Data {
    /// Reads, profiles and splits.
    ///
    /// # Errors
    /// Whatever is wrong with the rows.
    pub fn load(source: &Source) -> Result<Data, DataError> {
        let mut reading = KindOverride::read_options(&source.overrides, source.missing.clone());
        let table = read_or_generate(&source.data, &reading, source.seed)?;
        reading.missing = table.missing_elsewhere().clone();
        // What is a value here is one there, too.
        reading.keep = table.names().to_vec();
        let recipe = source
            .windows
            .as_ref()
            .map(|Windows { length, stride, features }| Recipe::over(&table, *length, *stride, features));
        let table = columns_of(recipe.as_ref(), table)?;
        let validation = if source.validation.is_some() { 0.0 } else { source.validation_share };
        let split = |calibration, correlation| {
            let fractions = Fractions { validation, calibration };
            match (&recipe, table.time()) {
                (Some(recipe), time) => Split::of_windows(&table.rows_of_file(), recipe.length.into(), time, fractions),
                (None, Some(time)) => Split::by_time(time, correlation, fractions),
                (None, None) => Split::new(table.rows(), correlation, fractions, None, source.seed),
            }
            .map_err(|error| DataError::Split { path: table.source().to_owned(), source: error })
        };
        // Of windows some are left out between the parts, so that it takes more of them.
        let enough = |&share: &f64| {
            validation + share < 1.0 && split(share, 0.0).is_ok_and(|split| split.calibration.len() >= FEWEST)
        };
        let calibration = match (source.convention, source.calibration_share) {
            (Convention::Peers, _) => 0.0,
            (Convention::Own, Some(share)) => share,
            (Convention::Own, None) => {
                [usual_calibration(table.rows()), MOST_CALIBRATION].into_iter().find(enough).unwrap_or(0.0)
            }
        };
        split(calibration, 0.0)?; // Too few rows are told before anything is said of their columns.
        // Kinds are stated of all rows: checked there once, with row numbers of the file, and kept for the training rows.
        let whole = Profile::of(&table, &source.overrides, source.convention)?;
        let split = split(calibration, whole.correlation())?;
        let mut notes = table.notes().to_vec();
        let other = match &source.validation {
            Some(path) => {
                let seed = source.seed.wrapping_add(1);
                let other = read_or_generate(std::slice::from_ref(path), &reading, seed)?;
                let other = columns_of(recipe.as_ref(), other)?.matching(table.names())?;
                notes.extend(other.notes().iter().map(|note| format!("validation: {note}")));
                Some(other)
            }
            None => None,
        };
        if source.convention == Convention::Own && source.calibration_share.is_none() && split.calibration.is_empty() {
            notes.push(format!(
                "no rows are set aside to calibrate alarms with: it takes {FEWEST}, too many of {}",
                table.rows()
            ));
        }
        let every = times::every(&table, None);
        let [train, validation, calibration] = table.into_parts(&split);
        let validation = other.unwrap_or(validation);
        let calibration = (!split.calibration.is_empty()).then_some(calibration);
        let profile = whole.of_part(&train, &source.overrides, source.convention)?;
        Ok(Data { train, validation, calibration, profile, split: split.reason, notes, reading, every, recipe })
    }

    /// Leaves out the validation rows with a value where its column, as the training rows have it, has no density at all: one
    /// of them would weigh more than all others. Says which, if there are any.
    ///
    /// # Errors
    /// If none is left.
    pub fn leave_out_unsupported(&mut self, columns: &[Column]) -> Result<Option<String>, DataError> {
        let Some(Unsupported { kept, first }) = unsupported(columns, &self.validation) else { return Ok(None) };
        let rows = self.validation.rows();
        let said = format!("{} of {rows} validation rows are left out, {first}", rows - kept.len());
        if kept.is_empty() {
            return Err(DataError::Outside(said));
        }
        self.validation = self.validation.part(&kept);
        Ok(Some(said))
    }
}

/// Rows of a table of which some lie where a column has no density.
pub struct Unsupported {
    /// The others.
    pub kept: Vec<usize>,
    /// The first of them, and what to do, in words.
    pub first: String,
}

/// Which rows lie where one of these columns has no density, such as a 0 in a positive one; `None` where none does.
pub fn unsupported(columns: &[Column], table: &Table) -> Option<Unsupported> {
    let outside = |row: &[f32]| columns.iter().zip(row).position(|(column, &x)| column.is_outside(x));
    let found: Vec<Option<usize>> = table.iter().map(outside).collect();
    let (row, column) = found.iter().enumerate().find_map(|(i, column)| Some((i, (*column)?)))?;
    let (name, value) = (&columns[column].name, table.row(row)[column]);
    let first = format!(
        "the first of them row {} of {}: {name} is {value} there, where the training rows have no density; if that is usual, \
         --column {name}:continuous",
        table.rows_of_file()[row] + 1,
        table.source(),
    );
    Some(Unsupported { kept: (0..found.len()).filter(|&i| found[i].is_none()).collect(), first })
}

#[cfg(test)]
mod tests {
    use super::usual_calibration;

    #[test]
    fn rows_that_could_calibrate_nothing_are_not_set_aside() {
        for (rows, aside) in [(0, 0), (3, 0), (199, 0), (200, 50), (300, 50), (500, 50), (745, 75), (20_514, 2051)] {
            assert_eq!((rows as f64 * usual_calibration(rows)).round() as usize, aside, "of {rows}");
        }
    }
}
