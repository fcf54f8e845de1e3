//! The model `auto`: tries the others and keeps the smallest of those that are best on the validation rows.
//!
//! Successive halving (Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
//! AISTATS 2016): a mixture and a short training of each flow, then full trainings of the best two flows, within a time that the
//! user may state. Test rows and labels are never looked at. Each training saves its state in the run's folder `search`, from
//! which a resumed search takes what was done.

use crate::fitted::{FitError, Fitted, News, Work, fit, validation};
use crate::model::{Choices, Model};
use crate::parsimony::{Candidate, smallest_of_the_best};
use crate::train::{Ending, TrainError};
use flow_model::spec::FlowSpec;
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The share of a full training's epochs that a short one has.
const SHORT: usize = 4;
/// Flows that are trained in full.
const FINALISTS: usize = 2;

/// A model that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Try {
    /// Which.
    pub model: Model,
    /// How: `short` or `full`.
    pub training: &'static str,
    /// Number of parameters.
    pub parameters: usize,
    /// Mean log-density of the validation rows, nats a row.
    pub validation_log_prob: f64,
    /// Time it took.
    pub seconds: f64,
    /// Whether it is the one that was chosen.
    pub chosen: bool,
}

/// Tries every model and returns the best with all that were tried, in order: of those under which the validation rows are
/// as probable as under the best the one with the fewest parameters ([`crate::parsimony`]). Ends soon after `limit`.
///
/// # Errors
/// If no model could be trained.
pub fn choose(
    work: &Work<'_>,
    choices: &Choices,
    limit: Duration,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<(Fitted, Vec<Try>), FitError> {
    // A search that is resumed has the time that is left.
    let spent = work.saves.map_or(Duration::ZERO, |saves| saves.spent("search"));
    let deadline = Instant::now() + limit.saturating_sub(spent);
    let full = |model: Model| model.settings(work.columns, work.train.rows(), choices).epochs;
    let mut tries: Vec<Try> = Vec::new();
    let mut trained: Vec<Trained> = Vec::new();
    let mut attempt = |model: Model, training, epochs, trained: &mut Vec<Trained>| -> Result<Option<f64>, FitError> {
        // The first always gets its time.
        if !trained.is_empty() && (Instant::now() >= deadline || work.stop.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        let start = Instant::now();
        let choices = Choices { epochs: Some(epochs), ..choices.clone() };
        let name = format!("search/{}-{training}", model.name());
        // One model that diverges is no reason to try no other.
        let fitted = match fit(model, work, &choices, &name, Some(deadline), tell) {
            Err(FitError::Train(TrainError::Diverged(_))) => return Ok(None),
            Ok(fitted) if fitted.outcome.ending == Ending::Diverged && fitted.outcome.best_epoch == 0 => {
                return Ok(None);
            }
            other => other?,
        };
        let found = fitted.outcome.best_validation_log_prob;
        tries.push(Try {
            model,
            training,
            parameters: fitted.outcome.params.len(),
            validation_log_prob: found,
            seconds: start.elapsed().max(fitted.outcome.duration).as_secs_f64(),
            chosen: false,
        });
        let rows = validation(&fitted.flow, &fitted.outcome.params, work, choices.seed)?;
        trained.push(Trained { fitted, rows, attempt: tries.len() - 1 });
        Ok(Some(found))
    };
    attempt(Model::Gmm, "full", full(Model::Gmm), &mut trained)?;
    let mut ranked = Vec::new();
    for model in candidates(work, choices) {
        if let Some(found) = attempt(model, "short", full(model).div_ceil(SHORT), &mut trained)? {
            ranked.push((model, found));
        }
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for &(model, _) in ranked.iter().take(FINALISTS) {
        attempt(model, "full", full(model), &mut trained)?;
    }
    let chosen = smallest_of_the_best(&trained).ok_or(FitError::Train(TrainError::Diverged(0)))?;
    let Trained { fitted, attempt, .. } = trained.swap_remove(chosen);
    tries[attempt].chosen = true;
    Ok((fitted, tries))
}

/// A trained model, the log-density of each validation row under it, and which attempt it was.
struct Trained {
    fitted: Fitted,
    rows: Vec<f32>,
    attempt: usize,
}

impl Candidate for Trained {
    fn size(&self) -> usize {
        self.fitted.outcome.params.len()
    }

    fn log_prob(&self) -> &[f32] {
        &self.rows
    }
}

/// The flows to try: where no column lies on a line, all are the same.
fn candidates(work: &Work<'_>, choices: &Choices) -> Vec<Model> {
    let spec: FlowSpec = Model::Maf.spec(work.columns, work.train.rows(), choices);
    if spec.lines() == 0 { vec![Model::Maf] } else { Model::FLOWS.to_vec() }
}
