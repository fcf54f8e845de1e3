//! `flow-trainer train`: from a table to a run folder, and on to a frozen file and its scores if asked.

use super::leave::{Trained, Wanted};
use super::oddest::read_to_score;
use super::shape::{ShapeArgs, not_negative, positive};
use super::windows::WindowArgs;
use super::{BackendArgs, Error, load_backend, say, target, tell};
use crate::backend::Backend;
use crate::budget::Budget;
use crate::data::{Data, Source};
use crate::fitted::{FitError, Fitted, News, Work};
use crate::model::{Choices, Model, Smoothing};
use crate::request::{Circumstances, REQUEST, Request};
use crate::run_folder;
use crate::saver::Saves;
use crate::search::{Found, Try};
use crate::seeds::{self, Seeds};
use crate::train::TrainError;
use crate::tune::{self, Plan};
use crate::{auto, fit, fitted};
use clap::{ArgMatches, Args, ValueEnum};
use flow_export::windows::Recipe;
use flow_table::{Convention, Fractions, KindOverride, Missing};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Args)]
pub(super) struct Train {
    /// The training rows: CSV (plain or gzip), Parquet, Arrow IPC, NPY or NPZ; a folder of such files; `-` for standard
    /// input; or a built-in set such as two-moons. Several of them make one table
    #[arg(long, value_name = "FILE", required = false, required_unless_present = "resume")]
    data: Vec<String>,
    /// Validation rows; without it they are split off the training rows
    #[arg(long, value_name = "FILE")]
    val: Option<String>,
    /// Share of the rows that are split off to validate
    #[arg(long, value_name = "SHARE", default_value_t = Fractions::default().validation, value_parser = some_of, conflicts_with = "val")]
    validation: f64,
    /// Share of the rows that are set aside to calibrate alarms with; 0 for none. Rare alarms take many; without it a tenth,
    /// but 50 rows at least, and none where these are more than a quarter
    #[arg(long, value_name = "SHARE", value_parser = part_of)]
    calibration: Option<f64>,
    /// The folder to leave the run in
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the run that is in the folder
    #[arg(long)]
    force: bool,
    /// Go on with the run that is in the folder, with the options that it was given
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Seconds between two saves of what --resume goes on from; 0 for one after each step
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = not_negative)]
    save_every: f32,
    /// The model
    #[arg(long, value_enum, default_value_t = Model::Auto)]
    model: Model,
    /// Seconds within which auto chooses
    #[arg(long, value_name = "SECONDS", default_value_t = 300.0, value_parser = positive)]
    time: f32,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    windows: WindowArgs,
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
    /// Train from so many seeds, keep the best, and say how far they lie apart
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Threads: as many as there are cores. The result is the same for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Freeze the trained flow into this file as well
    #[arg(long, value_name = "FILE")]
    freeze: Option<PathBuf>,
    /// Score the rows of this table with the frozen flow, on the device engine, and say which are the oddest
    #[arg(long, value_name = "FILE", requires = "freeze")]
    score: Option<String>,
}

/// Reads a part of the rows, from none of them on.
fn part_of(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|share: &f64| (0.0..1.0).contains(share));
    value.ok_or_else(|| "expected a number of at least 0 and below 1".to_string())
}

/// Reads a part of the rows that is not none of them.
fn some_of(text: &str) -> Result<f64, String> {
    part_of(text).ok().filter(|share| *share > 0.0).ok_or_else(|| "expected a number above 0 and below 1".to_string())
}

/// The folder of the run that is to be resumed.
pub(super) fn to_resume(matches: &ArgMatches) -> Option<PathBuf> {
    let (_, train) = matches.subcommand().filter(|(name, _)| ["train", "tune"].contains(name))?;
    train.get_flag("resume").then(|| train.get_one::<PathBuf>("out").cloned()).flatten()
}

impl Train {
    /// Where the rows come from and what is said of them.
    pub(super) fn source(&self) -> Source {
        Source {
            data: self.data.clone(),
            validation: self.val.clone(),
            overrides: self.column.clone(),
            convention: self.convention(),
            missing: self.missing.clone(),
            windows: self.windows.windows(),
            validation_share: self.validation,
            calibration_share: self.calibration,
            seed: self.seed,
        }
    }

    /// What is said of the model.
    pub(super) fn choices(&self) -> Choices {
        self.shape.choices(self.seed, self.convention())
    }

    /// Most threads.
    pub(super) fn threads(&self) -> usize {
        self.threads.map_or_else(cores, usize::from)
    }

    fn convention(&self) -> Convention {
        match self.convention {
            ConventionName::Own => Convention::Own,
            ConventionName::Peers => Convention::Peers,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConventionName {
    Own,
    Peers,
}

/// Trains, or searches under a budget; `given` are the options that were given.
pub(super) fn train(args: Train, budget: Option<Budget>, given: BTreeMap<String, Vec<String>>) -> Result<(), Error> {
    let mut lock = run_folder::lock_if_there(&args.out)?;
    run_folder::check_free(&args.out, args.force || args.resume)?;
    let inputs = args.data.iter().chain(&args.val).chain(&args.score);
    if inputs.filter(|path| *path == "-").count() > 1 {
        return Err(Error::Refused("standard input can serve --data, --val or --score, and only once".into()));
    }
    args.windows.check()?;
    let convention = args.convention();
    let mut data = Data::load(&args.source())?;
    for note in &data.notes {
        say(format_args!("{note}"))?;
    }
    say(format_args!("{}split: {}", data.profile, data.split))?;
    for warning in data.profile.warnings().into_iter().chain(data.recipe.as_ref().and_then(Recipe::degenerate)) {
        eprintln!("flow-trainer: warning: {warning}");
    }

    let choices = args.choices();
    let smoothed = choices.smoothing != Smoothing::Deviation(0.0);
    let columns = fit::columns(&data.train, &data.profile, convention, smoothed);
    if let Some(left_out) = data.leave_out_unsupported(&columns)? {
        eprintln!("flow-trainer: warning: {left_out}");
    }
    tell::say_smoothing(&data, &columns, &choices)?;
    // What can be known to be wrong is told before the work.
    let planned = match args.model {
        Model::Auto => Model::Realnvp,
        model => model,
    };
    fitted::planned(planned, &columns, data.train.rows(), &choices)?;
    let plan = budget
        .map(|budget| tune::plan(args.model, &columns, data.train.rows(), &choices, &budget))
        .transpose()
        .map_err(Error::Refused)?;
    let to_score = args.score.as_ref().map(|path| read_to_score(path, &data, &columns)).transpose()?;
    let read = args.data.iter().chain(&args.val).chain(&args.score).map(PathBuf::from);
    target::check(args.freeze.as_deref(), read, &args.out)?;
    tell::warn_of_no_effect(args.model, &args.shape, &columns, data.validation.rows());

    let backend = load_backend(&args.backend)?;
    // Before the work, so that a place that cannot be had is told at once.
    run_folder::make(&args.out)?;
    if lock.is_none() {
        lock = run_folder::lock_if_there(&args.out)?;
    }
    run_folder::sweep(&args.out);
    let request = request(&args, budget, given, &choices, &data, backend.as_ref());
    let saves = Saves { folder: args.out.clone(), run: request.digest(), every: seconds(args.save_every) };
    if args.resume {
        Request::read(&args.out)?.check(&request, &args.out)?;
    } else {
        saves.clear()?;
        request.write(&args.out)?;
    }
    say(format_args!("backend: {}", backend.name()))?;
    let device = plan.as_ref().zip(budget.as_ref());
    if let Some((plan, budget)) = device {
        super::tune::say_plan(plan, budget)?;
    }
    let stop = stop_on_interrupt()?;
    let work = Work {
        columns: &columns,
        train: &data.train,
        validation: &data.validation,
        backend: backend.as_ref(),
        stop: &stop,
        threads: args.threads(),
        saves: Some(&saves),
    };
    let mut progress = tell::Progress::default();
    let mut watch = |news: &News<'_>| tell::tell(news, &data, &mut progress);
    let found = search(&args, device, &work, &choices, &mut watch);
    progress.end();
    let begun = args.resume || saves.any();
    if matches!(&found, Err(FitError::Train(TrainError::Diverged(_)))) || (found.is_err() && !begun) {
        // There is nothing to go on from.
        saves.clear()?;
        let _ = std::fs::remove_file(args.out.join(REQUEST));
    }
    let (fitted, tries, seeds) = found?;
    match device {
        Some((plan, budget)) => super::tune::leave(&args.out, &tries, plan, budget)?,
        None => {
            run_folder::forget_search(&args.out)?;
            tell::say_tries(&tries, fitted.model)?;
        }
    }
    tell::say_seeds(seeds.as_ref())?;
    let trained = Trained { fitted, tries, seeds, data: &data, backend: backend.as_ref(), convention };
    let wanted = Wanted { freeze: args.freeze.as_deref(), to_score: to_score.as_ref(), seed: args.seed };
    trained.leave(&args.out, &args.data.join(", "), &wanted)?;
    drop(lock);
    Ok(())
}

/// So many seconds, or as many years as nobody waits.
fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds.min(1e9))
}

/// Number of cores that the system lets this process have.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A trained model, what `auto` tried, and what several seeds came to.
type Searched = (Fitted, Vec<Try>, Option<Seeds>);

fn search(
    args: &Train,
    device: Option<(&Plan, &Budget)>,
    work: &Work<'_>,
    choices: &Choices,
    watch: &mut dyn FnMut(&News<'_>),
) -> Result<Searched, FitError> {
    let limit = seconds(args.time);
    let Found { fitted, choices, tries } = match (device, args.model) {
        (Some((plan, budget)), _) => tune::search(work, plan, budget, limit, watch)?,
        (None, Model::Auto) => auto::choose(work, choices, limit, watch)?,
        (None, model) => {
            let fitted = fitted::fit(model, work, choices, "state", None, watch)?;
            Found { fitted, choices: choices.clone(), tries: Vec::new() }
        }
    };
    if args.seeds == 1 {
        return Ok((fitted, tries, None));
    }
    let (fitted, seeds) = seeds::beside(fitted, args.seeds, work, &choices, watch)?;
    Ok((fitted, tries, Some(seeds)))
}

fn request(
    args: &Train,
    budget: Option<Budget>,
    given: BTreeMap<String, Vec<String>>,
    choices: &Choices,
    data: &Data,
    backend: &dyn Backend,
) -> Request {
    let mut tables = vec![("training", &data.train), ("validation", &data.validation)];
    tables.extend(data.calibration.as_ref().map(|table| ("calibration", table)));
    let circumstances = Circumstances {
        backend: backend.identity(),
        tables: &tables,
        overrides: &args.column,
        windows: data.recipe.as_ref(),
        convention: match args.convention {
            ConventionName::Own => "own",
            ConventionName::Peers => "peers",
        },
        seeds: args.seeds,
        budget,
    };
    Request::new(given, args.model, choices, &circumstances)
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
