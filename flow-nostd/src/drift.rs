//! Whether the machine has changed: an e-detector over the rows' p-values.
//!
//! Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", arXiv 2203.03532,
//! section 2: with e-values e of mean at most 1 while nothing has changed, the Shiryaev-Roberts sum `S = (S + 1) * e` has
//! a mean of at most the number of rows, so that the mean time until it reaches a number is at least that number, whatever
//! the rows' distribution. The e-values are `k * p^(k - 1)` for a few k (Vovk and Wang, "E-values: calibration, combination
//! and applications", arXiv 1912.06116, section 2), each with a sum of its own; what counts is the mean of the sums.
//!
//! The promise asks that each p-value is honest given the rows before it. Where neighbouring rows resemble each other,
//! odd ones come in runs, and false alarms come sooner. And it holds in the mean over calibrations, as p does: of few rows one
//! calibration may be too narrow (`docs/detection.md`).

/// The powers k: the smaller, the larger the changes that are found fastest.
const POWERS: [f32; 8] = [0.93, 0.86, 0.76, 0.64, 0.5, 0.35, 0.2, 0.08];
/// Sums stay below.
const MOST: f32 = 1e30;

/// The state of the detector: 32 bytes, to be kept where a reset must not forget.
///
/// ```
/// use flow_nostd::Drift;
///
/// let mut drift = Drift::new();
/// let mut rows = 0;
/// // Rows of which only one in a hundred should be as odd.
/// while drift.push(-4.6) < 100_000.0 {
///     rows += 1;
/// }
/// assert!(rows < 12);
/// let kept = drift.to_bytes();
/// assert_eq!(Drift::from_bytes(kept), Some(drift));
/// drift = Drift::new(); // The machine is repaired.
/// # assert_ne!(Drift::from_bytes(kept), Some(drift));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Drift {
    sums: [f32; 8],
}

impl Default for Drift {
    fn default() -> Self {
        Self::new()
    }
}

impl Drift {
    /// No row was seen yet.
    ///
    /// ```
    /// assert_eq!(flow_nostd::Drift::new().level(), 0.0);
    /// ```
    pub const fn new() -> Self {
        Self { sums: [0.0; 8] }
    }

    /// Takes a row's `ln p`, at most 0, and returns the [`level`](Self::level). NaN counts as 0.
    ///
    /// ```
    /// let mut drift = flow_nostd::Drift::new();
    /// let usual = drift.push(-0.1);
    /// assert!(drift.push(-9.0) > usual);
    /// ```
    pub fn push(&mut self, ln_p: f32) -> f32 {
        let ln_p = if ln_p < 0.0 { ln_p } else { 0.0 };
        for (sum, k) in self.sums.iter_mut().zip(POWERS) {
            let next = (*sum + 1.0) * k * libm::expf((k - 1.0) * ln_p);
            *sum = if next < MOST { next } else { MOST };
        }
        self.level()
    }

    /// How much speaks for a change: with a change called where this reaches a number of rows, the mean time between two
    /// false calls is at least that number of rows. From 0 to 1e30.
    ///
    /// ```
    /// let mut drift = flow_nostd::Drift::new();
    /// assert_eq!(drift.push(-9.0), drift.level());
    /// ```
    pub fn level(&self) -> f32 {
        self.sums.iter().fold(0.0, |level, sum| level + sum * 0.125)
    }

    /// The state as bytes, for memory that outlives a reset.
    ///
    /// ```
    /// assert_eq!(flow_nostd::Drift::new().to_bytes(), [0; 32]);
    /// ```
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, sum) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.sums) {
            *to = sum.to_le_bytes();
        }
        bytes
    }

    /// The state that [`to_bytes`](Self::to_bytes) gave; `None` for bytes that cannot be one. Of memory that was never written,
    /// whose bits are random, fewer than three in a million pass; where one that was written may be damaged, keep a checksum
    /// beside it.
    ///
    /// ```
    /// assert_eq!(flow_nostd::Drift::from_bytes([0xff; 32]), None);
    /// ```
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let mut drift = Self::new();
        for (sum, from) in drift.sums.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *sum = f32::from_le_bytes(*from);
        }
        // A row lifts each sum to its power at least: an e-value is no smaller.
        let begun = drift.sums.iter().zip(POWERS).all(|(sum, k)| (k..=MOST).contains(sum));
        (begun || drift == Self::new()).then_some(drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "millions of powers")]
    fn e_values_of_honest_p_values_have_a_mean_of_one() {
        // Over p = (i + 1/2) / n: the midpoint rule, which is below the integral where the function is convex.
        let n = 1_000_000;
        for k in POWERS {
            let e = |i: u32| f64::from(k) * ((f64::from(i) + 0.5) / f64::from(n)).powf(f64::from(k) - 1.0);
            let mean = (0..n).map(e).sum::<f64>() / f64::from(n);
            assert!((0.6..=1.0).contains(&mean), "{k}: {mean}");
        }
    }

    #[test]
    fn the_level_neither_overflows_nor_is_nan() {
        let mut drift = Drift::new();
        for ln_p in [-20.7; 1000].into_iter().chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY]) {
            drift.push(ln_p);
        }
        assert!((0.9e30..=1e30).contains(&drift.level()));
        assert_eq!(Drift::from_bytes(drift.to_bytes()), Some(drift));
    }

    #[test]
    fn a_state_is_told_from_other_bytes() {
        let passes = |drift: Drift| Drift::from_bytes(drift.to_bytes()) == Some(drift);
        assert!(passes(Drift::new()));
        for ln_p in [0.0, -0.0, -1e-30, -1e-7, -1.0, -20.7] {
            let mut drift = Drift::new();
            for _ in 0..3 {
                drift.push(ln_p);
                assert!(passes(drift), "{ln_p}: {drift:?}");
            }
        }
        // Bits of a generator (Marsaglia, "Xorshift RNGs", 2003) stand for those of memory that was never written.
        let mut state = 1_u64;
        let mut word = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u32
        };
        let random = (0..100_000).filter(|_| {
            let mut bytes = [0; 32];
            bytes.as_chunks_mut().0.iter_mut().for_each(|chunk: &mut [u8; 4]| *chunk = word().to_le_bytes());
            Drift::from_bytes(bytes).is_some()
        });
        assert!(random.count() <= 2);
    }
}
