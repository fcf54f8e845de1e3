//! A second, plain writer of the format and an f64 reference of the arithmetic, both straight from `spec/format.md`.
#![allow(dead_code, missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

use flow_nostd::layout::crc32;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use zerocopy::IntoBytes;

pub const KNEE: f32 = 6.0;

/// Bytes at a multiple of 16.
pub struct Aligned(Vec<u128>, usize);

impl Aligned {
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        Aligned(words, bytes.len())
    }
    pub fn bytes(&self) -> &[u8] {
        &self.0.as_bytes()[..self.1]
    }
    pub fn all_mut(&mut self) -> &mut [u8] {
        let n = self.1;
        &mut self.0.as_mut_bytes()[..n]
    }
}

#[derive(Clone, Debug)]
pub enum Column {
    Continuous([f32; 3]),
    Integer([f32; 3]),
    Constant([f32; 4]),
}

#[derive(Clone, Debug)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// `[inputs, outputs]`.
    pub weights: Vec<f32>,
    pub biases: Vec<f32>,
}

#[derive(Clone, Debug)]
pub enum Layer {
    Permutation(Vec<usize>),
    Coupling { kept: usize, bound: f32, dense: Vec<Dense> },
    SplineCoupling { kept: usize, bound: f32, bins: usize, dense: Vec<Dense> },
    MaskedAffine { bound: f32, dense: Vec<Dense> },
    MaskedSpline { bound: f32, bins: usize, dense: Vec<Dense> },
}

/// A kind of layer with its conditioner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Coupling,
    SplineCoupling(usize),
    MaskedAffine,
    MaskedSpline(usize),
}

impl Layer {
    pub fn dense_mut(&mut self) -> &mut [Dense] {
        match self {
            Layer::Permutation(_) => &mut [],
            Layer::Coupling { dense, .. }
            | Layer::SplineCoupling { dense, .. }
            | Layer::MaskedAffine { dense, .. }
            | Layer::MaskedSpline { dense, .. } => dense,
        }
    }
}

/// The degree of a hidden unit.
pub fn degree(unit: usize, units: usize, dim: usize) -> usize {
    1 + unit * (dim - 1) / units
}

/// For each layer of an autoregressive conditioner the degrees that its outputs may see, and those of its inputs.
fn degrees(dim: usize, dense: &[Dense], column: impl Fn(usize) -> usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut below: Vec<usize> = (1..=dim).collect();
    let mut result = vec![];
    for (i, d) in dense.iter().enumerate() {
        let hidden = i + 1 < dense.len();
        let above: Vec<usize> =
            (0..d.outputs).map(|o| if hidden { degree(o, d.outputs, dim) } else { column(o) }).collect();
        result.push((below, above.clone()));
        below = above;
    }
    result
}

/// Sets weights that may not exist to zero.
fn mask(dim: usize, dense: &mut [Dense], column: impl Fn(usize) -> usize) {
    if dim == 1 {
        return;
    }
    let degrees = degrees(dim, dense, column);
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
fn sequential(dim: usize, dense: &[Dense], column: impl Fn(usize) -> usize, together: bool) -> (usize, usize, usize) {
    let outputs = dense.last().unwrap().outputs;
    let (mut a, mut b, mut macs) = (0, 0, 0);
    if together {
        b = (outputs / dim + 7).div_ceil(8) * 8;
    }
    if dim == 1 {
        return (a, b, macs);
    }
    for (i, (below, above)) in degrees(dim, dense, column).iter().enumerate() {
        let hidden = i + 1 < dense.len();
        if hidden {
            a += above.len().div_ceil(8) * 8;
        }
        for step in 0..=dim {
            let seen = below.iter().filter(|&&d| d <= step).count();
            let mine: Vec<usize> = (0..above.len()).filter(|&o| above[o] == step).collect();
            let mut panels: Vec<usize> = mine.iter().map(|o| o / 8).collect();
            panels.dedup();
            macs += seen * if hidden || together { 8 * panels.len() } else { mine.len() };
        }
    }
    (a, b, macs)
}

#[derive(Clone, Debug)]
pub struct Model {
    pub columns: Vec<Column>,
    pub knee: f32,
    pub rate: f32,
    pub layers: Vec<Layer>,
    pub probes: Vec<(Vec<f32>, u32)>,
}

pub struct Draw(pub Pcg32);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Draw(Pcg32::seed_from_u64(seed))
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u32() as usize) % n
    }
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }
    pub fn around(&mut self, bound: f32) -> f32 {
        bound * (2.0 * self.uniform() - 1.0)
    }
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
    pub fn any_finite(&mut self) -> f32 {
        loop {
            let v = f32::from_bits(self.0.next_u32());
            if v.is_finite() {
                return v;
            }
        }
    }
}

/// A model of affine couplings with random weights, about as large as trained ones.
pub fn random_model(seed: u64, dim: usize, hidden: &[usize], kept: usize, couplings: usize) -> Model {
    model_of(Kind::Coupling, seed, dim, hidden, kept, couplings)
}

/// A model with random weights, about as large as trained ones; `kept` matters for couplings only.
pub fn model_of(kind: Kind, seed: u64, dim: usize, hidden: &[usize], kept: usize, layers_wanted: usize) -> Model {
    let mut draw = Draw::new(seed);
    let mut columns: Vec<Column> = (0..dim)
        .map(|j| {
            let standard = [draw.around(5.0), 0.1 + 3.0 * draw.uniform(), 4.0 + 4.0 * draw.uniform()];
            if j % 3 == 1 { Column::Integer(standard) } else { Column::Continuous(standard) }
        })
        .collect();
    columns.insert(dim / 2, Column::Constant([2.5, -0.01, -7.0, 0.5]));
    let (inputs, moved) = match kind {
        Kind::Coupling | Kind::SplineCoupling(_) => (kept, dim - kept),
        Kind::MaskedAffine | Kind::MaskedSpline(_) => (if dim == 1 { 0 } else { dim }, dim),
    };
    let each = match kind {
        Kind::Coupling | Kind::MaskedAffine => 2,
        Kind::SplineCoupling(bins) | Kind::MaskedSpline(bins) => 3 * bins - 1,
    };
    let mut layers = Vec::new();
    for _ in 0..layers_wanted {
        if dim > 1 {
            let mut order: Vec<usize> = (0..dim).collect();
            for i in (1..dim).rev() {
                order.swap(i, draw.below(i + 1));
            }
            layers.push(Layer::Permutation(order));
        }
        let mut widths = vec![inputs];
        widths.extend_from_slice(if inputs == 0 { &[] } else { hidden });
        widths.push(each * moved);
        let mut dense: Vec<Dense> = widths
            .windows(2)
            .map(|w| {
                let scale = 1.2 / (w[0].max(1) as f32).sqrt();
                Dense {
                    inputs: w[0],
                    outputs: w[1],
                    weights: (0..w[0] * w[1]).map(|_| draw.around(scale)).collect(),
                    biases: (0..w[1]).map(|_| draw.around(0.3)).collect(),
                }
            })
            .collect();
        layers.push(match kind {
            Kind::Coupling => Layer::Coupling { kept, bound: 2.0, dense },
            Kind::SplineCoupling(bins) => Layer::SplineCoupling { kept, bound: 4.0, bins, dense },
            Kind::MaskedAffine => {
                mask(dim, &mut dense, |o| o % dim);
                Layer::MaskedAffine { bound: 2.0, dense }
            }
            Kind::MaskedSpline(bins) => {
                mask(dim, &mut dense, |o| o / each);
                Layer::MaskedSpline { bound: 4.0, bins, dense }
            }
        });
    }
    Model { columns, knee: KNEE, rate: 1.5, layers, probes: Vec::new() }
}

impl Model {
    pub fn dim(&self) -> usize {
        self.columns.iter().filter(|c| !matches!(c, Column::Constant(_))).count()
    }

    /// A row near the training data that the model stands for, `spread` standard deviations wide.
    pub fn row(&self, draw: &mut Draw, spread: f32) -> Vec<f32> {
        self.columns
            .iter()
            .map(|c| match c {
                Column::Continuous([center, scale, _]) => center + scale * spread * draw.normal(),
                Column::Integer([center, scale, _]) => (center + scale * spread * draw.normal()).floor(),
                Column::Constant([value, ..]) => *value,
            })
            .collect()
    }

    /// The file, byte by byte.
    pub fn file(&self) -> Vec<u8> {
        let dim = self.dim();
        let (mut columns, mut layers, mut dense, mut indices, mut weights) = (vec![], vec![], vec![], vec![], vec![]);
        let f = |out: &mut Vec<u8>, v: f32| out.extend(v.to_le_bytes());
        let h = |out: &mut Vec<u8>, v: usize| out.extend(u16::try_from(v).unwrap().to_le_bytes());
        let w = |out: &mut Vec<u8>, v: usize| out.extend(u32::try_from(v).unwrap().to_le_bytes());
        let mut log_volume = 0.0f64;
        for c in &self.columns {
            let (kind, values) = match *c {
                Column::Continuous([c, s, r]) => (1, [c, s, r, 0.0]),
                Column::Integer([c, s, r]) => (2, [c, s, r, 0.5]),
                Column::Constant(values) => (3, values),
            };
            if kind != 3 {
                log_volume -= f64::from(values[1]).ln();
            }
            h(&mut columns, kind);
            h(&mut columns, 0);
            values.iter().for_each(|&v| f(&mut columns, v));
            columns.extend([0; 12]);
        }
        let (mut a, mut b, mut macs, mut macs_sample, mut dense_count) = (0, 0, 0, 0, 0);
        for layer in &self.layers {
            let start = layers.len();
            let mut chain: &[Dense] = &[];
            let mut head = |kind: usize, kept: usize, dense: &[Dense], bound: f32, bins: usize| {
                [kind, kept, dense_count, dense.len()].iter().for_each(|&v| h(&mut layers, v));
                f(&mut layers, bound);
                h(&mut layers, bins);
            };
            match layer {
                Layer::Permutation(order) => {
                    h(&mut layers, 1);
                    h(&mut layers, 0);
                    w(&mut layers, indices.len() / 2);
                    order.iter().for_each(|&j| h(&mut indices, j));
                    for j in 0..dim {
                        h(&mut indices, order.iter().position(|&o| o == j).unwrap());
                    }
                    a = a.max(dim);
                }
                Layer::Coupling { kept, bound, dense } => {
                    head(2, *kept, dense, *bound, 0);
                    chain = dense;
                }
                Layer::SplineCoupling { kept, bound, bins, dense } => {
                    head(3, *kept, dense, *bound, *bins);
                    chain = dense;
                }
                Layer::MaskedAffine { bound, dense } => {
                    head(4, 0, dense, *bound, 0);
                    chain = dense;
                }
                Layer::MaskedSpline { bound, bins, dense } => {
                    head(5, 0, dense, *bound, *bins);
                    chain = dense;
                }
            }
            let products: usize = chain.iter().map(|d| d.inputs * d.outputs).sum();
            macs += products;
            let back = match layer {
                Layer::MaskedAffine { dense, .. } => Some(sequential(dim, dense, |o| o % dim, false)),
                Layer::MaskedSpline { dense, bins, .. } => Some(sequential(dim, dense, |o| o / (3 * bins - 1), true)),
                _ => None,
            };
            macs_sample += back.map_or(products, |(_, _, macs)| macs);
            if let Some((more_a, more_b, _)) = back {
                a = a.max(more_a);
                b = b.max(more_b);
            }
            for (i, d) in chain.iter().enumerate() {
                dense_count += 1;
                let padded = d.outputs.div_ceil(8) * 8;
                if i % 2 == 0 {
                    a = a.max(padded)
                } else {
                    b = b.max(padded)
                }
                h(&mut dense, d.inputs);
                h(&mut dense, d.outputs);
                h(&mut dense, usize::from(i + 1 < chain.len()));
                h(&mut dense, 0);
                w(&mut dense, weights.len() / 4);
                for o in (0..padded).step_by(8) {
                    for i in 0..d.inputs {
                        for lane in o..o + 8 {
                            f(&mut weights, if lane < d.outputs { d.weights[i * d.outputs + lane] } else { 0.0 });
                        }
                    }
                }
                w(&mut dense, weights.len() / 4);
                for lane in 0..padded {
                    f(&mut weights, if lane < d.outputs { d.biases[lane] } else { 0.0 });
                }
            }
            layers.resize(start + 32, 0);
        }
        let mut tails = vec![];
        [self.knee, self.rate, log_volume as f32, 0.0].iter().for_each(|&v| f(&mut tails, v));
        let mut base = vec![1, 0];
        base.resize(16, 0);
        let mut names = vec![];
        for j in 0..self.columns.len() {
            let name = format!("c{j}");
            h(&mut names, name.len());
            names.extend(name.bytes());
        }
        let mut probes = vec![];
        for (row, bits) in &self.probes {
            row.iter().for_each(|&v| f(&mut probes, v));
            w(&mut probes, *bits as usize);
        }
        let mut sections = vec![
            (b"COLS", 1, columns),
            (b"TAIL", 1, tails),
            (b"LAYR", 1, layers),
            (b"DENS", 1, dense),
            (b"INDX", 1, indices),
            (b"BASE", 1, base),
            (b"NAME", 0, names),
        ];
        if !probes.is_empty() {
            sections.push((b"PROB", 0, probes));
        }
        sections.push((b"WGHT", 1, weights));

        let mut file = vec![0u8; 128 + 16 * sections.len()];
        for (i, (tag, flags, data)) in sections.iter().enumerate() {
            let mut entry = tag.to_vec();
            w(&mut entry, *flags);
            w(&mut entry, file.len());
            w(&mut entry, data.len());
            file[128 + 16 * i..144 + 16 * i].copy_from_slice(&entry);
            file.extend(data);
            file.resize(file.len().next_multiple_of(16), 0);
        }
        let total = file.len();
        file[..8].copy_from_slice(b"\x89FLOW\r\n\x1a");
        let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(8, &1u16.to_le_bytes());
        put(12, &128u32.to_le_bytes());
        put(16, &(total as u32).to_le_bytes());
        for (offset, count) in
            [(48, self.columns.len()), (50, dim), (54, self.layers.len()), (56, dense_count), (58, sections.len())]
        {
            put(offset, &(count as u16).to_le_bytes());
        }
        put(64, &((dim + a + b) as u32).to_le_bytes());
        put(68, &(macs as u32).to_le_bytes());
        put(72, &(macs_sample as u32).to_le_bytes());
        seal(&mut file);
        file
    }

    /// The latent vector, log-determinant, log-density and S (sum of the terms' magnitudes) of a row, in f64.
    pub fn reference(&self, row: &[f32]) -> (Vec<f64>, f64, f64, f64) {
        let (mut u, mut reach, mut log_det, mut s) = (vec![], vec![], 0.0f64, 0.0f64);
        let mut add = |log_det: &mut f64, v: f64| {
            *log_det += v;
            s += v.abs();
        };
        for (c, &x) in self.columns.iter().zip(row) {
            let x = f64::from(x);
            match *c {
                Column::Continuous([center, scale, r]) | Column::Integer([center, scale, r]) => {
                    let mid = if matches!(c, Column::Integer(_)) { 0.5 } else { 0.0 };
                    u.push(((x + mid - f64::from(center)) / f64::from(scale)).clamp(-1e30, 1e30));
                    reach.push(f64::from(r));
                    add(&mut log_det, -f64::from(scale).ln());
                }
                Column::Constant([value, mass, other, unit]) => {
                    let distance = (x - f64::from(value)).abs() / f64::from(unit);
                    let term = if distance == 0.0 { f64::from(mass) } else { f64::from(other) - distance.ln_1p() };
                    add(&mut log_det, term);
                }
            }
        }
        let alpha = u.iter().zip(&reach).fold(1.0f64, |a, (u, r)| a.max(u.abs() / r));
        add(&mut log_det, -f64::from(self.rate) * (alpha - 1.0));
        let knee = f64::from(self.knee);
        let mut v: Vec<f64> = Vec::new();
        for u in u {
            let u = u / alpha;
            let e = (u.abs() - knee).max(0.0);
            add(&mut log_det, -e.ln_1p());
            v.push(if e > 0.0 { u.signum() * (knee + e.ln_1p()) } else { u });
        }
        for layer in &self.layers {
            match layer {
                Layer::Permutation(order) => v = order.iter().map(|&j| v[j]).collect(),
                Layer::Coupling { kept, bound, dense } => {
                    let out = conditioner(dense, &v[..*kept]);
                    let (t, r) = out.split_at(v.len() - kept);
                    for j in *kept..v.len() {
                        let scale = log_scale(r[j - kept], *bound);
                        v[j] = v[j] * scale.exp() + t[j - kept];
                        add(&mut log_det, scale);
                    }
                }
                Layer::SplineCoupling { kept, bound, bins, dense } => {
                    let out = conditioner(dense, &v[..*kept]);
                    for (y, raw) in v[*kept..].iter_mut().zip(out.chunks(3 * bins - 1)) {
                        let spline = Spline::new(*bound, *bins, raw);
                        add(&mut log_det, spline.log_slope(*y));
                        *y = spline.at(*y);
                    }
                }
                Layer::MaskedAffine { bound, dense } => {
                    let out = conditioner(dense, &v[..dense[0].inputs]);
                    let (t, r) = out.split_at(v.len());
                    for (j, y) in v.iter_mut().enumerate() {
                        let scale = log_scale(r[j], *bound);
                        *y = *y * scale.exp() + t[j];
                        add(&mut log_det, scale);
                    }
                }
                Layer::MaskedSpline { bound, bins, dense } => {
                    let out = conditioner(dense, &v[..dense[0].inputs]);
                    for (y, raw) in v.iter_mut().zip(out.chunks(3 * bins - 1)) {
                        let spline = Spline::new(*bound, *bins, raw);
                        add(&mut log_det, spline.log_slope(*y));
                        *y = spline.at(*y);
                    }
                }
            }
        }
        let mut base = 0.0;
        for z in &v {
            add(&mut base, -z * z / 2.0);
            add(&mut base, -0.5 * (2.0 * std::f64::consts::PI).ln());
        }
        (v, log_det, base + log_det, s)
    }

    /// The row of a latent vector, in f64.
    pub fn reference_to_data(&self, z: &[f64]) -> Vec<f64> {
        let mut v = z.to_vec();
        for layer in self.layers.iter().rev() {
            match layer {
                Layer::Permutation(order) => {
                    let mut x = vec![0.0; v.len()];
                    order.iter().zip(&v).for_each(|(&j, &y)| x[j] = y);
                    v = x;
                }
                Layer::Coupling { kept, bound, dense } => {
                    let out = conditioner(dense, &v[..*kept]);
                    let (t, r) = out.split_at(v.len() - kept);
                    for j in *kept..v.len() {
                        v[j] = (v[j] - t[j - kept]) * (-log_scale(r[j - kept], *bound)).exp();
                    }
                }
                Layer::SplineCoupling { kept, bound, bins, dense } => {
                    let out = conditioner(dense, &v[..*kept]);
                    for (y, raw) in v[*kept..].iter_mut().zip(out.chunks(3 * bins - 1)) {
                        *y = Spline::new(*bound, *bins, raw).back(*y);
                    }
                }
                // The whole conditioner anew for each column, whose outputs do not see what is not known yet.
                Layer::MaskedAffine { bound, dense } => {
                    let n = v.len();
                    for j in 0..n {
                        let out = conditioner(dense, &v[..dense[0].inputs]);
                        v[j] = (v[j] - out[j]) * (-log_scale(out[n + j], *bound)).exp();
                    }
                }
                Layer::MaskedSpline { bound, bins, dense } => {
                    for j in 0..v.len() {
                        let out = conditioner(dense, &v[..dense[0].inputs]);
                        let raw = out.chunks(3 * bins - 1).nth(j).unwrap();
                        v[j] = Spline::new(*bound, *bins, raw).back(v[j]);
                    }
                }
            }
        }
        let knee = f64::from(self.knee);
        let mut values = v.into_iter();
        self.columns
            .iter()
            .map(|c| match *c {
                Column::Continuous([center, scale, _]) | Column::Integer([center, scale, _]) => {
                    let v = values.next().unwrap();
                    let u = if v.abs() > knee { v.signum() * (knee + (v.abs() - knee).min(80.0).exp_m1()) } else { v };
                    let q = u * f64::from(scale) + f64::from(center);
                    if matches!(c, Column::Integer(_)) { q.floor() } else { q }
                }
                Column::Constant([value, ..]) => f64::from(value),
            })
            .collect()
    }
}

fn log_scale(raw: f64, bound: f32) -> f64 {
    raw / (1.0 + raw.abs() / f64::from(bound))
}

/// A spline as Durkan et al. write it (arXiv 1906.04032, equations 4 to 8), inverted by bisection.
pub struct Spline {
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Spline {
    pub fn new(bound: f32, bins: usize, raw: &[f64]) -> Self {
        let bound = f64::from(bound);
        let positive = |r: f64| if r < 0.0 { 1.0 / (1.0 - r) } else { 1.0 + r };
        let knots = |raw: &[f64]| {
            let total: f64 = raw.iter().map(|&r| positive(r)).sum();
            let mut knots = vec![-bound];
            for &r in raw {
                let share = 1e-3 + (1.0 - bins as f64 * 1e-3) * positive(r) / total;
                knots.push(knots.last().unwrap() + 2.0 * bound * share);
            }
            knots[bins] = bound;
            knots
        };
        let mut slopes = vec![1.0];
        slopes.extend(raw[2 * bins..].iter().map(|&r| 1e-3 + (1.0 - 1e-3) * positive(r)));
        slopes.push(1.0);
        Spline { x: knots(&raw[..bins]), y: knots(&raw[bins..2 * bins]), slopes }
    }

    /// Bin, position in it, mean slope and the denominator of equation 4.
    fn place(&self, x: f64) -> Option<(usize, f64, f64, f64)> {
        let last = self.x.len() - 1;
        if x <= self.x[0] || x >= self.x[last] {
            return None;
        }
        let k = (1..last).filter(|&k| x > self.x[k]).count();
        let width = self.x[k + 1] - self.x[k];
        let (s, xi) = ((self.y[k + 1] - self.y[k]) / width, (x - self.x[k]) / width);
        Some((k, xi, s, s + (self.slopes[k + 1] + self.slopes[k] - 2.0 * s) * xi * (1.0 - xi)))
    }

    pub fn at(&self, x: f64) -> f64 {
        let Some((k, xi, s, denominator)) = self.place(x) else { return x };
        let numerator = (self.y[k + 1] - self.y[k]) * (s * xi * xi + self.slopes[k] * xi * (1.0 - xi));
        self.y[k] + numerator / denominator
    }

    pub fn log_slope(&self, x: f64) -> f64 {
        let Some((k, xi, s, denominator)) = self.place(x) else { return 0.0 };
        let bent = self.slopes[k + 1] * xi * xi + 2.0 * s * xi * (1.0 - xi) + self.slopes[k] * (1.0 - xi) * (1.0 - xi);
        (s * s * bent / (denominator * denominator)).ln()
    }

    pub fn back(&self, y: f64) -> f64 {
        let (mut low, mut high) = (self.x[0], self.x[self.x.len() - 1]);
        if y <= low || y >= high {
            return y;
        }
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if self.at(middle) < y { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}

fn conditioner(dense: &[Dense], input: &[f64]) -> Vec<f64> {
    let mut h = input.to_vec();
    for (i, d) in dense.iter().enumerate() {
        h = (0..d.outputs)
            .map(|o| {
                let sum = (0..d.inputs).map(|i| h[i] * f64::from(d.weights[i * d.outputs + o])).sum::<f64>();
                let y = sum + f64::from(d.biases[o]);
                if i + 1 < dense.len() { y.max(0.0) } else { y }
            })
            .collect();
    }
    h
}

/// Makes both CRCs right.
pub fn seal(file: &mut [u8]) {
    let total = u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize;
    let end = total.clamp(128, file.len().max(128));
    let crc = crc32(&file[128..end]);
    file[120..124].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32(&file[..124]);
    file[124..128].copy_from_slice(&crc.to_le_bytes());
}
