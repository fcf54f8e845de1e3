//! Why a command failed: which file, what is wrong with it, what to do.

use crate::calibrate::rounded_up;
use crate::calibration::FEWEST;
use crate::freeze::FreezeError;
use flow_model::checkpoint::CheckpointError;
use flow_model::flow::TooManyNodes;
use flow_nostd::{EvalError, FormatError, SelfTestError};
use flow_table::atomic::WriteError;
use flow_table::{TableError, csv_number};
use std::io;
use std::path::{Path, PathBuf};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}{}", path.display(), advice(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is not that of a training run.
    #[error("{}: {problem}; expected the folder that `flow-trainer train --out` wrote", path.display())]
    NoRun {
        /// The path given.
        path: PathBuf,
        /// What is there instead.
        problem: &'static str,
    },
    /// A run's checkpoint is damaged or of another version.
    #[error("{}: {source}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// What an array in C cannot be called.
    #[error(
        "{name:?} is no name of an array in C: expected letters, digits and _, a letter first, and no word of the language"
    )]
    CName {
        /// The name given.
        name: String,
    },
    /// The flow cannot be frozen.
    #[error("{}: cannot be frozen: {source}", path.display())]
    Freeze {
        /// The run's folder.
        path: PathBuf,
        /// Why not.
        source: FreezeError,
    },
    /// The flow cannot be written as ONNX.
    #[error("{}: cannot be written as ONNX: {source}", path.display())]
    Onnx {
        /// The run's folder.
        path: PathBuf,
        /// Why not.
        source: TooManyNodes,
    },
    /// Not a frozen flow, or a damaged one.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// This machine computes other bits than the one that froze the flow.
    #[error("{}: the self-test failed: {source}", path.display())]
    SelfTest {
        /// The file.
        path: PathBuf,
        /// Which probe row.
        source: SelfTestError,
    },
    /// No rows to calibrate with.
    #[error(
        "{}: no rows to calibrate with: name usual rows that the flow was not trained on with --data (the folder of a run has \
         some in calibration.csv, where its training set any aside)", path.display()
    )]
    NoCalibrationRows {
        /// The run or the frozen flow.
        path: PathBuf,
    },
    /// Rows to calibrate with that were trained on.
    #[error(
        "{path}: {trained} of {rows} rows were trained on (of rows set aside, {usual:.1} % repeat by themselves): the flow \
         knows them, and would find all others odd; calibrate with usual rows that it has not seen"
    )]
    TrainedOn {
        /// The table.
        path: String,
        /// How many.
        trained: usize,
        /// Of how many.
        rows: usize,
        /// How many repeat by themselves, percent.
        usual: f64,
    },
    /// A frozen flow without a calibration, where one is needed.
    #[error(
        "{}: has no calibration, so that it says of no row how odd it is; `flow-export calibrate` puts one into it",
        path.display()
    )]
    NotCalibrated {
        /// The frozen flow.
        path: PathBuf,
    },
    /// A file of windows that cannot be used.
    #[error("{}: {problem}", path.display())]
    Windows {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Rows that are not in the order of time.
    #[error("{path}: {problem}")]
    Order {
        /// The table.
        path: String,
        /// Where, and what to do.
        problem: String,
    },
    /// A rate in time of a flow that does not say how far apart rows are.
    #[error("{}: does not say how far apart rows are, as windows with times do; say --every, as in --every 5min, or give --drift-every as \
             a number of rows", .path.display())]
    NoStep {
        /// The flow.
        path: PathBuf,
    },
    /// Windows of a trained flow that cannot be read.
    #[error(
        "{}: the checkpoint's windows cannot be read: {source}; it is damaged, or of a newer flow-trainer than this flow-export", .path.display()
    )]
    Recipe {
        /// The run.
        path: PathBuf,
        /// What is wrong with them.
        source: serde_json::Error,
    },
    /// Flows over windows of different kinds.
    #[error("{}: is over other windows than the first flow ({difference}); back-test it by itself", .path.display())]
    OtherWindows {
        /// The other flow.
        path: PathBuf,
        /// What it judges otherwise.
        difference: String,
    },
    /// A rate in time of a table that does not say how far apart its rows are.
    #[error("{path}: has no times that tell how far apart its rows are; say it with --every, as in --every 5min")]
    NoTimes {
        /// The table.
        path: String,
    },
    /// Fewer rows than any calibration takes.
    #[error(
        "{source_name}: {rows} rows are too few to calibrate with: expected {FEWEST} usual rows at least that the flow was not \
         trained on; name others with --data, or train with a larger --calibration share"
    )]
    TooFewToCalibrate {
        /// The table.
        source_name: String,
        /// Its rows.
        rows: usize,
    },
    /// Rows to calibrate with of which too many have no density.
    #[error(
        "{path}: {outside} of {rows} rows lie where a column has no density at all (not above 0 in a positive column, or beyond \
         the bounds of a bounded one): expected usual rows, in the units of the training"
    )]
    RowsOutside {
        /// The table.
        path: String,
        /// Its rows.
        rows: usize,
        /// How many of them.
        outside: usize,
    },
    /// A folder in the place of a frozen flow.
    #[error("{path}: is a folder; expected a frozen flow: flow-export freeze {path} -o model.flow, or calibrate, makes one of a run", path = .path.display())]
    FlowIsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Usual rows of which many have values that a sensor's range leaves out.
    #[error(
        "{path}: {beyond} of {rows} rows have a value beyond its sensor's range: expected usual rows; give a wider --range, or \
         name other rows"
    )]
    RowsOutOfRange {
        /// The table.
        path: String,
        /// Its rows.
        rows: usize,
        /// How many of them.
        beyond: usize,
    },
    /// Usual rows of which many lie beyond what the training has seen of a column.
    #[error(
        "{path}: {name:?} is beyond {} to {}, all that its training gives reason to expect, in {beyond} of {rows} rows: \
         expected usual rows, in the units of the training; if they are usual now, train anew",
        csv_number(*low),
        csv_number(*high)
    )]
    OtherUnits {
        /// The table.
        path: String,
        /// The column.
        name: String,
        /// Rows.
        rows: usize,
        /// How many of them.
        beyond: usize,
        /// The least value that is trusted.
        low: f32,
        /// The largest.
        high: f32,
    },
    /// A file to be written that is read, too.
    #[error("{}: is among the files that are read, and would be lost; name another one to write", .path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// Fewer rows than an alarm's p asks for.
    #[error(
        "{source_name}: {rows} rows are too few for alarms at p = {p:.1e}, which need {needed} that the flow was not trained \
         on; with these rows p can be {} or more: ask for more false alarms, or give more rows (--data)",
        rounded_up(*possible)
    )]
    FewRows {
        /// The table.
        source_name: String,
        /// Its rows.
        rows: usize,
        /// How many are needed.
        needed: usize,
        /// The p asked for.
        p: f64,
        /// The smallest that is possible.
        possible: f64,
    },
    /// Fewer usual rows than a z-score takes.
    #[error(
        "{source_name}: {rows} rows are too few to fit and calibrate a z-score with; expected {needed} usual rows at least: name \
         more with --train"
    )]
    FewUsualRows {
        /// The table.
        source_name: String,
        /// Its rows.
        rows: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A sensor's limit for a column that is not there.
    #[error("no column {name:?}{hint}; there are {columns}")]
    NoSensor {
        /// The name.
        name: String,
        /// ", did you mean …?", or nothing.
        hint: String,
        /// The columns there are.
        columns: String,
    },
    /// A sensor's limit for a context column.
    #[error("{name:?} is a context column, of which no limits are kept: they are for the columns that are learned")]
    ContextSensor {
        /// The name.
        name: String,
    },
    /// A table cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A table in which no window is complete.
    #[error(
        "{path}: no window of {length} rows is complete: {rows} rows, at most {longest} of them without a gap between; \
         missing values, readings beyond --range and times that are doubled, go back or lie far apart are gaps: sort and \
         mend the rows, or take shorter windows{apart}"
    )]
    NoWindow {
        /// The table.
        path: String,
        /// Rows of a window.
        length: u16,
        /// Rows of the table.
        rows: usize,
        /// The most rows in a run without a gap.
        longest: usize,
        /// How far apart the rows are, if not as far as those of the training.
        apart: String,
    },
    /// A table without all context columns.
    #[error(
        "{path}: lacks the column{} {names}, which the flow was trained with as context: the density of the other columns \
         depends on it",
        if *.several { "s" } else { "" }
    )]
    NoContext {
        /// The table.
        path: String,
        /// The columns that are missing.
        names: String,
        /// Whether there is more than one.
        several: bool,
    },
    /// Values for other context columns than the flow has.
    #[error("{}: {problem}", path.display())]
    Context {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A row has a value that nothing can stand for: that of a context column is missing.
    #[error(
        "{path}, row {row}: {name:?} is missing; expected a number: a value of the context cannot be replaced, mend the row"
    )]
    MissingContext {
        /// The table.
        path: String,
        /// Number of the row, from 1, the header not counted.
        row: usize,
        /// The column.
        name: String,
    },
    /// A row has no log-density.
    #[error("{path}, row {row}: {source}")]
    Row {
        /// The table.
        path: String,
        /// Number of the row, from 1, the header not counted.
        row: usize,
        /// What is wrong with it.
        source: EvalError,
    },
    /// A frozen flow from which no sample can be drawn.
    #[error("{}: sample {number}: {source}", path.display())]
    Sample {
        /// The file.
        path: PathBuf,
        /// Number of the sample, from 1.
        number: u64,
        /// What is wrong.
        source: EvalError,
    },
    /// Labels without a row of the kind that a figure needs.
    #[error("{path}: has no row labelled {missing}; expected normal rows and anomalies")]
    OneClass {
        /// The file of labels.
        path: String,
        /// The label that never occurs.
        missing: &'static str,
    },
    /// A key would take the place of a file.
    #[error("{}: is there already, and is not overwritten: what was signed with a key needs it; choose another name", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
    },
    /// A key that cannot be used.
    #[error("{}: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: &'static str,
    },
    /// A key that cannot be written.
    #[error("{}: cannot be written: {source}{}", path.display(), advice(source))]
    WriteKey {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No random numbers to make a key from.
    #[error("the system gives no random numbers to make a key from: {problem}")]
    Random {
        /// What the system said.
        problem: String,
    },
    /// A file whose id is not that of its bytes.
    #[error(
        "{}: the model id, 16 bytes from byte 32, is not that of the file's content: not as `flow-export` wrote it; freeze it \
         again", path.display()
    )]
    ModelId {
        /// The file.
        path: PathBuf,
    },
    /// A file that is not signed by a key's owner, or too old.
    #[error("{}: not to be trusted: {source}", path.display())]
    Distrust {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: flow_signature::Distrust,
    },
    /// A serial port, or the board behind it.
    #[error("{}: {problem}", port.display())]
    Port {
        /// The port.
        port: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A line of standard input that is no row.
    #[error("standard input, line {line}: {problem}")]
    Stream {
        /// Which line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A line of standard input that lacks values, among rows that go on.
    #[error("standard input, line {line}: {problem}; passed over, as a gap")]
    PassedOver {
        /// Which line, from 1.
        line: usize,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A board that computes otherwise, or does not run through; what of it was printed.
    #[error("{}: the board is not right", port.display())]
    NotRight {
        /// The port.
        port: PathBuf,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Standard output does not take what is written.
    #[error("standard output: {0}")]
    Stdout(io::Error),
    /// Nothing can be said when the program is interrupted.
    #[error(transparent)]
    Interrupt(#[from] ctrlc::Error),
}

impl Error {
    /// Whether whoever read the output has gone away, as `head` does: nothing is wrong then.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Stdout(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Error::Read { path: path.to_owned(), source }
    }
}

fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::PermissionDenied => "; check its permissions",
        io::ErrorKind::IsADirectory => "; give the name of a file",
        _ => "",
    }
}
