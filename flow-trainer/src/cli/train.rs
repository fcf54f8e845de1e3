//! `flow-trainer train`: from a table to a run folder, and on to a frozen file and its scores if asked.

use super::shape::{ShapeArgs, positive};
use super::{BackendArgs, Error, load_backend, say, tell};
use crate::data::{self, Data, Source};
use crate::distances::Distances;
use crate::fitted::{Fitted, News, Work};
use crate::model::{Model, Smoothing};
use crate::run_folder::{self, Metrics};
use crate::train::Ending;
use crate::{auto, fit, fitted, report};
use clap::{Args, ValueEnum};
use flow_export::frozen::Frozen;
use flow_export::run_folder::freeze_run;
use flow_export::score::score;
use flow_model::checkpoint::Checkpoint;
use flow_model::spec::Column;
use flow_table::atomic::{write_atomic, write_atomic_with};
use flow_table::{Convention, KindOverride, Missing, ReadOptions, Table, write_csv};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Odd rows that are shown after scoring.
const ODDEST: usize = 10;

#[derive(Args)]
pub(super) struct Train {
    /// The training rows: CSV (plain or gzip), Parquet, Arrow IPC, NPY or NPZ; a folder of such files; `-` for standard
    /// input; or a built-in set such as two-moons. Several of them make one table
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<String>,
    /// Validation rows; without it they are split off the training rows
    #[arg(long, value_name = "FILE")]
    val: Option<String>,
    /// The folder to leave the run in
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the run that is in the folder
    #[arg(long)]
    force: bool,
    /// The model
    #[arg(long, value_enum, default_value_t = Model::Auto)]
    model: Model,
    /// Seconds within which auto chooses
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, value_parser = positive)]
    time: f32,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Kind of a column, or of all that are not named with `*:KIND`; without it the kind is detected
    #[arg(long, value_name = "NAME:KIND")]
    column: Vec<KindOverride>,
    /// What becomes of missing values: refuse, drop (their rows), previous (the row before's value), median, or a number
    #[arg(long, value_name = "WAY", default_value = "refuse", allow_negative_numbers = true)]
    missing: Missing,
    /// How columns are treated: by what is best for the data, or as other libraries do, so that figures compare
    #[arg(long, value_enum, default_value_t = ConventionName::Own)]
    convention: ConventionName,
    #[command(flatten)]
    backend: BackendArgs,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Freeze the trained flow into this file as well
    #[arg(long, value_name = "FILE")]
    freeze: Option<PathBuf>,
    /// Score the rows of this table with the frozen flow, on the device engine, and say which are the oddest
    #[arg(long, value_name = "FILE", requires = "freeze")]
    score: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConventionName {
    Own,
    Peers,
}

pub(super) fn train(args: Train) -> Result<(), Error> {
    run_folder::check_free(&args.out, args.force)?;
    let inputs = args.data.iter().chain(&args.val).chain(&args.score);
    if inputs.filter(|path| *path == "-").count() > 1 {
        return Err(Error::Refused("standard input can serve --data, --val or --score, and only once".into()));
    }
    let convention = match args.convention {
        ConventionName::Own => Convention::Own,
        ConventionName::Peers => Convention::Peers,
    };
    let data = Data::load(&Source {
        data: args.data.clone(),
        validation: args.val.clone(),
        overrides: args.column.clone(),
        convention,
        missing: args.missing.clone(),
        seed: args.seed,
    })?;
    for note in &data.notes {
        say(format_args!("{note}"))?;
    }
    say(format_args!("{}split: {}", data.profile, data.split))?;
    for warning in data.profile.warnings() {
        eprintln!("flow-trainer: warning: {warning}");
    }

    let choices = args.shape.choices(args.seed, convention);
    let smoothed = choices.smoothing != Smoothing::Deviation(0.0);
    let columns = fit::columns(&data.train, &data.profile, convention, smoothed);
    tell::say_smoothing(&data, &columns, &choices)?;
    // What can be known to be wrong is told before the work.
    let planned = match args.model {
        Model::Auto => Model::Realnvp,
        model => model,
    };
    fitted::planned(planned, &columns, data.train.rows(), &choices)?;
    let to_score = args.score.as_ref().map(|path| read_to_score(path, &data.reading, &columns)).transpose()?;
    check_target(args.freeze.as_deref())?;
    tell::warn_of_no_effect(args.model, &args.shape, &columns, data.validation.rows());

    let backend = load_backend(&args.backend)?;
    // Before the work, so that a place that cannot be had is told at once.
    run_folder::make(&args.out)?;
    say(format_args!("backend: {}", backend.name()))?;
    let stop = stop_on_interrupt()?;
    let work = Work {
        columns: &columns,
        train: &data.train,
        validation: &data.validation,
        backend: backend.as_ref(),
        stop: &stop,
    };
    let mut progress = tell::Progress::default();
    let mut watch = |news: &News<'_>| tell::tell(news, &data, &mut progress);
    let (fitted, tries) = match args.model {
        Model::Auto => auto::choose(&work, &choices, Duration::from_secs_f32(args.time), &mut watch)?,
        model => (fitted::fit(model, &work, &choices, None, &mut watch)?, Vec::new()),
    };
    progress.end();
    tell::say_tries(&tries, &fitted)?;
    let Fitted { model, flow, settings, outcome } = fitted;
    if outcome.history.is_empty() && outcome.ending != Ending::Fitted {
        let _ = std::fs::remove_dir(&args.out); // Stays where there is anything in it.
        return Err(Error::Refused("interrupted before an epoch was done: there is nothing to keep".into()));
    }
    if outcome.best_epoch == 0 && outcome.ending != Ending::Fitted {
        eprintln!(
            "flow-trainer: warning: no epoch was better than the start, so the start is kept: columns that are \
             independent and normal. Try a smaller --lr, a smaller model, more epochs or more rows"
        );
    }

    // Samples and pictures never cost the model.
    let samples = match report::sample(&flow, &outcome.params, &data.validation, args.seed) {
        Ok(samples) => Some(samples),
        Err(error) => {
            eprintln!("flow-trainer: warning: no samples: {error}");
            None
        }
    };
    let distances = samples.as_ref().and_then(|samples| Distances::of(samples, &data.train, &data.validation));
    let rows = [data.train.rows(), data.validation.rows()];
    let metrics = Metrics::of(&outcome, &settings, backend.name(), rows, distances, tries);
    let metadata = BTreeMap::from([
        (data::MISSING.to_string(), data::missing_as_text(&data.reading.missing)),
        ("convention".to_string(), format!("{:?}", args.convention).to_lowercase()),
        ("model".to_string(), model.name().to_string()),
        ("seed".to_string(), args.seed.to_string()),
    ]);
    let checkpoint = Checkpoint { spec: flow.spec().clone(), params: outcome.params.clone(), metadata };
    run_folder::write(&args.out, &checkpoint, &metrics, data.calibration.as_ref())?;
    tell::say_how_it_ended(&outcome, &metrics)?;
    if let Some(path) = &args.freeze {
        freeze_run(&args.out, path, 0)?;
        say(format_args!("frozen: {} ({} bytes)", path.display(), bytes(path)))?;
        if let Some(table) = &to_score {
            say_oddest(path, table, &args.out)?;
        }
    }
    let title = format!("{}: {}", args.data.join(", "), model.name());
    let html = report::report(&title, &flow, &outcome.params, &data, &metrics, samples.as_ref(), backend.as_ref())?;
    let report_path = args.out.join("report.html");
    write_atomic(&report_path, html.as_bytes())?;
    say(format_args!("report: {}", report_path.display()))
}

/// The table to score, read and compared with the model's columns before any work is done.
fn read_to_score(path: &str, reading: &ReadOptions, columns: &[Column]) -> Result<Table, Error> {
    let table = Table::read_with(path, reading)?;
    for note in table.notes() {
        say(format_args!("to score: {note}"))?;
    }
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    Ok(table.matching(&names)?)
}

/// Refuses a place for the frozen file that can be seen not to take one.
fn check_target(path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        _ if path.is_dir() => Err(Error::Refused(format!("--freeze {}: is a folder; name a file", path.display()))),
        Some(folder) if folder.exists() && !folder.is_dir() => {
            Err(Error::Refused(format!("--freeze {}: {} is no folder", path.display(), folder.display())))
        }
        // The run's own folder is made only now.
        Some(folder) => std::fs::create_dir_all(folder)
            .map_err(|e| Error::Refused(format!("--freeze {}: cannot make the folder: {e}", path.display()))),
        None => Ok(()),
    }
}

/// A flag that Ctrl-C sets; a second one ends the program at once.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// Scores a table with the frozen flow, leaves the scores in the run folder and prints the oddest rows.
fn say_oddest(model: &Path, table: &Table, out: &Path) -> Result<(), Error> {
    let scores = score(&Frozen::read(model)?, table)?;
    let path = out.join("scores.csv");
    write_atomic_with(&path, |out| write_csv(out, &["log_prob"], scores.iter().map(std::slice::from_ref)))?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let shown = ODDEST.min(order.len());
    say(format_args!("scores: {} ({} rows of {}); the {shown} oddest:", path.display(), scores.len(), table.source()))?;
    say(format_args!("{:>7}  {:>12}  {}", "row", "log_prob", table.names().join(", ")))?;
    // Rows are counted as in the file, those that were left out included.
    let number = |i: usize| {
        let before = table.dropped().iter().enumerate().take_while(|(n, row)| **row <= i + n).count();
        i + before + 1
    };
    for &i in &order[..shown] {
        let values: Vec<String> = table.row(i).iter().map(f32::to_string).collect();
        say(format_args!("{:>7}  {:>12.2}  {}", number(i), scores[i], values.join(", ")))?;
    }
    Ok(())
}
