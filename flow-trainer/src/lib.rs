//! Trains a normalizing flow by exact maximum likelihood.
//!
//! A run, in order: [`data`] reads, profiles and splits the rows; [`fit`] makes the flow's columns from them; [`start`] its
//! parameters;
//! [`step`] writes one training step as graphs, differentiated by [`autodiff`]; a [`stepper`] takes it on one thread or
//! several, on a [`backend`]; [`train`] is the
//! loop over [`batch`]es by a [`schedule`]; [`saver`] keeps its [`state`] and [`request`] what was asked for, so that it can
//! be resumed; [`run_folder`] and [`report`] leave the result behind.
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
pub mod gmm;
pub mod model;
pub mod parsimony;
pub mod progress;
pub mod random;
pub mod report;
pub mod request;
pub mod run_folder;
pub mod saver;
pub mod schedule;
pub mod seeds;
pub mod smoothing;
pub mod start;
pub mod state;
pub mod step;
pub mod stepper;
pub mod train;
pub mod tune;
