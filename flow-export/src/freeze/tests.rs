//! The specification's example, what is refused, and that what freezes comes back.

use super::*;
use flow_model::spec::{Atom, Base, Column, Dequantization, Kind, SplineShape, Standard, Tails};

/// The flow of `spec/example.flow`.
fn example() -> (FlowSpec, Vec<f32>, Vec<Vec<f32>>) {
    let standard = |center, scale, reach| Standard { center, scale, reach };
    let column = Column::new;
    let spec = FlowSpec {
        columns: vec![
            column("flow", Kind::Continuous { standard: standard(1.5, 0.25, 4.0), jitter: 0.001 }),
            column("state", Kind::Constant { value: 3.0, log_mass: -0.125, log_other: -8.0, unit: 1.0 }),
            column("count", Kind::Integer { standard: standard(20.0, 4.0, 5.0) }),
            column("temperature", Kind::Continuous { standard: standard(-40.0, 8.0, 3.5), jitter: 0.0 }),
        ],
        tails: Tails { knee: 3.0, rate: 1.0 },
        circles: None,
        layers: vec![
            Layer::AffineCoupling { kept: 1, hidden: vec![5], residual: false, scale_bound: 2.0 },
            Layer::Permutation { order: vec![2, 0, 1] },
            Layer::AffineCoupling { kept: 2, hidden: vec![9, 3], residual: false, scale_bound: 1.5 },
        ],
        base: Base::Normal,
        dequantization: Dequantization::Uniform,
    };
    let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    let probes = vec![vec![1.25, 3.0, 17.0, -30.0], vec![90.0, 2.0, -5.0, 0.0]];
    (spec, params, probes)
}

#[test]
fn the_example_of_the_specification() {
    let (spec, params, probes) = example();
    let file = freeze(&spec, &params, &probes, 7).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &file).unwrap();
    }
    assert!(file == std::fs::read(path).unwrap(), "other bytes than spec/example.flow; BLESS=1 writes it anew");
    let aligned = AlignedBytes::from(file.clone());
    let flow = Flow::new(&aligned).unwrap();
    assert_eq!(model_id(&file), Some(flow.model_id()));
    assert_eq!(flow.header().rollback.get(), 7);
    assert_eq!((flow.columns(), flow.dim(), flow.probes()), (4, 3, 2));
    assert_eq!(flow.column_name(3), Some("temperature"));
    // A signature does not change the id.
    let mut signed = file.clone();
    signed.extend([0x5a; 64]);
    assert_eq!(model_id(&signed), Some(flow.model_id()));
}

#[test]
fn parameters_that_are_refused() {
    let (spec, mut params, probes) = example();
    let error = freeze(&spec, &params[1..], &probes, 0).unwrap_err();
    assert!(matches!(error, FreezeError::ParamCount { expected, found } if expected == found + 1), "{error}");
    params[6] = f32::NAN;
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert!(error.to_string().starts_with("value 1 of parameter layers.0.dense.0.bias is NaN"), "{error}");
    params[6] = 1e30;
    params[20] = 1e30;
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert!(matches!(error, FreezeError::Format(FormatError::WeightsTooLarge { .. })), "{error}");
}

#[test]
fn probes_that_are_refused() {
    let (spec, params, mut probes) = example();
    probes[1][2] = f32::INFINITY;
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert_eq!(error.to_string(), "probe row 1: the value of column 2 is NaN or infinite");
    probes[1].pop();
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert_eq!(error.to_string(), "probe row 1: a row of 3 values, expected 4");
    assert!(freeze(&spec, &params, &[], 0).is_ok());
}

#[test]
fn numbers_beyond_the_format() {
    let (mut spec, params, probes) = example();
    let Layer::AffineCoupling { scale_bound, .. } = &mut spec.layers[2] else { panic!() };
    *scale_bound = 81.0;
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert!(error.to_string().starts_with("layers[2].scale_bound: 81 is not allowed"), "{error}");
    let (mut spec, params, probes) = example();
    spec.columns[0].name = "x".repeat(70_000);
    let error = freeze(&spec, &params, &probes, 0).unwrap_err();
    assert!(error.to_string().contains("name of columns[0]"), "{error}");
}

#[test]
fn negative_zeros_among_the_biases_become_positive() {
    let (spec, mut params, probes) = example();
    let bias = Layout::of(&spec).get("layers.0.dense.0.bias").unwrap().range();
    params[bias].fill(-0.0);
    assert!(freeze(&spec, &params, &probes, 0).is_ok());
}

/// The example's columns with one of each newer layer.
fn family(hidden: &[usize]) -> (FlowSpec, Vec<f32>, Vec<Vec<f32>>) {
    let (mut spec, _, probes) = example();
    let hidden = hidden.to_vec();
    spec.layers = vec![
        Layer::SplineCoupling { kept: 1, hidden: hidden.clone(), residual: false, num_bins: 4, tail_bound: 3.0 },
        Layer::MaskedAffine { hidden: hidden.clone(), scale_bound: 2.0 },
        Layer::Permutation { order: vec![2, 0, 1] },
        Layer::MaskedSpline { hidden, num_bins: 8, tail_bound: 4.0 },
    ];
    let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    (spec, params, probes)
}

#[test]
fn every_layer_freezes_and_comes_back() {
    for hidden in [&[][..], &[1], &[9, 20], &[16, 16, 16]] {
        let (spec, params, probes) = family(hidden);
        let file = AlignedBytes::from(freeze(&spec, &params, &probes, 0).unwrap());
        let flow = Flow::new(&file).unwrap();
        assert_eq!(flow.header().minor.get(), 1);
        let (mut z, mut row) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
        let mut scratch = vec![0.0; flow.scratch_len()];
        for x in [[1.3, 3.0, 18.0, -41.0], [1.7, 3.0, 25.0, -30.0], [1.5, 3.0, 20.0, -40.0]] {
            assert!(flow.to_latent(&x, &[], &mut z, &mut scratch).unwrap().is_finite());
            flow.to_data(&z, &[], &mut row, &mut scratch).unwrap();
            assert!((row[0] - x[0]).abs() < 1e-4 && (row[3] - x[3]).abs() < 1e-2, "{row:?} {x:?}");
        }
    }
}

#[test]
fn a_single_column_freezes() {
    for layer in [
        Layer::SplineCoupling { kept: 0, hidden: vec![], residual: false, num_bins: 8, tail_bound: 3.0 },
        Layer::MaskedAffine { hidden: vec![], scale_bound: 2.0 },
        Layer::MaskedSpline { hidden: vec![], num_bins: 8, tail_bound: 4.0 },
    ] {
        let (mut spec, _, _) = example();
        spec.columns.truncate(2);
        spec.layers = vec![layer];
        let params: Vec<f32> = (0..Layout::of(&spec).total()).map(|i| (i % 5) as f32 / 4.0 - 0.5).collect();
        assert!(freeze(&spec, &params, &[vec![1.4, 3.0]], 0).is_ok());
    }
}

/// Columns of every kind, with atoms, context and circles, one of each layer, and a base by the number of lines.
fn every_kind(lines: usize, hidden: &[usize]) -> (FlowSpec, Vec<f32>) {
    let standard = |center, scale| Standard { center, scale, reach: 6.0 };
    let atom = |value, cut, width| Atom { value, cut, width };
    let mut columns = vec![
        Column::new("wind", Kind::Context { standard: standard(3.0, 2.0) }),
        Column::new("heading", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
    ];
    let mut on_lines = vec![
        Column::new("flow", Kind::Continuous { standard: standard(1.5, 0.25), jitter: 0.0 }),
        Column::new("rain", Kind::Positive { standard: standard(-1.0, 0.8) }),
        Column::new("share", Kind::Bounded { low: 0.0, high: 100.0, standard: standard(0.3, 1.2) }),
        Column::new("level", Kind::Lattice { origin: 0.25, step: 0.5, standard: standard(4.0, 3.0) }),
        Column::new("count", Kind::Integer { standard: standard(20.0, 4.0) }),
    ];
    on_lines[1].atoms = vec![atom(0.0, -3.0, 0.5)];
    on_lines[3].atoms = vec![atom(2.0, 2.0, 1.5), atom(7.0, 7.0, 3.0)];
    columns.extend(on_lines.into_iter().take(lines));
    let constant = Kind::Constant { value: 3.0, log_mass: -0.125, log_other: -8.0, unit: 1.0 };
    columns.extend([
        Column::new("state", constant),
        Column::new("phase", Kind::Circular { origin: -1.0, period: 2.0, jitter: 0.01 }),
        Column::new("tide", Kind::Context { standard: standard(0.0, 1.0) }),
    ]);
    let (hidden, kept) = (hidden.to_vec(), lines / 2);
    let residual = !hidden.is_empty() && hidden.iter().all(|width| *width == hidden[0]);
    let layers = match lines {
        0 => vec![],
        _ => vec![
            Layer::ActNorm,
            Layer::Lu,
            Layer::AffineCoupling { kept, hidden: hidden.clone(), residual, scale_bound: 2.0 },
            Layer::MaskedAffine { hidden: hidden.clone(), scale_bound: 2.0 },
            Layer::SplineCoupling { kept, hidden: hidden.clone(), residual, num_bins: 4, tail_bound: 3.0 },
            Layer::MaskedSpline { hidden: hidden.clone(), num_bins: 3, tail_bound: 4.0 },
        ],
    };
    let base = match lines {
        0 => Base::Normal,
        1 => Base::StudentT,
        _ => Base::Mixture { components: 3, full: lines > 2 },
    };
    let spec = FlowSpec {
        columns,
        tails: Tails { knee: 5.0, rate: 1.0 },
        circles: Some(SplineShape { hidden, num_bins: 5 }),
        layers,
        base,
        dequantization: Dequantization::Uniform,
    };
    let params = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 96.0).collect();
    (spec, params)
}

#[test]
fn every_kind_of_column_freezes_and_comes_back() {
    let row = [200.0, 1.3, 0.7, 30.0, 3.75, 18.0, 3.0, 0.3];
    let typical = [[2.5, -0.5], [100.0, 0.0]];
    for (lines, hidden) in [(0, &[][..]), (0, &[7]), (1, &[]), (1, &[9]), (2, &[3, 20]), (5, &[]), (5, &[16, 16])] {
        let (spec, params) = every_kind(lines, hidden);
        let probes = crate::probes::rows(&spec);
        let file = AlignedBytes::from(freeze(&spec, &params, &probes, 0).unwrap());
        let flow = Flow::new(&file).unwrap();
        assert_eq!((flow.header().minor.get(), flow.context_dim()), (2, 2));
        assert_eq!((flow.columns(), flow.dim(), flow.probes()), (lines + 3, lines + 2, probes.len()));
        let x = [&row[..1 + lines], &row[6..]].concat();
        let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
        let mut scratch = vec![0.0; flow.scratch_len()];
        for context in typical {
            assert!(flow.to_latent(&x, &context, &mut z, &mut scratch).unwrap().is_finite());
            flow.to_data(&z, &context, &mut back, &mut scratch).unwrap();
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3 * (1.0 + a.abs());
            assert!(x.iter().zip(&back).all(close), "{x:?} {back:?}");
        }
    }
}

#[test]
fn numbers_of_columns_beyond_the_format() {
    let (mut spec, params) = every_kind(2, &[4]);
    let Kind::Context { standard } = &mut spec.columns[0].kind else { panic!() };
    standard.reach = 2e9;
    let error = freeze(&spec, &params, &[], 0).unwrap_err();
    assert!(error.to_string().starts_with("columns[0] (wind).reach: 2000000000 is not allowed"), "{error}");
    let (mut spec, params) = every_kind(2, &[4]);
    spec.columns[3].atoms[0].width = 1e31;
    let error = freeze(&spec, &params, &[], 0).unwrap_err();
    assert!(error.to_string().starts_with("columns[3] (rain).atoms: "), "{error}");
}

/// Every output's weights within half a step of its scale, so that the density is near the other one's.
#[test]
fn weights_of_eight_bits() {
    let (spec, params, probes) = example();
    let [exact, file] = [Weights::F32, Weights::I8]
        .map(|weights| AlignedBytes::from(freeze_as(&spec, &params, &probes, 0, weights).unwrap()));
    let [exact_flow, flow] = [&exact, &file].map(|file| Flow::new(file).unwrap());
    assert_eq!((exact_flow.header().minor.get(), flow.header().minor.get()), (0, 3));
    assert_eq!(exact[..], freeze(&spec, &params, &probes, 0).unwrap());
    assert!(flow.dense_records().iter().all(|dense| dense.weight_type.get() == WEIGHTS_I8));
    assert_eq!(flow.macs_log_prob(), exact_flow.macs_log_prob());
    let (mut scratch, mut most) = (vec![f32::NAN; flow.scratch_len()], 0.0f32);
    assert_eq!(flow.self_test(&mut scratch), Ok(()));
    for i in 0..200 {
        let row = [1.5 + (i % 17) as f32 / 16.0 - 0.5, 3.0, (12 + i % 19) as f32, (i % 23) as f32 - 52.0];
        let [a, b] = [&exact_flow, &flow].map(|flow| flow.log_prob(&row, &[], &mut scratch).unwrap());
        most = most.max((a - b).abs());
    }
    assert!(most > 1e-4 && most < 0.05, "{most}");
}

/// Where an output's weights are zero, or as small as numbers can be, nothing is divided by zero.
#[test]
fn rounded_to_eight_bits() {
    let columns = [[1.27, -0.5, 0.004], [0.0; 3], [1e-45, -1e-45, 0.0], [-2e-43, 1e-43, 2e-43], [-1e30, 1e30, 3e29]];
    let weights: Vec<f32> = (0..15).map(|at| columns[at % 5][at / 5]).collect();
    let (numbers, scales) = conditioner::rounded(&weights, 5);
    let of = |column: usize| -> Vec<i8> { numbers.iter().skip(column).step_by(5).copied().collect() };
    assert_eq!((of(0), of(1), of(2)), (vec![127, -50, 0], vec![0; 3], vec![0; 3]));
    assert_eq!(of(4), [-127, 127, 38]);
    assert!(of(3).iter().all(|&n| n != i8::MIN));
    assert_eq!(scales[1..3], [0.0; 2]);
}

/// What comes after weights of eight bits lies where the engine looks for it.
#[test]
fn layers_after_weights_of_eight_bits() {
    let (mut spec, ..) = example();
    let coupling = |kept| Layer::AffineCoupling { kept, hidden: vec![5], residual: false, scale_bound: 2.0 };
    spec.layers = vec![coupling(1), Layer::ActNorm, coupling(2), Layer::Lu, coupling(1)];
    spec.base = Base::Mixture { components: 2, full: true };
    let params: Vec<f32> = (0..Layout::of(&spec).total()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    freeze_as(&spec, &params, &[vec![1.25, 3.0, 17.0, -30.0]], 0, Weights::I8).unwrap();
}
