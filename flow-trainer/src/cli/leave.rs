//! What a training leaves: its run folder, the frozen flow and its scores if they were asked for, the report.

use super::for_device::ForDevice;
use super::oddest::say_oddest;
use super::{Error, say, tell};
use crate::backend::Backend;
use crate::data::Data;
use crate::distances::Distances;
use crate::fitted::Fitted;
use crate::report;
use crate::run_folder::{self, Metrics};
use crate::search::Try;
use crate::seeds::Seeds;
use crate::train::{Ending, Outcome};
use flow_table::atomic::write_atomic;
use flow_table::{Convention, Table};
use std::path::Path;

/// A flow, and what it was trained with.
pub(super) struct Trained<'a> {
    pub fitted: Fitted,
    /// What `auto` or `tune` tried.
    pub tries: Vec<Try>,
    pub seeds: Option<Seeds>,
    pub data: &'a Data,
    pub backend: &'a dyn Backend,
    pub convention: Convention,
}

/// What was asked for beside the run folder.
pub(super) struct Wanted<'a> {
    /// Where the frozen flow goes.
    pub freeze: Option<&'a Path>,
    /// Rows to score with it.
    pub to_score: Option<&'a Table>,
    /// Seed of the samples.
    pub seed: u64,
}

impl Trained<'_> {
    /// Writes it all into the folder `out`, and says how the training ended. `source` is where the rows were from.
    pub fn leave(self, out: &Path, source: &str, wanted: &Wanted<'_>) -> Result<(), Error> {
        let Trained { fitted, tries, seeds, data, backend, convention } = self;
        let Fitted { model, flow, settings, outcome } = fitted;
        check(&outcome, out)?;

        // Samples and pictures never cost the model.
        let samples = match report::sample(&flow, &outcome.params, &data.validation, wanted.seed) {
            Ok(samples) => Some(samples),
            Err(error) => {
                eprintln!("flow-trainer: warning: no samples: {error}");
                None
            }
        };
        let distances = samples.as_ref().and_then(|samples| Distances::of(samples, &data.train, &data.validation));
        let rows = [data.train.rows(), data.validation.rows()];
        let metrics = Metrics::of(&outcome, &settings, backend.name(), rows, distances, tries, seeds);
        let checkpoint = run_folder::checkpoint(data, &flow, &outcome, model, (settings.seed, convention));
        run_folder::write(out, &checkpoint, &metrics, data.calibration.as_ref())?;
        tell::say_how_it_ended(&outcome, &metrics)?;
        let for_device = for_device(out, data, wanted)?;
        let title = format!("{source}: {}", model.name());
        let run = report::Run {
            title: &title,
            flow: &flow,
            params: &outcome.params,
            data,
            metrics: &metrics,
            samples: samples.as_ref(),
            frozen: for_device.as_ref().map(|made| &made.frozen),
            scored: wanted.to_score,
            backend,
        };
        let (report, html) = report::report(&run, &mut |line| eprintln!("flow-trainer: warning: {line}"))?;
        run_folder::write_report(out, &report)?;
        let report_path = out.join("report.html");
        write_atomic(&report_path, html.as_bytes())?;
        say(format_args!("report: {}", report_path.display()))
    }
}

/// Refuses a training of which nothing came; says where it did not get better than its start.
fn check(outcome: &Outcome, out: &Path) -> Result<(), Error> {
    if outcome.ending == Ending::Fitted {
        return Ok(());
    }
    if outcome.history.is_empty() {
        let why = if outcome.ending == Ending::Time { "the time was over" } else { "interrupted" };
        return Err(Error::Refused(format!(
            "{why} before an epoch was done; to go on: flow-trainer train --resume --out {}",
            out.display()
        )));
    }
    if outcome.best_epoch == 0 {
        eprintln!(
            "flow-trainer: warning: no epoch was better than the start, so the start is kept: columns that are \
             independent and normal. Try a smaller --lr, a smaller model, more epochs, more rows or less --smoothing"
        );
    }
    Ok(())
}

/// The frozen flow of the run, written and its scores told where that was asked for; else it is only for the report's figures.
fn for_device(out: &Path, data: &Data, wanted: &Wanted<'_>) -> Result<Option<ForDevice>, Error> {
    let made = ForDevice::of(out, data.calibration.as_ref());
    let Some(path) = wanted.freeze else {
        return Ok(made
            .inspect_err(|error| {
                eprintln!("flow-trainer: warning: the report has no figures of a device: {error}");
            })
            .ok());
    };
    let made = made?;
    made.write(path)?;
    if let Some(table) = wanted.to_score {
        say_oddest(path, table, out, data.recipe.is_some())?;
    }
    Ok(Some(made))
}
