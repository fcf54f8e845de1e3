//! How far samples of a flow are from rows that it was not trained on, beside how far its training rows are from them: for each
//! column the Kolmogorov–Smirnov statistic, for whole rows the energy distance.

use flow_table::{Table, metrics};
use serde::Serialize;

/// Rows of each table that the energy distance looks at.
const ENERGY_ROWS: usize = 1000;

/// Two distances from the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distance {
    /// What is compared: a column's name.
    pub name: String,
    /// Of the samples.
    pub samples: f64,
    /// Of the training rows: what samples can be expected to reach.
    pub training: f64,
}

/// The distances of samples and of training rows from rows held out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distances {
    /// Number of samples.
    pub samples: usize,
    /// Kolmogorov–Smirnov statistics, one for each column.
    pub columns: Vec<Distance>,
    /// Energy distance of whole rows, each column divided by its deviation.
    pub energy: Distance,
}

impl Distances {
    /// Compares; `None` where a table has no rows.
    pub fn of(samples: &Table, training: &Table, held_out: &Table) -> Option<Self> {
        let column = |table: &Table, j: usize| table.column(j).map(f64::from).collect::<Vec<f64>>();
        let statistic = |table: &Table, j: usize| {
            metrics::kolmogorov_smirnov(&column(table, j), &column(held_out, j)).map(|found| found.statistic)
        };
        let names = held_out.names().iter().enumerate();
        let columns: Option<Vec<Distance>> = names
            .map(|(j, name)| {
                let (samples, training) = (statistic(samples, j)?, statistic(training, j)?);
                Some(Distance { name: name.clone(), samples, training })
            })
            .collect();
        let scale = |j: usize| {
            let values = column(training, j);
            let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
            let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len().max(1) as f64;
            if variance > 0.0 { variance.sqrt() } else { 1.0 }
        };
        let scales: Vec<f64> = (0..held_out.columns()).map(scale).collect();
        let energy = |table: &Table| metrics::energy_distance(table.iter(), held_out.iter(), &scales, ENERGY_ROWS);
        let energy = Distance { name: "rows".into(), samples: energy(samples)?, training: energy(training)? };
        Some(Distances { samples: samples.rows(), columns: columns?, energy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_table::builtin;

    #[test]
    fn the_same_distribution_is_near_and_another_is_far() {
        let moons = |seed| builtin::generate("two-moons", 2000, seed).unwrap();
        let other = builtin::generate("eight-gaussians", 2000, 3).unwrap().values().to_vec();
        let rows: Vec<&[f32]> = other.chunks(2).collect();
        let other = Table::from_rows("other", moons(1).names().to_vec(), &rows).unwrap();
        let found = Distances::of(&other, &moons(1), &moons(2)).unwrap();
        for pair in found.columns.iter().chain([&found.energy]) {
            assert!(pair.training < 0.06 && pair.samples > 4.0 * pair.training, "{pair:?}");
        }
    }
}
