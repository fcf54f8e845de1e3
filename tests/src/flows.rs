//! Small flows and rows for tests that need no training: every kind of column, weights that do something.

use flow_model::params::Layout;
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Four columns (two continuous, one integer, one constant) and three couplings: 546 parameters.
pub fn mixed() -> FlowSpec {
    let column = |name: &str, kind| Column { name: name.to_string(), kind };
    let standard = |center, scale, reach| Standard { center, scale, reach };
    let coupling = |kept| Layer::AffineCoupling { kept, hidden: vec![8, 8], scale_bound: 3.0 };
    let turn = |order: [u32; 3]| Layer::Permutation { order: order.to_vec() };
    FlowSpec {
        columns: vec![
            column("temperature", Kind::Continuous { standard: standard(21.5, 4.0, 6.0), jitter: 0.0 }),
            column("count", Kind::Integer { standard: standard(12.0, 5.0, 8.0) }),
            column("version", Kind::Constant { value: 3.0, log_mass: -0.001, log_other: -7.0, unit: 1.0 }),
            column("zero mean", Kind::Continuous { standard: standard(0.0, 1.0, 5.0), jitter: 0.01 }),
        ],
        tails: Tails { knee: 4.0, rate: 10.0 },
        layers: vec![coupling(1), turn([2, 0, 1]), coupling(2), turn([1, 2, 0]), coupling(1)],
        base: Base::Normal,
    }
}

/// Parameters far enough from their start that every layer bends its input.
pub fn parameters(spec: &FlowSpec, seed: u64) -> Vec<f32> {
    let mut rng = Pcg32::new(seed, 1);
    (0..Layout::of(spec).total()).map(|_| 0.7 * uniform(&mut rng)).collect()
}

/// Rows of `spec`, one after another: nine in ten near the training data, the rest up to a million standard
/// deviations out, and first some that are as odd as finite numbers can be.
pub fn rows(spec: &FlowSpec, count: usize, seed: u64) -> Vec<f32> {
    const ODD: [f32; 8] = [0.0, -0.0, f32::MIN_POSITIVE, 1e-45, -1e-39, f32::MAX, f32::MIN, f32::EPSILON];
    let mut rng = Pcg32::new(seed, 2);
    let mut rows = Vec::with_capacity(count * spec.columns.len());
    for i in 0..count {
        let spread = if i % 10 == 9 { 10f32.powf(3.0 + 3.0 * uniform(&mut rng)) } else { 2.0 };
        for (j, column) in spec.columns.iter().enumerate() {
            let typical = match &column.kind {
                Kind::Continuous { standard, .. } => standard.center + spread * standard.scale * uniform(&mut rng),
                Kind::Integer { standard } => (standard.center + spread * standard.scale * uniform(&mut rng)).floor(),
                Kind::Constant { value, .. } => value + if i % 7 == 6 { spread * uniform(&mut rng) } else { 0.0 },
            };
            rows.push(if i < ODD.len() { ODD[(i + j) % ODD.len()] } else { typical });
        }
    }
    rows
}

/// From U(-1, 1).
fn uniform(rng: &mut Pcg32) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_is_valid_and_small_enough_for_a_slow_board() {
        let spec = mixed();
        spec.validate().unwrap();
        assert!(Layout::of(&spec).total() <= 600, "{}", Layout::of(&spec).total());
    }

    #[test]
    fn every_row_is_finite() {
        assert!(rows(&mixed(), 1000, 0).iter().all(|x| x.is_finite()));
    }
}
