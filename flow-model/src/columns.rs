//! From a table's raw columns to standardised values and back: dequantization, standardisation, constant columns.
//!
//! A raw value `x` of an integer column stands for the cell `[x, x + 1)`. Training and bits per dimension draw a point
//! of the cell (uniform dequantization; Theis, van den Oord & Bethge, arXiv 1511.01844), scores and devices take its
//! midpoint.

use crate::graph::{Dim, Graph, NodeId};
use crate::spec::{Column, FlowSpec, Kind, Standard};
use ndarray::{ArrayD, IxDyn};

/// Raw rows `x`, `[batch, columns]`, to standardised rows `u`, `[batch, dim]`. `noise`, `[batch, dim]`, holds draws
/// from U(0, 1); without it every value is at its midpoint.
pub fn standardise(g: &mut Graph, spec: &FlowSpec, x: NodeId, noise: Option<NodeId>) -> NodeId {
    let active: Vec<usize> = (0..spec.columns.len()).filter(|&j| spec.columns[j].standard().is_some()).collect();
    let row = |g: &mut Graph, f: &dyn Fn(&Column) -> f32| {
        let values: Vec<f32> = active.iter().map(|&j| f(&spec.columns[j])).collect();
        g.row(&values)
    };
    let x = g.columns(x, &active);
    let q = match noise {
        Some(noise) => {
            let offset = row(g, &Column::noise_offset);
            let width = row(g, &Column::noise_width);
            let centred = g.sub(noise, offset);
            let added = g.mul(centred, width);
            g.add(x, added)
        }
        None => {
            let midpoint = row(g, &Column::midpoint);
            g.add(x, midpoint)
        }
    };
    let center = row(g, &|c| standard(c).center);
    let scale = row(g, &|c| standard(c).scale);
    let difference = g.sub(q, center);
    g.div(difference, scale)
}

/// The log-determinant of [`standardise`] as one row of terms, `[1, dim]`: `-ln scale_j`.
pub fn log_det_terms(g: &mut Graph, spec: &FlowSpec) -> NodeId {
    let terms: Vec<f32> = spec.columns.iter().filter_map(Column::standard).map(|s| -s.scale.ln()).collect();
    g.row(&terms)
}

/// The log-mass of the constant columns, `[batch, number of them]`; `None` if there is none.
pub fn constant_terms(g: &mut Graph, spec: &FlowSpec, x: NodeId) -> Option<NodeId> {
    let mut parts = Vec::new();
    for (j, column) in spec.columns.iter().enumerate() {
        let Kind::Constant { value, log_mass, log_other, unit } = column.kind else { continue };
        let cell = g.columns(x, &[j]);
        let (value, unit) = (g.scalar(value, cell), g.scalar(unit, cell));
        let (log_mass, log_other) = (g.scalar(log_mass, cell), g.scalar(log_other, cell));
        let (zero, one, farthest) = (g.scalar(0.0, cell), g.scalar(1.0, cell), g.scalar(f32::MAX, cell));
        let difference = g.sub(cell, value);
        let distance = g.abs(difference);
        let relative = g.div(distance, unit);
        let relative = g.min(relative, farthest);
        let grown = g.add(one, relative);
        let fall = g.log(grown);
        let other = g.sub(log_other, fall);
        let elsewhere = g.less(zero, distance);
        parts.push(g.select(elsewhere, other, log_mass));
    }
    (!parts.is_empty()).then(|| g.concat(&parts, 1))
}

/// Standardised rows `u`, `[batch, dim]`, to raw rows, `[batch, columns]`: the inverse of [`standardise`], whole
/// numbers in integer columns, constant columns at their value.
pub fn restore(g: &mut Graph, spec: &FlowSpec, u: NodeId) -> NodeId {
    let standards: Vec<&Standard> = spec.columns.iter().filter_map(Column::standard).collect();
    let center = g.row(&standards.iter().map(|s| s.center).collect::<Vec<_>>());
    let scale = g.row(&standards.iter().map(|s| s.scale).collect::<Vec<_>>());
    let scaled = g.mul(u, scale);
    let q = g.add(scaled, center);

    let mut parts = Vec::new();
    let mut active = 0;
    for column in &spec.columns {
        let next = match column.kind {
            Kind::Continuous { .. } => g.slice(q, 1, active..active + 1),
            Kind::Integer { .. } => {
                let cell = g.slice(q, 1, active..active + 1);
                g.floor(cell)
            }
            Kind::Constant { value, .. } => {
                let cell = g.slice(q, 1, 0..1);
                let zero = g.scalar(0.0, cell);
                let zeros = g.mul(cell, zero);
                let value = g.constant(ArrayD::from_elem(IxDyn(&[1, 1]), value));
                g.add(zeros, value)
            }
            _ => todo!(),
        };
        active += usize::from(column.standard().is_some());
        parts.push(next);
    }
    debug_assert_eq!(g.shape(u)[1], Dim::Size(active));
    g.concat(&parts, 1)
}

fn standard(column: &Column) -> Standard {
    *column.standard().expect("only columns that enter the flow are asked")
}
