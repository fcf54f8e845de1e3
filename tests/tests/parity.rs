//! One trained flow of every model, everywhere: the f64 oracle, tract's and ONNX Runtime's `log_prob.onnx` and `sample.onnx` (symbolic
//! batch), and flow-nostd, on the same rows.
//!
//! err(a, b) = |a − b| / max(1, S), S = Σ|base terms| + Σ|log-det terms| of that row in the oracle. No row is left out.

use flow_export::aligned::AlignedBytes;
use flow_export::freeze::freeze;
use flow_model::interpret::interpret;
use flow_model::onnx::{Batch, encode};
use flow_model::spec::Kind;
use flow_nostd::Flow as Engine;
use flow_tests::require::available;
use flow_tests::trained::{Trained, all_trained, rows};
use flow_trainer::backend::find_library;
use ndarray::{Array2, ArrayD, Axis};
use ort::session::Session;
use std::sync::OnceLock;
use tract_onnx::prelude::*;

/// Bound on 99.9 % of the rows in the training range, on the worst of them, and on the worst far row.
const NEAR: f64 = 5e-6;
const NEAR_WORST: f64 = 5e-5;
const FAR_WORST: f64 = 1e-4;

/// The trained flow, its rows near and far, and what the oracle says of them.
struct Case {
    trained: Trained,
    near: usize,
    rows: Array2<f32>,
    log_prob: Vec<f64>,
    magnitude: Vec<f64>,
    z: ArrayD<f64>,
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| all_trained().into_iter().map(Case::of).collect())
}

impl Case {
    fn of(trained: Trained) -> Case {
        let near = rows(4000, 3);
        let mut values = near.values().to_vec();
        // Every row once more, moved outward along a ray, from one to a million deviations.
        for (i, row) in near.iter().enumerate() {
            let distance = 10f32.powf(6.0 * i as f32 / near.rows() as f32);
            for (j, column) in trained.flow.spec().columns.iter().enumerate() {
                let direction = (((i * 31 + j * 17) % 41) as f32 - 20.0) / 20.0;
                let moved = match &column.kind {
                    Kind::Constant { .. } => row[j] + (i % 2) as f32 * distance * direction,
                    kind => {
                        let scale = column.standard().expect("not constant").scale;
                        let moved = row[j] + distance * scale * direction;
                        if matches!(kind, Kind::Integer { .. }) { moved.floor() } else { moved }
                    }
                };
                values.push(moved);
            }
        }
        let rows = Array2::from_shape_vec((2 * near.rows(), near.columns()), values).unwrap();
        let oracle = trained.flow.oracle_graph(&trained.params);
        let mut out = interpret(&oracle, &[rows.mapv(f64::from).into_dyn()]);
        let z = out.pop().unwrap();
        let magnitude = out.pop().unwrap().into_iter().collect();
        let log_prob = out.pop().unwrap().into_iter().collect();
        Case { trained, near: near.rows(), rows, log_prob, magnitude, z }
    }

    /// Latent rows whose samples lie in the training range.
    fn latent(&self) -> Array2<f32> {
        let z = self.z.slice(ndarray::s![..self.near, ..]).mapv(|v| v as f32);
        z.into_dimensionality().unwrap()
    }

    /// Holds log-densities against the oracle, near and far rows apart.
    fn check(&self, runtime: &str, log_prob: &[f32]) {
        let name = format!("{}, {runtime}", self.trained.name);
        assert_eq!(log_prob.len(), self.log_prob.len());
        assert!(log_prob.iter().all(|v| v.is_finite()), "{name}: not every row is finite");
        let error = |i: usize| (f64::from(log_prob[i]) - self.log_prob[i]).abs() / self.magnitude[i].max(1.0);
        for (place, range) in [("near", 0..self.near), ("far", self.near..log_prob.len())] {
            let mut errors: Vec<(f64, usize)> = range.map(|i| (error(i), i)).collect();
            errors.sort_by(|a, b| a.0.total_cmp(&b.0));
            let most = errors[(errors.len() * 999).div_ceil(1000) - 1].0;
            let (worst, row) = errors[errors.len() - 1];
            let nats = (f64::from(log_prob[row]) - self.log_prob[row]).abs();
            println!("{name}, {place}: 99.9 % within {most:.1e}, worst {worst:.1e} (row {row}, {nats:.1e} nats)");
            if place == "near" {
                assert!(most <= NEAR && worst <= NEAR_WORST, "{name}: {most:e}, worst {worst:e}");
            } else {
                assert!(worst <= FAR_WORST, "{name}: worst {worst:e} in row {row}");
            }
        }
    }

    fn with_engine<T>(&self, run: impl FnOnce(&Engine<'_>) -> T) -> T {
        let Trained { flow, params, rows, .. } = &self.trained;
        let probes: Vec<Vec<f32>> = rows.iter().take(3).map(<[f32]>::to_vec).collect();
        let bytes = AlignedBytes::from(freeze(flow.spec(), params, &probes, 0).unwrap());
        run(&Engine::new(&bytes).unwrap())
    }

    /// Holds samples against the oracle, in standard deviations; a count may fall on either side of an edge that is nearer
    /// than that.
    fn check_samples(&self, runtime: &str, samples: &[f32]) {
        let name = format!("{}, {runtime}", self.trained.name);
        let Trained { flow, params, .. } = &self.trained;
        let oracle =
            interpret(&flow.sample_graph(params).unwrap(), &[self.latent().mapv(f64::from).into_dyn()]).swap_remove(0);
        assert_eq!(samples.len(), oracle.len());
        let mut worst = 0.0f64;
        let mut edges = 0;
        for (k, (&sample, &expected)) in samples.iter().zip(oracle.iter()).enumerate() {
            let column = &flow.spec().columns[k % flow.columns()];
            let error = (f64::from(sample) - expected).abs() / column.standard().map_or(1.0, |s| f64::from(s.scale));
            match column.kind {
                Kind::Integer { .. } if error > 0.0 => edges += 1,
                _ => worst = worst.max(error),
            }
        }
        println!("{name}: samples within {worst:.1e} deviations, {edges} counts beside an edge");
        assert!(worst <= 1e-4 && edges <= samples.len() / 10_000, "{name}: {worst:e}, {edges} of {}", samples.len());
    }
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    for case in cases() {
        let log_prob: Vec<f32> = case.with_engine(|engine| {
            let mut scratch = vec![0.0; engine.scratch_len()];
            engine.self_test(&mut scratch).unwrap();
            let rows = case.rows.rows().into_iter();
            rows.map(|row| engine.log_prob(row.to_slice().unwrap(), &[], &mut scratch).unwrap()).collect()
        });
        case.check("flow-nostd", &log_prob);
    }
}

#[test]
fn the_engine_goes_there_and_back() {
    for case in cases() {
        let worst = case.with_engine(|engine| {
            let mut scratch = vec![0.0; engine.scratch_len()];
            let (mut z, mut back) = (vec![0.0; engine.dim()], vec![0.0; engine.columns()]);
            let mut worst = 0.0f32;
            for row in case.rows.rows().into_iter().take(case.near) {
                let row = row.to_slice().unwrap();
                engine.to_latent(row, &[], &mut z, &mut scratch).unwrap();
                engine.to_data(&z, &[], &mut back, &mut scratch).unwrap();
                for ((a, b), column) in row.iter().zip(&back).zip(&case.trained.flow.spec().columns) {
                    let scale = column.standard().map_or(1.0, |s| s.scale);
                    worst = worst.max((a - b).abs() / scale);
                }
            }
            worst
        });
        println!("{}: worst round trip {worst:.1e} standard deviations", case.trained.name);
        assert!(worst <= 1e-4, "{}: {worst:e}", case.trained.name);
    }
}

#[test]
fn the_engine_draws_what_the_oracle_draws() {
    for case in cases() {
        let samples: Vec<f32> = case.with_engine(|engine| {
            let (mut row, mut scratch) = (vec![0.0; engine.columns()], vec![0.0; engine.scratch_len()]);
            let mut draw = |z: &[f32]| {
                engine.to_data(z, &[], &mut row, &mut scratch).unwrap();
                row.clone()
            };
            case.latent().rows().into_iter().flat_map(|z| draw(z.to_slice().unwrap())).collect()
        });
        case.check_samples("flow-nostd", &samples);
    }
}

#[test]
fn every_finite_row_has_a_finite_log_density() {
    const VALUES: [f32; 10] = [0.0, -0.0, 1e-45, -1e-39, f32::MIN_POSITIVE, 1.0, -3e5, 1e30, f32::MAX, f32::MIN];
    for case in cases() {
        case.with_engine(|engine| {
            let mut scratch = vec![0.0; engine.scratch_len()];
            for i in 0..10_000usize {
                let row = [i, i / 10, i / 100, i / 1000].map(|k| VALUES[k % 10]);
                let log_prob = engine.log_prob(&row, &[], &mut scratch).unwrap();
                assert!(log_prob.is_finite(), "{}, {row:?}: {log_prob}", case.trained.name);
            }
        });
    }
}

/// Batches of different sizes through one model, one after another.
fn in_batches(rows: &Array2<f32>, mut run: impl FnMut(usize, usize, Vec<f32>) -> Vec<f32>) -> Vec<f32> {
    let mut all = Vec::new();
    let mut rest = rows.view();
    for size in [1, 4096, 3, usize::MAX] {
        let (now, later) = rest.split_at(Axis(0), size.min(rest.nrows()));
        if now.nrows() > 0 {
            all.extend(run(now.nrows(), now.ncols(), now.iter().copied().collect()));
        }
        rest = later;
    }
    all
}

#[test]
fn tract_runs_both_models_with_a_symbolic_batch() {
    let run = |graph, rows: &Array2<f32>| -> Vec<f32> {
        let bytes = encode(&graph, Batch::Symbolic);
        let model = tract_onnx::onnx().model_for_read(&mut &*bytes).unwrap();
        let plan = model.into_optimized().unwrap().into_runnable().unwrap();
        in_batches(rows, |rows, columns, values| {
            let input = Tensor::from_shape(&[rows, columns], &values).unwrap();
            let out = plan.run(tvec![input.into_tvalue()]).unwrap();
            out[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect()
        })
    };
    for case in cases() {
        let Trained { flow, params, .. } = &case.trained;
        case.check("tract", &run(flow.log_prob_graph(params), &case.rows));
        case.check_samples("tract", &run(flow.sample_graph(params).unwrap(), &case.latent()));
    }
}

#[test]
fn onnx_runtime_runs_both_models_with_a_symbolic_batch() {
    let Some(library) = available("ort", find_library()) else { return };
    let environment = ort::init_from(library).unwrap().with_telemetry(false).build().unwrap();
    let run = |graph, rows: &Array2<f32>| -> Vec<f32> {
        let bytes = encode(&graph, Batch::Symbolic);
        let mut session = Session::builder(&environment).unwrap().commit_from_memory(&bytes).unwrap();
        in_batches(rows, |rows, columns, values| {
            let input = ort::value::Tensor::from_array(([rows, columns], values)).unwrap();
            let out = session.run(ort::inputs![input]).unwrap();
            out[0].try_extract_tensor::<f32>().unwrap().1.to_vec()
        })
    };
    for case in cases() {
        let Trained { flow, params, .. } = &case.trained;
        case.check("ONNX Runtime", &run(flow.log_prob_graph(params), &case.rows));
        case.check_samples("ONNX Runtime", &run(flow.sample_graph(params).unwrap(), &case.latent()));
    }
}
