//! Kinds that do not fit the data, said so that they can be mended.

use crate::kind::ColumnKind;

/// Kinds that do not fit the data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A kind was stated for a column that is not there.
    #[error("{path}: has no column {name:?}{hint}; its columns are {columns}")]
    UnknownColumn {
        /// The table.
        path: String,
        /// The name.
        name: String,
        /// ", did you mean …?", or nothing.
        hint: String,
        /// The columns there are.
        columns: String,
    },
    /// A cell that contradicts the stated kind.
    #[error(
        "{path}, row {row}, column {name:?}: {value} contradicts the kind {kind}: expected {expected}; \
        {remedy}, or say {name}:continuous", remedy = remedy(kind)
    )]
    Contradiction {
        /// The table.
        path: String,
        /// Row of the data, from 1, rows that were left out included.
        row: usize,
        /// Name of the column.
        name: String,
        /// The cell.
        value: String,
        /// The stated kind.
        kind: ColumnKind,
        /// What the kind asks for.
        expected: String,
    },
    /// A kind was stated without its parameters, and the data do not show them.
    #[error(
        "{path}, column {name:?}: {found}, but the kind {kind} needs its parameters: \
        state them, as in {name}:{example}, or leave the kind out to have it detected"
    )]
    OpenParameter {
        /// The table.
        path: String,
        /// Name of the column.
        name: String,
        /// The stated kind.
        kind: &'static str,
        /// What the data show instead.
        found: String,
        /// A kind with its parameters.
        example: &'static str,
    },
    /// Nothing varies.
    #[error("{path}: no column varies (rows: {rows}); expected at least one that takes different values")]
    AllConstant {
        /// The table.
        path: String,
        /// Its rows.
        rows: usize,
    },
    /// Every column is constant, context, or ignored.
    #[error(
        "{path}: no column is left to learn from; at least one must be neither constant nor context nor ignored: \
        name its kind, as in --column NAME:continuous"
    )]
    NothingLeft {
        /// The table.
        path: String,
    },
}

/// What to do about a cell that contradicts its column's kind.
fn remedy(kind: &ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Bounded { .. } => "state limits that hold it, as in bounded=LOW..HIGH",
        ColumnKind::Lattice { .. } => "leave the step out to have it found",
        _ => "leave the kind out to have it detected",
    }
}
