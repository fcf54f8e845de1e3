//! Two-dimensional tables: data, samples and density side by side, on the same axes.

use super::axes::{Panel, Range, fitted, heading};
use super::contour::Grid;
use super::scatter::{dot_style, visible};
use super::style::{BLUE, INK, MUTED, SMALL, TEXT, VERMILLION};
use super::svg::{Anchor, Font, Svg};
use crate::table::Table;

/// The log-densities, in nats, of the points given.
pub type DensityFn<'a> = dyn FnMut(&[[f32; 2]]) -> Vec<f64> + 'a;

const SIDE: f64 = 340.0;
const MOST_POINTS: usize = 6000;
/// Steps of the density panel's grid along each side.
const STEPS: usize = 120;
/// Shades show this root of the density: its thin parts are seen, its dense ones stay apart.
const ROOT: f64 = 1.6;
/// Shades of the density panel.
const SHADES: usize = 24;
/// From no density to the highest: white, then ever darker blues.
const SHADE_STOPS: [[f64; 3]; 6] = [
    [255.0, 255.0, 255.0],
    [222.0, 235.0, 246.0],
    [158.0, 199.0, 226.0],
    [74.0, 146.0, 195.0],
    [8.0, 88.0, 158.0],
    [6.0, 38.0, 88.0],
];
/// The same on a dark page: ever brighter.
const DARK_SHADE_STOPS: [[f64; 3]; 6] = [
    [23.0, 28.0, 34.0],
    [18.0, 48.0, 84.0],
    [22.0, 88.0, 144.0],
    [56.0, 140.0, 200.0],
    [130.0, 195.0, 235.0],
    [225.0, 242.0, 252.0],
];

/// Draws samples beside data, and the density where a function for it is given (one value for each point that it is
/// asked for). All panels have the same axes; a unit is as long across as upwards unless the columns differ much in
/// scale.
///
/// # Panics
/// If a table has not two columns.
pub fn plane(title: &str, data: &Table, samples: &Table, density: Option<&mut DensityFn<'_>>) -> String {
    assert!(data.columns() == 2 && samples.columns() == 2, "a plane has two columns");
    let [dx, dy] = columns(data);
    let [sx, sy] = columns(samples);
    let (x, y) =
        equal_axes(Range::robust(dx.iter().copied()).padded(0.06), Range::robust(dy.iter().copied()).padded(0.06));

    let mut panel = Panel { left: 0.0, top: 80.0, width: SIDE, height: SIDE, x, y, whole_x: false };
    panel.left = panel.label_y_width() + 34.0;
    let panels = if density.is_some() { 3.0 } else { 2.0 };
    let gap = 28.0;
    let (width, height) = (panel.left + panels * SIDE + (panels - 1.0) * gap + 24.0, panel.bottom() + 56.0);
    let mut svg = Svg::new(width, height);
    heading(&mut svg, 18.0, title, &[]);
    let name = Font::new(TEXT, MUTED, Anchor::Middle);
    let y_name = fitted(&data.names()[1], name, SIDE);
    svg.text(22.0, panel.top + SIDE / 2.0, &y_name, name.upward());

    for (place, (label, colour, xs, ys)) in
        [("data", BLUE, &dx, &dy), ("samples", VERMILLION, &sx, &sy)].into_iter().enumerate()
    {
        let panel = at(panel, place, gap);
        outline(&mut svg, &panel, place == 0, &data.names()[0]);
        caption(&mut svg, &panel, label, &format!("{} rows", xs.len()));
        let points: Vec<_> = visible(xs, ys, x, y, MOST_POINTS).map(|(a, b)| (panel.px(a), panel.py(b))).collect();
        let (size, opacity) = dot_style(points.len(), 0.3 * SIDE * SIDE);
        svg.dots(points.into_iter(), size, colour, opacity);
    }
    if let Some(density) = density {
        let panel = at(panel, 2, gap);
        heat(&mut svg, &panel, density);
        panel.frame(&mut svg, true);
        panel.label_x(&mut svg);
        x_name(&mut svg, &panel, &data.names()[0]);
        caption(&mut svg, &panel, "density", "the stronger, the denser");
    }
    svg.finish(title)
}

fn columns(table: &Table) -> [Vec<f64>; 2] {
    [0, 1].map(|j| table.column(j).map(f64::from).collect())
}

fn at(panel: Panel, place: usize, gap: f64) -> Panel {
    Panel { left: panel.left + place as f64 * (SIDE + gap), ..panel }
}

/// Widens the shorter range to the longer one, if they are of similar length.
fn equal_axes(x: Range, y: Range) -> (Range, Range) {
    let (longer, shorter) = (x.span().max(y.span()), x.span().min(y.span()));
    if longer > 3.0 * shorter {
        return (x, y);
    }
    let widened = |r: Range| {
        let middle = (r.low + r.high) / 2.0;
        Range { low: middle - longer / 2.0, high: middle + longer / 2.0 }
    };
    (widened(x), widened(y))
}

fn outline(svg: &mut Svg, panel: &Panel, first: bool, name: &str) {
    panel.grid(svg, true, true);
    panel.frame(svg, true);
    panel.label_x(svg);
    if first {
        panel.label_y(svg);
    }
    x_name(svg, panel, name);
}

fn x_name(svg: &mut Svg, panel: &Panel, name: &str) {
    let font = Font::new(TEXT, MUTED, Anchor::Middle);
    svg.text(panel.left + panel.width / 2.0, panel.bottom() + 40.0, &fitted(name, font, panel.width), font);
}

fn caption(svg: &mut Svg, panel: &Panel, label: &str, note: &str) {
    let font = Font::new(TEXT + 1.0, INK, Anchor::Start).bold();
    svg.text(panel.left, panel.top - 14.0, label, font);
    svg.text(panel.right(), panel.top - 14.0, note, Font::new(SMALL, MUTED, Anchor::End));
}

/// Nested regions, ever darker with the density.
fn heat(svg: &mut Svg, panel: &Panel, density: &mut DensityFn<'_>) {
    let node = |range: Range, i: usize| (range.low + range.span() * i as f64 / STEPS as f64) as f32;
    let points: Vec<[f32; 2]> = (0..=STEPS)
        .flat_map(|row| (0..=STEPS).map(move |column| (row, column)))
        .map(|(row, column)| [node(panel.x, column), node(panel.y, STEPS - row)])
        .collect();
    let values = density(&points);
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(highest) = crate::metrics::quantile(&sorted, 0.998) else { return };
    let shade = |i: usize| match values.get(i) {
        Some(v) if !v.is_nan() => ((v - highest).min(0.0) / ROOT).exp(),
        _ => 0.0,
    };
    let grid = Grid { columns: STEPS + 1, values: (0..points.len()).map(shade).collect() };
    let place = |(column, row): (f64, f64)| {
        (panel.left + panel.width * column / STEPS as f64, panel.top + panel.height * row / STEPS as f64)
    };
    for level in 0..SHADES {
        let outlines = grid.contours((level as f64 + 0.5) / SHADES as f64).into_iter();
        let colour = shade_colour(&SHADE_STOPS, level);
        svg.regions(outlines.map(|line| line.into_iter().map(place).collect()), &colour);
    }
}

/// The colour of a level, and that in its place on a dark page.
pub(super) fn shades() -> impl Iterator<Item = (String, String)> {
    (0..SHADES).map(|level| (shade_colour(&SHADE_STOPS, level), shade_colour(&DARK_SHADE_STOPS, level)))
}

fn shade_colour(stops: &[[f64; 3]; 6], level: usize) -> String {
    let position = (level + 1) as f64 / SHADES as f64 * (stops.len() - 1) as f64;
    let below = (position as usize).min(stops.len() - 2);
    let mix = |k: usize| {
        let (a, b) = (stops[below][k], stops[below + 1][k]);
        (a + (b - a) * (position - below as f64)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn stays_small() {
        let data = builtin::generate("two-moons", 20_000, 1).unwrap();
        let mut density = |points: &[[f32; 2]]| -> Vec<f64> {
            points.iter().map(|p| builtin::log_density("two-moons", p[0].into(), p[1].into()).unwrap()).collect()
        };
        let svg = plane("two-moons", &data, &data, Some(&mut density));
        assert!(svg.len() < 500_000, "{} bytes", svg.len());
        assert!(svg.contains("density"));
    }

    #[test]
    fn a_density_that_fails_leaves_its_panel_blank() {
        let data = builtin::generate("rings", 10, 1).unwrap();
        for values in [vec![], vec![f64::NAN; 3], vec![f64::NEG_INFINITY; (STEPS + 1) * (STEPS + 1)]] {
            let svg = plane("t", &data, &data, Some(&mut |_: &[[f32; 2]]| values.clone()));
            assert!(!svg.contains("NaN"));
        }
    }
}
