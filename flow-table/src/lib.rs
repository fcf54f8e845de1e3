//! Tables of sensor data: readers, column kinds, splits, metrics and plots.
//!
//! A host library that knows nothing of flows. Its parts, in the order in which a training run uses them:
//!
//! - [`Table`]: rows of numbers with column names, read from CSV as people have it, Parquet, Arrow IPC or NumPy's files,
//!   or made by [`builtin`];
//! - [`Profile`]: statistics of each column, its detected or stated kind, and values with a mass of their own;
//! - [`Split`]: rows for training, validation and calibration, never the same row twice;
//! - [`metrics`]: summaries of log-densities, ranking quality, distances between samples; [`ranking`]: the same ranking
//!   quality with intervals;
//! - [`plot`]: the pictures of a report, as SVG text; [`html`]: what a report is made of beside them;
//! - [`atomic`]: files that are either the old one or the whole new one.
//!
//! ```
//! use flow_table::{Convention, Fractions, Profile, Split, builtin};
//!
//! let table = builtin::generate("two-moons", 1000, 7).unwrap();
//! let profile = Profile::of(&table, &[], Convention::Own)?;
//! assert_eq!(profile.columns()[0].kind.as_str(), "continuous");
//! let split = Split::new(table.rows(), profile.correlation(), Fractions::default(), None, 7)?;
//! assert_eq!(split.train.len() + split.validation.len() + split.calibration.len(), 1000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod atomic;
mod atoms;
mod builder;
pub mod builtin;
mod delimiter;
mod derived;
mod detect;
mod error;
mod escape;
mod files;
mod folder;
pub mod html;
mod kind;
mod labels;
mod lattice;
pub mod metrics;
mod missing;
mod npy_header;
mod number;
pub mod plot;
mod profile;
mod profile_error;
pub mod ranking;
mod read;
mod read_arrow;
mod read_csv;
mod read_npy;
mod read_npz;
mod read_parquet;
mod record_batch;
mod records;
mod request;
mod schema;
mod show;
mod split;
mod stated;
mod stats;
pub mod suggest;
mod table;
mod tally;
mod time;
mod turns;
mod write_csv;

pub use error::{CellProblem, TableError};
pub use kind::{ColumnKind, Convention};
pub use labels::read_labels;
pub use missing::Missing;
pub use number::is_missing;
pub use profile::{ColumnProfile, Profile};
pub use profile_error::ProfileError;
pub use read::ReadOptions;
pub use read_csv::time_cell;
pub use request::{KindError, KindOverride, RequestedKind, ignored_column};
pub use split::{Fractions, Manner, Split, SplitError};
pub use stats::ColumnStats;
pub use suggest::did_you_mean;
pub use table::Table;
pub use time::{TimeColumn, is_name_of_time, time_of, time_text};
pub use write_csv::{csv_field, csv_number, write_csv};
