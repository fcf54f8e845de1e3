//! What was tried, by what it brings and what it costs; what no other beats is joined.

use super::axes::{Panel, Range, heading};
use super::style::{BLUE, FRAME, INK, MUTED, TEXT, VERMILLION};
use super::svg::{Anchor, Font, Svg};

/// Something that was tried.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its name, which is written beside the chosen one.
    pub name: String,
    /// What it brings: the more, the better.
    pub quality: f64,
    /// What it costs, of two kinds.
    pub costs: [f64; 2],
    /// Whether no other beats it.
    pub front: bool,
    /// Whether it is the one that was chosen.
    pub chosen: bool,
}

/// Draws quality against both costs, side by side. What is not finite is left out.
///
/// ```
/// use flow_table::plot::{Choice, front};
///
/// let choice = |quality, costs, chosen| Choice { name: "a".into(), quality, costs, front: true, chosen };
/// let svg = front("Tried", "nats", ["bytes", "instructions"], &[choice(-2.0, [10.0, 9.0], false), choice(-1.0, [20.0, 30.0], true)]);
/// assert!(svg.starts_with("<svg"));
/// ```
pub fn front(title: &str, y_label: &str, x_labels: [&str; 2], choices: &[Choice]) -> String {
    let (width, height) = (980.0, 420.0);
    let mut svg = Svg::new(width, height);
    let entries = [(BLUE, "no other beats it"), (FRAME, "others"), (VERMILLION, "chosen")];
    heading(&mut svg, 18.0, title, &entries.map(|(colour, name)| (colour, name.to_owned())));
    let finite = |c: &&Choice| c.quality.is_finite() && c.costs.iter().all(|v| v.is_finite());
    let choices: Vec<&Choice> = choices.iter().filter(finite).collect();
    let y = Range::robust(choices.iter().map(|c| c.quality)).padded(0.08);
    for (k, x_label) in x_labels.iter().enumerate() {
        let most = choices.iter().map(|c| c.costs[k]).fold(1.0, f64::max);
        let mut panel = Panel {
            left: 0.0,
            top: 72.0,
            width: 0.0,
            height: height - 128.0,
            x: Range::new(0.0, 1.05 * most),
            y,
            whole_x: true,
        };
        let left = k as f64 * width / 2.0;
        panel.left = left + panel.label_y_width() + 34.0;
        panel.width = left + width / 2.0 - 24.0 - panel.left;
        panel.grid(&mut svg, false, true);
        panel.frame(&mut svg, false);
        panel.label_x(&mut svg);
        panel.label_y(&mut svg);
        let font = Font::new(TEXT, MUTED, Anchor::Middle);
        svg.text(panel.left + panel.width / 2.0, height - 14.0, x_label, font);
        if k == 0 {
            svg.text(22.0, panel.top + panel.height / 2.0, y_label, font.upward());
        }
        let place = |c: &Choice| (panel.px(c.costs[k]), panel.py(c.quality));
        let shown = || choices.iter().filter(|c| panel.y.contains(c.quality));
        svg.dots(shown().filter(|c| !c.front).map(|c| place(c)), 7.0, FRAME, 1.0);
        let mut best: Vec<(f64, f64)> = shown().filter(|c| c.front).map(|c| place(c)).collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0));
        svg.polyline(best.iter().copied(), BLUE, 1.0, 0.5);
        svg.dots(best.into_iter(), 8.0, BLUE, 1.0);
        for chosen in shown().filter(|c| c.chosen) {
            let (x, y) = place(chosen);
            svg.dots(std::iter::once((x, y)), 11.0, VERMILLION, 1.0);
            let end = x > panel.left + panel.width / 2.0;
            let (anchor, aside) = if end { (Anchor::End, -10.0) } else { (Anchor::Start, 10.0) };
            svg.text(x + aside, y + 18.0, &chosen.name, Font::new(TEXT, INK, anchor));
        }
    }
    svg.finish(title)
}
