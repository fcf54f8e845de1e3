//! What a normalizing flow *is*: a specification, its parameters, and its computation in a small tensor language.
#![forbid(unsafe_code)]

pub mod params;
pub mod spec;
