//! Gradients of every operation, and of a whole flow, against central differences of the f64 interpreter.

use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph, NodeId};
use flow_model::interpret::interpret;
use flow_model::models::{self, Mixing, Shape};
use flow_model::spec::{Atom, Base, Column, Dequantization, FlowSpec, Kind, Layer, SplineShape, Standard, Tails};
use flow_model::spline::{Spline, raw_values};
use flow_trainer::autodiff::gradient;
use flow_trainer::step::{Optimiser, initial_state, step_graph, write_gradient};
use ndarray::{ArrayD, IxDyn};

/// The largest error of a gradient, relative to its largest element.
const TOLERANCE: f64 = 1e-6;

/// Values between -2 and 2, none near 0 or another whole number; the first 101 differ from one another.
fn values(shape: &[usize], offset: usize) -> ArrayD<f64> {
    let n: usize = shape.iter().product();
    let value = |i: usize| {
        let v = ((i + offset) * 37 % 101) as f64 / 101.0 * 3.6 - 1.8;
        if (v - v.round()).abs() < 0.05 { v + 0.1 } else { v }
    };
    ArrayD::from_shape_vec(IxDyn(shape), (0..n).map(value).collect()).unwrap()
}

fn sizes(shape: &[Dim]) -> Vec<usize> {
    shape.iter().map(|d| if let Dim::Size(n) = d { *n } else { panic!("a known size") }).collect()
}

/// Compares the gradient of `Σ weights · build(inputs)` with central differences, for every input.
fn check(name: &str, shapes: &[&[usize]], build: impl Fn(&mut Graph, &[NodeId]) -> NodeId) {
    let mut g = Graph::new();
    let inputs: Vec<NodeId> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| g.input(&format!("i{i}"), &shape.iter().map(|&n| Dim::Size(n)).collect::<Vec<_>>()))
        .collect();
    let out = build(&mut g, &inputs);
    let out_shape = sizes(g.shape(out));
    let weights = g.constant(values(&out_shape, 11).mapv(|v| v as f32));
    let weighted = g.mul(out, weights);
    let loss = g.reduce_sum(weighted, &(0..out_shape.len()).collect::<Vec<_>>());
    let mut forward = g.clone();
    forward.output("loss", loss);
    let gradients = gradient(&mut g, loss, &inputs);
    for (i, &id) in gradients.iter().enumerate() {
        assert_eq!(g.shape(id), g.shape(inputs[i]), "{name}: shape of gradient {i}");
        g.output(&format!("g{i}"), id);
    }
    let at: Vec<ArrayD<f64>> = shapes.iter().enumerate().map(|(i, shape)| values(shape, 53 * i)).collect();
    let analytic = interpret(&g, &at);
    for (i, found) in analytic.iter().enumerate() {
        let numeric = central_differences(&forward, &at, i);
        let error = relative_error(found, &numeric);
        assert!(error <= TOLERANCE, "{name}, input {i}: relative error {error:e}\n{:?}\n{numeric:?}", found);
        assert!(numeric.iter().any(|v| v.abs() > 1e-3), "{name}, input {i}: a gradient of zeros shows nothing");
    }
}

fn central_differences(forward: &Graph, at: &[ArrayD<f64>], input: usize) -> ArrayD<f64> {
    let step = 1e-5;
    let mut moved = at.to_vec();
    let mut result = ArrayD::zeros(at[input].raw_dim());
    for k in 0..at[input].len() {
        let mut loss_at = |delta: f64| {
            moved[input].as_slice_mut().unwrap()[k] = at[input].as_slice().unwrap()[k] + delta;
            let loss = interpret(forward, &moved)[0].iter().sum::<f64>();
            moved[input].as_slice_mut().unwrap()[k] = at[input].as_slice().unwrap()[k];
            loss
        };
        // Richardson's extrapolation: the error is of fourth order in the step.
        let near = (loss_at(step) - loss_at(-step)) / (2.0 * step);
        let far = (loss_at(2.0 * step) - loss_at(-2.0 * step)) / (4.0 * step);
        result.as_slice_mut().unwrap()[k] = (4.0 * near - far) / 3.0;
    }
    result
}

fn relative_error(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    let largest = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    (a - b).iter().fold(0.0f64, |m, v| m.max(v.abs())) / largest
}

#[test]
fn every_operation() {
    let m: &[usize] = &[3, 4];
    check("add", &[m, m], |g, i| g.add(i[0], i[1]));
    check("add, broadcast", &[m, &[1, 4]], |g, i| g.add(i[0], i[1]));
    check("sub, broadcast", &[&[3, 1], m], |g, i| g.sub(i[0], i[1]));
    check("mul, broadcast", &[m, &[1, 1]], |g, i| g.mul(i[0], i[1]));
    check("square", &[m], |g, i| g.mul(i[0], i[0]));
    check("div", &[m, m], |g, i| g.div(i[0], i[1]));
    check("div, broadcast", &[&[1, 4], &[3, 1]], |g, i| g.div(i[0], i[1]));
    check("max", &[m, m], |g, i| g.max(i[0], i[1]));
    check("min, broadcast", &[m, &[3, 1]], |g, i| g.min(i[0], i[1]));
    check("where", &[m, m, &[1, 4]], |g, i| {
        let c = g.less(i[0], i[1]);
        let chosen = g.select(c, i[1], i[2]);
        g.mul(chosen, i[0])
    });
    check("neg", &[m], |g, i| g.neg(i[0]));
    check("abs", &[m], |g, i| g.abs(i[0]));
    check("exp", &[m], |g, i| g.exp(i[0]));
    check("log", &[m], |g, i| {
        let a = g.abs(i[0]);
        g.log(a)
    });
    check("sqrt", &[m], |g, i| {
        let a = g.abs(i[0]);
        g.sqrt(a)
    });
    check("cos", &[m], |g, i| g.cos(i[0]));
    check("sin", &[m], |g, i| g.sin(i[0]));
    check("softsign", &[m], |g, i| g.softsign(i[0]));
    check("relu", &[m], |g, i| g.relu(i[0]));
    check("sign, step and floor, which are flat", &[m], |g, i| {
        let (sign, step, floor) = (g.sign(i[0]), g.step(i[0]), g.floor(i[0]));
        let flat = g.add(sign, step);
        let flat = g.add(flat, floor);
        g.mul(flat, i[0])
    });
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        let a: &[usize] = if ta { &[4, 3] } else { &[3, 4] };
        let b: &[usize] = if tb { &[5, 4] } else { &[4, 5] };
        check(&format!("gemm {ta} {tb}"), &[a, b], move |g, i| g.gemm(i[0], i[1], ta, tb));
    }
    check("dense", &[&[3, 4], &[4, 5], &[5]], |g, i| g.dense(i[0], i[1], i[2]));
    check("slices that overlap and leave gaps", &[&[3, 7]], |g, i| {
        let (a, b) = (g.slice(i[0], 1, 0..3), g.slice(i[0], 1, 1..4));
        let c = g.slice(i[0], 1, 5..6);
        let ab = g.mul(a, b);
        g.concat(&[ab, c], 1)
    });
    check("concat", &[m, &[3, 2]], |g, i| g.concat(&[i[0], i[1], i[0]], 1));
    check("permuted columns", &[m], |g, i| g.columns(i[0], &[2, 0, 3, 1]));
    check("some columns", &[m], |g, i| g.columns(i[0], &[3, 1]));
    let matrix = || values(&[4, 5], 7).mapv(|v| v as f32).into_dimensionality().unwrap();
    check("linear", &[m], |g, i| g.linear(i[0], matrix()));
    check("linear, three axes", &[&[2, 3, 4]], |g, i| {
        let product = g.linear(i[0], matrix());
        let sum = g.reduce_sum(product, &[0, 2]);
        g.mul(sum, sum)
    });
    check("reduce_sum", &[m], |g, i| {
        let s = g.reduce_sum(i[0], &[1]);
        g.mul(s, s)
    });
    check("sum_rows", &[m], |g, i| {
        let s = g.sum_rows(i[0]);
        g.mul(s, s)
    });
    check("reduce_max", &[m], |g, i| {
        let top = g.reduce_max(i[0], 1);
        g.mul(top, top)
    });
    check("reshape", &[m], |g, i| g.reshape(i[0], &[Dim::Size(2), Dim::Size(6)]));
    check("expand", &[&[3, 1]], |g, i| g.expand(i[0], &[Dim::Size(3), Dim::Size(5)]));
    check("a concatenation under a sum", &[m, &[3, 2]], |g, i| {
        let all = g.concat(&[i[0], i[1]], 1);
        let sum = g.reduce_sum(all, &[1]);
        g.exp(sum)
    });
}

#[test]
fn gradients_stay_finite_where_a_root_is_taken_of_zero() {
    let mut g = Graph::new();
    let x = g.input("x", &[Dim::Size(2)]);
    let root = g.sqrt(x);
    let loss = g.reduce_sum(root, &[0]);
    let slope = gradient(&mut g, loss, &[x])[0];
    g.output("slope", slope);
    let out = interpret(&g, &[ndarray::arr1(&[0.0f64, 4.0]).into_dyn()]);
    assert!(out[0][0].is_finite() && out[0][1] == 0.25, "{out:?}");
}

fn flow(layers: impl Fn(usize) -> Vec<flow_model::spec::Layer>) -> Flow {
    let standard = Standard { center: 0.3, scale: 1.7, reach: 1.5 };
    let kinds = [
        Kind::Continuous { standard, jitter: 0.1 },
        Kind::Integer { standard },
        Kind::Constant { value: 2.0, log_mass: -0.1, log_other: -5.0, unit: 1.0 },
        Kind::Continuous { standard, jitter: 0.0 },
    ];
    let columns = kinds.into_iter().enumerate().map(|(j, kind)| Column::new(&format!("c{j}"), kind)).collect();
    let tails = Tails { knee: 0.8, rate: 3.0 };
    Flow::new(FlowSpec::new(columns, tails, layers(3), Base::Normal)).unwrap()
}

#[test]
fn whole_flows() {
    let shape = |lines, hidden: &[usize], layers| Shape {
        lines,
        layers,
        hidden: hidden.to_vec(),
        num_bins: 4,
        tail_bound: 2.0,
        seed: 1,
        ..Shape::default()
    };
    check_flow("realnvp", &flow(|lines| models::realnvp(&shape(lines, &[5, 4], 3))));
    check_flow("nsf", &flow(|lines| models::nsf(&shape(lines, &[5, 4], 3))));
    check_flow("maf", &flow(|lines| models::maf(&shape(lines, &[5, 4], 3))));
    check_flow("maf-rqs", &flow(|lines| models::maf_rqs(&shape(lines, &[5, 4], 2))));
    let mixed = |lines| Shape { mixing: Mixing::Lu, act_norm: true, residual: true, ..shape(lines, &[4, 4], 2) };
    let everything = flow(|lines| models::nsf(&mixed(lines)));
    for base in
        [Base::StudentT, Base::Mixture { components: 3, full: true }, Base::Mixture { components: 2, full: false }]
    {
        let name = format!("LU, ActNorm, residual conditioners, {base:?}");
        check_flow(&name, &Flow::new(FlowSpec { base, ..everything.spec().clone() }).unwrap());
    }
}

/// Columns of every kind, atoms, a context, and noise that is learned.
#[test]
fn flows_with_context_angles_and_learned_noise() {
    let standard = Standard { center: 0.3, scale: 1.7, reach: 1.5 };
    let atoms = vec![Atom { value: 1.0, cut: 1.0, width: 1.3 }];
    let columns = vec![
        Column::new("x", Kind::Continuous { standard, jitter: 0.0 }),
        Column::new("angle", Kind::Circular { origin: 0.0, period: 3.0, jitter: 0.2 }),
        Column { name: "n".into(), kind: Kind::Integer { standard }, atoms },
        Column::new("load", Kind::Context { standard }),
        Column::new("l", Kind::Lattice { origin: 0.1, step: 0.5, standard }),
    ];
    let layers = vec![
        Layer::MaskedSpline { hidden: vec![5], num_bins: 4, tail_bound: 2.0 },
        Layer::AffineCoupling { kept: 1, hidden: vec![4], residual: false, scale_bound: 2.0 },
    ];
    let shape = |hidden: &[usize]| SplineShape { hidden: hidden.to_vec(), num_bins: 4 };
    let spec = FlowSpec {
        circles: Some(shape(&[4])),
        dequantization: Dequantization::Variational(shape(&[5])),
        ..FlowSpec::new(columns, Tails { knee: 0.8, rate: 3.0 }, layers, Base::StudentT)
    };
    check_flow("everything", &Flow::new(spec).unwrap());
}

fn check_flow(name: &str, flow: &Flow) {
    let mut g = Graph::new();
    let p = g.input("p", &[Dim::Size(flow.layout().total())]);
    let x = flow.input_rows(&mut g);
    let written = write_gradient(&mut g, flow, p, x, false, false);
    let mut forward = g.clone();
    forward.output("loss", written.loss);
    g.output("gradient", written.gradient);
    let rows = 6;
    let params: ArrayD<f64> = values(&[flow.layout().total()], 5).mapv(|v| 0.4 * v);
    let x = values(&[rows, flow.columns()], 17).mapv(|v| 3.0 * v);
    let noise = values(&[rows, flow.dim()], 3).mapv(|v| v.abs() / 2.0);
    let at = [params, x, noise, values(&[rows, 1], 9).mapv(f64::abs)];
    let analytic = interpret(&g, &at);
    let numeric = central_differences(&forward, &at, 0);
    let error = relative_error(&analytic[0], &numeric);
    assert!(error <= TOLERANCE, "{name}: relative error {error:e}");
}

/// The gradient of a spline's results with respect to its input and its raw values, for one column.
fn spline_gradients(x: &[f64], raw: f64) -> Vec<ArrayD<f64>> {
    let spline = Spline { num_bins: 4, tail_bound: 2.0, periodic: false };
    let values = raw_values(spline.num_bins);
    let mut g = Graph::new();
    let at = g.input("x", &[Dim::Size(x.len()), Dim::Size(1)]);
    let given = g.input("raw", &[Dim::Size(x.len()), Dim::Size(values)]);
    let (y, log_det) = spline.to_latent(&mut g, at, given);
    let sum = g.add(y, log_det);
    let loss = g.reduce_sum(sum, &[0]);
    for (name, id) in ["x", "raw"].into_iter().zip(gradient(&mut g, loss, &[at, given])) {
        g.output(name, id);
    }
    let x = ArrayD::from_shape_vec(IxDyn(&[x.len(), 1]), x.to_vec()).unwrap();
    let raw = ArrayD::from_shape_fn(IxDyn(&[x.len(), values]), |i| raw * (((i[1] * 7) % 5) as f64 - 2.0));
    interpret(&g, &[x, raw])
}

#[test]
fn gradients_of_splines_are_finite_everywhere() {
    // With raw values of 0 the knots are -2, -1, 0, 1, 2.
    let places = [-2.0, -1.0, 0.0, 1.0, 2.0, 2.0 + 1e-12, -2.0 - 1e-12, 1e30, -1e30, f64::from(f32::MAX)];
    for raw in [0.0, 1.0, 30.0, 1e4] {
        let gradients = spline_gradients(&places, raw);
        assert!(gradients.iter().flatten().all(|v| v.is_finite()), "raw values {raw}: {gradients:?}");
        // In the tails the spline is the identity: its own slope is 1, and nothing else counts.
        for row in 5..places.len() {
            assert_eq!(gradients[0][[row, 0]], 1.0, "raw values {raw}, x = {}", places[row]);
            assert!(
                gradients[1].index_axis(ndarray::Axis(0), row).iter().all(|&v| v == 0.0),
                "raw values {raw}, x = {}",
                places[row]
            );
        }
    }
}

#[test]
fn a_batch_in_the_tails_trains() {
    let standard = Standard { center: 0.0, scale: 1.0, reach: 1e3 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let shape = Shape { lines: 2, layers: 2, hidden: vec![4], num_bins: 4, tail_bound: 2.0, ..Shape::default() };
    for layers in [models::nsf(&shape), models::maf_rqs(&shape)] {
        let (columns, tails) = ((0..2).map(column).collect(), Tails { knee: 50.0, rate: 1.0 });
        let flow = Flow::new(FlowSpec::new(columns, tails, layers, Base::Normal)).unwrap();
        let graph = step_graph(&flow, &Optimiser::default());
        let mut state: Vec<ArrayD<f64>> = initial_state(&flow.layout().init(0))
            .map(|v| ArrayD::from_shape_vec(IxDyn(&[v.len()]), v.into_iter().map(f64::from).collect()).unwrap())
            .to_vec();
        for _ in 0..3 {
            let one = |v: f64| ArrayD::from_elem(IxDyn(&[1]), v);
            let x = ndarray::arr2(&[[9.0, -7.0], [-12.0, 30.0], [2.5, 4.0]]).into_dyn();
            let (noise, w) = (ArrayD::from_elem(IxDyn(&[3, 2]), 0.5), ArrayD::from_elem(IxDyn(&[3, 1]), 1.0));
            state.extend([one(1e-2), one(1e-1), x, noise, w]);
            let mut results = interpret(&graph, &state);
            let norm = results.pop().unwrap()[0];
            let loss = results.pop().unwrap()[0];
            assert!(loss.is_finite() && norm.is_finite(), "loss {loss}, norm {norm}");
            state = results;
        }
        assert_eq!(state[5][0], 0.0, "no step was skipped");
    }
}
