//! A frozen flow, ready to use.

use crate::EvalError;
use crate::base::Base;
use crate::column::{self, ColumnRecord, clamp};
use crate::dense::DenseRecord;
use crate::header::Header;
use crate::layer::{LayerRecord, STATE_BOUND, Work};
use crate::load::split_name;
use crate::tails::TailsRecord;
use crate::word::Word;
use heapless::String;
use zerocopy::little_endian::{F32, U16};

/// A frozen flow over bytes that stay where they are.
///
/// A row has [`columns`](Self::columns) values in raw units, a latent vector [`dim`](Self::dim) values. Every function
/// works in `scratch`, [`scratch_len`](Self::scratch_len) values of the caller's that need no initial value.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    pub(crate) header: &'a Header,
    pub(crate) columns: &'a [ColumnRecord],
    pub(crate) layers: &'a [LayerRecord],
    pub(crate) dense: &'a [DenseRecord],
    pub(crate) indices: &'a [U16],
    pub(crate) weights: &'a [Word],
    pub(crate) tails: &'a TailsRecord,
    pub(crate) base: Base<'a>,
    pub(crate) names: &'a [u8],
    pub(crate) probes: &'a [F32],
    /// Length of the first of the two buffers behind the state in the scratch memory.
    pub(crate) buffer_a: usize,
}

// `Flow::new` has checked every index and length. Where a slice is taken all the same, `unwrap_or_default` stands for
// a branch that is never taken and that costs less than a panic.

impl<'a> Flow<'a> {
    /// Number of values of a row, constant columns included.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Number of latent values: of columns that are not constant.
    pub fn dim(&self) -> usize {
        self.header.dim.get().into()
    }

    /// Number of `f32` values of scratch memory that every function needs.
    pub fn scratch_len(&self) -> usize {
        self.header.scratch_length.get() as usize
    }

    /// Multiply-accumulates of the dense layers in one [`log_prob`](Self::log_prob).
    pub fn macs_log_prob(&self) -> u32 {
        self.header.macs_log_prob.get()
    }

    /// Multiply-accumulates of the dense layers in one [`sample`](Self::sample).
    pub fn macs_sample(&self) -> u32 {
        self.header.macs_sample.get()
    }

    /// What identifies the model, as it stands in the file. The engine does not recompute it.
    pub fn model_id(&self) -> [u8; 16] {
        self.header.model_id
    }

    /// The model id as people read it: 32 hexadecimal digits.
    pub fn model_id_hex(&self) -> String<32> {
        let mut text = String::new();
        let nibbles = self.header.model_id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for digit in nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)) {
            let _ = text.push(digit); // 32 digits fit.
        }
        text
    }

    /// The name of column `j`; `None` where the file has no names, no such column, or a name that is not UTF-8.
    pub fn column_name(&self, j: usize) -> Option<&'a str> {
        let mut rest = self.names;
        for _ in 0..j {
            rest = split_name(rest)?.1;
        }
        core::str::from_utf8(split_name(rest)?.0).ok()
    }

    /// The header, for programs that list a file.
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// The column records, for programs that list a file.
    pub fn column_records(&self) -> &'a [ColumnRecord] {
        self.columns
    }

    /// The layer records, for programs that list a file.
    pub fn layer_records(&self) -> &'a [LayerRecord] {
        self.layers
    }

    /// The dense records, for programs that list a file.
    pub fn dense_records(&self) -> &'a [DenseRecord] {
        self.dense
    }

    /// The record on far rows, for programs that list a file.
    pub fn tails_record(&self) -> &'a TailsRecord {
        self.tails
    }

    /// The base distribution, for programs that list a file.
    pub fn base(&self) -> Base<'a> {
        self.base
    }

    /// Number of probe rows of the self-test.
    pub fn probes(&self) -> usize {
        self.probes.len().checked_div(self.columns.len().saturating_add(1)).unwrap_or(0)
    }

    /// The log-density of a row, in nats: log-mass for integer columns, density in raw units for continuous ones.
    /// Finite for every finite row.
    ///
    /// # Errors
    /// The length of `row` or of `scratch`, or the column of a value that is NaN or infinite.
    pub fn log_prob(&self, row: &[f32], scratch: &mut [f32]) -> Result<f32, EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        let log_det = self.row_to_state(row.iter().copied(), state, &mut work)?;
        Ok(self.base.log_prob(self, state, &mut work) + log_det)
    }

    /// The latent vector of a row, into `z`; returns the log-determinant, so that the row's log-density is that of `z`
    /// under the base distribution plus the result.
    ///
    /// # Errors
    /// The length of `row`, `z` or `scratch`, or the column of a value that is NaN or infinite.
    pub fn to_latent(&self, row: &[f32], z: &mut [f32], scratch: &mut [f32]) -> Result<f32, EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_latent(z.len())?;
        let log_det = self.row_to_state(row.iter().copied(), state, &mut work)?;
        for (to, from) in z.iter_mut().zip(state) {
            *to = *from;
        }
        Ok(log_det)
    }

    /// The row of a latent vector, into `row`: constant columns get their value, integer columns a whole number. Rows
    /// that lay outside the trusted box do not come back. Finite for every finite `z`.
    ///
    /// # Errors
    /// The length of `row`, `z` or `scratch`, or the index of a latent value that is NaN or infinite.
    pub fn to_data(&self, z: &[f32], row: &mut [f32], scratch: &mut [f32]) -> Result<(), EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_latent(z.len())?;
        for (column, (to, from)) in state.iter_mut().zip(z).enumerate() {
            if !from.is_finite() {
                return Err(EvalError::NotFinite { column });
            }
            *to = clamp(*from, STATE_BOUND);
        }
        self.state_to_data(state, &mut work, row);
        Ok(())
    }

    /// The state and the two buffers in the caller's scratch memory.
    pub(crate) fn split<'s>(&self, scratch: &'s mut [f32]) -> Result<(&'s mut [f32], Work<'s>), EvalError> {
        let (expected, found) = (self.scratch_len(), scratch.len());
        let error = EvalError::ScratchLength { expected, found };
        let scratch = scratch.get_mut(..expected).ok_or(error)?;
        let (state, rest) = scratch.split_at_mut_checked(self.dim()).ok_or(error)?;
        let (a, b) = rest.split_at_mut_checked(self.buffer_a).ok_or(error)?;
        Ok((state, Work { a, b }))
    }

    pub(crate) fn check_row(&self, found: usize) -> Result<(), EvalError> {
        let expected = self.columns.len();
        if found == expected { Ok(()) } else { Err(EvalError::RowLength { expected, found }) }
    }

    fn check_latent(&self, found: usize) -> Result<(), EvalError> {
        let expected = self.dim();
        if found == expected { Ok(()) } else { Err(EvalError::LatentLength { expected, found }) }
    }

    /// Leaves the latent vector of `row` in `state`; returns the log-determinant.
    pub(crate) fn row_to_state(
        &self,
        row: impl Iterator<Item = f32>,
        state: &mut [f32],
        work: &mut Work<'_>,
    ) -> Result<f32, EvalError> {
        let entered = column::enter(self.columns, row, state)?;
        let before = self.tails.enter(&entered, state);
        let mut log_det = 0.0;
        for layer in self.layers {
            log_det += layer.to_latent(self, state, work);
        }
        Ok(log_det + before)
    }

    /// Writes the row whose latent vector is `state`, which is used up.
    pub(crate) fn state_to_data(&self, state: &mut [f32], work: &mut Work<'_>, row: &mut [f32]) {
        for layer in self.layers.iter().rev() {
            layer.to_data(self, state, work);
        }
        let mut values = state.iter();
        for (x, record) in row.iter_mut().zip(self.columns) {
            *x = if record.is_active() {
                record.leave(self.tails.leave(values.next().copied().unwrap_or(0.0)))
            } else {
                record.values.first().map_or(0.0, |value| value.get())
            };
        }
    }
}

impl core::fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Flow")
            .field("columns", &self.columns())
            .field("dim", &self.dim())
            .field("layers", &self.layers.len())
            .field("scratch_len", &self.scratch_len())
            .finish_non_exhaustive()
    }
}
