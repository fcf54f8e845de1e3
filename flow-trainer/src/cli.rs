//! The command line: arguments in, exit code out.
//!
//! 0: done (also where the reader of a pipe has gone away), 1: the work failed, 2: wrong use.

use crate::backend::{self, BackendError, Choice, Device};
use crate::data::{self, Data, DataError, Source};
use crate::evaluate::{Dequantization, Evaluator};
use crate::random::Purpose;
use crate::run_folder::{self, FolderError, Metrics};
use crate::train::{self, Ending, Settings, TrainError};
use crate::{fit, progress, report};
use clap::{Args, Parser, Subcommand, ValueEnum};
use flow_export::run_folder as frozen;
use flow_model::checkpoint::{Checkpoint, CheckpointError};
use flow_model::flow::Flow;
use flow_model::models;
use flow_model::spec::{Base, FlowSpec, Kind, SpecError};
use flow_table::atomic::{WriteError, write_atomic};
use flow_table::{Convention, KindOverride, TableError, metrics, read_labels};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Parser)]
#[command(name = "flow-trainer", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a flow on a table by exact maximum likelihood
    Train(Train),
    /// Say how probable a trained flow finds the rows of a table
    Evaluate(Evaluate),
}

#[derive(Args)]
struct Train {
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
    /// Number of couplings, or of autoregressive layers: 8 for realnvp, 6 for nsf, 5 for maf and maf-rqs
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    couplings: Option<usize>,
    /// Widths of the conditioners' hidden layers
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [64, 64], value_parser = at_least_one)]
    hidden: Vec<usize>,
    /// Bins of each spline
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    num_bins: usize,
    /// Standard deviations within which splines act; values beyond 4 of them are compressed first
    #[arg(long, value_name = "X", default_value_t = 5.0, value_parser = positive)]
    tail_bound: f32,
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
    /// Freeze the trained flow into this file as well
    #[arg(long, value_name = "FILE")]
    freeze: Option<PathBuf>,
}

#[derive(Args)]
struct Evaluate {
    /// The folder of a run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The rows: CSV, plain or gzip; `-` for standard input; or a built-in set
    #[arg(long, value_name = "FILE")]
    data: String,
    /// One label for each row: 1 for an anomaly, 0 for a normal row
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,
    /// Leave a column of the table out
    #[arg(long, value_name = "NAME:ignore")]
    column: Vec<KindOverride>,
    #[command(flatten)]
    backend: BackendArgs,
    /// Seed of the draw that dequantises discrete columns
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct BackendArgs {
    /// What runs the training
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// ONNX Runtime's library
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    ort_lib: Option<PathBuf>,
    /// Fetch nothing
    #[arg(long)]
    offline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Model {
    /// What we would pick ourselves: at present realnvp
    Auto,
    /// Affine couplings
    Realnvp,
    /// Rational-quadratic spline couplings
    Nsf,
    /// Masked autoregressive affine layers
    Maf,
    /// Masked autoregressive rational-quadratic splines
    MafRqs,
}

impl Model {
    /// The model that is trained, and its name.
    fn resolve(self) -> (Self, &'static str) {
        match self {
            Model::Auto | Model::Realnvp => (Model::Realnvp, "realnvp"),
            Model::Nsf => (self, "nsf"),
            Model::Maf => (self, "maf"),
            Model::MafRqs => (self, "maf-rqs"),
        }
    }

    /// The highest learning rate that suits the model, where it is another than usual.
    fn learning_rate(self) -> Option<f32> {
        (self == Model::Nsf).then_some(5e-3)
    }

    /// The weight decay that suits the model and the number of training rows, where it is another than usual: splines
    /// bend to every row of a small table unless their conditioners' weights are held small.
    fn weight_decay(self, rows: usize) -> Option<f32> {
        let few = 2000.0 / rows as f32;
        matches!(self, Model::Nsf | Model::MafRqs).then_some((few * few).clamp(1e-2, 1.0))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConventionName {
    Own,
    Peers,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Export(#[from] flow_export::Error),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
    #[error("standard output: {0}")]
    Stdout(std::io::Error),
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n >= 1).ok_or_else(|| "expected a whole number of at least 1".to_string())
}

fn positive(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| "expected a positive number".to_string())
}

fn not_negative(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v >= 0.0);
    value.ok_or_else(|| "expected a number of at least 0".to_string())
}

/// Runs the command that the program's arguments ask for.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(args) => train(args),
        Command::Evaluate(args) => evaluate(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow-trainer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output, where a reader may have gone away.
fn print(text: std::fmt::Arguments<'_>) -> Result<(), Error> {
    writeln!(std::io::stdout(), "{text}").map_err(Error::Stdout)
}

fn load_backend(args: &BackendArgs) -> Result<Box<dyn backend::Backend>, Error> {
    let library = args.ort_lib.clone().filter(|path| !path.as_os_str().is_empty());
    let choice = Choice { device: args.device, library, offline: args.offline };
    Ok(backend::choose(&choice, &mut |line| eprintln!("{line}"))?)
}

fn train(args: Train) -> Result<(), Error> {
    run_folder::prepare(&args.out, args.force)?;
    let convention = match args.convention {
        ConventionName::Own => Convention::Own,
        ConventionName::Peers => Convention::Peers,
    };
    let data = Data::load(&Source {
        data: args.data.clone(),
        validation: args.val.clone(),
        overrides: args.column,
        convention,
        seed: args.seed,
    })?;
    print(format_args!("{}split: {}", data.profile, data.split))?;

    let columns = fit::columns(&data.train, &data.profile, convention);
    let dim = columns.iter().filter(|c| c.standard().is_some()).count();
    let (model, model_name) = args.model.resolve();
    let number = |default| args.couplings.unwrap_or(default);
    let layers = match model {
        Model::Auto | Model::Realnvp => models::realnvp(dim, number(8), &args.hidden, args.seed),
        Model::Nsf => models::nsf(dim, number(6), &args.hidden, args.num_bins, args.tail_bound, args.seed),
        Model::Maf => models::maf(dim, number(5), &args.hidden),
        Model::MafRqs => models::maf_rqs(dim, number(5), &args.hidden, args.num_bins, args.tail_bound),
    };
    let flow = Flow::new(FlowSpec { columns, tails: fit::tails(dim), layers, base: Base::Normal })?;

    let mut settings = Settings::for_rows(data.train.rows(), args.seed);
    settings.epochs = args.epochs.unwrap_or(settings.epochs);
    settings.batch = args.batch.unwrap_or(settings.batch).min(data.train.rows());
    settings.learning_rate = args.lr.or(model.learning_rate()).unwrap_or(settings.learning_rate);
    settings.weight_decay =
        args.weight_decay.or(model.weight_decay(data.train.rows())).unwrap_or(settings.weight_decay);

    let backend = load_backend(&args.backend)?;
    print(format_args!("backend: {}", backend.name()))?;
    print(format_args!(
        "model: {model_name}, {} parameters; {} training and {} validation rows, batch {}, at most {} epochs",
        flow.layout().total(),
        data.train.rows(),
        data.validation.rows(),
        settings.batch,
        settings.epochs
    ))?;

    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130); // asked twice: at once
        }
    })?;
    let mut line = progress::Line::new(settings.epochs, data.train.rows());
    let outcome = train::train(
        &flow,
        backend.as_ref(),
        &data.train,
        &data.validation,
        &settings,
        &stop,
        &mut |epoch, elapsed| line.epoch(epoch, elapsed),
    )?;
    line.finish();

    let metrics = Metrics::of(&outcome, &settings, backend.name(), data.train.rows(), data.validation.rows());
    let metadata = BTreeMap::from([
        ("convention".to_string(), format!("{:?}", args.convention).to_lowercase()),
        ("model".to_string(), model_name.to_string()),
        ("seed".to_string(), args.seed.to_string()),
    ]);
    let checkpoint = Checkpoint { spec: flow.spec().clone(), params: outcome.params.clone(), metadata };
    run_folder::write(&args.out, &checkpoint, &metrics, data.calibration.as_ref())?;
    let title = format!("{}: {model_name}", args.data);
    let html = report::report(&title, &flow, &outcome.params, &data, &metrics, backend.as_ref())?;
    let report_path = args.out.join("report.html");
    write_atomic(&report_path, html.as_bytes())?;

    let why = match outcome.ending {
        Ending::Epochs => "all epochs done",
        Ending::Patience => "no better validation loss for a while",
        Ending::Interrupted => "interrupted; the best parameters so far are kept",
    };
    print(format_args!(
        "{why}: best validation log-density {:.4} nats a row at epoch {} of {}, {} steps in {:.1} s ({:.0} steps/s)",
        outcome.best_validation_log_prob,
        outcome.best_epoch,
        outcome.history.len(),
        outcome.steps,
        metrics.train_seconds,
        metrics.steps_per_second
    ))?;
    print(format_args!("report: {}", report_path.display()))?;
    if let Some(path) = args.freeze {
        frozen::freeze_run(&args.out, &path, 0)?;
        print(format_args!("frozen: {}", path.display()))?;
    }
    Ok(())
}

/// What `evaluate --json` prints.
#[derive(Debug, Serialize)]
struct Evaluation {
    rows: usize,
    mean_log_prob: f64,
    std_error: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits_per_dim: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auroc: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_precision: Option<f64>,
    dequantization: &'static str,
    seed: u64,
    backend: String,
}

fn evaluate(args: Evaluate) -> Result<(), Error> {
    let checkpoint = frozen::read_checkpoint(&args.run)?;
    let flow = Flow::new(checkpoint.spec)?;
    let names: Vec<String> = flow.spec().columns.iter().map(|c| c.name.clone()).collect();
    let ignore = KindOverride::ignored(&args.column);
    let table = data::read_or_generate(&args.data, ignore, args.seed.wrapping_add(2))?.matching(&names)?;
    let labels = args.labels.map(|path| read_labels(&path, table.rows())).transpose()?;
    let backend = load_backend(&args.backend)?;
    let mut evaluator = Evaluator::new(&flow, backend.as_ref(), table.rows())?;
    let noise = Dequantization::Noise { seed: args.seed, purpose: Purpose::EvaluationNoise };
    let noisy = evaluator.log_prob(&checkpoint.params, &table, noise)?;
    let normal = |i: usize| labels.as_ref().is_none_or(|labels| !labels[i]);
    let summary =
        metrics::Summary::of(noisy.iter().enumerate().filter(|(i, _)| normal(*i)).map(|(_, &v)| f64::from(v)));
    let scores = match &labels {
        Some(_) => evaluator.log_prob(&checkpoint.params, &table, Dequantization::Midpoint)?,
        None => Vec::new(),
    };
    let oddness: Vec<f64> = scores.iter().map(|&v| -f64::from(v)).collect();
    let discrete = flow.spec().columns.iter().all(|c| !matches!(c.kind, Kind::Continuous { .. }));
    let evaluation = Evaluation {
        rows: table.rows(),
        mean_log_prob: summary.mean,
        std_error: summary.std_error,
        bits_per_dim: discrete.then(|| metrics::bits_per_dim(summary.mean, flow.columns())),
        auroc: labels.as_ref().and_then(|labels| metrics::auroc(&oddness, labels)),
        average_precision: labels.as_ref().and_then(|labels| metrics::average_precision(&oddness, labels)),
        dequantization: "noise",
        seed: args.seed,
        backend: backend.name(),
    };
    if args.json {
        let text = serde_json::to_string_pretty(&evaluation).expect("plain data becomes JSON");
        return print(format_args!("{text}"));
    }
    let of = if labels.is_some() { "over the rows labelled normal" } else { "over all rows" };
    print(format_args!("rows                {}", evaluation.rows))?;
    print(format_args!(
        "mean log-density    {:.4} ± {:.4} nats a row, {of}",
        evaluation.mean_log_prob, evaluation.std_error
    ))?;
    for (name, value) in [
        ("bits per dimension ", evaluation.bits_per_dim),
        ("area under ROC     ", evaluation.auroc),
        ("average precision  ", evaluation.average_precision),
    ] {
        if let Some(value) = value {
            print(format_args!("{name} {value:.4}"))?;
        }
    }
    Ok(())
}
