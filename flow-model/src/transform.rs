//! What a layer does to one column once its conditioner has spoken.

use crate::affine::Affine;
use crate::graph::{Graph, NodeId};
use crate::spline::{Spline, raw_values};
use std::ops::Range;

/// A monotone transform of each column by itself, its shape given by a conditioner's raw outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// Shift and scale.
    Affine(Affine),
    /// A monotone rational-quadratic spline.
    Spline(Spline),
}

impl Transform {
    /// `x`, `[batch, columns]`, towards the latent variable, and the log-determinant terms; `raw` is `[batch or 1, some]`.
    pub fn to_latent(&self, g: &mut Graph, x: NodeId, raw: NodeId) -> (NodeId, NodeId) {
        match self {
            Transform::Affine(affine) => affine.to_latent(g, x, raw),
            Transform::Spline(spline) => spline.to_latent(g, x, raw),
        }
    }

    /// The inverse of [`Transform::to_latent`].
    pub fn to_data(&self, g: &mut Graph, y: NodeId, raw: NodeId) -> NodeId {
        match self {
            Transform::Affine(affine) => affine.to_data(g, y, raw),
            Transform::Spline(spline) => spline.to_data(g, y, raw),
        }
    }

    /// Which of the conditioner's outputs belong to column `j` of `columns`.
    pub fn outputs_of(&self, j: usize, columns: usize) -> Vec<Range<usize>> {
        match self {
            Transform::Affine(_) => vec![j..j + 1, columns + j..columns + j + 1],
            Transform::Spline(spline) => {
                let each = raw_values(spline.num_bins);
                std::iter::once(each * j..each * (j + 1)).collect()
            }
        }
    }

    /// Number of the conditioner's outputs for `columns` columns.
    pub fn outputs(&self, columns: usize) -> usize {
        (0..columns).flat_map(|j| self.outputs_of(j, columns)).map(|range| range.len()).sum()
    }
}
