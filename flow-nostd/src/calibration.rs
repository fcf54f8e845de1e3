//! How odd a log-density is: the table from `log_prob` to `ln p`.
//!
//! p is the share of usual rows that are as odd or odder. The table is made on the host from rows that the flow was not
//! trained on, conformal where there are rows, `p = (1 + rows as odd or odder) / (rows + 1)` (Vovk, Gammerman and Shafer,
//! "Algorithmic Learning in a Random World"), and of a generalised Pareto distribution beyond them. Between two knots
//! `ln p` is a straight line. Where the density depends on a context, there can be a table for each range of one of its
//! values.

use crate::fault::{Fault, Place};
use crate::section::CALIBRATION;
use crate::{Flow, FormatError, range};
use zerocopy::little_endian::{F32, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `context` of a calibration without bins.
pub const POOLED: u16 = u16::MAX;
/// The largest magnitude of a knot's log-density.
pub const KNOT_MAX: f32 = 1e38;
/// The smallest `ln p` of a knot: a billionth. No row is odder than that.
pub const LN_P_MIN: f32 = -20.723_267;

/// The first record of the section.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CalibrationRecord {
    /// Number of rows that the tables were made from.
    pub rows: U32,
    /// Number of knots of the first table, made from all rows; at least 2.
    pub knots: U32,
    /// A row is an alarm where its `ln p` is at most this; from [`LN_P_MIN`] to 0.
    pub alarm: F32,
    /// Shape of the tail beyond the rows, for people.
    pub shape: F32,
    /// Its standard error, for people.
    pub shape_error: F32,
    /// The context value that says which bin counts, or [`POOLED`].
    pub context: U16,
    /// Number of bins; 0 for one table.
    pub bins: U16,
    /// Zero.
    pub reserved: [u8; 8],
}

/// A range of the context value, and its table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BinRecord {
    /// The largest value of the bin; larger ones belong to the next, and to the last one whatever is above it.
    pub upper: F32,
    /// Number of rows in it.
    pub rows: U32,
    /// Number of knots of its own table; 0 where it has too few rows, and the first table counts.
    pub knots: U32,
    /// Zero.
    pub reserved: [u8; 4],
}

/// A point of the table.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Knot {
    /// Log-density, nats; ascending.
    pub log_prob: F32,
    /// The logarithm of the share of usual rows with at most this log-density; does not descend, ends at most at 0.
    pub ln_p: F32,
}

/// A calibration as it lies in the file, checked.
#[derive(Clone, Copy)]
pub(crate) struct Calibration<'a> {
    pub record: &'a CalibrationRecord,
    pub bins: &'a [BinRecord],
    pub knots: &'a [Knot],
}

impl<'a> Calibration<'a> {
    /// The flow's calibration; `None` where the file has none.
    pub(crate) fn of(flow: &Flow<'a>) -> Result<Option<Self>, FormatError> {
        let mut place = Place::start();
        place.tag = CALIBRATION;
        match flow.sections.find(CALIBRATION) {
            None => Ok(None),
            Some(data) => {
                let calibration = Self::read(data, flow.context_dim(), &mut place);
                calibration.map(Some).map_err(|fault| place.error(fault))
            }
        }
    }

    fn read(data: &'a [u8], context_dim: usize, place: &mut Place) -> Result<Self, Fault> {
        let Ok((record, rest)) = CalibrationRecord::ref_from_prefix(data) else {
            return place.note(Fault::SECTION_LENGTH, size_of::<CalibrationRecord>(), data.len());
        };
        let context = record.context.get();
        let bins = usize::from(record.bins.get());
        if !(range::is_at_most(record.alarm.get(), -LN_P_MIN) && record.alarm.get() <= 0.0) {
            return Err(Fault::field(8));
        }
        if (context == POOLED) != (bins == 0) || (context != POOLED && usize::from(context) >= context_dim) {
            return Err(Fault::field(20));
        }
        if u64::from_le_bytes(record.reserved) != 0 {
            return Err(Fault::field(24));
        }
        let Ok((bins, rest)) = <[BinRecord]>::ref_from_prefix_with_elems(rest, bins) else {
            let bins = size_of::<BinRecord>().saturating_mul(bins);
            let expected = size_of::<CalibrationRecord>().saturating_add(bins);
            return place.note(Fault::SECTION_LENGTH, expected, data.len());
        };
        let Ok(knots) = <[Knot]>::ref_from_bytes(rest) else {
            let over = rest.len().checked_rem(size_of::<Knot>()).unwrap_or(0);
            return place.note(Fault::SECTION_LENGTH, data.len().saturating_sub(over), data.len());
        };
        let mut left = take(knots, record.knots, Fault::field(4), place)?;
        let mut below = None;
        for (index, bin) in (1..=u16::MAX).zip(bins) {
            place.index = index;
            let upper = bin.upper.get();
            if !range::is_at_most(upper, f32::MAX) || below.is_some_and(|below| upper <= below) {
                return Err(Fault::field(0));
            }
            below = Some(upper);
            if bin.knots.get() != 0 {
                left = take(left, bin.knots, Fault::field(8), place)?;
            }
            if u32::from_le_bytes(bin.reserved) != 0 {
                return Err(Fault::field(12));
            }
        }
        if left.is_empty() { Ok(Self { record, bins, knots }) } else { Err(Fault::UNUSED) }
    }

    /// `ln p` of a log-density in its context; the work grows with the logarithm of the number of knots.
    pub(crate) fn ln_p(&self, log_prob: f32, context: &[f32]) -> f32 {
        interpolate(self.table(context), log_prob)
    }

    /// The table that counts in a context.
    fn table(&self, context: &[f32]) -> &'a [Knot] {
        let (pooled, mut rest) = self.knots.split_at_checked(self.record.knots.get() as usize).unwrap_or_default();
        let Some(value) = context.get(usize::from(self.record.context.get())) else { return pooled };
        let mut own = pooled;
        for bin in self.bins {
            let (table, after) = rest.split_at_checked(bin.knots.get() as usize).unwrap_or_default();
            rest = after;
            own = if table.is_empty() { pooled } else { table };
            if *value <= bin.upper.get() {
                break;
            }
        }
        own
    }
}

/// Checks a table, the first `count` knots, and returns those after it.
fn take<'a>(knots: &'a [Knot], count: U32, fault: Fault, place: &mut Place) -> Result<&'a [Knot], Fault> {
    let (table, rest) = knots.split_at_checked(count.get() as usize).ok_or(fault)?;
    let Some((first, others)) = table.split_first() else { return Err(fault) };
    if others.is_empty() {
        return Err(fault);
    }
    let (mut log_prob, mut ln_p) = (first.log_prob.get(), first.ln_p.get());
    let mut valid = range::is_at_most(log_prob, KNOT_MAX) && ln_p >= LN_P_MIN;
    for knot in others {
        let next = (knot.log_prob.get(), knot.ln_p.get());
        valid &= range::is_at_most(next.0, KNOT_MAX) && next.0 > log_prob && next.1 >= ln_p;
        (log_prob, ln_p) = next;
    }
    if valid && ln_p <= 0.0 { Ok(rest) } else { place.note(Fault::KNOTS, 0, 0) }
}

/// `ln p` of a log-density in a table, as [`Detector::ln_p`](crate::Detector::ln_p) computes it: a straight line between two
/// knots, the first knot's below all, 0 above all.
///
/// ```
/// use flow_nostd::layout::{Knot, interpolate};
///
/// let knots = [Knot { log_prob: (-9.0).into(), ln_p: (-4.0).into() }, Knot { log_prob: 1.0.into(), ln_p: 0.0.into() }];
/// assert_eq!([-99.0, -4.0, 2.0].map(|log_prob| interpolate(&knots, log_prob)), [-4.0, -2.0, 0.0]);
/// ```
pub fn interpolate(knots: &[Knot], log_prob: f32) -> f32 {
    let above = knots.partition_point(|knot| knot.log_prob.get() < log_prob);
    let Some(upper) = knots.get(above) else { return 0.0 };
    let Some(lower) = above.checked_sub(1).and_then(|below| knots.get(below)) else { return upper.ln_p.get() };
    let (from, to) = (lower.log_prob.get(), upper.log_prob.get());
    let (ln_p, next) = (lower.ln_p.get(), upper.ln_p.get());
    let between = ln_p + (next - ln_p) * ((log_prob - from) / (to - from));
    if between < next { between } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn knots(points: &[(f32, f32)]) -> Vec<Knot> {
        points.iter().map(|&(log_prob, ln_p)| Knot { log_prob: F32::new(log_prob), ln_p: F32::new(ln_p) }).collect()
    }

    fn section(record: CalibrationRecord, bins: &[BinRecord], knots: &[Knot]) -> Vec<u8> {
        [record.as_bytes(), bins.as_bytes(), knots.as_bytes()].concat()
    }

    fn record(knots: u32, context: u16, bins: u16) -> CalibrationRecord {
        CalibrationRecord {
            rows: U32::new(100),
            knots: U32::new(knots),
            alarm: F32::new(-5.0),
            shape: F32::new(0.1),
            shape_error: F32::new(0.1),
            context: U16::new(context),
            bins: U16::new(bins),
            reserved: [0; 8],
        }
    }

    fn bin(upper: f32, knots: u32) -> BinRecord {
        BinRecord { upper: F32::new(upper), rows: U32::new(50), knots: U32::new(knots), reserved: [0; 4] }
    }

    fn read(data: &[u8], context_dim: usize) -> Result<Calibration<'_>, FormatError> {
        let mut place = Place::start();
        place.tag = CALIBRATION;
        Calibration::read(data, context_dim, &mut place).map_err(|fault| place.error(fault))
    }

    #[test]
    fn straight_lines_between_the_knots() {
        let table = knots(&[(-30.0, -20.0), (-10.0, -4.0), (-2.0, 0.0)]);
        for (log_prob, expected) in
            [(-1e37, -20.0), (-30.0, -20.0), (-20.0, -12.0), (-10.0, -4.0), (-6.0, -2.0), (-2.0, 0.0), (5.0, 0.0)]
        {
            assert_eq!(interpolate(&table, log_prob), expected, "{log_prob}");
        }
    }

    #[test]
    fn each_bin_has_its_table_or_that_of_all_rows() {
        let tables = [knots(&[(-9.0, -9.0), (0.0, 0.0)]), knots(&[(-9.0, -3.0), (0.0, 0.0)])].concat();
        let bytes = section(record(2, 0, 3), &[bin(1.0, 2), bin(2.0, 0), bin(3.0, 0)], &tables);
        let calibration = read(&bytes, 1).unwrap();
        for (context, expected) in [(-7.0, -3.0), (1.0, -3.0), (1.5, -9.0), (2.5, -9.0), (8.0, -9.0)] {
            assert_eq!(calibration.ln_p(-9.0, &[context]), expected, "{context}");
        }
    }

    #[test]
    fn every_rule_is_checked() {
        let good = knots(&[(-9.0, -9.0), (0.0, 0.0)]);
        let ok = |record, bins: &[BinRecord], knots: &[Knot]| read(&section(record, bins, knots), 1).map(|_| ());
        assert_eq!(ok(record(2, POOLED, 0), &[], &good), Ok(()));
        let field = |index, offset| Err(FormatError::Record { tag: CALIBRATION, index, offset });
        let with = |change: fn(&mut CalibrationRecord)| {
            let mut changed = record(2, POOLED, 0);
            change(&mut changed);
            ok(changed, &[], &good)
        };
        assert_eq!(with(|r| r.alarm = F32::new(0.1)), field(0, 8));
        assert_eq!(with(|r| r.alarm = F32::new(f32::NAN)), field(0, 8));
        assert_eq!(with(|r| r.alarm = F32::new(-21.0)), field(0, 8));
        assert_eq!(with(|r| r.context = U16::new(0)), field(0, 20));
        assert_eq!(with(|r| r.reserved = [1; 8]), field(0, 24));
        assert_eq!(with(|r| r.knots = U32::new(3)), field(0, 4));
        assert_eq!(with(|r| r.knots = U32::new(1)), field(0, 4));
        assert_eq!(with(|r| r.knots = U32::ZERO), field(0, 4));
        assert_eq!(ok(record(2, 1, 1), &[bin(1.0, 0)], &good), field(0, 20));
        assert_eq!(ok(record(2, 0, 2), &[bin(1.0, 0), bin(1.0, 0)], &good), field(2, 0));
        assert_eq!(ok(record(2, 0, 1), &[bin(f32::INFINITY, 0)], &good), field(1, 0));
        assert_eq!(ok(record(2, 0, 1), &[bin(1.0, 2)], &good), field(1, 8));
        let reserved = BinRecord { reserved: [1; 4], ..bin(1.0, 0) };
        assert_eq!(ok(record(2, 0, 1), &[reserved], &good), field(1, 12));
        let length = |expected, found| Err(FormatError::SectionLength { tag: CALIBRATION, expected, found });
        assert_eq!(ok(record(2, 0, 3), &[], &good), length(32 + 3 * 16, 48));
        let unused = [good.clone(), good.clone()].concat();
        assert_eq!(ok(record(2, POOLED, 0), &[], &unused), Err(FormatError::Unused { tag: CALIBRATION }));
        for bad in [
            [(-9.0, -9.0), (-9.0, 0.0)],
            [(-9.0, -9.0), (0.0, 0.1)],
            [(-9.0, -1.0), (0.0, -2.0)],
            [(-9.0, -22.0), (0.0, 0.0)],
            [(f32::NAN, -9.0), (0.0, 0.0)],
            [(-9.0, f32::NAN), (0.0, 0.0)],
            [(-9.0, -9.0), (2e38, 0.0)],
        ] {
            let error = ok(record(2, POOLED, 0), &[], &knots(&bad));
            assert_eq!(error, Err(FormatError::Knots { tag: CALIBRATION, index: 0 }), "{bad:?}");
        }
        let bytes = section(record(2, POOLED, 0), &[], &good);
        for cut in 0..bytes.len() {
            // A record, and knots of eight bytes; fewer than it counts are its field's error.
            let expected = match cut {
                ..32 => length(32, cut),
                _ if cut % 8 != 0 => length(cut - cut % 8, cut),
                _ => field(0, 4),
            };
            assert_eq!(read(bytes.get(..cut).unwrap(), 1).map(|_| ()), expected, "{cut}");
        }
    }
}
