//! Parameters as nodes of a graph: slices of one flat input while training, constants in an exported model.

use crate::graph::{Dim, Graph, NodeId};
use crate::params::Layout;
use ndarray::{ArrayD, IxDyn};
use std::cell::Cell;
use std::collections::HashMap;

/// The node of every parameter slice.
#[derive(Debug)]
pub struct Weights {
    by_name: HashMap<String, NodeId>,
    in_order: Vec<NodeId>,
    dropout: Cell<Option<usize>>,
    smoothed: bool,
}

impl Weights {
    /// Cuts the flat parameter vector `p`, shape `[layout.total()]`, into its slices.
    pub fn from_flat(graph: &mut Graph, layout: &Layout, p: NodeId) -> Self {
        Self::collect(layout, |slice| {
            let flat = graph.slice(p, 0, slice.range());
            let shape: Vec<Dim> = slice.shape.iter().map(|&n| Dim::Size(n)).collect();
            graph.reshape(flat, &shape)
        })
    }

    /// Fixes the parameters in the graph.
    pub fn constant(graph: &mut Graph, layout: &Layout, params: &[f32]) -> Self {
        Self::collect(layout, |slice| {
            let values = params[slice.range()].to_vec();
            graph.constant(ArrayD::from_shape_vec(IxDyn(&slice.shape), values).expect("the slice's own shape"))
        })
    }

    fn collect(layout: &Layout, mut node: impl FnMut(&crate::params::Slice) -> NodeId) -> Self {
        let mut weights =
            Weights { by_name: HashMap::new(), in_order: Vec::new(), dropout: Cell::new(None), smoothed: false };
        for slice in layout.slices() {
            let id = node(slice);
            weights.by_name.insert(slice.name.clone(), id);
            weights.in_order.push(id);
        }
        weights
    }

    /// From now on hidden layers are multiplied by masks (Srivastava et al., "Dropout", JMLR 15, 2014): an input
    /// `dropout.N`, `[batch, units]`, for each, of zeros and, to keep the mean, `1 / (share kept)`.
    pub fn with_dropout(self) -> Self {
        self.dropout.set(Some(0));
        self
    }

    /// From now on the standardised rows get noise added: an input `smoothing`, `[batch, lines]`, of draws from a normal
    /// distribution with the deviation that is asked for.
    pub fn with_smoothing(mut self) -> Self {
        self.smoothed = true;
        self
    }

    /// Standardised rows `u`, `[batch, lines]`, with the noise that smooths their density.
    pub fn smoothed(&self, g: &mut Graph, u: NodeId) -> NodeId {
        if !self.smoothed {
            return u;
        }
        let lines = g.shape(u)[1];
        let noise = g.input("smoothing", &[Dim::Batch, lines]);
        g.add(u, noise)
    }

    /// A hidden layer's values, `[batch, units]`, less what is dropped.
    pub fn dropped(&self, g: &mut Graph, value: NodeId) -> NodeId {
        match (self.dropout.get(), g.shape(value)) {
            (Some(n), &[Dim::Batch, units]) => {
                self.dropout.set(Some(n + 1));
                let mask = g.input(&format!("dropout.{n}"), &[Dim::Batch, units]);
                g.mul(value, mask)
            }
            _ => value,
        }
    }

    /// The node of a slice, if the layout has one of that name.
    pub fn get(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// All slices in the layout's order.
    pub fn in_order(&self) -> &[NodeId] {
        &self.in_order
    }
}
