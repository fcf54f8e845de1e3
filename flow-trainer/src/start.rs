//! Where a training starts: random weights, and what is read off the data: ActNorm's scales and a mixture's components.

use crate::em::{self, Mixture};
use crate::random::{self, Purpose};
use flow_model::act_norm;
use flow_model::flow::Flow;
use flow_model::interpret::interpret;
use flow_model::spec::{Base, Layer};
use flow_table::Table;
use ndarray::{Array2, ArrayD, IxDyn};

/// Rows that ActNorm is started from, and rows that a mixture is fitted to.
const NORM_ROWS: usize = 1000;
const MIXTURE_ROWS: usize = 5000;
/// Share of all rows' variances in the covariances of a mixture that is trained along.
const RIDGE: f64 = 1e-2;

/// The starting parameters of `flow` for these training rows, whose density is smoothed by noise of deviation `smoothing`;
/// equal for equal seeds.
pub fn parameters(flow: &Flow, train: &Table, smoothing: f32, seed: u64) -> Vec<f32> {
    let mut params = flow.layout().init(seed);
    for (i, layer) in flow.spec().layers.iter().enumerate() {
        if *layer == Layer::ActNorm {
            let value = before_layer(flow, &params, i, train, NORM_ROWS, seed);
            let (log_scale, shift) = act_norm::start(value.view());
            set(flow, &mut params, &format!("layers.{i}.log_scale"), &log_scale);
            set(flow, &mut params, &format!("layers.{i}.shift"), &shift);
        }
    }
    if let Base::Mixture { components, full } = flow.spec().base {
        let z = before_layer(flow, &params, flow.spec().layers.len(), train, MIXTURE_ROWS, seed);
        let floor = f64::from(smoothing).powi(2);
        let mixture = Mixture::fit(z.view(), em::Settings { components, full, ridge: RIDGE, floor, seed }, &|| false);
        assert_eq!(mixture.components(), components, "a mixture has at most as many components as there are rows");
        set_base(flow, &mut params, &mixture);
    }
    params
}

/// Puts a mixture in the place of the base's parameters.
pub fn set_base(flow: &Flow, params: &mut [f32], mixture: &Mixture) {
    let base = flow.layout().get("base.logit").expect("the base is a mixture");
    let values = mixture.parameters();
    params[base.offset..base.offset + values.len()].copy_from_slice(&values);
}

fn set(flow: &Flow, params: &mut [f32], name: &str, values: &[f32]) {
    let slice = flow.layout().get(name).expect("a parameter of the layout");
    params[slice.range()].copy_from_slice(values);
}

/// What enters layer `layer` for at most `most` of the rows, drawn at random, `[rows, lines]`.
pub fn before_layer(flow: &Flow, params: &[f32], layer: usize, table: &Table, most: usize, seed: u64) -> Array2<f64> {
    let order = random::permutation(seed, Purpose::Mixture, 2, table.rows());
    let chosen = &order[..most.min(order.len())];
    let x: Vec<f64> = chosen.iter().flat_map(|&i| table.row(i).iter().map(|&v| f64::from(v))).collect();
    let noise = random::uniforms(seed, Purpose::Mixture, 3, chosen.len() * flow.dim());
    let matrix = |columns: usize, values: Vec<f64>| {
        ArrayD::from_shape_vec(IxDyn(&[chosen.len(), columns]), values).expect("whole rows")
    };
    let inputs = [matrix(flow.columns(), x), matrix(flow.dim(), noise.into_iter().map(f64::from).collect())];
    let value = interpret(&flow.before_layer_graph(params, layer), &inputs).swap_remove(0);
    value.into_dimensionality().expect("a matrix")
}
