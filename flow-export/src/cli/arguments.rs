//! What may stand on the command line.

use crate::alarm::{self, DriftEvery, FalseAlarms};
use crate::boards::{self, Board as KnownBoard};
use crate::freeze::Weights;
use crate::sample;
use crate::sensors::{self, Limit};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use flow_table::ignored_column;
use std::path::PathBuf;
use std::time::Duration;

/// A file that is no standard output, where something else is printed.
fn a_file(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("expected a file: on standard output stands what is printed".to_owned()),
        path => Ok(path.into()),
    }
}

#[derive(Parser)]
#[command(name = "flow-export", version, about, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
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
pub(super) struct Freeze {
    /// The folder that `flow-trainer train --out` wrote
    pub(super) run: PathBuf,
    /// The frozen flow to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Roll-back counter: a device may refuse a file whose counter is below that of the one it has
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) rollback: u32,
    /// How the weights of conditioners are stored
    #[arg(long, value_enum, default_value_t)]
    pub(super) weights: Weights,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(super) emit: Emit,
    /// What the array in C is called [default: the output's name]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
}

/// The form of a frozen flow.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Emit {
    /// The file itself
    #[default]
    Flow,
    /// A C header with the file as an array, as `emit-c` writes it
    C,
}

#[derive(Args)]
pub(super) struct EmitC {
    /// The frozen flow, calibrated or signed or not
    pub(super) model: PathBuf,
    /// The header to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// What the array is called [default: the output's name]; macros begin with the same in capitals
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
}

#[derive(Args)]
pub(super) struct Calibrate {
    /// The folder that `flow-trainer train --out` wrote, or a frozen flow
    pub(super) model: PathBuf,
    /// Usual rows that the flow was not trained on; without it those that the training set aside, calibration.csv in the
    /// folder of the run
    #[arg(long, value_name = "FILE")]
    pub(super) data: Vec<String>,
    /// The frozen flow to write
    #[arg(short, long, value_name = "FILE", value_parser = a_file)]
    pub(super) output: PathBuf,
    /// An alarm where a usual row would be as odd with at most this probability [default: 0.001]
    #[arg(long, value_name = "P", value_parser = alarm::probability, conflicts_with = "false_alarms")]
    pub(super) p: Option<f64>,
    /// The same as a number of false alarms in a time: 1/30d
    #[arg(long, value_name = "N/TIME")]
    pub(super) false_alarms: Option<FalseAlarms>,
    /// The time between two rows, or between two windows: 5min [default: that of the windows, where the flow knows it, or of the
    /// rows of the run]
    #[arg(long, value_name = "TIME", requires = "false_alarms", value_parser = alarm::duration)]
    pub(super) every: Option<Duration>,
    /// So sure that no more usual rows are alarms, whatever the calibration rows happen to be: 0.9. Without it the number is
    /// right in the mean over calibrations. Either holds as far as rows are counted; a rarer alarm is of a fitted tail
    #[arg(long, value_name = "SHARE", value_parser = alarm::confidence)]
    pub(super) confidence: Option<f64>,
    /// What a column's sensor can give: NAME=LOW..HIGH. Other values are faults of the sensor. Of a raw channel of windows: no
    /// window holds them. Limits that a frozen flow has, of --jump and --stuck too, stay but for those given anew
    #[arg(long, value_name = "NAME=LOW..HIGH", value_parser = sensors::range, allow_hyphen_values = true)]
    pub(super) range: Vec<Limit>,
    /// The largest change of a column from one row to the next: NAME=LARGEST
    #[arg(long, value_name = "NAME=LARGEST", value_parser = sensors::jump)]
    pub(super) jump: Vec<Limit>,
    /// The most rows in a run for which a column can have the very same value: NAME=ROWS
    #[arg(long, value_name = "NAME=ROWS", value_parser = sensors::stuck)]
    pub(super) stuck: Vec<Limit>,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    pub(super) column: Vec<String>,
    /// Roll-back counter, where a run is frozen [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) rollback: Option<u32>,
    /// How the weights of conditioners are stored, where a run is frozen [default: f32]
    #[arg(long, value_enum)]
    pub(super) weights: Option<Weights>,
    /// Print what the calibration came to as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct Inspect {
    /// The frozen flow
    pub(super) model: PathBuf,
    /// Say in its place on which common boards the flow fits, what it takes there and for how long
    #[arg(long, conflicts_with = "board")]
    pub(super) boards: bool,
    /// The same of one board, in full: nucleo-f401re; several may be given
    #[arg(long, value_name = "NAME", value_parser = boards::find)]
    pub(super) board: Vec<&'static KnownBoard>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct Score {
    /// The frozen flow
    pub(super) model: PathBuf,
    /// The table of all columns, those of the context among them, or of the raw
    /// channels where the flow is over windows: CSV (plain or gzip), Parquet, Arrow IPC, NPY or NPZ; a
    /// folder of such files; `-` for standard input. Several of them make one table. Missing values are refused, but with
    /// --verdicts, where they are faults of their sensors
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) data: Vec<String>,
    /// Write log_prob, ln p, alarm, status and the column to look at of each row, as a device that takes the rows in their
    /// order; the file needs a calibration
    #[arg(long)]
    pub(super) verdicts: bool,
    /// Write how much speaks for drift besides, with a false alarm in so many rows at the most, or in a time: 100000, 1/30d.
    /// It has drifted where that reaches the number of rows, and starts anew then
    #[arg(long, value_name = "ROWS|N/TIME", requires = "verdicts")]
    pub(super) drift_every: Option<DriftEvery>,
    /// The time between two rows, or between two windows: 5min [default: where the table has times, their mean, and of gaps
    /// the median]
    #[arg(long, value_name = "TIME", value_parser = alarm::duration, requires = "verdicts")]
    pub(super) every: Option<Duration>,
    /// One label for each row: 1 for an anomaly, 0 for a normal row
    #[arg(long, value_name = "FILE", requires = "json")]
    pub(super) labels: Option<String>,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    pub(super) column: Vec<String>,
    /// Print a summary as one JSON object
    #[arg(long)]
    pub(super) json: bool,
    /// Write the log-densities to this file
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Backtest {
    /// The frozen flow, with a calibration
    pub(super) model: PathBuf,
    /// The rows of the past, in the order of time; missing values are faults of their sensors
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) data: Vec<String>,
    /// When something was wrong: a list of pairs of times, start and end, as JSON, or an object with one for each file
    #[arg(long, value_name = "FILE", conflicts_with = "labels")]
    pub(super) windows: Option<PathBuf>,
    /// The same as one label for each row: 1 where something was wrong, else 0
    #[arg(long, value_name = "FILE")]
    pub(super) labels: Option<String>,
    /// Another frozen flow with a calibration, to compare with; several may be given
    #[arg(long, value_name = "FILE")]
    pub(super) against: Vec<PathBuf>,
    /// Usual rows to fit and calibrate a z-score of each column with, to compare with
    #[arg(long, value_name = "FILE")]
    pub(super) train: Vec<String>,
    /// The time between two rows, or between two windows: 5min [default: where the table has times, their mean, and of gaps
    /// the median]
    #[arg(long, value_name = "TIME", value_parser = alarm::duration)]
    pub(super) every: Option<Duration>,
    /// Look for drift, with a false alarm in so many rows at the most, or in a time: 100000, 1/30d
    #[arg(long, value_name = "ROWS|N/TIME")]
    pub(super) drift_every: Option<DriftEvery>,
    /// Alarms that are at most so many rows apart are one episode
    #[arg(long, value_name = "ROWS", default_value_t = 12)]
    pub(super) apart: usize,
    /// Leave a column of the tables out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    pub(super) column: Vec<String>,
    /// Write a report with a timeline to this file: HTML that opens without a network
    #[arg(long, value_name = "FILE", value_parser = a_file)]
    pub(super) report: Option<PathBuf>,
    /// Print all that was found as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct Board {
    /// The frozen flow that the board runs
    pub(super) model: PathBuf,
    /// The serial port: /dev/ttyACM0, COM3
    #[arg(long, value_name = "PORT")]
    pub(super) port: PathBuf,
    /// Rows to send: a table of all columns, or of the raw channels where the flow is over windows. Missing values go as
    /// readings that failed
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) data: Vec<String>,
    #[command(flatten)]
    pub(super) line: Line,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    pub(super) column: Vec<String>,
    /// Print what was found as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
#[command(group(ArgGroup::new("rows").required(true).multiple(true).args(["port", "data"])))]
pub(super) struct Watch {
    /// The frozen flow
    pub(super) model: PathBuf,
    /// A board that judges the rows; without --data it has rows of its own
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<PathBuf>,
    /// Rows, as of `board`; `-` for standard input: lines of CSV, each judged as soon as it is there. A row at which the board
    /// starts anew more than three times is left out
    #[arg(long, value_name = "FILE")]
    pub(super) data: Vec<String>,
    /// Drift starts anew after a row in which it reaches this: a false alarm in so many rows at the most, or in a time, with
    /// --every: 100000, 1/30d
    #[arg(long, value_name = "ROWS|N/TIME")]
    pub(super) drift_every: Option<DriftEvery>,
    /// The time between two rows, for --drift-every; of windows that know theirs that
    #[arg(long, value_name = "TIME", value_parser = alarm::duration, requires = "drift_every")]
    pub(super) every: Option<Duration>,
    /// A pause after each row, to look at those of a file: 0.2s
    #[arg(long, value_name = "TIME", value_parser = alarm::duration, requires = "data")]
    pub(super) pause: Option<Duration>,
    #[command(flatten)]
    pub(super) line: Line,
    /// Leave a column of the table out: NAME:ignore
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column, requires = "data")]
    pub(super) column: Vec<String>,
}

/// How a board is spoken to.
#[derive(Args)]
pub(super) struct Line {
    /// Bits a second of the port
    #[arg(long, value_name = "RATE", default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) baud: u32,
    /// How long to wait for an answer, before the row is sent again: 2s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = alarm::duration)]
    pub(super) timeout: Duration,
}

#[derive(Args)]
pub(super) struct Sample {
    /// The frozen flow
    pub(super) model: PathBuf,
    /// Number of rows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) n: u64,
    /// Seed; the same rows for the same seed on every machine
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
    /// The value of a context column, in every row: NAME=VALUE, once for each of them
    #[arg(long, value_name = "NAME=VALUE", value_parser = sample::context_value)]
    pub(super) context: Vec<(String, f32)>,
    /// Write the rows to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Onnx {
    /// The folder that `flow-trainer train --out` wrote
    pub(super) run: PathBuf,
    /// The folder for the models; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
}

#[derive(Args)]
pub(super) struct Keygen {
    /// The private key to write, which only you may read; the public key goes beside it, with .pub behind its name. Neither
    /// takes the place of a file
    pub(super) key: PathBuf,
}

#[derive(Args)]
pub(super) struct Sign {
    /// The frozen flow; a signature that it has is replaced
    pub(super) model: PathBuf,
    /// The private key that `flow-export keygen` wrote
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// The signed flow to write; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
}

#[derive(Args)]
pub(super) struct Verify {
    /// The frozen flow
    pub(super) model: PathBuf,
    /// The public key: the file that `flow-export keygen` wrote, or its 64 digits
    #[arg(long, value_name = "KEY")]
    pub(super) key: String,
    /// The lowest roll-back counter to accept: that of the newest model that devices have
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) rollback: u32,
}
