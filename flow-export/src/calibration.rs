//! From the log-densities of usual rows to the tables of the frozen file: how odd is a row.
//!
//! Conformal where there are rows: p = (1 + rows as odd or odder) / (rows + 1), rounded up to the next knot of the table.
//! Odder than the twentieth oddest row, the fitted [`Tail`] says how p goes on, down to a billionth. A few rows that no tail
//! of the others reaches are not fitted: one reading of a broken sensor among them, and nothing would be odd beside it.
//!
//! So p is right in the mean over calibrations where rows are counted; a single one is off by what its own rows happen to be.
//! With a confidence, p is instead so large that with this probability no smaller share of usual rows is as odd. Of n rows,
//! the share that is as odd as the k-th oddest has the distribution Beta(k, n + 1 - k) whatever theirs is (Vovk, "Conditional
//! validity of inductive conformal predictors", arXiv 1209.2673, on training conditional validity); p is the quantile of the
//! next row that is less odd, on the safe side.

use crate::binomial;
use crate::tail::{Tail, USUAL};
use flow_nostd::layout::{BinRecord, CalibrationRecord, Knot, LN_P_MIN, POOLED, interpolate};
use puruspe::inverfc;
use serde::Serialize;
use std::f64::consts::SQRT_2;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U16, U32};

/// The fewest rows that a table is made from.
pub const FEWEST: usize = 50;
/// The fewest rows for which a bin of the context gets a table of its own.
pub const FEWEST_IN_A_BIN: usize = 200;
/// Beyond the rows, p may be this many times smaller than one over their number: farther out a tail is guesswork.
pub const REACH: usize = 50;
/// The tail starts at this row, counted from the oddest.
const ANCHOR: usize = 20;
/// The tail is fitted to the oddest tenth of the rows, and to no more than this many.
const MOST_EXCESSES: usize = 5000;
/// A tail does not reach a row where it has fewer than this many rows as far out, in expectation: its shape two standard errors
/// longer than fitted but no more than [`USUAL`], and its scale a nat at least. A longer tail would reach everything, a -999 among
/// temperatures too; rows that are drawn of one hardly ever lie so far out that this one does not reach them.
const UNREACHED: f64 = 1e-9;
/// So many rows may be beyond all others, one in [`ROWS_BEYOND`] where that is more, but no more than the second: more are no
/// faults, but a part of what is usual.
const MOST_BEYOND: [usize; 2] = [3, 20];
/// See [`MOST_BEYOND`].
const ROWS_BEYOND: usize = 500;
/// Knots of the conformal part lie this much apart in p, or wherever there is a row.
const SPACING: f64 = 1.05;
/// Knots of the tail lie this far apart in ln p.
const TAIL_SPACING: f64 = 0.25;
/// Bins of a context value.
const BINS: usize = 4;

/// A table from `log_prob` to `ln p`, and the tail that it ends with.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The knots, ascending.
    pub knots: Vec<Knot>,
    /// The tail beyond the rows: of the shapes up to [`USUAL`] the likeliest, or, with a confidence, of all of them; the table then
    /// goes on with a longer one.
    pub tail: Tail,
    /// The likeliest of all shapes.
    pub likeliest_shape: f64,
    /// How many of the oddest rows the tail was fitted without.
    pub unreached: usize,
    /// The smallest `ln p` that is counted, not the tail's.
    pub anchor: f64,
}

impl Calibrated {
    /// The table of these log-densities, right in the mean or with a confidence, between 0 and 1.
    ///
    /// # Panics
    /// If there are fewer than [`FEWEST`].
    pub fn of(log_probs: &[f32], confidence: Option<f64>) -> Self {
        let rows = log_probs.len();
        assert!(rows >= FEWEST, "{rows} rows");
        let mut sorted = log_probs.to_vec();
        sorted.sort_by(f32::total_cmp);
        // Each log-density that there is, and how many rows are as odd or odder.
        let mut levels: Vec<(f32, usize)> = Vec::new();
        for (i, &log_prob) in sorted.iter().enumerate() {
            match levels.last_mut() {
                Some(last) if last.0 == log_prob => last.1 = i + 1,
                _ => levels.push((log_prob, i + 1)),
            }
        }
        let ln_p = |count: usize| match confidence {
            None => ((1 + count) as f64 / (rows + 1) as f64).ln().min(0.0),
            Some(confidence) => binomial::upper(count, rows, confidence).ln(),
        };

        let excesses = (rows / 10).clamp(ANCHOR, MOST_EXCESSES);
        let threshold = f64::from(sorted[excesses]);
        let excesses: Vec<f64> = sorted[..excesses].iter().map(|&x| threshold - f64::from(x)).collect();
        let unreached = unreached(&excesses, rows);
        let likeliest = Tail::of(&excesses[unreached..]);
        let tail = confidence.map_or_else(|| Tail::at_most(&excesses[unreached..], USUAL), |_| likeliest);
        let first = levels.partition_point(|level| level.1 < ANCHOR.max(unreached + 1));
        let body = body(&levels[first..], ln_p);
        let (anchor, anchor_ln_p) = body[0];
        let longer = confidence.map_or(tail, |confidence| tail.longer(normal_quantile(confidence)));
        let longer = longer.beyond(threshold - f64::from(anchor));
        let deepest = f64::from(LN_P_MIN) - anchor_ln_p;
        let steps = (-deepest / TAIL_SPACING).ceil() as usize;
        let beyond = (1..=steps).rev().map(|step| {
            let deeper = deepest * step as f64 / steps as f64;
            ((f64::from(anchor) - longer.excess(deeper)) as f32, anchor_ln_p + deeper)
        });
        let mut knots: Vec<Knot> = Vec::new();
        for (log_prob, ln_p) in beyond.chain(body) {
            // Rounding may put two at one place: the larger p counts.
            if knots.last().is_some_and(|last| last.log_prob.get() >= log_prob) {
                knots.pop();
            }
            knots.push(Knot { log_prob: F32::new(log_prob), ln_p: F32::new((ln_p as f32).max(LN_P_MIN)) });
        }
        Calibrated { knots, tail, likeliest_shape: likeliest.shape, unreached, anchor: anchor_ln_p }
    }

    /// `ln p` as the engine has it, but with another rounding.
    pub fn ln_p(&self, log_prob: f32) -> f32 {
        interpolate(&self.knots, log_prob)
    }
}

/// How many of these excesses, from the largest on, the tail of those after them does not reach.
fn unreached(excesses: &[f64], rows: usize) -> usize {
    let most = (rows / ROWS_BEYOND).clamp(MOST_BEYOND[0], MOST_BEYOND[1]);
    let is_beyond = |&count: &usize| {
        let (least, others) = (excesses[count - 1], &excesses[count..]);
        // No tail ends before ten times its mean: most rows need no fit.
        if least <= 10.0 * others.iter().sum::<f64>() / others.len() as f64 {
            return false;
        }
        let tail = Tail::at_most(others, USUAL).longer(2.0);
        let tail = Tail { shape: tail.shape.min(USUAL), scale: tail.scale.max(1.0), ..tail };
        others.len() as f64 * tail.share(least) < UNREACHED
    };
    (1..=most.min(excesses.len() / 2)).rev().find(is_beyond).unwrap_or(0)
}

/// The standard normal distribution's quantile. At most about 8 from 0: beyond that a probability is 0 or 1 in double precision.
pub fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * inverfc(2.0 * p.clamp(1e-16, 1.0 - 1e-16))
}

/// Knots of the conformal part. Between two of them p is never less than the rows say: each knot has the p of the next,
/// or, before a log-density that many rows share, is followed closely by one that has it.
fn body(levels: &[(f32, usize)], ln_p: impl Fn(usize) -> f64) -> Vec<(f32, f64)> {
    let mut knots = Vec::new();
    let mut at = 0;
    while let Some(&(log_prob, count)) = levels.get(at) {
        let far = levels.partition_point(|level| level.1 as f64 <= count as f64 * SPACING);
        let next = (far.max(at + 2) - 1).min(levels.len() - 1);
        if next == at {
            knots.push((log_prob, ln_p(count)));
            break;
        }
        let after = ln_p(levels[next].1);
        if next == at + 1 && levels[next].1 as f64 > count as f64 * SPACING {
            knots.push((log_prob, ln_p(count)));
            if log_prob.next_up() < levels[next].0 {
                knots.push((log_prob.next_up(), after));
            }
        } else {
            knots.push((log_prob, after));
        }
        at = next;
    }
    knots
}

/// The section `CALB`: one table for all rows and, where a context has rows enough, tables for bins of that context value
/// which the log-densities depend on most. `contexts` has `context_dim` values for each row.
pub struct Section {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The table of all rows.
    pub pooled: Calibrated,
    /// Which context value the bins are of.
    pub bins_of: Option<usize>,
    /// The bins.
    pub bins: Vec<Bin>,
    /// The rows that the tail of all, or of their bin, was fitted without.
    pub unreached: Vec<usize>,
    /// From this p on each of the tables counts rows.
    pub counted_from: f64,
}

/// A range of a context value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The largest value of the bin.
    pub upper: f32,
    /// Number of rows in it.
    pub rows: usize,
    /// Whether it has a table of its own; else that of all rows counts.
    pub own_table: bool,
}

impl Section {
    /// The section of these rows, with alarms at `alarm`, an `ln p`, and tables as [`Calibrated::of`] makes them.
    ///
    /// # Panics
    /// If there are fewer rows than [`FEWEST`].
    pub fn of(log_probs: &[f32], contexts: &[f32], context_dim: usize, alarm: f64, confidence: Option<f64>) -> Self {
        let pooled = Calibrated::of(log_probs, confidence);
        let bins = (0..context_dim)
            .filter_map(|column| Bins::of(log_probs, contexts, context_dim, column))
            .max_by(|a, b| a.spread.total_cmp(&b.spread));
        let mut tables = pooled.knots.clone();
        let mut records = Vec::new();
        let mut list = Vec::new();
        let mut unreached = oddest(log_probs, 0..log_probs.len(), pooled.unreached);
        let mut counted_from = pooled.anchor;
        if let Some(bins) = &bins {
            for (i, &upper) in bins.uppers.iter().enumerate() {
                let rows = || (0..log_probs.len()).filter(|&row| bins.of_row[row] == i);
                let mine: Vec<f32> = rows().map(|row| log_probs[row]).collect();
                let own = (mine.len() >= FEWEST_IN_A_BIN).then(|| Calibrated::of(&mine, confidence));
                let knots = own.as_ref().map_or(0, |own| own.knots.len());
                records.push(BinRecord {
                    upper: F32::new(upper),
                    rows: U32::new(mine.len() as u32),
                    knots: U32::new(knots as u32),
                    reserved: [0; 4],
                });
                if let Some(own) = &own {
                    unreached.extend(oddest(log_probs, rows(), own.unreached));
                    counted_from = counted_from.max(own.anchor);
                }
                list.push(Bin { upper, rows: mine.len(), own_table: own.is_some() });
                tables.extend(own.into_iter().flat_map(|own| own.knots));
            }
        }
        let record = CalibrationRecord {
            rows: U32::new(log_probs.len().try_into().unwrap_or(u32::MAX)),
            knots: U32::new(pooled.knots.len() as u32),
            alarm: F32::new((alarm as f32).clamp(LN_P_MIN, 0.0)),
            shape: F32::new(pooled.tail.shape as f32),
            shape_error: F32::new(pooled.tail.shape_error as f32),
            context: U16::new(bins.as_ref().map_or(POOLED, |bins| bins.column as u16)),
            bins: U16::new(records.len() as u16),
            reserved: [0; 8],
        };
        let bytes = [record.as_bytes(), records.as_bytes(), tables.as_bytes()].concat();
        unreached.sort_unstable();
        unreached.dedup();
        let (bins_of, counted_from) = (bins.map(|bins| bins.column), counted_from.exp());
        Section { bytes, pooled, bins_of, bins: list, unreached, counted_from }
    }
}

/// So many of these rows, the oddest.
fn oddest(log_probs: &[f32], rows: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = rows.collect();
    rows.sort_by(|&a, &b| log_probs[a].total_cmp(&log_probs[b]));
    rows.truncate(count);
    rows
}

/// Ranges of a context value.
struct Bins {
    column: usize,
    uppers: Vec<f32>,
    of_row: Vec<usize>,
    /// How much the log-densities' ranks differ between the bins.
    spread: f64,
}

impl Bins {
    /// `None` where there are too few rows for two bins, or only one value.
    fn of(log_probs: &[f32], contexts: &[f32], context_dim: usize, column: usize) -> Option<Self> {
        let rows = log_probs.len();
        let values: Vec<f32> = contexts.iter().skip(column).step_by(context_dim).copied().collect();
        let mut sorted = values.clone();
        sorted.sort_by(f32::total_cmp);
        let bins = BINS.min(rows / FEWEST_IN_A_BIN);
        let mut uppers: Vec<f32> = (1..=bins).map(|i| sorted[rows * i / bins - 1]).collect();
        uppers.dedup();
        if uppers.len() < 2 {
            return None;
        }
        let of_row: Vec<usize> =
            values.iter().map(|value| uppers.partition_point(|upper| upper < value).min(uppers.len() - 1)).collect();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| log_probs[a].total_cmp(&log_probs[b]));
        let mut sums = vec![(0.0, 0.0); uppers.len()];
        for (rank, &row) in order.iter().enumerate() {
            let sum = &mut sums[of_row[row]];
            *sum = (sum.0 + (rank as f64 + 0.5) / rows as f64 - 0.5, sum.1 + 1.0);
        }
        let spread = sums.iter().filter(|sum| sum.1 > 0.0).map(|(sum, count)| sum * sum / count).sum();
        Some(Bins { column, uppers, of_row, spread })
    }
}
