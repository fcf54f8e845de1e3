//! What a device needs for a flow, known before the flow is trained: sizes do not depend on parameters, and of instructions
//! training changes little.

use crate::aligned::AlignedBytes;
use crate::cost;
use crate::freeze::{FreezeError, freeze};
use crate::probes;
use flow_model::params::Layout;
use flow_model::spec::FlowSpec;
use flow_nostd::Flow;
use serde::Serialize;
use std::fmt;

/// What a device needs for a flow, beside the engine's code and stack, which are the same for all flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Bytes of flash: the frozen file's length.
    pub bytes: usize,
    /// Bytes of RAM: the scratch memory.
    pub ram: usize,
    /// Instructions of one `log_prob` on a Cortex-M4F, estimated ([`crate::cost`]).
    pub instructions: u64,
}

impl Needs {
    /// What the flow needs, by freezing it untrained, with probe rows.
    ///
    /// ```
    /// use flow_export::needs::Needs;
    /// use flow_model::models::{Shape, realnvp};
    /// use flow_model::spec::{Base, Column, FlowSpec, Kind, Standard, Tails};
    ///
    /// let standard = Standard { center: 0.0, scale: 1.0, reach: 6.0 };
    /// let column = |name| Column::new(name, Kind::Continuous { standard, jitter: 0.0 });
    /// let layers = realnvp(&Shape { lines: 2, layers: 4, hidden: vec![16], ..Shape::default() });
    /// let spec = FlowSpec::new(vec![column("x"), column("y")], Tails { knee: 4.0, rate: 10.0 }, layers, Base::Normal);
    /// let needs = Needs::of(&spec)?;
    /// assert!(needs.bytes < 4096 && needs.ram < 256 && needs.instructions < 10_000, "{needs}");
    /// # Ok::<(), flow_export::freeze::FreezeError>(())
    /// ```
    ///
    /// # Errors
    /// As [`freeze`].
    pub fn of(spec: &FlowSpec) -> Result<Needs, FreezeError> {
        spec.validate()?;
        let params = Layout::of(spec).init(0);
        let file = AlignedBytes::from(freeze(spec, &params, &probes::rows(spec), 0)?);
        let flow = Flow::new(&file)?;
        let ram = size_of::<f32>() * flow.scratch_len();
        Ok(Needs { bytes: file.len(), ram, instructions: cost::instructions(&flow) })
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Needs { bytes, ram, instructions } = self;
        write!(f, "{bytes} bytes of flash, {ram} bytes of RAM and {instructions} instructions a log_prob")
    }
}
