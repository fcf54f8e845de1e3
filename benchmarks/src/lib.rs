//! What the workers share: the reference flows, their rows, and how a worker is told to measure.

pub mod reference;
pub mod worker;
