//! Drawing rows from the flow: a latent vector from the base, then the inverse of the layers.

use crate::{EvalError, Flow, normal};
use rand_core::Rng;

impl Flow<'_> {
    /// Draws one row, in raw units, into `row` ([`Flow::columns`] values).
    ///
    /// Takes exactly two `u32` draws for each of the [`Flow::dim`] latent values, in their order: the same generator in
    /// the same state gives the same bits on every target.
    ///
    /// # Errors
    /// The length of `row` or of `scratch`.
    pub fn sample(&self, rng: &mut impl Rng, row: &mut [f32], scratch: &mut [f32]) -> Result<(), EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        for z in state.iter_mut() {
            let high = rng.next_u32();
            let low = rng.next_u32();
            *z = normal::from_draws(high, low);
        }
        self.state_to_data(state, &mut work, row);
        Ok(())
    }
}
