//! Trains a normalizing flow by exact maximum likelihood.
//!
//! A run, in order: [`data`] reads, profiles and splits the rows; [`fit`] makes the flow's columns from them; [`start`] its
//! parameters;
//! [`step`] writes one training step as graphs, differentiated by [`autodiff`]; a [`stepper`] takes it on one thread or
//! several, on a [`backend`]; [`train`] is the
//! loop over [`batch`]es by a [`schedule`]; [`saver`] keeps its [`state`] and [`request`] what was asked for, so that it can
//! be resumed; [`run_folder`] and [`report`] leave the result behind. [`judged`] and [`importance`] say what it makes of other
//! rows.
//!
//! The same without the command line, in [`training`]:
//!
//! ```
//! use flow_trainer::backend::{Choice, Device};
//! use flow_trainer::data::read_or_generate;
//! use flow_trainer::model::{Choices, Model};
//! use flow_trainer::training::Training;
//! use flow_table::ReadOptions;
//!
//! # let folder = tempfile::tempdir()?;
//! # let run = folder.path().join("run");
//! let trained = Training {
//!     model: Model::Realnvp, // Model::Auto tries all.
//!     choices: Choices { layers: Some(2), hidden: Some(vec![8]), epochs: Some(2), ..Choices::default() },
//!     backend: Choice { device: Device::Tract, ..Choice::default() },
//!     ..Training::on("two-moons") // Or the path of a CSV.
//! }
//! .run(&mut |_| {})?;
//! let unseen = read_or_generate(&["two-moons".into()], &ReadOptions::default(), 1)?;
//! let summary = trained.evaluate(&unseen)?;
//! println!("{:.2} ± {:.2} nats a row", summary.mean, summary.std_error);
//! trained.save(&run)?; // A run folder: flow-trainer evaluate and flow-export freeze take it.
//! std::fs::write(run.join("moons.flow"), trained.freeze()?)?;
//! # assert!(summary.mean > -3.5 && run.join("checkpoint.safetensors").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod auto;
pub mod autodiff;
pub mod backend;
pub mod batch;
pub mod budget;
pub mod cli;
pub mod data;
pub mod distances;
pub mod em;
pub mod evaluate;
pub mod fit;
pub mod fitted;
pub mod front;
pub mod gmm;
pub mod importance;
pub mod judged;
pub mod model;
pub mod parsimony;
pub mod progress;
pub mod random;
pub mod report;
pub mod request;
pub mod resident;
pub mod run_folder;
pub mod saver;
pub mod schedule;
pub mod search;
pub mod seeds;
pub mod smoothing;
pub mod start;
pub mod state;
pub mod step;
pub mod stepper;
pub mod train;
pub mod training;
pub mod tune;
