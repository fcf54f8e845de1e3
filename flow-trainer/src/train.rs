//! The training loop: epochs of shuffled batches, validation after each, and the best parameters kept.

use crate::backend::{Backend, BackendError, Tensor};
use crate::batch::Batches;
use crate::evaluate::{Dequantization, Evaluator};
use crate::random::{self, Purpose};
use crate::saver::{SaveError, Saver};
use crate::state::{SoFar, State};
use crate::step::{LARGEST_NORM, Optimiser};
use crate::stepper::{Step, Stepper};
use flow_model::flow::Flow;
use flow_table::{Table, metrics};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a flow is trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Most epochs.
    pub epochs: usize,
    /// Rows in a step.
    pub batch: usize,
    /// Highest learning rate; it warms up to it and falls along a cosine to 0 at the last epoch.
    pub learning_rate: f32,
    /// Epochs without a better validation loss after which training stops.
    pub patience: usize,
    /// Weight decay.
    pub weight_decay: f32,
    /// Share of hidden units that a step leaves out.
    pub dropout: f32,
    /// Deviation of the noise that smooths the density, in deviations of each column.
    pub smoothing: f32,
    /// Weight of the past in the averaged parameters, once there is a past.
    pub ema_decay: f32,
    /// Seed of everything random.
    pub seed: u64,
}

/// Steps of a default run.
const DEFAULT_STEPS: usize = 6000;
/// Weight of the past in the averaged parameters, once there is a past.
const EMA_DECAY: f32 = 0.995;

impl Settings {
    /// Settings that fit a table of that many training rows without anyone tuning; a batch size or a number of epochs
    /// that is given is kept, and the rest fits it.
    pub fn for_rows(rows: usize, batch: Option<usize>, epochs: Option<usize>, seed: u64) -> Self {
        let batch = batch.unwrap_or((rows / 8).clamp(16, 512).next_power_of_two()).min(rows.max(1));
        let epochs = epochs.unwrap_or(DEFAULT_STEPS.div_ceil(rows.div_ceil(batch)));
        Settings {
            epochs,
            batch,
            learning_rate: 2e-3,
            patience: epochs.div_ceil(5).max(10),
            weight_decay: 1e-2,
            dropout: 0.0,
            smoothing: 0.0,
            ema_decay: EMA_DECAY,
            seed,
        }
    }
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: usize,
    /// Mean negative log-likelihood of its batches, nats a row.
    pub train_nll: f64,
    /// That of the validation rows under the averaged parameters, nats a row.
    pub validation_nll: f64,
    /// Mean norm of its steps' gradients before clipping, of those that are finite.
    pub mean_norm: f32,
    /// The largest of them.
    pub largest_norm: f32,
    /// Steps skipped because their gradient was not finite.
    pub skipped: usize,
    /// Learning rate at its end.
    pub learning_rate: f32,
    /// Whether it is the best so far.
    pub best: bool,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All epochs were run.
    Epochs,
    /// The validation loss did not get better for `patience` epochs.
    Patience,
    /// Epochs in a row in which most steps had a loss that was not finite or far above that of the start.
    Diverged,
    /// The user asked for it.
    Interrupted,
    /// The time that was given is over.
    Time,
    /// A mixture was fitted by EM, without epochs.
    Fitted,
}

/// Epochs in a row after which a training that is lost is ended.
pub const LOST_EPOCHS: usize = 3;
/// How far above the start's loss a step is lost, nats a column.
const LOST_NATS: f64 = 1.0;

/// A finished training.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The best parameters.
    pub params: Vec<f32>,
    /// What each epoch came to.
    pub history: Vec<Epoch>,
    /// Number of the epoch whose parameters were kept; 0 for the starting parameters.
    pub best_epoch: usize,
    /// Mean log-density of the validation rows under them, nats a row.
    pub best_validation_log_prob: f64,
    /// Steps taken.
    pub steps: usize,
    /// Steps skipped because a gradient was not finite.
    pub skipped: usize,
    /// Time spent in the loop, without compiling.
    pub duration: Duration,
    /// Why it ended.
    pub ending: Ending,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Not even the start was finite.
    #[error("training diverged: in {0} epochs no loss was finite, nor was that of the start; try a smaller --lr")]
    Diverged(usize),
    /// The state cannot be read or saved.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// What a training works with.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// What is trained.
    pub flow: &'a Flow,
    /// What runs the steps.
    pub backend: &'a dyn Backend,
    /// Rows to learn from.
    pub train: &'a Table,
    /// Rows for early stopping.
    pub validation: &'a Table,
    /// How.
    pub settings: &'a Settings,
    /// Most threads; the result is the same for any number.
    pub threads: usize,
    /// Ends the training after the present step, with the best parameters so far.
    pub stop: &'a AtomicBool,
    /// So does this.
    pub deadline: Option<Instant>,
}

/// Trains from `state` on: until all epochs are done, patience runs out, the training is lost, or it is told to stop.
/// `saver` is given the state now and then, and at the end; a training from that state takes the steps that this one
/// would have taken. `watch` is told of each epoch as it ends.
///
/// # Errors
/// If the backend fails, the training diverges at once or its state cannot be saved.
pub fn train(
    job: &Job<'_>,
    mut state: State,
    mut saver: Option<&mut Saver>,
    watch: &mut dyn FnMut(&Epoch, Duration),
) -> Result<Outcome, TrainError> {
    let &Job { flow, backend, train, validation, settings, .. } = job;
    if let Some(ending) = state.ending {
        return outcome(state, ending);
    }
    let Settings { weight_decay, dropout, smoothing, seed, .. } = *settings;
    let optimiser = Optimiser { weight_decay, dropout, smoothing, ..Optimiser::default() };
    let mut stepper = Stepper::on_rows(flow, backend, &optimiser, settings.batch, job.threads, train)?;
    let batches = Batches::new(flow, train, settings, stepper.graph(), stepper.threads());
    let mut evaluator = Evaluator::new(flow, backend, validation.rows())?;
    stepper.set_state(&state.optimiser)?;

    let mut validate = |params: &[f32]| -> Result<f64, BackendError> {
        let noise = Dequantization::Noise { seed, purpose: Purpose::ValidationNoise, draw: 0 };
        let log_prob = evaluator.log_prob(params, validation, noise)?;
        Ok(-metrics::Summary::of(log_prob.iter().map(|&v| f64::from(v))).mean)
    };
    let (begin, before) = (Instant::now(), state.seconds);
    if state.start_nll.is_none() {
        let nll = validate(&state.best_params)?;
        (state.start_nll, state.best_nll) = (Some(nll), nll);
        if let Some(saver) = &mut saver {
            saver.save(&state)?;
        }
    }
    let far = LOST_NATS * flow.columns() as f64;
    let mut ending = Ending::Epochs;
    // The numbers of rows of steps that were taken but whose losses are not known yet.
    let mut unknown = VecDeque::new();
    while state.history.len() < settings.epochs {
        let number = state.history.len() + 1;
        let order = random::permutation(seed, Purpose::Shuffle, number as u64, train.rows());
        for rows in order.chunks(settings.batch).skip(state.epoch.steps) {
            if let Some(reason) = halted(job) {
                ending = reason;
                break;
            }
            unknown.push_back(rows.len());
            let known = stepper.take(&batches, rows, state.steps)?;
            state.steps += 1;
            state.add_all(known, &mut unknown, far);
            if let Some(saver) = saver.as_mut().filter(|saver| saver.is_due()) {
                state.add_all(stepper.known()?, &mut unknown, far);
                state.seconds = before + begin.elapsed().as_secs_f64();
                set_optimiser(&mut state, stepper.state()?);
                saver.save(&state)?;
            }
        }
        state.add_all(stepper.known()?, &mut unknown, far);
        set_optimiser(&mut state, stepper.state()?);
        let interrupted = ending != Ending::Epochs;
        if interrupted {
            // What is shown below of an epoch that was cut short is no part of the training.
            state.seconds = before + begin.elapsed().as_secs_f64();
            if let Some(saver) = &mut saver {
                saver.save(&state)?;
            }
            if state.epoch.steps == 0 {
                break;
            }
        }
        let validation_nll = validate(&state.optimiser[3])?;
        let learning_rate = batches.schedule.learning_rate(state.steps);
        let epoch = end_epoch(&mut state, validation_nll, learning_rate);
        state.seconds = before + begin.elapsed().as_secs_f64();
        watch(&epoch, Duration::from_secs_f64(state.seconds));
        if interrupted {
            break;
        }
        if state.lost_epochs >= LOST_EPOCHS || (epoch.train_nll.is_nan() && state.best_epoch == 0) {
            ending = Ending::Diverged;
            break;
        }
        if number - state.best_epoch >= settings.patience {
            ending = Ending::Patience;
            break;
        }
    }
    if !matches!(ending, Ending::Interrupted | Ending::Time) {
        state.ending = Some(ending);
        if let Some(saver) = &mut saver {
            saver.save(&state)?;
        }
    }
    outcome(state, ending)
}

/// Whether the training is to stop after this step, and why.
fn halted(job: &Job<'_>) -> Option<Ending> {
    if job.stop.load(Ordering::Relaxed) {
        return Some(Ending::Interrupted);
    }
    job.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Ending::Time)
}

fn set_optimiser(state: &mut State, tensors: Vec<Tensor>) {
    for (old, new) in state.optimiser.iter_mut().zip(tensors) {
        *old = new.data;
    }
}

impl State {
    /// Adds steps in order, whose numbers of rows stand first in `rows`. A step is lost where its loss lies this `far` above that
    /// of the start.
    fn add_all(&mut self, steps: Vec<Step>, rows: &mut VecDeque<usize>, far: f64) {
        for step in steps {
            if self.history.is_empty() && self.epoch.steps == 0 {
                // The loss that is trained, with the noise that smooths: it may lie far above that of rows held out.
                let first = f64::from(step.loss);
                self.start_nll = self.start_nll.map(|nll| if first.is_finite() { nll.max(first) } else { nll });
            }
            let lost = self.start_nll.unwrap_or(f64::NAN) + far;
            self.epoch.add(step, rows.pop_front().expect("a step that was taken"), lost);
        }
    }
}

impl SoFar {
    /// Adds a step of so many rows.
    fn add(&mut self, Step { loss, norm }: Step, rows: usize, lost: f64) {
        let loss = f64::from(loss);
        self.steps += 1;
        if loss.is_finite() {
            self.loss += loss * rows as f64;
            self.rows += rows;
        }
        if loss.is_nan() || loss > lost {
            self.lost += 1;
        }
        if norm < LARGEST_NORM {
            self.norms += f64::from(norm);
            self.largest_norm = self.largest_norm.max(norm);
        } else {
            self.skipped += 1;
        }
    }
}

/// Closes the epoch under way: its figures go into the history, its averaged parameters are kept if they are the best.
fn end_epoch(state: &mut State, validation_nll: f64, learning_rate: f32) -> Epoch {
    let SoFar { steps, loss, rows, lost, skipped, norms, largest_norm } = std::mem::take(&mut state.epoch);
    let number = state.history.len() + 1;
    let best = validation_nll < state.best_nll || (state.best_nll.is_nan() && validation_nll.is_finite());
    if best {
        (state.best_epoch, state.best_nll) = (number, validation_nll);
        state.best_params.clone_from(&state.optimiser[3]);
    }
    state.lost_epochs = if 2 * lost > steps { state.lost_epochs + 1 } else { 0 };
    let epoch = Epoch {
        number,
        train_nll: loss / rows as f64,
        validation_nll,
        mean_norm: (norms / (steps - skipped) as f64) as f32,
        largest_norm,
        skipped,
        learning_rate,
        best,
    };
    state.history.push(epoch);
    epoch
}

fn outcome(state: State, ending: Ending) -> Result<Outcome, TrainError> {
    if ending == Ending::Diverged && !state.best_nll.is_finite() {
        return Err(TrainError::Diverged(state.history.len()));
    }
    Ok(Outcome {
        params: state.best_params,
        best_epoch: state.best_epoch,
        best_validation_log_prob: -state.best_nll,
        steps: state.steps,
        skipped: state.optimiser[5][0] as usize,
        duration: Duration::from_secs_f64(state.seconds),
        history: state.history,
        ending,
    })
}
