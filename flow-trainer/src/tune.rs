//! Flows for a device: which sizes keep to a budget, which of those are tried, and which of the tried are worth a choice.

use crate::budget::Budget;
use crate::fitted::{FitError, News, Work};
use crate::model::{Choices, Model};
use crate::search::{self, Found, Planned, Rules, Try};
use flow_export::needs::Needs;
use flow_model::spec::{Base, Column};
use serde::Serialize;
use std::time::Duration;

/// Numbers of layers that are considered.
const LAYERS: [usize; 6] = [1, 2, 3, 4, 6, 8];
/// Hidden layers that are considered.
const HIDDEN: [&[usize]; 7] = [&[8], &[16], &[32], &[64], &[16, 16], &[32, 32], &[64, 64]];
/// Numbers of bins that are considered.
const BINS: [usize; 2] = [4, 8];
/// Numbers of components of a mixture, from the largest.
const COMPONENTS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];
/// Flows of each model that are tried: the largest, and each time the largest of at most half of what the last takes.
const OF_A_MODEL: usize = 4;

/// What `tune.json` holds.
#[derive(Clone, Debug, Serialize)]
pub struct Tuned<'a> {
    /// What the device has.
    pub budget: Budget,
    /// Flows that were considered, and how many of them keep to the budget.
    pub considered: usize,
    /// See there.
    pub fitting: usize,
    /// The trainings, in order.
    pub tried: &'a [Try],
    /// Those of them that no other beats, from the smallest: places in `tried`.
    pub front: Vec<usize>,
    /// The chosen one: a place in `tried`.
    pub chosen: Option<usize>,
    /// Why it was chosen.
    pub reason: &'static str,
}

/// Why one of the front is chosen.
pub const REASON: &str =
    "it takes the least of the budget of those within a standard error of the most probable validation rows";

/// What is to be tried, and of how many.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The flows, in the order in which they are tried.
    pub planned: Vec<Planned>,
    /// How many were considered.
    pub considered: usize,
    /// How many of them keep to the budget.
    pub fitting: usize,
}

/// Flows of `model`, or of all models for [`Model::Auto`], over these columns that keep to the budget. What `choices` says
/// is as it says.
///
/// # Errors
/// What the smallest needs, if none keeps to the budget.
pub fn plan(model: Model, columns: &[Column], rows: usize, choices: &Choices, budget: &Budget) -> Result<Plan, String> {
    let mut smallest: Option<(Planned, Needs)> = None;
    let (mut considered, mut fitting) = (0, Vec::new());
    let models = if model == Model::Auto { [&[Model::Gmm], &Model::FLOWS[..]].concat() } else { vec![model] };
    for model in models {
        let mut of_model: Vec<(Planned, Needs)> = Vec::new();
        for planned in candidates(model, choices) {
            let mut spec = planned.model.spec(columns, rows, &planned.choices);
            if let (Model::Gmm, Some(components)) = (model, planned.choices.most_components) {
                spec.base = Base::Mixture { components, full: true };
            }
            // What cannot be frozen cannot be put on a device.
            let Ok(needs) = Needs::of(&spec) else { continue };
            // Where columns are few, shapes fall together.
            if of_model.iter().any(|(_, other)| *other == needs) {
                continue;
            }
            considered += 1;
            if smallest.as_ref().is_none_or(|(_, least)| budget.share(&needs) < budget.share(least)) {
                smallest = Some((planned.clone(), needs));
            }
            of_model.push((planned, needs));
        }
        of_model.retain(|(_, needs)| budget.allows(needs));
        of_model.sort_by(|a, b| budget.share(&b.1).total_cmp(&budget.share(&a.1)));
        fitting.push(of_model);
    }
    let count = fitting.iter().map(Vec::len).sum();
    if count == 0 {
        return Err(match smallest {
            Some((planned, needs)) => {
                format!("no flow keeps to {budget}: the smallest, {}, needs {needs}", planned.name)
            }
            None => "no flow over these columns can be frozen".to_string(),
        });
    }
    let chosen: Vec<Vec<Planned>> = fitting.into_iter().map(|all| spaced(all, budget)).collect();
    // Of each model the largest first, so that a search that is cut short has seen all models.
    let planned = (0..OF_A_MODEL).flat_map(|i| chosen.iter().filter_map(move |all| all.get(i).cloned()));
    Ok(Plan { planned: planned.collect(), considered, fitting: count })
}

/// The first, and each time the first that takes at most half of what the last takes.
fn spaced(all: Vec<(Planned, Needs)>, budget: &Budget) -> Vec<Planned> {
    let mut most = f64::INFINITY;
    let mut spaced = Vec::new();
    for (planned, needs) in all {
        let share = budget.share(&needs);
        // A mixture finds its own number of components, up to the largest that fits.
        let more = spaced.len() < if planned.model == Model::Gmm { 1 } else { OF_A_MODEL };
        if share <= most && more {
            most = share / 2.0;
            spaced.push(planned);
        }
    }
    spaced
}

/// All shapes of a model.
fn candidates(model: Model, choices: &Choices) -> Vec<Planned> {
    let mut all = Vec::new();
    if model == Model::Gmm {
        for components in COMPONENTS {
            let choices = Choices { most_components: Some(components), ..choices.clone() };
            all.push(Planned { name: format!("gmm-{components}"), model, choices });
        }
        return all;
    }
    let or = |given: Option<usize>, usual: &[usize]| given.map_or(usual.to_vec(), |n| vec![n]);
    let bins = if matches!(model, Model::Nsf | Model::MafRqs) { &BINS[..] } else { &BINS[..1] };
    let hidden: Vec<Vec<usize>> = match &choices.hidden {
        Some(widths) => vec![widths.clone()],
        None => HIDDEN.map(<[usize]>::to_vec).into(),
    };
    for layers in or(choices.layers, &LAYERS) {
        for hidden in &hidden {
            for num_bins in or(choices.num_bins, bins) {
                let widths: Vec<String> = hidden.iter().map(usize::to_string).collect();
                let mut name = format!("{}-{layers}x{}", model.name(), widths.join("-"));
                if matches!(model, Model::Nsf | Model::MafRqs) {
                    name += &format!("-{num_bins}bins");
                }
                let (layers, hidden, num_bins) = (Some(layers), Some(hidden.clone()), Some(num_bins));
                all.push(Planned { name, model, choices: Choices { layers, hidden, num_bins, ..choices.clone() } });
            }
        }
    }
    all
}

/// Trains what is planned: an eighth of the epochs of each flow in six tenths of the time, then those in full that no other
/// beats, four at most. See [`crate::search`].
///
/// # Errors
/// If none could be trained.
pub fn search(
    work: &Work<'_>,
    plan: &Plan,
    budget: &Budget,
    limit: Duration,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<Found, FitError> {
    // More flows in full than `auto` trains, because they are there to be chosen from.
    let rules = Rules { short: 8, for_full: 0.4, finalists: 4, budget: Some(budget) };
    search::search(work, &plan.planned, &rules, limit, tell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_model::spec::{Kind, Standard};

    fn columns() -> Vec<Column> {
        let standard = Standard { center: 0.0, scale: 1.0, reach: 6.0 };
        ["x", "y", "z"].map(|name| Column::new(name, Kind::Continuous { standard, jitter: 0.0 })).into()
    }

    #[test]
    fn what_is_planned_keeps_to_the_budget_and_fills_it() {
        let budget = Budget { flash: Some(16 << 10), ram: Some(1 << 10), cycles: Some(20_000) };
        let plan = plan(Model::Auto, &columns(), 1000, &Choices::default(), &budget).unwrap();
        assert!(plan.fitting < plan.considered && plan.planned.len() > 12, "{plan:?}");
        let mut fullest = 0.0f64;
        for planned in plan.planned.iter().filter(|planned| planned.model != Model::Gmm) {
            let needs = Needs::of(&planned.model.spec(&columns(), 1000, &planned.choices)).unwrap();
            assert!(budget.allows(&needs), "{}: {needs}", planned.name);
            fullest = fullest.max(budget.share(&needs));
        }
        assert!(fullest > 0.8, "{fullest}");
    }

    #[test]
    fn a_budget_that_is_too_small_says_what_the_smallest_needs() {
        let budget = Budget { flash: Some(100), ..Budget::default() };
        let message = plan(Model::Maf, &columns(), 1000, &Choices::default(), &budget).unwrap_err();
        assert!(message.contains("100 bytes of flash: the smallest, maf-1x8, needs "), "{message}");
    }
}
