//! Reverse-mode differentiation of the tensor language: a graph's gradient as more nodes of the same graph.
//!
//! Griewank & Walther, "Evaluating Derivatives", chapter 3: walk the nodes backwards and give each input its share of
//! the node's adjoint. One rule for each operation, see `pull_back`.
//!
//! An adjoint may be smaller than its node where it is the same along an axis (size 1 there); it is repeated only where
//! an operation needs the full shape.

use flow_model::graph::{Dim, Graph, NodeId, Op};
use ndarray::{ArrayD, IxDyn};

const ONE: Dim = Dim::Size(1);

/// The gradient of `loss`, a node with a single value, with respect to each node of `wrt`, in its shape.
///
/// Nothing is differentiated that does not depend on `wrt`. Nodes of `wrt` on which the loss does not depend have zeros.
pub fn gradient(g: &mut Graph, loss: NodeId, wrt: &[NodeId]) -> Vec<NodeId> {
    assert!(g.shape(loss).iter().all(|&d| d == ONE), "a loss is a single value, got {:?}", g.shape(loss));
    let count = g.nodes().len();
    let mut depends = vec![false; count];
    for i in 0..count {
        let inputs = &g.nodes()[i].inputs;
        depends[i] = wrt.iter().any(|id| id.index() == i) || inputs.iter().any(|id| depends[id.index()]);
    }
    let mut shares: Vec<Vec<Share>> = (0..count).map(|_| Vec::new()).collect();
    let one = g.scalar(1.0, loss);
    shares[loss.index()].push(Share::Whole(one));
    let mut result = vec![None; wrt.len()];
    for i in (0..=loss.index()).rev() {
        let collected = std::mem::take(&mut shares[i]);
        if collected.is_empty() || !depends[i] {
            continue;
        }
        let shape = g.nodes()[i].shape.clone();
        let adjoint = add_up(g, collected, &shape);
        for (slot, id) in result.iter_mut().zip(wrt) {
            if id.index() == i {
                *slot = Some(g.expand(adjoint, &shape));
            }
        }
        let node = g.at(i);
        for (input, share) in pull_back(g, node, adjoint) {
            if depends[input.index()] {
                shares[input.index()].push(share);
            }
        }
    }
    let zeros = |g: &mut Graph, id: NodeId| {
        let shape = g.shape(id).to_vec();
        let zero = g.scalar(0.0, id);
        g.expand(zero, &shape)
    };
    result.into_iter().zip(wrt).map(|(found, &id)| found.unwrap_or_else(|| zeros(g, id))).collect()
}

/// One user's share of a node's adjoint.
enum Share {
    /// Of the node's shape, or smaller where it broadcasts.
    Whole(NodeId),
    /// Of elements `start..end` along an axis only.
    Part { axis: usize, start: usize, end: usize, adjoint: NodeId },
}

/// The sum of all shares. Slices that lie side by side are concatenated rather than padded and added.
fn add_up(g: &mut Graph, shares: Vec<Share>, shape: &[Dim]) -> NodeId {
    let mut whole = Vec::new();
    let mut parts = Vec::new();
    for share in shares {
        match share {
            Share::Whole(id) => whole.push(id),
            Share::Part { axis, start, end, adjoint } => parts.push((axis, start, end, adjoint)),
        }
    }
    parts.sort_by_key(|&(axis, start, ..)| (axis, start));
    while let Some(&(axis, ..)) = parts.first() {
        // One row of parts that do not overlap, with zeros in the gaps.
        let Dim::Size(size) = shape[axis] else { panic!("the batch is not sliced") };
        let (mut row, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
        for (part_axis, start, end, adjoint) in parts {
            if part_axis != axis || start < at {
                rest.push((part_axis, start, end, adjoint));
                continue;
            }
            if start > at {
                row.push(zeros(g, shape, axis, start - at));
            }
            let mut full = shape.to_vec();
            full[axis] = Dim::Size(end - start);
            row.push(g.expand(adjoint, &full));
            at = end;
        }
        if at < size {
            row.push(zeros(g, shape, axis, size - at));
        }
        whole.push(g.concat(&row, axis));
        parts = rest;
    }
    let mut sum = whole[0];
    for &next in &whole[1..] {
        sum = g.add(sum, next);
    }
    sum
}

fn zeros(g: &mut Graph, shape: &[Dim], axis: usize, size: usize) -> NodeId {
    let mut shape = shape.to_vec();
    shape[axis] = Dim::Size(size);
    let zero = g.constant(ArrayD::zeros(IxDyn(&vec![1; shape.len()])));
    g.expand(zero, &shape)
}

/// Sums `adjoint`, which belongs to a node of shape `from`, over the axes along which an input of shape `to` was
/// repeated.
fn unbroadcast(g: &mut Graph, adjoint: NodeId, from: &[Dim], to: NodeId) -> NodeId {
    let to = g.shape(to).to_vec();
    let axes: Vec<usize> = (0..from.len()).filter(|&i| to[i] == ONE && from[i] != ONE).collect();
    if axes.is_empty() {
        return adjoint;
    }
    let mut full = g.shape(adjoint).to_vec();
    axes.iter().for_each(|&i| full[i] = from[i]);
    let full = g.expand(adjoint, &full);
    g.reduce_sum(full, &axes)
}

/// Each input's share of the adjoint of the node `value`.
fn pull_back(g: &mut Graph, value: NodeId, adjoint: NodeId) -> Vec<(NodeId, Share)> {
    let node = g.node(value).clone();
    let shape = &node.shape;
    let input = |i: usize| node.inputs[i];
    let whole = |g: &mut Graph, i: usize, share: NodeId| {
        let share = unbroadcast(g, share, shape, input(i));
        (input(i), Share::Whole(share))
    };
    match &node.op {
        Op::Input(_) | Op::Index(_) | Op::Gather | Op::Constant(_) | Op::Less | Op::Sign | Op::Step | Op::Floor => {
            vec![]
        }
        Op::Add => vec![whole(g, 0, adjoint), whole(g, 1, adjoint)],
        Op::Sub => {
            let negative = g.neg(adjoint);
            vec![whole(g, 0, adjoint), whole(g, 1, negative)]
        }
        Op::Mul if node.inputs[0] == node.inputs[1] => {
            let double = g.add(input(0), input(0));
            let share = g.mul(adjoint, double);
            vec![whole(g, 0, share)]
        }
        Op::Mul => {
            let (to_a, to_b) = (g.mul(adjoint, input(1)), g.mul(adjoint, input(0)));
            vec![whole(g, 0, to_a), whole(g, 1, to_b)]
        }
        Op::Div => {
            // d(a/b) = da / b - (a/b) db / b
            let to_a = g.div(adjoint, input(1));
            let product = g.mul(to_a, value);
            let to_b = g.neg(product);
            vec![whole(g, 0, to_a), whole(g, 1, to_b)]
        }
        Op::Max | Op::Min => {
            let zero = g.scalar(0.0, adjoint);
            let a_is_less = g.less(input(0), input(1));
            let (if_less, if_not) = (g.select(a_is_less, adjoint, zero), g.select(a_is_less, zero, adjoint));
            let (to_a, to_b) = if node.op == Op::Min { (if_less, if_not) } else { (if_not, if_less) };
            vec![whole(g, 0, to_a), whole(g, 1, to_b)]
        }
        Op::Where => {
            let zero = g.scalar(0.0, adjoint);
            let (to_a, to_b) = (g.select(input(0), adjoint, zero), g.select(input(0), zero, adjoint));
            vec![whole(g, 1, to_a), whole(g, 2, to_b)]
        }
        Op::Neg => {
            let share = g.neg(adjoint);
            vec![whole(g, 0, share)]
        }
        Op::Abs => {
            let sign = g.sign(input(0));
            let share = g.mul(adjoint, sign);
            vec![whole(g, 0, share)]
        }
        Op::Exp => {
            let share = g.mul(adjoint, value);
            vec![whole(g, 0, share)]
        }
        Op::Log => {
            let share = g.div(adjoint, input(0));
            vec![whole(g, 0, share)]
        }
        Op::Cos => {
            let sin = g.sin(input(0));
            let share = g.mul(adjoint, sin);
            let share = g.neg(share);
            vec![whole(g, 0, share)]
        }
        Op::Sin => {
            let cos = g.cos(input(0));
            let share = g.mul(adjoint, cos);
            vec![whole(g, 0, share)]
        }
        Op::Sqrt => {
            // 1 / (2√a), bounded where a is 0.
            let smallest = g.scalar(1e-12, value);
            let safe = g.max(value, smallest);
            let half = g.scalar(0.5, adjoint);
            let scaled = g.mul(adjoint, half);
            let share = g.div(scaled, safe);
            vec![whole(g, 0, share)]
        }
        Op::Softsign => {
            // d/da a/(1+|a|) = (1 - |softsign(a)|)²
            let size = g.abs(value);
            let one = g.scalar(1.0, value);
            let rest = g.sub(one, size);
            let slope = g.mul(rest, rest);
            let share = g.mul(adjoint, slope);
            vec![whole(g, 0, share)]
        }
        Op::Relu => {
            let positive = g.step(value);
            let share = g.mul(adjoint, positive);
            vec![whole(g, 0, share)]
        }
        Op::Gemm { transpose_a, transpose_b } => {
            let (ta, tb) = (*transpose_a, *transpose_b);
            let full = g.expand(adjoint, shape);
            let (a, b) = (input(0), input(1));
            let to_a = if ta { g.gemm(b, full, tb, true) } else { g.gemm(full, b, false, !tb) };
            let to_b = if tb { g.gemm(full, a, true, ta) } else { g.gemm(a, full, !ta, false) };
            let mut shares = vec![(a, Share::Whole(to_a)), (b, Share::Whole(to_b))];
            if node.inputs.len() == 3 {
                let to_bias = g.sum_rows(full);
                shares.push((input(2), Share::Whole(to_bias)));
            }
            shares
        }
        Op::Slice { axis, start, end } => {
            vec![(input(0), Share::Part { axis: *axis, start: *start, end: *end, adjoint })]
        }
        Op::Concat { axis } => {
            let mut start = 0;
            let mut shares = Vec::new();
            for &part in &node.inputs {
                let Dim::Size(size) = g.shape(part)[*axis] else { panic!("batches are not concatenated") };
                // An adjoint that is the same along the axis serves every part as it is.
                let same = g.shape(adjoint)[*axis] == ONE;
                let share = if same { adjoint } else { g.slice(adjoint, *axis, start..start + size) };
                shares.push((part, Share::Whole(share)));
                start += size;
            }
            shares
        }
        Op::Linear(matrix) => {
            let mut full = g.shape(adjoint).to_vec();
            *full.last_mut().expect("a tensor with axes") = *shape.last().expect("a tensor with axes");
            let full = g.expand(adjoint, &full);
            let share = g.linear(full, matrix.t().to_owned());
            vec![(input(0), Share::Whole(share))]
        }
        Op::ReduceSum(_) => vec![(input(0), Share::Whole(adjoint))],
        Op::SumRows => {
            let mut row = vec![ONE];
            row.extend_from_slice(shape);
            let share = g.reshape(adjoint, &row);
            vec![(input(0), Share::Whole(share))]
        }
        Op::ReduceMax(axis) => {
            // Elements that share the largest value share the adjoint.
            let (zero, one) = (g.scalar(0.0, value), g.scalar(1.0, value));
            let is_less = g.less(input(0), value);
            let hit = g.select(is_less, zero, one);
            let hits = g.reduce_sum(hit, &[*axis]);
            let each = g.div(adjoint, hits);
            let share = g.mul(hit, each);
            vec![(input(0), Share::Whole(share))]
        }
        Op::Reshape(_) => {
            let full = g.expand(adjoint, shape);
            let to = g.shape(input(0)).to_vec();
            let share = g.reshape(full, &to);
            vec![(input(0), Share::Whole(share))]
        }
        Op::Expand(_) => vec![whole(g, 0, adjoint)],
    }
}
