//! Rows for a frozen flow's self-test, made from its columns alone: a device compares what it computes from them with
//! the bits that the host computed.
//!
//! Typical rows, which take the ordinary paths through every layer; a row far outside, in which every constant column
//! has another value; and one so far out that, drawn back to the box, its other values are around 1e-36 and their
//! products with weights below f32's normal range: a core that flushes such numbers to zero is to be found at boot.

use crate::sample::STREAM;
use flow_model::spec::{Column, FlowSpec, Kind};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Number of typical rows, beside the two far ones.
const TYPICAL: u64 = 4;

/// The probe rows of a flow over these columns.
pub fn rows(spec: &FlowSpec) -> Vec<Vec<f32>> {
    let typical = (0..TYPICAL).map(|seed| {
        let mut rng = Pcg32::new(seed, STREAM);
        spec.columns.iter().map(|column| typical(column, &mut rng)).collect()
    });
    let far = spec.columns.iter().map(|column| beside(column, 1e4)).collect();
    let mut farthest: Vec<f32> = spec.columns.iter().map(smallest).collect();
    if let Some(j) = spec.columns.iter().rposition(|column| column.standard().is_some()) {
        farthest[j] = f32::MAX;
    }
    typical.chain([far, farthest]).collect()
}

/// A value within two standard deviations.
fn typical(column: &Column, rng: &mut Pcg32) -> f32 {
    let uniform = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    match &column.kind {
        Kind::Constant { value, .. } => *value,
        _ => beside(column, 2.0 * uniform),
    }
}

/// A value some standard deviations from the centre, a constant's as many of its units from its value.
fn beside(column: &Column, distance: f32) -> f32 {
    let value = match &column.kind {
        Kind::Continuous { standard, .. } => standard.center + distance * standard.scale,
        Kind::Integer { standard } => (standard.center + distance * standard.scale).floor(),
        Kind::Constant { value, unit, .. } => value + distance * unit,
        _ => 0.0,
    };
    value.clamp(f32::MIN, f32::MAX)
}

/// The value whose standardised value is the smallest one that is not 0.
fn smallest(column: &Column) -> f32 {
    match &column.kind {
        Kind::Continuous { standard, .. } => (standard.center - column.midpoint()).next_up().clamp(f32::MIN, f32::MAX),
        Kind::Integer { standard } => standard.center.floor(),
        Kind::Constant { value, .. } => *value,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_model::spec::{Base, Dequantization, Standard, Tails};

    #[test]
    fn every_probe_is_a_finite_row() {
        let standard = |center, scale| Standard { center, scale, reach: 5.0 };
        let kinds = [
            Kind::Continuous { standard: standard(0.0, 1.0), jitter: 0.0 },
            Kind::Continuous { standard: standard(f32::MAX, f32::MAX), jitter: 0.0 },
            Kind::Integer { standard: standard(-3e38, 1e-30) },
            Kind::Constant { value: f32::MAX, log_mass: 0.0, log_other: -5.0, unit: f32::MAX },
        ];
        let columns = kinds.map(|kind| Column::new("c", kind)).to_vec();
        let tails = Tails { knee: 4.0, rate: 1.0 };
        let dequantization = Dequantization::Uniform;
        let rows =
            rows(&FlowSpec { columns, tails, circles: None, layers: Vec::new(), base: Base::Normal, dequantization });
        assert_eq!(rows.len(), 6);
        assert!(rows.iter().all(|row| row.len() == 4 && row.iter().all(|x| x.is_finite())), "{rows:?}");
        assert_eq!(rows[5][0], 1e-45);
    }
}
