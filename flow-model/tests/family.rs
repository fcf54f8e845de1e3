//! Every kind of column, layer and base is a density with an inverse: alone, mixed, and given a context.

use flow_model::flow::Flow;
use flow_model::interpret::interpret;
use flow_model::spec::{Atom, Base, Column, Dequantization, FlowSpec, Kind, Layer, SplineShape, Standard, Tails};
use ndarray::{Array2, ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const TAILS: Tails = Tails { knee: 4.0, rate: 14.0 };
const STANDARD: Standard = Standard { center: 0.0, scale: 1.0, reach: 20.0 };

fn uniforms(count: usize, scale: f32, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| scale * (rng.next_u32() as f32 / (1u64 << 31) as f32 - 1.0)).collect()
}

fn flow(columns: Vec<Column>, base: Base, layers: impl Fn(usize) -> Vec<Layer>) -> (Flow, Vec<f32>) {
    let lines = columns.iter().filter(|c| c.standard().is_some()).count();
    let circular = columns.iter().any(Column::is_circular);
    let circles = circular.then(|| SplineShape { hidden: vec![6], num_bins: 5 });
    let layers = if lines > 0 { layers(lines) } else { vec![] };
    let dequantization = Dequantization::Uniform;
    let flow = Flow::new(FlowSpec { columns, tails: TAILS, circles, layers, base, dequantization }).unwrap();
    let params = uniforms(flow.layout().total(), 0.5, 1);
    (flow, params)
}

fn splines(lines: usize) -> Vec<Layer> {
    vec![Layer::MaskedSpline { hidden: if lines > 1 { vec![8] } else { vec![] }, num_bins: 5, tail_bound: 5.0 }]
}

/// For a conditioner that has inputs whatever the number of columns.
fn given(_: usize) -> Vec<Layer> {
    vec![Layer::MaskedSpline { hidden: vec![8], num_bins: 5, tail_bound: 5.0 }]
}

fn log_prob(flow: &Flow, params: &[f32], rows: Array2<f64>) -> ArrayD<f64> {
    interpret(&flow.log_prob_graph(params), &[rows.into_dyn()]).swap_remove(0)
}

/// The sum of `exp(log_prob)` over rows of one column, with a context beside it.
fn mass(flow: &Flow, params: &[f32], values: impl Iterator<Item = f64>, context: &[f64]) -> f64 {
    let rows: Vec<f64> = values.flat_map(|v| std::iter::once(v).chain(context.iter().copied())).collect();
    let width = 1 + context.len();
    let rows = Array2::from_shape_vec((rows.len() / width, width), rows).unwrap();
    log_prob(flow, params, rows).iter().map(|v| v.exp()).sum()
}

fn is_one(what: &str, mass: f64) {
    println!("{what}: {mass:.6}");
    assert!((mass - 1.0).abs() <= 2e-3, "{what}: {mass}");
}

/// Midpoints of `count` cells between two ends.
fn grid(low: f64, high: f64, count: usize) -> (impl Iterator<Item = f64>, f64) {
    let width = (high - low) / count as f64;
    ((0..count).map(move |i| low + (i as f64 + 0.5) * width), width)
}

#[test]
fn a_positive_column_integrates_to_one() {
    let (flow, params) = flow(vec![Column::new("p", Kind::Positive { standard: STANDARD })], Base::Normal, splines);
    // On a grid that is even in the logarithm, dx = x d(ln x).
    let (logs, width) = grid(-12.0, 12.0, 40_000);
    let logs: Vec<f64> = logs.collect();
    let rows = Array2::from_shape_fn((logs.len(), 1), |(i, _)| logs[i].exp());
    let total: f64 = log_prob(&flow, &params, rows).iter().zip(&logs).map(|(l, w)| (l + w).exp()).sum::<f64>() * width;
    is_one("positive", total);
}

#[test]
fn a_bounded_column_integrates_to_one_over_its_range() {
    let kind = Kind::Bounded { low: -2.0, high: 3.0, standard: STANDARD };
    let (flow, params) = flow(vec![Column::new("b", kind)], Base::Normal, splines);
    let (values, width) = grid(-2.0, 3.0, 200_000);
    is_one("bounded", mass(&flow, &params, values, &[]) * width);
}

#[test]
fn an_angle_integrates_to_one_over_a_turn_and_has_no_seam() {
    let kind = Kind::Circular { origin: -180.0, period: 360.0, jitter: 0.0 };
    let (flow, params) = flow(vec![Column::new("a", kind)], Base::Normal, splines);
    let (values, width) = grid(-180.0, 180.0, 20_000);
    is_one("circular", mass(&flow, &params, values, &[]) * width);
    let seam = log_prob(&flow, &params, ndarray::arr2(&[[-180.0], [180.0], [179.999_999], [540.0], [-179.999_999]]));
    for v in &seam {
        assert!((v - seam[[0]]).abs() < 1e-5, "{seam}");
    }
}

/// Many cells: their midpoints sum to what the density integrates to.
#[test]
fn whole_numbers_and_lattices_sum_to_one() {
    let standard = Standard { center: 40.0, scale: 9.0, reach: 9.0 };
    let (flow_i, params) = flow(vec![Column::new("n", Kind::Integer { standard })], Base::Normal, splines);
    is_one("integer", mass(&flow_i, &params, (-400..500).map(f64::from), &[]));
    // Any value of a cell stands for the cell.
    let rows = log_prob(&flow_i, &params, ndarray::arr2(&[[41.0], [41.25], [41.99]]));
    assert!(rows[[0]] == rows[[1]] && rows[[1]] == rows[[2]], "{rows}");
    let kind = Kind::Lattice { origin: 0.5, step: 0.25, standard };
    let (flow_l, params) = flow(vec![Column::new("l", kind)], Base::Normal, splines);
    is_one("lattice", mass(&flow_l, &params, (-400..500).map(|k| 0.5 + 0.25 * f64::from(k)), &[]));
}

/// An atom's interval holds what the density there integrates to; its midpoint is what devices take. Averaged over draws
/// the masses sum to 1 exactly.
#[test]
fn atoms_have_a_mass_and_the_rest_a_density() {
    let atoms = vec![Atom { value: -1.0, cut: -1.0, width: 0.7 }, Atom { value: 0.5, cut: 0.5, width: 1.2 }];
    let column = Column { name: "x".into(), kind: Kind::Continuous { standard: STANDARD, jitter: 0.0 }, atoms };
    let (flow, params) = flow(vec![column], Base::Normal, splines);
    let (values, width) = grid(-12.0, 12.0, 240_001);
    let density = mass(&flow, &params, values, &[]) * width;
    // The mass of an atom: the mean over its interval, by noise.
    let mut g = flow_model::graph::Graph::new();
    let x = flow.input_rows(&mut g);
    let noise = g.input("noise", &[flow_model::graph::Dim::Batch, flow_model::graph::Dim::Size(1)]);
    let weights = flow_model::weights::Weights::constant(&mut g, flow.layout(), &params);
    let log_prob = flow.log_prob(&mut g, &weights, x, Some(noise)).log_prob;
    g.output("log_prob", log_prob);
    let mut total = density;
    for value in [-1.0, 0.5] {
        let draws = Array2::from_shape_fn((2000, 1), |(i, _)| (i as f64 + 0.5) / 2000.0).into_dyn();
        let rows = ArrayD::from_elem(IxDyn(&[2000, 1]), value);
        let atom = interpret(&g, &[rows, draws])[0].iter().map(|v| v.exp()).sum::<f64>() / 2000.0;
        assert!(atom > 0.01, "{atom}");
        total += atom;
    }
    is_one("atoms", total);
}

#[test]
fn an_atom_takes_the_place_of_its_cell() {
    let standard = Standard { center: 40.0, scale: 9.0, reach: 9.0 };
    let plain = Column::new("n", Kind::Integer { standard });
    let with = Column { atoms: vec![Atom { value: 38.0, cut: 38.0, width: 1.0 }], ..plain.clone() };
    let rows = Array2::from_shape_fn((100, 1), |(i, _)| i as f64);
    let [a, b] = [plain, with].map(|column| {
        let (flow, params) = flow(vec![column], Base::Normal, splines);
        log_prob(&flow, &params, rows.clone())
    });
    // An atom as wide as a cell is that cell.
    assert!((a - b).iter().all(|d| d.abs() < 1e-12));
}

#[test]
fn a_density_given_a_context_integrates_to_one_for_each() {
    let context = Column::new("load", Kind::Context { standard: Standard { center: 2.0, scale: 3.0, reach: 2.0 } });
    let kinds = [
        Kind::Continuous { standard: STANDARD, jitter: 0.0 },
        Kind::Circular { origin: 0.0, period: 24.0, jitter: 0.0 },
    ];
    for kind in kinds {
        let circular = matches!(kind, Kind::Circular { .. });
        let (flow, params) = flow(vec![Column::new("x", kind), context.clone()], Base::Normal, given);
        let masses = [-3.0, 2.5, 7.0].map(|load| {
            let (values, width) = if circular { grid(0.0, 24.0, 10_000) } else { grid(-12.0, 12.0, 40_000) };
            mass(&flow, &params, values, &[load]) * width
        });
        masses.iter().for_each(|&m| is_one("given a context", m));
        let at = |load: f64| log_prob(&flow, &params, ndarray::arr2(&[[1.0, load]]))[[0]];
        assert_ne!(at(-3.0), at(2.5));
        // Beyond the training range the context counts as its end.
        assert_eq!(at(8.0), at(1e30));
    }
}

#[test]
fn bases_integrate_to_one_in_the_plane() {
    let column = |name| Column::new(name, Kind::Continuous { standard: STANDARD, jitter: 0.0 });
    let bases = [
        Base::Normal,
        Base::StudentT,
        Base::Mixture { components: 3, full: false },
        Base::Mixture { components: 3, full: true },
    ];
    for base in bases {
        for layers in [vec![], vec![Layer::Lu, Layer::ActNorm]] {
            let (flow, mut params) = flow(vec![column("x"), column("y")], base.clone(), |_| layers.clone());
            if base == Base::StudentT {
                params[..].iter_mut().for_each(|v| *v *= 2.0);
            }
            let (side, half) = (600, 19.0);
            let rows = |i: usize| {
                let place = |k: usize| half * ((2 * k + 1) as f64 / side as f64 - 1.0);
                Array2::from_shape_fn((side, 2), |(k, j)| if j == 0 { place(k) } else { place(i) })
            };
            let cell = (2.0 * half / side as f64).powi(2);
            let total: f64 =
                (0..side).flat_map(|i| log_prob(&flow, &params, rows(i)).into_iter()).map(|v| v.exp()).sum();
            is_one(&format!("{base:?}, {} layers", layers.len()), total * cell);
        }
    }
}

/// Columns of every kind at once.
fn every_column() -> Vec<Column> {
    let standard = Standard { center: 12.0, scale: 4.0, reach: 9.0 };
    let atom = |value, cut| vec![Atom { value, cut, width: 1.5 }];
    let with = |name: &str, kind, atoms| Column { name: name.into(), kind, atoms };
    vec![
        Column::new("continuous", Kind::Continuous { standard: STANDARD, jitter: 0.0 }),
        Column::new("angle", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
        with("positive", Kind::Positive { standard: STANDARD }, atom(0.0, -6.0)),
        Column::new("load", Kind::Context { standard: STANDARD }),
        with("bounded", Kind::Bounded { low: 0.0, high: 10.0, standard: STANDARD }, atom(10.0, 5.0)),
        with("count", Kind::Integer { standard }, atom(9.0, 9.0)),
        Column::new("phase", Kind::Circular { origin: -1.0, period: 2.0, jitter: 0.0 }),
        with("code", Kind::Lattice { origin: 0.5, step: 0.25, standard }, atom(14.0, 14.0)),
        Column::new("constant", Kind::Constant { value: 7.0, log_mass: -0.1, log_other: -5.0, unit: 1.0 }),
    ]
}

fn some_rows(count: usize) -> Array2<f64> {
    let u = uniforms(count * 9, 1.0, 11);
    Array2::from_shape_fn((count, 9), |(i, j)| {
        let v = f64::from(u[i * 9 + j]);
        let third = i % 3 == 0;
        match j {
            0 => 2.0 * v,
            1 => 180.0 * (v + 1.0),
            2 if third => 0.0,
            2 => (2.0 * v).exp(),
            3 => v,
            4 if third => 10.0,
            4 => 5.0 * (v + 1.0) * 0.999,
            5 => (12.0 + 6.0 * v).floor(),
            6 => v,
            7 => 0.5 + 0.25 * (12.0 + 6.0 * v).floor(),
            _ => 7.0,
        }
    })
}

#[test]
fn the_inverse_undoes_a_flow_of_every_kind() {
    let layers = |lines: usize| {
        let hidden = vec![8, 8];
        vec![
            Layer::ActNorm,
            Layer::AffineCoupling { kept: lines / 2, hidden: hidden.clone(), residual: true, scale_bound: 2.0 },
            Layer::Lu,
            Layer::SplineCoupling { kept: 2, hidden: hidden.clone(), residual: true, num_bins: 4, tail_bound: 4.0 },
            Layer::MaskedAffine { hidden: hidden.clone(), scale_bound: 2.0 },
            Layer::Permutation { order: (0..lines as u32).rev().collect() },
            Layer::MaskedSpline { hidden, num_bins: 4, tail_bound: 4.0 },
        ]
    };
    for base in [Base::StudentT, Base::Mixture { components: 2, full: true }] {
        let (flow, params) = flow(every_column(), base, layers);
        let rows = some_rows(200);
        let z = interpret(&flow.oracle_graph(&params), &[rows.clone().into_dyn()]).swap_remove(2);
        assert_eq!(z.shape(), [200, 7]);
        let context = rows.slice(ndarray::s![.., 3..4]).to_owned().into_dyn();
        let back = interpret(&flow.sample_graph(&params).unwrap(), &[z, context]).swap_remove(0);
        for ((i, j), value) in rows.indexed_iter() {
            let error = (back[[i, j]] - value).abs() / value.abs().max(1.0);
            assert!(error < 1e-6, "row {i}, column {j}: {value} came back as {}", back[[i, j]]);
        }
    }
}

#[test]
fn values_outside_the_support_are_finite_and_improbable() {
    let (flow, params) = flow(every_column(), Base::StudentT, splines);
    let good = some_rows(1).row(0).to_vec();
    for (j, value) in [(2, -1.0), (2, -3e38), (4, -0.1), (4, 11.0), (4, 3e38)] {
        let mut row = good.clone();
        row[j] = value;
        let rows = Array2::from_shape_vec((1, 9), row).unwrap();
        let bad = log_prob(&flow, &params, rows)[[0]];
        assert!(bad.is_finite() && bad <= -1e29, "column {j} at {value}: {bad}");
    }
    let rows = Array2::from_shape_vec((1, 9), good).unwrap();
    assert!(log_prob(&flow, &params, rows)[[0]] > -1e3);
}

/// The bound of variational dequantization is one: below the uniform bound's limit, which is the mass itself.
#[test]
fn variational_noise_stays_in_the_cell_and_keeps_the_mass() {
    let columns = vec![
        Column::new("n", Kind::Integer { standard: Standard { center: 2.0, scale: 1.0, reach: 9.0 } }),
        Column::new("x", Kind::Continuous { standard: STANDARD, jitter: 0.0 }),
    ];
    let (uniform, params) = flow(columns, Base::Normal, splines);
    let shape = SplineShape { hidden: vec![6], num_bins: 4 };
    let spec = FlowSpec { dequantization: Dequantization::Variational(shape), ..uniform.spec().clone() };
    let variational = Flow::new(spec).unwrap();
    let mut more = params.clone();
    more.extend(uniforms(variational.layout().total() - params.len(), 0.9, 5));
    let count = 4000;
    let mass = |flow: &Flow, params: &[f32]| {
        let mut g = flow_model::graph::Graph::new();
        let x = flow.input_rows(&mut g);
        let noise = g.input("noise", &[flow_model::graph::Dim::Batch, flow_model::graph::Dim::Size(2)]);
        let weights = flow_model::weights::Weights::constant(&mut g, flow.layout(), params);
        let log_prob = flow.log_prob(&mut g, &weights, x, Some(noise)).log_prob;
        g.output("log_prob", log_prob);
        let rows = Array2::from_shape_fn((count, 2), |(_, j)| if j == 0 { 3.0 } else { 0.3 }).into_dyn();
        let draws = Array2::from_shape_fn((count, 2), |(i, _)| (i as f64 + 0.5) / count as f64).into_dyn();
        interpret(&g, &[rows, draws])[0].iter().map(|v| v.exp()).sum::<f64>() / count as f64
    };
    let (a, b) = (mass(&uniform, &params), mass(&variational, &more));
    assert!((a / b - 1.0).abs() < 1e-4, "{a} and {b}");
}
