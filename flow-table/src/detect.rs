//! The kind that a column's values speak for, and why.
//!
//! In this order: one value, or all but a few rows of it; an angle, by name and values; whole numbers; a lattice; and of the
//! real numbers those that pile up at a limit, those that are above 0 and nearly symmetric once their logarithm is taken, and
//! the others.

use crate::atoms::atoms;
use crate::kind::ColumnKind;
use crate::lattice::{self, LARGEST_WHOLE};
use crate::show::shown;
use crate::tally::Tally;
use crate::turns;

/// Rows without atoms from which the shape of a density is judged.
const ENOUGH_ROWS: usize = 50;
/// Beside a value that 99 % of the rows hold, fewer others are none that a density could be learned from.
const FEWEST_OTHERS: usize = 10;

/// The kind of a column, and why.
pub(crate) fn detect(name: &str, tally: &Tally) -> (ColumnKind, String) {
    let rows = tally.rows();
    if tally.distinct() == 1 {
        return (ColumnKind::Constant, format!("all {rows} values are {}", shown(tally.min())));
    }
    if let Some((value, others)) = nearly_one(tally) {
        let reason = format!("all but {others} of {rows} values are {}: too few others to learn from", shown(value));
        return (ColumnKind::Constant, reason);
    }
    let turn = turns::all_round(tally);
    if let Some(turn) = turn.filter(|_| turns::is_name_of_angle(name)) {
        let kind = ColumnKind::Circular { origin: turn.origin as f32, period: turn.period as f32 };
        return (kind, format!("an angle by its name, and all round {}", turn.text));
    }
    let (kind, reason) = line(tally);
    let hint = turn.map(|t| format!("; all round {}: say {name}:circular if it is an angle", t.text));
    (kind, reason + &hint.unwrap_or_default())
}

/// The value of all but a few rows, and how many these are.
fn nearly_one(tally: &Tally) -> Option<(f32, usize)> {
    let &(value, count) = tally.runs().iter().max_by_key(|run| run.1)?;
    let others = tally.rows() - count;
    (others < FEWEST_OTHERS && 100 * others <= tally.rows()).then_some((value, others))
}

/// The kind of a column as flow libraries treat it, and why.
pub(crate) fn detect_as_peers(tally: &Tally) -> (ColumnKind, String) {
    if tally.whole() { whole(tally) } else { (ColumnKind::Continuous, fractions(tally)) }
}

fn line(tally: &Tally) -> (ColumnKind, String) {
    let atoms = atoms(tally, false);
    let others = tally.without(&atoms);
    if let Some(found) = lattice::find(tally).filter(|f| f.is_credible(tally, &others))
        && !(tally.whole() && found.step == 1.0)
    {
        let kind = ColumnKind::Lattice { origin: found.origin, step: found.step };
        let (rows, distinct) = (tally.rows(), tally.distinct());
        return (kind, format!("all {rows} values are {}, {distinct} distinct", steps(found.origin, found.step)));
    }
    if tally.whole() {
        return whole(tally);
    }
    if let Some([low, high]) = limits_with_piles(&others)
        && f64::from(tally.min()) >= low
        && f64::from(tally.max()) <= high
    {
        let kind = ColumnKind::Bounded { low: low as f32, high: high as f32 };
        return (kind, format!("within {low} to {high}, and piled up at {high}"));
    }
    if let Some(multiple) = skewed(&others)
        && tally.min() >= 0.0
    {
        let zero = if tally.min() == 0.0 { " (but for 0 itself)" } else { "" };
        let reason = format!("above 0{zero}, the largest {multiple:.0} times the median, its logarithm more symmetric");
        return (ColumnKind::Positive, reason);
    }
    (ColumnKind::Continuous, fractions(tally))
}

fn whole(tally: &Tally) -> (ColumnKind, String) {
    let values = format!("all {} values are", tally.rows());
    if tally.min() < -LARGEST_WHOLE || tally.max() > LARGEST_WHOLE {
        let reason = format!("{values} whole numbers, but beyond 2^22 they cannot be dequantised in single precision");
        return (ColumnKind::Continuous, reason);
    }
    (ColumnKind::Integer, format!("{values} whole numbers, {} distinct", tally.distinct()))
}

fn fractions(tally: &Tally) -> String {
    format!("fractions among {} values, {} distinct", tally.rows(), tally.distinct())
}

/// A lattice in words.
pub(crate) fn steps(origin: f32, step: f32) -> String {
    if origin == 0.0 {
        return format!("multiples of {}", shown(step));
    }
    format!("{} plus multiples of {}", shown(origin), shown(step))
}

/// 0 to 1 or 0 to 100, where a twentieth of the values lies in the upper fiftieth, half as many again as in the
/// fiftieth below it.
fn limits_with_piles(others: &Tally) -> Option<[f64; 2]> {
    let fits = |high: f64| {
        let top = others.within(0.98 * high, high) as f64;
        let below = others.within(0.96 * high, 0.98 * high) as f64;
        others.rows() >= 4 * ENOUGH_ROWS && top >= 0.05 * others.rows() as f64 && top >= 1.5 * below
    };
    let low_enough = |high: f64| others.min() >= 0.0 && f64::from(others.max()) <= high;
    [1.0, 100.0].into_iter().find(|&high| low_enough(high) && fits(high)).map(|high| [0.0, high])
}

/// How many medians the largest value is, for values above 0 with a long upper tail that a logarithm makes more
/// symmetric: by the quantiles at 5 %, 50 % and 95 %.
fn skewed(others: &Tally) -> Option<f64> {
    if others.rows() < ENOUGH_ROWS || others.min() <= 0.0 {
        return None;
    }
    let [low, median, high] = [0.05, 0.5, 0.95].map(|p| others.quantile(p));
    let skewness = |low: f64, median: f64, high: f64| (high - 2.0 * median + low) / (high - low);
    let (raw, log) = (skewness(low, median, high), skewness(low.ln(), median.ln(), high.ln()));
    let multiple = f64::from(others.max()) / median;
    (raw >= 0.4 && log.abs() <= raw / 2.0 && multiple >= 10.0).then_some(multiple)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values at even quantiles of a distribution, from its inverse distribution function.
    fn spread(n: usize, inverse: impl Fn(f64) -> f64) -> Vec<f32> {
        (0..n).map(|i| inverse((i as f64 + 0.5) / n as f64) as f32).collect()
    }

    fn kind_and_reason(name: &str, values: impl IntoIterator<Item = f32>) -> (ColumnKind, String) {
        detect(name, &Tally::of(values.into_iter()))
    }

    fn kind(values: impl IntoIterator<Item = f32>) -> &'static str {
        kind_and_reason("a", values).0.as_str()
    }

    /// The inverse of the logistic distribution, which is near the normal one.
    fn logit(p: f64) -> f64 {
        (p / (1.0 - p)).ln()
    }

    #[test]
    fn numbers_on_a_logarithmic_scale_are_positive() {
        let skewed = spread(500, |p| (0.7 * logit(p)).exp());
        assert_eq!(kind(skewed.clone()), "positive");
        let zeros = || std::iter::repeat_n(0.0, 100);
        let (with_zeros, reason) = kind_and_reason("a", skewed.iter().copied().chain(zeros()));
        assert_eq!(with_zeros, ColumnKind::Positive);
        assert!(reason.contains("but for 0 itself"), "{reason}");
        // Not with a few zeros, with a negative value or a negative atom, and not among few rows.
        assert_eq!(kind(skewed.iter().copied().chain([0.0, 0.0])), "continuous");
        assert_eq!(kind(skewed.iter().copied().chain([-1.0])), "continuous");
        assert_eq!(kind(skewed.iter().copied().chain(zeros().map(|_| -1.0))), "continuous");
        assert_eq!(kind(spread(49, |p| (0.7 * logit(p)).exp())), "continuous");
    }

    #[test]
    fn other_shapes_stay_continuous() {
        assert_eq!(kind(spread(500, |p| 10.0 + logit(p))), "continuous");
        assert_eq!(kind(spread(500, |p| p)), "continuous");
        assert_eq!(kind(spread(500, |p| p.powi(8))), "continuous"); // its logarithm is skewed the other way
        assert_eq!(kind(spread(500, |p| 100.0 + (0.7 * logit(p)).exp())), "continuous");
    }

    #[test]
    fn piles_at_a_limit_are_bounded() {
        let arcsine = |p: f64| (std::f64::consts::FRAC_PI_2 * p).sin().powi(2);
        assert_eq!(kind_and_reason("a", spread(500, arcsine)).0, ColumnKind::Bounded { low: 0.0, high: 1.0 });
        let percent = spread(500, |p| 100.0 * arcsine(p));
        let (bounded, reason) = kind_and_reason("a", percent.iter().copied());
        assert_eq!(bounded, ColumnKind::Bounded { low: 0.0, high: 100.0 });
        assert!(reason.contains("0 to 100"), "{reason}");
        assert_eq!(kind(percent.iter().copied().chain([100.5])), "continuous");
        assert_eq!(kind(percent.iter().copied().chain([-0.5])), "continuous");
        assert_eq!(kind(spread(500, |p| 1.0 / (1.0 + (-logit(p)).exp()))), "continuous"); // flat
    }

    #[test]
    fn an_angle_is_told_by_name_and_values() {
        let degrees = || spread(1000, |p| 360.0 * p);
        let circular = ColumnKind::Circular { origin: 0.0, period: 360.0 };
        assert_eq!(kind_and_reason("heading", degrees()).0, circular);
        assert_eq!(kind_and_reason("wind_dir", (0..720).map(|i| (i % 360) as f32)).0, circular); // rather than whole numbers
        assert_eq!(kind_and_reason("heading", spread(1000, |p| 300.0 * p)).0.as_str(), "continuous");
        let (kind, reason) = kind_and_reason("flow", degrees());
        assert_eq!(kind, ColumnKind::Continuous);
        assert!(reason.ends_with("say flow:circular if it is an angle"), "{reason}");
    }

    #[test]
    fn a_lattice_before_the_shape_of_a_density() {
        let rounded = spread(5000, |p| ((0.7 * logit(p)).exp() * 10.0).round() / 10.0);
        assert_eq!(kind_and_reason("a", rounded).0, ColumnKind::Lattice { origin: 0.0, step: 0.1 });
        let codes = spread(500, |p| (3.0 * logit(p)).round() * 2.0);
        let (kind, reason) = kind_and_reason("a", codes);
        assert_eq!(kind, ColumnKind::Lattice { origin: 0.0, step: 2.0 });
        assert!(reason.starts_with("all 500 values are multiples of 2, "), "{reason}");
    }

    #[test]
    fn a_switch_is_a_lattice_but_constant_where_it_is_hardly_ever_on() {
        let switch = |off: usize, on: usize| {
            kind_and_reason("a", std::iter::repeat_n(-0.5, off).chain(std::iter::repeat_n(13.25, on)))
        };
        let lattice = ColumnKind::Lattice { origin: -0.5, step: 13.75 };
        let (kind, reason) = switch(744, 1);
        assert_eq!(kind, ColumnKind::Constant);
        assert_eq!(reason, "all but 1 of 745 values are -0.5: too few others to learn from");
        assert_eq!(switch(9991, 9).0, ColumnKind::Constant);
        assert_eq!(switch(9990, 10).0, lattice);
        assert_eq!((switch(99, 1).0, switch(98, 1).0), (ColumnKind::Constant, lattice));
    }

    #[test]
    fn a_reading_that_hardly_ever_moves_is_constant() {
        let stays = |moved: usize| kind(spread(moved, |p| 20.0 + logit(p)).into_iter().chain(vec![20.5; 2000]));
        assert_eq!((stays(9), stays(60)), ("constant", "continuous"));
    }
}
