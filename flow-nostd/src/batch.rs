//! Many rows at once, for hosts: several go through each dense layer side by side, so that its weights are loaded once for
//! all of them.
//!
//! The bits are those of [`Flow::log_prob`], row by row. Threads are left to the caller, who gives each some of the rows.

use crate::block::BLOCK;
use crate::flow::values;
use crate::layer::{self, Conditioned, Work};
use crate::{BatchError, EvalError, Flow, circle, row};

/// The memory of one row.
struct Lane<'s> {
    state: &'s mut [f32],
    work: Work<'s>,
}

impl Flow<'_> {
    /// Number of `f32` values of scratch memory that [`log_prob_batch`](Self::log_prob_batch) needs.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// assert_eq!(flow.batch_scratch_len(), 4 * flow.scratch_len());
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
        let (blocks, rest) = log_probs.as_chunks_mut::<BLOCK>();
        let mut first = 0usize;
        for block in blocks {
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
        let mut scratch = scratch.chunks_exact_mut(self.scratch_len().max(1));
        let mut lane = || {
            let (state, work) = self.split(scratch.next().unwrap_or_default()).map_err(BatchError::all)?;
            Ok(Lane { state, work })
        };
        let mut lanes: [Lane<'_>; BLOCK] = [lane()?, lane()?, lane()?, lane()?];
        let mut log_dets = [0.0; BLOCK];
        let mut terms = [0.0; BLOCK];
        for (i, (((lane, (row, context)), log_det), term)) in
            lanes.iter_mut().zip(rows).zip(&mut log_dets).zip(&mut terms).enumerate()
        {
            let entered = row::enter(self, &mut values(row, context), lane.state)
                .map_err(|error| BatchError { row: Some(first.saturating_add(i)), error })?;
            *log_det = circle::to_latent(self, lane.state, &mut lane.work);
            *term = self.tails.enter(&entered, self.latent(lane.state));
        }
        for record in self.layers {
            let Some(layer) = record.view() else { continue };
            let Some(Conditioned { conditioner, first }) = layer.conditioned(self) else {
                for (lane, log_det) in lanes.iter_mut().zip(&mut log_dets) {
                    let lines = layer::lines(self, self.without_circles(lane.state));
                    *log_det += layer.apply(self, lines, &mut lane.work);
                }
                continue;
            };
            let [a, b, c, d] = &mut lanes;
            let states = [&*a.state, &*b.state, &*c.state, &*d.state];
            let works = [&mut a.work, &mut b.work, &mut c.work, &mut d.work];
            let outs = conditioner.run_block(self, states, works);
            for ((state, out), log_det) in
                [&mut *a.state, &mut *b.state, &mut *c.state, &mut *d.state].into_iter().zip(outs).zip(&mut log_dets)
            {
                let moved = self.without_circles(state).get_mut(first..).unwrap_or_default();
                *log_det += layer.bend(moved, out);
            }
        }
        let mut log_probs = [0.0; BLOCK];
        for (((lane, log_prob), log_det), term) in lanes.iter_mut().zip(&mut log_probs).zip(log_dets).zip(terms) {
            let lines = self.latent(lane.state).get(..self.lines).unwrap_or_default();
            *log_prob = self.base.log_prob(self, lines, &mut lane.work) + (log_det + term);
        }
        Ok(log_probs)
    }
}
