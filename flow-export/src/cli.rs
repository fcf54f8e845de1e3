//! The command line: arguments in, exit code out.
//!
//! 0: done (also where the reader of a pipe has gone away), 1: the work failed, 2: wrong use.

use crate::alarm::{self, DriftEvery, FalseAlarms};
use crate::backtest::{self, Options, Windows};
use crate::boards::{self, BOARDS, Board};
use crate::error::Error;
use crate::freeze::Weights;
use crate::frozen::Frozen;
use crate::inspect::FactsOnBoards;
use crate::score::{self, Labels, Summary};
use crate::sensors::{self, Limit};
use crate::verdicts::{self, Judge};
use crate::{board, c_array, calibrate, inspect, onnx, output, run_folder, sample, signing, watch, windows};
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use flow_table::atomic::write_atomic;
use flow_table::{Missing, Table, ignored_column};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(name = "flow-export", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Freeze a trained flow into one file for the device
    Freeze(Freeze),
    /// Write a frozen flow as a C header: an aligned constant array, its lengths as macros
    EmitC(EmitC),
    /// Put into a frozen flow how odd a log-density is, so that it gives verdicts and alarms
    Calibrate(Calibrate),
    /// Say what is in a frozen flow, and what a device needs for it
    Inspect(Inspect),
    /// Compute the log-density of each row of a table with the device engine
    Score(Score),
    /// Say what a calibrated flow would have said of rows that lie in the past, beside what was wrong then
    Backtest(Backtest),
    /// Send rows to a board over a serial port, and compare what it says of them with this machine, bit for bit
    Board(Board),
    /// Show p, alarms, their sensor and drift as rows arrive: of a board, of standard input or of a file
    Watch(Watch),
    /// Draw rows from a frozen flow with the device engine
    Sample(Sample),
    /// Write the flow as ONNX models: log_prob.onnx and sample.onnx
    Onnx(Onnx),
    /// Make a pair of keys: to sign frozen flows with, and for devices to verify the signatures with
    Keygen(Keygen),
    /// Put a signature behind a frozen flow: whoever has the public key can tell that it is yours, and unchanged
    Sign(Sign),
    /// Verify the signature behind a frozen flow, as a device does
    Verify(Verify),
}

#[derive(Args)]
struct Freeze {
    /// The folder that `flow-trainer train --out` wrote
    run: PathBuf,
    /// The frozen flow to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Roll-back counter: a device may refuse a file whose counter is below that of the one it has
    #[arg(long, value_name = "N", default_value_t = 0)]
    rollback: u32,
    /// How the weights of conditioners are stored
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    emit: Emit,
    /// What the array in C is called [default: the output's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// The form of a frozen flow.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The file itself
    #[default]
    Flow,
    /// A C header with the file as an array, as `emit-c` writes it
    C,
}

#[derive(Args)]
struct EmitC {
    /// The frozen flow, calibrated or signed or not
    model: PathBuf,
    /// The header to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What the array is called [default: the output's name]; macros begin with the same in capitals
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Args)]
struct Calibrate {
    /// The folder that `flow-trainer train --out` wrote, or a frozen flow
    model: PathBuf,
    /// Usual rows that the flow was not trained on; without it those that the training set aside, calibration.csv in the
    /// folder of the run
    #[arg(long, value_name = "FILE")]
    data: Vec<String>,
    /// The frozen flow to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// An alarm where a usual row would be as odd with at most this probability [default: 0.001]
    #[arg(long, value_name = "P", value_parser = alarm::probability, conflicts_with = "false_alarms")]
    p: Option<f64>,
    /// The same as a number of false alarms in a time: 1/30d
    #[arg(long, value_name = "N/TIME", requires = "every")]
    false_alarms: Option<FalseAlarms>,
    /// The time between two rows, or between two windows: 5min
    #[arg(long, value_name = "TIME", requires = "false_alarms", value_parser = alarm::duration)]
    every: Option<Duration>,
    /// What a column's sensor can give: NAME=LOW..HIGH. Other values are faults of the sensor
    #[arg(long, value_name = "NAME=LOW..HIGH", value_parser = sensors::range, allow_hyphen_values = true)]
    range: Vec<Limit>,
    /// The largest change of a column from one row to the next: NAME=LARGEST
    #[arg(long, value_name = "NAME=LARGEST", value_parser = sensors::jump)]
    jump: Vec<Limit>,
    /// The most rows in a run for which a column can have the very same value: NAME=ROWS
    #[arg(long, value_name = "NAME=ROWS", value_parser = sensors::stuck)]
    stuck: Vec<Limit>,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
    /// Roll-back counter, where a run is frozen
    #[arg(long, value_name = "N", default_value_t = 0)]
    rollback: u32,
    /// How the weights of conditioners are stored, where a run is frozen
    #[arg(long, value_enum, default_value_t)]
    weights: Weights,
    /// Print what the calibration came to as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Inspect {
    /// The frozen flow
    model: PathBuf,
    /// Say in its place on which common boards the flow fits, what it takes there and for how long
    #[arg(long, conflicts_with = "board")]
    boards: bool,
    /// The same of one board, in full: nucleo-f401re; several may be given
    #[arg(long, value_name = "NAME", value_parser = boards::find)]
    board: Vec<&'static Board>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Score {
    /// The frozen flow
    model: PathBuf,
    /// The table of all columns, those of the context among them, or of the raw
    /// channels where the flow is over windows: CSV (plain or gzip), Parquet, Arrow IPC, NPY or NPZ; a
    /// folder of such files; `-` for standard input. Several of them make one table. Missing values are refused, but with
    /// --verdicts, where they are faults of their sensors
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<String>,
    /// Write log_prob, ln p, alarm, status and the column to look at of each row, as a device that takes the rows in their
    /// order; the file needs a calibration
    #[arg(long)]
    verdicts: bool,
    /// Write how much speaks for drift besides, with a false alarm in so many rows at the most, or in a time: 100000, 1/30d.
    /// It has drifted where that reaches the number of rows, and starts anew then
    #[arg(long, value_name = "ROWS|N/TIME", requires = "verdicts")]
    drift_every: Option<DriftEvery>,
    /// One label for each row: 1 for an anomaly, 0 for a normal row
    #[arg(long, value_name = "FILE", requires = "json")]
    labels: Option<String>,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
    /// Print a summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Write the log-densities to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct Backtest {
    /// The frozen flow, with a calibration
    model: PathBuf,
    /// The rows of the past, in the order of time; missing values are faults of their sensors
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<String>,
    /// When something was wrong: a list of pairs of times, start and end, as JSON, or an object with one for each file
    #[arg(long, value_name = "FILE", conflicts_with = "labels")]
    windows: Option<PathBuf>,
    /// The same as one label for each row: 1 where something was wrong, else 0
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,
    /// Another frozen flow with a calibration, to compare with; several may be given
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Usual rows to fit and calibrate a z-score of each column with, to compare with
    #[arg(long, value_name = "FILE")]
    train: Vec<String>,
    /// The time between two rows, or between two windows: 5min [default: the median, where the table has times]
    #[arg(long, value_name = "TIME", value_parser = alarm::duration)]
    every: Option<Duration>,
    /// Look for drift, with a false alarm in so many rows at the most, or in a time: 100000, 1/30d
    #[arg(long, value_name = "ROWS|N/TIME")]
    drift_every: Option<DriftEvery>,
    /// Alarms that are at most so many rows apart are one episode
    #[arg(long, value_name = "ROWS", default_value_t = 12)]
    apart: usize,
    /// Leave a column of the tables out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
    /// Write a report with a timeline to this file: HTML that opens without a network
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print all that was found as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Board {
    /// The frozen flow that the board runs
    model: PathBuf,
    /// The serial port: /dev/ttyACM0, COM3
    #[arg(long, value_name = "PORT")]
    port: PathBuf,
    /// Rows to send: a table of all columns, or of the raw channels where the flow is over windows. Missing values go as
    /// readings that failed
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<String>,
    #[command(flatten)]
    line: Line,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
    /// Print what was found as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(group(ArgGroup::new("rows").required(true).multiple(true).args(["port", "data"])))]
struct Watch {
    /// The frozen flow
    model: PathBuf,
    /// A board that judges the rows; without --data it has rows of its own
    #[arg(long, value_name = "PORT")]
    port: Option<PathBuf>,
    /// Rows, as of `board`; `-` for standard input: lines of CSV, each judged as soon as it is there
    #[arg(long, value_name = "FILE")]
    data: Vec<String>,
    /// Drift starts anew after a row in which it reaches this: a false alarm in so many rows at the most, or in a time of
    /// windows that know theirs: 100000, 1/30d
    #[arg(long, value_name = "ROWS|N/TIME")]
    drift_every: Option<DriftEvery>,
    /// A pause after each row, to look at those of a file: 0.2s
    #[arg(long, value_name = "TIME", value_parser = alarm::duration, requires = "data")]
    every: Option<Duration>,
    #[command(flatten)]
    line: Line,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
}

/// How a board is spoken to.
#[derive(Args)]
struct Line {
    /// Bits a second of the port
    #[arg(long, value_name = "RATE", default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(1..))]
    baud: u32,
    /// How long to wait for an answer, before the row is sent again: 2s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = alarm::duration)]
    timeout: Duration,
}

#[derive(Args)]
struct Sample {
    /// The frozen flow
    model: PathBuf,
    /// Number of rows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    n: u64,
    /// Seed; the same rows for the same seed on every machine
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The value of a context column, in every row: NAME=VALUE, once for each of them
    #[arg(long, value_name = "NAME=VALUE", value_parser = sample::context_value)]
    context: Vec<(String, f32)>,
    /// Write the rows to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct Onnx {
    /// The folder that `flow-trainer train --out` wrote
    run: PathBuf,
    /// The folder for the models; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Args)]
struct Keygen {
    /// The private key to write, which only you may read; the public key goes beside it, with .pub behind its name. Neither
    /// takes the place of a file
    key: PathBuf,
}

#[derive(Args)]
struct Sign {
    /// The frozen flow; a signature that it has is replaced
    model: PathBuf,
    /// The private key that `flow-export keygen` wrote
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The signed flow to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
struct Verify {
    /// The frozen flow
    model: PathBuf,
    /// The public key: the file that `flow-export keygen` wrote, or its 64 digits
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The lowest roll-back counter to accept: that of the newest model that devices have
    #[arg(long, value_name = "N", default_value_t = 0)]
    rollback: u32,
}

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
            let frozen = Frozen::read(&args.model)?;
            frozen.tested_flow()?;
            output::write(args.output.as_deref(), |out| sample::sample(&frozen, args.n, args.seed, &args.context, out))
        }
        Command::Keygen(args) => {
            let public = signing::keygen(&args.key)?;
            output::write(None, |out| write!(out, "{}", *signing::hex(&public)).map_err(Error::Stdout))
        }
        Command::Sign(args) => Ok(write_atomic(&args.output, &signing::sign(&Frozen::read(&args.model)?, &args.key)?)?),
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
    match emit {
        Emit::C => {
            let name = c_array::name(name.as_deref(), &output)?;
            c_array::write_to(&run_folder::frozen(&run, rollback, weights)?, &name, &output)
        }
        Emit::Flow if name.is_some() => {
            Cli::command().error(ErrorKind::ArgumentConflict, "--name is of an array in C: it needs --emit c").exit()
        }
        Emit::Flow => run_folder::freeze_run(&run, &output, rollback, weights),
    }
}

fn inspect_file(args: Inspect) -> Result<(), Error> {
    let frozen = Frozen::read(&args.model)?;
    let facts = inspect::inspect(&frozen)?;
    let boards: Vec<&'static Board> = if args.boards { BOARDS.iter().collect() } else { args.board };
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
    let frozen = Frozen::read(&args.model)?;
    frozen.tested_flow()?; // What is wrong with it is said before the table is read.
    let judge = args.verdicts.then(|| Judge::new(&frozen)).transpose()?;
    let missing = if args.verdicts { Missing::Keep } else { Missing::Refuse };
    let (table, recipe) = windows::read(&frozen, &args.data, args.column, missing)?;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let labels = args.labels.map(|path| Labels::of_table(&path, &table)).transpose()?;
    let drift_every = drift_rows(args.drift_every, &table, None)?;
    let judged = judge.as_ref().map(|judge| judge.judge(&table, None)).transpose()?;
    let log_prob = match &judged {
        Some(judged) => judged.iter().map(|one| one.verdict.log_prob).collect(),
        None => score::score(&frozen, &table)?,
    };
    if args.output.is_some() || !args.json {
        output::write(args.output.as_deref(), |out| {
            let written = match (&judge, &judged) {
                (Some(judge), Some(judged)) => {
                    let rows = recipe.is_some().then(|| table.rows_of_file());
                    verdicts::write(out, &judge.names(), judged, rows.as_deref(), drift_every)
                }
                _ => score::write(out, &table, &log_prob, recipe.is_some()),
            };
            written.map_err(Error::Stdout)
        })?;
    }
    if args.json { output::json(&Summary::of(&log_prob, labels.as_ref())) } else { Ok(()) }
}

fn backtest_table(args: Backtest) -> Result<(), Error> {
    let frozen = Frozen::read(&args.model)?;
    let judge = Judge::new(&frozen)?;
    let against = args.against.iter().map(|path| Frozen::read(path)).collect::<Result<Vec<_>, _>>()?;
    let others = against.iter().map(Judge::new).collect::<Result<Vec<_>, _>>()?;
    let (table, _) = windows::read(&frozen, &args.data, args.column.clone(), Missing::Keep)?;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let usual = match args.train.is_empty() {
        true => None,
        false => Some(windows::read(&frozen, &args.train, args.column, Missing::Refuse)?.0),
    };
    let windows = match (&args.windows, &args.labels) {
        (Some(path), _) => Windows::of_json(path, &table)?,
        (None, Some(path)) => Windows::of_labels(path, &table)?,
        (None, None) => Windows::none(&table),
    };
    let drift_every = drift_rows(args.drift_every, &table, args.every)?;
    let options = Options { every: args.every, drift_every, apart: args.apart };
    let found = backtest::backtest(&judge, &others, usual.as_ref(), &table, windows, options)?;
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
            let step = windows::Recipe::of_file(&frozen)?.map_or(0, |recipe| recipe.step * u64::from(recipe.stride));
            if step == 0 {
                return Err(Error::NoTimes { path: args.model.display().to_string() });
            }
            (1.0 / rate.share(Duration::from_micros(step))).max(1.0) as f32
        }
    };
    let Line { baud, timeout } = args.line;
    let Watch { data, column: ignore, port, every, .. } = args;
    watch::watch(&frozen, watch::Options { data, ignore, port, baud, timeout, drift, every })
}

/// The mean number of rows between two false alarms of drift.
fn drift_rows(asked: Option<DriftEvery>, table: &Table, every: Option<Duration>) -> Result<Option<f64>, Error> {
    let rate = match asked {
        None => return Ok(None),
        Some(DriftEvery::Rows(rows)) => return Ok(Some(rows)),
        Some(DriftEvery::Rate(rate)) => rate,
    };
    let every = backtest::every(table, every).ok_or_else(|| Error::NoTimes { path: table.source().to_owned() })?;
    Ok(Some((1.0 / rate.share(every)).max(1.0)))
}

fn calibrate_file(args: Calibrate) -> Result<(), Error> {
    let is_run = args.model.is_dir();
    let frozen =
        if is_run { run_folder::frozen(&args.model, args.rollback, args.weights)? } else { Frozen::read(&args.model)? };
    frozen.tested_flow()?;
    let mut data = args.data;
    if data.is_empty() {
        let kept = args.model.join("calibration.csv");
        if !is_run || !kept.exists() {
            return Err(Error::NoCalibrationRows { path: args.model });
        }
        data.push(kept.display().to_string());
    }
    let (table, _) = windows::read(&frozen, &data, args.column, Missing::Refuse)?;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    if is_run {
        calibrate::check_untrained(&run_folder::read_checkpoint(&args.model)?, &table)?;
    }
    let p = match (args.false_alarms, args.every) {
        (Some(rate), Some(every)) => Some(rate.share(every)),
        _ => args.p,
    };
    let limits = [args.range, args.jump, args.stuck].concat();
    let (bytes, summary) = calibrate::calibrate(&frozen, &table, p, |columns| sensors::section(&limits, columns))?;
    write_atomic(&args.output, &bytes)?;
    if args.json {
        output::json(&summary)
    } else {
        output::write(None, |out| write!(out, "{summary}").map_err(Error::Stdout))
    }
}
