//! Drawing rows from the flow: a latent vector from the base, then the inverse of the layers.

use crate::trig::uniform_angle;
use crate::{EvalError, Flow, row};
use rand_core::Rng;

impl Flow<'_> {
    /// Draws one row in a context, in raw units, into `row` ([`Flow::columns`] values).
    ///
    /// Takes exactly two `u32` draws for each of the [`Flow::dim`] latent values, in their order, and where the base is a
    /// mixture two before them: the same generator in the same state gives the same bits on every target.
    ///
    /// # Errors
    /// The length of `row`, `context` or `scratch`, or the column of a context value that is NaN or infinite.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// use rand_core::SeedableRng;
    ///
    /// let mut rng = rand_pcg::Pcg32::seed_from_u64(1); // Any generator of `rand_core`.
    /// let mut row = [0.0; 4];
    /// flow.sample(&mut rng, &[], &mut row, &mut scratch)?;
    /// assert!(row[2].fract() == 0.0); // A whole number.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn sample(
        &self,
        rng: &mut impl Rng,
        context: &[f32],
        row: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), EvalError> {
        let (state, mut work) = self.split(scratch)?;
        self.check_row(row.len())?;
        self.check_context(context.len())?;
        row::enter_context(self, context, state)?;
        let (lines, angles) = self.latent(state).split_at_mut_checked(self.lines).unwrap_or_default();
        self.base.sample(self, rng, lines);
        for theta in angles {
            *theta = uniform_angle(rng.next_u32());
            rng.next_u32(); // Two draws here too, so that their number is that of the latent values, twice.
        }
        self.state_to_data(state, &mut work, row);
        Ok(())
    }
}
