//! From usual rows to what names a sensor: the sections `REFS` and `MASS`.

use flow_nostd::layout::{CONSTANT, CONTINUOUS, ColumnRecord, INTEGER, LATTICE, MASSES, NO_WIDTH, REFERENCES};
use flow_nostd::{Flow, Tag};
use flow_table::metrics;
use zerocopy::IntoBytes;
use zerocopy::little_endian::F32;

/// Values of a column over which its density is integrated.
const VALUES: usize = 16;

/// `REFS`: of each column of a row its median, the logarithm of a spacing in deviations, and values so spaced from a
/// deviation below the smallest to one above the largest. `MASS`, where the flow has atoms: of each column with some the
/// logarithm of the width of a cell in deviations. `rows` has rows of the flow without context.
pub fn sections(rows: &[f32], flow: &Flow) -> Vec<(Tag, Vec<u8>)> {
    let modelled = flow.column_records().iter().filter(|column| !column.is_context());
    let mut atoms = flow.atom_records();
    let mut columns = Vec::new();
    for record in modelled {
        let (mine, rest) = atoms.split_at(record.atoms.get().into());
        atoms = rest;
        columns.push((record, mine.iter().map(|atom| atom.value.get()).collect::<Vec<f32>>()));
    }
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
fn of_column(record: &ColumnRecord, atoms: &[f32], mut values: Vec<f32>) -> ([f32; 2 + VALUES], f32) {
    if record.kind.get() == CONSTANT {
        values.fill(record.values[0].get()); // What it is all but always: a mass, which no spacing would meet.
    }
    values.sort_by(f32::total_cmp);
    let median = values[values.len() / 2];
    let [least, most] = [values[0], values[values.len() - 1]].map(f64::from);
    let unit = deviation(record, &values);
    let step = (most - least + 2.0 * unit) / VALUES as f64;
    if step <= 0.0 {
        // It never changes: nothing while it does not, and else what the log-density gains where it does not.
        let mut never = [median; 2 + VALUES];
        never[1] = -((VALUES + 1) as f32).ln();
        return (never, NO_WIDTH);
    }
    let at = |i: usize| ((least - unit + step * (i as f64 + 0.5)) as f32).clamp(f32::MIN, f32::MAX);
    let mut out = [median; 2 + VALUES];
    out[1] = (step / unit).ln() as f32;
    out[2..].iter_mut().enumerate().for_each(|(i, value)| *value = beside(record, atoms, at(i)));
    (out, if atoms.is_empty() { NO_WIDTH } else { (cell(record) / unit).ln() as f32 })
}

/// The deviation of a column's values: of the rows that the flow was trained on where its record has it, which are more
/// than those of a calibration, else of these.
fn deviation(record: &ColumnRecord, values: &[f32]) -> f64 {
    match record.kind.get() {
        CONTINUOUS | INTEGER | LATTICE => f64::from(record.values[1].get()) * cell(record),
        _ => {
            let summary = metrics::Summary::of(values.iter().map(|&x| f64::from(x)));
            summary.std_error * (values.len() as f64).sqrt()
        }
    }
}

/// The width of what has a mass: a cell, or 1 in columns of real numbers.
fn cell(record: &ColumnRecord) -> f64 {
    if record.kind.get() == LATTICE { f64::from(record.extra[1].get()) } else { 1.0 }
}

/// The value, or the next one above that is no atom: an atom's mass is no density.
fn beside(record: &ColumnRecord, atoms: &[f32], value: f32) -> f32 {
    let [origin, step] = [record.extra[0].get(), record.extra[1].get()];
    let number = |x: f32| match record.kind.get() {
        INTEGER => x.floor(),
        LATTICE => ((x - origin) / step + 0.5).floor(),
        _ => x,
    };
    let above = |x: f32| match record.kind.get() {
        INTEGER => x + 1.0,
        LATTICE => x + step,
        _ => x.next_up(),
    };
    // One atom after the other may be met, each once; where numbers end, none is passed.
    (0..atoms.len()).fold(value, |x, _| if atoms.contains(&number(x)) { above(x).min(f32::MAX) } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_nostd::layout::POSITIVE;
    use zerocopy::little_endian::U16;

    fn record(kind: u16, extra: [f32; 3]) -> ColumnRecord {
        let values = [0.0, 1.0, 4.0, 0.0].map(F32::new);
        ColumnRecord { kind: U16::new(kind), atoms: U16::new(2), values, extra: extra.map(F32::new) }
    }

    #[test]
    fn no_value_of_the_integral_is_an_atom() {
        let lattice = record(LATTICE, [0.5, 0.25, 0.0]);
        assert_eq!(beside(&lattice, &[4.0, 5.0], 1.5), 2.0); // The cells 4 and 5 stand for 1.5 and 1.75.
        assert_eq!(beside(&lattice, &[4.0, 6.0], 1.6), 1.85);
        assert_eq!(beside(&lattice, &[5.0], 1.5), 1.5);
        assert_eq!(beside(&record(INTEGER, [0.0; 3]), &[-1.0, 0.0], -0.75), 1.25);
        assert_eq!(beside(&record(CONTINUOUS, [0.0; 3]), &[2.0], 2.0), 2.0f32.next_up());
    }

    #[test]
    fn deviations_are_those_of_the_training_where_the_file_has_them() {
        let values = || (0..101).map(|i| 0.25 * (i % 11) as f32).collect::<Vec<f32>>();
        let lattice = record(LATTICE, [0.0, 0.25, 0.0]); // A deviation of a cell.
        let (references, width) = of_column(&lattice, &[0.0], values());
        assert_eq!((references[0], width), (1.25, 0.0));
        let step = references[5] - references[4]; // The second value has moved out of the cell of the atom.
        assert!((step - 3.0 / 16.0).abs() < 1e-6 && (references[1] - (step / 0.25).ln()).abs() < 1e-6, "{step}");
        assert_eq!(of_column(&lattice, &[], values()).1, NO_WIDTH);
        let positive = record(POSITIVE, [0.0; 3]);
        let (references, width) = of_column(&positive, &[0.0], values());
        let std = (references[5] - references[4]) / references[1].exp();
        assert!((std - 0.79).abs() < 0.02 && (width + std.ln()).abs() < 1e-4, "{std} {width}");
    }

    #[test]
    fn a_column_that_never_changes_counts_for_nothing() {
        let (references, width) = of_column(&record(POSITIVE, [0.0; 3]), &[0.0], vec![2.0; 60]);
        assert_eq!((references[0], width), (2.0, NO_WIDTH));
        assert!(references[2..] == [2.0; VALUES] && (references[1] + 17f32.ln()).abs() < 1e-6);
        // On a line with cells it may change yet.
        let (references, _) = of_column(&record(INTEGER, [0.0; 3]), &[], vec![2.0; 60]);
        assert_eq!([references[2], references[17]], [1.0625, 2.9375]);
    }
}
