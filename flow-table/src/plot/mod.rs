//! The pictures of a report, as SVG text: loss curves, samples beside data, pair plots, histograms and timelines.
//!
//! Drawn by a small writer of our own (`svg.rs`), for two reasons: a scatter plot of thousands of points takes about
//! ten bytes a point, so that a page with several plots stays small, and positions are not rounded to whole pixels. Fonts
//! are the viewer's. The colours are those of Okabe and Ito, which colour-blind readers can tell apart. Axes cover the
//! central 99 % of the values, so that a few far rows do not squeeze the rest. The background is white; within a page that
//! may be dark, [`dark_css`] exchanges the colours.

mod axes;
mod contour;
mod front;
mod histogram;
mod loss;
mod multiples;
mod pairs;
mod plane;
mod scatter;
mod style;
mod svg;
mod timeline;

pub use front::{Choice, front};
pub use histogram::histogram;
pub use loss::{Curve, curves, epoch_curves, loss_curves};
pub use multiples::{MOST_MULTIPLES, column_histograms, normal_histograms};
pub use pairs::{MOST_PAIR_COLUMNS, pair_plot};
pub use plane::{DensityFn, plane};
pub use style::dark_css;
pub use timeline::{Mark, Timeline, timeline};
