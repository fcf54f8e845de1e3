//! The model `auto`: tries the others and keeps the smallest of those that are best on the validation rows.
//!
//! Successive halving (Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
//! AISTATS 2016): a mixture and a short training of each flow, then full trainings of the best two flows, within a time that the
//! user may state. Test rows and labels are never looked at. Each training saves its state in the run's folder `search`, from
//! which a resumed search takes what was done.

use crate::budget::Budget;
use crate::fitted::{FitError, Fitted, News, Work, fit, validation};
use crate::model::{Choices, Model};
use crate::parsimony::{Candidate, smallest_of_the_best};
use crate::train::{Ending, TrainError};
use crate::tune::front;
use flow_export::needs::Needs;
use flow_model::spec::{Column, FlowSpec};
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The share of a full training's epochs that a short one has.
const SHORT: usize = 4;
/// The same where there is a budget and more flows are tried.
const SHORT_OF_A_BUDGET: usize = 8;
/// The share of the time that is kept for full trainings then.
const FOR_FULL: f64 = 0.4;
/// The share of the time that a search of mixtures gets at most.
const FOR_MIXTURES: f64 = 0.25;
/// Flows that are trained in full.
const FINALISTS: usize = 2;
/// The same where there is a budget: of more, because they are there to be chosen from.
const FINALISTS_OF_A_BUDGET: usize = 4;
/// Shares of a budget are compared in parts of so many.
const SHARES: f64 = 1e6;

/// A flow that is to be tried.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name, which is that of its state's file too.
    pub name: String,
    /// Which model.
    pub model: Model,
    /// Of which shape.
    pub choices: Choices,
}

/// A model that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Try {
    /// Which flow: the model, and its shape where several were planned.
    pub name: String,
    /// Which model.
    pub model: Model,
    /// How: `short` or `full`.
    pub training: &'static str,
    /// Number of its parameters.
    pub parameters: usize,
    /// Mean log-density of the validation rows, nats a row.
    pub validation_log_prob: f64,
    /// Time it took.
    pub seconds: f64,
    /// Whether it is the one that was chosen.
    pub chosen: bool,
    /// What a device needs for it, where there is a budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The chosen flow, trained.
    pub fitted: Fitted,
    /// Its shape.
    pub choices: Choices,
    /// All trainings, in order.
    pub tries: Vec<Try>,
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
) -> Result<Found, FitError> {
    let models = candidates(work, choices).into_iter();
    let planned: Vec<Planned> =
        models.map(|model| Planned { name: model.name().to_string(), model, choices: choices.clone() }).collect();
    search(work, &planned, None, limit, tell)
}

/// Tries every flow of the list: mixtures in full, flows briefly, then the best of those in full. With a budget the best are
/// those that no other beats ([`front`]), flows that do not keep to it once they are trained are left out, and of those that
/// are as good the one that takes the least of the budget is chosen. Ends soon after `limit`.
///
/// # Errors
/// If none could be trained.
pub fn search(
    work: &Work<'_>,
    planned: &[Planned],
    budget: Option<&Budget>,
    limit: Duration,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<Found, FitError> {
    // A search that is resumed has the time that is left.
    let spent = work.saves.map_or(Duration::ZERO, |saves| saves.spent("search"));
    let deadline = Instant::now() + limit.saturating_sub(spent);
    let full = |p: &Planned| p.model.settings(work.columns, work.train.rows(), &p.choices).epochs;
    let mut tries: Vec<Try> = Vec::new();
    let mut trained: Vec<Trained> = Vec::new();
    let mut attempt = |planned: &Planned, training, epochs, trained: &mut Vec<Trained>| {
        let name = format!("search/{}-{training}", planned.name);
        // Under a budget short trainings leave the time of the full ones.
        let end = match (training, budget) {
            ("short", Some(_)) => deadline.checked_sub(limit.mul_f64(FOR_FULL)).unwrap_or(deadline),
            _ => deadline,
        };
        let over = Instant::now() >= end;
        // The first always gets its time, and what was begun before a search was resumed takes none.
        let begun = work.saves.is_some_and(|saves| saves.has(&name));
        if !trained.is_empty() && !begun && (over || work.stop.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        let start = Instant::now();
        let choices = Choices { epochs: Some(epochs), ..planned.choices.clone() };
        if budget.is_some() {
            tell(&News::Tries(&planned.name, training));
        }
        // Mixtures leave most of the time to the flows.
        let until = if planned.model == Model::Gmm { end.min(start + limit.mul_f64(FOR_MIXTURES)) } else { end };
        // One model that diverges or is too large is no reason to try no other.
        let fitted = match fit(planned.model, work, &choices, &name, Some(until), tell) {
            Err(FitError::Train(TrainError::Diverged(_))) => return Ok(None),
            Err(FitError::TooLarge(parameters)) => {
                tell(&News::LeftOut(planned.model, parameters));
                return Ok(None);
            }
            Ok(fitted) if fitted.outcome.ending == Ending::Diverged && fitted.outcome.best_epoch == 0 => {
                return Ok(None);
            }
            other => other?,
        };
        let needs = budget.map(|_| Needs::of(fitted.flow.spec())).transpose().map_err(FitError::Freeze)?;
        if budget.zip(needs.as_ref()).is_some_and(|(budget, needs)| !budget.allows(needs)) {
            return Ok(None);
        }
        let found = fitted.outcome.best_validation_log_prob;
        tries.push(Try {
            name: planned.name.clone(),
            model: planned.model,
            training,
            parameters: fitted.outcome.params.len(),
            validation_log_prob: found,
            seconds: start.elapsed().max(fitted.outcome.duration).as_secs_f64(),
            chosen: false,
            needs,
        });
        let rows = validation(&fitted.flow, &fitted.outcome.params, work, planned.choices.seed)?;
        let size = match budget.zip(needs) {
            Some((budget, needs)) => (budget.share(&needs) * SHARES) as usize,
            None => fitted.outcome.params.len(),
        };
        trained.push(Trained { fitted, rows, size, choices: planned.choices.clone(), attempt: tries.len() - 1 });
        Ok::<_, FitError>(Some((found, needs)))
    };
    let short = if budget.is_some() { SHORT_OF_A_BUDGET } else { SHORT };
    let mut ranked = Vec::new();
    for planned in planned {
        // Where there are angles, a mixture is trained by gradient too.
        let by_em = !work.columns.iter().any(Column::is_circular) && !planned.choices.variational;
        if planned.model == Model::Gmm && (by_em || budget.is_none()) {
            attempt(planned, "full", full(planned), &mut trained)?;
        } else if let Some((found, needs)) = attempt(planned, "short", full(planned).div_ceil(short), &mut trained)? {
            ranked.push((planned, found, needs));
        }
    }
    let with_needs: Option<Vec<(f64, Needs)>> =
        ranked.iter().map(|(_, found, needs)| Some((*found, (*needs)?))).collect();
    if let Some(found) = with_needs.filter(|_| budget.is_some()) {
        let front = front(&found);
        ranked = front.into_iter().map(|i| ranked[i]).collect();
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (planned, ..) in ranked.iter().take(if budget.is_some() { FINALISTS_OF_A_BUDGET } else { FINALISTS }) {
        attempt(planned, "full", full(planned), &mut trained)?;
    }
    let chosen = smallest_of_the_best(&trained).ok_or(FitError::Train(TrainError::Diverged(0)))?;
    let Trained { fitted, choices, attempt, .. } = trained.swap_remove(chosen);
    tries[attempt].chosen = true;
    Ok(Found { fitted, choices, tries })
}

/// A trained model, the log-density of each validation row under it, and which attempt it was.
struct Trained {
    fitted: Fitted,
    rows: Vec<f32>,
    size: usize,
    choices: Choices,
    attempt: usize,
}

impl Candidate for Trained {
    fn size(&self) -> usize {
        self.size
    }

    fn log_prob(&self) -> &[f32] {
        &self.rows
    }
}

/// The models to try, the mixture first: where no column lies on a line there is none, and all flows are the same.
fn candidates(work: &Work<'_>, choices: &Choices) -> Vec<Model> {
    let spec: FlowSpec = Model::Maf.spec(work.columns, work.train.rows(), choices);
    if spec.lines() == 0 { vec![Model::Maf] } else { [&[Model::Gmm][..], &Model::FLOWS].concat() }
}
