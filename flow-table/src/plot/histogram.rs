//! A histogram of one quantity for one or more groups of rows, as log-densities of normal rows and anomalies.

use super::axes::{Panel, Range, heading, minus};
use super::scatter::{bins, outline, shares, steps};
use super::style::{MUTED, SERIES, SMALL, TEXT};
use super::svg::{Anchor, Font, Svg};

/// Bins across the picture, at most.
const BINS: f64 = 60.0;
/// The picture is at most so many times as wide as the narrowest group's central 99 %.
const WIDEST: f64 = 6.0;

/// Draws the groups' histograms over one another, each as shares of its own rows. What lies outside the picture is
/// counted in a line below the legend.
pub fn histogram(title: &str, x_label: &str, groups: &[(&str, &[f64])]) -> String {
    let (width, height) = (860.0, 420.0);
    let mut svg = Svg::new(width, height);
    let x = range(groups);
    let fewest = groups.iter().map(|(_, values)| values.len()).filter(|n| *n > 0).min().unwrap_or(0);
    let edges = bins(x, (2.0 * (fewest as f64).sqrt()).clamp(12.0, BINS) as usize, false);
    let heights: Vec<Vec<f64>> =
        groups.iter().map(|(_, values)| shares(values, &edges).into_iter().map(|s| 100.0 * s).collect()).collect();
    let highest = heights.iter().flatten().fold(0.0f64, |a, &b| a.max(b));
    let notes: Vec<String> = groups.iter().filter_map(|(name, values)| outside(name, values, x)).collect();
    let mut panel = Panel {
        left: 0.0,
        top: if notes.is_empty() { 72.0 } else { 88.0 },
        width: 0.0,
        height: 0.0,
        x,
        y: Range::new(0.0, if highest > 0.0 { highest * 1.06 } else { 1.0 }),
        whole_x: false,
    };
    panel.height = height - panel.top - 56.0;
    panel.left = panel.label_y_width() + 34.0;
    panel.width = width - 28.0 - panel.left;

    let colour = |i: usize| SERIES[i % SERIES.len()];
    let entries: Vec<_> =
        groups.iter().enumerate().map(|(i, (name, v))| (colour(i), format!("{name}: {} rows", v.len()))).collect();
    heading(&mut svg, 18.0, title, &entries);
    if !notes.is_empty() {
        svg.text(18.0, 71.0, &notes.join("; "), Font::new(SMALL, MUTED, Anchor::Start));
    }
    panel.grid(&mut svg, false, true);
    for (i, shares) in heights.iter().enumerate() {
        let place = |(x, y): (f64, f64)| (panel.px(x), panel.py(y));
        svg.area(steps(&edges, shares).into_iter().map(place), colour(i), 0.28);
        svg.polyline(outline(&edges, shares).into_iter().map(place), colour(i), 1.5, 1.0);
    }
    panel.frame(&mut svg, false);
    panel.label_x(&mut svg);
    panel.label_y(&mut svg);
    let font = Font::new(TEXT, MUTED, Anchor::Middle);
    svg.text(panel.left + panel.width / 2.0, height - 14.0, x_label, font);
    svg.text(22.0, panel.top + panel.height / 2.0, "% of the group's rows", font.upward());
    svg.finish(title)
}

/// Every group's central 99 %, unless one lies so far off that the others would shrink to a line.
fn range(groups: &[(&str, &[f64])]) -> Range {
    let ranges: Vec<Range> = groups
        .iter()
        .filter(|(_, values)| values.iter().any(|v| v.is_finite()))
        .map(|(_, values)| Range::robust(values.iter().copied()))
        .collect();
    let Some(narrowest) = ranges.iter().copied().min_by(|a, b| a.span().total_cmp(&b.span())) else {
        return Range::new(0.0, 1.0);
    };
    let all = ranges.iter().copied().fold(narrowest, Range::union);
    let slack = (WIDEST - 1.0) / 2.0 * narrowest.span();
    Range::new(all.low.max(narrowest.low - slack), all.high.min(narrowest.high + slack)).padded(0.02)
}

fn outside(name: &str, values: &[f64], range: Range) -> Option<String> {
    let count = |test: &dyn Fn(f64) -> bool| values.iter().filter(|v| test(**v)).count();
    let (below, above) = (count(&|v| v < range.low), count(&|v| v > range.high));
    let undefined = count(&|v| v.is_nan());
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut parts = Vec::new();
    if below > 0 {
        parts.push(format!("{below} to the left, down to {}", brief(lowest)));
    }
    if above > 0 {
        parts.push(format!("{above} to the right, up to {}", brief(highest)));
    }
    if undefined > 0 {
        parts.push(format!("{undefined} undefined"));
    }
    (!parts.is_empty()).then(|| format!("{name}, not in the picture: {}", parts.join(", ")))
}

fn brief(value: f64) -> String {
    minus(if value.abs() < 1e5 { format!("{value:.1}") } else { format!("{value:.1e}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_rows_are_counted_not_drawn() {
        let normal: Vec<f64> = (0..1000).map(|i| f64::from(i) / 100.0).collect();
        let odd = [-1e6, -1e7, 5.0];
        let svg = histogram("t", "log_prob", &[("normal", &normal), ("anomaly", &odd)]);
        assert!(svg.contains("anomaly, not in the picture: 2 to the left, down to −1.0e7"), "{svg}");
    }

    #[test]
    fn odd_values_are_drawn_somehow() {
        for values in [&[][..], &[1.0], &[f64::NAN, f64::INFINITY], &[-1e300, 1e300]] {
            let svg = histogram("t", "x", &[("a", values)]);
            assert!(!svg.contains("\"NaN") && !svg.contains("MNaN"), "{svg}");
        }
    }
}
