//! Which points a scatter plot shows, and histograms' bins.

use super::axes::Range;

/// At most `limit` points within the ranges, evenly chosen among all rows.
pub(super) fn visible(xs: &[f64], ys: &[f64], x: Range, y: Range, limit: usize) -> impl Iterator<Item = (f64, f64)> {
    let stride = xs.len().div_ceil(limit.max(1)).max(1);
    xs.iter().copied().zip(ys.iter().copied()).step_by(stride).filter(move |(a, b)| x.contains(*a) && y.contains(*b))
}

/// Size and opacity of dots: smaller and fainter the more there are.
pub(super) fn dot_style(points: usize, area: f64) -> (f64, f64) {
    let room = area / points.max(1) as f64;
    let diameter = (room.sqrt() * 0.42).clamp(1.8, 5.0);
    ((diameter * 10.0).round() / 10.0, if points > 1500 { 0.35 } else { 0.5 })
}

/// Whether all values are whole numbers.
pub(super) fn whole(values: &[f64]) -> bool {
    values.iter().all(|v| v.fract() == 0.0)
}

/// Spreads whole numbers over their cell, the same way every time.
pub(super) fn spread(values: &[f64], salt: u64) -> Vec<f64> {
    let noise = |i: usize| {
        // SplitMix64's finaliser.
        let mut z = (i as u64).wrapping_add(salt << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    values.iter().enumerate().map(|(i, v)| v + 0.8 * noise(i)).collect()
}

/// Edges of equal bins over a range; whole numbers are not cut apart.
pub(super) fn bins(range: Range, wanted: usize, whole: bool) -> Vec<f64> {
    let (low, width) = if whole {
        let width = (range.span() / wanted as f64).ceil().max(1.0);
        (range.low.ceil() - 0.5, width)
    } else {
        (range.low, range.span() / wanted as f64)
    };
    let count = ((range.high - low) / width - 1e-9).ceil().max(1.0) as usize;
    (0..=count).map(|i| low + i as f64 * width).collect()
}

/// Share of the values in each bin; values outside count in the total only.
pub(super) fn shares(values: &[f64], edges: &[f64]) -> Vec<f64> {
    let (low, width) = (edges[0], edges[1] - edges[0]);
    let mut counts = vec![0.0; edges.len() - 1];
    for value in values {
        let at = ((value - low) / width).floor();
        if at >= 0.0 && at < counts.len() as f64 {
            counts[at as usize] += 1.0 / values.len() as f64;
        } else if *value == edges[edges.len() - 1] {
            *counts.last_mut().expect("at least one bin") += 1.0 / values.len() as f64;
        }
    }
    counts
}

/// The outline of a histogram as a line of steps, closed at the base.
pub(super) fn steps(edges: &[f64], shares: &[f64]) -> Vec<(f64, f64)> {
    let tops = shares.iter().enumerate().flat_map(|(i, &s)| [(edges[i], s), (edges[i + 1], s)]);
    std::iter::once((edges[0], 0.0)).chain(tops).chain([(edges[edges.len() - 1], 0.0)]).collect()
}

/// The outline of a histogram, interrupted where no value lies.
pub(super) fn outline(edges: &[f64], shares: &[f64]) -> Vec<(f64, f64)> {
    let empty = |i: Option<usize>| i.and_then(|i| shares.get(i)).is_none_or(|s| *s == 0.0);
    let mut line = Vec::new();
    for (i, &share) in shares.iter().enumerate().filter(|(_, s)| **s > 0.0) {
        if empty(i.checked_sub(1)) {
            line.push((edges[i], 0.0));
        }
        line.extend([(edges[i], share), (edges[i + 1], share)]);
        if empty(Some(i + 1)) {
            line.extend([(edges[i + 1], 0.0), (f64::NAN, f64::NAN)]);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_in_the_middle_of_their_bin() {
        assert_eq!(bins(Range::new(0.0, 3.0), 40, true), [-0.5, 0.5, 1.5, 2.5, 3.5]);
        assert_eq!(bins(Range::new(0.0, 1.0), 2, false), [0.0, 0.5, 1.0]);
        let edges = bins(Range::new(0.0, 100.0), 40, true);
        assert_eq!(edges[1] - edges[0], 3.0);
        assert!(edges[edges.len() - 1] >= 100.0);
    }

    #[test]
    fn shares_count_every_value_within() {
        assert_eq!(shares(&[0.0, 0.4, 1.0, 7.0], &[0.0, 0.5, 1.0]), [0.5, 0.25]);
        assert_eq!(shares(&[], &[0.0, 1.0]), [0.0]);
    }

    #[test]
    fn spread_values_stay_in_their_cell() {
        let values = vec![3.0; 100];
        assert!(spread(&values, 1).iter().all(|v| v.round() == 3.0));
        assert_ne!(spread(&values, 1), spread(&values, 2));
    }
}
