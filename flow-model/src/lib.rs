//! What a normalizing flow *is*: a specification, its parameters, and its computation in a small tensor language.
//!
//! A flow is described once. [`flow::Flow`] writes the description into a [`graph::Graph`], and from that come the
//! trainer's step, the models `log_prob.onnx` and `sample.onnx` ([`onnx`]) and the f64 oracle of the tests
//! ([`interpret`]). To add a bijection: a variant of [`spec::Layer`], its parameters in [`params`], its two directions in
//! a file of its own, and an arm in `flow.rs` wherever the compiler asks for one. `docs/adding-a-layer.md` lists the rest.
#![forbid(unsafe_code)]

pub mod act_norm;
pub mod affine;
pub mod axis;
pub mod checkpoint;
pub mod circles;
pub mod columns;
pub mod coupling;
pub mod dequantization;
pub mod flow;
pub mod graph;
pub mod interpret;
pub mod lu;
pub mod masked_autoregressive;
pub mod masks;
pub mod mixture;
pub mod mlp;
pub mod models;
pub mod normal;
pub mod onnx;
mod onnx_proto;
pub mod params;
pub mod permutation;
pub mod row_hashes;
pub mod spec;
pub mod spline;
pub mod student_t;
pub mod tails;
pub mod transform;
pub mod weights;
