//! What makes a flow a density: it integrates to one, its inverse undoes it, its log-determinant is that of its
//! Jacobian, and far rows are finite and ever less probable.

use flow_model::flow::Flow;
use flow_model::interpret::interpret;
use flow_model::models::{self, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Standard, Tails};
use ndarray::{Array2, ArrayD, Axis};

fn column(j: usize, kind: Kind) -> Column {
    Column::new(&format!("c{j}"), kind)
}

fn continuous(center: f32, scale: f32, reach: f32) -> Kind {
    Kind::Continuous { standard: Standard { center, scale, reach }, jitter: 0.0 }
}

/// A flow over these columns whose layers are far from the identity.
fn flow(kinds: Vec<Kind>, tails: Tails) -> (Flow, Vec<f32>) {
    let columns: Vec<Column> = kinds.into_iter().enumerate().map(|(j, kind)| column(j, kind)).collect();
    let dim = columns.iter().filter(|c| c.standard().is_some()).count();
    let layers = models::realnvp(&Shape { lines: dim, layers: 4, hidden: vec![8, 8], seed: 3, ..Shape::default() });
    let flow = Flow::new(FlowSpec::new(columns, tails, layers, Base::Normal)).unwrap();
    let params = flow.layout().init(5).iter().map(|v| if v.abs() < 0.01 { 40.0 * v } else { *v }).collect();
    (flow, params)
}

fn log_prob(flow: &Flow, params: &[f32], rows: Array2<f64>) -> ArrayD<f64> {
    interpret(&flow.log_prob_graph(params), &[rows.into_dyn()]).swap_remove(0)
}

#[test]
fn a_density_in_the_plane_integrates_to_one() {
    let tails = Tails { knee: 2.0, rate: 14.0 };
    let (flow, params) = flow(vec![continuous(1.0, 2.0, 7.0), continuous(-0.5, 0.3, 7.0)], tails);
    let (side, wide) = (801, 8.0);
    let at = |i: usize, center: f64, scale: f64| center + scale * wide * (2.0 * i as f64 / (side - 1) as f64 - 1.0);
    let grid = Array2::from_shape_fn((side * side, 2), |(k, j)| match j {
        0 => at(k % side, 1.0, 2.0),
        _ => at(k / side, -0.5, 0.3),
    });
    let cell = (2.0 * wide / (side - 1) as f64).powi(2) * 2.0 * 0.3;
    let total: f64 = log_prob(&flow, &params, grid).iter().map(|v| v.exp()).sum::<f64>() * cell;
    assert!((total - 1.0).abs() < 2e-3, "{total}");
}

#[test]
fn the_inverse_undoes_the_flow() {
    let tails = Tails { knee: 1.0, rate: 14.0 };
    let standard = Standard { center: 3.5, scale: 2.0, reach: 50.0 };
    let constant = Kind::Constant { value: 4.0, log_mass: -0.01, log_other: -6.0, unit: 1.0 };
    let kinds = vec![continuous(0.0, 1.0, 50.0), Kind::Integer { standard }, constant, continuous(5.0, 0.1, 50.0)];
    let (flow, params) = flow(kinds, tails);
    let rows = Array2::from_shape_fn((50, 4), |(i, j)| match j {
        0 => (i as f64 - 25.0) / 8.0,
        1 => (i % 9) as f64,
        2 => 4.0,
        _ => 5.0 + ((i * 7 % 50) as f64 - 25.0) / 60.0,
    });
    let z = interpret(&flow.oracle_graph(&params), &[rows.clone().into_dyn()]).swap_remove(2);
    let back = interpret(&flow.sample_graph(&params).unwrap(), &[z]).swap_remove(0);
    let worst = (&back - &rows.into_dyn()).iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(worst < 1e-9, "{worst}");
}

#[test]
fn an_integer_column_holds_mass_and_a_constant_column_almost_all_of_it() {
    let standard = Standard { center: 3.5, scale: 2.0, reach: 9.0 };
    let constant = Kind::Constant { value: 4.0, log_mass: -0.01, log_other: -6.0, unit: 1.0 };
    let (flow, params) = flow(vec![Kind::Integer { standard }, constant], Tails { knee: 4.0, rate: 12.0 });
    let counts = Array2::from_shape_fn((81, 2), |(i, j)| if j == 0 { i as f64 - 40.0 } else { 4.0 });
    let total: f64 = log_prob(&flow, &params, counts).iter().map(|v| (v + 0.01).exp()).sum();
    // The mass of a cell is the density at its midpoint: exact for what is straight within a cell.
    assert!((total - 1.0).abs() < 2e-2, "{total}");
    let others = ndarray::arr2(&[[3.0, 4.0], [3.0, 4.1], [3.0, 9.0], [3.0, -3e38]]);
    let values = log_prob(&flow, &params, others);
    let steps: Vec<f64> = values.iter().zip(values.iter().skip(1)).map(|(a, b)| a - b).collect();
    assert!(steps.iter().all(|&fall| fall > 0.0) && values.iter().all(|v| v.is_finite()), "{values}");
}

#[test]
fn far_rows_are_finite_and_fall_along_every_ray() {
    let (flow, params) =
        flow((0..5).map(|j| continuous(j as f32, 0.5 + j as f32, 6.0)).collect(), Tails { knee: 4.0, rate: 20.0 });
    for ray in 0..200u64 {
        let direction = |j: u64| ((ray * 5 + j) * 2_654_435_761 % 4093) as f64 / 2046.5 - 1.0;
        // From three box widths outward: six half-widths of 6 deviations.
        let distances: Vec<f64> = (0..60).map(|k| 36.0 * 3f64.powi(k)).collect();
        let rows = Array2::from_shape_fn((distances.len(), 5), |(i, j)| {
            let largest = (0..5).map(|j| direction(j).abs()).fold(0.0, f64::max);
            j as f64 + (0.5 + j as f64) * distances[i] * direction(j as u64) / largest
        });
        let values = log_prob(&flow, &params, rows);
        assert!(values.iter().all(|v| v.is_finite()), "ray {ray}: {values}");
        let falls = values.iter().zip(values.iter().skip(1)).all(|(near, far)| far <= near);
        assert!(falls, "ray {ray}: {values}");
    }
}

#[test]
fn the_log_determinant_is_that_of_the_jacobian() {
    let kinds = vec![continuous(0.0, 1.0, 40.0), continuous(2.0, 0.5, 40.0), continuous(-1.0, 3.0, 40.0)];
    let (flow, params) = flow(kinds, Tails { knee: 0.7, rate: 16.0 });
    let x0 = [0.4, 2.3, -6.0];
    let step = 1e-6;
    let rows = Array2::from_shape_fn((7, 3), |(i, j)| {
        let moved = (i > 0 && (i - 1) / 2 == j) as i32 as f64 * if i % 2 == 1 { step } else { -step };
        x0[j] + moved
    });
    let out = interpret(&flow.oracle_graph(&params), &[rows.into_dyn()]);
    let (log_prob, z) = (&out[0], &out[2]);
    let column = |j: usize| {
        let (up, down) = (z.index_axis(Axis(0), 2 * j + 1), z.index_axis(Axis(0), 2 * j + 2));
        let d = (&up - &down) / (2.0 * step);
        [d[0], d[1], d[2]]
    };
    let [a, b, c] = [column(0), column(1), column(2)];
    let determinant =
        a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) + c[0] * (a[1] * b[2] - a[2] * b[1]);
    let base: f64 = (0..3).map(|j| -0.5 * z[[0, j]].powi(2) - 0.5 * std::f64::consts::TAU.ln()).sum();
    let log_det = log_prob[[0, 0]] - base;
    assert!((log_det - determinant.abs().ln()).abs() < 1e-5, "{log_det} {}", determinant.abs().ln());
}

#[test]
fn zero_parameters_are_the_identity() {
    let (flow, params) =
        flow(vec![continuous(0.0, 1.0, 9.0), continuous(0.0, 1.0, 9.0)], Tails { knee: 4.0, rate: 14.0 });
    let rows = ndarray::arr2(&[[0.3, -1.2], [2.0, 3.9]]).into_dyn();
    let z = interpret(&flow.oracle_graph(&vec![0.0; params.len()]), std::slice::from_ref(&rows)).swap_remove(2);
    // Three reversals between four couplings are one swap.
    assert_eq!(z[[0, 0]], -1.2);
    assert_eq!(z[[0, 1]], 0.3);
}
