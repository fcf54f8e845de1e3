//! The command line: arguments in, exit code out.
//!
//! 0: done (also where the reader of a pipe has gone away), 1: the work failed, 2: wrong use.

mod arguments;

use crate::alarm::{DriftEvery, FalseAlarms};
use crate::backtest::{self, Options, Windows};
use crate::boards::{BOARDS, Board as KnownBoard};
use crate::error::Error;
use crate::freeze::Weights;
use crate::frozen::Frozen;
use crate::inspect::FactsOnBoards;
use crate::score::{self, Labels, Summary};
use crate::verdicts::{self, Judge};
use crate::{
    board, c_array, calibrate, inspect, onnx, output, run_folder, sample, sensors, signing, times, watch, windows,
};
use arguments::{Backtest, Calibrate, Cli, Command, Emit, Freeze, Inspect, Line, Score, Watch};
use clap::{CommandFactory, Parser, error::ErrorKind};
use flow_table::atomic::write_atomic;
use flow_table::{Missing, Table};
use std::process::ExitCode;
use std::time::Duration;

/// Runs the command that the program's arguments ask for.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow-export: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Freeze(args) => freeze_file(args),
        Command::EmitC(args) => {
            output::check(Some(&args.output), [&args.model])?;
            let name = c_array::name(args.name.as_deref(), &args.output)?;
            c_array::write_to(&Frozen::read(&args.model)?, &name, &args.output)
        }
        Command::Calibrate(args) => calibrate_file(args),
        Command::Inspect(args) => inspect_file(args),
        Command::Score(args) => score_table(args),
        Command::Backtest(args) => backtest_table(args),
        Command::Board(args) => {
            let frozen = Frozen::read(&args.model)?;
            let Line { baud, timeout } = args.line;
            let checked = board::check(&frozen, &args.data, args.column, &args.port, baud, timeout)?;
            if args.json {
                output::json(&checked)?;
            } else {
                output::write(None, |out| write!(out, "{checked}").map_err(Error::Stdout))?;
            }
            if checked.is_right() { Ok(()) } else { Err(Error::NotRight { port: args.port }) }
        }
        Command::Watch(args) => watch_rows(args),
        Command::Sample(args) => {
            output::check(args.output.as_deref(), [&args.model])?;
            let frozen = Frozen::read(&args.model)?;
            frozen.tested_flow()?;
            output::write(args.output.as_deref(), |out| sample::sample(&frozen, args.n, args.seed, &args.context, out))
        }
        Command::Keygen(args) => {
            let public = signing::keygen(&args.key)?;
            output::write(None, |out| write!(out, "{}", *signing::hex(&public)).map_err(Error::Stdout))
        }
        Command::Sign(args) => {
            output::check(Some(&args.output), [&args.key])?;
            let frozen = Frozen::read(&args.model)?;
            output::bytes(&args.output, &signing::sign(&frozen, &args.key)?)?;
            let flow = frozen.flow()?;
            let counter = flow.header().rollback.get();
            let hint = match counter {
                0 => {
                    "; a device that has a model with a higher one will not take it, see --rollback of freeze and calibrate"
                }
                _ => "",
            };
            eprintln!("signed: model id {}, roll-back counter {counter}{hint}", flow.model_id_hex());
            Ok(())
        }
        Command::Verify(args) => {
            let frozen = Frozen::read(&args.model)?;
            signing::verify(&frozen, &signing::public_key(&args.key)?, args.rollback)?;
            let flow = frozen.tested_flow()?;
            let (id, counter) = (flow.model_id_hex(), flow.header().rollback);
            let words = format!("signed by that key; model id {id}, roll-back counter {counter}");
            output::write(None, |out| writeln!(out, "{words}").map_err(Error::Stdout))
        }
        Command::Onnx(args) => onnx::write_onnx(&args.run, &args.out).map(|_| ()),
    }
}

fn freeze_file(args: Freeze) -> Result<(), Error> {
    let Freeze { run, output, rollback, weights, emit, name } = args;
    output::check(Some(&output), [&run.join(run_folder::CHECKPOINT)])?;
    let array = match (emit, &name) {
        (Emit::C, name) => Some(c_array::name(name.as_deref(), &output)?),
        (Emit::Flow, None) => None,
        (Emit::Flow, Some(_)) => {
            Cli::command().error(ErrorKind::ArgumentConflict, "--name is of an array in C: it needs --emit c").exit()
        }
    };
    let frozen = run_folder::frozen(&run, rollback, weights)?;
    check_weights(weights, &frozen)?;
    match array {
        Some(name) => c_array::write_to(&frozen, &name, &output),
        None => output::bytes(&output, frozen.bytes()),
    }
}

/// Says where `--weights i8` has nothing to work on.
fn check_weights(weights: Weights, frozen: &Frozen) -> Result<(), Error> {
    if weights == Weights::I8 && frozen.flow()?.header().dense.get() == 0 {
        eprintln!(
            "flow-export: warning: --weights i8 has no effect: a flow without conditioners, such as a mixture, has none to store so"
        );
    }
    Ok(())
}

fn inspect_file(args: Inspect) -> Result<(), Error> {
    let frozen = Frozen::read(&args.model)?;
    let facts = inspect::inspect(&frozen)?;
    let boards: Vec<&'static KnownBoard> = if args.boards { BOARDS.iter().collect() } else { args.board };
    let on_boards = inspect::on_boards(&frozen, &boards)?;
    if args.json && boards.is_empty() {
        output::json(&facts)?;
    } else if args.json {
        output::json(&FactsOnBoards { facts, boards: on_boards })?;
    } else {
        output::write(None, |out| {
            match (args.boards, on_boards.as_slice()) {
                (true, all) => write!(out, "{}", inspect::Table(all)),
                (false, []) => write!(out, "{facts}"),
                (false, some) => some.iter().try_for_each(|facts| write!(out, "{facts}")),
            }
            .map_err(Error::Stdout)
        })?;
    }
    frozen.tested_flow().map(|_| ())
}

fn score_table(args: Score) -> Result<(), Error> {
    if args.json && args.output.as_deref().is_some_and(|path| path == "-") {
        let why = "--json prints its object where -o - would write the rows; give -o a file";
        Cli::command().error(ErrorKind::ArgumentConflict, why).exit()
    }
    output::check(args.output.as_deref(), args.data.iter().chain(&args.labels))?;
    output::check(args.output.as_deref(), [&args.model])?;
    let frozen = Frozen::read(&args.model)?;
    frozen.tested_flow()?; // What is wrong with it is said before the table is read.
    let judge = args.verdicts.then(|| Judge::new(&frozen)).transpose()?;
    let missing = if args.verdicts { Missing::Keep } else { Missing::Refuse };
    let (windowed, recipe) = windows::read_windowed(&frozen, &args.data, args.column, missing)?;
    let table = &windowed.table;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let labels = args.labels.map(|path| Labels::of_table(&path, table)).transpose()?;
    let drift_every = drift_on(args.drift_every, table, args.every, recipe.as_ref())?;
    let judged = judge.as_ref().map(|judge| judge.judge(table, &windowed.gaps(args.every))).transpose()?;
    let log_prob = match &judged {
        Some(judged) => judged.iter().map(|one| one.verdict.log_prob).collect(),
        None => score::score(&frozen, table)?,
    };
    if args.output.is_some() || !args.json {
        output::write(args.output.as_deref(), |out| {
            let written = match (&judge, &judged) {
                (Some(judge), Some(judged)) => {
                    let rows = recipe.is_some().then(|| table.rows_of_file());
                    verdicts::write(out, &judge.names(), judged, rows.as_deref(), drift_every)
                }
                _ => score::write(out, table, &log_prob, recipe.is_some()),
            };
            written.map_err(Error::Stdout)
        })?;
    }
    if args.json { output::json(&Summary::of(&log_prob, labels.as_ref())) } else { Ok(()) }
}

fn backtest_table(args: Backtest) -> Result<(), Error> {
    output::check(args.report.as_deref(), args.data.iter().chain(&args.labels).chain(&args.train))?;
    output::check(args.report.as_deref(), args.against.iter().chain(&args.windows).chain([&args.model]))?;
    let frozen = Frozen::read(&args.model)?;
    let judge = Judge::new(&frozen)?;
    let against = args.against.iter().map(|path| Frozen::read(path)).collect::<Result<Vec<_>, _>>()?;
    let others = against.iter().map(Judge::new).collect::<Result<Vec<_>, _>>()?;
    let (windowed, recipe) = windows::read_windowed(&frozen, &args.data, args.column.clone(), Missing::Keep)?;
    for other in &against {
        windows::check_the_same(recipe.as_ref(), other)?;
    }
    let table = &windowed.table;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let usual = match args.train.is_empty() {
        true => None,
        false => Some(windows::read(&frozen, &args.train, args.column, Missing::Refuse)?.0),
    };
    let windows = match (&args.windows, &args.labels) {
        (Some(path), _) => Windows::of_json(path, table)?,
        (None, Some(path)) => Windows::of_labels(path, table)?,
        (None, None) => Windows::none(table),
    };
    let drift_every = drift_on(args.drift_every, table, args.every, recipe.as_ref())?;
    let options = Options { every: args.every, drift_every, apart: args.apart };
    let found = backtest::backtest(&judge, &others, usual.as_ref(), &windowed, windows, options)?;
    if let Some(path) = &args.report {
        write_atomic(path, backtest::page(&found).as_bytes())?;
    }
    if args.json {
        output::json(&found)
    } else {
        output::write(None, |out| write!(out, "{found}").map_err(Error::Stdout))
    }
}

fn watch_rows(args: Watch) -> Result<(), Error> {
    let frozen = Frozen::read(&args.model)?;
    let drift = match args.drift_every {
        None => f32::INFINITY,
        Some(DriftEvery::Rows(rows)) => rows as f32,
        Some(DriftEvery::Rate(rate)) => {
            let known = windows::Recipe::of_file(&frozen)?.and_then(|recipe| recipe.every());
            warn_of_every(args.every, known, "windows of the flow");
            let every = args.every.or(known).ok_or(Error::NoStep { path: args.model })?;
            drift_rows(rate, every) as f32
        }
    };
    let Line { baud, timeout } = args.line;
    let Watch { data, column: ignore, port, pause, .. } = args;
    watch::watch(&frozen, watch::Options { data, ignore, port, baud, timeout, drift, pause })
}

/// The mean number of rows between two false alarms of drift, on a table.
fn drift_on(
    asked: Option<DriftEvery>,
    table: &Table,
    every: Option<Duration>,
    recipe: Option<&windows::Recipe>,
) -> Result<Option<f64>, Error> {
    let of_windows = recipe.and_then(windows::Recipe::every);
    match of_windows {
        Some(_) => warn_of_every(every, of_windows, "windows of the flow"),
        None => warn_of_every(every, times::every(table, None), "rows of the table"),
    }
    let rate = match asked {
        None => return Ok(None),
        Some(DriftEvery::Rows(rows)) => return Ok(Some(rows)),
        Some(DriftEvery::Rate(rate)) => rate,
    };
    let every = times::every(table, every).or(of_windows);
    let every = every.ok_or_else(|| Error::NoTimes { path: table.source().to_owned() })?;
    Ok(Some(drift_rows(rate, every)))
}

/// The rows between two false alarms of drift at so many a time; says how many.
fn drift_rows(rate: FalseAlarms, every: Duration) -> f64 {
    let rows = (1.0 / rate.share(every)).max(1.0);
    eprintln!("flow-export: drift: an alarm where the level reaches {rows:.0} rows");
    rows
}

/// Says where the time between two rows that is stated is not the one that is known.
fn warn_of_every(stated: Option<Duration>, known: Option<Duration>, what: &str) {
    if let (Some(stated), Some(known)) = (stated, known)
        && !(0.95..=1.05).contains(&(stated.as_secs_f64() / known.as_secs_f64()))
    {
        eprintln!("flow-export: warning: the {what} come every {known:?}, and --every says {stated:?}");
    }
}

/// Ends the program as on wrong use.
fn wrong(problem: &str) -> ! {
    Cli::command().error(ErrorKind::ValueValidation, problem).exit()
}

fn calibrate_file(args: Calibrate) -> Result<(), Error> {
    let is_run = args.model.is_dir();
    if !is_run && (args.rollback.is_some() || args.weights.is_some()) {
        let why = "--rollback and --weights are for a run that is frozen; the model is a file";
        Cli::command().error(ErrorKind::ArgumentConflict, why).exit()
    }
    let checkpoint = is_run.then(|| run_folder::read_checkpoint(&args.model)).transpose()?;
    let frozen = match &checkpoint {
        Some(checkpoint) => {
            let (rollback, weights) = (args.rollback.unwrap_or(0), args.weights.unwrap_or_default());
            run_folder::frozen_of(checkpoint, &args.model, rollback, weights)?
        }
        None => Frozen::read(&args.model)?,
    };
    frozen.tested_flow()?;
    check_weights(args.weights.unwrap_or_default(), &frozen)?;
    let p = match args.false_alarms {
        None => args.p,
        Some(rate) => {
            let of_windows = windows::Recipe::of_file(&frozen)?.and_then(|recipe| recipe.every());
            let known = of_windows.or_else(|| run_folder::every(checkpoint.as_ref()?));
            let what = if of_windows.is_some() { "windows of the flow" } else { "rows of the training" };
            warn_of_every(args.every, known, what);
            match args.every.or(known) {
                None => wrong("--false-alarms: how far apart are the rows? say --every, as in --every 5min"),
                Some(every) => {
                    Some(rate.p(every).unwrap_or_else(|problem| wrong(&format!("--false-alarms: {problem}"))))
                }
            }
        }
    };
    let signed = frozen.is_signed()?;
    let frozen = sensors::limited(frozen, &[args.range, args.jump, args.stuck].concat())?;
    let mut data = args.data;
    if data.is_empty() {
        let kept = args.model.join("calibration.csv");
        if !is_run || !kept.exists() {
            return Err(Error::NoCalibrationRows { path: args.model });
        }
        data.push(kept.display().to_string());
    }
    output::check(Some(&args.output), &data)?;
    output::check(Some(&args.output), [&args.model.join(run_folder::CHECKPOINT)])?;
    let (windowed, recipe) = windows::read_windowed(&frozen, &data, args.column, Missing::Refuse)?;
    let table = &windowed.table;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let unseen = recipe.as_ref().map_or_else(Vec::new, |recipe| windowed.unseen_ranges(recipe));
    if !unseen.is_empty() {
        eprintln!(
            "flow-export: warning: {}: these rows are windows already, so that readings beyond the --range of {} cannot be seen in \
             them, nor could they in the training; leave such readings out there, and give raw rows here (--data)",
            table.source(),
            unseen.join(", ")
        );
    }
    match &checkpoint {
        Some(checkpoint) => calibrate::check_untrained(checkpoint, table)?,
        None => eprintln!(
            "flow-export: whether the flow was trained on these rows cannot be seen in a frozen file; calibrate the run's folder, \
             and it is"
        ),
    }
    let (bytes, summary) = calibrate::calibrate(&frozen, table, p, args.confidence)?;
    write_atomic(&args.output, &bytes)?;
    if signed {
        eprintln!("flow-export: the new file is another, without a signature: flow-export sign");
    }
    if args.json {
        output::json(&summary)
    } else {
        output::write(None, |out| write!(out, "{summary}").map_err(Error::Stdout))
    }
}
