//! A pair plot: each column's histogram on the diagonal, data below it, samples above it.

use super::axes::{Panel, Range, fitted, heading};
use super::scatter::{bins, dot_style, outline, shares, spread, steps, visible, whole};
use super::style::{BLUE, INK, MUTED, SMALL, TEXT, VERMILLION};
use super::svg::{Anchor, Font, Svg};
use crate::table::Table;

/// More columns than this would be too small to see.
pub const MOST_PAIR_COLUMNS: usize = 6;

/// All scatter panels together show about so many points.
const MOST_POINTS: usize = 24_000;

/// Draws the pair plot of the given columns (the first [`MOST_PAIR_COLUMNS`] of them) of data and samples. Whole numbers
/// are spread within their cell, so that dots do not hide each other.
///
/// # Panics
/// If no column is given, or one that a table does not have.
pub fn pair_plot(title: &str, data: &Table, samples: &Table, columns: &[usize]) -> String {
    let shown = &columns[..columns.len().min(MOST_PAIR_COLUMNS)];
    assert!(!shown.is_empty(), "a pair plot needs a column");
    let data_columns: Vec<Axis> = shown.iter().map(|&j| Axis::new(data, samples, j)).collect();
    let n = shown.len();
    let side = (760.0 / n as f64).clamp(132.0, 300.0);
    let gap = 10.0;
    let (left, top) = (84.0, 78.0);
    let extent = n as f64 * side + (n - 1) as f64 * gap;
    let mut svg = Svg::new((left + extent + 24.0).max(460.0), top + extent + 56.0);
    let count = |name: &str, table: &Table, place: &str| format!("{name}: {} rows{place}", table.rows());
    let (below, above) = if n > 1 { (", below the diagonal", ", above the diagonal") } else { ("", "") };
    heading(
        &mut svg,
        18.0,
        title,
        &[(BLUE, count("data", data, below)), (VERMILLION, count("samples", samples, above))],
    );
    let limit = MOST_POINTS / (n * n).max(1);
    for (row, y) in data_columns.iter().enumerate() {
        for (column, x) in data_columns.iter().enumerate() {
            let mut panel = Panel {
                left: left + column as f64 * (side + gap),
                top: top + row as f64 * (side + gap),
                width: side,
                height: side,
                x: x.range,
                y: y.range,
                whole_x: false,
            };
            if row == column {
                diagonal(&mut svg, &mut panel, x);
            } else {
                panel.grid(&mut svg, true, true);
                let (xs, ys, colour) =
                    if row > column { (&x.data, &y.data, BLUE) } else { (&x.samples, &y.samples, VERMILLION) };
                let points: Vec<_> =
                    visible(xs, ys, x.range, y.range, limit).map(|(a, b)| (panel.px(a), panel.py(b))).collect();
                let (size, opacity) = dot_style(points.len(), 0.2 * side * side);
                svg.dots(points.into_iter(), size, colour, opacity);
            }
            panel.frame(&mut svg, row != column);
            if row == n - 1 {
                panel.label_x(&mut svg);
                let font = Font::new(TEXT, MUTED, Anchor::Middle);
                let middle = panel.left + side / 2.0;
                svg.text(middle, panel.bottom() + 38.0, &fitted(&x.name, font, side), font);
            }
            if column == 0 {
                if row > 0 {
                    panel.label_y(&mut svg);
                }
                let font = Font::new(TEXT, MUTED, Anchor::Middle).upward();
                let label = if row == 0 { "share of rows" } else { &y.name };
                svg.text(24.0, panel.top + side / 2.0, &fitted(label, font, side), font);
            }
        }
    }
    svg.finish(title)
}

/// One column of both tables.
pub(super) struct Axis {
    name: String,
    /// Where the data lies, with room at the ends.
    pub(super) range: Range,
    /// For the scatter panels: whole numbers spread.
    data: Vec<f64>,
    samples: Vec<f64>,
    edges: Vec<f64>,
    data_shares: Vec<f64>,
    sample_shares: Vec<f64>,
}

impl Axis {
    pub(super) fn new(data: &Table, samples: &Table, j: usize) -> Axis {
        let values = |table: &Table| -> Vec<f64> { table.column(j).map(f64::from).collect() };
        let (data_values, sample_values) = (values(data), values(samples));
        let core = Range::robust(data_values.iter().copied());
        let is_whole = whole(&data_values);
        let core = if is_whole { Range { low: core.low.ceil() - 0.5, high: core.high.floor() + 0.5 } } else { core };
        let core = Range::new(core.low, core.high);
        let wanted = (data_values.len() as f64).sqrt().clamp(8.0, 36.0) as usize;
        let edges = bins(core, wanted, is_whole && core.span() < 1e9);
        let salt = j as u64 * 2;
        let scattered = |values: &[f64], salt: u64| if is_whole { spread(values, salt) } else { values.to_vec() };
        Axis {
            name: data.names()[j].clone(),
            range: core.padded(0.06),
            data: scattered(&data_values, salt),
            samples: scattered(&sample_values, salt + 1),
            data_shares: shares(&data_values, &edges),
            sample_shares: shares(&sample_values, &edges),
            edges,
        }
    }
}

/// Two histograms over one another, the column's name above them.
pub(super) fn diagonal(svg: &mut Svg, panel: &mut Panel, axis: &Axis) {
    let highest = axis.data_shares.iter().chain(&axis.sample_shares).fold(0.0f64, |a, &b| a.max(b));
    panel.y = Range::new(0.0, highest * 1.25);
    panel.grid(svg, true, false);
    let place = |(x, y): (f64, f64)| (panel.px(x.clamp(panel.x.low, panel.x.high)), panel.py(y));
    let data = steps(&axis.edges, &axis.data_shares);
    let samples = outline(&axis.edges, &axis.sample_shares);
    svg.area(data.iter().copied().map(place), BLUE, 0.3);
    svg.polyline(samples.into_iter().map(place), VERMILLION, 1.5, 1.0);
    let font = Font::new(SMALL + 1.0, INK, Anchor::Start).bold();
    svg.text(panel.left + 6.0, panel.top + 14.0, &fitted(&axis.name, font, panel.width - 12.0), font);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, columns: usize) -> Table {
        let value = |i: usize, j: usize| {
            ((i * 7919 + j * 104_729) % 1000) as f32 * if j.is_multiple_of(2) { 0.01 } else { 1.0 }
        };
        let rows: Vec<Vec<f32>> = (0..rows).map(|i| (0..columns).map(|j| value(i, j)).collect()).collect();
        Table::from_rows("t", (0..columns).map(|j| format!("column {j}")).collect(), &rows).unwrap()
    }

    #[test]
    fn stays_small() {
        let svg = pair_plot("t", &table(20_000, 8), &table(20_000, 8), &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(svg.len() < 500_000, "{} bytes", svg.len());
        assert!(svg.contains("column 5") && !svg.contains("column 6"));
    }

    #[test]
    fn odd_tables_are_drawn_somehow() {
        let odd = |rows: &[[f32; 2]]| Table::from_rows("t", vec!["a".into(), "b".into()], rows).unwrap();
        for rows in [&[][..], &[[1e30, 0.0]], &[[f32::MAX, -1.0], [f32::MIN, -1.0]], &[[1e-40, 5.0]; 9]] {
            let svg = pair_plot("t", &odd(rows), &odd(&[[1.0, 2.0]]), &[0, 1]);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.len() < 100_000);
        }
        assert!(pair_plot("t", &table(9, 1), &table(9, 1), &[0]).contains("column 0"));
    }
}
