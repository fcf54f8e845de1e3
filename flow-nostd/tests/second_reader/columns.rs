//! Columns, atoms and rows far from the data: `spec/format.md`, `COLS`, `ATOM`, `TAIL` and "From a row to the latent vector".
//!
//! All is computed in f64 but for what decides between cells and turns, where the specification's f32 is what decides.

use super::bytes::{Rule, f32_at, rule, u16_at, zero};
use super::sum::Sum;

/// A record of `COLS` with its atoms.
pub struct Column {
    pub kind: u16,
    values: [f32; 4],
    extra: [f32; 3],
    atoms: Vec<Atom>,
}

struct Atom {
    value: f32,
    cut: f32,
    width: f32,
    log_mass: f32,
}

/// The record of `TAIL`.
pub struct Tails {
    knee: f32,
    rate: f32,
    log_volume: f32,
}

/// What is positive and no infinity, NaN neither.
fn positive(v: f32) -> bool {
    v > 0.0 && v.is_finite()
}

/// `v`, or the nearer of ±`bound`.
pub fn clamp(v: f64, bound: f64) -> f64 {
    v.max(-bound).min(bound)
}

impl Column {
    /// Reads all columns and their atoms.
    pub fn all(records: &[&[u8]], atoms: &[&[u8]]) -> Rule<Vec<Self>> {
        let mut atoms = atoms.iter();
        let mut columns = Vec::new();
        for (j, record) in records.iter().enumerate() {
            let mut column = Column::read(record).map_err(|why| format!("column {j}: {why}"))?;
            let count = u16_at(record, 2);
            rule(count <= 8 && (count == 0 || column.is_line()), || format!("column {j}: {count} atoms"))?;
            for _ in 0..count {
                let record = atoms.next().ok_or(format!("column {j}: no atom is left"))?;
                let atom = column.atom(record).map_err(|why| format!("column {j}, an atom: {why}"))?;
                column.atoms.push(atom);
            }
            columns.push(column);
        }
        rule(atoms.next().is_none(), || "an atom is left over".into())?;
        Ok(columns)
    }

    fn read(record: &[u8]) -> Rule<Self> {
        let values = [4, 8, 12, 16].map(|at| f32_at(record, at));
        let extra = [20, 24, 28].map(|at| f32_at(record, at));
        let column = Column { kind: u16_at(record, 0), values, extra, atoms: vec![] };
        rule(values.iter().chain(&extra).all(|v| v.is_finite()), || "not finite".into())?;
        let [_, second, third, fourth] = values;
        let plus_zero = |v: f32| v.to_bits() == 0;
        let standard = positive(second) && positive(third);
        let good = match column.kind {
            // The midpoint is said to be 0 or ½, and used as it is.
            1 | 2 | 6 => standard,
            3 => second.abs() <= 1e30 && third.abs() <= 1e30 && positive(fourth),
            4 | 5 => standard && plus_zero(fourth),
            7 => positive(second) && plus_zero(third) && plus_zero(fourth),
            8 => standard && third <= 1e9 && plus_zero(fourth),
            _ => return Err("another kind".into()),
        };
        rule(good, || "values".into())?;
        let said = match column.kind {
            5 => positive(extra[1] - extra[0]) && plus_zero(extra[2]),
            6 => positive(extra[1]) && plus_zero(extra[2]),
            _ => extra.into_iter().all(plus_zero),
        };
        rule(said, || "extra".into())?;
        Ok(column)
    }

    fn atom(&self, record: &[u8]) -> Rule<Atom> {
        let [value, cut, width, log_mass] = [0, 4, 8, 12].map(|at| f32_at(record, at));
        rule([value, cut, width, log_mass].iter().all(|v| v.is_finite()), || "not finite".into())?;
        rule(self.atoms.last().is_none_or(|before| cut > before.cut), || "does not rise".into())?;
        rule(width > 0.0 && width <= 1e30 && log_mass.abs() <= 1e30, || "width or mass".into())?;
        let cell = cut == value && value.fract() == 0.0 && width >= 1.0;
        rule(cell || !self.is_discrete(), || "no cell".into())?;
        Ok(Atom { value, cut, width, log_mass })
    }

    /// Whether the layers transform it.
    pub fn is_line(&self) -> bool {
        matches!(self.kind, 1 | 2 | 4 | 5 | 6)
    }

    fn is_discrete(&self) -> bool {
        matches!(self.kind, 2 | 6)
    }

    fn values(&self) -> [f64; 4] {
        self.values.map(f64::from)
    }

    fn shift(&self, atom: &Atom) -> f64 {
        f64::from(atom.width) - if self.is_discrete() { 1.0 } else { 0.0 }
    }

    /// "Place and term" of a value.
    fn place(&self, x: f32, sum: &mut Sum) -> f64 {
        let [low, high, _] = self.extra;
        let cell = match self.kind {
            2 => x.floor(),
            6 => ((x - low) / high + 0.5).floor(),
            _ => x,
        };
        let mut before = 0.0;
        for atom in &self.atoms {
            if atom.value == cell {
                sum.add(atom.log_mass.into());
                return f64::from(atom.cut) + before + 0.5 * f64::from(atom.width);
            }
            before += self.shift(atom);
        }
        let x = f64::from(x);
        let w = match self.kind {
            4 if x > 0.0 => {
                sum.add(-x.ln());
                x.ln()
            }
            4 => {
                sum.add(-1e30);
                f64::from(f32::MIN_POSITIVE).ln()
            }
            5 => {
                let (low, high) = (f64::from(low), f64::from(high));
                let share = |part: f64| part / (high - low);
                let [f, g] = [share(x - low), share(high - x)].map(|f| f.clamp(EDGES[0], EDGES[1]).ln());
                match x < low || x > high {
                    true => sum.add(-1e30),
                    false => [-f, -g, -(high - low).ln()].into_iter().for_each(|term| sum.add(term)),
                }
                f - g
            }
            _ => cell.into(),
        };
        let passed: f64 = self.atoms.iter().filter(|atom| f64::from(atom.cut) < w).map(|atom| self.shift(atom)).sum();
        w + self.values()[3] + passed
    }

    /// The standardised value of a column on a line, and its distance in box half-widths.
    pub fn enter(&self, x: f32, sum: &mut Sum) -> (f64, f64) {
        let [center, scale, reach, _] = self.values();
        let u = clamp((self.place(x, sum) - center) / scale, 1e30);
        (u, u.abs() / reach)
    }

    /// What a constant column adds.
    pub fn constant(&self, x: f32, sum: &mut Sum) {
        let [value, mass, other, unit] = self.values();
        let x = f64::from(x);
        if x == value {
            return sum.add(mass);
        }
        sum.add(other);
        sum.add(-clamp((x - value).abs() / unit, f32::MAX.into()).ln_1p());
    }

    /// The feature of a context column.
    pub fn feature(&self, x: f32) -> f64 {
        let [center, scale, reach, _] = self.values();
        clamp((f64::from(x) - center) / scale, reach)
    }

    /// The angle of a circular column. Which turn a value lies in, and how much is left of a far one, rounding decides.
    pub fn angle(&self, x: f32) -> f64 {
        let [origin, period, _, _] = self.values;
        let t = (x - origin) / period;
        let t = t - t.floor();
        let t = if t < 1.0 { t } else { 0.0 };
        (2.0 * f64::from(t) - 1.0) * super::PI
    }
}

/// How near a bounded value's share comes to 0 and 1: 0x358637BD and 0x3F7FFFEF.
const EDGES: [f64; 2] = [f32::from_bits(0x3586_37bd) as f64, f32::from_bits(0x3f7f_ffef) as f64];

impl Tails {
    /// Reads the record.
    pub fn read(record: &[u8]) -> Rule<Self> {
        let [knee, rate, log_volume] = [0, 4, 8].map(|at| f32_at(record, at));
        let good = positive(knee) && rate >= 0.0 && rate.is_finite() && log_volume.abs() <= 1e9;
        rule(good && zero(record, 12, 16), || "TAIL".into())?;
        Ok(Tails { knee, rate, log_volume })
    }

    /// Steps 3 and 4: the standardised values as the layers receive them.
    pub fn enter(&self, alpha: f64, values: &mut [f64], sum: &mut Sum) {
        let knee = f64::from(self.knee);
        for u in values {
            *u /= alpha.max(1.0);
            let e = u.abs() - knee;
            if e > 0.0 {
                sum.add(-e.ln_1p());
                *u = u.signum() * (knee + e.ln_1p());
            }
            *u = clamp(*u, 1e9);
        }
        sum.add(self.log_volume.into());
        sum.add(-clamp(f64::from(self.rate) * (alpha - 1.0), 1e37));
    }
}
