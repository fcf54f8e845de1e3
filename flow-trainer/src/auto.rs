//! The model `auto`: tries the others and keeps the smallest of those that are best on the validation rows.

use crate::fitted::{FitError, News, Work};
use crate::model::{Choices, Model};
use crate::search::{Found, Planned, Rules, search};
use flow_model::spec::FlowSpec;
use std::time::Duration;

/// Quarters of the epochs, then the best two in full.
const RULES: Rules<'_> = Rules { short: 4, for_full: 0.0, finalists: 2, budget: None };

/// Tries every model, the mixture first, and returns the best with all that were tried, in order: see
/// [`crate::search`]. Ends soon after `limit`.
///
/// # Errors
/// If no model could be trained.
pub fn choose(
    work: &Work<'_>,
    choices: &Choices,
    limit: Duration,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<Found, FitError> {
    let planned = |model: Model| Planned { name: model.name().to_string(), model, choices: choices.clone() };
    let planned: Vec<Planned> = candidates(work, choices).into_iter().map(planned).collect();
    search(work, &planned, &RULES, limit, tell)
}

/// The models to try: where no column lies on a line there is no mixture, and all flows are the same.
fn candidates(work: &Work<'_>, choices: &Choices) -> Vec<Model> {
    let spec: FlowSpec = Model::Maf.spec(work.columns, work.train.rows(), choices);
    if spec.lines() == 0 { vec![Model::Maf] } else { [&[Model::Gmm][..], &Model::FLOWS].concat() }
}
