//! The base distribution, its constants computed in double precision.

use super::{FreezeError, Parts, Weights, narrow, values};
use flow_model::params::Layout;
use flow_model::spec::{Base, FlowSpec};
use flow_nostd::layout::{BaseRecord, ComponentRecord, IDENTITY, MIXTURE, NORMAL, STUDENT_T, StudentTRecord};
use std::f64::consts::PI;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U16};

/// A component of a mixture: a standard normal distribution of `z · matrix + offset`.
struct Component {
    log_weight: f32,
    cumulative: f32,
    /// `[from][to]`, one row after the other; zero where to is before from.
    matrix: Vec<f32>,
    offset: Vec<f32>,
}

impl Parts {
    /// Writes the section, and a mixture's dense layers, which come after those of all layers.
    pub(super) fn base(&mut self, spec: &FlowSpec, layout: &Layout, params: &[f32]) -> Result<(), FreezeError> {
        let part = |name: &str| values(layout, params, &format!("base.{name}"));
        let (kind, components) = match spec.base {
            Base::Normal => (NORMAL, 0),
            Base::StudentT => (STUDENT_T, 0),
            Base::Mixture { components, .. } => (MIXTURE, components),
        };
        let components = narrow(|| "base.components".into(), components)?;
        self.base = BaseRecord { kind: U16::new(kind), components, reserved: [0; 12] }.as_bytes().to_vec();
        match spec.base {
            Base::Normal => {}
            Base::StudentT => self.base.extend_from_slice(student_t(part("df")).as_bytes()),
            Base::Mixture { .. } => {
                let [logits, offsets, log_scales, lower] = ["logit", "offset", "log_scale", "lower"].map(part);
                self.mixture(spec.lines(), &mixture(spec.lines(), logits, offsets, log_scales, lower))?;
            }
        }
        Ok(())
    }

    fn mixture(&mut self, lines: usize, components: &[Component]) -> Result<(), FreezeError> {
        for Component { log_weight, cumulative, matrix, offset } in components {
            let record = ComponentRecord {
                log_weight: F32::new(*log_weight),
                cumulative: F32::new(*cumulative),
                dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
                reserved: [0; 6],
            };
            self.base.extend_from_slice(record.as_bytes());
            let place = || "width of the base".into();
            let padded = self.dense(place, [lines, lines], IDENTITY, Weights::F32, matrix, offset)?;
            self.buffers[0] = self.buffers[0].max(padded);
        }
        self.buffers[1] = self.buffers[1].max(components.len());
        self.macs_log_prob += (components.len() * lines * lines) as u64;
        self.macs_sample += (lines * (lines - 1) / 2) as u64;
        Ok(())
    }
}

/// The records of raw degrees of freedom r: `ν = min(2.05 + softplus(r + 8), 1000)`.
fn student_t(raw: &[f32]) -> Vec<StudentTRecord> {
    let record = |&raw: &f32| {
        let r = f64::from(raw) + 8.0;
        let softplus = r.max(0.0) + libm::log1p(libm::exp(-r.abs()));
        // What the file holds is computed from the rounded number, as the engine checks.
        let degrees = (2.05 + softplus).min(1000.0) as f32;
        let nu = f64::from(degrees);
        let log_norm = libm::lgamma((nu + 1.0) / 2.0) - libm::lgamma(nu / 2.0) - libm::log(nu * PI) / 2.0;
        StudentTRecord {
            half: F32::new((degrees + 1.0) * 0.5),
            inverse: F32::new(1.0 / degrees),
            degrees: F32::new(degrees),
            log_norm: F32::new(log_norm as f32),
        }
    };
    raw.iter().map(record).collect()
}

/// The components of `y_kj = exp(s_kj) * (z_j + Σ_{i < j} z_i N[i][kL + j] + c_kj)`, with the weights' softmax; `lower`
/// is empty where there is no N.
fn mixture(lines: usize, logits: &[f32], offsets: &[f32], log_scales: &[f32], lower: &[f32]) -> Vec<Component> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sizes: Vec<f64> = logits.iter().map(|&l| libm::exp(f64::from(l) - f64::from(most))).collect();
    let total: f64 = sizes.iter().sum();
    let mut cumulative = 0.0;
    let component = |(k, &size): (usize, &f64)| {
        cumulative += size / total;
        let of = |values: &[f32], j: usize| f64::from(values[k * lines + j]);
        let scales: Vec<f64> = (0..lines).map(|j| libm::exp(of(log_scales, j))).collect();
        let mut matrix = vec![0.0f32; lines * lines];
        for (j, scale) in scales.iter().enumerate() {
            matrix[j * lines + j] = *scale as f32;
            for i in 0..j {
                let factor = lower.get(i * logits.len() * lines + k * lines + j).copied().unwrap_or(0.0);
                matrix[i * lines + j] = (f64::from(factor) * scale) as f32;
            }
        }
        // A component without any weight is as good as absent: ln 0 is replaced by a number that the file may hold.
        let log_weight =
            libm::log((size / total).max(f64::MIN_POSITIVE)) + (0..lines).map(|j| of(log_scales, j)).sum::<f64>();
        Component {
            log_weight: (log_weight - lines as f64 * libm::log(2.0 * PI) / 2.0) as f32,
            cumulative: if k + 1 == logits.len() { 1.0 } else { (cumulative as f32).min(1.0) },
            matrix,
            offset: scales.iter().enumerate().map(|(j, scale)| (of(offsets, j) * scale) as f32).collect(),
        }
    };
    sizes.iter().enumerate().map(component).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_of_freedom() {
        let records = student_t(&[0.0, -100.0, 5000.0, 1.5]);
        let degrees: Vec<f32> = records.iter().map(|r| r.degrees.get()).collect();
        assert!((degrees[0] - 10.050_335).abs() < 1e-5 && degrees[1] == 2.05 && degrees[2] == 1000.0, "{degrees:?}");
        // Cauchy's and the normal distribution's densities at 0 enclose them all.
        assert!(records.iter().all(|r| (-1.145..-0.9189).contains(&r.log_norm.get())), "{records:?}");
        // 2.05 degrees of freedom, by the reflection formula at ν = 2 to within its slope: -ln(2 √2).
        assert!((records[1].log_norm.get() + (2.0 * 2f32.sqrt()).ln()).abs() < 5e-3);
    }

    #[test]
    fn a_component_is_a_normal_distribution() {
        // One dimension, two components: weights 1/4 and 3/4.
        let ln = |v: f32| v.ln();
        let components = mixture(1, &[ln(1.0), ln(3.0)], &[2.0, -1.0], &[ln(2.0), ln(0.5)], &[]);
        assert!((components[0].cumulative - 0.25).abs() < 1e-6 && components[1].cumulative == 1.0);
        assert!((components[0].matrix[0] - 2.0).abs() < 1e-6 && (components[0].offset[0] - 4.0).abs() < 1e-6);
        let expected = (0.75f64 * 0.5 / (2.0 * PI).sqrt()).ln();
        assert!((f64::from(components[1].log_weight) - expected).abs() < 1e-6);
        // Three dimensions: N of the second component is read from its own block.
        let lower: Vec<f32> = (0..18).map(|v| v as f32).collect();
        let components = mixture(3, &[0.0, 0.0], &[0.0; 6], &[0.0; 6], &lower);
        assert_eq!(components[1].matrix, [1.0, 4.0, 5.0, 0.0, 1.0, 11.0, 0.0, 0.0, 1.0]);
    }
}
