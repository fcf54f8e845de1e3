//! The splines of circular columns, each with a conditioner of its own.

use super::conditioner::{Hidden, halved};
use super::{FreezeError, Parts, narrow};
use flow_model::circles;
use flow_model::params::Layout;
use flow_model::spec::FlowSpec;
use flow_nostd::layout::CircleRecord;

impl Parts {
    /// Appends the splines of all circular columns.
    pub(super) fn circles(&mut self, spec: &FlowSpec, layout: &Layout, params: &[f32]) -> Result<(), FreezeError> {
        let Some(shape) = &spec.circles else { return Ok(()) };
        for j in 0..spec.circular() {
            let name = format!("circles.{j}");
            let inputs = circles::inputs(spec, j);
            let hidden = Hidden::plain(if inputs > 0 { &shape.hidden } else { &[] });
            self.circles.push(CircleRecord {
                dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                dense_count: narrow(|| "circles.hidden".into(), hidden.widths.len() + 1)?,
                num_bins: narrow(|| "circles.num_bins".into(), shape.num_bins)?,
                reserved: [0; 10],
            });
            let params = halved(&name, &hidden, layout, params);
            let outputs = circles::spline(shape.num_bins).raw_values();
            self.conditioner(&name, inputs, &hidden, outputs, layout, &params)?;
        }
        Ok(())
    }
}
