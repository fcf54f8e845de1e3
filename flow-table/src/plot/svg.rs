//! A writer for the few SVG elements that plots need, compact: many shapes of one style share one path.

use super::style::PAPER;
use crate::escape::escape;
use std::fmt::Write;

/// Half-transparent dots are spread over this many paths: inside one path overlaps do not darken, between paths they do.
const DOT_LAYERS: usize = 8;

/// Where a text stands with respect to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text's looks.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) colour: &'static str,
    pub(super) anchor: Anchor,
    pub(super) bold: bool,
    /// Turned by 90° to read upwards.
    pub(super) upward: bool,
}

impl Font {
    pub(super) fn new(size: f64, colour: &'static str, anchor: Anchor) -> Font {
        Font { size, colour, anchor, bold: false, upward: false }
    }

    pub(super) fn bold(self) -> Font {
        Font { bold: true, ..self }
    }

    pub(super) fn upward(self) -> Font {
        Font { upward: true, ..self }
    }

    /// About how wide a text will be; the font is the viewer's.
    pub(super) fn width(&self, text: &str) -> f64 {
        text.chars().count() as f64 * self.size * if self.bold { 0.57 } else { 0.52 }
    }
}

/// A drawing under construction; the origin is at the top left.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Svg {
        Svg { width, height, body: String::new() }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, font: Font) {
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y) = (Short(x), Short(y));
        let _ = write!(self.body, "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"", font.size, font.colour);
        if !matches!(font.anchor, Anchor::Start) {
            let _ = write!(self.body, " text-anchor=\"{anchor}\"");
        }
        if font.bold {
            self.body.push_str(" font-weight=\"600\"");
        }
        if font.upward {
            let _ = write!(self.body, " transform=\"rotate(-90 {x} {y})\"");
        }
        let _ = writeln!(self.body, ">{}</text>", escape(text));
    }

    /// A line through points; a point that is not finite interrupts it.
    pub(super) fn polyline(
        &mut self,
        points: impl Iterator<Item = (f64, f64)>,
        colour: &str,
        width: f64,
        opacity: f64,
    ) {
        let mut path = String::new();
        let mut pen_down = false;
        for (x, y) in points {
            if x.is_finite() && y.is_finite() {
                let _ = write!(path, "{}{} {}", if pen_down { 'L' } else { 'M' }, Short(x), Short(y));
            }
            pen_down = x.is_finite() && y.is_finite();
        }
        let round = "stroke-linejoin=\"round\" stroke-linecap=\"round\"";
        self.path(&path, &format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" {round}"), opacity);
    }

    /// Straight lines, each from a point to another.
    pub(super) fn lines(&mut self, lines: impl Iterator<Item = [f64; 4]>, colour: &str, width: f64) {
        let mut path = String::new();
        for [x0, y0, x1, y1] in lines {
            let _ = write!(path, "M{} {}L{} {}", Short(x0), Short(y0), Short(x1), Short(y1));
        }
        self.path(&path, &format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\""), 1.0);
    }

    /// A filled area within a closed line.
    pub(super) fn area(&mut self, points: impl Iterator<Item = (f64, f64)>, colour: &str, opacity: f64) {
        let mut path = String::new();
        for (i, (x, y)) in points.enumerate() {
            let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Short(x), Short(y));
        }
        self.path(&path, &format!("fill=\"{colour}\""), opacity);
    }

    /// Filled regions within closed lines.
    pub(super) fn regions(&mut self, outlines: impl Iterator<Item = Vec<(f64, f64)>>, colour: &str) {
        let mut path = String::new();
        for outline in outlines {
            for (i, (x, y)) in outline.into_iter().enumerate() {
                let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Short(x), Short(y));
            }
            path.push('z');
        }
        self.path(&path, &format!("fill=\"{colour}\""), 1.0);
    }

    /// Round dots.
    pub(super) fn dots(&mut self, points: impl Iterator<Item = (f64, f64)>, diameter: f64, colour: &str, opacity: f64) {
        let mut paths = [const { String::new() }; DOT_LAYERS];
        for (i, (x, y)) in points.enumerate() {
            let _ = write!(paths[i % DOT_LAYERS], "M{} {}h0", Short(x), Short(y));
        }
        for path in &paths {
            let style = format!("stroke=\"{colour}\" stroke-width=\"{diameter}\" stroke-linecap=\"round\"");
            self.path(path, &style, opacity);
        }
    }

    fn path(&mut self, path: &str, style: &str, opacity: f64) {
        if path.is_empty() {
            return;
        }
        let _ = write!(self.body, "<path d=\"{path}\" {style}");
        if opacity < 1.0 {
            let _ = write!(self.body, " opacity=\"{opacity}\"");
        }
        self.body.push_str("/>\n");
    }

    /// The whole text; `description` is what a screen reader says.
    pub(super) fn finish(self, description: &str) -> String {
        let (w, h) = (Short(self.width), Short(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
             font-family=\"Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"{PAPER}\"/>\n{}</svg>\n",
            escape(description),
            self.body
        )
    }
}

/// A number with one decimal at most.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        if tenths % 10 == 0 { write!(f, "{}", tenths / 10) } else { write!(f, "{}", tenths as f64 / 10.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, -0.04, 12.34, -7.96].map(|v| Short(v).to_string()), ["1", "0", "12.3", "-8"]);
    }

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(0.0, 0.0, "a<b>&\"\u{1}", Font::new(10.0, "#000", Anchor::Start));
        assert!(svg.finish("t").contains(">a&lt;b&gt;&amp;&quot; </text>"));
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.polyline([(0.0, 0.0), (1.0, f64::NAN), (2.0, 2.0)].into_iter(), "#000", 1.0, 1.0);
        assert!(svg.finish("t").contains("d=\"M0 0M2 2\""));
    }
}
