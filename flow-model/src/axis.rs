//! From raw values of a column to its axis, and back: logarithms, logits, cells, and intervals for atoms.
//!
//! See [`Kind`] for each kind's axis. An atom, a value with a mass of its own, gets an interval of the axis to itself: what
//! lies above is moved up by the interval's width. Within the interval every point stands for the value, as every point
//! of a cell stands for a whole number, so that one flow serves both densities and masses, and knows how they depend on
//! each other.
//!
//! Everything is done for all columns at once, with rows of constants that are neutral where a column has no use for
//! them.

use crate::graph::{Graph, NodeId};
use crate::spec::{Atom, Column, Kind};

/// Values of a bounded column are drawn at least this share of the range away from its ends.
pub const EDGE: f32 = 1e-6;
/// Log-density of a row with a value outside its column's support, nats.
pub const FLOOR: f32 = -1e30;
/// Largest logarithm whose exponential is a finite f32.
const LARGEST_LOG: f32 = 88.0;
/// The largest number of a cell, either way from 0.
const FARTHEST: f32 = 1e30;

/// Values on their axes, with the log-determinant terms of the way there.
pub struct OnAxis {
    /// `[batch, columns]`.
    pub q: NodeId,
    /// Each `[batch, columns]`: `ln |dq/dx|`, and for an atom the logarithm of its width.
    pub terms: Vec<NodeId>,
}

/// A constant of each column.
fn row(g: &mut Graph, columns: &[&Column], f: impl Fn(&Column) -> f32) -> NodeId {
    let values: Vec<f32> = columns.iter().map(|column| f(column)).collect();
    g.row(&values)
}

/// 1 for columns of which `is` holds, and 0 for the others, as two rows.
fn masks(g: &mut Graph, columns: &[&Column], is: impl Fn(&Column) -> bool) -> (NodeId, NodeId) {
    let yes = row(g, columns, |c| f32::from(is(c)));
    (yes, row(g, columns, |c| f32::from(!is(c))))
}

fn is_positive(column: &Column) -> bool {
    matches!(column.kind, Kind::Positive { .. })
}

/// Limits of a bounded column.
fn limits(column: &Column) -> Option<[f32; 2]> {
    match column.kind {
        Kind::Bounded { low, high, .. } => Some([low, high]),
        _ => None,
    }
}

/// The cells of discrete columns, the others unchanged.
fn to_cells(g: &mut Graph, columns: &[&Column], x: NodeId) -> NodeId {
    let some = |g: &mut Graph, i: usize, neutral: f32| row(g, columns, |c| c.cells().map_or(neutral, |cells| cells[i]));
    let (origin, step, edge) = (some(g, 0, 0.0), some(g, 1, 1.0), some(g, 2, 0.0));
    let relative = g.sub(x, origin);
    let relative = g.div(relative, step);
    let relative = g.add(relative, edge);
    // What overflows is as far as it can be: an infinity would be NaN where it is masked.
    let (least, most) = (g.scalar(-FARTHEST, relative), g.scalar(FARTHEST, relative));
    let relative = g.max(relative, least);
    let relative = g.min(relative, most);
    let cells = g.floor(relative);
    if columns.iter().all(|c| c.is_discrete()) {
        return cells;
    }
    let (discrete, others) = masks(g, columns, Column::is_discrete);
    let (cells, x) = (g.mul(cells, discrete), g.mul(x, others));
    g.add(cells, x)
}

/// Raw values `x`, `[batch, columns]`, of columns on a line to their axes. `noise`, alike, holds draws from U(0, 1);
/// without it every value is at its midpoint.
pub fn to_axis(g: &mut Graph, columns: &[&Column], x: NodeId, noise: Option<NodeId>) -> OnAxis {
    let any = |f: &dyn Fn(&Column) -> bool| columns.iter().any(|c| f(c));
    let x = if any(&Column::is_discrete) { to_cells(g, columns, x) } else { x };
    let (mut w, mut terms, mut outside) = (x, Vec::new(), Vec::new());
    if any(&is_positive) {
        let (positive, others) = masks(g, columns, is_positive);
        let value = g.mul(x, positive);
        let value = g.add(value, others);
        let smallest = g.scalar(f32::MIN_POSITIVE, value);
        let bounded = g.max(value, smallest);
        let log = g.log(bounded);
        let rest = g.mul(w, others);
        w = g.add(rest, log);
        terms.push(g.neg(log));
        let inside = g.step(value);
        let one = g.scalar(1.0, inside);
        outside.push(g.sub(one, inside));
    }
    if any(&|c| limits(c).is_some()) {
        let (bounded, others) = masks(g, columns, |c| limits(c).is_some());
        let low = row(g, columns, |c| limits(c).map_or(-0.5, |[low, _]| low));
        let high = row(g, columns, |c| limits(c).map_or(0.5, |[_, high]| high));
        let range = row(g, columns, |c| limits(c).map_or(1.0, |[low, high]| high - low));
        let value = g.mul(x, bounded);
        // The shares of the range below and above: each from its own end, so that neither loses digits.
        let (below, above) = (g.sub(value, low), g.sub(high, value));
        let [below, above] = [below, above].map(|part| g.div(part, range));
        let [log_below, log_above] = [below, above].map(|share| {
            let (least, most) = (g.scalar(EDGE, share), g.scalar(1.0 - EDGE, share));
            let inner = g.max(share, least);
            let inner = g.min(inner, most);
            g.log(inner)
        });
        let logit = g.sub(log_below, log_above);
        let others = g.mul(w, others);
        w = g.add(others, logit);
        let logs = g.add(log_below, log_above);
        let log_range = row(g, columns, |c| limits(c).map_or(0.0, |[low, high]| (high - low).ln()));
        let logs = g.mul(logs, bounded);
        let logs = g.add(logs, log_range);
        terms.push(g.neg(logs));
        let [missing_below, missing_above] = [below, above].map(|share| {
            let negative = g.neg(share);
            g.step(negative)
        });
        outside.push(g.add(missing_below, missing_above));
    }
    for missing in outside {
        let floor = g.scalar(FLOOR, missing);
        terms.push(g.mul(missing, floor));
    }
    let moved = match noise {
        Some(noise) => {
            let (width, offset) = (row(g, columns, Column::noise_width), row(g, columns, Column::noise_offset));
            let centred = g.sub(noise, offset);
            let added = g.mul(centred, width);
            g.add(w, added)
        }
        None => {
            let midpoint = row(g, columns, Column::midpoint);
            g.add(w, midpoint)
        }
    };
    with_atoms(g, columns, x, w, moved, terms, noise)
}

/// One atom of each column that has so many, with where its interval lies once the atoms below have moved it.
fn slot(columns: &[&Column], i: usize) -> Vec<Option<Slot>> {
    let of = |column: &&Column| {
        let atom = column.atoms.get(i)?;
        let below: f32 = column.atoms[..i].iter().map(|a| column.shift(a)).sum();
        let value = match column.kind {
            Kind::Lattice { origin, step, .. } => origin + atom.value * step,
            _ => atom.value,
        };
        Some(Slot { atom: *atom, lower: atom.cut + below, shift: column.shift(atom), value })
    };
    columns.iter().map(of).collect()
}

#[derive(Clone, Copy)]
struct Slot {
    atom: Atom,
    /// Lower end of the interval.
    lower: f32,
    /// By how much the interval moves what lies above.
    shift: f32,
    /// The raw value.
    value: f32,
}

/// A constant of each column's atom, `otherwise` where there is none.
fn of_slot(g: &mut Graph, slots: &[Option<Slot>], otherwise: f32, f: impl Fn(&Slot) -> f32) -> NodeId {
    let values: Vec<f32> = slots.iter().map(|slot| slot.as_ref().map_or(otherwise, &f)).collect();
    g.row(&values)
}

/// Moves values past the intervals of the atoms below them, and atoms into their intervals. `x` is what atoms are
/// recognised by, `w` the axis that they cut, `moved` the same with noise.
fn with_atoms(
    g: &mut Graph,
    columns: &[&Column],
    x: NodeId,
    w: NodeId,
    mut moved: NodeId,
    mut terms: Vec<NodeId>,
    noise: Option<NodeId>,
) -> OnAxis {
    let most = columns.iter().map(|c| c.atoms.len()).max().unwrap_or(0);
    let mut hits: Option<(NodeId, NodeId, NodeId)> = None;
    for slots in (0..most).map(|i| slot(columns, i)) {
        let cut = of_slot(g, &slots, 0.0, |s| s.atom.cut);
        let shift = of_slot(g, &slots, 0.0, |s| s.shift);
        let above = g.sub(w, cut);
        let above = g.step(above);
        let up = g.mul(above, shift);
        moved = g.add(moved, up);

        let value = of_slot(g, &slots, 0.0, |s| s.atom.value);
        let present = of_slot(g, &slots, 0.0, |_| 1.0);
        let difference = g.sub(x, value);
        let distance = g.abs(difference);
        let other = g.step(distance);
        let other = g.mul(other, present);
        let hit = g.sub(present, other);

        let (lower, width) = (of_slot(g, &slots, 0.0, |s| s.lower), of_slot(g, &slots, 0.0, |s| s.atom.width));
        let half = g.scalar(0.5, width);
        let inside = g.mul(width, noise.unwrap_or(half));
        let place = g.add(lower, inside);
        let place = g.mul(hit, place);
        let log_mass = of_slot(g, &slots, 0.0, |s| s.atom.width.ln());
        let log_mass = g.mul(hit, log_mass);
        hits = Some(match hits {
            None => (hit, place, log_mass),
            Some((a, b, c)) => (g.add(a, hit), g.add(b, place), g.add(c, log_mass)),
        });
    }
    let Some((hit, place, log_mass)) = hits else { return OnAxis { q: moved, terms } };
    let one = g.scalar(1.0, hit);
    let free = g.sub(one, hit);
    let moved = g.mul(moved, free);
    let q = g.add(moved, place);
    terms.iter_mut().for_each(|term| *term = g.mul(*term, free));
    terms.push(log_mass);
    OnAxis { q, terms }
}

/// Axes `q`, `[batch, columns]`, to raw values: the inverse of [`to_axis`].
pub fn from_axis(g: &mut Graph, columns: &[&Column], q: NodeId) -> NodeId {
    let any = |f: &dyn Fn(&Column) -> bool| columns.iter().any(|c| f(c));
    let (mut w, mut atoms) = (q, None);
    let most = columns.iter().map(|c| c.atoms.len()).max().unwrap_or(0);
    for slots in (0..most).map(|i| slot(columns, i)) {
        let present = of_slot(g, &slots, 0.0, |_| 1.0);
        let lower = of_slot(g, &slots, 0.0, |s| s.lower);
        let upper = of_slot(g, &slots, 0.0, |s| s.lower + s.atom.width);
        let (below, above) = (g.sub(lower, q), g.sub(q, upper));
        let (below, above) = (g.step(below), g.step(above));
        let shift = of_slot(g, &slots, 0.0, |s| s.shift);
        let up = g.mul(above, shift);
        w = g.sub(w, up);
        let elsewhere = g.add(below, above);
        let elsewhere = g.mul(elsewhere, present);
        let hit = g.sub(present, elsewhere);
        let value = of_slot(g, &slots, 0.0, |s| s.value);
        let value = g.mul(hit, value);
        atoms = Some(match atoms {
            None => (hit, value),
            Some((a, b)) => (g.add(a, hit), g.add(b, value)),
        });
    }
    let mut x = w;
    if any(&Column::is_discrete) {
        let some =
            |g: &mut Graph, i: usize, neutral: f32| row(g, columns, |c| c.cells().map_or(neutral, |cells| cells[i]));
        let (origin, step) = (some(g, 0, 0.0), some(g, 1, 1.0));
        let (discrete, others) = masks(g, columns, Column::is_discrete);
        let cells = g.floor(w);
        let cells = g.mul(cells, step);
        let cells = g.add(cells, origin);
        let (cells, rest) = (g.mul(cells, discrete), g.mul(x, others));
        x = g.add(cells, rest);
    }
    if any(&is_positive) {
        let (positive, others) = masks(g, columns, is_positive);
        let (most, least) = (g.scalar(LARGEST_LOG, w), g.scalar(-LARGEST_LOG, w));
        let log = g.min(w, most);
        let log = g.max(log, least);
        let value = g.exp(log);
        let (value, rest) = (g.mul(value, positive), g.mul(x, others));
        x = g.add(value, rest);
    }
    if any(&|c| limits(c).is_some()) {
        let (bounded, others) = masks(g, columns, |c| limits(c).is_some());
        let (most, least) = (g.scalar(LARGEST_LOG, w), g.scalar(-LARGEST_LOG, w));
        let negative = g.neg(w);
        let negative = g.min(negative, most);
        let negative = g.max(negative, least);
        let odds = g.exp(negative);
        let one = g.scalar(1.0, odds);
        let whole = g.add(one, odds);
        let low = row(g, columns, |c| limits(c).map_or(0.0, |[low, _]| low));
        let range = row(g, columns, |c| limits(c).map_or(0.0, |[low, high]| high - low));
        let inside = g.div(range, whole);
        let value = g.add(low, inside);
        let (value, rest) = (g.mul(value, bounded), g.mul(x, others));
        x = g.add(value, rest);
    }
    let Some((hit, value)) = atoms else { return x };
    let one = g.scalar(1.0, hit);
    let free = g.sub(one, hit);
    let x = g.mul(x, free);
    g.add(x, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Dim;
    use crate::interpret::interpret;
    use crate::spec::Standard;
    use ndarray::ArrayD;

    /// Where the number of a cell overflows, a mask of 0 for the other kinds of columns would make it NaN.
    #[test]
    fn a_cell_beyond_all_numbers_is_no_nan_beside_columns_of_other_kinds() {
        let standard = Standard { center: 0.0, scale: 1.0, reach: 6.0 };
        let lattice = Column::new("steps", Kind::Lattice { origin: 0.0, step: 0.1, standard });
        for other in [Kind::Positive { standard }, Kind::Bounded { low: 0.0, high: 2.0, standard }] {
            let other = Column::new("other", other);
            let mut g = Graph::new();
            let x = g.input("x", &[Dim::Batch, Dim::Size(2)]);
            let on_axis = to_axis(&mut g, &[&lattice, &other], x, None);
            g.output("q", on_axis.q);
            for far in [f64::MAX, f64::MIN] {
                let x = ArrayD::from_shape_vec(vec![1, 2], vec![far, 1.0]).unwrap();
                let q = interpret(&g, &[x]).swap_remove(0);
                assert!(q.iter().all(|q| q.is_finite()), "{far}: {q}");
            }
        }
    }
}
