//! A frozen flow, ready to use.

use crate::atoms::AtomRecord;
use crate::base::Base;
use crate::circle::{self, CircleRecord};
use crate::column::{ColumnRecord, clamp};
use crate::dense::DenseRecord;
use crate::header::Header;
use crate::layer::{LayerRecord, STATE_BOUND, Work};
use crate::masked::Order;
use crate::row;
use crate::section::Sections;
use crate::tails::TailsRecord;
use crate::word::Word;
use crate::{ALL_KINDS, EvalError};
use core::f32::consts::PI;
use zerocopy::little_endian::U16;

/// A frozen flow over bytes that stay where they are.
///
/// A row has [`columns`](Self::columns) values in raw units; what is known besides, and what the row's density depends on,
/// is its context, [`context_dim`](Self::context_dim) values, `&[]` for most flows. A latent vector has [`dim`](Self::dim)
/// values: those of columns on a line, then angles from -π to π for the circular columns. Every function works in `scratch`, [`scratch_len`](Self::scratch_len) values of the caller's that need no initial value.
///
/// ```
/// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
/// # let flow = flow_nostd::Flow::new(model::BYTES)?;
/// # let mut scratch = [0.0; model::SCRATCH];
/// let row = [1.25, 3.0, 17.0, -30.0]; // flow.columns() values
/// let log_prob = flow.log_prob(&row, &[], &mut scratch)?; // no context
/// println!("{log_prob} nats");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    pub(crate) header: &'a Header,
    pub(crate) sections: Sections<'a>,
    pub(crate) columns: &'a [ColumnRecord],
    pub(crate) atoms: &'a [AtomRecord],
    pub(crate) circles: &'a [CircleRecord],
    pub(crate) layers: &'a [LayerRecord],
    pub(crate) dense: &'a [DenseRecord],
    pub(crate) indices: &'a [U16],
    pub(crate) weights: &'a [Word],
    pub(crate) tails: &'a TailsRecord,
    pub(crate) base: Base<'a>,
    /// Number of columns on a line.
    pub(crate) lines: usize,
    /// Number of features that every conditioner sees: the context, cosine and sine of each circular column.
    pub(crate) features: usize,
    /// Length of the first of the two buffers behind the state in the scratch memory.
    pub(crate) buffer_a: usize,
}

// `Flow::new` has checked every index and length. Where a slice is taken all the same, `unwrap_or_default` stands for
// a branch that is never taken and that costs less than a panic.

impl Flow<'_> {
    /// The log-density of a row in its context, in nats: log-mass for integer and lattice columns and for atoms, density in
    /// raw units for all others. Finite for every finite row: where a value lies [outside](Self::outside_support) its
    /// column's support, at most about [`FLOOR`](crate::FLOOR).
    ///
    /// # Errors
    /// The length of `row`, `context` or `scratch`, or the column of a value that is NaN or infinite.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// use flow_nostd::EvalError;
    ///
    /// let usual = flow.log_prob(&[1.25, 3.0, 17.0, -30.0], &[], &mut scratch)?;
    /// let odd = flow.log_prob(&[90.0, 2.0, -5.0, 0.0], &[], &mut scratch)?;
    /// assert!(odd < usual && odd.is_finite());
    ///
    /// let dead = flow.log_prob(&[f32::NAN, 3.0, 17.0, -30.0], &[], &mut scratch);
    /// assert_eq!(dead, Err(EvalError::NotFinite { column: 0 }));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn log_prob(&self, row: &[f32], context: &[f32], scratch: &mut [f32]) -> Result<f32, EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_context(context.len())?;
        self.row_log_prob(&mut values(row, context), state, &mut work)
    }

    /// The latent vector of a row in its context, into `z`; returns the log-determinant, so that the row's log-density is
    /// that of `z` under the base distribution plus the result.
    ///
    /// # Errors
    /// The length of `row`, `context`, `z` or `scratch`, or the column of a value that is NaN or infinite.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// let row = [1.25, 3.0, 17.0, -30.0];
    /// let mut z = [0.0; 3];
    /// let log_det = flow.to_latent(&row, &[], &mut z, &mut scratch)?;
    ///
    /// // The base is the standard normal distribution.
    /// let base: f32 = z.iter().map(|z| -0.5 * z * z - 0.918_938_5).sum();
    /// let log_prob = flow.log_prob(&row, &[], &mut scratch)?;
    /// assert!((base + log_det - log_prob).abs() < 1e-3);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn to_latent(
        &self,
        row: &[f32],
        context: &[f32],
        z: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<f32, EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_context(context.len())?;
        self.check_latent(z.len())?;
        let log_det = self.row_to_state(&mut values(row, context), state, &mut work)?;
        // Swapped, where a copy would do, for compilers to see no `memcpy` in it.
        for (to, from) in z.iter_mut().zip(self.latent(state)) {
            core::mem::swap(to, from);
        }
        Ok(log_det)
    }

    /// The row of a latent vector in a context, into `row`: constant columns get their value, integer columns a whole
    /// number. Rows that lay outside the trusted box do not come back. Finite for every finite `z`.
    ///
    /// # Errors
    /// The length of `row`, `context`, `z` or `scratch`, or the index of a latent value, or the column of a context value,
    /// that is NaN or infinite.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// let row = [1.25, 3.0, 17.0, -30.0];
    /// let (mut z, mut back) = ([0.0; 3], [0.0; 4]);
    /// flow.to_latent(&row, &[], &mut z, &mut scratch)?;
    /// flow.to_data(&z, &[], &mut back, &mut scratch)?;
    /// assert!((back[0] - 1.25).abs() < 1e-3 && back[1] == 3.0 && back[2] == 17.0);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn to_data(&self, z: &[f32], context: &[f32], row: &mut [f32], scratch: &mut [f32]) -> Result<(), EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_context(context.len())?;
        self.check_latent(z.len())?;
        let bounds = core::iter::repeat_n(STATE_BOUND, self.lines).chain(core::iter::repeat(PI));
        for (column, ((to, from), bound)) in (0..usize::MAX).zip(self.latent(state).iter_mut().zip(z).zip(bounds)) {
            if !from.is_finite() {
                return Err(EvalError::NotFinite { column });
            }
            *to = clamp(*from, bound);
        }
        row::enter_context(self, context, state)?;
        self.state_to_data(state, &mut work, row);
        Ok(())
    }

    /// The place in `row` of the first value that lies where its column has no density at all: not above 0 in a positive
    /// column, beyond the bounds of a bounded one, and no atom.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// // Its columns are whole and real numbers, which have a density everywhere.
    /// assert_eq!(flow.outside_support(&[90.0, 2.0, -5.0, 0.0]), None);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn outside_support(&self, row: &[f32]) -> Option<usize> {
        self.modelled().zip(row).position(|((record, atoms), x)| record.is_outside(atoms, *x))
    }

    /// The place in `context` of the first value that conditioners see drawn back to the edge of what the training trusts.
    pub(crate) fn outside_context(&self, context: &[f32]) -> Option<usize> {
        if !ALL_KINDS || context.is_empty() {
            return None;
        }
        let records = self.columns.iter().filter(|record| record.is_context());
        records.zip(context).position(|(record, x)| record.is_beyond(*x))
    }

    /// The state (features, then the latent values) and the two buffers in the caller's scratch memory.
    pub(crate) fn split<'s>(&self, scratch: &'s mut [f32]) -> Result<(&'s mut [f32], Work<'s>), EvalError> {
        let (expected, found) = (self.scratch_len(), scratch.len());
        let error = EvalError::ScratchLength { expected, found };
        let scratch = scratch.get_mut(..expected).ok_or(error)?;
        let state = self.features.saturating_add(self.dim());
        let (state, rest) = scratch.split_at_mut_checked(state).ok_or(error)?;
        let (a, b) = rest.split_at_mut_checked(self.buffer_a).ok_or(error)?;
        Ok((state, Work { a, b }))
    }

    /// The latent values of a state: those of columns on a line, then angles.
    pub(crate) fn latent<'s>(&self, state: &'s mut [f32]) -> &'s mut [f32] {
        state.get_mut(self.features..).unwrap_or_default()
    }

    /// What the degrees of masked layers depend on.
    pub(crate) fn order(&self) -> Order {
        Order { lines: self.lines as u32, features: self.features as u32 }
    }

    pub(crate) fn check_row(&self, found: usize) -> Result<(), EvalError> {
        let expected = self.columns();
        if found == expected { Ok(()) } else { Err(EvalError::RowLength { expected, found }) }
    }

    pub(crate) fn check_context(&self, found: usize) -> Result<(), EvalError> {
        let expected = self.context_dim();
        if found == expected { Ok(()) } else { Err(EvalError::ContextLength { expected, found }) }
    }

    fn check_latent(&self, found: usize) -> Result<(), EvalError> {
        let expected = self.dim();
        if found == expected { Ok(()) } else { Err(EvalError::LatentLength { expected, found }) }
    }

    /// The log-density of the row that `next` gives value by value, see [`row::enter`].
    pub(crate) fn row_log_prob(
        &self,
        next: &mut dyn FnMut(bool) -> Option<f32>,
        state: &mut [f32],
        work: &mut Work<'_>,
    ) -> Result<f32, EvalError> {
        let log_det = self.row_to_state(next, state, work)?;
        let lines = self.latent(state).get(..self.lines).unwrap_or_default();
        Ok(self.base.log_prob(self, lines, work) + log_det)
    }

    /// Leaves the latent vector of a row in `state`, behind the features; returns the log-determinant.
    fn row_to_state(
        &self,
        next: &mut dyn FnMut(bool) -> Option<f32>,
        state: &mut [f32],
        work: &mut Work<'_>,
    ) -> Result<f32, EvalError> {
        let entered = row::enter(self, next, state)?;
        let mut log_det = circle::to_latent(self, state, work);
        let state = self.without_circles(state);
        let before = self.tails.enter(&entered, self.latent(state));
        for layer in self.layers {
            log_det += layer.to_latent(self, state, work);
        }
        Ok(log_det + before)
    }

    /// Writes the row whose latent vector is in `state`, behind the context's features; the state is used up.
    pub(crate) fn state_to_data(&self, state: &mut [f32], work: &mut Work<'_>, row: &mut [f32]) {
        circle::to_data(self, state, work);
        for layer in self.layers.iter().rev() {
            layer.to_data(self, self.without_circles(state), work);
        }
        row::leave(self, state, row);
    }

    /// What layers see of the state: features and columns on a line.
    pub(crate) fn without_circles<'s>(&self, state: &'s mut [f32]) -> &'s mut [f32] {
        state.get_mut(..self.features.saturating_add(self.lines)).unwrap_or_default()
    }
}

impl<'a> Flow<'a> {
    /// The column of each value of a row: its record and its atoms.
    pub(crate) fn modelled(&self) -> impl Iterator<Item = (&'a ColumnRecord, &'a [AtomRecord])> {
        let mut rest = self.atoms;
        self.columns.iter().filter(|record| !record.is_context()).map(move |record| {
            let (mine, after) = rest.split_at_checked(record.atoms.get().into()).unwrap_or_default();
            rest = after;
            (record, mine)
        })
    }
}

/// A row in its context, of which values are tried that it does not have.
pub(crate) struct Replaced<'r, 'a> {
    pub flow: &'r Flow<'a>,
    pub row: &'r [f32],
    pub context: &'r [f32],
    pub scratch: &'r mut [f32],
}

impl Replaced<'_, '_> {
    /// The log-density of the row in which a column has another value.
    #[inline(never)]
    pub(crate) fn log_prob(&mut self, column: usize, value: f32) -> Result<f32, EvalError> {
        let (state, mut work) = self.flow.split(self.scratch)?;
        let (mut next, mut left) = (values(self.row, self.context), column);
        let mut next = move |in_context: bool| {
            let x = next(in_context)?;
            if in_context {
                return Some(x);
            }
            let here = left == 0;
            left = left.wrapping_sub(1);
            Some(if here { value } else { x })
        };
        self.flow.row_log_prob(&mut next, state, &mut work)
    }
}

/// The values of a row and of its context as [`row::enter`] asks for them.
pub(crate) fn values<'s>(row: &'s [f32], context: &'s [f32]) -> impl FnMut(bool) -> Option<f32> + 's {
    let (mut row, mut context) = (row.iter().copied(), context.iter().copied());
    move |in_context| if in_context { context.next() } else { row.next() }
}
