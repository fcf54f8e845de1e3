//! Colours and sizes that all plots share.

/// Data, and the first series.
pub(super) const BLUE: &str = "#0072B2";
/// Samples, and the second series.
pub(super) const VERMILLION: &str = "#D55E00";
/// Series in their order (Okabe and Ito, without yellow, which is too light for lines).
pub(super) const SERIES: [&str; 6] = [BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
/// Titles.
pub(super) const INK: &str = "#222222";
/// Axis labels and captions.
pub(super) const MUTED: &str = "#5F6368";
/// Grid lines.
pub(super) const GRID: &str = "#E8EAED";
/// The lines around a panel.
pub(super) const FRAME: &str = "#BDC1C6";

/// Size of a title.
pub(super) const TITLE: f64 = 16.0;
/// Size of legends and axis titles.
pub(super) const TEXT: f64 = 12.5;
/// Size of tick labels.
pub(super) const SMALL: f64 = 11.0;
