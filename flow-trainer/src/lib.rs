//! Trains a normalizing flow by exact maximum likelihood.
#![forbid(unsafe_code)]

pub mod autodiff;
pub mod backend;
pub mod evaluate;
pub mod fit;
pub mod random;
pub mod step;
pub mod train;
