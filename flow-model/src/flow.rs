//! The container: a flow's bijections one after another, with the log-determinants added up.
//!
//! `log p(x) = log p(z) + log_det` with `(z, log_det) = to_latent(x)`: the change of variables (Papamakarios et al.,
//! "Normalizing Flows for Probabilistic Modeling and Inference", arXiv 1912.02762, equation 6).

use crate::affine_coupling::AffineCoupling;
use crate::graph::{Dim, Graph, NodeId};
use crate::params::Layout;
use crate::spec::{Base, Column, FlowSpec, Layer, SpecError};
use crate::weights::Weights;
use crate::{columns, normal, permutation, tails};

/// A valid spec, ready to write its computations into graphs.
#[derive(Clone, Debug)]
pub struct Flow {
    spec: FlowSpec,
    layout: Layout,
}

/// The latent variable of some rows, with the terms of their log-determinant.
#[derive(Clone, Debug)]
pub struct Latent {
    /// `[batch, dim]`.
    pub z: NodeId,
    /// Each `[batch or 1, some]`; their sum over all columns is the log-determinant.
    pub log_det_terms: Vec<NodeId>,
}

/// A log-density with its size as a sum of absolute terms.
#[derive(Clone, Copy, Debug)]
pub struct LogProb {
    /// The latent variable, `[batch, dim]`.
    pub z: NodeId,
    /// `[batch, 1]`, nats.
    pub log_prob: NodeId,
    /// `Σ|base terms| + Σ|log-det terms|`, `[batch, 1]`: rounding errors are in proportion to it.
    pub magnitude: NodeId,
}

impl Flow {
    /// A flow as `spec` says.
    ///
    /// # Errors
    /// If the spec breaks a rule.
    pub fn new(spec: FlowSpec) -> Result<Self, SpecError> {
        spec.validate()?;
        let layout = Layout::of(&spec);
        Ok(Flow { spec, layout })
    }

    /// What the flow is.
    pub fn spec(&self) -> &FlowSpec {
        &self.spec
    }

    /// Where its parameters lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of raw columns.
    pub fn columns(&self) -> usize {
        self.spec.columns.len()
    }

    /// Number of columns that enter the flow.
    pub fn dim(&self) -> usize {
        self.spec.dim()
    }

    /// Declares the input `x`: raw rows, `[batch, columns]`.
    pub fn input_rows(&self, g: &mut Graph) -> NodeId {
        g.input("x", &[Dim::Batch, Dim::Size(self.columns())])
    }

    /// Raw rows `x` to the latent variable. `noise`, `[batch, dim]`, dequantises; without it values are at midpoints.
    pub fn to_latent(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> Latent {
        let spec = &self.spec;
        let reach: Vec<f32> = spec.columns.iter().filter_map(Column::standard).map(|s| s.reach).collect();
        let u = columns::standardise(g, spec, x, noise);
        let (mut value, [compressed, outside]) = tails::to_latent(g, &spec.tails, &reach, u);
        let mut log_det_terms = vec![columns::log_det_terms(g, spec), compressed, outside];
        log_det_terms.extend(columns::constant_terms(g, spec, x));
        for (i, layer) in spec.layers.iter().enumerate() {
            match layer {
                Layer::Permutation { order } => value = g.columns(value, &indices(order)),
                Layer::AffineCoupling { kept, hidden, scale_bound } => {
                    let coupling = AffineCoupling { layer: i, kept: *kept, hidden, scale_bound: *scale_bound };
                    let (next, log_scale) = coupling.to_latent(g, weights, value);
                    value = next;
                    log_det_terms.push(log_scale);
                }
                _ => todo!(),
            }
        }
        Latent { z: value, log_det_terms }
    }

    /// The log-density of raw rows, nats: log-mass for integer columns, density in raw units for the others.
    pub fn log_prob(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> LogProb {
        let Latent { z, log_det_terms } = self.to_latent(g, weights, x, noise);
        let base = match self.spec.base {
            Base::Normal => normal::log_prob_terms(g, z),
        };
        let (varying, fixed): (Vec<NodeId>, Vec<NodeId>) =
            log_det_terms.into_iter().chain([base]).partition(|&term| g.shape(term)[0] == Dim::Batch);
        let all = g.concat(&varying, 1);
        let mut log_prob = g.reduce_sum(all, &[1]);
        let sizes = g.abs(all);
        let mut magnitude = g.reduce_sum(sizes, &[1]);
        for term in fixed {
            let sum = g.reduce_sum(term, &[1]);
            log_prob = g.add(log_prob, sum);
            let size = g.abs(term);
            let size = g.reduce_sum(size, &[1]);
            magnitude = g.add(magnitude, size);
        }
        LogProb { z, log_prob, magnitude }
    }

    /// Latent rows `z`, `[batch, dim]`, to raw rows, `[batch, columns]`.
    pub fn to_data(&self, g: &mut Graph, weights: &Weights, z: NodeId) -> NodeId {
        let mut value = z;
        for (i, layer) in self.spec.layers.iter().enumerate().rev() {
            value = match layer {
                Layer::Permutation { order } => g.columns(value, &permutation::inverse(&indices(order))),
                Layer::AffineCoupling { kept, hidden, scale_bound } => {
                    let coupling = AffineCoupling { layer: i, kept: *kept, hidden, scale_bound: *scale_bound };
                    coupling.to_data(g, weights, value)
                }
                _ => todo!(),
            };
        }
        let u = tails::to_data(g, &self.spec.tails, value);
        columns::restore(g, &self.spec, u)
    }

    /// The graph of `log_prob.onnx`: raw rows `x`, `[batch, columns]`, to `log_prob`, `[batch]`, nats, at midpoints.
    pub fn log_prob_graph(&self, params: &[f32]) -> Graph {
        let mut g = Graph::new();
        let x = self.input_rows(&mut g);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let log_prob = self.log_prob(&mut g, &weights, x, None).log_prob;
        let flat = g.reshape(log_prob, &[Dim::Batch]);
        g.output("log_prob", flat);
        g
    }

    /// The graph of `sample.onnx`: draws `z` of the base distribution, `[batch, dim]`, to raw rows `x`.
    pub fn sample_graph(&self, params: &[f32]) -> Graph {
        let mut g = Graph::new();
        let z = g.input("z", &[Dim::Batch, Dim::Size(self.dim())]);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let x = self.to_data(&mut g, &weights, z);
        g.output("x", x);
        g
    }

    /// The graph of the tests' oracle: raw rows `x` to `log_prob` and `magnitude`, both `[batch, 1]`, and the latent
    /// variable `z`, `[batch, dim]`.
    pub fn oracle_graph(&self, params: &[f32]) -> Graph {
        let mut g = Graph::new();
        let x = self.input_rows(&mut g);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let LogProb { z, log_prob, magnitude } = self.log_prob(&mut g, &weights, x, None);
        g.output("log_prob", log_prob);
        g.output("magnitude", magnitude);
        g.output("z", z);
        g
    }
}

fn indices(order: &[u32]) -> Vec<usize> {
    order.iter().map(|&j| j as usize).collect()
}
