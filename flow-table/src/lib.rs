//! Tables of sensor data: readers, column kinds, splits, metrics and plots.
//!
//! A host library that knows nothing of flows. Its parts, in the order in which a training run uses them:
//!
//! - [`Table`]: rows of numbers with column names, read from CSV as people have it, or made by [`builtin`];
//! - [`Profile`]: statistics of each column and its detected or stated kind;
//! - [`Split`]: rows for training, validation and calibration, never the same row twice;
//! - [`metrics`]: summaries of log-densities, ranking quality, distances between samples;
//! - [`plot`]: the pictures of a report, as SVG text;
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
pub mod builtin;
mod delimiter;
mod error;
mod kind;
mod labels;
pub mod metrics;
mod number;
pub mod plot;
mod profile;
mod read_csv;
mod records;
mod schema;
mod split;
mod stats;
mod suggest;
mod table;
mod write_csv;

pub use error::{CellProblem, TableError};
pub use kind::{Convention, DetectedKind, KindError, KindOverride, RequestedKind, ignored_column};
pub use labels::read_labels;
pub use profile::{ColumnProfile, Profile, ProfileError};
pub use read_csv::ReadOptions;
pub use split::{Fractions, Manner, Split, SplitError};
pub use stats::ColumnStats;
pub use suggest::did_you_mean;
pub use table::Table;
pub use write_csv::write_csv;
