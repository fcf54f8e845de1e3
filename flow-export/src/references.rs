//! From usual rows to what names a sensor: the sections `REFS` and `MASS` of `spec/format.md`, whose "Verdicts" has the sum
//! that the engine makes of them (`flow-nostd/src/along.rs`). Files that were written before are read as they are.

use crate::frozen::columns_with_atoms;
use flow_nostd::layout::{
    AtomRecord, BOUNDED, CIRCULAR, CONSTANT, CONTINUOUS, ColumnRecord, INTEGER, LATTICE, MASSES, NO_WIDTH, POSITIVE,
    REFERENCES,
};
use flow_nostd::{Flow, Tag};
use flow_table::metrics;
use zerocopy::IntoBytes;
use zerocopy::little_endian::F32;

/// Values of a column over which its density is integrated.
const VALUES: usize = 16;

/// `REFS`: of each column of a row its median, the logarithm of a spacing in deviations, and values so spaced from a
/// deviation below the usual values to one above them. `MASS`, where the flow has atoms: of each column with some the
/// logarithm of the width of a cell in deviations. `rows` has rows of the flow without context.
pub fn sections(rows: &[f32], flow: &Flow) -> Vec<(Tag, Vec<u8>)> {
    let columns: Vec<_> = columns_with_atoms(flow).filter(|(record, _)| !record.is_context()).collect();
    let (mut references, mut widths) = (Vec::new(), Vec::new());
    for (j, (record, atoms)) in columns.iter().enumerate() {
        let values = rows.iter().skip(j).step_by(columns.len()).copied().collect();
        let (mine, width) = of_column(record, atoms, values);
        references.extend(mine.map(F32::new));
        widths.push(F32::new(width));
    }
    let mut sections = vec![(REFERENCES, references.as_bytes().to_vec())];
    if !flow.atom_records().is_empty() {
        sections.push((MASSES, widths.as_bytes().to_vec()));
    }
    sections
}

/// What both sections have of a column with these atoms and usual values.
fn of_column(record: &ColumnRecord, atoms: &[AtomRecord], mut values: Vec<f32>) -> ([f32; 2 + VALUES], f32) {
    if record.kind.get() == CONSTANT {
        values.fill(record.values[0].get()); // What it is all but always: a mass, which no spacing would meet.
    }
    values.sort_by(f32::total_cmp);
    let median = values[values.len() / 2];
    let unit = deviation(record, &values);
    let (low, high) = span(record, atoms, &values, unit);
    let step = (high - low) / VALUES as f64;
    if unit <= 0.0 || step <= 0.0 {
        // It never changes: nothing while it does not, and else what the log-density gains where it does not.
        let mut never = [median; 2 + VALUES];
        never[1] = -((VALUES + 1) as f32).ln();
        return (never, NO_WIDTH);
    }
    let mut out = [median; 2 + VALUES];
    out[1] = (step / unit).ln() as f32;
    for (i, value) in out[2..].iter_mut().enumerate() {
        let at = low + step * (i as f64 + 0.5);
        *value = beside(record, atoms, (at as f32).clamp(f32::MIN, f32::MAX), step);
    }
    (out, if atoms.is_empty() { NO_WIDTH } else { (cell(record) / unit).ln() as f32 })
}

/// A circle of angles; else from a unit below the least of the sorted values to one above the greatest, but where training
/// says what it trusts not beyond that, lest one value far out leave the others between two values of the sum.
fn span(record: &ColumnRecord, atoms: &[AtomRecord], values: &[f32], unit: f64) -> (f64, f64) {
    if record.kind.get() == CIRCULAR {
        let [origin, period, ..] = record.values.map(|value| f64::from(value.get()));
        return (origin, origin + period);
    }
    let (low, high) = (f64::from(values[0]) - unit, f64::from(values[values.len() - 1]) + unit);
    if record.kind.get() == CONSTANT {
        return (low, high);
    }
    let (least, most) = trusted(record, atoms);
    if low.max(least) < high.min(most) { (low.max(least), high.min(most)) } else { (low, high) }
}

/// The values that training trusts a column of a line to have, in raw units.
pub(crate) fn trusted(record: &ColumnRecord, atoms: &[AtomRecord]) -> (f64, f64) {
    let [center, scale, reach, _] = record.values.map(|value| f64::from(value.get()));
    let [first, second, _] = record.extra.map(|value| f64::from(value.get()));
    let own = if has_cells(record) { 1.0 } else { 0.0 };
    let inserted: f64 = atoms.iter().map(|atom| f64::from(atom.width.get()) - own).sum();
    // From the axis to raw units, see `flow-nostd/src/column.rs`.
    let raw = |w: f64| match record.kind.get() {
        POSITIVE => w.exp(),
        BOUNDED => first + (second - first) / (1.0 + (-w).exp()),
        LATTICE => first + w * second,
        _ => w,
    };
    (raw(center - reach * scale), raw(center + reach * scale - inserted))
}

/// The unit of a column: the scale that training gave it where that is in raw units, from more rows than those of a
/// calibration, else the deviation of these.
fn deviation(record: &ColumnRecord, values: &[f32]) -> f64 {
    if has_scale(record) {
        return f64::from(record.values[1].get()) * cell(record);
    }
    metrics::Summary::of(values.iter().map(|&x| f64::from(x))).std_error * (values.len() as f64).sqrt()
}

/// Whether the record says where values lie in raw units, or in cells.
fn has_scale(record: &ColumnRecord) -> bool {
    record.kind.get() == CONTINUOUS || has_cells(record)
}

fn has_cells(record: &ColumnRecord) -> bool {
    matches!(record.kind.get(), INTEGER | LATTICE)
}

/// The width of what has a mass: a cell, or 1 in columns of real numbers.
fn cell(record: &ColumnRecord) -> f64 {
    if record.kind.get() == LATTICE { f64::from(record.extra[1].get()) } else { 1.0 }
}

/// The value, unless it is an atom's, which counts as a mass: then one beside it, or where a spacing is no wider than the
/// atom's own cell, one that no row has.
fn beside(record: &ColumnRecord, atoms: &[AtomRecord], value: f32, step: f64) -> f32 {
    let cells = has_cells(record);
    let away = if cells { cell(record) } else { 0.25 * step } as f32;
    // One atom after the other may be met, each once.
    (0..atoms.len()).fold(value, |x, _| match is_atom(record, atoms, x) {
        true if cells && step <= cell(record) => f32::MAX,
        true => (x + away).min(f32::MAX),
        false => x,
    })
}

/// Whether a value is one of these atoms, or in columns of cells in the cell of one.
pub(crate) fn is_atom(record: &ColumnRecord, atoms: &[AtomRecord], value: f32) -> bool {
    let [origin, width] = [record.extra[0].get(), record.extra[1].get()];
    let number = match record.kind.get() {
        INTEGER => value.floor(),
        LATTICE => ((value - origin) / width + 0.5).floor(),
        _ => value,
    };
    atoms.iter().any(|atom| atom.value.get() == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::little_endian::U16;

    fn record(kind: u16, extra: [f32; 3]) -> ColumnRecord {
        let values = [0.0, 1.0, 4.0, 0.0].map(F32::new);
        ColumnRecord { kind: U16::new(kind), atoms: U16::new(2), values, extra: extra.map(F32::new) }
    }

    /// Atoms at these values, of a width that inserts nothing in columns of cells.
    fn atoms(values: &[f32]) -> Vec<AtomRecord> {
        let atom = |&value| AtomRecord {
            value: F32::new(value),
            cut: F32::new(value),
            width: F32::new(1.0),
            log_mass: F32::new(0.0),
        };
        values.iter().map(atom).collect()
    }

    #[test]
    fn no_value_of_the_integral_is_an_atom() {
        let lattice = record(LATTICE, [0.5, 0.25, 0.0]);
        assert_eq!(beside(&lattice, &atoms(&[4.0, 5.0]), 1.5, 0.3), 2.0); // The cells 4 and 5 stand for 1.5 and 1.75.
        assert_eq!(beside(&lattice, &atoms(&[4.0, 6.0]), 1.6, 0.3), 1.85);
        assert_eq!(beside(&lattice, &atoms(&[5.0]), 1.5, 0.3), 1.5);
        let integer = record(INTEGER, [0.0; 3]);
        assert_eq!(beside(&integer, &atoms(&[-1.0, 0.0]), -0.75, 2.0), 1.25);
        assert_eq!(beside(&integer, &atoms(&[-1.0, 0.0]), -0.75, 0.5), f32::MAX);
        assert_eq!(beside(&record(CONTINUOUS, [0.0; 3]), &atoms(&[2.0]), 2.0, 1.0), 2.25);
    }

    #[test]
    fn angles_are_once_around() {
        let mut record = record(CIRCULAR, [0.0; 3]);
        record.values = [-180.0, 360.0, 0.0, 0.0].map(F32::new);
        let (references, _) = of_column(&record, &[], (0..90).map(|i| 4.0 * i as f32 - 180.0).collect());
        assert_eq!([references[2], references[17]], [-168.75, 168.75]);
    }

    /// Values of 0 to 10 in an integer column that training found at 5 ± 2, trusted to 20 deviations.
    fn counts() -> (ColumnRecord, Vec<f32>) {
        let mut record = record(INTEGER, [0.0; 3]);
        record.values = [5.5, 2.0, 20.0, 0.5].map(F32::new);
        (record, (0..1000).map(|i| (i % 11) as f32).collect())
    }

    #[test]
    fn each_cell_counts_as_often_as_it_is_wide() {
        let (record, values) = counts();
        let (references, _) = of_column(&record, &atoms(&[0.0]), values);
        let step = 2.0 * references[1].exp();
        assert!((step - 14.0 / 16.0).abs() < 1e-5, "{step}");
        let within = |low: f32, high: f32| references[2..].iter().filter(|&&x| low <= x && x < high).count() as f32;
        assert_eq!(within(0.0, 1.0), 0.0); // The atom's, which counts as a mass.
        assert!((within(1.0, 6.0) * step - 5.0).abs() <= step && (within(6.0, 11.0) * step - 5.0).abs() <= step);
    }

    #[test]
    fn a_value_far_out_does_not_spread_the_others() {
        let (record, mut values) = counts();
        values[501] = -1e9;
        values[500] = 1e6;
        let (references, _) = of_column(&record, &[], values.clone());
        let step = references[3] - references[2];
        assert!((step - 5.0).abs() < 1e-4 && (references[1] - 2.5f32.ln()).abs() < 1e-5, "{step}");
        assert!((references[2] - (5.5 - 40.0 + 2.5)).abs() < 1e-4, "{references:?}");
        // A positive column around 1 as well, though its box is that of the logarithms.
        let mut values = vec![1.0; 59];
        values.extend([0.5, 2.0, 1e6]);
        let (references, _) = of_column(&self::record(POSITIVE, [0.0; 3]), &[], values);
        assert!(references[2..].iter().all(|x| (0.0..4f32.exp() + 1.0).contains(x)), "{references:?}");
        // Where all lie beyond, they are what there is.
        let (references, _) = of_column(&record, &[], vec![1e6; 60]);
        assert!(references[2..].iter().all(|x| (x - 1e6).abs() <= 2.0), "{references:?}");
    }

    #[test]
    fn deviations_are_those_of_the_training_where_the_file_has_them() {
        let values = || (0..101).map(|i| 0.25 * (i % 11) as f32).collect::<Vec<f32>>();
        let mut lattice = record(LATTICE, [0.0, 0.25, 0.0]);
        lattice.values = [5.5, 2.0, 20.0, 0.5].map(F32::new);
        let (references, width) = of_column(&lattice, &atoms(&[0.0]), values());
        assert_eq!((references[0], width), (1.25, 0.5f32.ln()));
        let step = references[9] - references[8];
        assert!((step - 3.5 / 16.0).abs() < 1e-6 && (references[1] - (step / 0.5).ln()).abs() < 1e-6, "{step}");
        assert_eq!(of_column(&lattice, &[], values()).1, NO_WIDTH);
        let (references, width) = of_column(&record(POSITIVE, [0.0; 3]), &atoms(&[0.0]), values());
        let std = (references[9] - references[8]) / references[1].exp();
        assert!((std - 0.79).abs() < 0.02 && (width + std.ln()).abs() < 1e-4, "{std} {width}");
    }

    #[test]
    fn a_column_that_never_changes_counts_for_nothing() {
        let (references, width) = of_column(&record(POSITIVE, [0.0; 3]), &atoms(&[0.0]), vec![2.0; 60]);
        assert_eq!((references[0], width), (2.0, NO_WIDTH));
        assert!(references[2..] == [2.0; VALUES] && (references[1] + 17f32.ln()).abs() < 1e-6);
        // On a line with cells it may change yet.
        let (references, _) = of_column(&record(INTEGER, [0.0; 3]), &[], vec![2.0; 60]);
        assert_eq!([references[2], references[17]], [1.0625, 2.9375]);
    }
}
