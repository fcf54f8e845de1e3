//! Kinds of columns: those that can be detected, those that can be asked for, and `NAME:KIND` on a command line.

use crate::suggest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectedKind {
    /// Real numbers.
    Continuous,
    /// Whole numbers, each standing for the cell `[x, x + 1)`.
    Integer,
    /// One value only.
    Constant,
}

impl DetectedKind {
    /// The kind as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Integer => "integer",
            Self::Constant => "constant",
        }
    }
}

impl fmt::Display for DetectedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a user may say of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestedKind {
    /// The column is of this kind.
    As(DetectedKind),
    /// The column is left out.
    Ignore,
}

impl RequestedKind {
    /// Every kind by its word, in the order in which messages list them.
    pub const ALL: [(&'static str, RequestedKind); 4] = [
        ("continuous", RequestedKind::As(DetectedKind::Continuous)),
        ("integer", RequestedKind::As(DetectedKind::Integer)),
        ("constant", RequestedKind::As(DetectedKind::Constant)),
        ("ignore", RequestedKind::Ignore),
    ];
}

/// `NAME:KIND`, or `*:KIND` for every column that is not named.
///
/// ```
/// use flow_table::{DetectedKind, KindOverride, RequestedKind};
///
/// let said: KindOverride = "flow:l/s:integer".parse()?;
/// assert_eq!(said.column(), Some("flow:l/s"));
/// assert_eq!(said.kind(), RequestedKind::As(DetectedKind::Integer));
/// let error = "flow:whole".parse::<KindOverride>().unwrap_err();
/// assert_eq!(error.to_string(), "\"whole\" is no kind of column; expected one of continuous, integer, constant, ignore");
/// # Ok::<(), flow_table::KindError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindOverride {
    column: Option<String>,
    kind: RequestedKind,
}

impl KindOverride {
    /// The column's name; `None` stands for every column that is not named.
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// What was said of it.
    pub fn kind(&self) -> RequestedKind {
        self.kind
    }

    /// What `overrides` say of the column `name`: the last that names it, else the last `*`.
    pub fn of(overrides: &[KindOverride], name: &str) -> Option<RequestedKind> {
        let find = |column: Option<&str>| overrides.iter().rev().find(|o| o.column() == column).map(KindOverride::kind);
        find(Some(name)).or_else(|| find(None))
    }

    /// The columns to ignore, for [`crate::ReadOptions`] and [`crate::Table::without_columns`].
    pub fn ignored(overrides: &[KindOverride]) -> Vec<String> {
        let mut ignored: Vec<String> = Vec::new();
        for name in overrides.iter().filter_map(KindOverride::column) {
            if Self::of(overrides, name) == Some(RequestedKind::Ignore) && !ignored.iter().any(|n| n == name) {
                ignored.push(name.to_owned());
            }
        }
        ignored
    }
}

impl FromStr for KindOverride {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        let Some((name, word)) = text.rsplit_once(':').filter(|(name, _)| !name.is_empty()) else {
            return Err(KindError::Form { text: text.into() });
        };
        let word = word.trim();
        let words = || RequestedKind::ALL.iter().map(|(w, _)| *w);
        let Some((_, kind)) = RequestedKind::ALL.into_iter().find(|(w, _)| *w == word) else {
            return Err(KindError::UnknownKind {
                word: word.into(),
                hint: suggest::hint(word, words()),
                kinds: words().collect::<Vec<_>>().join(", "),
            });
        };
        if name == "*" && kind == RequestedKind::Ignore {
            return Err(KindError::IgnoreAll);
        }
        Ok(KindOverride { column: (name != "*").then(|| name.to_owned()), kind })
    }
}

/// The name in `NAME:ignore`, for commands that take columns as they were trained.
///
/// # Errors
/// What was expected, for another kind or form.
pub fn ignored_column(argument: &str) -> Result<String, String> {
    match argument.strip_suffix(":ignore") {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("expected NAME:ignore; other kinds are fixed when the flow is trained".to_owned()),
    }
}

/// A `NAME:KIND` that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KindError {
    /// No colon, or nothing before it.
    #[error("{text:?} does not say a column and its kind; expected NAME:KIND, as in pressure:continuous, or *:KIND")]
    Form {
        /// The text.
        text: String,
    },
    /// No such kind.
    #[error("{word:?} is no kind of column{hint}; expected one of {kinds}")]
    UnknownKind {
        /// The word.
        word: String,
        /// ", did you mean …?", or nothing.
        hint: String,
        /// The kinds there are.
        kinds: String,
    },
    /// `*:ignore`.
    #[error("*:ignore would leave no column; name the columns to ignore")]
    IgnoreAll,
}

/// By which rules kinds are detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convention {
    /// What suits the data: constant columns stay outside the flow.
    #[default]
    Own,
    /// As flow libraries do it, so that figures compare: a column of whole numbers is an integer column even if it has
    /// one value only, every other column is continuous, and none is constant.
    Peers,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KindOverride, String> {
        text.parse().map_err(|e: KindError| e.to_string())
    }

    #[test]
    fn the_last_word_on_a_column_counts() {
        let said: Vec<KindOverride> =
            ["*:integer", "a:ignore", "b:ignore", "b:continuous"].map(|t| parse(t).unwrap()).into();
        assert_eq!(KindOverride::ignored(&said), ["a"]);
        assert_eq!(KindOverride::of(&said, "b"), Some(RequestedKind::As(DetectedKind::Continuous)));
        assert_eq!(KindOverride::of(&said, "z"), Some(RequestedKind::As(DetectedKind::Integer)));
    }

    #[test]
    fn wrong_words_are_explained() {
        assert!(parse("pressure").unwrap_err().contains("expected NAME:KIND"));
        assert!(parse(":integer").unwrap_err().contains("expected NAME:KIND"));
        assert!(parse("a:intger").unwrap_err().contains("did you mean \"integer\"?"));
        assert!(parse("*:ignore").unwrap_err().contains("no column"));
    }
}
