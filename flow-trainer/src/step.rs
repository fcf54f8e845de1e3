//! One training step as graphs: the gradient of the exact negative log-likelihood, and Adam's update.
//!
//! Gradient and update are written by builders that work on any graph, so that they are one model ([`step_graph`]) or two
//! ([`gradient_graph`], [`update_graph`]). Adam: Kingma & Ba, arXiv 1412.6980; decoupled weight
//! decay: Loshchilov & Hutter, arXiv 1711.05101; clipping by the global norm: Pascanu et al., arXiv 1211.5063.

use crate::autodiff;
use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph, NodeId};
use flow_model::params::{Layout, Role};
use flow_model::weights::Weights;
use ndarray::ArrayD;

/// What stays the same during a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimiser {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Largest global norm of a gradient; longer ones are shortened to it.
    pub clip: f32,
    /// Decay of weights (not of biases) per step, times the learning rate.
    pub weight_decay: f32,
    /// Share of hidden units that a step leaves out; 0 for none.
    pub dropout: f32,
    /// Deviation of the noise added to standardised rows; 0 for none.
    pub smoothing: f32,
}

impl Default for Optimiser {
    fn default() -> Self {
        Optimiser {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: 1.0,
            weight_decay: 0.0,
            dropout: 0.0,
            smoothing: 0.0,
        }
    }
}

/// A gradient whose norm is not below this is not finite: its step is skipped.
pub const LARGEST_NORM: f32 = 1e18;

/// Number of tensors that a step hands on to the next: `p, m, v, ema, t, skipped`.
pub const STATE: usize = 6;

/// The optimiser's state as nodes: parameters, moments and averaged parameters, each `[P]`; the number of steps and of
/// skipped steps, each `[1]`.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Parameters.
    pub p: NodeId,
    /// First moment.
    pub m: NodeId,
    /// Second moment.
    pub v: NodeId,
    /// Exponential moving average of the parameters.
    pub ema: NodeId,
    /// Steps taken.
    pub t: NodeId,
    /// Steps skipped because the gradient was not finite.
    pub skipped: NodeId,
}

/// The starting state of parameters `p`, in the order of [`State`]'s fields.
pub fn initial_state(p: &[f32]) -> [Vec<f32>; STATE] {
    [p.to_vec(), vec![0.0; p.len()], vec![0.0; p.len()], p.to_vec(), vec![0.0], vec![0.0]]
}

/// A gradient as nodes.
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    /// The gradient of `loss`, `[P]`.
    pub gradient: NodeId,
    /// `Σ w · nll`, nats, `[1, 1]`.
    pub loss: NodeId,
    /// `Σ w`, `[1, 1]`.
    pub weight: NodeId,
}

/// Writes the gradient of `Σ w · nll` with respect to `p` for the rows `x`, and inputs `noise` and `w` that it declares; with
/// `dropout` also `dropout.0`, … (see [`Weights::with_dropout`]).
pub fn write_gradient(g: &mut Graph, flow: &Flow, p: NodeId, x: NodeId, dropout: bool, smoothing: bool) -> Gradient {
    let noise = g.input("noise", &[Dim::Batch, Dim::Size(flow.dim())]);
    let w = g.input("w", &[Dim::Batch, Dim::Size(1)]);
    let mut weights = Weights::from_flat(g, flow.layout(), p);
    if smoothing {
        weights = weights.with_smoothing();
    }
    if dropout {
        weights = weights.with_dropout();
    }
    let log_prob = flow.log_prob(g, &weights, x, Some(noise)).log_prob;
    let nll = g.neg(log_prob);
    let weighted = g.mul(nll, w);
    let loss = g.reduce_sum(weighted, &[0]);
    let weight = g.reduce_sum(w, &[0]);
    let parts = autodiff::gradient(g, loss, weights.in_order());
    let flat: Vec<NodeId> = parts
        .iter()
        .zip(flow.layout().slices())
        .map(|(&part, slice)| g.reshape(part, &[Dim::Size(slice.len())]))
        .collect();
    Gradient { gradient: g.concat(&flat, 0), loss, weight }
}

/// Writes Adam's update for the mean gradient over the batch. `learning_rate` and `ema_rate` are `[1]`. Returns the new
/// state and the mean gradient's norm before clipping, `[1]`. Where the norm is not finite, the state stays and
/// `skipped` grows by one.
pub fn write_update(
    g: &mut Graph,
    layout: &Layout,
    optimiser: &Optimiser,
    state: State,
    gradient: &Gradient,
    learning_rate: NodeId,
    ema_rate: NodeId,
) -> (State, NodeId) {
    let weight = g.reshape(gradient.weight, &[Dim::Size(1)]);
    let square = g.mul(gradient.gradient, gradient.gradient);
    let sum = g.reduce_sum(square, &[0]);
    let root = g.sqrt(sum);
    let norm = g.div(root, weight);

    // Everything that must not happen where the norm is not finite is made to happen with weight 0.
    let largest = g.scalar(LARGEST_NORM, norm);
    let finite = g.less(norm, largest);
    let (zero, one) = (g.scalar(0.0, norm), g.scalar(1.0, norm));
    let zero_vector = g.scalar(0.0, gradient.gradient);
    let clean = g.select(finite, gradient.gradient, zero_vector);
    let if_finite = |g: &mut Graph, value: f32, otherwise: NodeId| {
        let value = g.scalar(value, zero);
        g.select(finite, value, otherwise)
    };

    let clip = g.scalar(optimiser.clip, norm);
    let floor = g.max(norm, clip);
    let shorten = g.div(clip, floor);
    let coefficient = g.div(shorten, weight);
    let coefficient = g.select(finite, coefficient, zero);
    let mean = g.mul(clean, coefficient);

    let (keep1, take1) = (if_finite(g, optimiser.beta1, one), if_finite(g, 1.0 - optimiser.beta1, zero));
    let (keep2, take2) = (if_finite(g, optimiser.beta2, one), if_finite(g, 1.0 - optimiser.beta2, zero));
    let blend = |g: &mut Graph, old: NodeId, keep: NodeId, new: NodeId, take: NodeId| {
        let (old, new) = (g.mul(old, keep), g.mul(new, take));
        g.add(old, new)
    };
    let m = blend(g, state.m, keep1, mean, take1);
    let square = g.mul(mean, mean);
    let v = blend(g, state.v, keep2, square, take2);
    let one_step = if_finite(g, 1.0, zero);
    let t = g.add(state.t, one_step);
    let missed = g.sub(one, one_step);
    let skipped = g.add(state.skipped, missed);

    // 1 - beta^t, at least one step's: a first step that is skipped must not divide by 0.
    let steps = g.max(t, one);
    let correction = |g: &mut Graph, beta: f32| {
        let log_beta = g.scalar(beta.ln(), steps);
        let exponent = g.mul(steps, log_beta);
        let power = g.exp(exponent);
        g.sub(one, power)
    };
    let (correction1, correction2) = (correction(g, optimiser.beta1), correction(g, optimiser.beta2));
    let rate = g.mul(learning_rate, one_step);
    let step = g.div(rate, correction1);
    let root_correction2 = g.sqrt(correction2);
    let root = g.sqrt(v);
    let root = g.div(root, root_correction2);
    let epsilon = g.scalar(optimiser.epsilon, root);
    let denominator = g.add(root, epsilon);
    let direction = g.div(m, denominator);
    let change = g.mul(direction, step);
    let mut p = g.sub(state.p, change);
    if optimiser.weight_decay > 0.0 {
        let mask = decay_mask(layout, optimiser.weight_decay);
        let mask = g.constant(mask);
        let decayed = g.mul(state.p, mask);
        let decay = g.mul(decayed, rate);
        p = g.sub(p, decay);
    }
    let ema_step = g.mul(ema_rate, one_step);
    let away = g.sub(p, state.ema);
    let drift = g.mul(away, ema_step);
    let ema = g.add(state.ema, drift);
    (State { p, m, v, ema, t, skipped }, norm)
}

/// `decay` where a parameter decays, else 0.
fn decay_mask(layout: &Layout, decay: f32) -> ArrayD<f32> {
    let mut mask = ArrayD::zeros(vec![layout.total()]);
    for slice in layout.slices().iter().filter(|s| s.role != Role::Bias) {
        slice.range().for_each(|i| mask[i] = decay);
    }
    mask
}

/// A whole training step as one graph. Inputs: the state (6), `learning_rate` and `ema_rate` `[1]`, `x`, `noise`, `w`, and with dropout a mask for each hidden
/// layer.
/// Outputs: the new state (6), `loss` = mean nll of the batch, nats, and `norm` of its gradient, each `[1]`.
pub fn step_graph(flow: &Flow, optimiser: &Optimiser) -> Graph {
    let mut g = Graph::new();
    let state = declare_state(&mut g, flow.layout().total());
    let [learning_rate, ema_rate] = ["learning_rate", "ema_rate"].map(|name| g.input(name, &[Dim::Size(1)]));
    let x = flow.input_rows(&mut g);
    let gradient = write_gradient(&mut g, flow, state.p, x, optimiser.dropout > 0.0, optimiser.smoothing > 0.0);
    let (next, norm) = write_update(&mut g, flow.layout(), optimiser, state, &gradient, learning_rate, ema_rate);
    declare_next_state(&mut g, &next);
    let mean = g.div(gradient.loss, gradient.weight);
    let mean = g.reshape(mean, &[Dim::Size(1)]);
    g.output("loss", mean);
    g.output("norm", norm);
    g
}

/// The gradient of a batch, or of a shard of one. Inputs: `p` `[P]`, and of [`step_graph`]'s those with a row for each of the
/// batch's; outputs: `gradient` `[P]`, and sums over the rows, `loss` and `weight`, each `[1]`.
pub fn gradient_graph(flow: &Flow, optimiser: &Optimiser) -> Graph {
    let mut g = Graph::new();
    let p = g.input("p", &[Dim::Size(flow.layout().total())]);
    let x = flow.input_rows(&mut g);
    let gradient = write_gradient(&mut g, flow, p, x, optimiser.dropout > 0.0, optimiser.smoothing > 0.0);
    let [loss, weight] = [gradient.loss, gradient.weight].map(|sum| g.reshape(sum, &[Dim::Size(1)]));
    g.output("gradient", gradient.gradient);
    g.output("loss", loss);
    g.output("weight", weight);
    g
}

/// The update for a gradient. Inputs: the state (6), `learning_rate`, `ema_rate`, and what [`gradient_graph`] puts out;
/// outputs: those of [`step_graph`].
pub fn update_graph(layout: &Layout, optimiser: &Optimiser) -> Graph {
    let mut g = Graph::new();
    let state = declare_state(&mut g, layout.total());
    let [learning_rate, ema_rate] = ["learning_rate", "ema_rate"].map(|name| g.input(name, &[Dim::Size(1)]));
    let gradient = g.input("gradient", &[Dim::Size(layout.total())]);
    let [loss, weight] = ["loss_sum", "weight_sum"].map(|name| g.input(name, &[Dim::Size(1)]));
    let gradient = Gradient { gradient, loss, weight };
    let (next, norm) = write_update(&mut g, layout, optimiser, state, &gradient, learning_rate, ema_rate);
    declare_next_state(&mut g, &next);
    let mean = g.div(loss, weight);
    g.output("loss", mean);
    g.output("norm", norm);
    g
}

/// Declares the state as inputs.
pub(crate) fn declare_state(g: &mut Graph, total: usize) -> State {
    let [p, m, v, ema] = ["p", "m", "v", "ema"].map(|name| g.input(name, &[Dim::Size(total)]));
    let [t, skipped] = ["t", "skipped"].map(|name| g.input(name, &[Dim::Size(1)]));
    State { p, m, v, ema, t, skipped }
}

/// Declares the next state as outputs.
pub(crate) fn declare_next_state(g: &mut Graph, state: &State) {
    let State { p, m, v, ema, t, skipped } = *state;
    for (name, id) in
        [("p_next", p), ("m_next", m), ("v_next", v), ("ema_next", ema), ("t_next", t), ("skipped_next", skipped)]
    {
        g.output(name, id);
    }
}

/// The log-density of rows under parameters `p`: inputs `p`, `x` and, unless values are to stand in the middle of their cells,
/// `noise`; output `log_prob`, `[batch, 1]`.
pub fn evaluation_graph(flow: &Flow, noisy: bool) -> Graph {
    let mut g = Graph::new();
    let p = g.input("p", &[Dim::Size(flow.layout().total())]);
    let x = flow.input_rows(&mut g);
    let noise = noisy.then(|| g.input("noise", &[Dim::Batch, Dim::Size(flow.dim())]));
    let weights = Weights::from_flat(&mut g, flow.layout(), p);
    let log_prob = flow.log_prob(&mut g, &weights, x, noise).log_prob;
    g.output("log_prob", log_prob);
    g
}

/// The latent variable of rows under parameters `p`: inputs `p`, `x`, `noise`; output `z`, `[batch, dim]`.
pub fn latent_graph(flow: &Flow) -> Graph {
    let mut g = Graph::new();
    let p = g.input("p", &[Dim::Size(flow.layout().total())]);
    let x = flow.input_rows(&mut g);
    let noise = g.input("noise", &[Dim::Batch, Dim::Size(flow.dim())]);
    let weights = Weights::from_flat(&mut g, flow.layout(), p);
    let z = flow.to_latent(&mut g, &weights, x, Some(noise)).z;
    g.output("z", z);
    g
}
