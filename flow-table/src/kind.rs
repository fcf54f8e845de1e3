//! Kinds of columns, and the conventions by which they are detected.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ColumnKind {
    /// Real numbers.
    Continuous,
    /// Numbers above 0 whose logarithm is the natural scale; 0 itself only as a value with a mass of its own.
    Positive,
    /// Numbers between two limits.
    Bounded {
        /// Smallest value.
        low: f32,
        /// Largest value.
        high: f32,
    },
    /// Whole numbers, each standing for the cell `[x, x + 1)`.
    Integer,
    /// Numbers `origin + k · step`, each standing for the cell around it.
    Lattice {
        /// A value of the lattice.
        origin: f32,
        /// Distance between neighbours; positive.
        step: f32,
    },
    /// Angles: `x` and `x + period` are the same.
    Circular {
        /// Where a turn starts.
        origin: f32,
        /// Length of a turn; positive.
        period: f32,
    },
    /// One value, or all but a few rows of it.
    Constant,
    /// Values that are given, and on which the density of the other columns depends.
    Context,
}

impl ColumnKind {
    /// The kind as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Positive => "positive",
            Self::Bounded { .. } => "bounded",
            Self::Integer => "integer",
            Self::Lattice { .. } => "lattice",
            Self::Circular { .. } => "circular",
            Self::Constant => "constant",
            Self::Context => "context",
        }
    }

    /// Whether the values are cells: likelihoods are log-masses.
    pub fn is_discrete(self) -> bool {
        matches!(self, Self::Integer | Self::Lattice { .. })
    }

    /// Whether a flow learns the column's density: all but constant and context columns.
    pub fn is_learned(self) -> bool {
        !matches!(self, Self::Constant | Self::Context)
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// By which rules kinds are detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// What suits the data: constant columns stay outside the flow, the steps of sensors and values with a mass of
    /// their own are found, and so are numbers that live on a logarithmic scale or on a circle.
    #[default]
    Own,
    /// As flow libraries do it, so that figures compare: a column of whole numbers is an integer column even if it has
    /// one value only, every other column is continuous, none is constant, and no value has a mass of its own.
    Peers,
}
