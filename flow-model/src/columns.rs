//! From a table's raw columns to standardised values and back: dequantization, standardisation, constant columns, context.
//!
//! A raw value of a discrete column stands for a cell. Training and bits per dimension draw a point of the cell (uniform
//! dequantization; Theis, van den Oord & Bethge, arXiv 1511.01844), scores and devices take its midpoint.

use crate::axis::{from_axis, to_axis};
use crate::graph::{Dim, Graph, NodeId};
use crate::spec::{Column, FlowSpec, Kind, Standard};
use ndarray::{ArrayD, IxDyn};

/// Standardised rows, with the log-determinant terms of the way there.
pub struct Standardised {
    /// `[batch, lines]`.
    pub u: NodeId,
    /// Each `[batch or 1, lines]`.
    pub terms: Vec<NodeId>,
}

/// The columns that lie on a line.
fn lines(spec: &FlowSpec) -> Vec<&Column> {
    spec.columns.iter().filter(|c| c.standard().is_some()).collect()
}

/// A constant of each of those columns' standards.
fn standards(g: &mut Graph, columns: &[&Column], f: impl Fn(&Standard) -> f32) -> NodeId {
    let values: Vec<f32> = columns.iter().filter_map(|c| c.standard()).map(f).collect();
    g.row(&values)
}

/// The columns of raw rows `x`, `[batch, columns]`, of which `is` holds.
fn take(g: &mut Graph, spec: &FlowSpec, x: NodeId, is: impl Fn(&Column) -> bool) -> NodeId {
    let indices: Vec<usize> = (0..spec.columns.len()).filter(|&j| is(&spec.columns[j])).collect();
    g.columns(x, &indices)
}

/// Raw rows `x`, `[batch, columns]`, to standardised rows of the columns that lie on a line. `noise`, `[batch, lines]`,
/// holds draws from U(0, 1); without it every value is at its midpoint.
pub fn standardise(g: &mut Graph, spec: &FlowSpec, x: NodeId, noise: Option<NodeId>) -> Standardised {
    let columns = lines(spec);
    let x = take(g, spec, x, |c| c.standard().is_some());
    let on_axis = to_axis(g, &columns, x, noise);
    let center = standards(g, &columns, |s| s.center);
    let scale = standards(g, &columns, |s| s.scale);
    let difference = g.sub(on_axis.q, center);
    let u = g.div(difference, scale);
    let mut terms = on_axis.terms;
    terms.push(standards(g, &columns, |s| -s.scale.ln()));
    Standardised { u, terms }
}

/// 1 for columns on a line whose noise a noise model may learn (discrete ones, and those with atoms), and 0 for the
/// others, as two rows.
pub fn spread_masks(g: &mut Graph, spec: &FlowSpec) -> (NodeId, NodeId) {
    let learns = |c: &&Column| c.is_discrete() || !c.atoms.is_empty();
    let some: Vec<f32> = lines(spec).iter().map(|c| f32::from(learns(c))).collect();
    let others: Vec<f32> = some.iter().map(|v| 1.0 - v).collect();
    (g.row(&some), g.row(&others))
}

/// Raw values of the context columns as features, both `[batch, context columns]`: standardised and drawn into the range
/// of the training rows.
pub fn context(g: &mut Graph, spec: &FlowSpec, raw: NodeId) -> NodeId {
    let of = |c: &Column| match c.kind {
        Kind::Context { standard } => Some(standard),
        _ => None,
    };
    let standards: Vec<Standard> = spec.columns.iter().filter_map(of).collect();
    let mut row = |f: &dyn Fn(&Standard) -> f32| g.row(&standards.iter().map(f).collect::<Vec<_>>());
    let (center, scale) = (row(&|s| s.center), row(&|s| s.scale));
    let (most, least) = (row(&|s| s.reach), row(&|s| -s.reach));
    let difference = g.sub(raw, center);
    let u = g.div(difference, scale);
    let u = g.min(u, most);
    g.max(u, least)
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

/// Raw rows, `[batch, columns]`, from what each column's part of a flow gives: standardised values `u`, `[batch, lines]`,
/// the angles' raw values, `[batch, 1]` each, and the context as it was given, `[batch, context columns]`. Whole numbers
/// in integer columns, constant columns at their value.
pub fn restore(
    g: &mut Graph,
    spec: &FlowSpec,
    u: Option<NodeId>,
    angles: &[NodeId],
    context: Option<NodeId>,
) -> NodeId {
    let values = u.map(|u| {
        let columns = lines(spec);
        let center = standards(g, &columns, |s| s.center);
        let scale = standards(g, &columns, |s| s.scale);
        let scaled = g.mul(u, scale);
        let q = g.add(scaled, center);
        from_axis(g, &columns, q)
    });
    let any = values.or(angles.first().copied()).expect("a flow has a column that is not constant");
    let (mut line, mut angle, mut known) = (0, angles.iter(), 0);
    let mut parts = Vec::new();
    for column in &spec.columns {
        parts.push(match (&column.kind, values) {
            (Kind::Constant { value, .. }, _) => {
                let cell = g.slice(any, 1, 0..1);
                let zero = g.scalar(0.0, cell);
                let zeros = g.mul(cell, zero);
                let value = g.constant(ArrayD::from_elem(IxDyn(&[1, 1]), *value));
                g.add(zeros, value)
            }
            (Kind::Context { .. }, _) => {
                known += 1;
                g.slice(context.expect("context is given for context columns"), 1, known - 1..known)
            }
            (Kind::Circular { .. }, _) => *angle.next().expect("one for each circular column"),
            (_, Some(values)) => {
                line += 1;
                g.slice(values, 1, line - 1..line)
            }
            (_, None) => unreachable!("a column on a line has a value"),
        });
    }
    debug_assert!(values.is_none_or(|v| g.shape(v)[1] == Dim::Size(line)));
    g.concat(&parts, 1)
}
