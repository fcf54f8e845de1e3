//! The container: a flow's bijections one after another, with the log-determinants added up.
//!
//! `log p(x) = log p(z) + log_det` with `(z, log_det) = to_latent(x)`: the change of variables (Papamakarios et al.,
//! "Normalizing Flows for Probabilistic Modeling and Inference", arXiv 1912.02762, equation 6).

use crate::affine::Affine;
use crate::circles::Angles;
use crate::coupling::Coupling;
use crate::graph::{Dim, Graph, NodeId, Op};
use crate::masked_autoregressive::MaskedAutoregressive;
use crate::params::Layout;
use crate::spec::{Base, Column, Dequantization, FlowSpec, Layer, SpecError};
use crate::spline::Spline;
use crate::transform::Transform;
use crate::weights::Weights;
use crate::{act_norm, circles, columns, dequantization, lu, mixture, normal, permutation, student_t, tails};

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

/// What comes before the layers: their input, `[batch, lines]`, if a column lies on a line; the angles with the features;
/// the log-determinant terms of all of it.
struct Entered {
    u: Option<NodeId>,
    angles: Angles,
    terms: Vec<NodeId>,
}

/// A layer, ready to write its computations.
enum Bijection<'a> {
    Permutation(Vec<usize>),
    ActNorm,
    Lu,
    Coupling(Coupling),
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

    /// The dimension of the latent variable: the columns on a line, then the circular ones.
    pub fn dim(&self) -> usize {
        self.spec.dim()
    }

    /// Declares the input `x`: raw rows, `[batch, columns]`, context columns included.
    pub fn input_rows(&self, g: &mut Graph) -> NodeId {
        g.input("x", &[Dim::Batch, Dim::Size(self.columns())])
    }

    /// Raw rows `x` to the latent variable. `noise`, `[batch, dim]`, dequantises; without it values are at midpoints.
    pub fn to_latent(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> Latent {
        let Entered { u, angles, terms: mut log_det_terms } = self.enter(g, weights, x, noise);
        let mut parts = Vec::new();
        if let Some(u) = u {
            let (value, terms) = self.through(g, weights, u, angles.features, self.spec.layers.len());
            log_det_terms.extend(terms);
            parts.push(value);
        }
        parts.extend(angles.latent);
        Latent { z: g.concat(&parts, 1), log_det_terms }
    }

    /// What comes before the layers.
    fn enter(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> Entered {
        let spec = &self.spec;
        let (lines, circular) = (spec.lines(), spec.circular());
        let given: Vec<usize> = (0..self.columns()).filter(|&j| spec.columns[j].is_context()).collect();
        let context = (!given.is_empty()).then(|| g.columns(x, &given));
        let context = context.map(|raw| columns::context(g, spec, raw));
        let angle_noise = noise.filter(|_| circular > 0).map(|noise| g.slice(noise, 1, lines..lines + circular));
        let angles = circles::to_latent(g, spec, weights, x, angle_noise, context);
        let mut terms = angles.terms.clone();
        terms.extend(columns::constant_terms(g, spec, x));
        let u = (lines > 0).then(|| {
            let noise = noise.map(|noise| g.slice(noise, 1, 0..lines));
            let (u, more) = self.standardised(g, weights, x, noise, angles.features);
            terms.extend(more);
            u
        });
        Entered { u, angles, terms }
    }

    /// The layers' input, `[batch, lines]`, with the log-determinant terms of the way there.
    fn standardised(
        &self,
        g: &mut Graph,
        weights: &Weights,
        x: NodeId,
        mut noise: Option<NodeId>,
        features: Option<NodeId>,
    ) -> (NodeId, Vec<NodeId>) {
        let spec = &self.spec;
        let mut log_det_terms = Vec::new();
        if let (Dequantization::Variational(shape), Some(uniform)) = (&spec.dequantization, noise) {
            let middle = columns::standardise(g, spec, x, None).u;
            let (middle, _) = self.within_tails(g, middle);
            let (spread, terms) = dequantization::spread(g, weights, shape, middle, features, uniform);
            // Columns of real numbers without atoms keep their noise as it is.
            let (some, others) = columns::spread_masks(g, spec);
            let (spread, uniform) = (g.mul(spread, some), g.mul(uniform, others));
            noise = Some(g.add(spread, uniform));
            log_det_terms.push(g.mul(terms, some));
        }
        let columns::Standardised { u, terms } = columns::standardise(g, spec, x, noise);
        log_det_terms.extend(terms);
        let u = weights.smoothed(g, u);
        let (value, terms) = self.within_tails(g, u);
        log_det_terms.extend(terms);
        (value, log_det_terms)
    }

    fn within_tails(&self, g: &mut Graph, u: NodeId) -> (NodeId, [NodeId; 2]) {
        let reach: Vec<f32> = self.spec.columns.iter().filter_map(Column::standard).map(|s| s.reach).collect();
        tails::to_latent(g, &self.spec.tails, &reach, u)
    }

    /// The value after the first `layers` layers, with their log-determinant terms.
    fn through(
        &self,
        g: &mut Graph,
        weights: &Weights,
        mut value: NodeId,
        features: Option<NodeId>,
        layers: usize,
    ) -> (NodeId, Vec<NodeId>) {
        let mut log_det_terms = Vec::new();
        for i in 0..layers {
            let (next, terms) = match self.bijection(i) {
                Bijection::Permutation(order) => {
                    value = g.columns(value, &order);
                    continue;
                }
                Bijection::ActNorm => act_norm::to_latent(g, weights, i, value),
                Bijection::Lu => lu::to_latent(g, weights, i, value),
                Bijection::Coupling(coupling) => coupling.to_latent(g, weights, value, features),
                Bijection::Masked(masked) => masked.to_latent(g, weights, value, features),
            };
            value = next;
            log_det_terms.push(terms);
        }
        (value, log_det_terms)
    }

    /// The log-density of raw rows, nats: log-mass for discrete columns, density in raw units for the others, given the
    /// context columns.
    pub fn log_prob(&self, g: &mut Graph, weights: &Weights, x: NodeId, noise: Option<NodeId>) -> LogProb {
        let Latent { z, log_det_terms } = self.to_latent(g, weights, x, noise);
        let mut terms = log_det_terms;
        let lines = self.spec.lines();
        if lines > 0 {
            let z = g.slice(z, 1, 0..lines);
            match self.spec.base {
                Base::Normal => terms.push(normal::log_prob_terms(g, z)),
                Base::StudentT => terms.extend(student_t::log_prob_terms(g, weights, z)),
                Base::Mixture { components, .. } => terms.push(mixture::log_prob(g, weights, components, z)),
            }
        }
        let (varying, fixed): (Vec<NodeId>, Vec<NodeId>) =
            terms.into_iter().partition(|&term| g.shape(term)[0] == Dim::Batch);
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

    /// Latent rows `z`, `[batch, dim]`, with the raw values of the context columns, if there are any, `[batch, context
    /// columns]`, to raw rows, `[batch, columns]`.
    pub fn to_data(&self, g: &mut Graph, weights: &Weights, z: NodeId, context: Option<NodeId>) -> NodeId {
        let spec = &self.spec;
        let (lines, circular) = (spec.lines(), spec.circular());
        let mut features = context.map(|raw| columns::context(g, spec, raw));
        let mut angles = Vec::new();
        if circular > 0 {
            let latent = g.slice(z, 1, lines..lines + circular);
            (angles, features) = circles::to_data(g, spec, weights, latent, features);
        }
        let u = (lines > 0).then(|| {
            let mut value = g.slice(z, 1, 0..lines);
            for i in (0..spec.layers.len()).rev() {
                value = match self.bijection(i) {
                    Bijection::Permutation(order) => g.columns(value, &permutation::inverse(&order)),
                    Bijection::ActNorm => act_norm::to_data(g, weights, i, value),
                    Bijection::Lu => lu::to_data(g, weights, i, value),
                    Bijection::Coupling(coupling) => coupling.to_data(g, weights, value, features),
                    Bijection::Masked(masked) => masked.to_data(g, weights, value, features),
                };
            }
            tails::to_data(g, &spec.tails, value)
        });
        columns::restore(g, spec, u, &angles, context)
    }

    fn bijection(&self, layer: usize) -> Bijection<'_> {
        let affine = |scale_bound: &f32| Transform::Affine(Affine { scale_bound: *scale_bound });
        let spline = |num_bins: &usize, tail_bound: &f32| {
            Transform::Spline(Spline { num_bins: *num_bins, tail_bound: *tail_bound, periodic: false })
        };
        match &self.spec.layers[layer] {
            Layer::Permutation { order } => Bijection::Permutation(order.iter().map(|&j| j as usize).collect()),
            Layer::ActNorm => Bijection::ActNorm,
            Layer::Lu => Bijection::Lu,
            Layer::AffineCoupling { kept, residual, scale_bound, .. } => {
                let (kept, residual) = (*kept, *residual);
                Bijection::Coupling(Coupling { layer, kept, residual, transform: affine(scale_bound) })
            }
            Layer::SplineCoupling { kept, residual, num_bins, tail_bound, .. } => {
                let (kept, residual) = (*kept, *residual);
                Bijection::Coupling(Coupling { layer, kept, residual, transform: spline(num_bins, tail_bound) })
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

    /// The graph of the value that enters layer `layer`: raw rows `x` and `noise`, `[batch, dim]`, to `value`,
    /// `[batch, lines]`.
    pub fn before_layer_graph(&self, params: &[f32], layer: usize) -> Graph {
        let mut g = Graph::new();
        let x = self.input_rows(&mut g);
        let noise = g.input("noise", &[Dim::Batch, Dim::Size(self.dim())]);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let Entered { u, angles, .. } = self.enter(&mut g, &weights, x, Some(noise));
        let u = u.expect("a flow with columns on a line");
        let (value, _) = self.through(&mut g, &weights, u, angles.features, layer);
        g.output("value", value);
        g
    }

    /// The graph of `sample.onnx`: draws `z` of the base distribution, `[batch, dim]` (angles uniform in [-π, π)), and the
    /// raw values `context` of the context columns, if there are any, to raw rows `x`.
    ///
    /// # Errors
    /// If the graph would have more than [`MOST_NODES`] nodes: an autoregressive layer is undone column by column.
    pub fn sample_graph(&self, params: &[f32]) -> Result<Graph, TooManyNodes> {
        let mut g = Graph::new();
        let z = g.input("z", &[Dim::Batch, Dim::Size(self.dim())]);
        let weights = Weights::constant(&mut g, &self.layout, params);
        let given = self.spec.context();
        let context = (given > 0).then(|| g.input("context", &[Dim::Batch, Dim::Size(given)]));
        let x = self.to_data(&mut g, &weights, z, context);
        g.output("x", x);
        let needed = g.needed();
        let counts =
            |i: &usize| needed[*i] && !matches!(g.nodes()[*i].op, Op::Constant(_) | Op::Input(_) | Op::Index(_));
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
