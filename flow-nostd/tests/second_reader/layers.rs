//! Circles and layers: `spec/format.md`, `CIRC`, `LAYR`, "Masks" and step 5 of "From a row to the latent vector".

use super::bytes::{Rule, f32_at, rule, u16_at, u32_at, zero};
use super::columns::clamp;
use super::dense::{Dense, Supply, outputs};
use super::needs::Needs;
use super::spline::spline;
use super::sum::Sum;

/// The spline of a circular column.
pub struct Circle {
    pub bins: usize,
    pub chain: Vec<Dense>,
}

/// A layer.
pub enum Layer {
    Permutation(Vec<usize>),
    /// With how many values kept, the bound of scales, and the conditioner.
    Coupling(usize, f64, Vec<Dense>),
    /// With how many values kept, the tail bound, the bins and the conditioner.
    SplineCoupling(usize, f64, usize, Vec<Dense>),
    MaskedAffine(f64, Vec<Dense>),
    MaskedSpline(f64, usize, Vec<Dense>),
    Linear(Dense, f64),
    /// Scales, shifts and the log-determinant.
    ActNorm(Vec<f32>, Vec<f32>, f64),
}

/// What layers and circles take from, and what they are told.
pub struct Reading<'a> {
    pub supply: Supply<'a>,
    pub indices: &'a [u8],
    pub indices_taken: usize,
    pub needs: Needs,
    /// Number of columns on a line.
    pub lines: usize,
    /// Number of features.
    pub features: usize,
}

impl Reading<'_> {
    /// A record of `CIRC`, the `j`-th.
    pub fn circle(&mut self, record: &[u8], j: usize, context: usize) -> Rule<Circle> {
        let [first, count, bins] = [0, 2, 4].map(|at| usize::from(u16_at(record, at)));
        rule(first == self.supply.records_taken, || "not the first free dense record".into())?;
        rule((2..=64).contains(&bins) && zero(record, 6, 16), || "a record of CIRC".into())?;
        let chain = self.supply.conditioner([context + 2 * j, 3 * bins], count, false)?;
        self.needs.conditioner(&chain);
        Ok(Circle { bins, chain })
    }

    /// A record of `LAYR`.
    pub fn layer(&mut self, record: &[u8]) -> Rule<Layer> {
        let (lines, features) = (self.lines, self.features);
        let [kind, kept, first, count] = [0, 2, 4, 6].map(|at| usize::from(u16_at(record, at)));
        let (bound, bins) = (f32_at(record, 8), usize::from(u16_at(record, 12)));
        let spline = kind == 3 || kind == 5;
        match kind {
            1 => rule(kept == 0 && zero(record, 8, 32), || "a permutation".into())?,
            2 | 4 => rule((1e-6..=80.0).contains(&bound) && zero(record, 12, 32), || "an affine layer".into())?,
            3 | 5 => {
                let good = (1e-3..=1e6).contains(&bound) && (2..=64).contains(&bins) && zero(record, 14, 32);
                rule(good, || "a spline layer".into())?;
            }
            6 | 7 => rule(bound.abs() <= 1e9 && zero(record, 12, 32), || "a linear layer".into())?,
            _ => return Err(format!("layer kind {kind}")),
        }
        match kind {
            2 | 3 if lines == 1 => rule(kept == 0, || "a value kept where there is one".into())?,
            2 | 3 => rule((1..lines).contains(&kept), || format!("{kept} values kept"))?,
            _ => rule(kept == 0, || "2: not zero".into())?,
        }
        if matches!(kind, 2..=6) {
            rule(first == self.supply.records_taken, || "not the first free dense record".into())?;
        }
        let each = if spline { (3 * bins).saturating_sub(1) } else { 2 };
        Ok(match kind {
            1 => {
                let place = u32_at(record, 4) as usize;
                rule(place == self.indices_taken, || "not the first free index list".into())?;
                self.indices_taken += 2 * lines;
                let both = self.indices.get(2 * place..2 * (place + 2 * lines)).ok_or("not enough indices")?;
                let both: Vec<usize> = both.chunks(2).map(|index| u16_at(index, 0).into()).collect();
                let (order, inverse) = both.split_at(lines);
                let proven = order.iter().enumerate().all(|(j, &to)| to < lines && inverse[to] == j);
                rule(proven, || "no permutation".into())?;
                self.needs.a(lines);
                Layer::Permutation(order.to_vec())
            }
            2 | 3 => {
                let chain = self.supply.conditioner([features + kept, each * (lines - kept)], count, true)?;
                self.needs.conditioner(&chain);
                match kind {
                    2 => Layer::Coupling(kept, bound.into(), chain),
                    _ => Layer::SplineCoupling(kept, bound.into(), bins, chain),
                }
            }
            4 | 5 => {
                let inputs = if lines == 1 { features } else { features + lines };
                let chain = self.supply.conditioner([inputs, each * lines], count, false)?;
                let column = |o: usize| if kind == 4 { o % lines } else { o / each };
                let degrees = degrees(&chain, [lines, features], column);
                self.masks(&chain, &degrees)?;
                self.needs.masked(&chain, &degrees, lines, spline.then_some(each));
                match kind {
                    4 => Layer::MaskedAffine(bound.into(), chain),
                    _ => Layer::MaskedSpline(bound.into(), bins, chain),
                }
            }
            6 => {
                rule(count == 2, || format!("{count} dense records"))?;
                let pair = [self.supply.square(lines)?, self.supply.square(lines)?];
                rule(pair.iter().all(Dense::has_no_bias), || "a matrix with a bias".into())?;
                self.needs.square(lines);
                let [forward, _] = pair;
                Layer::Linear(forward, bound.into())
            }
            _ => {
                let place = u32_at(record, 4) as usize;
                rule(place == self.supply.values_taken, || "not the first free values".into())?;
                let bytes = self.supply.take((3 * lines).next_multiple_of(8))?;
                let values = |part: usize| (part * lines..(part + 1) * lines).map(|i| f32_at(bytes, 4 * i));
                let finite = (0..3).flat_map(values).all(f32::is_finite);
                let positive = values(0).chain(values(2)).all(|v| v > 0.0);
                rule(finite && positive, || "a scale that is not positive, or a value that is not finite".into())?;
                Layer::ActNorm(values(0).collect(), values(1).collect(), bound.into())
            }
        })
    }

    fn masks(&self, chain: &[Dense], degrees: &[Vec<usize>]) -> Rule {
        for (dense, pair) in chain.iter().zip(degrees.windows(2)) {
            for (i, below) in pair[0].iter().enumerate() {
                for (o, above) in pair[1].iter().enumerate() {
                    rule(below <= above || dense.is_zero(i, o), || "a weight against the order".into())?;
                }
            }
        }
        Ok(())
    }
}

/// "Masks": the degrees of the inputs, then of the units of each dense layer.
fn degrees(chain: &[Dense], [lines, features]: [usize; 2], column: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut all = vec![(0..chain[0].inputs).map(|i| (i + 1).saturating_sub(features)).collect::<Vec<usize>>()];
    let (last, hidden) = chain.split_last().expect("a conditioner has a dense layer");
    for dense in hidden {
        let n = dense.outputs;
        let degree = |u: usize| if features == 0 { 1 + u * (lines - 1) / n } else { u * lines / n };
        all.push((0..n).map(degree).collect());
    }
    all.push((0..last.outputs).map(column).collect());
    all
}

impl Layer {
    /// The layer's values of these, towards the latent vector.
    pub fn apply(&self, features: &[f64], v: &[f64], sum: &mut Sum) -> Vec<f64> {
        let given = |values: &[f64], inputs: usize| [features, values].concat()[..inputs].to_vec();
        match self {
            Layer::Permutation(order) => order.iter().map(|&j| v[j]).collect(),
            Layer::Coupling(kept, bound, chain) => {
                let out = outputs(chain, &given(&v[..*kept], chain[0].inputs));
                [&v[..*kept], &affine(&v[*kept..], &out, *bound, sum)].concat()
            }
            Layer::SplineCoupling(kept, bound, bins, chain) => {
                let out = outputs(chain, &given(&v[..*kept], chain[0].inputs));
                [&v[..*kept], &splines(&v[*kept..], &out, *bound, *bins, sum)].concat()
            }
            Layer::MaskedAffine(bound, chain) => affine(v, &outputs(chain, &given(v, chain[0].inputs)), *bound, sum),
            Layer::MaskedSpline(bound, bins, chain) => {
                splines(v, &outputs(chain, &given(v, chain[0].inputs)), *bound, *bins, sum)
            }
            Layer::Linear(dense, log_det) => {
                sum.add(*log_det);
                dense.apply(v).into_iter().map(|y| clamp(y, 1e9)).collect()
            }
            Layer::ActNorm(scale, shift, log_det) => {
                sum.add(*log_det);
                let each = v.iter().zip(scale).zip(shift);
                each.map(|((x, &scale), &shift)| clamp(x * f64::from(scale) + f64::from(shift), 1e9)).collect()
            }
        }
    }
}

fn affine(values: &[f64], out: &[f64], bound: f64, sum: &mut Sum) -> Vec<f64> {
    let (shifts, scales) = out.split_at(values.len());
    let mut one = |((y, t), r): ((&f64, &f64), &f64)| {
        let s = r / (1.0 + r.abs() / bound);
        sum.add(s);
        clamp(y * s.exp() + t, 1e9)
    };
    values.iter().zip(shifts).zip(scales).map(&mut one).collect()
}

fn splines(values: &[f64], out: &[f64], bound: f64, bins: usize, sum: &mut Sum) -> Vec<f64> {
    let mut one = |(x, raw): (&f64, &[f64])| {
        let (y, log_det) = spline(*x, bound, bins, raw);
        sum.add(log_det);
        y
    };
    values.iter().zip(out.chunks(3 * bins - 1)).map(&mut one).collect()
}
