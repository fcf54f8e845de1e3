//! A second, plain writer of the format and an f64 reference of the arithmetic, both straight from `spec/format.md`.
#![allow(dead_code, missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod base;
mod columns;
pub mod dense;
pub mod exercise;
mod layers;
pub mod mutation;
mod spline;

use base::log_norm;
pub use base::{Base, Component};
pub use columns::{Atom, Column};
use columns::{random_atoms, random_columns};
pub use dense::Dense;
use dense::{conditioner, put_chain, random_chain};
use flow_nostd::layout::crc32;
use layers::sequential;
pub use layers::{Kind, Layer, Order, random_layers};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
pub use spline::Spline;
use zerocopy::IntoBytes;

pub const KNEE: f32 = 6.0;

/// By how much a loop steps: 1, and `miri` under Miri, which takes a thousand times as long.
pub const fn stride(miri: usize) -> usize {
    if cfg!(miri) { miri } else { 1 }
}

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
    pub base: Base,
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
        .map(|j| Circle { bins, dense: random_chain(&mut draw, context + 2 * j, hidden, 3 * bins, false) })
        .collect();
    let order = Order { lines, features: context + 2 * circular };
    let layers = if lines == 0 { vec![] } else { random_layers(kind, &mut draw, order, hidden, kept, layers_wanted) };
    Model { columns, atoms, circles, knee: KNEE, rate: 1.5, layers, ..Model::default() }
}

/// A model of all there is: columns of every kind, with atoms wherever they may be, context, two circles, and a layer of
/// every kind.
pub fn everything(seed: u64, lines: usize, base: impl Fn(&mut Draw, usize) -> Base) -> Model {
    let mut model = family_of(Kind::ActNorm, seed, [lines, 2, 2], &[9, 9], 0, 1);
    let mut draw = Draw::new(seed + 1000);
    for (column, atoms) in model.columns.iter().zip(&mut model.atoms) {
        if column.standard().is_some() && atoms.is_empty() {
            *atoms = random_atoms(&mut draw, column);
        }
    }
    for kind in [
        Kind::Linear,
        Kind::ResidualCoupling,
        Kind::ResidualSplineCoupling(4),
        Kind::MaskedAffine,
        Kind::MaskedSpline(3),
        Kind::Coupling,
        Kind::SplineCoupling(5),
    ] {
        model.layers.extend(random_layers(kind, &mut draw, model.order(), &[9, 9], lines / 2, 1));
    }
    model.base = base(&mut draw, lines);
    model
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

    /// The same with conditioners whose weights are of eight bits.
    pub fn of_bytes(mut self) -> Self {
        let layers = self.layers.iter_mut().flat_map(Layer::dense_mut);
        for dense in self.circles.iter_mut().flat_map(|circle| &mut circle.dense).chain(layers) {
            *dense = dense.clone().of_bytes();
        }
        self
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
            put_chain(chain, &mut dense, &mut weights, &mut [&mut a, &mut b]);
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
                Layer::Linear { dense: pair, log_det } => {
                    head(6, 0, pair, *log_det, 0);
                    macs += lines * lines;
                    macs_sample += lines * lines;
                    for d in pair {
                        dense_count += 1;
                        a = a.max(d.put(&mut dense, &mut weights));
                    }
                }
                Layer::ActNorm { scale, shift, log_det } => {
                    h(&mut layers, 7);
                    h(&mut layers, 0);
                    w(&mut layers, weights.len() / 4);
                    f(&mut layers, *log_det);
                    scale.iter().chain(shift).for_each(|&v| f(&mut weights, v));
                    scale.iter().for_each(|&v| f(&mut weights, 1.0 / v));
                    weights.resize(weights.len() + 4 * ((3 * lines).next_multiple_of(8) - 3 * lines), 0);
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
            put_chain(chain, &mut dense, &mut weights, &mut [&mut a, &mut b]);
            dense_count += chain.len();
            layers.resize(start + 32, 0);
        }
        let mut tails = vec![];
        [self.knee, self.rate, log_volume as f32, 0.0].iter().for_each(|&v| f(&mut tails, v));
        let mut base = vec![];
        let (kind, components): (usize, &[Component]) = match &self.base {
            Base::Normal => (1, &[]),
            Base::StudentT(_) => (2, &[]),
            Base::Mixture(components) => (3, components),
        };
        h(&mut base, kind);
        h(&mut base, components.len());
        base.resize(16, 0);
        if let Base::StudentT(degrees) = &self.base {
            for &nu in degrees {
                [(nu + 1.0) / 2.0, 1.0 / nu, nu, log_norm(nu)].iter().for_each(|&v| f(&mut base, v));
            }
        }
        let mut cumulative = 0.0;
        for (k, component) in components.iter().enumerate() {
            cumulative += component.weight;
            f(&mut base, Base::log_weight(component));
            f(&mut base, if k + 1 == components.len() { 1.0 } else { cumulative as f32 });
            h(&mut base, dense_count);
            base.resize(base.len() + 6, 0);
            dense_count += 1;
            macs += lines * lines;
            a = a.max(component.dense.put(&mut dense, &mut weights));
        }
        if !components.is_empty() {
            b = b.max(components.len());
            macs_sample += lines * (lines - 1) / 2;
        }
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
        let newest = layers.chunks(32).map(|record| record[0]).max().unwrap_or(0);
        let minor: u16 = match () {
            () if dense.chunks(16).any(|record| record[6] == 1) => 3,
            () if self.columns.iter().any(|c| c.record().0 > 3) || !atoms.is_empty() => 2,
            () if newest > 5 || base[0] > 1 || dense.chunks(16).any(|record| record[4] == 2) => 2,
            () if newest > 2 => 1,
            () => 0,
        };
        let mut sections = vec![(b"COLS", 1, columns), (b"TAIL", 1, tails)];
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
        put(10, &minor.to_le_bytes());
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
                Layer::Linear { dense: [forward, _], log_det: constant } => {
                    v = forward.apply(&v);
                    add(&mut log_det, f64::from(*constant));
                }
                Layer::ActNorm { scale, shift, log_det: constant } => {
                    let each = v.iter().zip(scale).zip(shift);
                    v = each.map(|((x, &scale), &shift)| x * f64::from(scale) + f64::from(shift)).collect();
                    add(&mut log_det, f64::from(*constant));
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
        self.base.log_prob(&v, |term| add(&mut base, term));
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
                Layer::Linear { dense: [_, back], .. } => v = back.apply(&v),
                Layer::ActNorm { scale, shift, .. } => {
                    let each = v.iter().zip(scale).zip(shift);
                    v = each.map(|((y, &scale), &shift)| (y - f64::from(shift)) / f64::from(scale)).collect();
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

fn log_scale(raw: f64, bound: f32) -> f64 {
    raw / (1.0 + raw.abs() / f64::from(bound))
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

/// Layers with every kind of conditioner.
pub const CONDITIONED: [Kind; 6] = [
    Kind::Coupling,
    Kind::SplineCoupling(3),
    Kind::MaskedAffine,
    Kind::MaskedSpline(2),
    Kind::ResidualCoupling,
    Kind::ResidualSplineCoupling(2),
];

/// Small models of what the latest minor version added, weights of eight bits, for each kind of conditioner.
pub fn of_bytes() -> [Model; 6] {
    CONDITIONED.map(|kind| family_of(kind, 29, [3, 1, 1], &[5], 1, 1).of_bytes())
}

/// Small models of what the minor version before it added: residual, linear, shift and scale; Student-t and mixture.
pub fn newest() -> [Model; 5] {
    let kinds = [Kind::ResidualCoupling, Kind::Linear, Kind::ActNorm, Kind::Coupling, Kind::Coupling];
    let mut models = kinds.map(|kind| model_of(kind, 23, 3, &[5], 1, 1));
    models[3].base = Base::student_t(&mut Draw::new(5), 3);
    models[4].base = Base::mixture(&mut Draw::new(6), 3, 3);
    models
}
