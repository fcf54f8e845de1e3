//! Ranges, ticks and the frame of a panel.

use super::style::{FRAME, GRID, INK, MUTED, SMALL, TEXT, TITLE};
use super::svg::{Anchor, Font, Svg};
use crate::metrics::quantile;

/// An interval of an axis, never empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Range {
    /// An interval of positive length around `low..high`.
    pub(super) fn new(low: f64, high: f64) -> Range {
        let (low, high) = if (high - low).is_finite() { (low.min(high), low.max(high)) } else { (0.0, 1.0) };
        let least = (low.abs().max(high.abs()) * 1e-6).max(1e-12);
        if high - low >= least {
            return Range { low, high };
        }
        let half = if low == 0.0 && high == 0.0 { 0.5 } else { (low.abs().max(high.abs()) * 0.05).max(least) };
        Range { low: (low + high) / 2.0 - half, high: (low + high) / 2.0 + half }
    }

    /// The central 99 % of the finite values, wider where all values are not much farther out.
    pub(super) fn robust(values: impl Iterator<Item = f64>) -> Range {
        let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |q| quantile(&sorted, q).unwrap_or(0.0);
        let (low, high, min, max) = (at(0.005), at(0.995), at(0.0), at(1.0));
        let slack = 0.25 * (high - low);
        Range::new(if min >= low - slack { min } else { low }, if max <= high + slack { max } else { high })
    }

    pub(super) fn union(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    pub(super) fn padded(self, share: f64) -> Range {
        let pad = share * self.span();
        Range { low: self.low - pad, high: self.high + pad }
    }

    pub(super) fn span(self) -> f64 {
        self.high - self.low
    }

    pub(super) fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Round numbers within the range, about `wanted` of them, and how to write them.
    pub(super) fn ticks(self, wanted: usize) -> Vec<(f64, String)> {
        let raw = self.span() / wanted.max(1) as f64;
        let magnitude = 10f64.powf(raw.log10().floor());
        let off = |factor: &f64| (factor * magnitude / raw).ln().abs();
        let nearest = [1.0, 2.0, 5.0, 10.0].into_iter().min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(1.0);
        let step = magnitude * nearest;
        let (first, last) = ((self.low / step - 1e-9).ceil(), (self.high / step + 1e-9).floor());
        if !(step > 0.0 && (last - first) < 100.0) {
            return Vec::new();
        }
        let largest = self.low.abs().max(self.high.abs());
        let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
        let exponent = largest.log10().floor();
        let digits = (exponent - step.log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
        let scientific = !(1e-3..1e7).contains(&largest) || (largest >= 1e5 && digits < 3);
        let write = |value: f64| match scientific {
            _ if value == 0.0 => "0".to_owned(),
            true => minus(format!("{value:.digits$e}")),
            false => minus(format!("{value:.decimals$}")),
        };
        let count = (last - first) as i64;
        // Adding 0 turns -0 into 0.
        (0..=count).map(|i| (first + i as f64) * step + 0.0).map(|v| (v, write(v))).collect()
    }
}

/// A number's text with a real minus sign.
pub(super) fn minus(text: String) -> String {
    text.replace('-', "\u{2212}")
}

/// A panel: a rectangle of the drawing with the ranges that it shows.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x: Range,
    pub(super) y: Range,
    /// Whether only whole numbers make sense on the x axis.
    pub(super) whole_x: bool,
}

impl Panel {
    pub(super) fn px(&self, x: f64) -> f64 {
        self.left + self.width * (x - self.x.low) / self.x.span()
    }

    pub(super) fn py(&self, y: f64) -> f64 {
        self.bottom() - self.height * (y - self.y.low) / self.y.span()
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Ticks of the x axis, and where their labels' middles stand.
    fn x_ticks(&self) -> Vec<(f64, f64, String)> {
        let font = Font::new(SMALL, MUTED, Anchor::Middle);
        let mut wanted = (self.width / 45.0).clamp(3.0, 9.0) as usize;
        if self.whole_x {
            wanted = wanted.min(self.x.span().max(1.0) as usize);
        }
        loop {
            // Fewer ticks until the labels leave each other room. At the edge a label hardly leaves the panel, for the
            // next panel's may stand there.
            let place = |(value, text): (f64, String)| {
                let room = (self.width / 2.0).min(font.width(&text) / 2.0 - 3.0).max(0.0);
                (value, self.px(value).clamp(self.left + room, self.right() - room), text)
            };
            let ticks: Vec<_> = self.x.ticks(wanted).into_iter().map(place).collect();
            let apart = |a: &(f64, f64, String), b: &(f64, f64, String)| {
                b.1 - a.1 >= (font.width(&a.2) + font.width(&b.2)) / 2.0 + 8.0
            };
            if wanted <= 1 || ticks.is_sorted_by(apart) {
                return ticks;
            }
            wanted -= 1;
        }
    }

    fn y_ticks(&self) -> Vec<(f64, String)> {
        self.y.ticks((self.height / 45.0).clamp(3.0, 8.0) as usize)
    }

    /// Grid lines at the ticks of one or both axes.
    pub(super) fn grid(&self, svg: &mut Svg, vertical: bool, horizontal: bool) {
        let (x, y) = (self.x_ticks(), self.y_ticks());
        let vertical =
            x.iter().filter(|_| vertical).map(|(v, ..)| self.px(*v)).map(|x| [x, self.top, x, self.bottom()]);
        let horizontal =
            y.iter().filter(|_| horizontal).map(|(v, _)| self.py(*v)).map(|y| [self.left, y, self.right(), y]);
        svg.lines(vertical.chain(horizontal), GRID, 1.0);
    }

    /// The lines at the left and the bottom.
    pub(super) fn frame(&self, svg: &mut Svg, left: bool) {
        let bottom = [self.left, self.bottom(), self.right(), self.bottom()];
        let side = [self.left, self.top, self.left, self.bottom()];
        svg.lines([bottom, side].into_iter().take(if left { 2 } else { 1 }), FRAME, 1.0);
    }

    pub(super) fn label_x(&self, svg: &mut Svg) {
        for (_, x, text) in self.x_ticks() {
            svg.text(x, self.bottom() + 16.0, &text, Font::new(SMALL, MUTED, Anchor::Middle));
        }
    }

    pub(super) fn label_y(&self, svg: &mut Svg) {
        for (value, text) in self.y_ticks() {
            svg.text(self.left - 7.0, self.py(value) + 0.36 * SMALL, &text, Font::new(SMALL, MUTED, Anchor::End));
        }
    }

    /// Room that the labels of the y axis take.
    pub(super) fn label_y_width(&self) -> f64 {
        let font = Font::new(SMALL, MUTED, Anchor::End);
        self.y_ticks().iter().map(|(_, text)| font.width(text)).fold(0.0, f64::max) + 12.0
    }
}

/// A title at the top left, and below it one coloured entry for each series.
pub(super) fn heading(svg: &mut Svg, left: f64, title: &str, entries: &[(&'static str, String)]) {
    svg.text(left, 27.0, title, Font::new(TITLE, INK, Anchor::Start).bold());
    let font = Font::new(TEXT, MUTED, Anchor::Start);
    let mut x = left;
    for (colour, name) in entries {
        svg.dots(std::iter::once((x + 5.0, 47.0)), 10.0, colour, 1.0);
        svg.text(x + 16.0, 51.5, name, font);
        x += 16.0 + font.width(name) + 20.0;
    }
}

/// A text cut to fit, with an ellipsis.
pub(super) fn fitted(text: &str, font: Font, width: f64) -> String {
    if font.width(text) <= width {
        return text.to_owned();
    }
    let most = (width / font.width("x")) as usize;
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, wanted: usize) -> String {
        Range::new(low, high).ticks(wanted).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(-1.3, 2.2, 4), "−1 0 1 2");
        assert_eq!(labels(0.0, 1.0, 5), "0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels(0.0, 2e6, 4), "0 5.0e5 1.0e6 1.5e6 2.0e6");
        assert_eq!(labels(21.0, 121.0, 5), "40 60 80 100 120");
        assert_eq!(labels(101_000.0, 101_600.0, 3), "101000 101200 101400 101600");
        assert_eq!(labels(1e-5, 3e-5, 2), "1e-5 2e-5 3e-5".replace('-', "−"));
    }

    #[test]
    fn ranges_are_never_empty() {
        for (low, high) in [(0.0, 0.0), (1e30, 1e30), (f64::NAN, 1.0), (5.0, 5.0), (1e-30, 2e-30)] {
            let range = Range::new(low, high);
            assert!(range.span() > 0.0 && range.span().is_finite(), "{range:?}");
            assert!(range.ticks(5).len() < 30);
        }
    }

    #[test]
    fn a_far_value_does_not_stretch_the_range() {
        let range = Range::robust((0..1000).map(f64::from).chain([1e9]));
        assert!(range.high < 1100.0 && range.low == 0.0, "{range:?}");
    }
}
