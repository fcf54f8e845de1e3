//! One model, trained on a table's rows: by EM or by gradient, whichever it takes.

use crate::backend::{Backend, BackendError};
use crate::evaluate::{Dequantization, Evaluator};
use crate::gmm;
use crate::model::{Choices, Model};
use crate::random::Purpose;
use crate::saver::{SaveError, Saves};
use crate::start;
use crate::state::State;
use crate::train::{Epoch, Job, Outcome, Settings, TrainError, train};
use flow_model::flow::Flow;
use flow_model::spec::{Column, SpecError};
use flow_table::{Table, metrics};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A model beyond this is a slip of the keyboard.
const MOST_PARAMETERS: usize = 20_000_000;

/// A trained model.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Which.
    pub model: Model,
    /// The flow.
    pub flow: Flow,
    /// How it was trained.
    pub settings: Settings,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a training works with, whatever the model.
pub struct Work<'a> {
    /// The columns of the flow.
    pub columns: &'a [Column],
    /// Rows to learn from.
    pub train: &'a Table,
    /// Rows for early stopping.
    pub validation: &'a Table,
    /// What runs the steps.
    pub backend: &'a dyn Backend,
    /// Ends the work after the present step.
    pub stop: &'a AtomicBool,
    /// Most threads; the result is the same for any number.
    pub threads: usize,
    /// Where the states of trainings are saved and taken from, if anywhere.
    pub saves: Option<&'a Saves>,
}

/// What is told while a model is trained.
pub enum News<'a> {
    /// A model is about to be trained.
    Begins(Model, &'a Flow, &'a Settings),
    /// It goes on from a saved state: after so many epochs and steps.
    Resumes(usize, usize),
    /// An epoch has ended, so long after the first began.
    Epoch(&'a Epoch, Duration),
    /// A flow of a list is about to be tried, `short` or `full`.
    Tries(&'a str, &'a str),
    /// A mixture was fitted.
    Mixture(&'a gmm::Try),
    /// A model is not tried: it would have so many parameters.
    LeftOut(Model, usize),
}

/// Why a model was not trained.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// It would be no flow.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// It would be too large.
    #[error(
        "the model would have {0} parameters, more than {MOST_PARAMETERS}; ask for fewer --couplings or a smaller --hidden"
    )]
    TooLarge(usize),
    /// A mixture of nothing.
    #[error(
        "a mixture is over columns on a line, and there are none, only angles, constants or context; take another model, such \
         as --model maf"
    )]
    NoLines,
    /// The training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A saved state cannot be taken.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// It cannot be frozen.
    #[error(transparent)]
    Freeze(flow_export::freeze::FreezeError),
}

/// The flow that a model would be.
///
/// # Errors
/// A spec that breaks a rule, too many parameters, or a mixture without columns on a line.
pub fn planned(model: Model, columns: &[Column], rows: usize, choices: &Choices) -> Result<Flow, FitError> {
    let flow = Flow::new(model.spec(columns, rows, choices))?;
    if model == Model::Gmm && flow.spec().lines() == 0 {
        return Err(FitError::NoLines);
    }
    match flow.layout().total() {
        total if total > MOST_PARAMETERS => Err(FitError::TooLarge(total)),
        _ => Ok(flow),
    }
}

/// Trains one model until it is done, `work.stop` is set or `deadline` has passed. Its state is saved under `name`, and where
/// one is saved already, the training goes on from it.
///
/// # Errors
/// As [`planned`], and whatever the training fails for.
pub fn fit(
    model: Model,
    work: &Work<'_>,
    choices: &Choices,
    name: &str,
    deadline: Option<Instant>,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<Fitted, FitError> {
    let rows = work.train.rows();
    let mut flow = planned(model, work.columns, rows, choices)?;
    let settings = model.settings(work.columns, rows, choices);
    tell(&News::Begins(model, &flow, &settings));
    let mut start = None;
    if model == Model::Gmm {
        let mut watch = |tried: &gmm::Try| tell(&News::Mixture(tried));
        let halted =
            || work.stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let (found, mut outcome) =
            gmm::fit(work.columns, work.train, work.validation, choices, MOST_PARAMETERS, &halted, &mut watch)?;
        flow = found;
        if flow.spec().circular() == 0 && !choices.variational {
            let log_prob = validation(&flow, &outcome.params, work, settings.seed)?;
            outcome.best_validation_log_prob = metrics::Summary::of(log_prob.into_iter().map(f64::from)).mean;
            return Ok(Fitted { model, flow, settings, outcome });
        }
        // Angles and learned noise are no mixture's business: they are trained by gradient from here.
        start = Some(outcome.params);
    }
    let mut saver = work.saves.map(|saves| saves.saver(name)).transpose()?;
    let saved = saver.as_ref().map(|saver| saver.saved()).transpose()?.flatten();
    let state = match (saved, &saver) {
        // A mixture that was given other time may have other components: what was trained of it is of no use.
        (Some(state), _) if model == Model::Gmm && state.best_params.len() != flow.layout().total() => {
            State::start(start.unwrap_or_default())
        }
        (Some(state), Some(saver)) => {
            let (found, expected) = (state.best_params.len(), flow.layout().total());
            if state.optimiser[..4].iter().any(|v| v.len() != expected) || found != expected {
                return Err(saver.damaged(format!("{found} parameters, expected {expected}")).into());
            }
            tell(&News::Resumes(state.history.len(), state.steps));
            state
        }
        _ => State::start(
            start.unwrap_or_else(|| start::parameters(&flow, work.train, settings.smoothing, choices.seed)),
        ),
    };
    let job = Job {
        flow: &flow,
        backend: work.backend,
        train: work.train,
        validation: work.validation,
        settings: &settings,
        threads: work.threads,
        stop: work.stop,
        deadline,
    };
    let mut watch = |epoch: &Epoch, elapsed: Duration| tell(&News::Epoch(epoch, elapsed));
    let outcome = train(&job, state, saver.as_mut(), &mut watch)?;
    Ok(Fitted { model, flow, settings, outcome })
}

/// The log-density of each validation row, as training measures it.
///
/// # Errors
/// If the backend fails.
pub fn validation(flow: &Flow, params: &[f32], work: &Work<'_>, seed: u64) -> Result<Vec<f32>, BackendError> {
    let mut evaluator = Evaluator::new(flow, work.backend, work.validation.rows())?;
    let noise = Dequantization::Noise { seed, purpose: Purpose::ValidationNoise, draw: 0 };
    evaluator.log_prob(params, work.validation, noise)
}
