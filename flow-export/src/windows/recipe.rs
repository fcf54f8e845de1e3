//! How columns come from the channels of a table: windows of so many rows, and what each says.

use super::Feature;
use crate::error::Error;
use crate::frozen::{Frozen, column_names};
use crate::times::usual_step;
use flow_nostd::layout::{ChannelRecord, FeatureRecord, WINDOW_MAX, WindowRecord};
use flow_nostd::{FormatError, Windowing};
use flow_table::Table;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U16, U64};

/// The key under which a checkpoint's metadata hold the recipe.
const METADATA: &str = "windows";

/// Most rows of a window.
pub const LONGEST: u16 = WINDOW_MAX;

/// How the columns come from the channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Rows of a window, 2 to [`LONGEST`].
    pub length: u16,
    /// Rows from one window to the next, at least 1.
    pub stride: u16,
    /// The features of every channel, ascending.
    pub features: Vec<Feature>,
    /// Names of the raw channels.
    pub channels: Vec<String>,
    /// Microseconds from one row to the next in the training rows, their median; 0 where no time was known.
    pub step: u64,
    /// The smallest and the largest value that each channel's sensor can give; none where nothing is said of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<[f32; 2]>,
}

impl Recipe {
    /// Windows of `length` rows, every `stride` rows, over all columns of a table.
    pub fn over(table: &Table, length: u16, stride: u16, features: &[Feature]) -> Recipe {
        let mut features = features.to_vec();
        features.sort_unstable();
        features.dedup();
        let step = table.time().and_then(|time| usual_step(time.times())).unwrap_or(0);
        Recipe { length, stride, features, channels: table.names().to_vec(), step, ranges: Vec::new() }
    }

    /// The recipe in the metadata of a checkpoint, if it has one; `run` is the folder that it is from.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn of_metadata(metadata: &BTreeMap<String, String>, run: &Path) -> Result<Option<Recipe>, Error> {
        let read = |text: &String| serde_json::from_str(text);
        metadata.get(METADATA).map(read).transpose().map_err(|source| Error::Recipe { path: run.to_owned(), source })
    }

    /// The time from one window to the next, where it is known.
    pub fn every(&self) -> Option<Duration> {
        let step = self.step.saturating_mul(self.stride.into());
        (step > 0).then(|| Duration::from_micros(step))
    }

    /// What is wrong with features of which one follows from the others: their density has no bound.
    pub fn degenerate(&self) -> Option<String> {
        let has = |feature| self.features.contains(&feature);
        let follows = self.features.iter().find(|feature| match feature {
            Feature::Range => has(Feature::Min) && has(Feature::Max),
            Feature::Change(rows) => has(Feature::Value) && has(Feature::Lag(*rows)),
            _ => false,
        });
        if let Some(feature) = follows {
            return Some(format!("{feature} follows from the other features; leave one of them out"));
        }
        let (features, length) = (self.features.len(), usize::from(self.length));
        (features > length).then(|| {
            format!(
                "{features} features of {length} values follow from each other; take longer windows or fewer features"
            )
        })
    }

    /// What makes other columns of the same rows, or of other rows, than another recipe does; nothing where they are the same,
    /// in whatever order.
    pub(super) fn difference(&self, other: &Recipe) -> Option<String> {
        let all = [f32::MIN, f32::MAX];
        let channels = |recipe: &Recipe| -> BTreeMap<String, String> {
            let range = |j: usize| format!("{:?}", recipe.ranges.get(j).unwrap_or(&all));
            recipe.channels.iter().cloned().enumerate().map(|(j, name)| (name, range(j))).collect()
        };
        if (self.length, self.stride, &self.features) != (other.length, other.stride, &other.features) {
            return Some(format!("{other}; the first flow's: {self}"));
        }
        let (own, its) = (channels(self), channels(other));
        let unlike = own
            .iter()
            .find(|(name, range)| its.get(*name) != Some(range))
            .or_else(|| its.iter().find(|(name, _)| !own.contains_key(*name)))?;
        Some(format!("the channel {:?} is in one of them alone, or has another --range", unlike.0))
    }

    /// Adds the recipe to the metadata of a checkpoint.
    ///
    /// # Panics
    /// Never: it is plain data.
    pub fn to_metadata(&self, metadata: &mut BTreeMap<String, String>) {
        metadata.insert(METADATA.to_owned(), serde_json::to_string(self).expect("plain data becomes JSON"));
    }

    /// The recipe in a frozen flow, if it has one. The channels' names are those of its columns without the features'.
    ///
    /// # Errors
    /// A file that is no frozen flow, or whose section `WIND` breaks a rule.
    pub fn of_file(frozen: &Frozen) -> Result<Option<Recipe>, Error> {
        let flow = frozen.flow()?;
        let windowing = match Windowing::of(&flow) {
            Ok(windowing) => windowing,
            Err(FormatError::MissingSection { .. }) => return Ok(None),
            Err(source) => return Err(Error::Format { path: frozen.path().to_owned(), source }),
        };
        let features: Vec<Feature> = windowing.feature_records().iter().map(Feature::of).collect();
        let suffix = features.first().map_or(String::new(), Feature::suffix);
        let channel = |name: &String| name.strip_suffix(&suffix).unwrap_or(name).to_owned();
        Ok(Some(Recipe {
            length: windowing.length() as u16,
            stride: windowing.stride() as u16,
            channels: column_names(&flow).iter().step_by(features.len().max(1)).map(channel).collect(),
            features,
            step: windowing.step().unwrap_or(0),
            ranges: windowing.ranges().iter().map(|range| [range.low.get(), range.high.get()]).collect(),
        }))
    }

    /// The content of the section `WIND`.
    pub fn section(&self) -> Vec<u8> {
        let record = WindowRecord {
            length: U16::new(self.length),
            stride: U16::new(self.stride),
            channels: U16::new(self.channels.len() as u16),
            features: U16::new(self.features.len() as u16),
            step: U64::new(self.step),
        };
        let features: Vec<FeatureRecord> = self.features.iter().map(|feature| feature.record()).collect();
        [record.as_bytes(), features.as_bytes()].concat()
    }

    /// The content of the section `CHAN`; empty where there are no ranges.
    pub fn ranges_section(&self) -> Vec<u8> {
        self.range_records().as_bytes().to_vec()
    }

    pub(super) fn range_records(&self) -> Vec<ChannelRecord> {
        self.ranges.iter().map(|range| range.map(F32::new)).map(|[low, high]| ChannelRecord { low, high }).collect()
    }

    /// Names of the columns that come of a window: `temp`, `temp.lag1`, `temp.mean`.
    pub fn columns(&self) -> Vec<String> {
        let of = |channel: &String| {
            self.features.iter().map(|feature| format!("{channel}{}", feature.suffix())).collect::<Vec<_>>()
        };
        self.channels.iter().flat_map(of).collect()
    }

    /// Names of columns that are values in any table, wherever they look like the time of each row.
    pub fn kept(&self) -> Vec<String> {
        self.channels.iter().cloned().chain(self.columns()).collect()
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features: Vec<String> = self.features.iter().map(Feature::to_string).collect();
        write!(f, "{} rows, stride {}: {}", self.length, self.stride, features.join(", "))?;
        write!(f, " of {}", self.channels.join(", "))?;
        match self.step {
            0 => Ok(()),
            step => write!(f, "; a row every {} s", step as f64 / 1e6),
        }
    }
}
