//! Base distributions: `spec/format.md`, `BASE` and "Log-density".

use super::bytes::{Rule, f32_at, rule, u16_at, zero};
use super::columns::clamp;
use super::dense::Dense;
use super::layers::Reading;
use super::sum::Sum;

/// A base distribution of the latent values of columns on a line.
pub enum Base {
    Normal,
    /// Half, inverse and log_norm of each value.
    StudentT(Vec<[f32; 4]>),
    /// Log-weight and dense layer of each component.
    Mixture(Vec<(f32, Dense)>),
}

impl Base {
    /// Reads the section.
    pub fn read(records: &[&[u8]], reading: &mut Reading) -> Rule<Self> {
        let (head, records) = records.split_first().ok_or("BASE is empty")?;
        let (kind, count, lines) = (u16_at(head, 0), usize::from(u16_at(head, 2)), reading.lines);
        rule(zero(head, 4, 16) && (kind == 3) == (count > 0), || "the first record of BASE".into())?;
        let expected = match kind {
            1 => 0,
            2 => lines,
            3 => count,
            _ => return Err(format!("base kind {kind}")),
        };
        rule(records.len() == expected, || format!("{} records of BASE", records.len()))?;
        let mut sum_before = 0.0;
        match kind {
            1 => Ok(Base::Normal),
            2 => records.iter().map(|record| student_t(record)).collect::<Rule<_>>().map(Base::StudentT),
            _ => {
                let mut component = |(i, record): (usize, &&[u8])| {
                    let (log_weight, sum) = (f32_at(record, 0), f32_at(record, 4));
                    rule(log_weight.abs() <= 1e9 && zero(record, 10, 16), || format!("component {i}"))?;
                    let rises = sum >= sum_before && sum <= 1.0 && (i + 1 < count || sum == 1.0);
                    rule(rises, || format!("component {i}: the sum of weights {sum}"))?;
                    sum_before = sum;
                    let first = usize::from(u16_at(record, 8)) == reading.supply.records_taken;
                    rule(first, || format!("component {i}: not the first free dense record"))?;
                    let dense = reading.supply.square(lines)?;
                    for input in 0..lines {
                        let below = (0..input).all(|output| dense.is_zero(input, output));
                        rule(below && dense.weight(input, input) > 0.0, || format!("component {i}: no triangle"))?;
                    }
                    Ok((log_weight, dense))
                };
                let components = records.iter().enumerate().map(&mut component).collect::<Rule<_>>()?;
                reading.needs.mixture(lines, count);
                Ok(Base::Mixture(components))
            }
        }
    }

    /// Adds the log-density of the latent values.
    pub fn log_prob(&self, z: &[f64], sum: &mut Sum) {
        match self {
            Base::Normal => z.iter().for_each(|z| {
                sum.add(-0.5 * z * z);
                sum.add(-0.5 * (2.0 * std::f64::consts::PI).ln());
            }),
            Base::StudentT(records) => z.iter().zip(records).for_each(|(z, record)| {
                let [half, inverse, _, log_norm] = record.map(f64::from);
                sum.add(log_norm);
                sum.add(-half * (z * z * inverse).ln_1p());
            }),
            Base::Mixture(components) => {
                let squares = |dense: &Dense| dense.apply(z).iter().map(|y| clamp(*y, 1e15).powi(2)).sum::<f64>();
                let log = |(weight, dense): &(f32, Dense)| f64::from(*weight) - 0.5 * squares(dense);
                let logs: Vec<f64> = components.iter().map(log).collect();
                let most = logs.iter().fold(f64::NEG_INFINITY, |most, l| most.max(*l));
                sum.add(most);
                sum.add(logs.iter().map(|l| (l - most).exp()).sum::<f64>().ln());
                // Values of z cancel within a component's product, whose rounding is measured by them.
                sum.magnitude += z.iter().map(|z| z * z).fold(0.0, f64::max);
            }
        }
    }
}

fn student_t(record: &[u8]) -> Rule<[f32; 4]> {
    let numbers = [0, 4, 8, 12].map(|at| f32_at(record, at));
    let [half, inverse, nu, log_norm] = numbers;
    let good = nu > 2.0 && nu <= 1000.0 && half == (nu + 1.0) * 0.5 && inverse == 1.0 / nu && log_norm.abs() <= 100.0;
    rule(good, || "a record of Student-t".into())?;
    Ok(numbers)
}
