//! Which rows train, which stop the training, and which calibrate thresholds: never the same row twice.
//!
//! Where neighbouring rows are alike, a random split would put near-copies of the training rows on both sides. Such
//! tables, and those with a column of times, are cut into contiguous blocks instead, several of them spread over the table, so that each part sees early
//! and late rows.

use crate::time::TimeColumn;
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Neighbouring rows count as correlated beyond this |lag-1 autocorrelation|, or beyond what chance brings about in few
/// rows: four standard errors.
pub(crate) const CORRELATED: f64 = 0.3;
/// At most so many groups of blocks.
const MOST_GROUPS: usize = 10;
/// A block of held-out rows is not cut shorter than this.
const SHORTEST_BLOCK: usize = 20;
/// So many training rows for each group in the mean leave one in each: its three lengths are rounded by less than a row each.
const TRAINING_ROWS: usize = 3;

/// Shares of the rows that do not train. A share of 0 leaves that part empty (its rows come from elsewhere).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fractions {
    /// For early stopping and the choice of a model.
    pub validation: f64,
    /// For thresholds.
    pub calibration: f64,
}

impl Default for Fractions {
    /// A tenth each.
    fn default() -> Self {
        Fractions { validation: 0.1, calibration: 0.1 }
    }
}

/// How rows are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At random.
    Random,
    /// In contiguous blocks.
    Blocks,
}

/// Indices of the rows of each part, ascending.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows for early stopping.
    pub validation: Vec<usize>,
    /// Rows for thresholds.
    pub calibration: Vec<usize>,
    /// How the rows were chosen.
    pub manner: Manner,
    /// Why they were chosen so.
    pub reason: String,
}

/// A table that cannot be split as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// Too few rows.
    #[error("too few rows to split: found {rows}, needed at least {needed} ({parts})")]
    TooFewRows {
        /// Rows of the table.
        rows: usize,
        /// Rows needed.
        needed: usize,
        /// For what.
        parts: &'static str,
    },
    /// Windows of a part that all share rows with another part's.
    #[error(
        "too few windows to split: of {windows} windows of {length} rows, all of the {part} part share rows with another \
        part's; take a longer table or shorter windows"
    )]
    Overlap {
        /// Windows of the table.
        windows: usize,
        /// Rows of a window.
        length: usize,
        /// The part that is left without one.
        part: &'static str,
    },
    /// Shares that make no sense.
    #[error(
        "shares of {validation} (validation) and {calibration} (calibration) cannot be had; \
        expected numbers from 0 with a sum below 1"
    )]
    Fractions {
        /// The validation share.
        validation: f64,
        /// The calibration share.
        calibration: f64,
    },
}

impl Split {
    /// Splits `rows` rows. `correlation` is that of neighbouring rows (see [`crate::Profile::correlation`]) and decides
    /// the manner unless one is given. The same arguments give the same split; blocks do not depend on the seed.
    ///
    /// # Errors
    /// Impossible shares, or too few rows for each part to have one (and the training part two).
    pub fn new(
        rows: usize,
        correlation: f64,
        fractions: Fractions,
        manner: Option<Manner>,
        seed: u64,
    ) -> Result<Split, SplitError> {
        let (held, calibrating) = sizes(rows, fractions)?;
        let limit = CORRELATED.max(4.0 / (rows as f64).sqrt());
        let chosen = manner.unwrap_or(if correlation.abs() > limit { Manner::Blocks } else { Manner::Random });
        let mut split = match chosen {
            Manner::Random => Split::random(rows, held, calibrating, seed),
            Manner::Blocks => Split::blocks(rows, held, calibrating, SHORTEST_BLOCK),
        };
        let why = match manner {
            Some(_) => "as asked".to_owned(),
            None if chosen == Manner::Blocks => {
                format!("neighbouring rows are correlated: lag-1 autocorrelation {correlation:.2}, beyond {limit:.2}")
            }
            None => {
                format!(
                    "neighbouring rows are not correlated: lag-1 autocorrelation {correlation:.2}, within {limit:.2}"
                )
            }
        };
        split.reason = format!("{} ({why})", split.reason);
        Ok(split)
    }

    /// Splits the rows of a table with a column of times: into blocks, contiguous in time. `correlation` is told only.
    ///
    /// # Errors
    /// As [`Split::new`].
    pub fn by_time(time: &TimeColumn, correlation: f64, fractions: Fractions) -> Result<Split, SplitError> {
        let rows = time.times().len();
        let (held, calibrating) = sizes(rows, fractions)?;
        let mut split = Split::blocks(rows, held, calibrating, SHORTEST_BLOCK);
        split.follow(time);
        split.reason =
            format!("{} (in time, by {:?}; lag-1 autocorrelation {correlation:.2})", split.reason, time.name());
        Ok(split)
    }

    /// Splits windows of `length` rows into blocks, contiguous in time where there is one; `newest` holds for each window
    /// the index of its newest row. Windows that share a row with those of another part are left out between the blocks.
    ///
    /// # Errors
    /// As [`Split::new`], and where all windows of a part are left out.
    pub fn of_windows(
        newest: &[usize],
        length: usize,
        time: Option<&TimeColumn>,
        fractions: Fractions,
    ) -> Result<Split, SplitError> {
        let rows = newest.len();
        let (held, calibrating) = sizes(rows, fractions)?;
        let neighbours = |i: usize| newest[i + 1..].iter().take_while(|&&later| later < newest[i] + length).count();
        let between = (0..rows).map(neighbours).max().unwrap_or(0);
        let mut split = Split::blocks(rows, held, calibrating, SHORTEST_BLOCK + between);
        if let Some(time) = time {
            split.follow(time);
        }
        let left_out = split.part(newest, length);
        for (part, asked, name) in [
            (&split.train, rows - held - calibrating, "training"),
            (&split.validation, held, "validation"),
            (&split.calibration, calibrating, "calibration"),
        ] {
            if part.is_empty() && asked > 0 {
                return Err(SplitError::Overlap { windows: rows, length, part: name });
            }
        }
        split.reason =
            format!("{}; {left_out} windows between them left out, so that no parts share a row", split.reason);
        Ok(split)
    }

    /// Leaves out every window that holds a row of an earlier window of another part; returns how many.
    fn part(&mut self, newest: &[usize], length: usize) -> usize {
        let mut part_of = vec![None; newest.len()];
        for (part, rows) in [&self.train, &self.validation, &self.calibration].into_iter().enumerate() {
            rows.iter().for_each(|&i| part_of[i] = Some(part));
        }
        let mut owner = vec![None; newest.last().map_or(0, |last| last + 1)];
        let mut left_out = 0;
        for (part, newest) in part_of.iter_mut().zip(newest) {
            let rows = &mut owner[(newest + 1).saturating_sub(length)..=*newest];
            if rows.iter().all(|owner| owner.is_none() || owner == part) {
                rows.fill(*part);
            } else {
                *part = None;
                left_out += 1;
            }
        }
        for (part, rows) in [&mut self.train, &mut self.validation, &mut self.calibration].into_iter().enumerate() {
            rows.retain(|&i| part_of[i] == Some(part));
        }
        left_out
    }

    /// Makes blocks of rows in order blocks of rows in time.
    fn follow(&mut self, time: &TimeColumn) {
        if !time.times().is_sorted() {
            let order = time.order();
            for part in [&mut self.train, &mut self.validation, &mut self.calibration] {
                part.iter_mut().for_each(|i| *i = order[*i]);
                part.sort_unstable();
            }
        }
    }

    fn random(rows: usize, held: usize, calibrating: usize, seed: u64) -> Split {
        let mut order: Vec<usize> = (0..rows).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for i in (1..rows).rev() {
            // Multiply and shift: the bias is below 2^-32 for any table that fits into memory.
            let j = ((u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64) as usize;
            order.swap(i, j);
        }
        let sorted = |part: &[usize]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part
        };
        let (validation, rest) = order.split_at(held);
        let (calibration, train) = rest.split_at(calibrating);
        Split {
            train: sorted(train),
            validation: sorted(validation),
            calibration: sorted(calibration),
            manner: Manner::Random,
            reason: "rows at random".into(),
        }
    }

    /// The table is cut into groups of equal length, and each group into a training, a validation and a calibration block.
    fn blocks(rows: usize, held: usize, calibrating: usize, shortest: usize) -> Split {
        let smallest = [held, calibrating].into_iter().filter(|&n| n > 0).min().unwrap_or(0);
        let training = rows - held - calibrating;
        let groups = (smallest / shortest).min(training / TRAINING_ROWS).clamp(1, MOST_GROUPS);
        let share = |total: usize, group: usize| total * (group + 1) / groups - total * group / groups;
        let (mut train, mut validation, mut calibration) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        for group in 0..groups {
            let (v, c) = (share(held, group), share(calibrating, group));
            let end = next + share(rows, group);
            train.extend(next..end - v - c);
            validation.extend(end - v - c..end - c);
            calibration.extend(end - c..end);
            next = end;
        }
        let reason = match groups {
            1 => "one contiguous block for each part".to_owned(),
            _ => format!("{groups} contiguous blocks for each part, spread over the table"),
        };
        Split { train, validation, calibration, manner: Manner::Blocks, reason }
    }
}

/// Numbers of validation and calibration rows.
fn sizes(rows: usize, fractions: Fractions) -> Result<(usize, usize), SplitError> {
    let Fractions { validation, calibration } = fractions;
    if !(validation >= 0.0 && calibration >= 0.0 && validation + calibration < 1.0) {
        return Err(SplitError::Fractions { validation, calibration });
    }
    let (needed, parts) = match (validation > 0.0, calibration > 0.0) {
        (true, true) => (4, "two to train, one to validate, one to calibrate"),
        (true, false) => (3, "two to train, one to validate"),
        (false, true) => (3, "two to train, one to calibrate"),
        (false, false) => (2, "two to train"),
    };
    if rows < needed {
        return Err(SplitError::TooFewRows { rows, needed, parts });
    }
    let size = |share: f64| if share > 0.0 { ((rows as f64 * share).round() as usize).max(1) } else { 0 };
    let (mut held, mut calibrating) = (size(validation), size(calibration));
    while rows - held.min(rows) < calibrating + 2 {
        *(if held >= calibrating { &mut held } else { &mut calibrating }) -= 1;
    }
    Ok((held, calibrating))
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (train, validation, calibration) = (self.train.len(), self.validation.len(), self.calibration.len());
        write!(f, "{train} rows train, {validation} validate, {calibration} calibrate: {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(rows: usize, correlation: f64) -> Split {
        Split::new(rows, correlation, Fractions::default(), None, 1).unwrap()
    }

    #[test]
    fn correlation_decides() {
        assert_eq!(split(1000, 0.29).manner, Manner::Random);
        assert_eq!(split(1000, -0.31).manner, Manner::Blocks);
        // In few rows chance alone brings about more.
        assert_eq!(split(40, 0.6).manner, Manner::Random);
        assert_eq!(
            split(1000, 0.95).to_string(),
            "800 rows train, 100 validate, 100 calibrate: 5 contiguous blocks for each part, spread over the table \
             (neighbouring rows are correlated: lag-1 autocorrelation 0.95, beyond 0.30)"
        );
    }

    #[test]
    fn blocks_reach_over_the_table() {
        let s = split(2000, 1.0);
        assert!(s.validation[0] < 200 && *s.validation.last().unwrap() > 1800);
        assert_eq!(s.validation[..20], (160..180).collect::<Vec<_>>());
        assert_eq!(s.calibration[..20], (180..200).collect::<Vec<_>>());
    }

    #[test]
    fn blocks_of_few_training_rows_do_not_overlap() {
        let fractions = Fractions { validation: 0.499, calibration: 0.499 };
        for rows in 4..3000 {
            let s = Split::new(rows, 1.0, fractions, Some(Manner::Blocks), 0).unwrap();
            let all = [s.train, s.validation, s.calibration].concat();
            assert_eq!(all.len(), rows);
            assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), rows, "a row twice of {rows}");
        }
    }

    #[test]
    fn seeds_matter_for_random_rows_only() {
        let with = |seed, manner| Split::new(500, 0.0, Fractions::default(), Some(manner), seed).unwrap();
        assert_ne!(with(1, Manner::Random), with(2, Manner::Random));
        assert_eq!(with(1, Manner::Random), with(1, Manner::Random));
        assert_eq!(with(1, Manner::Blocks), with(2, Manner::Blocks));
    }

    #[test]
    fn parts_of_windows_share_no_row() {
        let raw = 3000;
        for (length, stride) in [(2, 1), (12, 1), (12, 5), (64, 3), (20, 40)] {
            let newest: Vec<usize> = (length - 1..raw).step_by(stride).filter(|i| !(700..800).contains(i)).collect();
            let split = Split::of_windows(&newest, length, None, Fractions::default()).unwrap();
            let mut owner = vec![None; raw];
            let parts = [&split.train, &split.validation, &split.calibration];
            for (part, windows) in parts.into_iter().enumerate() {
                assert!(windows.len() >= if part == 0 { 20 } else { 3 }, "{length}, {stride}: {split}");
                for &i in windows {
                    for owner in &mut owner[newest[i] + 1 - length..=newest[i]] {
                        assert!(owner.is_none_or(|owner| owner == part), "{length}, {stride}, window {i}");
                        *owner = Some(part);
                    }
                }
            }
            let kept: usize = parts.iter().map(|part| part.len()).sum();
            assert!(split.reason.contains(&format!("{} windows between", newest.len() - kept)), "{split}");
            assert_eq!(newest.len() - kept == 0, stride >= length, "{split}");
        }
    }

    #[test]
    fn windows_that_are_too_long_to_be_split_are_refused() {
        let newest: Vec<usize> = (99..200).collect();
        let error = Split::of_windows(&newest, 100, None, Fractions::default()).unwrap_err();
        assert!(matches!(error, SplitError::Overlap { windows: 101, length: 100, .. }), "{error}");
    }

    #[test]
    fn windows_of_two_machines_at_one_time_share_no_row() {
        // Two signals one after the other, taken at the same times: blocks in time mix them.
        let newest: Vec<usize> = (9..1000).chain(1009..2000).collect();
        let times = newest.iter().map(|&i| (i % 1000) as i64).collect();
        let time = TimeColumn { name: "t".into(), times };
        let split = Split::of_windows(&newest, 10, Some(&time), Fractions::default()).unwrap();
        let held: Vec<usize> = split.validation.iter().map(|&i| newest[i]).collect();
        assert!(held.iter().any(|&i| i < 1000) && held.iter().any(|&i| i >= 1000), "both machines: {split}");
        for &a in &held {
            assert!(split.train.iter().all(|&i| newest[i].abs_diff(a) >= 10));
        }
    }

    #[test]
    fn blocks_follow_the_time() {
        // Every second row is late.
        let times = (0..100).map(|i| if i % 2 == 0 { i } else { 1000 + i }).collect();
        let time = TimeColumn { name: "t".into(), times };
        let s = Split::by_time(&time, 0.0, Fractions { validation: 0.1, calibration: 0.4 }).unwrap();
        assert_eq!(s.manner, Manner::Blocks);
        assert_eq!(s.train, (0..100).step_by(2).collect::<Vec<_>>());
        assert_eq!(s.validation, (1..20).step_by(2).collect::<Vec<_>>());
        assert!(s.reason.ends_with("(in time, by \"t\"; lag-1 autocorrelation 0.00)"), "{}", s.reason);
    }

    #[test]
    fn impossible_wishes_are_refused() {
        let error = Split::new(1, 0.0, Fractions::default(), None, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "too few rows to split: found 1, needed at least 4 (two to train, one to validate, one to calibrate)"
        );
        for (validation, calibration) in [(0.5, 0.5), (-0.1, 0.1), (f64::NAN, 0.1), (1.0, 0.0)] {
            let fractions = Fractions { validation, calibration };
            assert!(matches!(Split::new(100, 0.0, fractions, None, 0), Err(SplitError::Fractions { .. })));
        }
    }

    proptest! {
        #[test]
        fn every_row_is_in_exactly_one_part(
            rows in 4usize..3000,
            held in prop_oneof![0.0..0.99f64, 0.99..0.9999f64],
            validating in 0.0..1.0f64,
            correlation in -1.0..1.0f64,
            seed: u64,
        ) {
            let validation = held * validating;
            let calibration = held - validation;
            let s = Split::new(rows, correlation, Fractions { validation, calibration }, None, seed).unwrap();
            prop_assert!(s.train.len() >= 2);
            prop_assert_eq!(s.validation.is_empty(), validation == 0.0);
            prop_assert_eq!(s.calibration.is_empty(), calibration == 0.0);
            for part in [&s.train, &s.validation, &s.calibration] {
                prop_assert!(part.is_sorted());
            }
            let mut all = [s.train, s.validation, s.calibration].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows).collect::<Vec<_>>());
        }
    }
}
