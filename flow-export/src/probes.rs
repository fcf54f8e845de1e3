//! Rows for a frozen flow's self-test, made from its columns alone: a device compares what it computes from them with
//! the bits that the host computed.
//!
//! Typical rows, which take the ordinary paths through every layer; a row far outside, in which every constant column
//! has another value; and one so far out that, drawn back to the box, its other values are around 1e-36 and their
//! products with weights below f32's normal range: a core that flushes such numbers to zero is to be found at boot. Where
//! columns have atoms, a row of them.

use crate::sample::STREAM;
use flow_model::spec::{Column, FlowSpec, Kind, Standard};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Number of typical rows, beside the two far ones.
const TYPICAL: u64 = 4;

/// The probe rows of a flow over these columns, context among them.
pub fn rows(spec: &FlowSpec) -> Vec<Vec<f32>> {
    let typical = (0..TYPICAL).map(|seed| {
        let mut rng = Pcg32::new(seed, STREAM);
        spec.columns.iter().map(|column| typical(column, &mut rng)).collect()
    });
    let far = spec.columns.iter().map(|column| beside(column, 1e4)).collect();
    let mut farthest: Vec<f32> = spec.columns.iter().map(smallest).collect();
    let straight =
        |column: &Column| matches!(column.kind, Kind::Continuous { .. } | Kind::Integer { .. } | Kind::Lattice { .. });
    if let Some(j) = spec.columns.iter().rposition(straight) {
        farthest[j] = f32::MAX;
    }
    let with_atoms = spec.columns.iter().any(|column| !column.atoms.is_empty());
    let atoms = with_atoms.then(|| spec.columns.iter().map(atom).collect());
    typical.chain([far, farthest]).chain(atoms).collect()
}

/// A value within two standard deviations, an angle within two turns.
fn typical(column: &Column, rng: &mut Pcg32) -> f32 {
    let uniform = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    match &column.kind {
        Kind::Constant { value, .. } => *value,
        _ => beside(column, 2.0 * uniform),
    }
}

/// A value some standard deviations from the centre, a constant's as many of its units from its value, an angle's as many
/// turns from its start.
fn beside(column: &Column, distance: f32) -> f32 {
    let at = |standard: &Standard| standard.center + distance * standard.scale;
    let value = match &column.kind {
        Kind::Continuous { standard, .. } | Kind::Context { standard } => at(standard),
        Kind::Integer { standard } => at(standard).floor(),
        Kind::Positive { standard } => exp(at(standard)).max(f32::MIN_POSITIVE),
        Kind::Bounded { low, high, standard } => low + (high - low) / (1.0 + exp(-at(standard))),
        Kind::Lattice { origin, step, standard } => origin + at(standard).floor() * step,
        Kind::Circular { origin, period, .. } => origin + distance * period,
        Kind::Constant { value, unit, .. } => value + distance * unit,
    };
    value.clamp(f32::MIN, f32::MAX)
}

/// The exponential, computed alike on every host, so that they write the same probes.
fn exp(v: f32) -> f32 {
    libm::exp(v.into()) as f32
}

/// The value whose standardised value is the smallest one that is not 0, or one about as small.
fn smallest(column: &Column) -> f32 {
    match &column.kind {
        Kind::Continuous { standard, .. } => (standard.center - column.midpoint()).next_up().clamp(f32::MIN, f32::MAX),
        Kind::Integer { standard } => standard.center.floor(),
        Kind::Constant { value, .. } => *value,
        _ => beside(column, 0.0),
    }
}

/// The value of the first atom; a typical one where there is none.
fn atom(column: &Column) -> f32 {
    match (&column.kind, column.atoms.first()) {
        (Kind::Lattice { origin, step, .. }, Some(atom)) => origin + atom.value * step,
        (_, Some(atom)) => atom.value,
        (Kind::Constant { value, .. }, None) => *value,
        (_, None) => beside(column, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_model::spec::{Base, Dequantization, Tails};

    #[test]
    fn every_probe_is_a_finite_row() {
        let standard = |center, scale| Standard { center, scale, reach: 5.0 };
        let kinds = [
            Kind::Continuous { standard: standard(0.0, 1.0), jitter: 0.0 },
            Kind::Continuous { standard: standard(f32::MAX, f32::MAX), jitter: 0.0 },
            Kind::Integer { standard: standard(-3e38, 1e-30) },
            Kind::Constant { value: f32::MAX, log_mass: 0.0, log_other: -5.0, unit: f32::MAX },
            Kind::Positive { standard: standard(80.0, 80.0) },
            Kind::Bounded { low: 0.0, high: f32::MAX, standard: standard(-3e38, 3e38) },
            Kind::Lattice { origin: f32::MIN, step: f32::MAX, standard: standard(3e38, 1e-30) },
            Kind::Circular { origin: f32::MAX, period: f32::MAX, jitter: 0.0 },
            Kind::Context { standard: standard(3e38, 3e38) },
        ];
        let columns = kinds.map(|kind| Column::new("c", kind)).to_vec();
        let tails = Tails { knee: 4.0, rate: 1.0 };
        let rows = rows(&FlowSpec {
            columns,
            tails,
            circles: None,
            layers: Vec::new(),
            base: Base::Normal,
            dequantization: Dequantization::Uniform,
        });
        assert_eq!(rows.len(), 6);
        assert!(rows.iter().all(|row| row.len() == 9 && row.iter().all(|x| x.is_finite())), "{rows:?}");
        assert_eq!(rows[5][0], 1e-45);
    }
}
