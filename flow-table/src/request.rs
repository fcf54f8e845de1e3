//! What a user may say of a column: `NAME:KIND` on a command line.

use crate::missing::Missing;
use crate::read::ReadOptions;
use crate::suggest;
use std::str::FromStr;

/// What a user may say of a column. Parameters that are not stated are found in the data.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestedKind {
    /// `continuous`.
    Continuous,
    /// `positive`.
    Positive,
    /// `bounded` or `bounded=LOW..HIGH`.
    Bounded {
        /// Smallest and largest value.
        limits: Option<[f32; 2]>,
    },
    /// `integer`.
    Integer,
    /// `lattice`, `lattice=STEP` or `lattice=STEP@ORIGIN`.
    Lattice {
        /// Distance between neighbours.
        step: Option<f32>,
        /// A value of the lattice.
        origin: Option<f32>,
    },
    /// `circular`, `circular=PERIOD` or `circular=FROM..TO`.
    Circular {
        /// Length of a turn.
        period: Option<f32>,
        /// Where a turn starts.
        origin: Option<f32>,
    },
    /// `constant`.
    Constant,
    /// `context`.
    Context,
    /// `ignore`: the column is left out.
    Ignore,
}

impl RequestedKind {
    /// Every kind as it is written, in the order in which messages list them.
    pub const FORMS: [&'static str; 9] = [
        "continuous",
        "positive",
        "bounded[=LOW..HIGH]",
        "integer",
        "lattice[=STEP[@ORIGIN]]",
        "circular[=PERIOD or FROM..TO]",
        "constant",
        "context",
        "ignore",
    ];
}

impl FromStr for RequestedKind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        let (word, parameter) = match text.split_once('=') {
            Some((word, parameter)) => (word.trim(), Some(parameter)),
            None => (text.trim(), None),
        };
        let bad = |expected: &'static str| KindError::Parameter { text: text.trim().into(), expected };
        let plain = |kind| if parameter.is_none() { Ok(kind) } else { Err(bad("no parameter")) };
        match word {
            "continuous" => plain(Self::Continuous),
            "positive" => plain(Self::Positive),
            "integer" => plain(Self::Integer),
            "constant" => plain(Self::Constant),
            "context" => plain(Self::Context),
            "ignore" => plain(Self::Ignore),
            "bounded" => {
                let wrong = || bad("LOW..HIGH with LOW below HIGH, as in bounded=0..100");
                let limits = parameter.map(|p| span(p).ok_or_else(wrong)).transpose()?;
                Ok(Self::Bounded { limits })
            }
            "lattice" => {
                let wrong = || bad("STEP above 0 or STEP@ORIGIN, as in lattice=0.5 or lattice=0.5@0.25");
                let Some(parameter) = parameter else { return Ok(Self::Lattice { step: None, origin: None }) };
                let (step, origin) = match parameter.split_once('@') {
                    Some((step, origin)) => (step, Some(number(origin).ok_or_else(wrong)?)),
                    None => (parameter, None),
                };
                let step = number(step).filter(|s| *s > 0.0).ok_or_else(wrong)?;
                Ok(Self::Lattice { step: Some(step), origin })
            }
            "circular" => {
                let wrong = || bad("PERIOD above 0 or FROM..TO, as in circular=360 or circular=-180..180");
                let Some(parameter) = parameter else { return Ok(Self::Circular { period: None, origin: None }) };
                if parameter.contains("..") {
                    let [from, to] = span(parameter).ok_or_else(wrong)?;
                    return Ok(Self::Circular { period: Some(to - from), origin: Some(from) });
                }
                let period = number(parameter).filter(|p| *p > 0.0).ok_or_else(wrong)?;
                Ok(Self::Circular { period: Some(period), origin: None })
            }
            _ => Err(KindError::UnknownKind {
                word: word.into(),
                hint: suggest::hint(word, Self::FORMS.iter().map(|form| form.split('[').next().unwrap_or(form))),
                kinds: Self::FORMS.join(", "),
            }),
        }
    }
}

fn number(text: &str) -> Option<f32> {
    text.trim().parse().ok().filter(|v: &f32| v.is_finite())
}

/// `LOW..HIGH`, with a finite difference above 0.
fn span(text: &str) -> Option<[f32; 2]> {
    let (low, high) = text.split_once("..")?;
    let (low, high) = (number(low)?, number(high)?);
    (high > low && (high - low).is_finite()).then_some([low, high])
}

/// `NAME:KIND`, or `*:KIND` for every column that is not named.
///
/// ```
/// use flow_table::{KindOverride, RequestedKind};
///
/// let said: KindOverride = "flow:l/s:bounded=0..40".parse()?;
/// assert_eq!(said.column(), Some("flow:l/s"));
/// assert_eq!(said.kind(), RequestedKind::Bounded { limits: Some([0.0, 40.0]) });
/// let error = "flow:whole".parse::<KindOverride>().unwrap_err();
/// assert!(error.to_string().starts_with("\"whole\" is no kind of column; expected one of continuous, positive, "));
/// # Ok::<(), flow_table::KindError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
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

    /// How to read the table of which this is said: columns to ignore are left out, and those whose kind is stated are
    /// values, even where they look like the time of each row.
    pub fn read_options(overrides: &[KindOverride], missing: Missing) -> ReadOptions {
        let ignore = Self::ignored(overrides);
        let named = overrides.iter().filter_map(KindOverride::column).filter(|name| !ignore.iter().any(|n| n == name));
        ReadOptions { keep: named.map(str::to_owned).collect(), ignore, missing }
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
        let Some((name, kind)) = text.rsplit_once(':').filter(|(name, _)| !name.is_empty()) else {
            return Err(KindError::Form { text: text.into() });
        };
        let kind = kind.parse()?;
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
    /// A kind with parameters that it does not take.
    #[error("{text:?}: after the kind, expected {expected}")]
    Parameter {
        /// The kind and its parameter.
        text: String,
        /// What the kind takes.
        expected: &'static str,
    },
    /// `*:ignore`.
    #[error("*:ignore would leave no column; name the columns to ignore")]
    IgnoreAll,
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
        assert_eq!(KindOverride::of(&said, "b"), Some(RequestedKind::Continuous));
        assert_eq!(KindOverride::of(&said, "z"), Some(RequestedKind::Integer));
    }

    #[test]
    fn parameters_are_read() {
        let kind = |text: &str| parse(&format!("a:{text}")).unwrap().kind();
        assert_eq!(kind("bounded"), RequestedKind::Bounded { limits: None });
        assert_eq!(kind("bounded=-1..1"), RequestedKind::Bounded { limits: Some([-1.0, 1.0]) });
        assert_eq!(kind("bounded=0...5"), RequestedKind::Bounded { limits: Some([0.0, 0.5]) });
        assert_eq!(kind("lattice=0.5"), RequestedKind::Lattice { step: Some(0.5), origin: None });
        assert_eq!(kind("lattice=2@-1"), RequestedKind::Lattice { step: Some(2.0), origin: Some(-1.0) });
        assert_eq!(kind("circular=24"), RequestedKind::Circular { period: Some(24.0), origin: None });
        assert_eq!(kind("circular=-180..180"), RequestedKind::Circular { period: Some(360.0), origin: Some(-180.0) });
        assert_eq!(kind(" context "), RequestedKind::Context);
    }

    #[test]
    fn wrong_words_are_explained() {
        assert!(parse("pressure").unwrap_err().contains("expected NAME:KIND"));
        assert!(parse(":integer").unwrap_err().contains("expected NAME:KIND"));
        assert!(parse("a:intger").unwrap_err().contains("did you mean \"integer\"?"));
        assert!(parse("a:latice=2").unwrap_err().contains("did you mean \"lattice\"?"));
        assert!(parse("*:ignore").unwrap_err().contains("no column"));
    }

    #[test]
    fn wrong_parameters_are_explained() {
        for text in ["bounded=1", "bounded=1..1", "bounded=2..1", "bounded=0..inf", "bounded=-3e38..3e38"] {
            assert!(parse(&format!("a:{text}")).unwrap_err().contains("as in bounded=0..100"), "{text}");
        }
        for text in ["lattice=0", "lattice=-1", "lattice=", "lattice=1@x", "lattice=nan"] {
            assert!(parse(&format!("a:{text}")).unwrap_err().contains("as in lattice=0.5 or"), "{text}");
        }
        for text in ["circular=0", "circular=360..0", "circular=inf"] {
            assert!(parse(&format!("a:{text}")).unwrap_err().contains("as in circular=360 or"), "{text}");
        }
        assert!(parse("a:integer=1").unwrap_err().contains("expected no parameter"));
    }
}
