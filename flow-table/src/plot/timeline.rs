//! How odd rows were, one after the other: p against time, with alarms, windows and changes.

use super::axes::{Panel, Range, heading, minus};
use super::style::{BLUE, GRID, INK, MUTED, SERIES, SMALL, TEXT, VERMILLION};
use super::svg::{Anchor, Font, Svg};
use crate::time::time_text;

const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 360.0;
/// Alarms of which it was known that something was wrong.
const TRUE: &str = SERIES[2];
/// When something was wrong.
const WINDOW: &str = SERIES[4];
/// Changes.
const DRIFT: &str = SERIES[3];
/// Steps between the ticks of a time axis, in seconds.
const STEPS: [i64; 20] = [
    1,
    10,
    60,
    300,
    900,
    3600,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
    2_592_000,
    7_776_000,
    15_552_000,
    31_536_000,
    63_072_000,
    157_680_000,
    315_360_000,
];
/// The most ticks of a time axis.
const MOST_TICKS: i64 = 10;

/// What a timeline shows.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    /// What is written above.
    pub title: &'a str,
    /// When each row was, microseconds since 1970; without it rows stand at their numbers.
    pub times: Option<&'a [i64]>,
    /// The number of each row.
    pub numbers: &'a [usize],
    /// The natural logarithm of each row's p, at most 0.
    pub ln_p: &'a [f32],
    /// A row is an alarm where it is at most this.
    pub alarm: f32,
    /// From when to when something was wrong, as times, or as numbers of rows where there are none.
    pub windows: &'a [[f64; 2]],
    /// Rows that are marked.
    pub marks: &'a [Mark<'a>],
    /// Rows at which a change was found.
    pub drift: &'a [usize],
}

/// A row that is marked.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// The row, from 0.
    pub row: usize,
    /// What is written there, as far as there is room: the oddest rows come first.
    pub label: &'a str,
    /// Whether something was wrong then.
    pub inside: bool,
}

/// Draws a timeline.
///
/// ```
/// use flow_table::plot::{Mark, Timeline, timeline};
///
/// let svg = timeline(&Timeline {
///     title: "Pump",
///     times: None,
///     numbers: &[1, 2, 3, 4],
///     ln_p: &[-0.5, -0.1, -9.0, -1.0],
///     alarm: -7.0,
///     windows: &[[3.0, 4.0]],
///     marks: &[Mark { row: 2, label: "pressure", inside: true }],
///     drift: &[],
/// });
/// assert!(svg.contains("pressure"));
/// ```
///
/// # Panics
/// If there are fewer times or numbers than rows, or a mark is of no row.
pub fn timeline(shown: &Timeline<'_>) -> String {
    let x_of = |row: usize| shown.times.map_or_else(|| shown.numbers[row] as f64, |times| times[row] as f64);
    let oddness = |ln_p: f32| -f64::from(ln_p.min(0.0)) / std::f64::consts::LN_10;
    let (low, high) =
        (0..shown.ln_p.len()).map(x_of).fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
    let most = shown.ln_p.iter().map(|&x| oddness(x)).fold(oddness(shown.alarm), f64::max);
    let left = 76.0;
    let panel = Panel {
        left,
        top: 76.0,
        width: WIDTH - left - 24.0,
        height: HEIGHT - 76.0 - 40.0,
        x: Range::new(low, high),
        y: Range::new(0.0, (1.12 * most).max(1.0)),
        whole_x: shown.times.is_none(),
    };
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let mut entries = vec![(BLUE, "p of each row".to_owned())];
    if !shown.windows.is_empty() {
        entries.push((WINDOW, "something was wrong".to_owned()));
        entries.push((TRUE, "alarms then".to_owned()));
    }
    entries.push((VERMILLION, if shown.windows.is_empty() { "alarms" } else { "other alarms" }.to_owned()));
    if !shown.drift.is_empty() {
        entries.push((DRIFT, "change found".to_owned()));
    }
    heading(&mut svg, 18.0, shown.title, &entries);
    for [from, to] in shown.windows {
        let [from, to] = [from, to].map(|x| panel.px(x.clamp(panel.x.low, panel.x.high)));
        let to = to.max(from + 1.5);
        let corners = [(from, panel.top), (to, panel.top), (to, panel.bottom()), (from, panel.bottom())];
        svg.area(corners.into_iter(), WINDOW, 0.25);
    }
    label_p(&mut svg, &panel);
    panel.frame(&mut svg, false);
    match shown.times {
        Some(_) => label_times(&mut svg, &panel),
        None => {
            panel.label_x(&mut svg);
            let below = Font::new(TEXT, MUTED, Anchor::Middle);
            svg.text(panel.left + panel.width / 2.0, HEIGHT - 6.0, "row", below);
        }
    }
    svg.text(22.0, panel.top + panel.height / 2.0, "p", Font::new(TEXT, MUTED, Anchor::Middle).upward());

    let points = shown.ln_p.iter().enumerate().map(|(row, &ln_p)| (panel.px(x_of(row)), panel.py(oddness(ln_p))));
    svg.lines(spans(points, &panel).into_iter(), BLUE, 1.0);
    let level = panel.py(oddness(shown.alarm));
    svg.lines(std::iter::once([panel.left, level, panel.right(), level]), INK, 1.0);
    svg.dots(shown.drift.iter().map(|&row| (panel.px(x_of(row)), panel.top - 6.0)), 7.0, DRIFT, 1.0);

    let place = |mark: &Mark| (panel.px(x_of(mark.row)), panel.py(oddness(shown.ln_p[mark.row])));
    for (inside, colour) in [(true, TRUE), (false, VERMILLION)] {
        svg.dots(shown.marks.iter().filter(|mark| mark.inside == inside).map(place), 7.0, colour, 1.0);
    }
    label_marks(&mut svg, &panel, shown, &place);
    svg.finish(shown.title)
}

/// From the lowest to the highest point in each column of the picture's dots, joined to what is before and after.
fn spans(points: impl Iterator<Item = (f64, f64)>, panel: &Panel) -> Vec<[f64; 4]> {
    let mut columns: Vec<Option<[f64; 2]>> = vec![None; panel.width.ceil() as usize + 1];
    let mut before = None;
    for (x, y) in points {
        let last = columns.len() - 1;
        let at = ((x - panel.left).max(0.0) as usize).min(last);
        // Where the rows go on in the next column the line does.
        let from = before.filter(|(column, _)| at.abs_diff(*column) == 1).map_or(y, |(_, y)| y);
        let [low, high] = columns[at].unwrap_or([y, y]);
        columns[at] = Some([low.min(y).min(from), high.max(y).max(from)]);
        before = Some((at, y));
    }
    columns
        .into_iter()
        .enumerate()
        .filter_map(|(i, span)| span.map(|[low, high]| (panel.left + i as f64 + 0.5, low, high)))
        // A single point is seen too.
        .map(|(x, low, high)| [x, low, x, high.max(low + 1.0).min(panel.bottom())])
        .collect()
}

/// Labels the axis of p and draws its lines.
fn label_p(svg: &mut Svg, panel: &Panel) {
    let step = if panel.y.high > 5.0 { 2 } else { 1 };
    for power in (0..=panel.y.high as u32).step_by(step) {
        let y = panel.py(power.into());
        svg.lines(std::iter::once([panel.left, y, panel.right(), y]), GRID, 1.0);
        let text = match power {
            0 => "1".to_owned(),
            1..=3 => format!("{:.*}", power as usize, 0.1f64.powi(power as i32)),
            _ => minus(format!("1e-{power}")),
        };
        svg.text(panel.left - 7.0, y + 0.36 * SMALL, &text, Font::new(SMALL, MUTED, Anchor::End));
    }
}

/// Labels an axis of times.
fn label_times(svg: &mut Svg, panel: &Panel) {
    let seconds = panel.x.span() / 1e6;
    let fits = |step: &&i64| seconds / **step as f64 <= MOST_TICKS as f64;
    let step = STEPS.iter().find(fits).copied().unwrap_or((seconds / MOST_TICKS as f64).ceil() as i64);
    let micros = step.saturating_mul(1_000_000) as f64;
    let first = (panel.x.low / micros).ceil();
    for i in 0..=MOST_TICKS {
        let time = (first + i as f64) * micros;
        if !panel.x.contains(time) {
            break;
        }
        let text = time_text(time as i64);
        let part = |from, to| text.get(from..to).unwrap_or_default();
        let text = match step {
            0..60 => part(11, 19).to_owned(),
            60..86_400 => format!("{} {}", part(5, 10), part(11, 16)),
            _ => part(0, 10).to_owned(),
        };
        let x = panel.px(time);
        svg.lines(std::iter::once([x, panel.bottom(), x, panel.bottom() + 4.0]), MUTED, 1.0);
        let room = Font::new(SMALL, MUTED, Anchor::Middle).width(&text) / 2.0;
        let x = x.clamp(room, WIDTH - room);
        svg.text(x, panel.bottom() + 18.0, &text, Font::new(SMALL, MUTED, Anchor::Middle));
    }
}

/// Writes the labels of the oddest marks above them, where they do not lie one over the other.
fn label_marks(svg: &mut Svg, panel: &Panel, shown: &Timeline, place: &dyn Fn(&Mark) -> (f64, f64)) {
    let font = Font::new(SMALL, INK, Anchor::Middle);
    let mut order: Vec<&Mark> = shown.marks.iter().filter(|mark| !mark.label.is_empty()).collect();
    order.sort_by(|a, b| shown.ln_p[a.row].total_cmp(&shown.ln_p[b.row]));
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for mark in order {
        let (x, y) = place(mark);
        let half = font.width(mark.label) / 2.0;
        let x = x.clamp((panel.left + half).min(WIDTH / 2.0), (panel.right() - half).max(WIDTH / 2.0));
        let y = y - 8.0;
        let free =
            |&(at, line, width): &(f64, f64, f64)| (x - at).abs() > half + width + 6.0 || (y - line).abs() > 13.0;
        if taken.iter().all(free) {
            svg.text(x, y, mark.label, font);
            taken.push((x, y, half));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'a>(times: Option<&'a [i64]>, ln_p: &'a [f32], marks: &'a [Mark<'a>]) -> String {
        let numbers: Vec<usize> = (1..=ln_p.len()).collect();
        timeline(&Timeline { title: "t", times, numbers: &numbers, ln_p, alarm: -7.0, windows: &[], marks, drift: &[] })
    }

    #[test]
    fn times_are_dates_and_marks_are_named() {
        let day = 86_400_000_000i64;
        let times: Vec<i64> = (0..60).map(|i| 1_714_521_600_000_000 + i * day / 2).collect();
        let ln_p: Vec<f32> = (0..60).map(|i| if i == 30 || i == 31 { -12.0 } else { -0.5 }).collect();
        let marks = [30, 31].map(|row| Mark { row, label: "a long label <b>", inside: false });
        let svg = shown(Some(&times), &ln_p, &marks);
        assert!(svg.contains(">2024-05-09<") && svg.contains("1e\u{2212}4"), "{svg}");
        // The second would lie over the first.
        assert_eq!(svg.matches("a long label &lt;b&gt;").count(), 1);
        let hours: Vec<i64> = times.iter().map(|t| times[0] + (t - times[0]) / 100).collect();
        assert!(shown(Some(&hours), &ln_p, &[]).contains(">05-01 03:00<"));
    }

    #[test]
    fn a_spike_is_joined_to_the_rows_about_it() {
        // Two rows to a dot of the picture, so that one dot may hold nothing but odd rows.
        for odd in [1500..1501, 1500..1502, 1501..1503] {
            let ln_p: Vec<f32> = (0..2000).map(|row| if odd.contains(&row) { -20.0 } else { -0.1 }).collect();
            let svg = shown(None, &ln_p, &[]);
            let line = svg.lines().find(|line| line.contains(BLUE) && line.matches('L').count() > 100).unwrap();
            let height = |segment: &str| {
                let y = |point: &str| point.split(' ').nth(1).and_then(|y| y.parse::<f64>().ok());
                let (from, to) = segment.split_once('L')?;
                Some((y(from)? - y(to.split('"').next()?)?).abs())
            };
            let highest = line.split('M').filter_map(height).fold(0.0, f64::max);
            assert!(highest > 150.0, "{odd:?}: {highest}");
        }
    }

    #[test]
    fn any_rows_give_a_picture() {
        assert!(shown(None, &[], &[]).starts_with("<svg"));
        assert!(shown(Some(&[5]), &[f32::NAN], &[]).starts_with("<svg"));
        let far = [i64::MIN, i64::MAX, 0];
        assert!(shown(Some(&far), &[0.0, -20.0, -3.0], &[]).starts_with("<svg"));
        let long: Vec<f32> = (0..100_000).map(|i| -((i % 977) as f32) / 100.0).collect();
        let svg = shown(None, &long, &[]);
        assert!(svg.len() < 60_000, "{}", svg.len());
    }
}
