//! The interpreter of the tensor language: slow, plain, and in f64 the oracle of every other execution. In f32 it shows
//! what rounding does to a formula.

use crate::graph::{Dim, Graph, Node, Op};
use ndarray::{ArrayD, ArrayViewD, Axis, Ix2, IxDyn, NdFloat, Slice, Zip, concatenate};

/// Computes a graph's outputs in the precision of its inputs. `inputs` come in the order of [`Graph::inputs`]; a
/// condition counts as 1 where it holds, else 0.
///
/// # Panics
/// If an input is missing or its shape does not fit: the graph and its inputs come from the same code.
///
/// ```
/// use flow_model::graph::{Dim, Graph};
/// use ndarray::arr2;
/// let mut g = Graph::new();
/// let x = g.input("x", &[Dim::Batch, Dim::Size(2)]);
/// let y = g.exp(x);
/// let sum = g.reduce_sum(y, &[1]);
/// g.output("sum", sum);
/// let out = flow_model::interpret::interpret(&g, &[arr2(&[[0.0, 0.0], [0.0, 1.0]]).into_dyn()]);
/// assert_eq!(out[0], arr2(&[[2.0], [1.0 + 1f64.exp()]]).into_dyn());
/// ```
pub fn interpret<T: NdFloat>(graph: &Graph, inputs: &[ArrayD<T>]) -> Vec<ArrayD<T>> {
    assert_eq!(inputs.len(), graph.inputs().len(), "number of inputs");
    let batch = graph.inputs().iter().zip(inputs).find_map(|(&id, value)| {
        let axis = graph.shape(id).iter().position(|&d| d == Dim::Batch)?;
        Some(value.shape()[axis])
    });
    let resolve = |shape: &[Dim]| -> Vec<usize> {
        shape
            .iter()
            .map(|d| match d {
                Dim::Size(n) => *n,
                Dim::Batch => batch.expect("some input has the batch as an axis"),
            })
            .collect()
    };
    let needed = graph.needed();
    let mut values: Vec<Option<ArrayD<T>>> = vec![None; graph.nodes().len()];
    for (&id, value) in graph.inputs().iter().zip(inputs) {
        assert_eq!(value.shape(), resolve(graph.shape(id)), "shape of input {:?}", graph.node(id).op);
        values[id.index()] = Some(value.clone());
    }
    for (i, node) in graph.nodes().iter().enumerate() {
        if needed[i] && values[i].is_none() {
            let args: Vec<_> = node.inputs.iter().map(|id| values[id.index()].as_ref().expect("computed")).collect();
            let result = compute(node, &args, &resolve);
            debug_assert_eq!(result.shape(), resolve(&node.shape), "{:?}", node.op);
            values[i] = Some(result);
        }
    }
    graph.outputs().iter().map(|(_, id)| values[id.index()].clone().expect("computed")).collect()
}

fn compute<T: NdFloat>(node: &Node, args: &[&ArrayD<T>], resolve: &dyn Fn(&[Dim]) -> Vec<usize>) -> ArrayD<T> {
    let zero = T::zero();
    let fixed = |v: f32| T::from(v).expect("every f32 is such a number");
    let shape = || IxDyn(&resolve(&node.shape));
    let view = |i: usize| -> ArrayViewD<T> { args[i].broadcast(shape()).expect("the builder checked the shapes") };
    let unary = |f: fn(T) -> T| args[0].mapv(f);
    let binary = |f: fn(T, T) -> T| Zip::from(view(0)).and(view(1)).map_collect(|&a, &b| f(a, b));
    match &node.op {
        Op::Input(name) | Op::Index(name) => unreachable!("input {name} was given"),
        Op::Gather => {
            let rows: Vec<usize> = args[1].iter().map(|v| v.to_usize().expect("an index of a row")).collect();
            args[0].select(Axis(0), &rows)
        }
        Op::Constant(value) => value.mapv(fixed),
        Op::Add => binary(|a, b| a + b),
        Op::Sub => binary(|a, b| a - b),
        Op::Mul => binary(|a, b| a * b),
        Op::Div => binary(|a, b| a / b),
        Op::Max => binary(T::max),
        Op::Min => binary(T::min),
        Op::Less => binary(|a, b| if a < b { T::one() } else { T::zero() }),
        Op::Where => {
            Zip::from(view(0)).and(view(1)).and(view(2)).map_collect(|&c, &a, &b| if c != zero { a } else { b })
        }
        Op::Neg => unary(|a| -a),
        Op::Abs => unary(T::abs),
        Op::Sign => unary(|a| if a == T::zero() { a } else { a.signum() }),
        Op::Exp => unary(T::exp),
        Op::Log => unary(T::ln),
        Op::Cos => unary(T::cos),
        Op::Sin => unary(T::sin),
        Op::Sqrt => unary(T::sqrt),
        Op::Step => unary(|a| if a > T::zero() { T::one() } else { T::zero() }),
        Op::Softsign => unary(|a| a / (T::one() + a.abs())),
        Op::Relu => unary(|a| a.max(T::zero())),
        Op::Floor => unary(T::floor),
        Op::Gemm { transpose_a, transpose_b } => {
            let matrix = |i: usize, transpose: bool| {
                let m = args[i].view().into_dimensionality::<Ix2>().expect("a matrix");
                if transpose { m.reversed_axes() } else { m }
            };
            let mut product = matrix(0, *transpose_a).dot(&matrix(1, *transpose_b)).into_dyn();
            if args.len() == 3 {
                product += &view(2);
            }
            product
        }
        Op::Slice { axis, start, end } => args[0].slice_axis(Axis(*axis), Slice::from(*start..*end)).to_owned(),
        Op::Concat { axis } => {
            let views: Vec<_> = args.iter().map(|a| a.view()).collect();
            concatenate(Axis(*axis), &views).expect("the builder checked the shapes")
        }
        Op::Linear(matrix) => {
            let rows = args[0].len() / matrix.nrows();
            let flat = args[0].as_standard_layout().to_owned().into_shape_with_order((rows, matrix.nrows()));
            let product = flat.expect("same size").dot(&matrix.mapv(fixed));
            product.as_standard_layout().to_owned().into_shape_with_order(shape()).expect("same size")
        }
        Op::ReduceSum(axes) => {
            axes.iter().fold(args[0].clone(), |sum, &axis| sum.sum_axis(Axis(axis)).insert_axis(Axis(axis)))
        }
        Op::SumRows => args[0].sum_axis(Axis(0)),
        Op::ReduceMax(axis) => {
            args[0].fold_axis(Axis(*axis), T::neg_infinity(), |&a, &b| a.max(b)).insert_axis(Axis(*axis))
        }
        Op::Reshape(_) => args[0].as_standard_layout().to_owned().into_shape_with_order(shape()).expect("same size"),
        Op::Expand(_) => view(0).to_owned(),
    }
}
