//! The conditioner: a multilayer perceptron with ReLU between its dense layers, or a residual network (He et al., "Identity
//! Mappings in Deep Residual Networks", arXiv 1603.05027): `h ← h + W₂ relu(W₁ relu(h))`.

use crate::graph::{Dim, Graph, NodeId};
use crate::weights::Weights;
use ndarray::Array2;

/// The last dense layer's output, `[batch, outputs]`, for `input` of shape `[batch, inputs]`; without an input the bias
/// alone, `[1, outputs]`. `name` is what its parameters start with. `masks`, if there are any, says for each dense layer
/// which of its weights count.
pub fn mlp(g: &mut Graph, weights: &Weights, name: &str, input: Option<NodeId>, masks: &[Array2<f32>]) -> NodeId {
    let layers = dense_layers(weights, name);
    let mut value = input;
    for j in 0..layers {
        let next = dense(g, weights, name, j, value, masks.get(j));
        value = Some(if j + 1 < layers { hidden(g, weights, next) } else { next });
    }
    value.expect("a conditioner has at least one dense layer")
}

/// The same for a residual network: its first dense layer, two for each block, and its last.
pub fn residual(g: &mut Graph, weights: &Weights, name: &str, input: Option<NodeId>) -> NodeId {
    let layers = dense_layers(weights, name);
    let mut state = dense(g, weights, name, 0, input, None);
    for j in (1..layers.saturating_sub(1)).step_by(2) {
        let active = g.relu(state);
        let inner = dense(g, weights, name, j, Some(active), None);
        let inner = hidden(g, weights, inner);
        let change = dense(g, weights, name, j + 1, Some(inner), None);
        state = g.add(state, change);
    }
    if layers == 1 {
        return state;
    }
    let active = g.relu(state);
    dense(g, weights, name, layers - 1, Some(active), None)
}

fn dense_layers(weights: &Weights, name: &str) -> usize {
    (0..).take_while(|j| weights.get(&format!("{name}.dense.{j}.bias")).is_some()).count()
}

/// What a hidden layer passes on: its positive part, less what is dropped in training.
fn hidden(g: &mut Graph, weights: &Weights, value: NodeId) -> NodeId {
    let active = g.relu(value);
    weights.dropped(g, active)
}

fn dense(
    g: &mut Graph,
    weights: &Weights,
    name: &str,
    j: usize,
    input: Option<NodeId>,
    mask: Option<&Array2<f32>>,
) -> NodeId {
    let named = |part: &str| weights.get(&format!("{name}.dense.{j}.{part}"));
    let bias = named("bias").expect("the layout gives every dense layer a bias");
    match (input, named("weight")) {
        (Some(x), Some(mut weight)) => {
            if let Some(mask) = mask {
                let mask = g.constant(mask.clone().into_dyn());
                weight = g.mul(weight, mask);
            }
            g.dense(x, weight, bias)
        }
        _ => {
            let outputs = g.shape(bias)[0];
            g.reshape(bias, &[Dim::Size(1), outputs])
        }
    }
}
