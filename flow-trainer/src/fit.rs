//! From a profile of the training rows to the columns of a flow: standardisation, dequantization, the trusted box.

use flow_model::spec::{Column, Kind, Standard, Tails};
use flow_table::{Convention, DetectedKind, Profile, Table};

/// The trusted box reaches this much farther than the training rows.
const MARGIN: f64 = 1.5;
/// Standard deviations beyond which values are compressed.
const KNEE: f32 = 4.0;
/// Jitter of continuous columns in the peers' convention, as a share of the standard deviation.
const PEERS_JITTER: f64 = 1e-3;

/// The columns of a flow for these training rows, as the profile describes them.
pub fn columns(train: &Table, profile: &Profile, convention: Convention) -> Vec<Column> {
    let mut columns = Vec::new();
    for (j, column) in profile.columns().iter().enumerate() {
        let stats = &column.stats;
        let (min, max) = (f64::from(stats.min), f64::from(stats.max));
        let kind = match column.kind {
            DetectedKind::Constant => Kind::Constant {
                value: stats.min,
                log_mass: -(1.0 / (train.rows() as f64 + 1.0)).ln_1p() as f32,
                log_other: -(train.rows() as f64 + 2.0).ln() as f32,
                unit: stats.min.abs().max(1.0),
            },
            DetectedKind::Integer => {
                // A draw from the cell [x, x + 1) lies half a step higher and varies by 1/12 more.
                let std = (stats.std * stats.std + 1.0 / 12.0).sqrt();
                Kind::Integer { standard: standard(stats.mean + 0.5, std, min, max + 1.0) }
            }
            DetectedKind::Continuous => {
                let std = if stats.std > 0.0 { stats.std } else { 1.0 };
                let jitter = match convention {
                    Convention::Own => resolution(train, j).min(std),
                    Convention::Peers => PEERS_JITTER * std,
                };
                let half = jitter / 2.0;
                Kind::Continuous { standard: standard(stats.mean, std, min - half, max + half), jitter: jitter as f32 }
            }
        };
        columns.push(Column { name: column.name.clone(), kind });
    }
    columns
}

/// How rows far out are treated, for a flow of `dim` columns.
pub fn tails(dim: usize) -> Tails {
    Tails { knee: KNEE, rate: 10.0 + 2.0 * dim as f32 }
}

fn standard(center: f64, std: f64, low: f64, high: f64) -> Standard {
    let scale = (std as f32).max(f32::MIN_POSITIVE);
    let farthest = (center - low).abs().max((high - center).abs()) / f64::from(scale);
    Standard { center: center as f32, scale, reach: (MARGIN * farthest).max(1.0) as f32 }
}

/// The smallest step between two different values of a column: what a sensor can tell apart. A density spread over less
/// than that measures the rounding, not the machine.
fn resolution(table: &Table, j: usize) -> f64 {
    let mut values: Vec<f32> = table.column(j).collect();
    values.sort_unstable_by(f32::total_cmp);
    let steps = values.windows(2).map(|w| f64::from(w[1]) - f64::from(w[0])).filter(|&step| step > 0.0);
    steps.fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(rows: &[&[f32]], convention: Convention) -> Vec<Column> {
        let names = (0..rows[0].len()).map(|j| format!("c{j}")).collect();
        let table = Table::from_rows("t.csv", names, rows).unwrap();
        let profile = Profile::of(&table, &[], convention).unwrap();
        columns(&table, &profile, convention)
    }

    #[test]
    fn an_integer_column_is_standardised_as_a_draw_from_its_cells() {
        let columns = fitted(&[&[0.0], &[2.0]], Convention::Own);
        let standard = columns[0].standard().unwrap();
        assert_eq!(standard.center, 1.5);
        assert_eq!(standard.scale, (1.0f32 + 1.0 / 12.0).sqrt());
        assert_eq!(standard.reach, 1.5 * 1.5 / standard.scale);
    }

    #[test]
    fn a_continuous_column_is_jittered_by_its_resolution() {
        let columns = fitted(&[&[0.25, 7.0], &[0.5, 7.0], &[1.5, 7.0]], Convention::Own);
        assert!(matches!(columns[0].kind, Kind::Continuous { jitter: 0.25, .. }), "{:?}", columns[0]);
        let Kind::Constant { value, log_mass, log_other, .. } = columns[1].kind else { panic!("{:?}", columns[1]) };
        assert_eq!(value, 7.0);
        // One of the 3 + 2 pseudo-counts is for another value.
        assert!((log_mass.exp() + log_other.exp() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn huge_and_tiny_columns_have_finite_standards() {
        for rows in [[&[1e38f32][..], &[-3e38]], [&[1e-42f32][..], &[3e-42]], [&[1e30f32][..], &[1.000001e30]]] {
            let columns = fitted(&rows, Convention::Own);
            let s = columns[0].standard().unwrap();
            assert!(s.center.is_finite() && s.scale > 0.0 && s.scale.is_finite() && s.reach.is_finite(), "{s:?}");
        }
    }
}
