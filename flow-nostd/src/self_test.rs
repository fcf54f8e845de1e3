//! Self-test: the file carries a few rows with the bits of their log-density as the freezing machine computed them.
//!
//! A compiler, a libm, a boot ROM or an FPU mode that computes otherwise is found at boot.

use crate::{EvalError, Flow, SelfTestError, arithmetic};

impl Flow<'_> {
    /// Compares the bits of some thousand results of arithmetic and libm, then those of every probe row's log-density.
    ///
    /// # Errors
    /// Arithmetic or the first probe that differs, a scratch that is too short, or a file without probes.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// # let mut scratch = [0.0; model::SCRATCH];
    /// flow.self_test(&mut scratch)?; // At boot.
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn self_test(&self, scratch: &mut [f32]) -> Result<(), SelfTestError> {
        let (expected, found) = (arithmetic::EXPECTED, arithmetic::checksum());
        if expected != found {
            return Err(SelfTestError::Arithmetic { expected, found });
        }
        let (state, mut work) = self.split(scratch)?;
        let mut rest = self.probe_values();
        let mut probe = 0usize;
        if rest.is_empty() {
            return Err(SelfTestError::NoProbes);
        }
        while let Some((row, after)) = rest.split_at_checked(self.columns.len()) {
            let Some((expected, after)) = after.split_first() else { break };
            // Its values lie in the order of the columns, context among them.
            let mut values = row.iter().map(|v| v.get());
            let found = match self.row_log_prob(&mut |_| values.next(), state, &mut work) {
                Ok(log_prob) => log_prob,
                Err(EvalError::NotFinite { .. }) => f32::NAN,
                Err(error) => return Err(SelfTestError::Eval(error)),
            };
            let (expected, found) = (expected.get().to_bits(), found.to_bits());
            if expected != found {
                return Err(SelfTestError::Mismatch { probe, expected, found });
            }
            rest = after;
            probe = probe.saturating_add(1);
        }
        Ok(())
    }
}
