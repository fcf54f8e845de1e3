//! Many small histograms side by side: of every column, or of latent values beside the normal distribution.

use super::axes::{Panel, Range, fitted, heading, minus};
use super::pairs::{Axis, diagonal};
use super::scatter::{bins, shares, steps};
use super::style::{BLUE, INK, MUTED, SMALL, VERMILLION};
use super::svg::{Anchor, Font, Svg};
use crate::table::Table;

/// More panels than this are not drawn.
pub const MOST_MULTIPLES: usize = 48;

/// Panels in a row, at most.
const ACROSS: usize = 4;
const WIDTH: f64 = 214.0;
const HEIGHT: f64 = 132.0;
const GAP: [f64; 2] = [20.0, 38.0];
const TOP: f64 = 76.0;
/// How far the axis of latent values reaches.
const REACH: f64 = 4.5;
const NORMAL_BINS: usize = 36;

/// Draws each column's histogram of the samples, as a line, over that of the data, as an area; the first
/// [`MOST_MULTIPLES`] of the given columns.
///
/// # Panics
/// If a table has no such column.
pub fn column_histograms(title: &str, data: &Table, samples: &Table, columns: &[usize]) -> String {
    let shown = &columns[..columns.len().min(MOST_MULTIPLES)];
    let count = |name: &str, table: &Table| format!("{name}: {} rows", table.rows());
    let entries = [(BLUE, count("data", data)), (VERMILLION, count("samples", samples))];
    let (mut svg, places) = sheet(title, &entries, shown.len());
    for (&j, place) in shown.iter().zip(places) {
        let axis = Axis::new(data, samples, j);
        let mut panel = panel(place, axis.range);
        diagonal(&mut svg, &mut panel, &axis);
        panel.frame(&mut svg, false);
        panel.label_x(&mut svg);
    }
    svg.finish(title)
}

/// Draws each group's histogram with the curve of the standard normal distribution; the first [`MOST_MULTIPLES`] groups.
/// Values beyond 4.5 are counted in a corner.
pub fn normal_histograms(title: &str, groups: &[(&str, &[f64])]) -> String {
    let shown = &groups[..groups.len().min(MOST_MULTIPLES)];
    let rows = shown.first().map_or(0, |(_, values)| values.len());
    let entries = [(BLUE, format!("{rows} rows")), (VERMILLION, "N(0, 1)".to_owned())];
    let (mut svg, places) = sheet(title, &entries, shown.len());
    let range = Range { low: -REACH, high: REACH };
    let edges = bins(range, NORMAL_BINS, false);
    let width = edges[1] - edges[0];
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    for ((name, values), place) in shown.iter().zip(places) {
        let mut panel = panel(place, range);
        let heights: Vec<f64> = shares(values, &edges).into_iter().map(|share| share / width).collect();
        panel.y = Range::new(0.0, heights.iter().fold(0.5f64, |a, &b| a.max(b.min(1.2))) * 1.2);
        panel.grid(&mut svg, true, false);
        let place = |(x, y): (f64, f64)| (panel.px(x), panel.py(y.min(panel.y.high)));
        svg.area(steps(&edges, &heights).into_iter().map(place), BLUE, 0.35);
        let curve = (0..=90).map(|i| -REACH + f64::from(i) * REACH / 45.0).map(|x| (x, density(x)));
        svg.polyline(curve.map(place), VERMILLION, 1.5, 1.0);
        panel.frame(&mut svg, false);
        panel.label_x(&mut svg);
        let font = Font::new(SMALL + 1.0, INK, Anchor::Start).bold();
        svg.text(panel.left + 4.0, panel.top + 12.0, &fitted(name, font, panel.width / 2.0), font);
        let beyond = values.iter().filter(|v| !range.contains(**v)).count();
        if beyond > 0 {
            let text = minus(format!("{beyond} beyond"));
            svg.text(panel.right() - 2.0, panel.top + 12.0, &text, Font::new(SMALL, MUTED, Anchor::End));
        }
    }
    svg.finish(title)
}

/// A drawing with room for so many panels, and their upper left corners.
fn sheet(title: &str, entries: &[(&'static str, String)], panels: usize) -> (Svg, Vec<(f64, f64)>) {
    let across = panels.clamp(2, ACROSS);
    let down = panels.div_ceil(across);
    let left = 18.0;
    let place =
        |i: usize| (left + (i % across) as f64 * (WIDTH + GAP[0]), TOP + (i / across) as f64 * (HEIGHT + GAP[1]));
    let width = 2.0 * left + across as f64 * (WIDTH + GAP[0]) - GAP[0];
    let mut svg = Svg::new(width, TOP + down as f64 * (HEIGHT + GAP[1]));
    heading(&mut svg, left, title, entries);
    (svg, (0..panels).map(place).collect())
}

fn panel((left, top): (f64, f64), x: Range) -> Panel {
    Panel { left, top, width: WIDTH, height: HEIGHT, x, y: Range { low: 0.0, high: 1.0 }, whole_x: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_its_panel_and_far_values_are_counted() {
        let near: Vec<f64> = (0..99).map(|i| f64::from(i) / 33.0 - 1.5).collect();
        let svg = normal_histograms("t", &[("a", &near), ("b", &[9.0, -9.0, 0.0]), ("c", &[]), ("d", &[f64::NAN])]);
        for name in ["a", "b", "c", "d"] {
            assert!(svg.contains(&format!(">{name}</text>")), "{name}: {svg}");
        }
        assert!(svg.contains(">2 beyond</text>") && !svg.contains("\"NaN") && !svg.contains("MNaN"), "{svg}");
    }

    #[test]
    fn columns_beyond_the_most_are_left_out() {
        let names: Vec<String> = (0..60).map(|j| format!("column {j}")).collect();
        let rows: Vec<Vec<f32>> = (0..30).map(|i| (0..60).map(|j| (i * j % 7) as f32).collect()).collect();
        let table = Table::from_rows("t", names, &rows).unwrap();
        let svg = column_histograms("t", &table, &table, &(0..60).collect::<Vec<_>>());
        assert!(svg.contains(">column 47</text>") && !svg.contains(">column 48</text>"));
        assert!(column_histograms("t", &table, &table, &[]).ends_with("</svg>\n"));
    }
}
