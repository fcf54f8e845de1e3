//! The command line: arguments in, exit code out.
//!
//! 0: done (also where the reader of a pipe has gone away), 1: the work failed, 2: wrong use.

mod against;
mod evaluate;
mod evaluation;
mod for_device;
mod leave;
mod oddest;
mod resume;
mod shape;
mod target;
mod tell;
mod train;
mod tune;
mod windows;

use crate::backend::{self, BackendError, Choice, Device};
use crate::data::DataError;
use crate::fitted::FitError;
use crate::request::ResumeError;
use crate::run_folder::FolderError;
use crate::saver::SaveError;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use flow_model::spec::SpecError;
use flow_table::TableError;
use flow_table::atomic::WriteError;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "flow-trainer", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a flow on a table by exact maximum likelihood
    Train(Box<train::Train>),
    /// Search for the flow that suits a device: train several within a budget of flash, RAM and instructions
    Tune(Box<tune::Tune>),
    /// Say how probable a trained flow finds the rows of a table
    Evaluate(evaluate::Evaluate),
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

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Data(Box<DataError>),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Export(#[from] flow_export::Error),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error("{0}")]
    Refused(String),
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
    #[error("standard output: {0}")]
    Stdout(std::io::Error),
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Error::Data(Box::new(error))
    }
}

/// Runs the command that the program's arguments ask for.
pub fn main() -> ExitCode {
    match run(&Cli::command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flow-trainer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> Result<(), Error> {
    let mut given = given(matches);
    let mut matches = matches.clone();
    if let Some(folder) = train::to_resume(&matches) {
        matches = Cli::command().get_matches_from(resume::arguments(&folder, given)?);
        given = self::given(&matches);
    }
    match Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command {
        Command::Train(args) => train::train(*args, None, given),
        Command::Tune(args) => tune::tune(*args, given),
        Command::Evaluate(args) => evaluate::evaluate(args),
    }
}

/// What the training of the run in `folder` was asked for.
fn asked(folder: &Path) -> Result<train::Train, Error> {
    let unfit = |error: clap::Error| {
        Error::Refused(format!("{}: its options cannot be taken again: {error}", folder.display()))
    };
    let matches = Cli::command().try_get_matches_from(resume::arguments(folder, BTreeMap::new())?).map_err(unfit)?;
    match Cli::from_arg_matches(&matches).map_err(unfit)?.command {
        Command::Train(args) => Ok(*args),
        Command::Tune(args) => Ok(args.train),
        Command::Evaluate(_) => unreachable!("the arguments are those of a training"),
    }
}

/// The options that were given to the command.
fn given(matches: &ArgMatches) -> BTreeMap<String, Vec<String>> {
    let mut cli = Cli::command();
    cli.build();
    let command = matches.subcommand().and_then(|(name, matches)| Some((cli.find_subcommand(name)?, matches)));
    command.map(|(command, matches)| resume::given(command, matches)).unwrap_or_default()
}

/// Prints to standard output.
fn print(text: std::fmt::Arguments<'_>) -> Result<(), Error> {
    writeln!(std::io::stdout(), "{text}").map_err(Error::Stdout)
}

/// Tells how the work goes. Where the reader has gone away, the work goes on all the same.
fn say(text: std::fmt::Arguments<'_>) -> Result<(), Error> {
    match print(text) {
        Err(Error::Stdout(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn load_backend(args: &BackendArgs) -> Result<Box<dyn backend::Backend>, Error> {
    let library = args.ort_lib.clone().filter(|path| !path.as_os_str().is_empty());
    let choice = Choice { device: args.device, library, offline: args.offline };
    Ok(backend::choose(&choice, &mut |line| eprintln!("{line}"))?)
}
