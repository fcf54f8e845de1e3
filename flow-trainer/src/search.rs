//! The search that `auto` and `tune` share: short trainings of many flows, full ones of the best, and the smallest of those that
//! are as good as the best.
//!
//! Successive halving (Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
//! AISTATS 2016), within a time that the user may state. Test rows and labels are never looked at. Each training saves its
//! state in the run's folder `search`, from which a resumed search takes what was done.

use crate::budget::Budget;
use crate::fitted::{FitError, Fitted, News, Work, fit, validation};
use crate::front::front;
use crate::model::{Choices, Model};
use crate::parsimony::{Candidate, smallest_of_the_best};
use crate::train::{Ending, TrainError};
use flow_export::needs::Needs;
use flow_model::spec::Column;
use serde::Serialize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The share of the time that a search of mixtures gets at most.
const FOR_MIXTURES: f64 = 0.25;
/// Shares of a budget are compared in parts of so many.
const SHARES: f64 = 1e6;

/// How a search goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The part of a full training's epochs that a short one has.
    pub short: usize,
    /// The share of the time that is kept for full trainings.
    pub for_full: f64,
    /// Flows that are trained in full.
    pub finalists: usize,
    /// What the device has: flows that do not keep to it once they are trained are left out, finalists are those that no other
    /// beats ([`front`]), and small is what takes little of it. Without a budget small is what has few parameters.
    pub budget: Option<&'a Budget>,
}

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

/// Tries every flow of the list: mixtures in full, flows briefly, then the best of those in full. Of those under which the
/// validation rows are as probable as under the best the smallest is chosen ([`crate::parsimony`]). Ends soon after `limit`.
///
/// # Errors
/// If none could be trained.
pub fn search(
    work: &Work<'_>,
    planned: &[Planned],
    rules: &Rules<'_>,
    limit: Duration,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<Found, FitError> {
    // A search that is resumed has the time that is left.
    let spent = work.saves.map_or(Duration::ZERO, |saves| saves.spent("search"));
    let deadline = Instant::now() + limit.saturating_sub(spent);
    let mut search = Search { work, rules, limit, deadline, tries: Vec::new(), trained: Vec::new() };
    let mut ranked = Vec::new();
    for planned in planned {
        // Where there are angles, a mixture is trained by gradient too.
        let by_em = !work.columns.iter().any(Column::is_circular) && !planned.choices.variational;
        if planned.model == Model::Gmm && (by_em || rules.budget.is_none()) {
            search.attempt(planned, Training::Full, tell)?;
        } else if let Some(tried) = search.attempt(planned, Training::Short, tell)? {
            ranked.push((planned, tried));
        }
    }
    let result = |&(_, tried): &(&Planned, usize)| &search.tries[tried];
    let with_needs = ranked.iter().map(|one| Some((result(one).validation_log_prob, result(one).needs?)));
    if let Some(found) = with_needs.collect::<Option<Vec<_>>>().filter(|_| rules.budget.is_some()) {
        ranked = front(&found).into_iter().map(|i| ranked[i]).collect();
    }
    ranked.sort_by(|a, b| result(b).validation_log_prob.total_cmp(&result(a).validation_log_prob));
    for (planned, _) in ranked.into_iter().take(rules.finalists) {
        search.attempt(planned, Training::Full, tell)?;
    }
    search.choose()
}

/// How long a flow is trained.
#[derive(Clone, Copy, PartialEq)]
enum Training {
    Short,
    Full,
}

impl Training {
    fn name(self) -> &'static str {
        match self {
            Training::Short => "short",
            Training::Full => "full",
        }
    }
}

/// A search under way.
struct Search<'a, 'w> {
    work: &'a Work<'w>,
    rules: &'a Rules<'a>,
    limit: Duration,
    deadline: Instant,
    tries: Vec<Try>,
    trained: Vec<Trained>,
}

impl Search<'_, '_> {
    /// Trains a flow; its place among the tries, `None` where the time is over or nothing came of it.
    fn attempt(
        &mut self,
        planned: &Planned,
        training: Training,
        tell: &mut dyn FnMut(&News<'_>),
    ) -> Result<Option<usize>, FitError> {
        let Search { work, rules, limit, deadline, .. } = *self;
        let Planned { name, model, choices } = planned;
        let full = model.settings(work.columns, work.train.rows(), choices).epochs;
        let (epochs, end) = match training {
            Training::Full => (full, deadline),
            // Short trainings leave the time of the full ones.
            Training::Short => {
                let end = deadline.checked_sub(limit.mul_f64(rules.for_full)).unwrap_or(deadline);
                (full.div_ceil(rules.short), end)
            }
        };
        let state = format!("search/{name}-{}", training.name());
        let over = Instant::now() >= end;
        // The first always gets its time, and what was begun before a search was resumed takes none.
        let begun = work.saves.is_some_and(|saves| saves.has(&state));
        if !self.trained.is_empty() && !begun && (over || work.stop.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        let start = Instant::now();
        if rules.budget.is_some() {
            tell(&News::Tries(name, training.name()));
        }
        // Mixtures leave most of the time to the flows.
        let until = if *model == Model::Gmm { end.min(start + limit.mul_f64(FOR_MIXTURES)) } else { end };
        let of_epochs = Choices { epochs: Some(epochs), ..choices.clone() };
        // One model that diverges or is too large is no reason to try no other.
        let fitted = match fit(*model, work, &of_epochs, &state, Some(until), tell) {
            Err(FitError::Train(TrainError::Diverged(_))) => return Ok(None),
            Err(FitError::TooLarge(parameters)) => {
                tell(&News::LeftOut(*model, parameters));
                return Ok(None);
            }
            Ok(fitted) if fitted.outcome.ending == Ending::Diverged && fitted.outcome.best_epoch == 0 => {
                return Ok(None);
            }
            other => other?,
        };
        let parameters = fitted.outcome.params.len();
        let needs = rules.budget.map(|_| Needs::of(fitted.flow.spec())).transpose().map_err(FitError::Freeze)?;
        let size = match rules.budget.zip(needs) {
            Some((budget, needs)) if !budget.allows(&needs) => return Ok(None),
            Some((budget, needs)) => (budget.share(&needs) * SHARES) as usize,
            None => parameters,
        };
        let attempt = self.tries.len();
        self.tries.push(Try {
            name: name.clone(),
            model: *model,
            training: training.name(),
            parameters,
            validation_log_prob: fitted.outcome.best_validation_log_prob,
            seconds: start.elapsed().max(fitted.outcome.duration).as_secs_f64(),
            chosen: false,
            needs,
        });
        let rows = validation(&fitted.flow, &fitted.outcome.params, work, choices.seed)?;
        self.trained.push(Trained { fitted, rows, size, choices: choices.clone(), attempt });
        Ok(Some(attempt))
    }

    fn choose(mut self) -> Result<Found, FitError> {
        let chosen = smallest_of_the_best(&self.trained).ok_or(FitError::Train(TrainError::Diverged(0)))?;
        let Trained { fitted, choices, attempt, .. } = self.trained.swap_remove(chosen);
        self.tries[attempt].chosen = true;
        Ok(Found { fitted, choices, tries: self.tries })
    }
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
