//! A flow's columns and their atoms as records of the frozen file.

use super::{FreezeError, limit};
use flow_model::spec::{Column, FlowSpec, Kind, Standard};
use flow_nostd::layout::*;
use zerocopy::little_endian::{F32, U16};

/// The records of all columns, and what standardising adds to the log-density.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub records: Vec<ColumnRecord>,
    pub atoms: Vec<AtomRecord>,
    pub log_volume: f64,
}

impl Columns {
    /// The records of a valid spec's columns.
    pub(super) fn of(spec: &FlowSpec) -> Result<Self, FreezeError> {
        let mut all = Columns::default();
        for (j, column) in spec.columns.iter().enumerate() {
            let place = |field: &str| format!("columns[{j}] ({}).{field}", column.name);
            match &column.kind {
                Kind::Circular { period, .. } => all.log_volume -= libm::log((*period).into()),
                _ => all.log_volume -= column.standard().map_or(0.0, |s| libm::log(s.scale.into())),
            }
            all.records.push(record(column, place)?);
            for atom in &column.atoms {
                if atom.width > ATOM_WIDTH_MAX {
                    return Err(limit(place("atoms"), "widths of at most 1e30", atom.width));
                }
                let log_mass = libm::log(atom.width.into()) as f32;
                let [value, cut, width, log_mass] = [atom.value, atom.cut, atom.width, log_mass].map(F32::new);
                all.atoms.push(AtomRecord { value, cut, width, log_mass });
            }
        }
        Ok(all)
    }
}

fn record(column: &Column, place: impl Fn(&str) -> String) -> Result<ColumnRecord, FreezeError> {
    let values = |s: &Standard| [s.center, s.scale, s.reach, if column.is_discrete() { 0.5 } else { 0.0 }];
    let (kind, values, extra) = match &column.kind {
        Kind::Continuous { standard, .. } => (CONTINUOUS, values(standard), [0.0; 3]),
        Kind::Integer { standard } => (INTEGER, values(standard), [0.0; 3]),
        Kind::Positive { standard } => (POSITIVE, values(standard), [0.0; 3]),
        Kind::Bounded { low, high, standard } => (BOUNDED, values(standard), [*low, *high, 0.0]),
        Kind::Lattice { origin, step, standard } => (LATTICE, values(standard), [*origin, *step, 0.0]),
        Kind::Circular { origin, period, .. } => (CIRCULAR, [*origin, *period, 0.0, 0.0], [0.0; 3]),
        Kind::Context { standard } => {
            if standard.reach > CONTEXT_REACH_MAX {
                return Err(limit(place("reach"), "at most 1e9 in a context column", standard.reach));
            }
            (CONTEXT, values(standard), [0.0; 3])
        }
        &Kind::Constant { value, log_mass, log_other, unit } => {
            for (field, v) in [("log_mass", log_mass), ("log_other", log_other)] {
                if v.abs() > LOG_MASS_MAX {
                    return Err(limit(place(field), "at most 1e30 in magnitude", v));
                }
            }
            (CONSTANT, [value, log_mass, log_other, unit], [0.0; 3])
        }
    };
    let atoms = U16::new(column.atoms.len() as u16); // The spec allows but a few.
    Ok(ColumnRecord { kind: U16::new(kind), atoms, values: values.map(F32::new), extra: extra.map(F32::new) })
}
