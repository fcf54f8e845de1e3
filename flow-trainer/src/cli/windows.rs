//! The options that say what windows over signals are.

use super::Error;
use crate::data::Windows;
use clap::Args;
use clap::builder::ArgPredicate;
use flow_export::windows::{Feature, LONGEST};

#[derive(Args)]
pub(super) struct WindowArgs {
    /// The rows are those of signals, and the flow is to model windows of so many of them, one after the other: columns are
    /// made of each channel as a device makes them. Contiguous blocks of rows train, validate and calibrate
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(2..=i64::from(LONGEST)))]
    window: Option<u16>,
    /// Rows from one window to the next
    #[arg(long, value_name = "ROWS", default_value_t = 1, requires = "window", value_parser = clap::value_parser!(u16).range(1..))]
    stride: u16,
    /// What a window says of each channel: value (the newest), mean, std, slope, min, max, range, crest (the largest
    /// deviation in standard deviations)
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "value,mean,std,slope",
        default_value_if("changes", ArgPredicate::IsPresent, None),
        requires = "window"
    )]
    features: Vec<Feature>,
    /// Values so many rows before the newest, as further features
    #[arg(long, value_name = "ROWS", value_delimiter = ',', requires = "window", value_parser = clap::value_parser!(u16).range(1..))]
    lags: Vec<u16>,
    /// The newest value less that so many rows before, as further features, and the only ones where --features is not given:
    /// for levels that wander, of which it is the changes that are usual
    #[arg(long, value_name = "ROWS", value_delimiter = ',', requires = "window", value_parser = clap::value_parser!(u16).range(1..))]
    changes: Vec<u16>,
}

impl WindowArgs {
    /// Windows as they were asked for, if they were.
    pub(super) fn windows(&self) -> Option<Windows> {
        let lags = self.lags.iter().map(|rows| Feature::Lag(*rows));
        let changes = self.changes.iter().map(|rows| Feature::Change(*rows));
        let features = self.features.iter().copied().chain(lags).chain(changes).collect();
        self.window.map(|length| Windows { length, stride: self.stride, features })
    }

    /// Refuses lags and changes that reach beyond the window.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(Windows { length, features, .. }) = self.windows() else { return Ok(()) };
        match features
            .iter()
            .find(|feature| matches!(feature, Feature::Lag(rows) | Feature::Change(rows) if *rows >= length))
        {
            Some(feature) => Err(Error::Refused(format!(
                "{feature} reaches beyond a window of {length} rows; expected at most {}",
                length - 1
            ))),
            None => Ok(()),
        }
    }
}
