//! Along a column: how odd its value is beside the values of all others.
//!
//! That is minus the logarithm of its density given the others, in nats, with the column's deviation as the unit: the
//! row's density over its integral along the column, `-ln(p(x) / (∫ p(x with t in place of the column) dt / deviation))`.
//! The integral is a sum over values that the file has for each column, equally spaced over those that usual rows have,
//! and the row's own; what has a mass is added, see [`masses`](crate::masses). It is the same for every kind of flow, and
//! finds a column that is odd only beside the others.

use crate::Flow;
use crate::column::clamp;
use crate::masses::Masses;
use crate::references::{Reference, References};
use zerocopy::little_endian::F32;

/// The sum as far as it has come. All of it lies in memory, and no function here is on the stack while a log-density is
/// computed.
pub(crate) struct Along<'r, 'a> {
    flow: &'r Flow<'a>,
    references: &'r References<'a>,
    values: &'a [F32],
    masses: Masses<'a>,
    x: f32,
    /// The logarithm of what the row's own value is told in: a deviation, or of a mass the width of a cell.
    unit: f32,
    log_step: f32,
    /// What is added to the logarithm of the next: 0, or of a mass the logarithm of its width in spacings.
    width: f32,
    /// The logarithm of a sum of exponentials, the largest apart.
    most: f32,
    sum: f32,
}

impl<'r, 'a> Along<'r, 'a> {
    /// Before the first column.
    pub(crate) fn before(flow: &'r Flow<'a>, references: &'r References<'a>) -> Self {
        let masses = Masses::none();
        Self {
            flow,
            references,
            values: &[],
            masses,
            x: 0.0,
            unit: 0.0,
            log_step: 0.0,
            width: 0.0,
            most: 0.0,
            sum: 1.0,
        }
    }

    /// Starts along a column with the row's value in it and the row's log-density; whether the file has values of it.
    #[inline(never)]
    pub(crate) fn start(&mut self, column: usize, x: f32, now: f32) -> bool {
        let Some(Reference { log_step, values, .. }) = self.references.column(column) else { return false };
        self.masses = self.references.masses(self.flow, column);
        (self.values, self.x, self.log_step, self.width) = (values, x, log_step, 0.0);
        (self.unit, self.most) = (0.0, now);
        if self.masses.holds(x) {
            (self.unit, self.most) = (self.masses.log_width, now + (self.masses.log_width - log_step));
        }
        self.sum = 1.0;
        true
    }

    /// The next value of which [`add`](Self::add) wants the log-density.
    #[inline(never)]
    pub(crate) fn next(&mut self) -> Option<f32> {
        if let Some((value, rest)) = self.values.split_first() {
            self.values = rest;
            return Some(value.get());
        }
        self.width = self.masses.log_width - self.log_step;
        self.masses.next_but(self.x)
    }

    #[inline(never)]
    pub(crate) fn add(&mut self, log_prob: f32) {
        let log = log_prob + self.width;
        if log > self.most {
            self.sum = self.sum * libm::expf(self.most - log) + 1.0;
            self.most = log;
        } else {
            self.sum += libm::expf(log - self.most);
        }
    }

    /// How odd the value is, nats; never below 0.
    #[inline(never)]
    pub(crate) fn share(&self, now: f32) -> f32 {
        let odd = self.log_step + libm::logf(self.sum) + (self.most - now) - self.unit;
        if odd > 0.0 { clamp(odd, f32::MAX) } else { 0.0 }
    }
}
