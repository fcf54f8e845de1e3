//! From a profile of the training rows to the columns of a flow: axes, atoms, standardisation, the trusted box.

use flow_model::axis::to_axis;
use flow_model::graph::{Dim, Graph};
use flow_model::interpret::interpret;
use flow_model::spec::{Atom, Column, Kind, Standard, Tails};
use flow_table::{ColumnKind, Convention, Profile, Table};
use ndarray::ArrayD;

/// The trusted box reaches this much farther than the training rows.
const MARGIN: f64 = 1.5;
/// Standard deviations beyond which values are compressed.
const KNEE: f32 = 4.0;
/// Jitter of continuous columns in the peers' convention, as a share of the standard deviation.
const PEERS_JITTER: f64 = 1e-3;
/// Width of an atom's interval, in deviations of the other values: as much room as a layer resolves with ease.
const ATOM_WIDTH: f64 = 1.0;
/// The share of a column from which a value is nearly all of it.
const NEARLY_ALL: f64 = 0.9;
/// A standard that changes nothing.
const NEUTRAL: Standard = Standard { center: 0.0, scale: 1.0, reach: 1.0 };

/// The columns of a flow for these training rows, as the profile describes them. Where the density is to be `smoothed`, a
/// value of a column of real numbers keeps a mass of its own only if it is nearly all of the column ([`keeps`]).
pub fn columns(train: &Table, profile: &Profile, convention: Convention, smoothed: bool) -> Vec<Column> {
    let described = profile.columns().iter().enumerate();
    described
        .map(|(j, described)| {
            let values: Vec<f32> = train.column(j).collect();
            let kept = |atom: &(f32, f64)| !smoothed || keeps(described.kind, atom.1);
            let atoms: Vec<(f32, f64)> = described.atoms.iter().copied().filter(kept).collect();
            let (name, atoms) = (&described.name, &atoms[..]);
            let stats = &described.stats;
            match described.kind {
                ColumnKind::Constant => Column::new(name, constant(&values)),
                ColumnKind::Context => {
                    let standard = of_moments(stats.mean, stats.std, stats.min.into(), stats.max.into());
                    Column::new(name, Kind::Context { standard })
                }
                ColumnKind::Circular { origin, period } => {
                    let jitter = resolution(&values).min(0.02 * f64::from(period)) as f32;
                    Column::new(name, Kind::Circular { origin, period, jitter })
                }
                ColumnKind::Continuous => {
                    let std = if stats.std > 0.0 { stats.std } else { 1.0 };
                    let jitter = match convention {
                        Convention::Own => resolution(&values).min(std) as f32,
                        Convention::Peers => (PEERS_JITTER * std) as f32,
                    };
                    on_line(name, |standard| Kind::Continuous { standard, jitter }, &values, atoms)
                }
                ColumnKind::Positive => on_line(name, |standard| Kind::Positive { standard }, &values, atoms),
                ColumnKind::Bounded { low, high } => {
                    on_line(name, |standard| Kind::Bounded { low, high, standard }, &values, atoms)
                }
                ColumnKind::Integer => on_line(name, |standard| Kind::Integer { standard }, &values, atoms),
                ColumnKind::Lattice { origin, step } => {
                    on_line(name, |standard| Kind::Lattice { origin, step, standard }, &values, atoms)
                }
            }
        })
        .collect()
}

/// Whether a value that holds this share of a column keeps a mass of its own in a smoothed density. The noise leads out of
/// its interval, so that among real numbers a mass only pays where it is nearly all there is. In discrete columns all
/// values are masses, and the ends of a support have no place on the axis.
pub fn keeps(kind: ColumnKind, share: f64) -> bool {
    kind != ColumnKind::Continuous || share >= NEARLY_ALL
}

/// How rows far out are treated, for a flow of `dim` columns.
pub fn tails(dim: usize) -> Tails {
    Tails { knee: KNEE, rate: 10.0 + 2.0 * dim as f32 }
}

/// The value that most rows hold and the share of others, one pseudo-count for either (Laplace's rule of succession). The
/// unit of the others' distance is the mean of those that there are.
fn constant(values: &[f32]) -> Kind {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let runs = sorted.chunk_by(|a, b| a == b);
    let (value, count) = runs.map(|run| (run[0], run.len())).max_by_key(|run| run.1).unwrap_or((0.0, 0));
    let share = |rows: usize| ((rows as f64 + 1.0) / (values.len() as f64 + 2.0)).ln() as f32;
    let others = values.len() - count;
    let distance: f64 = values.iter().map(|&x| (f64::from(x) - f64::from(value)).abs()).sum();
    let unit = if others > 0 { (distance / others as f64) as f32 } else { value.abs().max(1.0) };
    let unit = unit.clamp(f32::MIN_POSITIVE, f32::MAX);
    Kind::Constant { value, log_mass: share(count), log_other: share(others), unit }
}

/// A column on a line: its atoms get intervals, then everything is standardised.
fn on_line(name: &str, kind: impl Fn(Standard) -> Kind, values: &[f32], atoms: &[(f32, f64)]) -> Column {
    let mut column = Column::new(name, kind(NEUTRAL));
    column.atoms = intervals(&column, values, atoms);
    // A point of a value's cell is anywhere in it: Simpson's rule over the noise gives both moments exactly.
    let [low, middle, high] = [0.0, 0.5, 1.0].map(|noise| on_axis(&column, values, noise));
    let rows = middle.len() as f64;
    let mean = middle.iter().sum::<f64>() / rows;
    let square = |values: &[f64]| values.iter().map(|q| (q - mean).powi(2)).sum::<f64>();
    let std = ((square(&low) + 4.0 * square(&middle) + square(&high)) / (6.0 * rows)).sqrt();
    let least = low.iter().copied().fold(f64::INFINITY, f64::min);
    let most = high.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    column.kind = kind(of_moments(mean, std, least, most));
    column
}

/// Intervals for the values that hold a mass of their own, by rising cut.
fn intervals(plain: &Column, values: &[f32], atoms: &[(f32, f64)]) -> Vec<Atom> {
    let others: Vec<f32> = values.iter().copied().filter(|v| atoms.iter().all(|(atom, _)| atom != v)).collect();
    let axis = on_axis(plain, &others, 0.5);
    let (mean, count) = (axis.iter().sum::<f64>() / axis.len().max(1) as f64, axis.len().max(1) as f64);
    let std = (axis.iter().map(|q| (q - mean).powi(2)).sum::<f64>() / count).sqrt();
    let std = if std > 0.0 && std.is_finite() { std } else { 1.0 };
    let least = axis.iter().copied().fold(f64::INFINITY, f64::min);
    let most = axis.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let places: Vec<(f32, f64)> =
        atoms.iter().map(|&(value, _)| (value, on_axis(plain, &[value], plain.noise_offset())[0])).collect();
    // An end of the support may lie at infinity, and a value far off is better beside the others; of several on one side
    // each has a place of its own.
    let (low, high) = (least - 0.5 * std, most + 0.5 * std);
    let beside = |value: f32, place: f64| {
        let nearer = |is_nearer: &dyn Fn(f32, f64) -> bool| {
            0.5 * std * places.iter().filter(|&&(other, place)| is_nearer(other, place)).count() as f64
        };
        if place < low {
            low - nearer(&|other, place| place < low && other > value)
        } else if place > high {
            high + nearer(&|other, place| place > high && other < value)
        } else {
            place
        }
    };
    let atom = |&(value, place): &(f32, f64)| {
        let width = ATOM_WIDTH * std;
        match plain.cells() {
            Some(_) => Atom { value: place as f32, cut: place as f32, width: width.max(1.0) as f32 },
            None if axis.is_empty() => Atom { value, cut: place as f32, width: width as f32 },
            None => Atom { value, cut: beside(value, place) as f32, width: width as f32 },
        }
    };
    let mut result: Vec<Atom> = places.iter().map(atom).collect();
    result.sort_by(|a, b| a.cut.total_cmp(&b.cut));
    result.dedup_by(|later, earlier| later.cut <= earlier.cut);
    result
}

/// Values on a column's axis, before it is standardised.
fn on_axis(column: &Column, values: &[f32], noise: f32) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let mut g = Graph::new();
    let x = g.input("x", &[Dim::Batch, Dim::Size(1)]);
    let noise = g.scalar(noise, x);
    let q = to_axis(&mut g, &[column], x, Some(noise)).q;
    g.output("q", q);
    let x = ArrayD::from_shape_fn(vec![values.len(), 1], |i| f64::from(values[i[0]]));
    interpret(&g, &[x]).swap_remove(0).into_iter().collect()
}

fn of_moments(center: f64, std: f64, low: f64, high: f64) -> Standard {
    let std = if std > 0.0 { std } else { 1.0 };
    let scale = (std as f32).max(f32::MIN_POSITIVE);
    let farthest = (center - low).abs().max((high - center).abs()) / f64::from(scale);
    Standard { center: center as f32, scale, reach: (MARGIN * farthest).max(1.0) as f32 }
}

/// The smallest step between two different values of a column: what a sensor can tell apart. A density spread over less
/// than that measures the rounding, not the machine.
fn resolution(values: &[f32]) -> f64 {
    let mut values = values.to_vec();
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
        columns(&table, &profile, convention, false)
    }

    #[test]
    fn an_integer_column_is_standardised_as_a_draw_from_its_cells() {
        let columns = fitted(&[&[0.0], &[1.0], &[2.0]], Convention::Own);
        let standard = columns[0].standard().unwrap();
        assert_eq!(standard.center, 1.5);
        assert!((standard.scale - (2.0f32 / 3.0 + 1.0 / 12.0).sqrt()).abs() < 1e-6, "{standard:?}");
        assert!((standard.reach - 1.5 * 1.5 / standard.scale).abs() < 1e-6, "{standard:?}");
    }

    #[test]
    fn a_continuous_column_is_jittered_by_its_resolution() {
        let columns = fitted(&[&[0.25, 7.0], &[0.5, 7.0], &[1.5, 7.0]], Convention::Own);
        if let Kind::Continuous { jitter, .. } = columns[0].kind {
            assert_eq!(jitter, 0.25);
        }
        let Kind::Constant { value, log_mass, log_other, .. } = columns[1].kind else { panic!("{:?}", columns[1]) };
        assert_eq!(value, 7.0);
        // One of the 3 + 2 pseudo-counts is for another value.
        assert!((log_mass.exp() + log_other.exp() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_nearly_constant_column_knows_how_far_others_lie() {
        let mut values = vec![-0.5f32; 745];
        (values[0], values[17]) = (9.5, -20.5);
        let Kind::Constant { value, log_mass, log_other, unit } = constant(&values) else { panic!() };
        assert_eq!((value, unit), (-0.5, 15.0));
        assert!((log_other - (3f32 / 747.0).ln()).abs() < 1e-6, "{log_other}");
        assert!((log_mass.exp() + log_other.exp() - 1.0).abs() < 1e-6);
        let Kind::Constant { unit, .. } = constant(&[f32::MIN, f32::MAX, f32::MIN]) else { panic!() };
        assert_eq!(unit, f32::MAX);
    }

    #[test]
    fn each_mass_far_off_has_a_place_of_its_own() {
        let rows: Vec<[f32; 1]> = (0..400)
            .map(|i| match i % 10 {
                0 => [-9999.0],
                1 => [-999.0],
                2 => [777.0],
                _ => [(i as f32 * 0.713).sin() + i as f32 * 1e-4],
            })
            .collect();
        let table = Table::from_rows("t.csv", vec!["x".into()], &rows).unwrap();
        let profile = Profile::of(&table, &[], Convention::Own).unwrap();
        let atoms = columns(&table, &profile, Convention::Own, false).swap_remove(0).atoms;
        assert_eq!(atoms.iter().map(|atom| atom.value).collect::<Vec<_>>(), [-9999.0, -999.0, 777.0]);
        assert!(atoms.iter().all(|atom| (-4.0..4.0).contains(&atom.cut)), "{atoms:?}");
    }

    #[test]
    fn a_smoothed_density_keeps_a_mass_of_real_numbers_only_where_it_is_nearly_all() {
        let rows: Vec<[f32; 2]> = (0..400)
            .map(|i| {
                let (real, whole) = ((i as f32 * 0.713).sin() * 3.1 + i as f32 * 1e-3, (i % 40) as f32);
                [if i % 2 == 0 { 0.0 } else { real }, if i % 2 == 0 { 0.0 } else { whole }]
            })
            .collect();
        let table = Table::from_rows("t.csv", vec!["real".into(), "whole".into()], &rows).unwrap();
        let profile = Profile::of(&table, &[], Convention::Own).unwrap();
        let atoms = |smoothed| {
            columns(&table, &profile, Convention::Own, smoothed).iter().map(|c| c.atoms.len()).collect::<Vec<_>>()
        };
        assert_eq!((atoms(false), atoms(true)), (vec![1, 1], vec![0, 1]), "{profile}");
    }

    #[test]
    fn an_atom_lies_beside_the_others() {
        // Half of the values are 0, the others spread evenly over 0.5 to 1.5.
        let values: Vec<f32> = (0..1000).map(|i| if i % 2 == 0 { 0.0 } else { 0.5 + i as f32 / 1000.0 }).collect();
        let kind = |standard| Kind::Positive { standard };
        let column = on_line("p", kind, &values, &[(0.0, 0.5)]);
        let [atom] = column.atoms[..] else { panic!("{column:?}") };
        assert!(atom.value == 0.0 && atom.cut < 0.5f32.ln(), "{atom:?}");
        // The deviation of ln x over 0.5 to 1.5.
        assert!((0.25..0.35).contains(&atom.width), "{atom:?}");
        let standard = column.standard().unwrap();
        assert!(standard.scale > 0.2 && standard.reach < 5.0, "{standard:?}");
    }

    #[test]
    fn a_column_that_is_almost_one_value_has_a_finite_standard() {
        let mut values = vec![3.0f32; 745];
        values[17] = 4.5;
        let column =
            on_line("x", |standard| Kind::Continuous { standard, jitter: 0.0 }, &values, &[(3.0, 744.0 / 745.0)]);
        let standard = column.standard().unwrap();
        assert!(standard.scale.is_finite() && standard.scale > 0.0 && standard.reach.is_finite(), "{standard:?}");
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
