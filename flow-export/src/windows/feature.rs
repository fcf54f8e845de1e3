//! What a window says of a channel, by the words of the command line and of the columns.

use flow_nostd::layout::{CHANGE, CREST, FeatureRecord, LAG, MAX, MEAN, MIN, RANGE, SLOPE, STD, VALUE};
use flow_table::did_you_mean;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use zerocopy::little_endian::U16;

/// What a window says of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Feature {
    /// The newest value.
    Value,
    /// The value so many rows before it.
    Lag(u16),
    /// Mean.
    Mean,
    /// Standard deviation.
    Std,
    /// Slope of the least-squares line, per row.
    Slope,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Largest less smallest value.
    Range,
    /// Largest deviation from the mean in standard deviations.
    Crest,
    /// The newest value less the value so many rows before it.
    Change(u16),
}

impl Feature {
    pub(super) fn of(record: &FeatureRecord) -> Feature {
        match record.kind.get() {
            LAG => Feature::Lag(record.lag.get()),
            MEAN => Feature::Mean,
            STD => Feature::Std,
            SLOPE => Feature::Slope,
            MIN => Feature::Min,
            MAX => Feature::Max,
            RANGE => Feature::Range,
            CREST => Feature::Crest,
            CHANGE => Feature::Change(record.lag.get()),
            // The engine accepts no other kind.
            _ => Feature::Value,
        }
    }

    pub(super) fn record(self) -> FeatureRecord {
        let (kind, lag) = match self {
            Feature::Value => (VALUE, 0),
            Feature::Lag(rows) => (LAG, rows),
            Feature::Mean => (MEAN, 0),
            Feature::Std => (STD, 0),
            Feature::Slope => (SLOPE, 0),
            Feature::Min => (MIN, 0),
            Feature::Max => (MAX, 0),
            Feature::Range => (RANGE, 0),
            Feature::Crest => (CREST, 0),
            Feature::Change(rows) => (CHANGE, rows),
        };
        FeatureRecord { kind: U16::new(kind), lag: U16::new(lag) }
    }

    /// What is added to a channel's name.
    pub(super) fn suffix(&self) -> String {
        match self {
            Feature::Value => String::new(),
            other => format!(".{other}"),
        }
    }
}

/// The features of the window as a whole, by their names.
const NAMES: [(&str, Feature); 8] = [
    ("value", Feature::Value),
    ("mean", Feature::Mean),
    ("std", Feature::Std),
    ("slope", Feature::Slope),
    ("min", Feature::Min),
    ("max", Feature::Max),
    ("range", Feature::Range),
    ("crest", Feature::Crest),
];

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, NAMES.iter().find(|(_, feature)| feature == self)) {
            (_, Some((name, _))) => f.write_str(name),
            (Feature::Lag(rows), None) => write!(f, "lag{rows}"),
            (Feature::Change(rows), None) => write!(f, "change{rows}"),
            (_, None) => Ok(()),
        }
    }
}

impl FromStr for Feature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || NAMES.iter().map(|(name, _)| *name);
        if let Some((_, feature)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*feature);
        }
        let rows = |word| text.strip_prefix(word)?.parse().ok().filter(|rows: &u16| *rows > 0);
        if let Some(feature) = rows("lag").map(Feature::Lag).or_else(|| rows("change").map(Feature::Change)) {
            return Ok(feature);
        }
        let hint = did_you_mean(text, names()).map_or(String::new(), |name| format!(", did you mean {name}?"));
        Err(format!("no feature{hint}; expected {}, lagN or changeN", names().collect::<Vec<_>>().join(", ")))
    }
}

impl TryFrom<String> for Feature {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Feature> for String {
    fn from(feature: Feature) -> String {
        feature.to_string()
    }
}
