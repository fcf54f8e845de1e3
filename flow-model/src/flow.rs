//! The container: a flow's bijections one after another, with the log-determinants added up.
//!
//! `log p(x) = log p(z) + log_det` with `(z, log_det) = to_latent(x)`: the change of variables (Papamakarios et al.,
//! "Normalizing Flows for Probabilistic Modeling and Inference", arXiv 1912.02762, equation 6).

use crate::affine::Affine;
use crate::coupling::Coupling;
use crate::graph::{Dim, Graph, NodeId, Op};
use crate::masked_autoregressive::MaskedAutoregressive;
use crate::params::Layout;
use crate::spec::{Base, Column, FlowSpec, Layer, SpecError};
use crate::spline::Spline;
use crate::transform::Transform;
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

/// Most nodes of a graph of the inverse: a file that runtimes still load within seconds.
pub const MOST_NODES: usize = 20_000;

/// A graph of the inverse that would be too large.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the inverse as a graph has {nodes} nodes, at most {MOST_NODES} are written: an autoregressive flow of {columns} columns \
     is undone column by column; sample from the frozen flow, or train a coupling flow (realnvp, nsf)"
)]
pub struct TooManyNodes {
    /// Nodes of the graph.
    pub nodes: usize,
    /// Columns of the flow.
    pub columns: usize,
}

/// A layer, ready to write its computations.
enum Bijection<'a> {
    Permutation(Vec<usize>),
    Coupling(Coupling<'a>),
    Masked(MaskedAutoregressive<'a>),
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
        for i in 0..spec.layers.len() {
            match self.bijection(i) {
                Bijection::Permutation(order) => value = g.columns(value, &order),
                Bijection::Coupling(coupling) => {
                    let (next, terms) = coupling.to_latent(g, weights, value);
                    value = next;
                    log_det_terms.push(terms);
                }
                Bijection::Masked(masked) => {
                    let (next, terms) = masked.to_latent(g, weights, value);
                    value = next;
                    log_det_terms.push(terms);
                }
            }
        }
        Latent { z: value, log_det_terms }
    }

    /// The log-density of raw rows, nats: log-mass for integer columns, density in raw units for the others.
    pub fn log_prob(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> LogProb {
        let Latent { z, log_det_terms } = self.to_latent(g, weights, x, noise);
        let base = match self.spec.base {
            Base::Normal => normal::log_prob_terms(g, z),
            _ => todo!(),
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
        for i in (0..self.spec.layers.len()).rev() {
            value = match self.bijection(i) {
                Bijection::Permutation(order) => g.columns(value, &permutation::inverse(&order)),
                Bijection::Coupling(coupling) => coupling.to_data(g, weights, value),
                Bijection::Masked(masked) => masked.to_data(g, weights, value),
            };
        }
        let u = tails::to_data(g, &self.spec.tails, value);
        columns::restore(g, &self.spec, u)
    }

    fn bijection(&self, layer: usize) -> Bijection<'_> {
        let affine = |scale_bound: &f32| Transform::Affine(Affine { scale_bound: *scale_bound });
        let spline = |num_bins: &usize, tail_bound: &f32| {
            Transform::Spline(Spline { num_bins: *num_bins, tail_bound: *tail_bound, periodic: false })
        };
        match &self.spec.layers[layer] {
            Layer::Permutation { order } => Bijection::Permutation(order.iter().map(|&j| j as usize).collect()),
            Layer::ActNorm | Layer::Lu => todo!(),
            Layer::AffineCoupling { kept, hidden, scale_bound, .. } => {
                Bijection::Coupling(Coupling { layer, kept: *kept, hidden, transform: affine(scale_bound) })
            }
            Layer::SplineCoupling { kept, hidden, num_bins, tail_bound, .. } => {
                Bijection::Coupling(Coupling { layer, kept: *kept, hidden, transform: spline(num_bins, tail_bound) })
            }
            Layer::MaskedAffine { hidden, scale_bound } => {
                Bijection::Masked(MaskedAutoregressive { layer, hidden, transform: affine(scale_bound) })
            }
            Layer::MaskedSpline { hidden, num_bins, tail_bound } => {
                Bijection::Masked(MaskedAutoregressive { layer, hidden, transform: spline(num_bins, tail_bound) })
            }
        }
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
    ///
    /// # Errors
    /// If the graph would have more than [`MOST_NODES`] nodes: an autoregressive layer is undone column by column.
    pub fn sample_graph(&self, params: &[f32]) -> Result<Graph, TooManyNodes> {
        let mut g = Graph::new();
        let z = g.input("z", &[Dim::Batch, Dim::Size(self.dim())]);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let x = self.to_data(&mut g, &weights, z);
        g.output("x", x);
        let needed = g.needed();
        let counts = |i: &usize| needed[*i] && !matches!(g.nodes()[*i].op, Op::Constant(_) | Op::Input(_));
        match (0..needed.len()).filter(counts).count() {
            nodes if nodes > MOST_NODES => Err(TooManyNodes { nodes, columns: self.dim() }),
            _ => Ok(g),
        }
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
