//! The rows of a run: read or generated, profiled, and split into training, validation and calibration.

use flow_table::{Convention, Fractions, KindOverride, Profile, ProfileError, ReadOptions, Split, SplitError, Table};
use flow_table::{TableError, builtin};

/// Rows that a built-in set has, before it is split.
const BUILTIN_ROWS: usize = 20_000;

/// Where the rows come from and what is said of them.
#[derive(Clone, Debug)]
pub struct Source {
    /// A CSV file, `-` for standard input, or the name of a built-in set.
    pub data: String,
    /// Validation rows; without it they are split off `data`.
    pub validation: Option<String>,
    /// Kinds of columns that were stated.
    pub overrides: Vec<KindOverride>,
    /// How kinds are detected.
    pub convention: Convention,
    /// Seed of the split and of a built-in set.
    pub seed: u64,
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
    /// The training rows' columns, described.
    pub profile: Profile,
    /// How the rows were split and why.
    pub split: String,
}

/// Rows that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Its kinds do not fit it.
    #[error(transparent)]
    Profile(Box<ProfileError>),
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
        let (validation, overrides, convention) = (None, Vec::new(), Convention::Own);
        Source { data: data.to_string(), validation, overrides, convention, seed: 0 }
    }
}

impl From<ProfileError> for DataError {
    fn from(error: ProfileError) -> Self {
        DataError::Profile(Box::new(error))
    }
}

/// Reads a CSV file, or makes the built-in set of that name where there is no such file.
///
/// # Errors
/// As [`Table::read`].
pub fn read_or_generate(data: &str, ignore: Vec<String>, seed: u64) -> Result<Table, TableError> {
    if !std::path::Path::new(data).exists()
        && let Some(table) = builtin::generate(data, BUILTIN_ROWS, seed)
    {
        return table.without_columns(&ignore);
    }
    Table::read_with(data, &ReadOptions { ignore })
}

impl Data {
    /// Reads, profiles and splits.
    ///
    /// # Errors
    /// Whatever is wrong with the rows.
    pub fn load(source: &Source) -> Result<Data, DataError> {
        let ignore = KindOverride::ignored(&source.overrides);
        let table = read_or_generate(&source.data, ignore.clone(), source.seed)?;
        let fractions = Fractions {
            validation: if source.validation.is_some() { 0.0 } else { Fractions::default().validation },
            calibration: match source.convention {
                Convention::Own => Fractions::default().calibration,
                Convention::Peers => 0.0,
            },
        };
        let split = |correlation| {
            Split::new(table.rows(), correlation, fractions, None, source.seed)
                .map_err(|error| DataError::Split { path: table.source().to_owned(), source: error })
        };
        split(0.0)?; // Too few rows are told before anything is said of their columns.
        // Kinds that contradict the data are told of all rows, with their row numbers in the file.
        let whole = Profile::of(&table, &source.overrides, source.convention)?;
        let split = split(whole.correlation())?;
        let train = table.select(&split.train);
        let validation = match &source.validation {
            Some(path) => read_or_generate(path, ignore, source.seed.wrapping_add(1))?.matching(table.names())?,
            None => table.select(&split.validation),
        };
        let calibration = (!split.calibration.is_empty()).then(|| table.select(&split.calibration));
        let profile = Profile::of(&train, &source.overrides, source.convention)?;
        Ok(Data { train, validation, calibration, profile, split: split.reason.clone() })
    }
}
