//! Windows over the rows of a table of signals: the columns that a flow models, made by the device engine itself.
//!
//! A [`Recipe`] is made once, for the training; it lies in the checkpoint's metadata and in the frozen file, and whatever
//! takes a table afterwards takes one of the raw channels.

use crate::error::Error;
use crate::frozen::{Frozen, column_names};
use crate::times::{Order, gaps, usual_step};
use flow_nostd::layout::{
    CHANGE, CREST, ChannelRecord, FeatureRecord, LAG, MAX, MEAN, MIN, RANGE, SLOPE, STD, VALUE, WINDOW_MAX,
    WindowRecord,
};
use flow_nostd::{EvalError, FormatError, Window, Windowing};
use flow_table::{Missing, ReadOptions, Table, did_you_mean};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U16, U64};

/// The key under which a checkpoint's metadata hold the recipe.
const METADATA: &str = "windows";

/// Most rows of a window.
pub const LONGEST: u16 = WINDOW_MAX;

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

/// A table of the columns that a flow models, and where one row does not follow the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Windowed {
    /// The table.
    pub table: Table,
    /// What is known of the raw table; nothing where no windows were made.
    pub(crate) made: Option<Made>,
}

/// What is known of a table of which windows were made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    /// Whether the windows have begun anew between the row of the window before and that of each window.
    begun: Vec<bool>,
    /// The order of its rows.
    pub order: Order,
    /// The time from one window to the next as the training knows it.
    pub every: Option<Duration>,
    /// Rows that no window holds, for a value that is missing or beyond its sensor's range.
    pub faults: Vec<Fault>,
}

/// Faults of a sensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Its column, or its channel.
    pub column: String,
    /// What is wrong, in the word of a status.
    pub fault: &'static str,
    /// Number of rows.
    pub rows: usize,
}

impl Windowed {
    /// Whether there is a gap before each row, after which a device knows nothing of the sensors: where windows began anew,
    /// else where the table's times say so, see [`GAP`](crate::times::GAP).
    pub fn gaps(&self, every: Option<Duration>) -> Vec<bool> {
        self.made.as_ref().map_or_else(|| gaps(&self.table, every), |made| made.begun.clone())
    }
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
    fn difference(&self, other: &Recipe) -> Option<String> {
        let all = [f32::MIN, f32::MAX];
        let channels = |recipe: &Recipe| -> BTreeMap<String, String> {
            let range = |j: usize| format!("{:?}", recipe.ranges.get(j).unwrap_or(&all));
            recipe.channels.iter().cloned().enumerate().map(|(j, name)| (name, range(j))).collect()
        };
        if (self.length, self.stride, &self.features) != (other.length, other.stride, &other.features) {
            return Some(format!("windows of {other}, and not {self}"));
        }
        let (own, its) = (channels(self), channels(other));
        let unlike = own
            .iter()
            .find(|(name, range)| its.get(*name) != Some(range))
            .or_else(|| its.iter().find(|(name, _)| !own.contains_key(*name)))?;
        Some(format!("windows of which {:?} is no channel, or one of another --range", unlike.0))
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

    fn range_records(&self) -> Vec<ChannelRecord> {
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

    /// The table of the columns that come of a table's windows: a row for each window, at the place of its newest row.
    ///
    /// A table that has all these columns already is given back as it is: by name where it has names, else by their number.
    /// Where the features are the value alone, names tell nothing, and the table counts as one of raw channels.
    ///
    /// # Errors
    /// Other channels, rows that are not in the order of time, or no window that is complete.
    pub fn table(&self, table: Table) -> Result<Table, Error> {
        Ok(self.windowed(table)?.table)
    }

    /// The same, and where the windows began anew.
    ///
    /// # Errors
    /// As [`Recipe::table`].
    pub fn windowed(&self, table: Table) -> Result<Windowed, Error> {
        let columns = self.columns();
        let has_all = match table.header() {
            true => columns.iter().all(|name| table.names().contains(name)),
            false => table.columns() == columns.len() && columns.len() != self.channels.len(),
        };
        if has_all && columns != self.channels {
            return Ok(Windowed { table, made: None });
        }
        let table = &table.matching(&self.channels)?;
        let order = Order::of(table)?;
        let (section, ranges) = (self.section(), self.range_records());
        let windowing =
            Windowing::read(&section).map_err(|source| Error::Format { path: table.source().into(), source })?;
        let windowing = windowing.with_ranges(&ranges);
        let mut memory = vec![0.0; windowing.memory_len()];
        let failed = |row: usize| move |source| Error::Row { path: table.source().to_owned(), row: row + 1, source };
        let mut window = Window::new(windowing, &mut memory).map_err(failed(0))?;
        let mut made = vec![0.0; columns.len()];
        let (mut values, mut newest) = (Vec::new(), Vec::new());
        let (mut begun, mut begins) = (Vec::new(), false);
        let (rows, timeless, begins_file) = (table.rows_of_file(), table.time().is_none(), table.begins_file());
        let (mut gaps, mut longest) = (0, 0);
        let (mut missing, mut beyond) = (vec![0; table.columns()], vec![0; table.columns()]);
        for (i, row) in table.iter().enumerate() {
            // Rows that were left out are a gap, too, and so is a further file without times.
            if i > 0 && (rows[i] != rows[i - 1] + 1 || timeless && begins_file[i]) {
                window.restart();
            }
            let due = match table.time() {
                Some(time) => window.push_at(time.times()[i], row),
                None => window.push(row),
            };
            // A value that is missing, or none that its sensor can give: the window begins anew after it.
            let due = match due {
                Err(EvalError::NotFinite { .. }) => {
                    count(&mut missing, row.iter().map(|x| !x.is_finite()));
                    false
                }
                Err(EvalError::OutOfRange { .. }) => {
                    let is_beyond = |(x, [low, high]): (&f32, &[f32; 2])| !(low..=high).contains(&x);
                    count(&mut beyond, row.iter().zip(&self.ranges).map(is_beyond));
                    false
                }
                due => due.map_err(failed(rows[i]))?,
            };
            gaps += usize::from(i > 0 && window.rows() == 1);
            begins |= !newest.is_empty() && window.rows() <= 1;
            longest = longest.max(window.rows());
            if due {
                window.features(&mut made, &mut []).map_err(failed(rows[i]))?;
                values.extend_from_slice(&made);
                newest.push(i);
                begun.push(std::mem::take(&mut begins));
            }
        }
        if newest.is_empty() {
            return Err(Error::NoWindow {
                path: table.source().to_owned(),
                length: self.length,
                rows: table.rows(),
                longest,
                apart: other_step(self, table).unwrap_or_default(),
            });
        }
        let told = |counts: &[usize], what| match counts.iter().sum::<usize>() {
            0 => String::new(),
            values => format!(", {values} values {what}"),
        };
        let (lacking, far) = (told(&missing, "missing"), told(&beyond, "beyond a sensor's range"));
        let apart = other_step(self, table).unwrap_or_default();
        let note =
            format!("windows: {} in {} rows, {gaps} gaps{lacking}{far}; {self}{apart}", newest.len(), table.rows());
        let fault = |fault: &'static str, counts: Vec<usize>| {
            let some = self.channels.clone().into_iter().zip(counts).filter(|(_, rows)| *rows > 0);
            some.map(move |(column, rows)| Fault { column, fault, rows })
        };
        let faults = fault("not_finite", missing).chain(fault("out_of_range", beyond)).collect();
        let made = Some(Made { begun, order, every: self.every(), faults });
        Ok(Windowed { table: table.derived(columns, values, &newest, note)?, made })
    }
}

/// Reads a table for a frozen flow: of the columns that it models, or of the raw channels that its windows are over. Missing
/// values that are kept are gaps between windows.
///
/// # Errors
/// What is wrong with the file or the table.
pub fn read(
    frozen: &Frozen,
    data: &[String],
    ignore: Vec<String>,
    missing: Missing,
) -> Result<(Table, Option<Recipe>), Error> {
    let (windowed, recipe) = read_windowed(frozen, data, ignore, missing)?;
    Ok((windowed.table, recipe))
}

/// The same, and where windows began anew.
///
/// # Errors
/// As [`read`].
pub fn read_windowed(
    frozen: &Frozen,
    data: &[String],
    ignore: Vec<String>,
    missing: Missing,
) -> Result<(Windowed, Option<Recipe>), Error> {
    let recipe = Recipe::of_file(frozen)?;
    let keep = match &recipe {
        Some(recipe) => recipe.kept(),
        None => column_names(&frozen.flow()?),
    };
    let table = Table::read_all(data, &ReadOptions { ignore, keep, missing })?;
    let windowed = match &recipe {
        Some(recipe) => recipe.windowed(table)?,
        None => Windowed { table, made: None },
    };
    Ok((windowed, recipe))
}

/// Counts those that are so.
fn count(counts: &mut [usize], are: impl Iterator<Item = bool>) {
    counts.iter_mut().zip(are).for_each(|(count, is)| *count += usize::from(is));
}

/// That the rows of a table are not as far apart as those of the training, if by half as much again or a third less.
fn other_step(recipe: &Recipe, table: &Table) -> Option<String> {
    let [here, there] = [usual_step(table.time()?.times())?, recipe.step].map(|step| step as f64 / 1e6);
    let alike = there == 0.0 || (there / 1.5..=there * 1.5).contains(&here);
    (!alike).then(|| {
        format!("; rows are {here} s apart here and were {there} s apart in the training: a window is another time")
    })
}

/// Refuses a flow whose windows make other columns than those of a recipe, whatever their names. Of a flow without windows the
/// names say it.
///
/// # Errors
/// Its windows and the recipe's.
pub fn check_the_same(recipe: Option<&Recipe>, other: &Frozen) -> Result<(), Error> {
    match (Recipe::of_file(other)?, recipe) {
        (Some(its), own) => {
            let difference =
                own.map_or_else(|| Some(format!("windows of {its}, and not its rows")), |own| own.difference(&its));
            let path = other.path().to_owned();
            difference.map_or(Ok(()), |difference| Err(Error::OtherWindows { path, difference }))
        }
        (None, _) => Ok(()),
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

impl Feature {
    fn of(record: &FeatureRecord) -> Feature {
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

    fn record(self) -> FeatureRecord {
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
    fn suffix(&self) -> String {
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
