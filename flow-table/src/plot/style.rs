//! Colours and sizes that all plots share.

use super::plane::shades;
use std::fmt::Write;

/// Data, and the first series.
pub(super) const BLUE: &str = "#0072B2";
/// Samples, and the second series.
pub(super) const VERMILLION: &str = "#D55E00";
/// Series in their order (Okabe and Ito, without yellow, which is too light for lines).
pub(super) const SERIES: [&str; 6] = [BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
/// Behind everything.
pub(super) const PAPER: &str = "#fff";
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

/// Each colour with the one that takes its place on a dark page.
const DARK: [(&str, &str); 11] = [
    (PAPER, "#171c22"),
    (INK, "#e8eaed"),
    (MUTED, "#a7afb8"),
    (GRID, "#2a3139"),
    (FRAME, "#4d5661"),
    (BLUE, "#5db4ee"),
    (VERMILLION, "#ff8a3d"),
    (SERIES[2], "#2fcf9f"),
    (SERIES[3], "#e79ac5"),
    (SERIES[4], "#f0b429"),
    (SERIES[5], "#8accf3"),
];

/// Rules of CSS by which the plots within `parent` have a dark background: for `@media (prefers-color-scheme: dark)`.
///
/// ```
/// assert!(flow_table::plot::dark_css("figure").starts_with("figure svg [fill=\"#fff\"]{fill:#"));
/// ```
pub fn dark_css(parent: &str) -> String {
    let mut css = String::new();
    for (light, dark) in DARK {
        for what in ["fill", "stroke"] {
            let _ = write!(css, "{parent} svg [{what}=\"{light}\"]{{{what}:{dark}}}");
        }
    }
    for (light, dark) in shades() {
        let _ = write!(css, "{parent} svg [fill=\"{light}\"]{{fill:{dark}}}");
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;
    use crate::plot::{Curve, Mark, Timeline, curves, normal_histograms, plane, timeline};

    #[test]
    fn every_colour_of_a_plot_has_one_for_a_dark_page() {
        let data = builtin::generate("two-moons", 300, 1).unwrap();
        let mut density = |points: &[[f32; 2]]| points.iter().map(|p| -f64::from(p[0] * p[0])).collect();
        let marks = [true, false].map(|inside| Mark { row: 1, label: "a", inside });
        let windows = [[0.0, 1.0]];
        let time = Timeline {
            title: "t",
            times: None,
            numbers: &[1, 2],
            ln_p: &[-0.1, -9.0],
            alarm: -7.0,
            windows: &windows,
            marks: &marks,
            drift: &[1],
        };
        let points = [(0.0, 1.0)];
        let curve = ["a", "b", "c", "d", "e", "f"].map(|name| Curve { name, points: &points });
        let plots = [
            plane("t", &data, &data, Some(&mut density)),
            normal_histograms("t", &[("a", &[0.5, 9.0])]),
            timeline(&time),
            curves("t", "x", "y", &curve),
        ];
        let css = dark_css("figure");
        for plot in &plots {
            let colours = plot.split("=\"#").skip(1).filter_map(|rest| rest.split('"').next());
            for colour in colours {
                assert!(css.contains(&format!("=\"#{colour}\"]")), "#{colour}");
            }
        }
        // Ever brighter: what is densest is not lost in the dark.
        let brightness = |colour: &str| u32::from_str_radix(&colour[1..3], 16).unwrap();
        let (_, least) = shades().next().unwrap();
        let (_, most) = shades().last().unwrap();
        assert!(brightness(&most) > 5 * brightness(&least), "{least} {most}");
    }
}
