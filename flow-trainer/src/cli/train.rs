//! `flow-trainer train`: from a table to a run folder, and on to a frozen file and its scores if asked.

use super::{BackendArgs, Error, load_backend, say};
use crate::data::{Data, Source};
use crate::distances::Distances;
use crate::fitted::{Fitted, News, Work};
use crate::model::{BaseName, Choices, Model, Permutation, Smoothing};
use crate::run_folder::{self, Metrics};
use crate::train::{Ending, Outcome};
use crate::{auto, fit, fitted, progress, report};
use clap::{Args, ValueEnum};
use flow_export::frozen::Frozen;
use flow_export::run_folder::freeze_run;
use flow_export::score::score;
use flow_model::checkpoint::Checkpoint;
use flow_model::spec::{Column, MOST_BINS};
use flow_table::atomic::{write_atomic, write_atomic_with};
use flow_table::{Convention, KindOverride, ReadOptions, Table, write_csv};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Odd rows that are shown after scoring.
const ODDEST: usize = 10;
/// Fewer validation rows are warned of.
const FEW_VALIDATION_ROWS: usize = 30;

#[derive(Args)]
pub(super) struct Train {
    /// The training rows: CSV, plain or gzip; `-` for standard input; or a built-in set such as two-moons
    #[arg(long, value_name = "FILE")]
    data: String,
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

/// What may be said of the model; what is not said suits the model and the table.
#[derive(Args)]
struct ShapeArgs {
    /// Number of couplings, or of autoregressive layers: 8 for realnvp, 6 for nsf, 5 for maf and maf-rqs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    couplings: Option<u16>,
    /// Widths of the conditioners' hidden layers: 64,64
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = width)]
    hidden: Option<Vec<usize>>,
    /// Residual conditioners: a block for each hidden layer, all as wide; couplings only
    #[arg(long)]
    residual: bool,
    /// Bins of each spline: 8
    #[arg(long, value_name = "N", value_parser = bins)]
    num_bins: Option<usize>,
    /// Standard deviations within which splines act: 5; values beyond 4 of them are compressed first
    #[arg(long, value_name = "X", value_parser = positive)]
    tail_bound: Option<f32>,
    /// What stands between two layers
    #[arg(long, value_enum, default_value_t = Permutation::Usual)]
    permutation: Permutation,
    /// An ActNorm before each layer, started from the data
    #[arg(long)]
    act_norm: bool,
    /// The base distribution: normal, student-t or mixture:N
    #[arg(long, value_name = "NAME")]
    base: Option<BaseName>,
    /// Where in its cell a discrete value is put in training: anywhere, or where a learned noise puts it
    #[arg(long, value_enum, default_value_t = DequantizationName::Uniform)]
    dequantization: DequantizationName,
    /// Most epochs
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    epochs: Option<usize>,
    /// Rows in a step
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    batch: Option<usize>,
    /// Highest learning rate
    #[arg(long, value_name = "X", value_parser = positive)]
    lr: Option<f32>,
    /// Decay of weights in a step, times the learning rate
    #[arg(long, value_name = "X", value_parser = not_negative)]
    weight_decay: Option<f32>,
    /// Share of hidden units that a training step leaves out
    #[arg(long, value_name = "X", value_parser = share)]
    dropout: Option<f32>,
    /// Noise that smooths the density, in deviations of each column: 0 for none; without it by the rule of thumb
    /// rows^(-1/(columns + 4)), and none under the peers' convention
    #[arg(long, value_name = "X", value_parser = not_negative)]
    smoothing: Option<f32>,
}

impl ShapeArgs {
    fn choices(&self, seed: u64, convention: Convention) -> Choices {
        Choices {
            layers: self.couplings.map(usize::from),
            hidden: self.hidden.clone(),
            residual: self.residual,
            num_bins: self.num_bins,
            tail_bound: self.tail_bound,
            permutation: self.permutation,
            act_norm: self.act_norm,
            base: self.base,
            variational: self.dequantization == DequantizationName::Variational,
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.lr,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
            smoothing: match (self.smoothing, convention) {
                (Some(deviation), _) => Smoothing::Deviation(deviation),
                (None, Convention::Own) => Smoothing::Rule,
                (None, Convention::Peers) => Smoothing::Deviation(0.0),
            },
            seed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DequantizationName {
    Uniform,
    Variational,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConventionName {
    Own,
    Peers,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n >= 1).ok_or_else(|| "expected a whole number of at least 1".to_string())
}

/// A hidden layer's width: what the frozen file can say.
fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|n| (1..=usize::from(u16::MAX)).contains(n));
    width.ok_or_else(|| format!("expected a whole number from 1 to {}", u16::MAX))
}

/// A number of bins that a frozen file can say.
fn bins(text: &str) -> Result<usize, String> {
    let bins = text.parse().ok().filter(|n| (2..=MOST_BINS).contains(n));
    bins.ok_or_else(|| format!("expected a whole number from 2 to {MOST_BINS}"))
}

fn share(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| (0.0..1.0).contains(v));
    value.ok_or_else(|| "expected a number of at least 0 and below 1".to_string())
}

fn not_negative(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v >= 0.0);
    value.ok_or_else(|| "expected a number of at least 0".to_string())
}

fn positive(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| "expected a positive number".to_string())
}

pub(super) fn train(args: Train) -> Result<(), Error> {
    run_folder::check_free(&args.out, args.force)?;
    if args.data == "-" && args.score.as_deref() == Some("-") {
        return Err(Error::Refused("standard input can serve --data or --score, not both".into()));
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
        seed: args.seed,
    })?;
    say(format_args!("{}split: {}", data.profile, data.split))?;
    for warning in data.profile.warnings() {
        eprintln!("flow-trainer: warning: {warning}");
    }

    let choices = args.shape.choices(args.seed, convention);
    let smoothed = choices.smoothing != Smoothing::Deviation(0.0);
    let columns = fit::columns(&data.train, &data.profile, convention, smoothed);
    say_smoothing(&data, &columns, &choices)?;
    // What can be known to be wrong is told before the work.
    let planned = match args.model {
        Model::Auto => Model::Realnvp,
        model => model,
    };
    fitted::planned(planned, &columns, data.train.rows(), &choices)?;
    let to_score = args.score.as_ref().map(|path| read_to_score(path, &args, &columns)).transpose()?;
    check_target(args.freeze.as_deref())?;
    warn_of_no_effect(&args, &columns, data.validation.rows());

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
    let mut progress = Progress::default();
    let mut tell = |news: &News<'_>| tell(news, &data, &mut progress);
    let (fitted, tries) = match args.model {
        Model::Auto => auto::choose(&work, &choices, Duration::from_secs_f32(args.time), &mut tell)?,
        model => (fitted::fit(model, &work, &choices, None, &mut tell)?, Vec::new()),
    };
    progress.end();
    say_tries(&tries, &fitted)?;
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
        ("convention".to_string(), format!("{:?}", args.convention).to_lowercase()),
        ("model".to_string(), model.name().to_string()),
        ("seed".to_string(), args.seed.to_string()),
    ]);
    let checkpoint = Checkpoint { spec: flow.spec().clone(), params: outcome.params.clone(), metadata };
    run_folder::write(&args.out, &checkpoint, &metrics, data.calibration.as_ref())?;
    say_how_it_ended(&outcome, &metrics)?;
    if let Some(path) = &args.freeze {
        freeze_run(&args.out, path, 0)?;
        say(format_args!("frozen: {} ({} bytes)", path.display(), bytes(path)))?;
        if let Some(table) = &to_score {
            say_oddest(path, table, &args.out)?;
        }
    }
    let title = format!("{}: {}", args.data, model.name());
    let html = report::report(&title, &flow, &outcome.params, &data, &metrics, samples.as_ref(), backend.as_ref())?;
    let report_path = args.out.join("report.html");
    write_atomic(&report_path, html.as_bytes())?;
    say(format_args!("report: {}", report_path.display()))
}

/// The table to score, read and compared with the model's columns before any work is done.
fn read_to_score(path: &str, args: &Train, columns: &[Column]) -> Result<Table, Error> {
    let table = Table::read_with(path, &ReadOptions { ignore: KindOverride::ignored(&args.column) })?;
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

/// Tells how the work goes.
fn tell(news: &News<'_>, data: &Data, progress: &mut Progress) {
    let rows = data.train.rows();
    match news {
        News::Begins(model, flow, settings) => {
            progress.end();
            progress.epochs = settings.epochs;
            let size = match model {
                Model::Gmm => "mixtures of 1 to 64 components".to_string(),
                _ => format!("{} parameters, at most {} epochs", flow.layout().total(), settings.epochs),
            };
            let _ = say(format_args!(
                "model: {}, {size}; {rows} training and {} validation rows, batch {}",
                model.name(),
                data.validation.rows(),
                settings.batch,
            ));
        }
        News::Epoch(epoch, elapsed) => {
            let epochs = progress.epochs;
            progress.line.get_or_insert_with(|| progress::Line::new(epochs, rows)).epoch(epoch, *elapsed);
        }
        News::Mixture(tried) => {
            eprintln!("{} components, ridge {}: {:.4} nats a row", tried.components, tried.ridge, tried.validation);
        }
    }
}

/// The line that shows how a training goes, once it has an epoch to show.
#[derive(Default)]
struct Progress {
    line: Option<progress::Line>,
    epochs: usize,
}

impl Progress {
    fn end(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish();
        }
    }
}

/// Says how much the density is smoothed, and which masses are smoothed over.
fn say_smoothing(data: &Data, columns: &[Column], choices: &Choices) -> Result<(), Error> {
    let deviation = choices.smoothing.deviation(data.train.rows(), columns);
    if deviation == 0.0 {
        return Ok(());
    }
    let described = data.profile.columns().iter();
    let lost: Vec<&str> = described
        .filter(|c| c.atoms.iter().any(|(_, share)| !fit::keeps(c.kind, *share)))
        .map(|c| c.name.as_str())
        .collect();
    let over = match lost.as_slice() {
        [] => String::new(),
        names => format!(", over the masses of {} too", names.join(", ")),
    };
    say(format_args!("smoothing: noise of {deviation:.3} deviations in training{over} (--smoothing 0 for none)"))
}

/// Says what was asked for and has no effect, and what a model cannot see.
fn warn_of_no_effect(args: &Train, columns: &[Column], validation_rows: usize) {
    let shape = &args.shape;
    let asked = [
        ("--base", shape.base.is_some()),
        ("--couplings", shape.couplings.is_some()),
        ("--hidden", shape.hidden.is_some()),
        ("--residual", shape.residual),
        ("--act-norm", shape.act_norm),
    ];
    let warn = |text: &str| eprintln!("flow-trainer: warning: {text}");
    if args.model == Model::Gmm {
        for (flag, _) in asked.iter().filter(|(_, asked)| *asked) {
            warn(&format!("{flag} has no effect on gmm, which has neither layers nor conditioners"));
        }
    }
    if matches!(args.model, Model::Maf | Model::MafRqs) && shape.residual {
        warn("--residual has no effect on autoregressive layers; couplings (realnvp, nsf) have residual conditioners");
    }
    if matches!(args.model, Model::Gmm | Model::Auto) && columns.iter().any(|c| c.is_context() || c.is_circular()) {
        warn("the mixtures of gmm depend neither on context columns nor on angles: flows do");
    }
    if validation_rows < FEW_VALIDATION_ROWS {
        warn(&format!(
            "{validation_rows} validation rows say little of when to stop and of which model is better; more rows, or \
             --val FILE, would"
        ));
    }
}

/// Says what `auto` tried and why it chose.
fn say_tries(tries: &[auto::Try], chosen: &Fitted) -> Result<(), Error> {
    if tries.is_empty() {
        return Ok(());
    }
    say(format_args!(
        "{:10} {:>8}  {:>10}  {:>12}  {:>8}",
        "tried", "training", "parameters", "validation", "seconds"
    ))?;
    for t in tries {
        say(format_args!(
            "{:10} {:>8}  {:>10}  {:>12.4}  {:>8.1}",
            t.model.name(),
            t.training,
            t.parameters,
            t.validation_log_prob,
            t.seconds
        ))?;
    }
    say(format_args!(
        "chosen: {}: the fewest parameters of those within a standard error of the most probable validation rows",
        chosen.model.name()
    ))
}

fn say_how_it_ended(outcome: &Outcome, metrics: &Metrics) -> Result<(), Error> {
    let why = match outcome.ending {
        Ending::Epochs => "all epochs done",
        Ending::Patience => "no better validation loss for a while",
        Ending::Interrupted => "interrupted; the best parameters so far are kept",
        Ending::Time => "the time is over; the best parameters so far are kept",
        Ending::Fitted => {
            return say(format_args!(
                "fitted: validation log-density {:.4} nats a row, {} mixtures in {:.1} s",
                outcome.best_validation_log_prob, outcome.steps, metrics.train_seconds
            ));
        }
    };
    say(format_args!(
        "{why}: best validation log-density {:.4} nats a row at epoch {} of {}, {} steps in {:.1} s ({:.0} steps/s)",
        outcome.best_validation_log_prob,
        outcome.best_epoch,
        outcome.history.len(),
        outcome.steps,
        metrics.train_seconds,
        metrics.steps_per_second
    ))
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
    for &i in &order[..shown] {
        let values: Vec<String> = table.row(i).iter().map(f32::to_string).collect();
        say(format_args!("{:>7}  {:>12.2}  {}", i + 1, scores[i], values.join(", ")))?;
    }
    Ok(())
}
