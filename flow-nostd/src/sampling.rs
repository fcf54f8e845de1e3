//! Drawing rows from the flow: a latent vector from the base, then the inverse of the layers.

use crate::{EvalError, Flow};
use rand_core::Rng;

impl Flow<'_> {
    /// Draws one row, in raw units, into `row` ([`Flow::columns`] values).
    ///
    /// Takes exactly two `u32` draws for each of the [`Flow::dim`] latent values, in their order, and where the base is a
    /// mixture two before them: the same generator in the same state gives the same bits on every target.
    ///
    /// # Errors
    /// The length of `row` or of `scratch`.
    pub fn sample(&self, rng: &mut impl Rng, row: &mut [f32], scratch: &mut [f32]) -> Result<(), EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.base.sample(self, rng, state);
        self.state_to_data(state, &mut work, row);
        Ok(())
    }
}
