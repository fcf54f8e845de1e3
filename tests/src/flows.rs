//! Small flows and rows for tests that need no training: every kind of column, weights that do something.

use flow_model::params::Layout;
use flow_model::spec::{Atom, Base, Column, Dequantization, FlowSpec, Kind, Layer, SplineShape, Standard, Tails};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Four columns (two continuous, one integer, one constant) and three couplings: 546 parameters.
pub fn mixed() -> FlowSpec {
    let column = Column::new;
    let standard = |center, scale, reach| Standard { center, scale, reach };
    let coupling = |kept| Layer::AffineCoupling { kept, hidden: vec![8, 8], residual: false, scale_bound: 3.0 };
    let turn = |order: [u32; 3]| Layer::Permutation { order: order.to_vec() };
    FlowSpec {
        columns: vec![
            column("temperature", Kind::Continuous { standard: standard(21.5, 4.0, 6.0), jitter: 0.0 }),
            column("count", Kind::Integer { standard: standard(12.0, 5.0, 8.0) }),
            column("version", Kind::Constant { value: 3.0, log_mass: -0.001, log_other: -7.0, unit: 1.0 }),
            column("zero mean", Kind::Continuous { standard: standard(0.0, 1.0, 5.0), jitter: 0.01 }),
        ],
        tails: Tails { knee: 4.0, rate: 10.0 },
        circles: None,
        layers: vec![coupling(1), turn([2, 0, 1]), coupling(2), turn([1, 2, 0]), coupling(1)],
        base: Base::Normal,
        dequantization: Dequantization::Uniform,
    }
}

/// Continuous columns of these names and a coupling.
pub fn continuous(names: &[String]) -> FlowSpec {
    let standard = Standard { center: 0.5, scale: 2.0, reach: 6.0 };
    let column = |name: &String| Column::new(name, Kind::Continuous { standard, jitter: 0.0 });
    let coupling = Layer::AffineCoupling { kept: names.len() / 2, hidden: vec![4], residual: false, scale_bound: 2.0 };
    FlowSpec { columns: names.iter().map(column).collect(), layers: vec![coupling], ..mixed() }
}

/// Columns of every kind, with atoms, two angles and a context of two, in a coupling and a masked layer.
pub fn every_kind() -> FlowSpec {
    let standard = |center, scale| Standard { center, scale, reach: 6.0 };
    let atom = |value, cut, width| Atom { value, cut, width };
    let mut spec = FlowSpec {
        columns: vec![
            Column::new("season", Kind::Context { standard: standard(0.5, 0.3) }),
            Column::new("heading", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
            Column::new("rain", Kind::Positive { standard: standard(-1.0, 0.8) }),
            Column::new("humidity", Kind::Bounded { low: 0.0, high: 100.0, standard: standard(0.3, 1.2) }),
            Column::new("level", Kind::Lattice { origin: 0.25, step: 0.5, standard: standard(4.0, 3.0) }),
            Column::new("wind", Kind::Context { standard: standard(5.0, 3.0) }),
            Column::new("phase", Kind::Circular { origin: -1.0, period: 2.0, jitter: 0.01 }),
            Column::new("count", Kind::Integer { standard: standard(12.0, 5.0) }),
        ],
        circles: Some(SplineShape { hidden: vec![4], num_bins: 3 }),
        ..mixed()
    };
    spec.columns[2].atoms = vec![atom(0.0, -3.0, 0.5)];
    spec.columns[4].atoms = vec![atom(2.0, 2.0, 1.5), atom(7.0, 7.0, 3.0)];
    spec.layers = vec![
        Layer::SplineCoupling { kept: 2, hidden: vec![8], residual: false, num_bins: 4, tail_bound: 4.0 },
        Layer::Permutation { order: vec![2, 0, 3, 1] },
        Layer::MaskedAffine { hidden: vec![9], scale_bound: 2.0 },
    ];
    spec
}

/// Columns of every kind through a layer of every kind, and this base.
pub fn every_layer(base: Base) -> FlowSpec {
    let mut spec = every_kind();
    let (hidden, num_bins, tail_bound, scale_bound) = (vec![6, 6], 4, 4.0, 2.0);
    let affine = |residual| Layer::AffineCoupling { kept: 2, hidden: vec![6; 2], residual, scale_bound };
    let spline = |residual| Layer::SplineCoupling { kept: 2, hidden: vec![6; 2], residual, num_bins, tail_bound };
    spec.layers = vec![
        Layer::ActNorm,
        Layer::Lu,
        affine(false),
        affine(true),
        Layer::Permutation { order: vec![2, 0, 3, 1] },
        spline(false),
        spline(true),
        Layer::MaskedAffine { hidden: hidden.clone(), scale_bound },
        Layer::MaskedSpline { hidden, num_bins, tail_bound },
    ];
    spec.base = base;
    spec
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
            let mut at = |standard: &Standard| standard.center + spread * standard.scale * uniform(&mut rng);
            let typical = match &column.kind {
                Kind::Continuous { standard, .. } | Kind::Context { standard } => at(standard),
                Kind::Integer { standard } => at(standard).floor(),
                Kind::Positive { standard } => at(standard).clamp(-80.0, 80.0).exp(),
                Kind::Bounded { low, high, standard } => low + (high - low) / (1.0 + (-at(standard)).exp()),
                Kind::Lattice { origin, step, standard } => origin + at(standard).floor() * step,
                Kind::Circular { origin, period, .. } => origin + 2.0 * period * uniform(&mut rng),
                Kind::Constant { value, .. } => value + if i % 7 == 6 { spread * uniform(&mut rng) } else { 0.0 },
            };
            let typical = match (&column.kind, column.atoms.get(i % 5)) {
                (Kind::Lattice { origin, step, .. }, Some(atom)) => origin + atom.value * step,
                (_, Some(atom)) => atom.value,
                (_, None) => typical,
            };
            rows.push(if i < ODD.len() { ODD[(i + j) % ODD.len()] } else { typical });
        }
    }
    rows
}

/// A row of all columns as the values that the flow models and those of the context.
pub fn split(spec: &FlowSpec, row: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let values = |context: bool| {
        let all = row.iter().zip(&spec.columns);
        all.filter(|(_, column)| column.is_context() == context).map(|(&x, _)| x).collect()
    };
    (values(false), values(true))
}

/// From U(-1, 1).
fn uniform(rng: &mut Pcg32) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_valid_and_small_enough_for_a_slow_board() {
        for spec in [mixed(), every_kind()] {
            spec.validate().unwrap();
            assert!(Layout::of(&spec).total() <= 600, "{}", Layout::of(&spec).total());
        }
    }

    #[test]
    fn every_row_is_finite() {
        for spec in [mixed(), every_kind()] {
            assert!(rows(&spec, 1000, 0).iter().all(|x| x.is_finite()));
        }
    }
}
