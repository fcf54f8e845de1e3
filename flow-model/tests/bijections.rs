//! What every flow promises, whatever its layers: an inverse that is one, the log-determinant of its own Jacobian, and
//! a density that integrates to 1.

use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph};
use flow_model::interpret::interpret;
use flow_model::models::{self, Mixing, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use flow_model::weights::Weights;
use ndarray::{Array2, ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A flow of continuous columns, standardised already, whose tails begin far out.
fn flow(dim: usize, layers: Vec<Layer>) -> Flow {
    let standard = Standard { center: 0.0, scale: 1.0, reach: 1e4 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..dim).map(column).collect();
    Flow::new(FlowSpec::new(columns, Tails { knee: 50.0, rate: 1.0 }, layers, Base::Normal)).unwrap()
}

fn every_model(dim: usize, hidden: &[usize]) -> Vec<(&'static str, Flow)> {
    let hidden = hidden.to_vec();
    let shape = Shape { lines: dim, layers: 3, hidden, num_bins: 5, tail_bound: 3.0, ..Shape::default() };
    let mixed = |mixing| Shape { mixing, act_norm: true, residual: true, ..shape.clone() };
    let equal = shape.hidden.windows(2).all(|w| w[0] == w[1]) && (dim == 1 || !shape.hidden.is_empty());
    let residual = Shape { residual: equal, ..mixed(Mixing::Lu) };
    vec![
        ("realnvp", flow(dim, models::realnvp(&shape))),
        ("nsf", flow(dim, models::nsf(&shape))),
        ("maf", flow(dim, models::maf(&shape))),
        ("maf-rqs", flow(dim, models::maf_rqs(&shape))),
        ("realnvp with LU, ActNorm, residual conditioners", flow(dim, models::realnvp(&residual))),
        ("maf with ActNorm, in random orders", flow(dim, models::maf(&mixed(Mixing::Random)))),
    ]
}

fn uniforms(count: usize, scale: f32, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| scale * (rng.next_u32() as f32 / (1u64 << 31) as f32 - 1.0)).collect()
}

fn rows(count: usize, columns: usize, scale: f32, seed: u64) -> ArrayD<f64> {
    let values = uniforms(count * columns, scale, seed).into_iter().map(f64::from).collect();
    ArrayD::from_shape_vec(IxDyn(&[count, columns]), values).unwrap()
}

/// The latent variable and the log-determinant, `[batch, 1]`.
fn latent_graph(flow: &Flow, params: &[f32]) -> Graph {
    let mut g = Graph::new();
    let x = flow.input_rows(&mut g);
    let weights = Weights::constant(&mut g, flow.layout(), params);
    let latent = flow.to_latent(&mut g, &weights, x, None);
    g.output("z", latent.z);
    let zero = g.scalar(0.0, x);
    let zeros = g.mul(x, zero);
    let mut sum = g.reduce_sum(zeros, &[1]);
    for term in latent.log_det_terms {
        let term = g.reduce_sum(term, &[1]);
        sum = g.add(sum, term);
    }
    g.output("log_det", sum);
    g
}

#[test]
fn the_inverse_is_one() {
    for dim in [1, 2, 3, 6] {
        for hidden in [&[][..], &[4], &[9, 7]] {
            for (name, flow) in every_model(dim, if dim == 1 { &[] } else { hidden }) {
                let params = uniforms(flow.layout().total(), 0.8, 1);
                let x = rows(50, dim, 4.0, 2);
                let z = interpret(&latent_graph(&flow, &params), std::slice::from_ref(&x)).swap_remove(0);
                let back = interpret(&flow.sample_graph(&params).unwrap(), &[z]).swap_remove(0);
                let worst = (back - x).iter().fold(0f64, |m, v| m.max(v.abs()));
                assert!(worst < 1e-8, "{name}, {dim} columns, hidden {hidden:?}: {worst:e}");
            }
        }
    }
}

#[test]
fn the_log_determinant_is_that_of_the_jacobian() {
    let (dim, step) = (4, 1e-6);
    for (name, flow) in every_model(dim, &[9, 7]) {
        let graph = latent_graph(&flow, &uniforms(flow.layout().total(), 0.8, 3));
        let x = rows(8, dim, 3.0, 4);
        let log_det = interpret(&graph, std::slice::from_ref(&x)).swap_remove(1);
        for (i, row) in x.rows().into_iter().enumerate() {
            let mut jacobian = Array2::zeros((dim, dim));
            for k in 0..dim {
                let mut moved = ArrayD::zeros(IxDyn(&[2, dim]));
                for (side, sign) in [(0, 1.0), (1, -1.0)] {
                    (0..dim).for_each(|j| moved[[side, j]] = row[j]);
                    moved[[side, k]] += sign * step;
                }
                let z = interpret(&graph, &[moved]).swap_remove(0);
                (0..dim).for_each(|j| jacobian[[j, k]] = (z[[0, j]] - z[[1, j]]) / (2.0 * step));
            }
            let numeric = log_abs_determinant(jacobian);
            let error = (numeric - log_det[[i, 0]]).abs();
            assert!(error < 1e-5, "{name}, row {i}: {numeric} from differences, {} from the flow", log_det[[i, 0]]);
        }
    }
}

/// Gaussian elimination with row exchanges.
fn log_abs_determinant(mut m: Array2<f64>) -> f64 {
    let n = m.nrows();
    let mut sum = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| m[[a, k]].abs().total_cmp(&m[[b, k]].abs())).unwrap();
        (0..n).for_each(|j| m.swap([k, j], [pivot, j]));
        sum += m[[k, k]].abs().ln();
        for i in k + 1..n {
            let factor = m[[i, k]] / m[[k, k]];
            (k..n).for_each(|j| m[[i, j]] -= factor * m[[k, j]]);
        }
    }
    sum
}

#[test]
fn a_masked_layer_looks_back_only() {
    let dim = 5;
    for layer in [
        Layer::MaskedAffine { hidden: vec![11, 8], scale_bound: 2.0 },
        Layer::MaskedSpline { hidden: vec![11, 8], num_bins: 6, tail_bound: 3.0 },
    ] {
        let flow = flow(dim, vec![layer]);
        let graph = latent_graph(&flow, &uniforms(flow.layout().total(), 0.8, 5));
        let x = rows(1, dim, 2.0, 6);
        let z = interpret(&graph, std::slice::from_ref(&x)).swap_remove(0);
        for k in 0..dim {
            let mut moved = x.clone();
            moved[[0, k]] += 0.3;
            let now = interpret(&graph, &[moved]).swap_remove(0);
            for j in 0..dim {
                let changed = now[[0, j]] != z[[0, j]];
                assert_eq!(changed, j >= k, "output {j}, input {k}");
            }
        }
    }
}

#[test]
fn densities_integrate_to_one() {
    let (side, half) = (320, 12.0);
    let width = 2.0 * half / side as f64;
    for (name, flow) in every_model(2, &[8, 8]) {
        for seed in [7, 8] {
            // ActNorm and LU multiply up: at the same scale their mass would reach beyond the grid.
            let scale = if flow.spec().layers.contains(&Layer::ActNorm) { 0.4 } else { 0.6 };
            let params = uniforms(flow.layout().total(), scale, seed);
            let graph = flow.log_prob_graph(&params);
            let mut sum = 0.0;
            for i in 0..side {
                let place = |k: usize| -half + (k as f64 + 0.5) * width;
                let line: Vec<f64> = (0..side).flat_map(|j| [place(i), place(j)]).collect();
                let rows = ArrayD::from_shape_vec(IxDyn(&[side, 2]), line).unwrap();
                sum += interpret(&graph, &[rows])[0].iter().map(|v| v.exp()).sum::<f64>();
            }
            let mass = sum * width * width;
            println!("{name}, parameters {seed}: {mass}");
            assert!((mass - 1.0).abs() <= 2e-3, "{name}, parameters {seed}: {mass}");
        }
    }
}

#[test]
fn an_inverse_that_is_too_large_is_refused() {
    let flow = flow(64, models::maf_rqs(&Shape { lines: 64, layers: 12, hidden: vec![64, 64], ..Shape::default() }));
    let error = flow.sample_graph(&vec![0.0; flow.layout().total()]).unwrap_err();
    assert!(error.to_string().contains("at most 20000"), "{error}");
}

#[test]
fn a_batch_is_any_number_of_rows() {
    for (name, flow) in every_model(3, &[4]) {
        let params = uniforms(flow.layout().total(), 0.5, 9);
        for count in [1, 7] {
            let z = interpret(&flow.sample_graph(&params).unwrap(), &[rows(count, 3, 1.0, 10)]).swap_remove(0);
            assert_eq!(z.shape(), [count, 3], "{name}");
        }
        let shape = flow.sample_graph(&params).unwrap();
        let (_, id) = shape.outputs()[0].clone();
        assert_eq!(shape.shape(id), [Dim::Batch, Dim::Size(3)]);
    }
}
