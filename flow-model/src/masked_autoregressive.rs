//! Masked autoregressive layers: each column is transformed as the columns before it say.
//!
//! Papamakarios, Pavlakou & Murray, "Masked Autoregressive Flow for Density Estimation", arXiv 1705.07057:
//! `y_j = T(x_j; m_j(x_0, …, x_{j-1}))`. Towards the latent variable one pass of a masked network ([`crate::masks`]) serves
//! all columns. Back, column `j` needs the columns before it: the network is run piece by piece, in the order of
//! its units' degrees, and every unit is computed once.

use crate::graph::{Dim, Graph, NodeId};
use crate::masks::{hidden_degree, masks};
use crate::mlp::mlp;
use crate::transform::Transform;
use crate::weights::Weights;
use std::ops::Range;

/// A masked autoregressive layer's shape and place.
#[derive(Clone, Copy, Debug)]
pub struct MaskedAutoregressive<'a> {
    /// Index of the layer, which names its parameters.
    pub layer: usize,
    /// Widths of the conditioner's hidden layers.
    pub hidden: &'a [usize],
    /// What is done to each column.
    pub transform: Transform,
}

impl MaskedAutoregressive<'_> {
    /// `x`, shape `[batch, dim]`, towards the latent variable: the result and its log-determinant terms.
    pub fn to_latent(&self, g: &mut Graph, weights: &Weights, x: NodeId) -> (NodeId, NodeId) {
        let Dim::Size(dim) = g.shape(x)[1] else { panic!("columns have a known number") };
        let mut column_of = vec![0; self.transform.outputs(dim)];
        for j in 0..dim {
            self.transform.outputs_of(j, dim).into_iter().flatten().for_each(|output| column_of[output] = j);
        }
        let masks = masks(dim, 0, self.hidden, &column_of);
        let raw = mlp(g, weights, self.layer, self.hidden.len() + 1, &masks, (dim > 1).then_some(x));
        self.transform.to_latent(g, x, raw)
    }

    /// The inverse of [`MaskedAutoregressive::to_latent`], one column after another.
    pub fn to_data(&self, g: &mut Graph, weights: &Weights, y: NodeId) -> NodeId {
        let Dim::Size(dim) = g.shape(y)[1] else { panic!("columns have a known number") };
        // What is known: the columns before j, and the hidden units of degree at most j.
        let mut columns: Option<NodeId> = None;
        let mut units: Vec<Option<NodeId>> = vec![None; self.hidden.len()];
        for j in 0..dim {
            let mut below = columns;
            for (layer, known) in units.iter_mut().enumerate() {
                let count = self.hidden[layer];
                let of_degree = |degree| (0..count).filter(move |&u| hidden_degree(u, count, dim.max(2), 0) == degree);
                if j > 0 && of_degree(j).next().is_some() {
                    let first = of_degree(j).next().expect("asked above");
                    let next = self.dense(g, weights, layer, below, first..first + of_degree(j).count());
                    let next = g.relu(next);
                    *known = Some(beside(g, *known, next));
                }
                below = *known;
            }
            let outputs = self.transform.outputs_of(j, dim);
            let parts: Vec<NodeId> =
                outputs.into_iter().map(|range| self.dense(g, weights, self.hidden.len(), below, range)).collect();
            let raw = g.concat(&parts, 1);
            let cell = g.slice(y, 1, j..j + 1);
            let x = self.transform.to_data(g, cell, raw);
            columns = Some(beside(g, columns, x));
        }
        columns.expect("a flow has at least one column")
    }

    /// Units `units` of dense layer `j`, from the first units `below`: those are exactly the units that they may see.
    fn dense(&self, g: &mut Graph, weights: &Weights, j: usize, below: Option<NodeId>, units: Range<usize>) -> NodeId {
        let named = |part: &str| weights.get(&format!("layers.{}.dense.{j}.{part}", self.layer));
        let bias = named("bias").expect("the layout gives every dense layer a bias");
        let width = units.len();
        let bias = g.slice(bias, 0, units.clone());
        match (below, named("weight")) {
            (Some(below), Some(weight)) => {
                let Dim::Size(seen) = g.shape(below)[1] else { panic!("columns have a known number") };
                let weight = g.slice(weight, 1, units);
                let weight = g.slice(weight, 0, 0..seen);
                g.dense(below, weight, bias)
            }
            _ => g.reshape(bias, &[Dim::Size(1), Dim::Size(width)]),
        }
    }
}

fn beside(g: &mut Graph, known: Option<NodeId>, next: NodeId) -> NodeId {
    match known {
        Some(known) => g.concat(&[known, next], 1),
        None => next,
    }
}
