//! What a window says of one of its channels.
//!
//! Sums go from the oldest row to the newest. Deviations are taken twice, from the oldest value and then from their own
//! mean: of values that are all the same every deviation is 0 to the last bit, and a small ripple on a large value is not
//! lost. Nothing is carried from one window to the next, so that nothing drifts. Standard deviations have their digits from
//! about 1e-17 up to [`MAGNITUDE_MAX`]; of smaller ones the squares lose digits, and below about 1e-23 they are 0.

use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The newest value.
pub const VALUE: u16 = 1;
/// The value so many rows before the newest.
pub const LAG: u16 = 2;
/// The mean.
pub const MEAN: u16 = 3;
/// The standard deviation, of the window itself: squares are divided by its length.
pub const STD: u16 = 4;
/// Slope of the least-squares line, per row.
pub const SLOPE: u16 = 5;
/// The smallest value.
pub const MIN: u16 = 6;
/// The largest value.
pub const MAX: u16 = 7;
/// The largest value less the smallest.
pub const RANGE: u16 = 8;
/// The largest deviation from the mean, in standard deviations; 0 where the standard deviation is 0.
pub const CREST: u16 = 9;
/// The newest value less the value so many rows before: where a level wanders over months it is its changes that are usual.
pub const CHANGE: u16 = 10;

/// Values beyond it count as it in all but [`VALUE`] and [`LAG`]: sums of squares stay finite.
pub const MAGNITUDE_MAX: f32 = 1e17;

/// A feature that every channel of a window has.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FeatureRecord {
    /// Which one, from [`VALUE`] to [`CHANGE`].
    pub kind: U16,
    /// Rows before the newest, in [`LAG`] and [`CHANGE`]; else 0.
    pub lag: U16,
}

/// A channel's values: those of the ring's end, which are older, then those of its start.
#[derive(Clone, Copy)]
pub(crate) struct Channel<'a> {
    pub older: &'a [f32],
    pub newer: &'a [f32],
}

impl FeatureRecord {
    /// Whether it looks at one row before the newest, and says at which.
    pub(crate) fn has_lag(&self) -> bool {
        matches!(self.kind.get(), LAG | CHANGE)
    }

    /// Whether it asks for the [`Statistics`] of all rows.
    pub(crate) fn is_statistic(&self) -> bool {
        (MEAN..=CREST).contains(&self.kind.get())
    }
}

/// What is computed of a channel.
#[derive(Clone, Copy, Default)]
pub(crate) struct Statistics {
    mean: f32,
    std: f32,
    slope: f32,
    min: f32,
    max: f32,
    crest: f32,
}

impl Channel<'_> {
    /// The value so many rows before the newest.
    fn lag(&self, rows: u16) -> f32 {
        let rows = usize::from(rows);
        let newer = self.newer.len();
        let from = if rows < newer { self.newer } else { self.older };
        let back = if rows < newer { rows } else { rows.saturating_sub(newer) };
        from.iter().rev().nth(back).copied().unwrap_or(0.0)
    }

    #[inline(always)]
    fn each(&self, mut of: impl FnMut(f32)) {
        for values in [self.older, self.newer] {
            for &x in values {
                of(saturated(x));
            }
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let n = self.older.len().saturating_add(self.newer.len()) as f32;
        let first = saturated(self.older.first().or(self.newer.first()).copied().unwrap_or(0.0));
        let (mut sum, mut min, mut max) = (0.0, first, first);
        self.each(|x| {
            sum += x - first;
            if x < min {
                min = x;
            }
            if x > max {
                max = x;
            }
        });
        let shift = sum / n;
        let (mut squares, mut moment, mut peak) = (0.0, 0.0, 0.0);
        let mut t = (1.0 - n) * 0.5;
        self.each(|x| {
            let d = (x - first) - shift;
            squares += d * d;
            moment += t * d;
            t += 1.0;
            if d.abs() > peak {
                peak = d.abs();
            }
        });
        let std = libm::sqrtf(squares / n);
        Statistics {
            mean: first + shift,
            std,
            slope: moment / (n * (n * n - 1.0) / 12.0),
            min,
            max,
            crest: if std > 0.0 { peak / std } else { 0.0 },
        }
    }

    /// The value of a feature.
    pub(crate) fn feature(&self, feature: &FeatureRecord, statistics: &Statistics) -> f32 {
        match feature.kind.get() {
            MEAN => statistics.mean,
            STD => statistics.std,
            SLOPE => statistics.slope,
            MIN => statistics.min,
            MAX => statistics.max,
            RANGE => statistics.max - statistics.min,
            CREST => statistics.crest,
            CHANGE => saturated(self.lag(0)) - saturated(self.lag(feature.lag.get())),
            _ => self.lag(feature.lag.get()),
        }
    }
}

#[inline(always)]
#[expect(clippy::manual_clamp, reason = "on cores without an FPU `clamp` can become calls of its own")]
fn saturated(x: f32) -> f32 {
    if x > MAGNITUDE_MAX {
        MAGNITUDE_MAX
    } else if x < -MAGNITUDE_MAX {
        -MAGNITUDE_MAX
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All statistics of values that lie in the ring from `turn` on.
    fn of(values: &[f32], turn: usize) -> Statistics {
        let (older, newer) = values.split_at(turn);
        Channel { older, newer }.statistics()
    }

    #[test]
    fn by_hand() {
        for turn in 0..=4 {
            // Deviations -3, 1, -1, 3 from 5.
            let s = of(&[2.0, 6.0, 4.0, 8.0], turn);
            assert_eq!((s.mean, s.std, s.min, s.max), (5.0, 5f32.sqrt(), 2.0, 8.0));
            assert_eq!(s.slope, (-1.5 * -3.0 - 0.5 + -0.5 + 1.5 * 3.0) / 5.0);
            assert_eq!(s.crest, 3.0 / 5f32.sqrt());
        }
        let s = of(&[1.0, 4.0], 2);
        assert_eq!((s.mean, s.std, s.slope, s.crest), (2.5, 1.5, 3.0, 1.0));
    }

    #[test]
    fn lags_over_the_seam_of_the_ring() {
        let channel = Channel { older: &[1.0, 2.0], newer: &[3.0, 4.0] };
        assert_eq!([0, 1, 2, 3].map(|lag| channel.lag(lag)), [4.0, 3.0, 2.0, 1.0]);
        let all_older = Channel { older: &[1.0, 2.0], newer: &[] };
        assert_eq!([0, 1].map(|lag| all_older.lag(lag)), [2.0, 1.0]);
    }

    #[test]
    fn changes_are_finite_however_large_the_values() {
        let change = |from: f32, to: f32| {
            let record = FeatureRecord { kind: U16::new(CHANGE), lag: U16::new(1) };
            Channel { older: &[from], newer: &[to] }.feature(&record, &Statistics::default())
        };
        assert_eq!(change(20.5, 18.0), -2.5);
        assert_eq!(change(f32::MIN, f32::MAX), 2.0 * MAGNITUDE_MAX);
    }

    #[test]
    fn values_that_stay_have_no_deviation() {
        for (x, n) in [(0.1, 12), (-1e-30, 7), (3.3e5, 256), (1e-45, 3)] {
            let s = of(&std::vec![x; n], n);
            assert_eq!((s.mean, s.std, s.slope, s.crest), (x, 0.0, 0.0, 0.0), "{n} times {x}");
        }
    }

    #[test]
    fn a_ripple_on_a_large_value_is_seen() {
        // Seven digits before the ripple: a sum of the values themselves would lose it.
        let values: std::vec::Vec<f32> = (0..256).map(|i| 1e6 + (i % 2) as f32 * 0.125).collect();
        let s = of(&values, 100);
        assert_eq!((s.std, s.max - s.min, s.crest), (0.0625, 0.125, 1.0));
    }

    #[test]
    fn whatever_is_finite_gives_what_is_finite() {
        let odd = [f32::MAX, f32::MIN, 0.0, -0.0, 1e-45, -1e-45, 1e38, f32::MIN_POSITIVE, 1e17, -1e17];
        for n in 2..=256 {
            let values: std::vec::Vec<f32> = (0..n).map(|i| odd[(i * 7 + n) % odd.len()]).collect();
            let s = of(&values, n / 3);
            let all = [s.mean, s.std, s.slope, s.min, s.max, s.max - s.min, s.crest];
            assert!(all.iter().all(|v| v.is_finite()), "{n}: {all:?}");
            assert!(s.crest <= 1.001 * (n as f32).sqrt(), "{n}: {}", s.crest);
        }
    }
}
