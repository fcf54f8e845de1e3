//! The conditioner: a multilayer perceptron with ReLU between its dense layers.

use crate::graph::{Dim, Graph, NodeId};
use crate::weights::Weights;
use ndarray::Array2;

/// The last dense layer's output, `[batch, outputs]`, for `input` of shape `[batch, inputs]`; without an input the
/// bias alone, `[1, outputs]`. `masks`, if there are any, says for each dense layer which of its weights count.
pub fn mlp(
    g: &mut Graph,
    weights: &Weights,
    layer: usize,
    dense_layers: usize,
    masks: &[Array2<f32>],
    input: Option<NodeId>,
) -> NodeId {
    let mut value = input;
    for j in 0..dense_layers {
        let named = |part: &str| weights.get(&format!("layers.{layer}.dense.{j}.{part}"));
        let bias = named("bias").expect("the layout gives every dense layer a bias");
        let next = match (value, named("weight")) {
            (Some(x), Some(mut weight)) => {
                if let Some(mask) = masks.get(j) {
                    let mask = g.constant(mask.clone().into_dyn());
                    weight = g.mul(weight, mask);
                }
                g.dense(x, weight, bias)
            }
            _ => {
                let outputs = g.shape(bias)[0];
                g.reshape(bias, &[Dim::Size(1), outputs])
            }
        };
        value = Some(if j + 1 < dense_layers { g.relu(next) } else { next });
    }
    value.expect("a conditioner has at least one dense layer")
}
