//! One trained flow of every model, everywhere: the f64 oracle, tract's and ONNX Runtime's `log_prob.onnx` and `sample.onnx` (symbolic
//! batch), and flow-nostd, on the same rows.
//!
//! err(a, b) = |a − b| / max(1, S), S = Σ|base terms| + Σ|log-det terms| of that row in the oracle. No row is left out.

use flow_export::aligned::AlignedBytes;
use flow_export::freeze::freeze;
use flow_model::interpret::interpret;
use flow_model::onnx::{Batch, encode};
use flow_model::spec::{Column, FlowSpec, Kind};
use flow_nostd::Flow as Engine;
use flow_tests::flows::split;
use flow_tests::require::available;
use flow_tests::trained::{Rows, Trained, all_trained, cases as cases_of_training};
use flow_trainer::backend::find_library;
use ndarray::{Array2, ArrayD, ArrayView1, Axis};
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
    let draws = || cases_of_training().iter().map(|case| case.rows).chain([Rows::Moons]).collect::<Vec<_>>();
    CASES
        .get_or_init(|| all_trained().into_iter().zip(draws()).map(|(trained, draw)| Case::of(trained, draw)).collect())
}

/// A row moved outward along a ray, each column as its kind allows.
fn moved(spec: &FlowSpec, row: &[f32], i: usize, distance: f32) -> Vec<f32> {
    let one = |(j, (column, &x)): (usize, (&Column, &f32))| {
        let direction = (((i * 31 + j * 17) % 41) as f32 - 20.0) / 20.0;
        let along = distance * direction;
        match &column.kind {
            Kind::Constant { .. } => x + (i % 2) as f32 * along,
            Kind::Continuous { standard, .. } | Kind::Context { standard } => x + along * standard.scale,
            Kind::Integer { standard } => (x + along * standard.scale).floor(),
            Kind::Lattice { origin, step, standard } => {
                origin + step * (((x - origin) / step).round() + (along * standard.scale).floor())
            }
            Kind::Positive { standard } => x.max(1e-3) * (along * standard.scale).clamp(-60.0, 60.0).exp(),
            // A bounded column has no far values, and an angle goes round.
            Kind::Bounded { low, high, .. } => low + (high - low) * (0.5 + 0.5 * direction),
            Kind::Circular { period, .. } => x + period * (3.0 * direction).round(),
        }
    };
    spec.columns.iter().zip(row).enumerate().map(one).collect()
}

impl Case {
    fn of(trained: Trained, draw: Rows) -> Case {
        let near = draw.draw(4000, 3);
        let mut values = near.values().to_vec();
        // Every row once more, moved outward along a ray, from one to a million deviations.
        for (i, row) in near.iter().enumerate() {
            let distance = 10f32.powf(6.0 * i as f32 / near.rows() as f32);
            values.extend(moved(trained.flow.spec(), row, i, distance));
        }
        let rows = Array2::from_shape_vec((2 * near.rows(), near.columns()), values).unwrap();
        let oracle = trained.flow.oracle_graph(&trained.params);
        let mut out = interpret(&oracle, &[rows.mapv(f64::from).into_dyn()]);
        let z = out.pop().unwrap();
        let magnitude = out.pop().unwrap().into_iter().collect();
        let log_prob = out.pop().unwrap().into_iter().collect();
        Case { trained, near: near.rows(), rows, log_prob, magnitude, z }
    }

    /// Inputs of the graph of samples: latent rows whose samples lie in the training range, and the context.
    fn sample_inputs(&self) -> Vec<Array2<f32>> {
        let spec = self.trained.flow.spec();
        let given: Vec<usize> = (0..spec.columns.len()).filter(|&j| spec.columns[j].is_context()).collect();
        let mut inputs = vec![self.latent()];
        if !given.is_empty() {
            inputs.push(self.rows.slice(ndarray::s![..self.near, ..]).select(Axis(1), &given));
        }
        inputs
    }

    /// Row `i` as the engine takes it: values, and context.
    fn split(&self, i: usize) -> (Vec<f32>, Vec<f32>) {
        split(self.trained.flow.spec(), self.rows.row(i).to_slice().unwrap())
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
        let inputs: Vec<ArrayD<f64>> =
            self.sample_inputs().iter().map(|input| input.mapv(f64::from).into_dyn()).collect();
        let oracle = interpret(&flow.sample_graph(params).unwrap(), &inputs).swap_remove(0);
        assert_eq!(samples.len(), oracle.len());
        let mut worst = 0.0f64;
        let mut edges = 0;
        for (k, (&sample, &expected)) in samples.iter().zip(oracle.iter()).enumerate() {
            let column = &flow.spec().columns[k % flow.columns()];
            let error = error_of(column, sample, expected as f32);
            // A count or an atom on one side of an edge, and what is beside it on the other.
            let other = |v: f32| column.is_discrete() || column.atoms.iter().any(|atom| atom.value == v);
            match error {
                e if e > 1e-4 && (other(sample) || other(expected as f32)) => edges += 1,
                e => worst = worst.max(e),
            }
        }
        println!("{name}: samples within {worst:.1e} deviations, {edges} counts beside an edge");
        assert!(worst <= 1e-4 && edges <= samples.len() / 10_000, "{name}: {worst:e}, {edges} of {}", samples.len());
    }
}

/// How far two values of a column lie apart, in deviations of its axis or of a turn.
fn error_of(column: &Column, a: f32, b: f32) -> f64 {
    let (a, b) = (f64::from(a), f64::from(b));
    match &column.kind {
        Kind::Positive { standard } => (a.max(1e-30).ln() - b.max(1e-30).ln()).abs() / f64::from(standard.scale),
        // Near its ends a bounded value says little about its axis.
        Kind::Bounded { low, high, .. } => (a - b).abs() / f64::from(high - low),
        Kind::Circular { period, .. } => {
            let turns = ((a - b) / f64::from(*period)).abs();
            (turns - turns.round()).abs()
        }
        Kind::Lattice { step, standard, .. } => (a - b).abs() / f64::from(step * standard.scale),
        _ => (a - b).abs() / column.standard().map_or(1.0, |s| f64::from(s.scale)),
    }
}

#[test]
fn the_engine_agrees_with_the_oracle() {
    for case in cases() {
        let log_prob: Vec<f32> = case.with_engine(|engine| {
            let mut scratch = vec![0.0; engine.scratch_len()];
            engine.self_test(&mut scratch).unwrap();
            let rows = (0..case.rows.nrows()).map(|i| case.split(i));
            rows.map(|(row, context)| engine.log_prob(&row, &context, &mut scratch).unwrap()).collect()
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
            let modelled = || case.trained.flow.spec().columns.iter().filter(|column| !column.is_context());
            let mut worst = 0.0f64;
            for i in 0..case.near {
                let (row, context) = case.split(i);
                engine.to_latent(&row, &context, &mut z, &mut scratch).unwrap();
                engine.to_data(&z, &context, &mut back, &mut scratch).unwrap();
                for ((&a, &b), column) in row.iter().zip(&back).zip(modelled()) {
                    worst = worst.max(error_of(column, a, b));
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
            let mut draw = |(i, z): (usize, ArrayView1<f32>)| {
                let (_, context) = case.split(i);
                engine.to_data(z.to_slice().unwrap(), &context, &mut row, &mut scratch).unwrap();
                // The whole row, as the graph gives it: the context in its columns.
                let (mut row, mut context) = (row.iter(), context.iter());
                let columns = case.trained.flow.spec().columns.iter();
                let value = |c: &Column| *(if c.is_context() { context.next() } else { row.next() }).unwrap();
                columns.map(value).collect::<Vec<f32>>()
            };
            case.latent().rows().into_iter().enumerate().flat_map(&mut draw).collect()
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
            let (columns, context) = (engine.columns(), engine.context_dim());
            for i in 0..10_000usize {
                let value = |j: usize| VALUES[(i / 10usize.pow((j % 4) as u32) + 3 * (j / 4)) % 10];
                let row: Vec<f32> = (0..columns).map(value).collect();
                let given: Vec<f32> = (columns..columns + context).map(value).collect();
                let log_prob = engine.log_prob(&row, &given, &mut scratch).unwrap();
                assert!(log_prob.is_finite(), "{}, {row:?}: {log_prob}", case.trained.name);
            }
        });
    }
}

/// From three widths of the trusted box outward, columns of real numbers only ever lose along a ray from the centre, and
/// end far below the training rows.
#[test]
fn far_rows_fall_along_every_ray() {
    for case in cases() {
        let spec = case.trained.flow.spec();
        let real = |c: &Column| matches!(c.kind, Kind::Continuous { .. });
        if !spec.columns.iter().any(real) {
            continue;
        }
        let mut sorted: Vec<f64> = case.log_prob[..case.near].to_vec();
        sorted.sort_by(f64::total_cmp);
        let lowest = sorted[case.near / 1000];
        case.with_engine(|engine| {
            let mut scratch = vec![0.0; engine.scratch_len()];
            for ray in 0..1000 {
                let start = case.rows.row(ray);
                let direction_of = |ray: usize, j: usize| (((ray * 31 + j * 17) % 41) as f32 - 20.0) / 20.0;
                let reals = (0..spec.columns.len()).filter(|&j| real(&spec.columns[j]));
                let farthest = reals.map(|j| direction_of(ray, j).abs()).fold(0.0, f32::max);
                if farthest == 0.0 {
                    continue; // No ray at all.
                }
                let mut before = f32::INFINITY;
                // The box's half-width is its reach; three of its widths are six of them, and f32 ends at 1e38.
                for k in 0..40 {
                    let distance = 6.0 * 8f32.powi(k);
                    let place = |(j, c): (usize, &Column)| match &c.kind {
                        Kind::Continuous { standard: s, .. } => {
                            let direction = direction_of(ray, j) / farthest;
                            (s.center + direction * distance * s.reach * s.scale).clamp(f32::MIN, f32::MAX)
                        }
                        // At the centre, so that the ray comes from there.
                        _ => start[j],
                    };
                    let row: Vec<f32> = spec.columns.iter().enumerate().map(place).collect();
                    let (row, context) = split(spec, &row);
                    let now = engine.log_prob(&row, &context, &mut scratch).unwrap();
                    assert!(now.is_finite(), "{}, ray {ray}: {now}", case.trained.name);
                    assert!(now <= before, "{}, ray {ray}: {now} after {before}", case.trained.name);
                    before = now;
                }
                assert!(
                    f64::from(before) < lowest,
                    "{}, ray {ray}: ends at {before}, above {lowest}",
                    case.trained.name
                );
            }
        });
    }
}

/// Batches of different sizes through one model, one after another.
fn in_batches(inputs: &[Array2<f32>], mut run: impl FnMut(Vec<(usize, Vec<f32>)>) -> Vec<f32>) -> Vec<f32> {
    let mut all = Vec::new();
    let mut start = 0usize;
    for size in [1, 4096, 3, usize::MAX] {
        let end = start.saturating_add(size).min(inputs[0].nrows());
        if end > start {
            let part = |input: &Array2<f32>| {
                (input.ncols(), input.slice(ndarray::s![start..end, ..]).iter().copied().collect())
            };
            all.extend(run(inputs.iter().map(part).collect()));
        }
        start = end;
    }
    all
}

#[test]
fn tract_runs_both_models_with_a_symbolic_batch() {
    let run = |graph, inputs: &[Array2<f32>]| -> Vec<f32> {
        let bytes = encode(&graph, Batch::Symbolic);
        let model = tract_onnx::onnx().model_for_read(&mut &*bytes).unwrap();
        let plan = model.into_optimized().unwrap().into_runnable().unwrap();
        in_batches(inputs, |inputs| {
            let tensor = |(columns, values): (usize, Vec<f32>)| {
                Tensor::from_shape(&[values.len() / columns, columns], &values).unwrap().into_tvalue()
            };
            let out = plan.run(inputs.into_iter().map(tensor).collect()).unwrap();
            out[0].to_plain_array_view::<f32>().unwrap().iter().copied().collect()
        })
    };
    for case in cases() {
        let Trained { flow, params, .. } = &case.trained;
        case.check("tract", &run(flow.log_prob_graph(params), std::slice::from_ref(&case.rows)));
        case.check_samples("tract", &run(flow.sample_graph(params).unwrap(), &case.sample_inputs()));
    }
}

#[test]
fn onnx_runtime_runs_both_models_with_a_symbolic_batch() {
    let Some(library) = available("ort", find_library()) else { return };
    let environment = ort::init_from(library).unwrap().with_telemetry(false).build().unwrap();
    let run = |graph, inputs: &[Array2<f32>]| -> Vec<f32> {
        let bytes = encode(&graph, Batch::Symbolic);
        let mut session = Session::builder(&environment).unwrap().commit_from_memory(&bytes).unwrap();
        in_batches(inputs, |inputs| {
            let tensor = |(columns, values): (usize, Vec<f32>)| {
                let shape = [values.len() / columns, columns];
                ort::session::SessionInputValue::from(ort::value::Tensor::from_array((shape, values)).unwrap())
            };
            let inputs: Vec<_> = inputs.into_iter().map(tensor).collect();
            let out = session.run(&inputs[..]).unwrap();
            out[0].try_extract_tensor::<f32>().unwrap().1.to_vec()
        })
    };
    for case in cases() {
        let Trained { flow, params, .. } = &case.trained;
        case.check("ONNX Runtime", &run(flow.log_prob_graph(params), std::slice::from_ref(&case.rows)));
        case.check_samples("ONNX Runtime", &run(flow.sample_graph(params).unwrap(), &case.sample_inputs()));
    }
}
