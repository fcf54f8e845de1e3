//! Puts into a frozen file what a verdict needs: the calibration and the columns' reference values.

use crate::calibration::{Bin, FEWEST, REACH, Section};
use crate::error::Error;
use crate::frozen::{Frozen, columns_with_atoms, context_names, judged_names, split_context};
use crate::references;
use crate::resection::with_sections;
use crate::score;
use flow_model::checkpoint::Checkpoint;
use flow_nostd::layout::{CALIBRATION, CIRCULAR, CONSTANT, SensorRecord};
use flow_nostd::{Detector, Flow};
use flow_table::Table;
use serde::Serialize;
use std::fmt;

/// The p of an alarm that nobody chose.
pub const USUAL_P: f64 = 1e-3;

/// The largest share of rows among those that are to be usual which may be left out.
const MOST_LEFT_OUT: f64 = 0.1;
/// The largest share of them that may lie beyond what the training trusts a column to have.
const MOST_BEYOND: f64 = 0.5;
/// So many rows are listed, others counted.
const LISTED: usize = 5;

/// The key under which a checkpoint's metadata say which share of the validation rows were trained on, too.
pub const REPEATED: &str = "repeated_rows";
/// So many more rows may be among those trained on than repeat by themselves.
const REPEATED_MORE: f64 = 0.05;

/// Refuses rows of which more were trained on than repeat by themselves: what a flow has learned by heart is no measure
/// of how odd other rows are. Checkpoints that do not know their rows pass.
///
/// # Errors
/// How many of them were trained on.
pub fn check_untrained(checkpoint: &Checkpoint, table: &Table) -> Result<(), Error> {
    match trained_on(checkpoint, table)? {
        None => Ok(()),
        Some((trained, usual)) => {
            let (path, rows) = (table.source().to_owned(), table.rows());
            Err(Error::TrainedOn { path, trained, rows, usual: 100.0 * usual })
        }
    }
}

/// How many rows were trained on, and which share repeats by itself; `None` where they are no more than that.
///
/// # Errors
/// A table of other columns.
pub fn trained_on(checkpoint: &Checkpoint, table: &Table) -> Result<Option<(usize, f64)>, Error> {
    let names: Vec<String> = checkpoint.spec.columns.iter().map(|column| column.name.clone()).collect();
    let trained = checkpoint.trained.count(table.matching(&names)?.iter());
    let share = trained as f64 / table.rows() as f64;
    let usual = checkpoint.metadata.get(REPEATED).and_then(|share| share.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((share > usual + REPEATED_MORE).then_some((trained, usual)))
}

/// What a calibration came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of rows that it was made from.
    pub rows: usize,
    /// The share of usual rows that will be alarms.
    pub alarm_p: f64,
    /// How sure it is that there are no more, if so rare rows are counted, else as far as the tail is one of the family that is
    /// fitted; `None` where the share is right in the mean over calibrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The smallest p that an alarm can have with as many rows.
    pub smallest_p: f64,
    /// The rows that were left out because a column has no density there: their numbers in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<usize>,
    /// The rows that were left out because a value is beyond its sensor's range, which no flow is told: their numbers in the
    /// file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out_of_range: Vec<usize>,
    /// The rows that lie so far beyond all others that the tail was fitted without them: their numbers in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<usize>,
    /// From this p on rows are counted; smaller ones are of the tail.
    pub counted_from: f64,
    /// Shape of the tail beyond the rows, as it was fitted: 0 for an exponential, at most a half without a confidence.
    pub tail_shape: f64,
    /// Its standard error.
    pub tail_shape_error: f64,
    /// The likeliest of all shapes, which may be above a half.
    pub likeliest_shape: f64,
    /// The context value that has a table for each of its bins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins_of: Option<String>,
    /// These bins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<Bin>,
}

/// Calibrates a frozen flow with rows that it was not trained on, all usual ones. `alarm_p` is the share of usual rows that
/// may be alarms, [`USUAL_P`] where it is `None`; with a `confidence`, so sure that there are no more, else in the mean over
/// calibrations. Returns the new file.
///
/// # Errors
/// A file that is no frozen flow, a table of other columns, fewer rows than `alarm_p` asks for, of all or in a range of a
/// context; more than a tenth of the rows where a column has no density, or beyond a sensor's range; more than half of them
/// beyond what the training trusts a column to have.
pub fn calibrate(
    frozen: &Frozen,
    table: &Table,
    alarm_p: Option<f64>,
    confidence: Option<f64>,
) -> Result<(Vec<u8>, Summary), Error> {
    let flow = frozen.tested_flow()?;
    let wanted = alarm_p.unwrap_or(USUAL_P);
    let few = |of: &str, rows: usize| {
        let source_name = format!("{}{of}", table.source());
        Error::FewRows { source_name, rows, needed: needed(wanted), p: wanted, possible: smallest_p(rows) }
    };
    if table.rows() >= FEWEST && wanted < smallest_p(table.rows()) {
        return Err(few("", table.rows()));
    }
    let Usual { table: usual, sorted, without } = Usual::of(frozen, &flow, table)?;
    let log_probs = score::score(frozen, &usual)?;
    let (values, context) = split_context(&flow, score::matching(&flow, &usual)?.iter());
    let section = Section::of(&log_probs, &context, flow.context_dim(), wanted.ln(), confidence);
    let bins_of = section.bins_of.map(|column| context_names(&flow)[column].clone());
    let own_tables = section.bins.iter().filter(|bin| bin.own_table);
    let least = own_tables.map(|bin| bin.rows).min().unwrap_or(usual.rows());
    if wanted < smallest_p(least) {
        let bin = bins_of.map_or(String::new(), |name| format!(", the range of {name} with the fewest rows"));
        return Err(few(&(without + &bin), least));
    }
    let mut sections = vec![(CALIBRATION, section.bytes)];
    sections.extend(references::sections(&values, &flow));
    let content = &frozen.bytes()[..flow.header().total_length.get() as usize];

    // Read once, as a device will.
    let finished = Frozen::from_bytes(frozen.path(), with_sections(&flow, content, &sections));
    detector(&finished)?;
    let of_file = table.rows_of_file();
    let numbers = |rows: Vec<usize>| rows.into_iter().map(|row| of_file[row] + 1).collect();
    let summary = Summary {
        rows: usual.rows(),
        alarm_p: wanted,
        confidence,
        smallest_p: smallest_p(least),
        unreached: numbers(section.unreached.iter().map(|&i| sorted.inside[i]).collect()),
        outside: numbers(sorted.outside),
        out_of_range: numbers(sorted.out_of_range),
        counted_from: section.counted_from,
        tail_shape: section.pooled.tail.shape,
        tail_shape_error: section.pooled.tail.shape_error,
        likeliest_shape: section.pooled.likeliest_shape,
        bins_of,
        bins: section.bins,
    };
    Ok((finished.bytes().to_vec(), summary))
}

fn detector(frozen: &Frozen) -> Result<Detector<'_>, Error> {
    let source = |source| Error::Format { path: frozen.path().to_owned(), source };
    Detector::new(frozen.tested_flow()?).map_err(source)
}

/// The rows that a calibration is made from.
struct Usual {
    table: Table,
    /// Which rows they are of all, and which are left out.
    sorted: Sorted,
    /// That some are left out, as a part of a sentence.
    without: String,
}

impl Usual {
    /// Leaves out what no flow is told, and what has no density. Refuses rows of which that is too much to be usual, and too
    /// few of them.
    fn of(frozen: &Frozen, flow: &Flow, table: &Table) -> Result<Self, Error> {
        let (path, rows) = (|| table.source().to_owned(), table.rows());
        if rows < FEWEST {
            return Err(Error::TooFewToCalibrate { source_name: path(), rows });
        }
        let (values, _) = split_context(flow, score::matching(flow, table)?.iter());
        let sorted = Sorted::of(flow, detector(frozen)?.sensor_records(), &values);
        let most = MOST_LEFT_OUT * rows as f64;
        if sorted.out_of_range.len() as f64 > most {
            return Err(Error::RowsOutOfRange { path: path(), rows, beyond: sorted.out_of_range.len() });
        }
        if sorted.outside.len() as f64 > most {
            return Err(Error::RowsOutside { path: path(), rows, outside: sorted.outside.len() });
        }
        let without = match rows - sorted.inside.len() {
            0 => String::new(),
            1 => ", without a row that is left out".to_owned(),
            more => format!(", without {more} rows that are left out"),
        };
        if sorted.inside.len() < FEWEST {
            return Err(Error::TooFewToCalibrate { source_name: path() + &without, rows: sorted.inside.len() });
        }
        check_units(flow, &values, table.source())?;
        Ok(Usual { table: table.part(&sorted.inside), sorted, without })
    }
}

/// Rows by what they are to a flow: usual ones, or none, whatever they are.
#[derive(Default)]
struct Sorted {
    inside: Vec<usize>,
    /// A column has no density there.
    outside: Vec<usize>,
    /// A value is beyond its sensor's range.
    out_of_range: Vec<usize>,
}

impl Sorted {
    /// Of rows without context; `limits` has a record for each of their columns, or none.
    fn of(flow: &Flow, limits: &[SensorRecord], values: &[f32]) -> Self {
        let mut sorted = Sorted::default();
        let is_beyond = |(x, limits): (&f32, &SensorRecord)| !(limits.low.get()..=limits.high.get()).contains(x);
        for (i, row) in values.chunks_exact(flow.columns()).enumerate() {
            let rows = match row {
                row if row.iter().zip(limits).any(is_beyond) => &mut sorted.out_of_range,
                row if flow.outside_support(row).is_some() => &mut sorted.outside,
                _ => &mut sorted.inside,
            };
            rows.push(i);
        }
        sorted
    }
}

/// Refuses rows of which many lie beyond what the training trusts a column to have; `values` are without context.
fn check_units(flow: &Flow, values: &[f32], source: &str) -> Result<(), Error> {
    let rows = values.len() / flow.columns().max(1);
    let names = judged_names(flow);
    let columns = columns_with_atoms(flow).filter(|(record, _)| !record.is_context());
    for (j, (record, atoms)) in columns.enumerate() {
        if matches!(record.kind.get(), CIRCULAR | CONSTANT) {
            continue;
        }
        let (low, high) = references::trusted(record, atoms);
        let of_column = values.iter().skip(j).step_by(flow.columns()).copied();
        let is_beyond = |&x: &f32| !(low..=high).contains(&f64::from(x)) && !references::is_atom(record, atoms, x);
        let beyond = of_column.filter(is_beyond).count();
        if beyond as f64 > MOST_BEYOND * rows as f64 {
            let (path, name) = (source.to_owned(), names[j].clone());
            return Err(Error::OtherUnits { path, name, rows, beyond, low: low as f32, high: high as f32 });
        }
    }
    Ok(())
}

/// The smallest p of an alarm that so many rows support.
fn smallest_p(rows: usize) -> f64 {
    1.0 / (REACH * (rows + 1)) as f64
}

/// How many rows an alarm at `p` needs.
fn needed(p: f64) -> usize {
    (1.0 / (p * REACH as f64)).ceil() as usize - 1
}

/// A p in two digits, rounded up: one that may be asked for where `p` may.
pub(crate) fn rounded_up(p: f64) -> String {
    let digit = 10f64.powi(p.log10().floor() as i32 - 1);
    // What lies above a digit by rounding alone is that digit.
    format!("{:.1e}", (p / digit - 1e-9).ceil() * digit)
}

/// Some numbers of rows in words, not all where they are many.
fn listed(rows: &[usize]) -> String {
    let first: Vec<String> = rows.iter().take(LISTED).map(usize::to_string).collect();
    let word = if rows.len() == 1 { "row" } else { "rows" };
    match rows.len().saturating_sub(LISTED) {
        0 => format!("{word} {}", first.join(", ")),
        more => format!("{word} {} and {more} more", first.join(", ")),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { rows, alarm_p, smallest_p, tail_shape, tail_shape_error, .. } = self;
        writeln!(
            f,
            "calibrated with {rows} rows; alarm where p is at most {alarm_p:.2e}, one usual row in {:.0}",
            1.0 / alarm_p
        )?;
        if let Some(confidence) = self.confidence {
            let if_so = if *alarm_p < self.counted_from { ", if the tail is of the family that is fitted" } else { "" };
            writeln!(
                f,
                "or fewer: p is so large that with a probability of {confidence} no more usual rows are as odd{if_so}"
            )?;
        }
        writeln!(
            f,
            "beyond them a tail of shape {tail_shape:.2} ± {tail_shape_error:.2}; the smallest p that can be asked for is {}",
            rounded_up(*smallest_p)
        )?;
        if *alarm_p < self.counted_from {
            writeln!(
                f,
                "so rare an alarm is taken from the tail, not counted; with about {:.0} times as many rows it would be counted",
                (self.counted_from / alarm_p).ceil()
            )?;
            if self.likeliest_shape - tail_shape_error > *tail_shape {
                writeln!(
                    f,
                    "the rows' own tail is longer: shape {:.2}; so rare an alarm may be several times as frequent as asked for. \
                     --confidence takes the tail as it is, and more",
                    self.likeliest_shape
                )?;
            }
        }
        if !self.unreached.is_empty() {
            let rows = listed(&self.unreached);
            writeln!(
                f,
                "far beyond all others: {rows}. A fault among the usual rows? The tail was fitted without; leave out what is not \
                 usual and calibrate anew"
            )?;
        }
        if !self.out_of_range.is_empty() {
            let rows = listed(&self.out_of_range);
            writeln!(f, "left out, where a value is beyond its sensor's range: {rows}")?;
        }
        if !self.outside.is_empty() {
            let rows = listed(&self.outside);
            writeln!(
                f,
                "left out, where a column has no density at all: {rows}. Such rows are alarms; if they are usual, train \
                 with --column NAME:continuous"
            )?;
        }
        let Some(name) = &self.bins_of else { return Ok(()) };
        for bin in &self.bins {
            let table =
                if bin.own_table { "a table of its own" } else { "too few for a table of its own: that of all rows" };
            writeln!(f, "  {name} up to {}: {} rows, {table}", bin.upper, bin.rows)?;
        }
        Ok(())
    }
}
