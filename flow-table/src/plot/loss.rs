//! Curves of training and validation loss against epochs.

use super::axes::{Panel, Range, heading, minus};
use super::style::{INK, MUTED, PAPER, SERIES, TEXT};
use super::svg::{Anchor, Font, Svg};

/// Points beyond this number are thinned out.
const MOST_POINTS: usize = 2000;

/// What is below the curves of a training.
const EPOCH: &str = "epoch";

/// A named curve.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// Epoch (or whatever the axis is of) and value, epochs ascending. A value that is not finite leaves a gap.
    pub points: &'a [(f64, f64)],
}

/// Draws curves against epochs. `best` is marked: the epoch whose parameters were kept, and its value. The first few
/// epochs, where losses are huge, may leave the picture at the top.
///
/// ```
/// use flow_table::plot::{Curve, loss_curves};
///
/// let points = [(1.0, 3.2), (2.0, 2.9), (3.0, 2.8)];
/// let svg = loss_curves("Loss", "nats a row", &[Curve { name: "training", points: &points }], Some((3.0, 2.8)));
/// assert!(svg.starts_with("<svg"));
/// ```
pub fn loss_curves(title: &str, y_label: &str, curves: &[Curve<'_>], best: Option<(f64, f64)>) -> String {
    draw([860.0, 420.0], title, [EPOCH, y_label], curves, y_range(curves).padded(0.05), best)
}

/// Draws curves of what is not negative against epochs, half as wide. Values that are more than twice the usual ones may
/// leave the picture at the top.
pub fn epoch_curves(title: &str, y_label: &str, curves: &[Curve<'_>]) -> String {
    let y = from_zero(curves, 2.0);
    draw([520.0, 320.0], title, [EPOCH, y_label], curves, y, None)
}

/// Draws curves of what is not negative against anything, half as wide; no value leaves the picture.
///
/// ```
/// use flow_table::plot::{Curve, curves};
///
/// let points = [(1.0, 0.0), (2.5, 4.0)];
/// let svg = curves("Falls", "height, m", "speed, m/s", &[Curve { name: "stone", points: &points }]);
/// assert!(svg.contains("height, m"));
/// ```
pub fn curves(title: &str, x_label: &str, y_label: &str, curves: &[Curve<'_>]) -> String {
    draw([520.0, 320.0], title, [x_label, y_label], curves, from_zero(curves, f64::INFINITY), None)
}

/// From 0 to the largest value, or to so many times the usual ones.
fn from_zero(curves: &[Curve<'_>], times: f64) -> Range {
    let values = || curves.iter().flat_map(|c| c.points.iter().map(|p| p.1)).filter(|v| v.is_finite());
    let most = values().fold(0.0, f64::max);
    let most = if times.is_finite() { most.min(times * Range::robust(values()).high) } else { most };
    Range::new(0.0, if most > 0.0 { 1.04 * most } else { 1.0 })
}

fn draw(
    [width, height]: [f64; 2],
    title: &str,
    [x_label, y_label]: [&str; 2],
    curves: &[Curve<'_>],
    y: Range,
    best: Option<(f64, f64)>,
) -> String {
    let mut svg = Svg::new(width, height);
    let all = || curves.iter().flat_map(|c| c.points.iter().copied());
    let (first, last) = all().map(|(x, _)| x).fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
    let mut panel = Panel {
        left: 0.0,
        top: 72.0,
        width: width - 28.0,
        height: height - 72.0 - 56.0,
        x: Range::new(first, last),
        y,
        whole_x: x_label == EPOCH,
    };
    panel.left = panel.label_y_width() + 34.0;
    panel.width = width - 28.0 - panel.left;

    let entries: Vec<(&'static str, String)> =
        curves.iter().enumerate().map(|(i, c)| (SERIES[i % SERIES.len()], c.name.to_owned())).collect();
    heading(&mut svg, 18.0, title, &entries);
    panel.grid(&mut svg, false, true);
    panel.frame(&mut svg, false);
    panel.label_x(&mut svg);
    panel.label_y(&mut svg);
    let font = Font::new(TEXT, MUTED, Anchor::Middle);
    svg.text(panel.left + panel.width / 2.0, height - 14.0, x_label, font);
    svg.text(22.0, panel.top + panel.height / 2.0, y_label, font.upward());

    for (curve, (colour, _)) in curves.iter().zip(&entries) {
        let points = clipped(&thinned(curve.points), panel.y);
        if let [(x, y)] = points[..] {
            svg.dots(std::iter::once((panel.px(x), panel.py(y))), 6.0, colour, 1.0);
        }
        svg.polyline(points.iter().map(|&(x, y)| (panel.px(x), panel.py(y))), colour, 2.0, 1.0);
    }
    if let Some((epoch, value)) = best.filter(|(x, y)| panel.x.contains(*x) && panel.y.contains(*y)) {
        let (x, y) = (panel.px(epoch), panel.py(value));
        svg.dots(std::iter::once((x, y)), 11.0, PAPER, 1.0);
        svg.dots(std::iter::once((x, y)), 8.0, INK, 1.0);
        let text = minus(format!("best {value:.3} at epoch {epoch}"));
        // Above the curve, where a falling loss leaves room; on the side with more of it.
        let anchor = if x > panel.left + panel.width / 2.0 { Anchor::End } else { Anchor::Start };
        let lift: f64 = if y - panel.top > 60.0 { -34.0 } else { 24.0 };
        svg.lines(std::iter::once([x, y + lift.signum() * 7.0, x, y + lift + 4.0]), INK, 1.0);
        let aside = if matches!(anchor, Anchor::End) { 4.0 } else { -4.0 };
        svg.text(x + aside, y + lift, &text, Font::new(TEXT, INK, anchor));
    }
    svg.finish(title)
}

/// All values after the first tenth of the epochs, and of the earlier ones what is not far above.
fn y_range(curves: &[Curve<'_>]) -> Range {
    let finite = |points: &[(f64, f64)], skip: usize| -> Vec<f64> {
        points.iter().skip(skip).map(|p| p.1).filter(|v| v.is_finite()).collect()
    };
    let settled: Vec<f64> = curves
        .iter()
        .flat_map(|c| finite(c.points, c.points.len().saturating_sub(1).min(c.points.len().div_ceil(10))))
        .collect();
    let bounds = |values: &[f64]| values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    if settled.is_empty() {
        return Range::new(0.0, 1.0);
    }
    let middle = Range::robust(settled.iter().copied());
    let (low, _) = bounds(&settled);
    let (_, high) = bounds(&curves.iter().flat_map(|c| finite(c.points, 0)).collect::<Vec<_>>());
    Range::new(low.max(middle.low - middle.span()), high.min(middle.high + 0.6 * middle.span()))
}

fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<(f64, f64)> = points.iter().copied().step_by(stride).collect();
    if let (Some(last), true) = (points.last(), points.len() % stride != 1 && stride > 1) {
        kept.push(*last);
    }
    kept
}

/// The parts of a line within a range of y; gaps between them are not finite.
fn clipped(points: &[(f64, f64)], range: Range) -> Vec<(f64, f64)> {
    let mut line = Vec::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if let Some(&(px, py)) = i.checked_sub(1).and_then(|i| points.get(i)) {
            let mut cuts: Vec<f64> = [range.low, range.high].iter().map(|edge| (edge - py) / (y - py)).collect();
            cuts.sort_by(f64::total_cmp);
            for t in cuts.into_iter().filter(|t| *t > 0.0 && *t < 1.0) {
                line.push((px + t * (x - px), (py + t * (y - py)).clamp(range.low, range.high)));
                if range.contains(py) {
                    line.push((f64::NAN, f64::NAN));
                }
            }
        }
        line.push(if range.contains(y) { (x, y) } else { (f64::NAN, f64::NAN) });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_edge() {
        let line = clipped(&[(0.0, 10.0), (1.0, 0.0)], Range::new(-1.0, 5.0));
        assert!(line[0].0.is_nan());
        assert_eq!(line[1..], [(0.5, 5.0), (1.0, 0.0)]);
    }

    #[test]
    fn odd_losses_are_drawn_somehow() {
        for points in [&[][..], &[(1.0, 2.0)], &[(1.0, f64::NAN), (2.0, f64::INFINITY)], &[(1.0, 1e300), (2.0, -1e300)]]
        {
            let curves = [Curve { name: "a", points }];
            for svg in [loss_curves("t", "y", &curves, points.first().copied()), epoch_curves("t", "y", &curves)] {
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
        assert!(loss_curves("t", "y", &[], None).ends_with("</svg>\n"));
    }
}
