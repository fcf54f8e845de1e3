//! Circles: the usual turns, and columns that look like one.

use crate::tally::Tally;
use std::f64::consts::{PI, TAU};

/// A turn: where it starts, its length, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) origin: f64,
    pub(crate) period: f64,
    pub(crate) text: &'static str,
}

/// Turns of angles, then of other things: hours, and shares of a turn.
const TURNS: [Turn; 6] = [
    Turn { origin: 0.0, period: 360.0, text: "0..360" },
    Turn { origin: -180.0, period: 360.0, text: "-180..180" },
    Turn { origin: 0.0, period: TAU, text: "0..2π" },
    Turn { origin: -PI, period: TAU, text: "-π..π" },
    Turn { origin: 0.0, period: 24.0, text: "0..24" },
    Turn { origin: 0.0, period: 1.0, text: "0..1" },
];
const ANGLES: usize = 4;
/// How far beyond a turn rounded values may lie, as a share of it.
const ROUNDING: f64 = 1e-3;
/// Words in the names of angles.
const NAMES: [&str; 8] = ["angle", "deg", "dir", "heading", "azimuth", "bearing", "yaw", "phase"];

impl Turn {
    fn holds(&self, tally: &Tally) -> bool {
        let slack = ROUNDING * self.period;
        f64::from(tally.min()) >= self.origin - slack && f64::from(tally.max()) <= self.origin + self.period + slack
    }
}

/// The shortest of the usual turns that holds all values.
pub(crate) fn fitting(tally: &Tally) -> Option<Turn> {
    TURNS.into_iter().filter(|t| t.holds(tally)).min_by(|a, b| a.period.total_cmp(&b.period))
}

/// The turn of angles that the values go all round: at least 98 % of it is covered (the smallest gap between two
/// values counted in, so that 0 to 350 in tens does), and where its ends meet they are as dense as each other.
pub(crate) fn all_round(tally: &Tally) -> Option<Turn> {
    let range = f64::from(tally.max()) - f64::from(tally.min());
    TURNS[..ANGLES].iter().copied().find(|turn| {
        let covered = range + 1e-9 * turn.period + smallest_gap(tally).min(0.1 * turn.period);
        if !turn.holds(tally) || covered < 0.98 * turn.period {
            return false;
        }
        let strip = 0.05 * turn.period;
        let first = tally.within(f64::NEG_INFINITY, turn.origin + strip);
        let last = tally.within(turn.origin + turn.period - strip, f64::INFINITY);
        first.min(last) >= 10 && first.max(last) <= 3 * first.min(last)
    })
}

fn smallest_gap(tally: &Tally) -> f64 {
    let values = tally.values().map(f64::from);
    values.clone().zip(values.skip(1)).map(|(a, b)| b - a).fold(f64::INFINITY, f64::min)
}

/// Whether a column's name is one of an angle.
pub(crate) fn is_name_of_angle(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(values: impl Iterator<Item = f64>) -> Tally {
        Tally::of(values.map(|v| v as f32))
    }

    #[test]
    fn the_shortest_turn_fits() {
        let fits = |low: f64, high: f64| fitting(&tally([low, high].into_iter())).map(|t| t.text);
        assert_eq!(fits(0.0, 0.9), Some("0..1"));
        assert_eq!(fits(0.1, 6.25), Some("0..2π"));
        assert_eq!(fits(-3.0, PI + 1e-3), Some("-π..π")); // rounded up
        assert_eq!(fits(0.0, 23.0), Some("0..24"));
        assert_eq!(fits(0.0, 350.0), Some("0..360"));
        assert_eq!(fits(-170.0, 20.0), Some("-180..180"));
        assert_eq!(fits(-20.0, 350.0), None);
    }

    #[test]
    fn a_circle_is_gone_all_round() {
        let text = |t: Tally| all_round(&t).map(|t| t.text);
        let spread = |n: usize, low: f64, high: f64| (0..n).map(move |i| low + (high - low) * i as f64 / n as f64);
        assert_eq!(text(tally(spread(1000, 0.0, 360.0))), Some("0..360"));
        assert_eq!(text(tally(spread(1000, -PI, PI))), Some("-π..π"));
        assert_eq!(text(tally(spread(1000, 0.0, 340.0))), None);
        assert_eq!(text(tally(spread(100, 0.0, 360.0))), None); // too few rows at the ends
        assert_eq!(text(tally((0..720).map(|i| (i % 36 * 10) as f64))), Some("0..360"));
        assert_eq!(text(tally(spread(1000, 0.0, 1.0).map(|f| 360.0 * f * f))), None); // dense at one end
    }

    #[test]
    fn names_of_angles() {
        assert!(is_name_of_angle("Wind_Dir") && is_name_of_angle("yaw"));
        assert!(!is_name_of_angle("pressure"));
    }
}
