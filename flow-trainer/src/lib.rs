//! Trains a normalizing flow by exact maximum likelihood.
//!
//! A run, in order: [`data`] reads, profiles and splits the rows; [`fit`] makes the flow's columns from them; [`start`] its
//! parameters;
//! [`step`] writes one training step as a graph, differentiated by [`autodiff`]; a [`backend`] runs it; [`train`] is the
//! loop; [`run_folder`] and [`report`] leave the result behind.
#![forbid(unsafe_code)]

pub mod auto;
pub mod autodiff;
pub mod backend;
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
pub mod run_folder;
pub mod smoothing;
pub mod start;
pub mod step;
pub mod train;
