//! A second reader of frozen flows, written from the text of `spec/format.md` alone: plain, in f64, with no code of the engine
//! and none of the exporter. Where it and the engine disagree, on what a file says or on whether it is a file at all, one of the
//! two is wrong, or the specification is.
//!
//! Of samples it has the generator and the normal variate, and of what is skippable it looks at names and probes only.

pub mod base;
pub mod bytes;
pub mod columns;
pub mod container;
pub mod dense;
pub mod draws;
pub mod layers;
pub mod needs;
pub mod spline;
pub mod sum;

use base::Base;
use bytes::{Rule, rule, u16_at, u32_at};
use columns::{Column, Tails};
use container::Container;
use dense::{Supply, outputs};
use layers::{Circle, Layer, Reading};
use needs::Needs;
use sum::Sum;

/// π as the specification has it: 0x40490FDB.
pub const PI: f64 = f32::from_bits(0x4049_0fdb) as f64;

/// A file that keeps the rules.
pub struct SecondReader {
    columns: Vec<Column>,
    tails: Tails,
    circles: Vec<Circle>,
    layers: Vec<Layer>,
    base: Base,
}

impl SecondReader {
    /// Reads a file after checking every rule that the specification has for what is critical, names and probes.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn open(slice: &[u8]) -> Rule<Self> {
        let file = Container::open(slice)?;
        let [rows, dim, context] = [48, 50, 52].map(|at| file.count(at));
        let records = file.records(b"COLS", 32, Some(rows + context))?;
        let columns = Column::all(&records, &file.records(b"ATOM", 16, None)?)?;
        let number = |which: &dyn Fn(&Column) -> bool| columns.iter().filter(|column| which(column)).count();
        let [lines, circular, given] =
            [number(&Column::is_line), number(&|column| column.kind == 7), number(&|column| column.kind == 8)];
        rule(lines + circular == dim && given == context, || format!("{lines} + {circular} columns, {given} given"))?;
        let tails = Tails::read(file.records(b"TAIL", 16, Some(1))?[0])?;
        check_names(file.section(b"NAME"), columns.len(), &file)?;
        file.records(b"PROB", 4 * (columns.len() + 1), None)?;

        let dense = file.records(b"DENS", 16, Some(file.count(56)))?;
        file.records(b"WGHT", 4, None)?;
        file.records(b"INDX", 2, None)?;
        let mut reading = Reading {
            supply: Supply::new(&dense, file.section(b"WGHT")),
            indices: file.section(b"INDX"),
            indices_taken: 0,
            needs: Needs::default(),
            lines,
            features: context + 2 * circular,
        };
        let circles = file.records(b"CIRC", 16, Some(circular))?;
        let circle = |(j, record): (usize, &&[u8])| reading.circle(record, j, context);
        let circles = circles.iter().enumerate().map(circle).collect::<Rule<Vec<Circle>>>()?;
        let layers = file.records(b"LAYR", 32, Some(file.count(54)))?;
        rule(lines > 0 || layers.is_empty(), || "54: layers, and nothing that they transform".into())?;
        let layers = layers.iter().map(|record| reading.layer(record)).collect::<Rule<Vec<Layer>>>()?;
        let base = Base::read(&file.records(b"BASE", 16, None)?, &mut reading)?;
        reading.supply.used_up()?;
        rule(2 * reading.indices_taken == reading.indices.len(), || "indices are left over".into())?;

        let needs = &reading.needs;
        let stated = [64, 68, 72].map(|at| u32_at(file.file, at) as usize);
        let scratch = reading.features + dim + needs.buffers();
        let right = [scratch, needs.macs_log_prob, needs.macs_sample];
        rule(stated == right, || format!("64: {stated:?}, not {right:?}"))?;
        Ok(SecondReader { columns, tails, circles, layers, base })
    }

    /// The log-density of a row, context values among the others in the order of the file's columns, with the magnitude of
    /// its terms. All values are finite.
    pub fn log_prob(&self, row: &[f32]) -> Sum {
        let (mut sum, mut alpha) = (Sum::default(), 1f64);
        let (mut values, mut angles, mut features) = (vec![], vec![], vec![]);
        for (column, &x) in self.columns.iter().zip(row) {
            match column.kind {
                3 => column.constant(x, &mut sum),
                7 => angles.push(column.angle(x)),
                8 => features.push(column.feature(x)),
                _ => {
                    let (u, distance) = column.enter(x, &mut sum);
                    values.push(u);
                    alpha = alpha.max(distance);
                }
            }
        }
        // "As many as it has inputs": a circle's conditioner sees the context and the angles before its own.
        features.extend(angles.iter().flat_map(|theta: &f64| [theta.cos(), theta.sin()]));
        for (circle, theta) in self.circles.iter().zip(&mut angles) {
            let raw = outputs(&circle.chain, &features[..circle.chain[0].inputs]);
            let (latent, log_det) = spline::periodic(*theta, circle.bins, &raw);
            *theta = latent;
            sum.add(log_det);
        }
        self.tails.enter(alpha.min(1e36), &mut values, &mut sum);
        for layer in &self.layers {
            values = layer.apply(&features, &values, &mut sum);
        }
        self.base.log_prob(&values, &mut sum);
        sum
    }

    /// Which columns are context.
    pub fn given(&self) -> Vec<bool> {
        self.columns.iter().map(|column| column.kind == 8).collect()
    }
}

/// One name for each column, and nothing after them.
fn check_names(names: &[u8], columns: usize, file: &Container) -> Rule {
    if !file.has(b"NAME") {
        return Ok(());
    }
    let mut at = 0;
    for j in 0..columns {
        rule(at + 2 <= names.len(), || format!("name {j}: not there"))?;
        at += 2 + usize::from(u16_at(names, at));
    }
    rule(at == names.len(), || format!("the names end at {at} of {}", names.len()))
}
