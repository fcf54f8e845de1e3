//! Columns and atoms: records, the f64 reference of their axes, and random ones.

use super::Draw;

#[derive(Clone, Debug)]
pub enum Column {
    /// Center, scale and reach, as in all that have three values.
    Continuous([f32; 3]),
    Integer([f32; 3]),
    Constant([f32; 4]),
    Positive([f32; 3]),
    /// … and low, high.
    Bounded([f32; 3], [f32; 2]),
    /// … and origin, step.
    Lattice([f32; 3], [f32; 2]),
    /// Origin, period.
    Circular([f32; 2]),
    Context([f32; 3]),
}

#[derive(Clone, Copy, Debug)]
pub struct Atom {
    pub value: f32,
    pub cut: f32,
    pub width: f32,
}

const EDGE: f64 = 1e-6f32 as f64;

impl Column {
    /// Kind, values and extra of the record.
    pub fn record(&self) -> (usize, [f32; 4], [f32; 3]) {
        let with = |[a, b, c]: [f32; 3], d: f32| [a, b, c, d];
        match *self {
            Column::Continuous(s) => (1, with(s, 0.0), [0.0; 3]),
            Column::Integer(s) => (2, with(s, 0.5), [0.0; 3]),
            Column::Constant(values) => (3, values, [0.0; 3]),
            Column::Positive(s) => (4, with(s, 0.0), [0.0; 3]),
            Column::Bounded(s, [low, high]) => (5, with(s, 0.0), [low, high, 0.0]),
            Column::Lattice(s, [origin, step]) => (6, with(s, 0.5), [origin, step, 0.0]),
            Column::Circular([origin, period]) => (7, [origin, period, 0.0, 0.0], [0.0; 3]),
            Column::Context(s) => (8, with(s, 0.0), [0.0; 3]),
        }
    }

    /// Center, scale and reach of a column on a line.
    pub fn standard(&self) -> Option<[f32; 3]> {
        match *self {
            Column::Continuous(s) | Column::Integer(s) | Column::Positive(s) => Some(s),
            Column::Bounded(s, _) | Column::Lattice(s, _) => Some(s),
            Column::Constant(_) | Column::Circular(_) | Column::Context(_) => None,
        }
    }

    pub fn is_discrete(&self) -> bool {
        matches!(self, Column::Integer(_) | Column::Lattice(..))
    }

    fn shift(&self, atom: &Atom) -> f64 {
        f64::from(atom.width) - if self.is_discrete() { 1.0 } else { 0.0 }
    }

    /// The place on the axis of a value of a column on a line, and its terms of the log-density.
    pub fn place(&self, atoms: &[Atom], x: f32) -> (f64, Vec<f64>) {
        let x = f64::from(x);
        let cell = match *self {
            Column::Integer(_) => x.floor(),
            Column::Lattice(_, [origin, step]) => ((x - f64::from(origin)) / f64::from(step) + 0.5).floor(),
            _ => x,
        };
        let shifts = |count: usize| atoms[..count].iter().map(|a| self.shift(a)).sum::<f64>();
        if let Some(i) = atoms.iter().position(|a| f64::from(a.value) == cell) {
            let width = f64::from(atoms[i].width);
            return (f64::from(atoms[i].cut) + shifts(i) + 0.5 * width, vec![width.ln()]);
        }
        let (w, terms) = match *self {
            Column::Positive(_) if x > 0.0 => (x.ln(), vec![-x.ln()]),
            Column::Positive(_) => (f64::from(f32::MIN_POSITIVE).ln(), vec![-1e30]),
            Column::Bounded(_, [low, high]) => {
                let (low, high) = (f64::from(low), f64::from(high));
                let f = ((x - low) / (high - low)).clamp(EDGE, 1.0 - EDGE);
                let terms = vec![-f.ln(), -(1.0 - f).ln(), -(high - low).ln()];
                (f.ln() - (1.0 - f).ln(), if x < low || x > high { vec![-1e30] } else { terms })
            }
            _ => (cell, vec![]),
        };
        let below = atoms.iter().filter(|a| f64::from(a.cut) < w).count();
        (w + if self.is_discrete() { 0.5 } else { 0.0 } + shifts(below), terms)
    }

    /// The raw value at a place on the axis.
    pub fn leave(&self, atoms: &[Atom], q: f64) -> f64 {
        let raw = |k: f64| match *self {
            Column::Lattice(_, [origin, step]) => f64::from(origin) + k * f64::from(step),
            _ => k,
        };
        let mut shift = 0.0;
        for atom in atoms {
            let start = f64::from(atom.cut) + shift;
            if q > start && q < start + f64::from(atom.width) {
                return raw(f64::from(atom.value));
            }
            shift += if q > start { self.shift(atom) } else { 0.0 };
        }
        let w = q - shift;
        match *self {
            Column::Positive(_) => w.exp().clamp(f32::MIN_POSITIVE.into(), f32::MAX.into()),
            Column::Bounded(_, [low, high]) => f64::from(low) + (f64::from(high) - f64::from(low)) / (1.0 + (-w).exp()),
            Column::Integer(_) | Column::Lattice(..) => raw(w.floor()),
            _ => w,
        }
    }

    /// A value near the training data, `spread` standard deviations wide.
    pub fn draw(&self, atoms: &[Atom], draw: &mut Draw, spread: f32) -> f32 {
        let normal = spread * draw.normal();
        if !atoms.is_empty() && draw.below(3) == 0 {
            let atom = atoms[draw.below(atoms.len())];
            return match *self {
                Column::Lattice(_, [origin, step]) => origin + atom.value * step,
                _ => atom.value,
            };
        }
        let place = |[center, scale, _]: [f32; 3]| center + scale * normal;
        match *self {
            Column::Continuous(s) | Column::Context(s) => place(s),
            Column::Integer(s) => place(s).floor(),
            Column::Constant([value, ..]) => value,
            Column::Positive(s) => place(s).clamp(-80.0, 80.0).exp(),
            Column::Bounded(s, [low, high]) => (low + (high - low) / (1.0 + (-place(s)).exp())).clamp(low, high),
            Column::Lattice(s, [origin, step]) => origin + place(s).floor() * step,
            Column::Circular([origin, period]) => origin + period * (3.0 * draw.uniform() - 1.0),
        }
    }

    /// How far two raw values are from each other, in standard deviations where the axis is straight, else in what it spans.
    pub fn distance(&self, a: f64, b: f64) -> f64 {
        match *self {
            Column::Continuous([_, scale, _]) => (a - b).abs() / f64::from(scale),
            Column::Positive(_) => (a - b).abs() / a.abs().max(1e-30),
            Column::Bounded(_, [low, high]) => (a - b).abs() / f64::from(high - low),
            Column::Circular([_, period]) => {
                let turns = (a - b) / f64::from(period);
                (turns - turns.round()).abs()
            }
            Column::Lattice(_, [_, step]) => (a - b).abs() / f64::from(step),
            _ => (a - b).abs(),
        }
    }
}

/// Columns of every kind in a random order, with atoms in about half of those on a line.
pub fn random_columns(draw: &mut Draw, lines: usize, circles: usize, context: usize) -> Vec<(Column, Vec<Atom>)> {
    let mut columns = Vec::new();
    let first = draw.below(5);
    for j in 0..lines {
        // Wide enough for what the atoms insert.
        let reach = 12.0 + 4.0 * draw.uniform();
        let narrow = [draw.around(1.5), 0.3 + 0.7 * draw.uniform(), reach];
        let wide = [draw.around(5.0), 1.0 + 3.0 * draw.uniform(), reach];
        let column = match (j + first) % 5 {
            0 => Column::Positive(narrow),
            1 => Column::Lattice(wide, [draw.around(10.0), 0.05 + draw.uniform()]),
            2 => Column::Bounded(narrow, [-1.0 - draw.uniform(), 2.0 + 3.0 * draw.uniform()]),
            3 => Column::Continuous(wide),
            _ => Column::Integer(wide),
        };
        let atoms = if draw.below(2) == 0 { random_atoms(draw, &column) } else { vec![] };
        columns.push((column, atoms));
    }
    let mut others = vec![Column::Constant([2.5, -0.01, -7.0, 0.5])];
    others.extend((0..circles).map(|_| Column::Circular([draw.around(9.0), 0.5 + 400.0 * draw.uniform()])));
    others.extend((0..context).map(|_| Column::Context([draw.around(5.0), 0.1 + draw.uniform(), 3.0])));
    for column in others {
        columns.insert(draw.below(columns.len() + 1), (column, vec![]));
    }
    columns
}

/// One to three atoms of a column on a line.
pub fn random_atoms(draw: &mut Draw, column: &Column) -> Vec<Atom> {
    let [center, scale, _] = column.standard().unwrap();
    let count = 1 + draw.below(3);
    let mut atoms: Vec<Atom> = (0..count)
        .map(|i| {
            let cut = center + scale * (1.5 * i as f32 - 1.5 + draw.uniform());
            match *column {
                Column::Integer(_) | Column::Lattice(..) => {
                    let value = (center + 4.0 * i as f32).floor();
                    Atom { value, cut: value, width: 1.0 + 2.0 * draw.uniform() }
                }
                // What has no density may well have a mass.
                Column::Positive(_) if i == 0 => Atom { value: 0.0, cut: center - 2.0 * scale, width: scale },
                Column::Bounded(_, [low, _]) if i == 0 => Atom { value: low, cut: center - 2.0 * scale, width: scale },
                Column::Positive(_) => Atom { value: cut.exp(), cut, width: 0.4 * scale },
                Column::Bounded(_, [low, high]) => {
                    Atom { value: low + (high - low) / (1.0 + (-cut).exp()), cut, width: 0.3 * scale }
                }
                _ => Atom { value: cut, cut, width: 0.5 * scale },
            }
        })
        .collect();
    atoms.dedup_by(|b, a| b.cut <= a.cut);
    atoms
}
