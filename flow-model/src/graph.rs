//! The tensor language: about 30 operations that map one to one onto ONNX, and a builder that infers shapes.
//!
//! A [`Graph`] is a list of nodes in an order in which they can be computed. Whoever writes a layer calls the builder's
//! methods; the interpreter, the ONNX encoder and the trainer's differentiation read the list. Operations broadcast as
//! ONNX and NumPy do, except that both sides have the same number of axes. A shape that does not fit is a mistake in the
//! code that builds the graph, not in anybody's data, and panics.

use ndarray::{Array2, ArrayD, Axis, Slice};
use std::collections::HashMap;

/// The size of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// The number of rows of the batch, known when the graph is encoded or run.
    Batch,
    /// A known size.
    Size(usize),
}

impl From<usize> for Dim {
    fn from(size: usize) -> Self {
        Dim::Size(size)
    }
}

/// A node of a graph; only meaningful together with the graph that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The node's place in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// An operation. Inputs are written `a`, `b`, `c` in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A value given when the graph is run.
    Input(String),
    /// Whole numbers given when the graph is run, as int32.
    Index(String),
    /// Rows `b` of the matrix `a`; `b` is an [`Op::Index`]. Not differentiated: it picks rows of data.
    Gather,
    /// A value fixed in the graph.
    Constant(ArrayD<f32>),
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a · b`, element by element.
    Mul,
    /// `a / b`.
    Div,
    /// The larger of `a` and `b`.
    Max,
    /// The smaller of `a` and `b`.
    Min,
    /// Whether `a < b`: a condition for [`Op::Where`].
    Less,
    /// `b` where the condition `a` holds, else `c`.
    Where,
    /// `-a`.
    Neg,
    /// `|a|`.
    Abs,
    /// −1, 0 or 1.
    Sign,
    /// `e^a`.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// Cosine.
    Cos,
    /// Sine.
    Sin,
    /// 1 where `a` is positive, else 0.
    Step,
    /// `a / (1 + |a|)`.
    Softsign,
    /// `max(a, 0)`.
    Relu,
    /// The largest whole number that is not larger.
    Floor,
    /// Matrix product `a' · b' (+ c)`; `a'` is `a` or its transpose, `b'` likewise; `c`, a vector, is added to each row.
    Gemm {
        /// Whether `a` is transposed.
        transpose_a: bool,
        /// Whether `b` is transposed.
        transpose_b: bool,
    },
    /// Elements `start..end` along an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First index.
        start: usize,
        /// One past the last index.
        end: usize,
    },
    /// All inputs side by side along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// `a · C` along the last axis, for a matrix that is fixed in the graph: sums, differences, choices and permutations
    /// of columns are products with small matrices, which every runtime has made fast.
    Linear(Array2<f32>),
    /// Sum over axes, which stay with size 1.
    ReduceSum(Vec<usize>),
    /// Sum over the first axis, which goes.
    SumRows,
    /// Largest value over an axis, which stays with size 1.
    ReduceMax(usize),
    /// The same values in another shape.
    Reshape(Vec<Dim>),
    /// Repeated along axes of size 1 up to the given shape.
    Expand(Vec<Dim>),
}

/// An operation with its inputs and the shape of its result.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which earlier nodes.
    pub inputs: Vec<NodeId>,
    /// The result's shape.
    pub shape: Vec<Dim>,
}

/// A computation with named inputs and outputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    inputs: Vec<NodeId>,
    outputs: Vec<(String, NodeId)>,
    scalars: HashMap<(u32, usize), NodeId>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All nodes, each after its inputs.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at a place of [`Graph::nodes`].
    ///
    /// # Panics
    /// If there is none.
    pub fn at(&self, index: usize) -> NodeId {
        assert!(index < self.nodes.len(), "node {index} of {}", self.nodes.len());
        NodeId(index)
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// A node's shape.
    pub fn shape(&self, id: NodeId) -> &[Dim] {
        &self.nodes[id.0].shape
    }

    /// The inputs, in the order in which they were declared and in which values are given.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The outputs with their names, in the order in which values come back.
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }

    /// Declares an output.
    pub fn output(&mut self, name: &str, id: NodeId) {
        self.outputs.push((name.to_string(), id));
    }

    /// For every node whether an output needs it.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for (_, id) in &self.outputs {
            needed[id.0] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if needed[i] {
                for input in &self.nodes[i].inputs {
                    needed[input.0] = true;
                }
            }
        }
        needed
    }

    fn push(&mut self, op: Op, inputs: &[NodeId], shape: Vec<Dim>) -> NodeId {
        self.nodes.push(Node { op, inputs: inputs.to_vec(), shape });
        NodeId(self.nodes.len() - 1)
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, shape: &[Dim]) -> NodeId {
        let id = self.push(Op::Input(name.to_string()), &[], shape.to_vec());
        self.inputs.push(id);
        id
    }

    /// Declares an input of whole numbers, one for each row of the batch.
    pub fn index_input(&mut self, name: &str) -> NodeId {
        let id = self.push(Op::Index(name.to_string()), &[], vec![Dim::Batch]);
        self.inputs.push(id);
        id
    }

    /// The rows of the matrix `table` that `index` names, `[batch, columns]`. An index outside the table is an error of the
    /// backend or, in CUDA, a row of zeros.
    pub fn gather(&mut self, table: NodeId, index: NodeId) -> NodeId {
        assert!(matches!(self.node(index).op, Op::Index(_)), "rows are picked by an index");
        let [_, columns] = *self.shape(table) else { panic!("rows are those of a matrix") };
        self.push(Op::Gather, &[table, index], vec![Dim::Batch, columns])
    }

    /// A constant.
    pub fn constant(&mut self, value: ArrayD<f32>) -> NodeId {
        let shape = value.shape().iter().map(|&n| Dim::Size(n)).collect();
        self.push(Op::Constant(value), &[], shape)
    }

    /// A constant of shape `[1, values.len()]`.
    pub fn row(&mut self, values: &[f32]) -> NodeId {
        let array = ArrayD::from_shape_vec(vec![1, values.len()], values.to_vec()).expect("one row of that length");
        self.constant(array)
    }

    /// A constant with a single value and as many axes (of size 1) as `like`. Equal scalars share a node.
    pub fn scalar(&mut self, value: f32, like: NodeId) -> NodeId {
        let rank = self.shape(like).len();
        if let Some(&id) = self.scalars.get(&(value.to_bits(), rank)) {
            return id;
        }
        let id = self.constant(ArrayD::from_elem(vec![1; rank], value));
        self.scalars.insert((value.to_bits(), rank), id);
        id
    }

    fn broadcast(&self, a: NodeId, b: NodeId) -> Vec<Dim> {
        let (a, b) = (self.shape(a), self.shape(b));
        assert_eq!(a.len(), b.len(), "shapes {a:?} and {b:?} differ in their number of axes");
        let one = Dim::Size(1);
        a.iter()
            .zip(b)
            .map(|(&m, &n)| {
                assert!(m == n || m == one || n == one, "shapes {a:?} and {b:?} do not broadcast");
                if m == one { n } else { m }
            })
            .collect()
    }

    fn binary(&mut self, op: Op, a: NodeId, b: NodeId) -> NodeId {
        let shape = self.broadcast(a, b);
        self.push(op, &[a, b], shape)
    }

    fn unary(&mut self, op: Op, a: NodeId) -> NodeId {
        let shape = self.shape(a).to_vec();
        self.push(op, &[a], shape)
    }

    /// `a + b`.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Add, a, b)
    }

    /// `a - b`.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Sub, a, b)
    }

    /// `a · b`, element by element.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Mul, a, b)
    }

    /// `a / b`.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Div, a, b)
    }

    /// The larger of `a` and `b`.
    pub fn max(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Max, a, b)
    }

    /// The smaller of `a` and `b`.
    pub fn min(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Min, a, b)
    }

    /// Whether `a < b`: a condition for [`Graph::select`].
    pub fn less(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.binary(Op::Less, a, b)
    }

    /// `a` where `condition` holds, else `b`.
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> NodeId {
        assert_eq!(self.node(condition).op, Op::Less, "a condition comes from `less`");
        let both = self.broadcast(a, b);
        let condition_shape = self.shape(condition);
        let shape = both.iter().zip(condition_shape).map(|(&m, &n)| if m == Dim::Size(1) { n } else { m }).collect();
        self.push(Op::Where, &[condition, a, b], shape)
    }

    /// `-a`.
    pub fn neg(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Neg, a)
    }

    /// `|a|`.
    pub fn abs(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Abs, a)
    }

    /// −1, 0 or 1.
    pub fn sign(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Sign, a)
    }

    /// `e^a`.
    pub fn exp(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Exp, a)
    }

    /// Natural logarithm.
    pub fn log(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Log, a)
    }

    /// Square root.
    pub fn sqrt(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Sqrt, a)
    }

    /// Cosine.
    pub fn cos(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Cos, a)
    }

    /// Sine.
    pub fn sin(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Sin, a)
    }

    /// 1 where `a` is positive, else 0: a mask to multiply with.
    pub fn step(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Step, a)
    }

    /// `a / (1 + |a|)`.
    pub fn softsign(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Softsign, a)
    }

    /// `max(a, 0)`.
    pub fn relu(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Relu, a)
    }

    /// The largest whole number that is not larger than `a`.
    pub fn floor(&mut self, a: NodeId) -> NodeId {
        self.unary(Op::Floor, a)
    }

    /// `a · b + bias` of matrices and a vector.
    pub fn dense(&mut self, a: NodeId, b: NodeId, bias: NodeId) -> NodeId {
        let id = self.gemm(a, b, false, false);
        assert_eq!(self.shape(bias), [self.shape(id)[1]], "a bias has one value a column");
        self.nodes[id.0].inputs.push(bias);
        id
    }

    /// `a' · b'` of matrices, each transposed first if asked.
    pub fn gemm(&mut self, a: NodeId, b: NodeId, transpose_a: bool, transpose_b: bool) -> NodeId {
        let oriented = |shape: &[Dim], transpose: bool| match *shape {
            [m, n] if transpose => (n, m),
            [m, n] => (m, n),
            _ => panic!("a matrix has two axes, got {shape:?}"),
        };
        let (m, k) = oriented(self.shape(a), transpose_a);
        let (l, n) = oriented(self.shape(b), transpose_b);
        assert_eq!(k, l, "inner sizes of a matrix product");
        self.push(Op::Gemm { transpose_a, transpose_b }, &[a, b], vec![m, n])
    }

    /// `a · matrix` along the last axis.
    pub fn linear(&mut self, a: NodeId, matrix: Array2<f32>) -> NodeId {
        let mut shape = self.shape(a).to_vec();
        let last = shape.last_mut().expect("a tensor with axes");
        assert_eq!(*last, Dim::Size(matrix.nrows()), "inner sizes of a matrix product");
        *last = Dim::Size(matrix.ncols());
        self.push(Op::Linear(matrix), &[a], shape)
    }

    /// Elements `range` along `axis`; the whole range gives `a` itself, and a slice of a constant is a constant.
    pub fn slice(&mut self, a: NodeId, axis: usize, range: std::ops::Range<usize>) -> NodeId {
        let mut shape = self.shape(a).to_vec();
        let Dim::Size(size) = shape[axis] else { panic!("the batch is not sliced") };
        assert!(range.start < range.end && range.end <= size, "slice {range:?} of {size}");
        if range == (0..size) {
            return a;
        }
        if let Op::Constant(value) = &self.node(a).op {
            let part = value.slice_axis(Axis(axis), Slice::from(range)).to_owned();
            return self.constant(part);
        }
        shape[axis] = Dim::Size(range.len());
        self.push(Op::Slice { axis, start: range.start, end: range.end }, &[a], shape)
    }

    /// All `parts` side by side along `axis`; a single part is returned as it is.
    pub fn concat(&mut self, parts: &[NodeId], axis: usize) -> NodeId {
        if let [only] = parts {
            return *only;
        }
        let mut shape = self.shape(parts[0]).to_vec();
        let mut total = 0;
        for &part in parts {
            let part = self.shape(part);
            let Dim::Size(size) = part[axis] else { panic!("batches are not concatenated") };
            total += size;
            let fits = part.iter().enumerate().all(|(i, d)| i == axis || *d == shape[i]);
            assert!(fits && part.len() == shape.len(), "cannot place {part:?} beside {shape:?}");
        }
        shape[axis] = Dim::Size(total);
        self.push(Op::Concat { axis }, parts, shape)
    }

    /// The columns (axis 1) of those indices, each at most once; all in order gives `a` itself.
    pub fn columns(&mut self, a: NodeId, order: &[usize]) -> NodeId {
        let [_, Dim::Size(from)] = *self.shape(a) else { panic!("columns have a known number") };
        if from == order.len() && order.iter().enumerate().all(|(i, &j)| i == j) {
            return a;
        }
        // A product with a matrix of zeros and ones is exact, and ten times as fast as Gather in ONNX Runtime.
        let mut taken = Array2::zeros((from, order.len()));
        order.iter().enumerate().for_each(|(to, &from)| taken[[from, to]] = 1.0);
        self.linear(a, taken)
    }

    /// Sum over `axes`, which stay with size 1.
    pub fn reduce_sum(&mut self, a: NodeId, axes: &[usize]) -> NodeId {
        let mut shape = self.shape(a).to_vec();
        axes.iter().for_each(|&i| shape[i] = Dim::Size(1));
        self.push(Op::ReduceSum(axes.to_vec()), &[a], shape)
    }

    /// Sum over the first axis, which goes.
    pub fn sum_rows(&mut self, a: NodeId) -> NodeId {
        let shape = self.shape(a)[1..].to_vec();
        self.push(Op::SumRows, &[a], shape)
    }

    /// Largest value along `axis`, which stays with size 1.
    pub fn reduce_max(&mut self, a: NodeId, axis: usize) -> NodeId {
        let mut shape = self.shape(a).to_vec();
        shape[axis] = Dim::Size(1);
        self.push(Op::ReduceMax(axis), &[a], shape)
    }

    /// The same values in another shape, of which at most one axis is the batch.
    pub fn reshape(&mut self, a: NodeId, shape: &[Dim]) -> NodeId {
        if self.shape(a) == shape {
            return a;
        }
        self.push(Op::Reshape(shape.to_vec()), &[a], shape.to_vec())
    }

    /// Repeats `a` along axes of size 1 up to `shape`.
    pub fn expand(&mut self, a: NodeId, shape: &[Dim]) -> NodeId {
        if self.shape(a) == shape {
            return a;
        }
        let fits = self.shape(a).iter().zip(shape).all(|(&m, &n)| m == n || m == Dim::Size(1));
        assert!(fits && self.shape(a).len() == shape.len(), "cannot expand {:?} to {shape:?}", self.shape(a));
        self.push(Op::Expand(shape.to_vec()), &[a], shape.to_vec())
    }
}
