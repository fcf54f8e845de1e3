//! A second, plain writer of the format and an f64 reference of the arithmetic, both straight from `spec/format.md`.
#![allow(dead_code, missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod columns;

use columns::random_columns;
pub use columns::{Atom, Column};
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
    fn inputs(self) -> usize {
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
fn sequential(order: Order, dense: &[Dense], column: impl Fn(usize) -> usize, together: bool) -> (usize, usize, usize) {
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

/// The spline of a circular column.
#[derive(Clone, Debug)]
pub struct Circle {
    pub bins: usize,
    pub dense: Vec<Dense>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    /// In the order of the file's records, context among them; so are the values of a row here.
    pub columns: Vec<Column>,
    /// The atoms of each column; none where the list ends before it.
    pub atoms: Vec<Vec<Atom>>,
    /// One for each circular column.
    pub circles: Vec<Circle>,
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
    let layers = random_layers(kind, &mut draw, Order { lines: dim, features: 0 }, hidden, kept, layers_wanted);
    Model { columns, knee: KNEE, rate: 1.5, layers, ..Model::default() }
}

/// A model over columns of every kind.
pub fn family_of(
    kind: Kind,
    seed: u64,
    [lines, circular, context]: [usize; 3],
    hidden: &[usize],
    kept: usize,
    layers_wanted: usize,
) -> Model {
    let mut draw = Draw::new(seed);
    let (columns, atoms) = random_columns(&mut draw, lines, circular, context).into_iter().unzip();
    let bins = 2 + draw.below(7);
    let circles = (0..circular)
        .map(|j| Circle { bins, dense: random_chain(&mut draw, context + 2 * j, hidden, 3 * bins) })
        .collect();
    let order = Order { lines, features: context + 2 * circular };
    let layers = if lines == 0 { vec![] } else { random_layers(kind, &mut draw, order, hidden, kept, layers_wanted) };
    Model { columns, atoms, circles, knee: KNEE, rate: 1.5, layers, ..Model::default() }
}

/// Dense layers with random weights; without inputs a bias alone.
fn random_chain(draw: &mut Draw, inputs: usize, hidden: &[usize], outputs: usize) -> Vec<Dense> {
    let mut widths = vec![inputs];
    widths.extend_from_slice(if inputs == 0 { &[] } else { hidden });
    widths.push(outputs);
    widths
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
        .collect()
}

fn random_layers(
    kind: Kind,
    draw: &mut Draw,
    order: Order,
    hidden: &[usize],
    kept: usize,
    layers_wanted: usize,
) -> Vec<Layer> {
    let dim = order.lines;
    let (inputs, moved) = match kind {
        Kind::Coupling | Kind::SplineCoupling(_) => (order.features + kept, dim - kept),
        Kind::MaskedAffine | Kind::MaskedSpline(_) => (order.inputs(), dim),
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
        let mut dense = random_chain(draw, inputs, hidden, each * moved);
        layers.push(match kind {
            Kind::Coupling => Layer::Coupling { kept, bound: 2.0, dense },
            Kind::SplineCoupling(bins) => Layer::SplineCoupling { kept, bound: 4.0, bins, dense },
            Kind::MaskedAffine => {
                mask(order, &mut dense, |o| o % dim);
                Layer::MaskedAffine { bound: 2.0, dense }
            }
            Kind::MaskedSpline(bins) => {
                mask(order, &mut dense, |o| o / each);
                Layer::MaskedSpline { bound: 4.0, bins, dense }
            }
        });
    }
    layers
}

impl Model {
    /// Number of columns on a line.
    pub fn lines(&self) -> usize {
        self.columns.iter().filter(|c| c.standard().is_some()).count()
    }

    /// Number of latent values.
    pub fn dim(&self) -> usize {
        self.lines() + self.circles.len()
    }

    /// Number of context columns.
    pub fn context(&self) -> usize {
        self.columns.iter().filter(|c| matches!(c, Column::Context(_))).count()
    }

    fn order(&self) -> Order {
        Order { lines: self.lines(), features: self.context() + 2 * self.circles.len() }
    }

    pub fn atoms(&self, j: usize) -> &[Atom] {
        self.atoms.get(j).map_or(&[], Vec::as_slice)
    }

    /// A row, context among it, near the training data that the model stands for, `spread` standard deviations wide.
    pub fn row(&self, draw: &mut Draw, spread: f32) -> Vec<f32> {
        self.columns.iter().enumerate().map(|(j, c)| c.draw(self.atoms(j), draw, spread)).collect()
    }

    /// The values of a row, and those of its context.
    pub fn split(&self, all: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let context = |j: &usize| matches!(self.columns[*j], Column::Context(_));
        let (given, modelled): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(context);
        (modelled.into_iter().map(|j| all[j]).collect(), given.into_iter().map(|j| all[j]).collect())
    }

    /// The columns that a row's values belong to, and their atoms.
    pub fn modelled(&self) -> impl Iterator<Item = (&Column, &[Atom])> {
        let all = self.columns.iter().enumerate().map(|(j, c)| (c, self.atoms(j)));
        all.filter(|(c, _)| !matches!(c, Column::Context(_)))
    }

    /// The file, byte by byte.
    pub fn file(&self) -> Vec<u8> {
        let dim = self.dim();
        let (mut columns, mut layers, mut dense, mut indices, mut weights) = (vec![], vec![], vec![], vec![], vec![]);
        let f = |out: &mut Vec<u8>, v: f32| out.extend(v.to_le_bytes());
        let h = |out: &mut Vec<u8>, v: usize| out.extend(u16::try_from(v).unwrap().to_le_bytes());
        let w = |out: &mut Vec<u8>, v: usize| out.extend(u32::try_from(v).unwrap().to_le_bytes());
        let mut log_volume = 0.0f64;
        let mut atoms = vec![];
        for (j, c) in self.columns.iter().enumerate() {
            let (kind, values, extra) = c.record();
            if c.standard().is_some() || matches!(c, Column::Circular(_)) {
                log_volume -= f64::from(values[1]).ln();
            }
            h(&mut columns, kind);
            h(&mut columns, self.atoms(j).len());
            values.iter().chain(&extra).for_each(|&v| f(&mut columns, v));
            for &Atom { value, cut, width } in self.atoms(j) {
                [value, cut, width, f64::from(width).ln() as f32].iter().for_each(|&v| f(&mut atoms, v));
            }
        }
        let order = self.order();
        let lines = order.lines;
        let (mut a, mut b, mut macs, mut macs_sample, mut dense_count) = (0, 0, 0, 0, 0);
        let mut circles = vec![];
        for Circle { bins, dense: chain } in &self.circles {
            [dense_count, chain.len(), *bins].iter().for_each(|&v| h(&mut circles, v));
            circles.extend([0; 10]);
            let products: usize = chain.iter().map(|d| d.inputs * d.outputs).sum();
            macs += products;
            macs_sample += products;
            write_chain(chain, &mut dense, &mut weights, &mut [&mut a, &mut b]);
            dense_count += chain.len();
        }
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
                    for j in 0..lines {
                        h(&mut indices, order.iter().position(|&o| o == j).unwrap());
                    }
                    a = a.max(lines);
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
                Layer::MaskedAffine { dense, .. } => Some(sequential(order, dense, |o| o % lines, false)),
                Layer::MaskedSpline { dense, bins, .. } => Some(sequential(order, dense, |o| o / (3 * bins - 1), true)),
                _ => None,
            };
            macs_sample += back.map_or(products, |(_, _, macs)| macs);
            if let Some((more_a, more_b, _)) = back {
                a = a.max(more_a);
                b = b.max(more_b);
            }
            write_chain(chain, &mut dense, &mut weights, &mut [&mut a, &mut b]);
            dense_count += chain.len();
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
        let mut sections = vec![(b"COLS", 1, columns), (b"TAIL", 1, tails)];
        let newer = !atoms.is_empty() || !circles.is_empty() || self.columns.iter().any(|c| c.record().0 > 3);
        sections.extend((!atoms.is_empty()).then_some((b"ATOM", 1, atoms)));
        sections.extend((!circles.is_empty()).then_some((b"CIRC", 1, circles)));
        sections.extend([
            (b"LAYR", 1, layers),
            (b"DENS", 1, dense),
            (b"INDX", 1, indices),
            (b"BASE", 1, base),
            (b"NAME", 0, names),
        ]);
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
        put(10, &(if newer { 2u16 } else { 0 }).to_le_bytes());
        put(12, &128u32.to_le_bytes());
        put(16, &(total as u32).to_le_bytes());
        let context = self.context();
        for (offset, count) in [
            (48, self.columns.len() - context),
            (50, dim),
            (52, context),
            (54, self.layers.len()),
            (56, dense_count),
            (58, sections.len()),
        ] {
            put(offset, &(count as u16).to_le_bytes());
        }
        put(64, &((order.features + dim + a + b) as u32).to_le_bytes());
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
        let (mut features, mut angles) = (vec![], vec![]);
        for (j, (c, &x)) in self.columns.iter().zip(row).enumerate() {
            match *c {
                Column::Constant([value, mass, other, unit]) => {
                    let distance = (f64::from(x) - f64::from(value)).abs() / f64::from(unit);
                    let term = if distance == 0.0 { f64::from(mass) } else { f64::from(other) - distance.ln_1p() };
                    add(&mut log_det, term);
                }
                Column::Context(standard) => features.push(feature(standard, x)),
                Column::Circular([origin, period]) => {
                    let turns = (f64::from(x) - f64::from(origin)) / f64::from(period);
                    angles.push((2.0 * (turns - turns.floor()) - 1.0) * PI);
                    add(&mut log_det, -f64::from(period).ln());
                }
                _ => {
                    let [center, scale, r] = c.standard().unwrap();
                    let (q, terms) = c.place(self.atoms(j), x);
                    u.push(((q - f64::from(center)) / f64::from(scale)).clamp(-1e30, 1e30));
                    reach.push(f64::from(r));
                    add(&mut log_det, -f64::from(scale).ln());
                    terms.into_iter().for_each(|term| add(&mut log_det, term));
                }
            }
        }
        for (circle, theta) in self.circles.iter().zip(&mut angles) {
            let spline = Spline::new(PI as f32, circle.bins, &conditioner(&circle.dense, &features));
            features.extend([theta.cos(), theta.sin()]);
            add(&mut log_det, spline.log_slope(*theta));
            *theta = spline.at(*theta);
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
                    let out = conditioner(dense, &[&features, &v[..*kept]].concat());
                    let (t, r) = out.split_at(v.len() - kept);
                    for j in *kept..v.len() {
                        let scale = log_scale(r[j - kept], *bound);
                        v[j] = v[j] * scale.exp() + t[j - kept];
                        add(&mut log_det, scale);
                    }
                }
                Layer::SplineCoupling { kept, bound, bins, dense } => {
                    let out = conditioner(dense, &[&features, &v[..*kept]].concat());
                    for (y, raw) in v[*kept..].iter_mut().zip(out.chunks(3 * bins - 1)) {
                        let spline = Spline::new(*bound, *bins, raw);
                        add(&mut log_det, spline.log_slope(*y));
                        *y = spline.at(*y);
                    }
                }
                Layer::MaskedAffine { bound, dense } => {
                    let out = conditioner(dense, &[&features[..], &v].concat()[..dense[0].inputs]);
                    let (t, r) = out.split_at(v.len());
                    for (j, y) in v.iter_mut().enumerate() {
                        let scale = log_scale(r[j], *bound);
                        *y = *y * scale.exp() + t[j];
                        add(&mut log_det, scale);
                    }
                }
                Layer::MaskedSpline { bound, bins, dense } => {
                    let out = conditioner(dense, &[&features[..], &v].concat()[..dense[0].inputs]);
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
        v.extend(angles);
        (v, log_det, base + log_det, s)
    }

    /// The row (without context) of a latent vector in a context, in f64.
    pub fn reference_to_data(&self, z: &[f64], context: &[f32]) -> Vec<f64> {
        let (mut v, mut angles) = (z[..self.lines()].to_vec(), z[self.lines()..].to_vec());
        let given = self.columns.iter().filter_map(|c| if let Column::Context(s) = c { Some(*s) } else { None });
        let mut features: Vec<f64> = given.zip(context).map(|(standard, &x)| feature(standard, x)).collect();
        for (circle, theta) in self.circles.iter().zip(&mut angles) {
            *theta = Spline::new(PI as f32, circle.bins, &conditioner(&circle.dense, &features)).back(*theta);
            features.extend([theta.cos(), theta.sin()]);
        }
        for layer in self.layers.iter().rev() {
            match layer {
                Layer::Permutation(order) => {
                    let mut x = vec![0.0; v.len()];
                    order.iter().zip(&v).for_each(|(&j, &y)| x[j] = y);
                    v = x;
                }
                Layer::Coupling { kept, bound, dense } => {
                    let out = conditioner(dense, &[&features, &v[..*kept]].concat());
                    let (t, r) = out.split_at(v.len() - kept);
                    for j in *kept..v.len() {
                        v[j] = (v[j] - t[j - kept]) * (-log_scale(r[j - kept], *bound)).exp();
                    }
                }
                Layer::SplineCoupling { kept, bound, bins, dense } => {
                    let out = conditioner(dense, &[&features, &v[..*kept]].concat());
                    for (y, raw) in v[*kept..].iter_mut().zip(out.chunks(3 * bins - 1)) {
                        *y = Spline::new(*bound, *bins, raw).back(*y);
                    }
                }
                // The whole conditioner anew for each column, whose outputs do not see what is not known yet.
                Layer::MaskedAffine { bound, dense } => {
                    let n = v.len();
                    for j in 0..n {
                        let out = conditioner(dense, &[&features[..], &v].concat()[..dense[0].inputs]);
                        v[j] = (v[j] - out[j]) * (-log_scale(out[n + j], *bound)).exp();
                    }
                }
                Layer::MaskedSpline { bound, bins, dense } => {
                    for j in 0..v.len() {
                        let out = conditioner(dense, &[&features[..], &v].concat()[..dense[0].inputs]);
                        let raw = out.chunks(3 * bins - 1).nth(j).unwrap();
                        v[j] = Spline::new(*bound, *bins, raw).back(v[j]);
                    }
                }
            }
        }
        let knee = f64::from(self.knee);
        let (mut values, mut angles) = (v.into_iter(), angles.into_iter());
        self.modelled()
            .map(|(c, atoms)| match *c {
                Column::Constant([value, ..]) => f64::from(value),
                Column::Circular([origin, period]) => {
                    f64::from(origin) + (angles.next().unwrap() / PI + 1.0) * 0.5 * f64::from(period)
                }
                _ => {
                    let [center, scale, _] = c.standard().unwrap();
                    let v = values.next().unwrap();
                    let u = if v.abs() > knee { v.signum() * (knee + (v.abs() - knee).min(80.0).exp_m1()) } else { v };
                    c.leave(atoms, u * f64::from(scale) + f64::from(center))
                }
            })
            .collect()
    }
}

/// π as the engine knows it.
const PI: f64 = std::f32::consts::PI as f64;

/// What conditioners see of a context value.
fn feature([center, scale, reach]: [f32; 3], x: f32) -> f64 {
    let u = (f64::from(x) - f64::from(center)) / f64::from(scale);
    u.clamp(-f64::from(reach), f64::from(reach))
}

/// Appends dense records and weights; `buffers` are the lengths of those between which the chain alternates.
fn write_chain(chain: &[Dense], dense: &mut Vec<u8>, weights: &mut Vec<u8>, buffers: &mut [&mut usize; 2]) {
    let f = |out: &mut Vec<u8>, v: f32| out.extend(v.to_le_bytes());
    let h = |out: &mut Vec<u8>, v: usize| out.extend(u16::try_from(v).unwrap().to_le_bytes());
    let w = |out: &mut Vec<u8>, v: usize| out.extend(u32::try_from(v).unwrap().to_le_bytes());
    for (i, d) in chain.iter().enumerate() {
        let padded = d.outputs.div_ceil(8) * 8;
        *buffers[i % 2] = padded.max(*buffers[i % 2]);
        h(dense, d.inputs);
        h(dense, d.outputs);
        h(dense, usize::from(i + 1 < chain.len()));
        h(dense, 0);
        w(dense, weights.len() / 4);
        for o in (0..padded).step_by(8) {
            for i in 0..d.inputs {
                for lane in o..o + 8 {
                    f(weights, if lane < d.outputs { d.weights[i * d.outputs + lane] } else { 0.0 });
                }
            }
        }
        w(dense, weights.len() / 4);
        for lane in 0..padded {
            f(weights, if lane < d.outputs { d.biases[lane] } else { 0.0 });
        }
    }
}

fn log_scale(raw: f64, bound: f32) -> f64 {
    raw / (1.0 + raw.abs() / f64::from(bound))
}

/// A spline as Durkan et al. write it (arXiv 1906.04032, equations 4 to 8), inverted by bisection; periodic where there is
/// a raw value for the slope at both ends.
pub struct Spline {
    periodic: bool,
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
        let slope = |&r: &f64| 1e-3 + (1.0 - 1e-3) * positive(r);
        let end = raw.get(3 * bins - 1).map_or(1.0, slope);
        let mut slopes = vec![end];
        slopes.extend(raw[2 * bins..3 * bins - 1].iter().map(slope));
        slopes.push(end);
        Spline { periodic: raw.len() == 3 * bins, x: knots(&raw[..bins]), y: knots(&raw[bins..2 * bins]), slopes }
    }

    /// Bin, position in it, mean slope and the denominator of equation 4.
    fn place(&self, x: f64) -> Option<(usize, f64, f64, f64)> {
        let last = self.x.len() - 1;
        if !self.periodic && (x <= self.x[0] || x >= self.x[last]) {
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
