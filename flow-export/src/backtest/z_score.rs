//! What is commonly done: how many standard deviations the farthest column is from its mean.

use crate::calibration::{Calibrated, FEWEST};
use crate::error::Error;

/// A column's mean and standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Usual {
    mean: f64,
    deviation: f64,
}

/// The largest of a row's z-scores, calibrated with the rows that gave means and deviations.
pub(super) struct ZScore {
    columns: Vec<Usual>,
    calibrated: Calibrated,
}

impl ZScore {
    /// Fits it to usual rows of the columns that are modelled.
    pub(super) fn of(rows: &[f32], columns: usize, source: &str) -> Result<Self, Error> {
        let count = rows.len() / columns;
        if count < FEWEST {
            return Err(Error::FewUsualRows { source_name: source.to_owned(), rows: count, needed: FEWEST });
        }
        let usual = |column: usize| {
            let values = || rows.iter().skip(column).step_by(columns).map(|&x| f64::from(x));
            let mean = values().sum::<f64>() / count as f64;
            let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
            // Where all values are the same, any other is far off.
            Usual { mean, deviation: variance.sqrt().max(1e-6 * mean.abs()).max(1e-12) }
        };
        let columns: Vec<Usual> = (0..columns).map(usual).collect();
        let scores: Vec<f32> = rows.chunks_exact(columns.len()).map(|row| -farthest(&columns, row).0).collect();
        Ok(ZScore { calibrated: Calibrated::of(&scores, None), columns })
    }

    /// `ln p` of a row and its farthest column. Missing values are as usual as can be.
    pub(super) fn judge(&self, row: &[f32]) -> (f32, u16) {
        let (score, column) = farthest(&self.columns, row);
        (self.calibrated.ln_p(-score), column)
    }
}

fn farthest(columns: &[Usual], row: &[f32]) -> (f32, u16) {
    let mut worst = (0.0, 0);
    for (j, (usual, &x)) in columns.iter().zip(row).enumerate() {
        let z = ((f64::from(x) - usual.mean) / usual.deviation).abs().min(1e30) as f32;
        if x.is_finite() && z > worst.0 {
            worst = (z, j as u16);
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_column_is_named_and_ranked() {
        let rows: Vec<f32> = (0..2000).map(|i| ((i as f32 * 0.618_034).fract() - 0.5) * (1 + i % 2) as f32).collect();
        let z = ZScore::of(&rows, 2, "t").unwrap();
        assert_eq!(z.judge(&[5.0, 0.0]).1, 0);
        assert_eq!(z.judge(&[0.1, -5.0]).1, 1);
        let near = z.judge(&[0.1, 0.1]).0;
        assert!(z.judge(&[5.0, 0.0]).0 < -7.0 && near > -0.8, "{near}");
        assert_eq!(z.judge(&[f32::NAN, 0.1]).0, z.judge(&[0.0, 0.1]).0);
        assert!(ZScore::of(&rows[..100], 2, "t").is_ok());
        assert!(ZScore::of(&rows[..98], 2, "t").is_err());
    }
}
