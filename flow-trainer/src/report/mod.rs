//! `report.html`: one file that opens without a network, with what a person wants to see of a run; and `report.json`, the
//! figures in it.

mod calibration;
mod device;
mod oddest;
mod page;
mod pictures;
mod tables;

pub use calibration::Calibrated;
pub use device::Device;
pub use oddest::{OddRow, Oddest};

use crate::backend::{Backend, BackendError};
use crate::data::Data;
use crate::evaluate::{Dequantization, Evaluator};
use crate::run_folder::Metrics;
use flow_export::freeze::FreezeError;
use flow_export::frozen::Frozen;
use flow_export::sample;
use flow_model::flow::Flow;
use flow_table::metrics::{Summary, quantile};
use flow_table::{ColumnProfile, Profile, Table};
use serde::Serialize;

/// Rows drawn from the flow for the pictures.
const SAMPLES: usize = 4000;

/// Rows drawn from the flow by the device engine, each in the context of a validation row.
///
/// # Errors
/// A flow that cannot be frozen.
pub fn sample(flow: &Flow, params: &[f32], validation: &Table, seed: u64) -> Result<Table, FreezeError> {
    let rows = sample::beside(flow.spec(), params, validation, SAMPLES, seed)?;
    Ok(Table::from_rows("samples", validation.names().to_vec(), &rows).expect("rows of the flow's own columns"))
}

/// A finished run.
pub struct Run<'a> {
    /// What is written above all.
    pub title: &'a str,
    /// The trained flow.
    pub flow: &'a Flow,
    /// Its parameters.
    pub params: &'a [f32],
    /// The rows it was trained on.
    pub data: &'a Data,
    /// How the training went.
    pub metrics: &'a Metrics,
    /// Rows drawn from it, if it could be frozen.
    pub samples: Option<&'a Table>,
    /// What a device gets, if it could be frozen.
    pub frozen: Option<&'a Frozen>,
    /// Rows that were to be scored: the oddest of them are shown, else those of the rows of training and
    /// validation.
    pub scored: Option<&'a Table>,
    /// What runs it.
    pub backend: &'a dyn Backend,
}

/// What `report.json` holds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What is written above all.
    pub title: String,
    /// How the training went: `metrics.json`.
    pub metrics: Metrics,
    /// How the rows were split and why.
    pub split: String,
    /// The columns, described.
    pub columns: Vec<ColumnFacts>,
    /// Log-densities of the training and of the validation rows, at midpoints.
    pub log_prob: [Spread; 2],
    /// Each latent value over the validation rows.
    pub calibration: Vec<Calibrated>,
    /// What the flow takes on a device; `null` where it cannot be frozen.
    pub device: Option<Device>,
    /// The least probable rows.
    pub oddest: Oddest,
}

/// A column and why it is taken as what it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Number of different values.
    pub distinct: usize,
    /// Values with a mass of their own, and their shares of the rows.
    pub atoms: Vec<(f32, f64)>,
    /// Why it is of that kind.
    pub reason: String,
}

/// The distribution of some numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Of which rows.
    pub name: &'static str,
    /// How many there are.
    pub rows: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard error of the mean.
    pub std_error: f64,
    /// The smallest, the quantiles at 1, 5, 25, 50, 75, 95 and 99 %, the largest.
    pub quantiles: Vec<f64>,
    /// The numbers themselves, for the picture.
    #[serde(skip)]
    pub values: Vec<f64>,
}

/// The report of a finished run: its figures and, as HTML, the page. `warn` is told of what is left out.
///
/// # Errors
/// If the backend fails.
pub fn report(run: &Run<'_>, warn: &mut dyn FnMut(String)) -> Result<(Report, String), BackendError> {
    let Run { flow, params, data, backend, .. } = *run;
    let mut evaluator = Evaluator::new(flow, backend, 1024)?;
    let mut scores = |table: &Table| evaluator.log_prob(params, table, Dequantization::Midpoint);
    let (train, validation) = (scores(&data.train)?, scores(&data.validation)?);
    let log_prob = [Spread::of("training", &train), Spread::of("validation", &validation)];
    let (source, scored) = match run.scored {
        Some(table) => (table.source().to_owned(), vec![(table, scores(table)?)]),
        None => ("training and validation".to_owned(), vec![(&data.train, train), (&data.validation, validation)]),
    };
    let mut device = None;
    if let Some(frozen) = run.frozen {
        match Device::of(frozen, &data.validation) {
            Ok(figures) => device = Some(figures),
            Err(error) => warn(format!("the report has no figures of a device: {error}")),
        }
    }
    let report = Report {
        title: run.title.to_owned(),
        metrics: run.metrics.clone(),
        split: data.split.clone(),
        columns: columns(&data.profile),
        log_prob,
        calibration: calibration::calibration(flow, params, &data.validation, run.metrics.settings.seed, backend)?,
        device,
        oddest: Oddest::of(source, &scored, &data.train, params, &mut evaluator)?,
    };
    let pictures = pictures::draw(run, &report, &mut evaluator)?;
    let html = page::page(&report, &pictures);
    Ok((report, html))
}

fn columns(profile: &Profile) -> Vec<ColumnFacts> {
    let facts = |ColumnProfile { name, stats, kind, atoms, reason, .. }: &ColumnProfile| ColumnFacts {
        name: name.clone(),
        kind: kind.as_str(),
        min: stats.min,
        max: stats.max,
        mean: stats.mean,
        std: stats.std,
        distinct: stats.distinct,
        atoms: atoms.clone(),
        reason: reason.clone(),
    };
    profile.columns().iter().map(facts).collect()
}

impl Spread {
    fn of(name: &'static str, values: &[f32]) -> Self {
        let mut values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        values.sort_by(f64::total_cmp);
        let Summary { rows, mean, std_error } = Summary::of(values.iter().copied());
        let at = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];
        let quantiles = at.iter().filter_map(|&q| quantile(&values, q)).collect();
        Spread { name, rows, mean, std_error, quantiles, values }
    }
}
