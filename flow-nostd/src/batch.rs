//! Many rows at once, for hosts: a block of them goes through each dense layer before the next, so that its weights are loaded
//! into the processor's nearest cache once for all of them.
//!
//! The bits are those of [`Flow::log_prob`], row by row. Threads are left to the caller, who gives each some of the rows.

use crate::flow::values;
use crate::layer::{self, Conditioned, Work};
use crate::sparse::{BLOCK, Rows};
use crate::{BatchError, EvalError, Flow, SMALL_CORE, circle, row};

/// The memory of a block of rows.
struct Block<'s> {
    states: Rows<&'s mut [f32]>,
    a: Rows<&'s mut [f32]>,
    b: Rows<&'s mut [f32]>,
}

impl Block<'_> {
    /// That of each row.
    fn lanes(&mut self) -> impl Iterator<Item = (&mut [f32], Work<'_>)> {
        let works = self.a.iter_mut().zip(self.b.iter_mut()).map(|(a, b)| Work { a, b });
        self.states.iter_mut().zip(works)
    }
}

impl Flow<'_> {
    /// Number of `f32` values of scratch memory that [`log_prob_batch`](Self::log_prob_batch) needs.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.batch_scratch_len(), 16 * flow.scratch_len()); // on a host
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn batch_scratch_len(&self) -> usize {
        self.scratch_len().saturating_mul(BLOCK)
    }

    /// The log-density of many rows, in nats: that of [`log_prob`](Self::log_prob), to the last bit.
    ///
    /// `rows` holds [`columns`](Self::columns) values for each value of `log_probs`, one row after another, `contexts`
    /// [`context_dim`](Self::context_dim), and `scratch` at least [`batch_scratch_len`](Self::batch_scratch_len).
    ///
    /// # Errors
    /// The length of `rows`, `contexts` or `scratch`, or the first row that holds a value that is NaN or infinite;
    /// `log_probs` is then written in part.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// let mut scratch = vec![0.0; flow.batch_scratch_len()];
    /// let rows = [1.25, 3.0, 17.0, -30.0].repeat(1000); // flow.columns() values a row
    /// let mut log_probs = vec![0.0; 1000];
    /// flow.log_prob_batch(&rows, &[], &mut log_probs, &mut scratch)?; // no context
    /// assert_eq!(log_probs[999], flow.log_prob(&rows[..4], &[], &mut scratch)?);
    ///
    /// let error = flow.log_prob_batch(&[f32::NAN; 4], &[], &mut [0.0], &mut scratch).unwrap_err();
    /// assert_eq!(error.row, Some(0));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn log_prob_batch(
        &self,
        rows: &[f32],
        contexts: &[f32],
        log_probs: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), BatchError> {
        let count = log_probs.len();
        let length = |each: usize| count.saturating_mul(each);
        let (expected, found) = (length(self.columns()), rows.len());
        if expected != found {
            return Err(BatchError::all(EvalError::RowLength { expected, found }));
        }
        let (expected, found) = (length(self.context_dim()), contexts.len());
        if expected != found {
            return Err(BatchError::all(EvalError::ContextLength { expected, found }));
        }
        let (expected, found) = (self.batch_scratch_len(), scratch.len());
        let error = BatchError::all(EvalError::ScratchLength { expected, found });
        let (scratch, _) = scratch.split_at_mut_checked(expected).ok_or(error)?;
        let mut rows = rows.chunks_exact(self.columns().max(1));
        let mut contexts = contexts.chunks_exact(self.context_dim().max(1));
        // A small core takes one row after another.
        let whole = if SMALL_CORE { 0 } else { count.saturating_sub(count % BLOCK) };
        let (blocks, rest) = log_probs.split_at_mut_checked(whole).unwrap_or_default();
        let mut first = 0usize;
        for block in blocks.as_chunks_mut::<BLOCK>().0 {
            let rows = core::array::from_fn(|_| (rows.next().unwrap_or_default(), contexts.next().unwrap_or_default()));
            *block = self.block_log_prob(rows, scratch, first)?;
            first = first.saturating_add(BLOCK);
        }
        for (i, log_prob) in rest.iter_mut().enumerate() {
            let (row, context) = (rows.next().unwrap_or_default(), contexts.next().unwrap_or_default());
            let row_error = |error| BatchError { row: Some(first.saturating_add(i)), error };
            *log_prob = self.log_prob(row, context, scratch).map_err(row_error)?;
        }
        Ok(())
    }

    /// The log-densities of a block of rows, each with its context; the first is row `first` of all.
    fn block_log_prob(
        &self,
        rows: [(&[f32], &[f32]); BLOCK],
        scratch: &mut [f32],
        first: usize,
    ) -> Result<[f32; BLOCK], BatchError> {
        let mut block = self.block(scratch);
        let (mut log_dets, mut terms) = ([0.0; BLOCK], [0.0; BLOCK]);
        let sums = log_dets.iter_mut().zip(&mut terms);
        for (i, (((row, context), (state, mut work)), (log_det, term))) in
            rows.into_iter().zip(block.lanes()).zip(sums).enumerate()
        {
            let entered = row::enter(self, &mut values(row, context), state)
                .map_err(|error| BatchError { row: Some(first.saturating_add(i)), error })?;
            *log_det = circle::to_latent(self, state, &mut work);
            *term = self.tails.enter(&entered, self.latent(self.without_circles(state)));
        }
        for record in self.layers {
            let Some(layer) = record.view() else { continue }; // `check` has refused the file.
            let Some(Conditioned { conditioner, first }) = layer.conditioned(self) else {
                for (log_det, (state, mut work)) in log_dets.iter_mut().zip(block.lanes()) {
                    let lines = layer::lines(self, self.without_circles(state));
                    *log_det += layer.apply(self, lines, &mut work);
                }
                continue;
            };
            let Block { states, a, b } = &mut block;
            let mut outs = conditioner.run_block(self, states.by_ref(), a.by_mut(), b.by_mut());
            let mut states = states.iter_mut();
            let moved = core::array::from_fn(|_| {
                self.without_circles(states.next().unwrap_or_default()).get_mut(first..).unwrap_or_default()
            });
            layer.bend_block(moved, &mut outs, &mut log_dets);
        }
        let mut log_probs = [0.0; BLOCK];
        let sums = log_dets.into_iter().zip(terms);
        for ((log_prob, (log_det, term)), (state, mut work)) in log_probs.iter_mut().zip(sums).zip(block.lanes()) {
            let lines = self.latent(state).get(..self.lines).unwrap_or_default();
            *log_prob = self.base.log_prob(self, lines, &mut work) + (log_det + term);
        }
        Ok(log_probs)
    }

    /// Divides the memory of a block.
    fn block<'s>(&self, scratch: &'s mut [f32]) -> Block<'s> {
        let mut rest = scratch;
        let mut next = |each: usize| {
            let split = core::mem::take(&mut rest).split_at_mut_checked(each.saturating_mul(BLOCK));
            let (values, after) = split.unwrap_or_default();
            rest = after;
            Rows { values, each }
        };
        let state = self.features.saturating_add(self.dim());
        let b = self.scratch_len().saturating_sub(state).saturating_sub(self.buffer_a);
        Block { states: next(state), a: next(self.buffer_a), b: next(b) }
    }
}
