//! Layers: the order of masked ones, and random ones of every kind.

use super::dense::random_chain;
use super::{Dense, Draw};

#[derive(Clone, Debug)]
pub enum Layer {
    Permutation(Vec<usize>),
    Coupling {
        kept: usize,
        bound: f32,
        dense: Vec<Dense>,
    },
    SplineCoupling {
        kept: usize,
        bound: f32,
        bins: usize,
        dense: Vec<Dense>,
    },
    MaskedAffine {
        bound: f32,
        dense: Vec<Dense>,
    },
    MaskedSpline {
        bound: f32,
        bins: usize,
        dense: Vec<Dense>,
    },
    /// The matrix and its inverse.
    Linear {
        dense: [Dense; 2],
        log_det: f32,
    },
    ActNorm {
        scale: Vec<f32>,
        shift: Vec<f32>,
        log_det: f32,
    },
}

/// A kind of layer with its conditioner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Coupling,
    SplineCoupling(usize),
    MaskedAffine,
    MaskedSpline(usize),
    ResidualCoupling,
    ResidualSplineCoupling(usize),
    Linear,
    ActNorm,
}

impl Layer {
    pub fn dense_mut(&mut self) -> &mut [Dense] {
        match self {
            Layer::Permutation(_) | Layer::Linear { .. } | Layer::ActNorm { .. } => &mut [],
            Layer::Coupling { dense, .. }
            | Layer::SplineCoupling { dense, .. }
            | Layer::MaskedAffine { dense, .. }
            | Layer::MaskedSpline { dense, .. } => dense,
        }
    }
}

/// What degrees depend on: the columns on a line and the features.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub lines: usize,
    pub features: usize,
}

impl Order {
    /// The degree of a hidden unit.
    pub fn degree(self, unit: usize, units: usize) -> usize {
        match self.features {
            0 => 1 + unit * (self.lines - 1) / units,
            _ => unit * self.lines / units,
        }
    }

    /// The inputs of a masked conditioner.
    pub fn inputs(self) -> usize {
        self.features + if self.lines > 1 { self.lines } else { 0 }
    }
}

/// For each layer of an autoregressive conditioner the degrees that its outputs may see, and those of its inputs.
fn degrees(order: Order, dense: &[Dense], column: impl Fn(usize) -> usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut below: Vec<usize> = vec![0; order.features];
    below.extend(1..=order.inputs() - order.features);
    let mut result = vec![];
    for (i, d) in dense.iter().enumerate() {
        let hidden = i + 1 < dense.len();
        let above: Vec<usize> =
            (0..d.outputs).map(|o| if hidden { order.degree(o, d.outputs) } else { column(o) }).collect();
        result.push((below, above.clone()));
        below = above;
    }
    result
}

/// Sets weights that may not exist to zero.
fn mask(order: Order, dense: &mut [Dense], column: impl Fn(usize) -> usize) {
    let degrees = degrees(order, dense, column);
    for (d, (below, above)) in dense.iter_mut().zip(degrees) {
        for (i, &b) in below.iter().enumerate() {
            for (o, &a) in above.iter().enumerate() {
                if b > a {
                    d.weights[i * d.outputs + o] = 0.0;
                }
            }
        }
    }
}

/// What the way to the data takes: the length of both buffers and the products.
pub fn sequential(
    order: Order,
    dense: &[Dense],
    column: impl Fn(usize) -> usize,
    together: bool,
) -> (usize, usize, usize) {
    let outputs = dense.last().unwrap().outputs;
    let (mut a, mut b, mut macs) = (0, 0, 0);
    if together {
        b = (outputs / order.lines + 7).div_ceil(8) * 8;
    }
    for (i, (below, above)) in degrees(order, dense, column).iter().enumerate() {
        let hidden = i + 1 < dense.len();
        if hidden {
            a += above.len().div_ceil(8) * 8;
        }
        for step in 0..=order.lines {
            let seen = below.iter().filter(|&&d| d <= step).count();
            let mine: Vec<usize> = (0..above.len()).filter(|&o| above[o] == step).collect();
            let mut panels: Vec<usize> = mine.iter().map(|o| o / 8).collect();
            panels.dedup();
            macs += seen * if hidden || together { 8 * panels.len() } else { mine.len() };
        }
    }
    (a, b, macs)
}

/// Random layers of a kind, permutations between them; `kept` matters for couplings only.
pub fn random_layers(
    kind: Kind,
    draw: &mut Draw,
    order: Order,
    hidden: &[usize],
    kept: usize,
    layers_wanted: usize,
) -> Vec<Layer> {
    let dim = order.lines;
    let (inputs, moved) = match kind {
        Kind::MaskedAffine | Kind::MaskedSpline(_) => (order.inputs(), dim),
        _ => (order.features + kept, dim - kept),
    };
    let each = match kind {
        Kind::SplineCoupling(bins) | Kind::ResidualSplineCoupling(bins) | Kind::MaskedSpline(bins) => 3 * bins - 1,
        _ => 2,
    };
    let residual = matches!(kind, Kind::ResidualCoupling | Kind::ResidualSplineCoupling(_));
    let mut layers = Vec::new();
    for _ in 0..layers_wanted {
        if dim > 1 {
            let mut order: Vec<usize> = (0..dim).collect();
            for i in (1..dim).rev() {
                order.swap(i, draw.below(i + 1));
            }
            layers.push(Layer::Permutation(order));
        }
        let mut dense = random_chain(draw, inputs, hidden, each * moved, residual);
        layers.push(match kind {
            Kind::Coupling | Kind::ResidualCoupling => Layer::Coupling { kept, bound: 2.0, dense },
            Kind::SplineCoupling(bins) | Kind::ResidualSplineCoupling(bins) => {
                Layer::SplineCoupling { kept, bound: 4.0, bins, dense }
            }
            Kind::MaskedAffine => {
                mask(order, &mut dense, |o| o % dim);
                Layer::MaskedAffine { bound: 2.0, dense }
            }
            Kind::MaskedSpline(bins) => {
                mask(order, &mut dense, |o| o / each);
                Layer::MaskedSpline { bound: 4.0, bins, dense }
            }
            Kind::Linear => linear(draw, dim),
            Kind::ActNorm => {
                let log_scale: Vec<f64> = (0..dim).map(|_| f64::from(draw.around(0.5))).collect();
                Layer::ActNorm {
                    scale: log_scale.iter().map(|s| s.exp() as f32).collect(),
                    shift: (0..dim).map(|_| draw.around(1.0)).collect(),
                    log_det: log_scale.iter().sum::<f64>() as f32,
                }
            }
        });
    }
    layers
}

/// A random linear layer.
fn linear(draw: &mut Draw, dim: usize) -> Layer {
    let around = |draw: &mut Draw| f64::from(draw.around(0.5)) / (dim as f64).sqrt();
    let diagonal: Vec<f64> = (0..dim).map(|_| f64::from(draw.around(0.4))).collect();
    let mut lower = vec![vec![0.0; dim]; dim];
    let mut upper = lower.clone();
    for i in 0..dim {
        for j in 0..dim {
            match i.cmp(&j) {
                std::cmp::Ordering::Greater => lower[i][j] = around(draw),
                std::cmp::Ordering::Less => upper[i][j] = around(draw),
                std::cmp::Ordering::Equal => (lower[i][i], upper[i][i]) = (1.0, diagonal[i].exp()),
            }
        }
    }
    let forward = product(&lower, &upper);
    let back = Dense::square(&inverse(&forward), vec![0.0; dim]);
    let log_det = diagonal.iter().sum::<f64>() as f32;
    Layer::Linear { dense: [Dense::square(&forward, vec![0.0; dim]), back], log_det }
}

/// The product of two square matrices.
fn product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = a.len();
    (0..n).map(|i| (0..n).map(|j| (0..n).map(|k| a[i][k] * b[k][j]).sum()).collect()).collect()
}

/// The inverse of a matrix by Gauss and Jordan.
fn inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|i| matrix[i].iter().copied().chain((0..n).map(|j| if i == j { 1.0 } else { 0.0 })).collect())
        .collect();
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| rows[a][k].abs().total_cmp(&rows[b][k].abs())).unwrap();
        rows.swap(k, pivot);
        let scale = rows[k][k];
        rows[k].iter_mut().for_each(|v| *v /= scale);
        for i in (0..n).filter(|&i| i != k) {
            let factor = rows[i][k];
            let from = rows[k].clone();
            rows[i].iter_mut().zip(from).for_each(|(v, f)| *v -= factor * f);
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}
