//! The same model from several seeds: how much of its quality is chance.
//!
//! All seeds have the same training and validation rows; the start, the order of the rows and the noise differ.

use crate::fitted::{FitError, Fitted, News, Work, fit};
use crate::model::Choices;
use crate::train::{Ending, TrainError};
use flow_table::metrics::Summary;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// What a seed came to.
#[derive(Clone, Debug, Serialize)]
pub struct OfSeed {
    /// The seed.
    pub seed: u64,
    /// Mean log-density of the validation rows, nats a row.
    pub best_val_log_prob: f64,
    /// The epoch whose parameters were kept.
    pub best_epoch: usize,
    /// Steps taken.
    pub steps: usize,
    /// Steps skipped because a gradient was not finite.
    pub skipped: usize,
    /// Time in the loop, seconds.
    pub train_seconds: f64,
    /// Why its training ended.
    pub ending: Ending,
    /// Whether it is the one that was kept.
    pub kept: bool,
}

/// What all seeds came to.
#[derive(Clone, Debug, Serialize)]
pub struct Seeds {
    /// Mean over the seeds of the validation rows' mean log-density, nats a row.
    pub mean: f64,
    /// Standard deviation between seeds of the same, nats a row.
    pub spread: f64,
    /// Each seed.
    pub seeds: Vec<OfSeed>,
}

/// Trains the model of `first` from the seeds that follow its own, `count` in all, and keeps the one under which the
/// validation rows are the most probable. A seed that diverges is left out.
///
/// # Errors
/// Whatever a training fails for.
pub fn beside(
    first: Fitted,
    count: u64,
    work: &Work<'_>,
    choices: &Choices,
    tell: &mut dyn FnMut(&News<'_>),
) -> Result<(Fitted, Seeds), FitError> {
    let mut all = vec![first];
    for k in 1..count {
        if work.stop.load(Ordering::Relaxed) {
            break;
        }
        let seed = choices.seed.wrapping_add(k);
        let choices = Choices { seed, epochs: Some(all[0].settings.epochs), ..choices.clone() };
        match fit(all[0].model, work, &choices, &format!("seeds/{seed}"), None, tell) {
            Ok(fitted) if fitted.outcome.history.is_empty() && fitted.outcome.ending != Ending::Fitted => {}
            Ok(fitted) if fitted.outcome.ending == Ending::Diverged && fitted.outcome.best_epoch == 0 => {}
            Ok(fitted) => all.push(fitted),
            Err(FitError::Train(TrainError::Diverged(_))) => {}
            Err(error) => return Err(error),
        }
    }
    let found = |fitted: &Fitted| fitted.outcome.best_validation_log_prob;
    let kept = (0..all.len()).max_by(|&a, &b| found(&all[a]).total_cmp(&found(&all[b]))).unwrap_or(0);
    let seeds = all.iter().enumerate().map(|(i, fitted)| OfSeed {
        seed: fitted.settings.seed,
        best_val_log_prob: found(fitted),
        best_epoch: fitted.outcome.best_epoch,
        steps: fitted.outcome.steps,
        skipped: fitted.outcome.skipped,
        train_seconds: fitted.outcome.duration.as_secs_f64(),
        ending: fitted.outcome.ending,
        kept: i == kept,
    });
    let seeds: Vec<OfSeed> = seeds.collect();
    let summary = Summary::of(all.iter().map(found));
    let spread = summary.std_error * (all.len() as f64).sqrt();
    Ok((all.swap_remove(kept), Seeds { mean: summary.mean, spread, seeds }))
}
