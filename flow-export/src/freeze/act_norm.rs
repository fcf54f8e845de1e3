//! Shifts and scales that are the same for every row: `y = x * exp(log_scale) + shift`.

use super::{FreezeError, Parts, limit, values};
use flow_model::params::Layout;
use flow_nostd::layout::{ACT_NORM, ActNormRecord, LANES};
use zerocopy::little_endian::{F32, U16, U32};

impl Parts {
    /// Appends layer `i`.
    pub(super) fn act_norm(&mut self, i: usize, layout: &Layout, params: &[f32]) -> Result<(), FreezeError> {
        let part = |name: &str| values(layout, params, &format!("layers.{i}.{name}"));
        let log_scales = part("log_scale");
        let record = ActNormRecord {
            kind: U16::new(ACT_NORM),
            reserved: U16::ZERO,
            values: U32::new(self.weights.len() as u32),
            log_det: F32::new(log_scales.iter().map(|&s| f64::from(s)).sum::<f64>() as f32),
            reserved_b: [0; 20],
        };
        let scales: Vec<f32> = log_scales.iter().map(|&s| libm::exp(s.into()) as f32).collect();
        if let Some(j) = scales.iter().position(|&s| !(s.is_normal() && (1.0 / s).is_normal())) {
            return Err(limit(format!("layers[{i}].log_scale[{j}]"), "-87 to 87", log_scales[j]));
        }
        let end = self.weights.len() + (3 * scales.len()).next_multiple_of(LANES);
        self.weights.extend(scales.iter().map(|&s| F32::new(s)));
        self.weights.extend(part("shift").iter().map(|&s| F32::new(s)));
        self.weights.extend(scales.iter().map(|&s| F32::new(1.0 / s)));
        // Weights of eight bits before them may end anywhere.
        self.weights.resize(end, F32::ZERO);
        self.layers.push(zerocopy::transmute!(record));
        Ok(())
    }
}
