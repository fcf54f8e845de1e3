//! Rows drawn from a frozen flow by the device engine, as a device draws them.

use crate::aligned::AlignedBytes;
use crate::error::Error;
use crate::freeze::{FreezeError, freeze};
use crate::frozen::{Frozen, column_names, context_names};
use flow_model::spec::FlowSpec;
use flow_nostd::Flow;
use flow_table::Table;
use rand_pcg::Pcg32;
use std::io::Write;

/// Stream of the seeded generator, which is PCG XSH RR 64/32 (`rand_pcg::Pcg32`) with the seed as its state.
pub const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;

/// Writes `count` rows of all columns as CSV with a header; equal for equal seeds on every machine. `given` names each
/// context column with the value that it has in every row. Rows are written as they are drawn, so that their number is
/// not bounded by memory.
///
/// # Errors
/// A file that is no frozen flow or fails its self-test here, context columns that are missing or not the flow's, or a
/// writer that fails.
pub fn sample(
    frozen: &Frozen,
    count: u64,
    seed: u64,
    given: &[(String, f32)],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let flow = frozen.tested_flow()?;
    let context =
        context(&flow, given).map_err(|problem| Error::Context { path: frozen.path().to_owned(), problem })?;
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut row = vec![0.0; flow.columns()];
    let mut rng = Pcg32::new(seed, STREAM);
    let mut failure = None;
    let rows = (1..=count).map_while(|number| {
        if let Err(source) = flow.sample(&mut rng, &context, &mut row, &mut scratch) {
            failure = Some(Error::Sample { path: frozen.path().to_owned(), number, source });
            return None;
        }
        Some(whole_row(&flow, &row, &context))
    });
    flow_table::write_csv(out, &column_names(&flow), rows).map_err(Error::Stdout)?;
    failure.map_or(Ok(()), Err)
}

/// `count` rows of a flow, drawn by the device engine, each in the context of a row of `given`, one after another and then
/// from the first again; the flow's columns are those of `given`.
///
/// # Errors
/// A flow that cannot be frozen.
pub fn beside(
    spec: &FlowSpec,
    params: &[f32],
    given: &Table,
    count: usize,
    seed: u64,
) -> Result<Vec<Vec<f32>>, FreezeError> {
    let bytes = AlignedBytes::from(freeze(spec, params, &[], 0)?);
    let flow = Flow::new(&bytes)?;
    let mut scratch = vec![0.0; flow.scratch_len()];
    let mut row = vec![0.0; flow.columns()];
    let mut rng = Pcg32::new(seed, STREAM);
    let contexts = given.iter().cycle().take(count).map(|row| {
        let values = row.iter().zip(flow.column_records());
        values.filter(|(_, record)| record.is_context()).map(|(&value, _)| value).collect::<Vec<f32>>()
    });
    contexts
        .map(|context| match flow.sample(&mut rng, &context, &mut row, &mut scratch) {
            Ok(()) => Ok(whole_row(&flow, &row, &context)),
            Err(source) => Err(FreezeError::Probe { probe: 0, source }),
        })
        .collect()
}

/// The values of a row and its context in the order of the table.
fn whole_row(flow: &Flow, row: &[f32], context: &[f32]) -> Vec<f32> {
    let (mut values, mut context) = (row.iter(), context.iter());
    let all = flow.column_records().iter().map(|r| if r.is_context() { context.next() } else { values.next() });
    all.flatten().copied().collect()
}

/// A `NAME=VALUE` of the command line: the value of a context column.
///
/// # Errors
/// What is wrong with it.
pub fn context_value(argument: &str) -> Result<(String, f32), String> {
    let (name, value) = argument.rsplit_once('=').ok_or("expected NAME=VALUE")?;
    match value.trim().parse::<f32>() {
        Ok(value) if value.is_finite() => Ok((name.to_owned(), value)),
        _ => Err(format!("{value:?} is not a finite number; expected NAME=VALUE")),
    }
}

/// The values of the context columns in their order, each given once.
fn context(flow: &Flow, given: &[(String, f32)]) -> Result<Vec<f32>, String> {
    let names = context_names(flow);
    let list = |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    for (i, (name, _)) in given.iter().enumerate() {
        if !names.contains(name) {
            return Err(match names.as_slice() {
                [] => format!("the flow has no context column {name:?}, and no other"),
                names => format!("the flow has no context column {name:?}; expected {}", list(names)),
            });
        }
        if given[..i].iter().any(|(before, _)| before == name) {
            return Err(format!("the context column {name:?} is given twice"));
        }
    }
    let value = |name: &String| given.iter().find(|(other, _)| other == name).map(|&(_, value)| value);
    let missing: Vec<String> = names.iter().filter(|name| value(name).is_none()).cloned().collect();
    if let Some(first) = missing.first() {
        return Err(format!(
            "samples depend on the context: {} missing; give --context {first}=VALUE, and so for each",
            list(&missing)
        ));
    }
    Ok(names.iter().filter_map(value).collect())
}
