//! A whole run as a library: reads, trains, evaluates, saves and freezes, without a command line. The crate's first page shows
//! it. It is not resumed and draws no report; [`crate::fitted`] and [`crate::saver`] are the parts of which one puts together more.

use crate::auto;
use crate::backend::{self, Backend, BackendError, Choice};
use crate::data::{Data, DataError, Source};
use crate::evaluate::Evaluator;
use crate::fit;
use crate::fitted::{self, FitError, Fitted, News, Work};
use crate::model::{Choices, Model, Smoothing};
use crate::run_folder::{self, FolderError, Metrics};
use crate::search::{Found, Try};
use flow_export::freeze::{FreezeError, freeze};
use flow_export::probes;
use flow_table::metrics::Summary;
use flow_table::{Convention, Table, TableError};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is to be trained, on what and by what.
#[derive(Clone, Debug)]
pub struct Training {
    /// The rows.
    pub source: Source,
    /// The model; `auto` tries all.
    pub model: Model,
    /// Its shape and settings. [`Choices::seed`] is that of the training, [`Source::seed`] that of the split.
    pub choices: Choices,
    /// What runs the steps.
    pub backend: Choice,
    /// Within which [`Model::Auto`] chooses.
    pub time: Duration,
    /// Most threads; the result is the same for any number.
    pub threads: usize,
}

/// A training that has ended.
pub struct Trained {
    /// The rows, split.
    pub data: Data,
    /// The flow and how it was trained.
    pub fitted: Fitted,
    /// What [`Model::Auto`] tried; empty for other models.
    pub tries: Vec<Try>,
    backend: Box<dyn Backend>,
    convention: Convention,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The rows cannot be used.
    #[error(transparent)]
    Data(#[from] Box<DataError>),
    /// A table has other columns than the training rows.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is no such backend, or it failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The training failed.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The run cannot be saved.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The flow cannot be frozen.
    #[error(transparent)]
    Freeze(#[from] FreezeError),
}

impl Training {
    /// On the rows of a CSV, or of a built-in set of that name: with all that the command line does where nothing is said,
    /// on one thread.
    pub fn on(data: &str) -> Training {
        Training {
            source: Source::of(data),
            model: Model::Auto,
            choices: Choices { smoothing: Smoothing::Rule, ..Choices::default() },
            backend: Choice::default(),
            time: Duration::from_secs(300),
            threads: 1,
        }
    }

    /// Reads and splits the rows and trains; `tell` is told how it goes.
    ///
    /// # Errors
    /// Rows that cannot be used, a backend that is not there, a training that fails.
    pub fn run(&self, tell: &mut dyn FnMut(&News<'_>)) -> Result<Trained, RunError> {
        let mut data = Data::load(&self.source).map_err(Box::new)?;
        let backend = backend::choose(&self.backend, &mut |_| {})?;
        let (choices, convention) = (&self.choices, self.source.convention);
        let smoothed = choices.smoothing != Smoothing::Deviation(0.0);
        let columns = fit::columns(&data.train, &data.profile, convention, smoothed);
        let left_out = data.leave_out_unsupported(&columns).map_err(Box::new)?;
        data.notes.extend(left_out);
        let stop = AtomicBool::new(false);
        let work = Work {
            columns: &columns,
            train: &data.train,
            validation: &data.validation,
            backend: backend.as_ref(),
            stop: &stop,
            threads: self.threads,
            saves: None,
        };
        let (fitted, tries) = match self.model {
            Model::Auto => {
                let Found { fitted, tries, .. } = auto::choose(&work, choices, self.time, tell)?;
                (fitted, tries)
            }
            model => (fitted::fit(model, &work, choices, "state", None, tell)?, Vec::new()),
        };
        Ok(Trained { data, fitted, tries, backend, convention })
    }
}

impl Trained {
    /// Mean log-density of a table's rows, nats a row, as `flow-trainer evaluate` gives it. The columns may stand in any
    /// order; one that was not trained on is an error.
    ///
    /// # Errors
    /// Other columns; a backend that fails.
    pub fn evaluate(&self, table: &Table) -> Result<Summary, RunError> {
        let table = table.clone().matching(self.data.train.names())?;
        let mut evaluator = Evaluator::new(&self.fitted.flow, self.backend.as_ref(), table.rows())?;
        Ok(Summary::of(evaluator.importance_weighted(&self.fitted.outcome.params, &table, 0, 1)?))
    }

    /// Writes a run folder, without a report: `flow-trainer evaluate`, `flow-export freeze` and `onnx` take it.
    ///
    /// # Errors
    /// A folder that holds a run or is in use, or cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), RunError> {
        run_folder::check_free(folder, false)?;
        run_folder::make(folder)?;
        let _lock = run_folder::lock_if_there(folder)?;
        let Fitted { model, flow, settings, outcome } = &self.fitted;
        let rows = [self.data.train.rows(), self.data.validation.rows()];
        let metrics = Metrics::of(outcome, settings, self.backend.name(), rows, None, self.tries.clone(), None);
        let checkpoint = run_folder::checkpoint(&self.data, flow, outcome, *model, (settings.seed, self.convention));
        Ok(run_folder::write(folder, &checkpoint, &metrics, self.data.calibration.as_ref())?)
    }

    /// The frozen file, which `flow-nostd` runs.
    ///
    /// # Errors
    /// A flow beyond the format's limits.
    pub fn freeze(&self) -> Result<Vec<u8>, RunError> {
        let spec = self.fitted.flow.spec();
        Ok(freeze(spec, &self.fitted.outcome.params, &probes::rows(spec), 0)?)
    }
}
