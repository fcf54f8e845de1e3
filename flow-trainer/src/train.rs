//! The training loop: epochs of shuffled batches, validation after each, and the best parameters kept.

use crate::backend::{Backend, BackendError, Program, Tensor};
use crate::evaluate::{Dequantization, Evaluator};
use crate::random::{self, Purpose};
use crate::step::{Optimiser, STATE, initial_state, step_graph};
use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph, Op};
use flow_table::{Table, metrics};
use serde::Serialize;
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
/// Steps over which the learning rate rises.
const WARM_UP: f32 = 100.0;
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
    /// Largest norm of a gradient before clipping.
    pub largest_norm: f32,
    /// Learning rate at its end.
    pub learning_rate: f32,
    /// Whether it is the best so far.
    pub best: bool,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All epochs were run.
    Epochs,
    /// The validation loss did not get better for `patience` epochs.
    Patience,
    /// The user asked for it.
    Interrupted,
    /// The time that was given is over.
    Time,
    /// A mixture was fitted by EM, without epochs.
    Fitted,
}

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
    /// A whole epoch without a finite loss, before anything good was found.
    #[error("training diverged: none of an epoch's {0} steps had a finite loss; try a smaller --lr")]
    Diverged(usize),
}

/// Trains `flow` on rows from `start_params` on. `watch` is told of each epoch as it ends; `stop` and `deadline` end the
/// training after the present step, with the best parameters so far.
///
/// # Errors
/// If the backend fails or the training diverges at once.
#[expect(clippy::too_many_arguments, reason = "each is another thing, and there is one caller")]
pub fn train(
    flow: &Flow,
    backend: &dyn Backend,
    train: &Table,
    validation: &Table,
    start_params: Vec<f32>,
    settings: &Settings,
    stop: &AtomicBool,
    deadline: Option<Instant>,
    watch: &mut dyn FnMut(&Epoch, Duration),
) -> Result<Outcome, TrainError> {
    let Settings { weight_decay, dropout, smoothing, .. } = *settings;
    let graph = step_graph(flow, &Optimiser { weight_decay, dropout, smoothing, ..Optimiser::default() });
    let hidden = hidden_widths(&graph);
    let mut program = backend.compile(&graph, settings.batch, STATE)?;
    let mut evaluator = Evaluator::new(flow, backend, validation.rows())?;
    program.set_carried(initial_state(&start_params).map(Tensor::vector).to_vec())?;

    let mut validate = |params: &[f32]| -> Result<f64, BackendError> {
        let noise = Dequantization::Noise { seed: settings.seed, purpose: Purpose::ValidationNoise, draw: 0 };
        let log_prob = evaluator.log_prob(params, validation, noise)?;
        Ok(-metrics::Summary::of(log_prob.iter().map(|&v| f64::from(v))).mean)
    };
    let mut best = (0, validate(&start_params)?, start_params);
    let start = Instant::now();
    let steps_an_epoch = train.rows().div_ceil(settings.batch);
    let schedule = Schedule {
        ema_decay: settings.ema_decay,
        peak: settings.learning_rate,
        steps: settings.epochs * steps_an_epoch,
    };
    let (mut history, mut ending, mut steps, mut skipped) = (Vec::new(), Ending::Epochs, 0, 0.0);
    for number in 1..=settings.epochs {
        let order = random::permutation(settings.seed, Purpose::Shuffle, number as u64, train.rows());
        let (mut loss_sum, mut rows_seen, mut largest_norm) = (0.0, 0usize, 0f32);
        for rows in order.chunks(settings.batch) {
            if stop.load(Ordering::Relaxed) {
                ending = Ending::Interrupted;
                break;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                ending = Ending::Time;
                break;
            }
            let (loss, norm) = one_step(program.as_mut(), flow, train, rows, settings, &schedule, &hidden, steps)?;
            steps += 1;
            largest_norm = largest_norm.max(norm);
            if loss.is_finite() {
                loss_sum += f64::from(loss) * rows.len() as f64;
                rows_seen += rows.len();
            }
        }
        if ending != Ending::Epochs && rows_seen == 0 {
            break;
        }
        let state = program.carried()?;
        let averaged = &state[3].data;
        let validation_nll = validate(averaged)?;
        let is_best = validation_nll < best.1;
        if is_best {
            best = (number, validation_nll, averaged.clone());
        }
        skipped = state[5].data[0];
        let epoch = Epoch {
            number,
            train_nll: loss_sum / rows_seen as f64,
            validation_nll,
            largest_norm,
            learning_rate: schedule.at(steps),
            best: is_best,
        };
        history.push(epoch);
        watch(&epoch, start.elapsed());
        if rows_seen == 0 && best.0 == 0 {
            return Err(TrainError::Diverged(steps_an_epoch));
        }
        if ending != Ending::Epochs {
            break;
        }
        if number - best.0 >= settings.patience {
            ending = Ending::Patience;
            break;
        }
    }
    let (best_epoch, nll, params) = best;
    Ok(Outcome {
        params,
        history,
        best_epoch,
        best_validation_log_prob: -nll,
        steps,
        skipped: skipped as usize,
        duration: start.elapsed(),
        ending,
    })
}

/// Widths of the hidden layers for which the graph wants a mask.
fn hidden_widths(graph: &Graph) -> Vec<usize> {
    let of = |&id| match (&graph.node(id).op, graph.shape(id)) {
        (Op::Input(name), &[_, Dim::Size(width)]) if name.starts_with("dropout.") => Some(width),
        _ => None,
    };
    graph.inputs().iter().filter_map(of).collect()
}

/// Gathers a batch with its noise and takes one step; gives its loss and gradient norm. A short last batch is filled
/// up with rows of weight 0.
#[expect(clippy::too_many_arguments, reason = "a step is what it is; there is one caller")]
fn one_step(
    program: &mut dyn Program,
    flow: &Flow,
    train: &Table,
    rows: &[usize],
    settings: &Settings,
    schedule: &Schedule,
    hidden: &[usize],
    step: usize,
) -> Result<(f32, f32), BackendError> {
    let batch = settings.batch;
    let mut x = Vec::with_capacity(batch * flow.columns());
    for k in 0..batch {
        x.extend_from_slice(train.row(rows[k % rows.len()]));
    }
    let weights = (0..batch).map(|k| if k < rows.len() { 1.0 } else { 0.0 }).collect();
    let mut inputs = vec![
        Tensor::vector(vec![schedule.at(step)]),
        Tensor::vector(vec![schedule.ema_rate(step)]),
        Tensor::matrix(flow.columns(), x),
        Tensor::matrix(
            flow.dim(),
            random::uniforms(settings.seed, Purpose::TrainNoise, step as u64, batch * flow.dim()),
        ),
        Tensor::matrix(1, weights),
    ];
    if settings.smoothing > 0.0 {
        let lines = flow.spec().lines();
        let noise = random::normals(settings.seed, Purpose::Smoothing, step as u64, batch * lines);
        inputs.push(Tensor::matrix(lines, noise.into_iter().map(|z| settings.smoothing * z).collect()));
    }
    let units: usize = hidden.iter().sum();
    let mut draws = random::uniforms(settings.seed, Purpose::Dropout, step as u64, batch * units).into_iter();
    for &width in hidden {
        let kept = 1.0 / (1.0 - settings.dropout);
        let mask = draws.by_ref().take(batch * width).map(|u| if u < settings.dropout { 0.0 } else { kept });
        inputs.push(Tensor::matrix(width, mask.collect()));
    }
    let outputs = program.run(&inputs)?;
    Ok((outputs[0].data[0], outputs[1].data[0]))
}

/// The learning rate over a run: a short linear warm-up, then half a cosine.
struct Schedule {
    ema_decay: f32,
    peak: f32,
    steps: usize,
}

impl Schedule {
    fn at(&self, step: usize) -> f32 {
        let (step, steps) = (step as f32, self.steps as f32);
        let warm_up = ((step + 1.0) / WARM_UP.min(steps / 4.0).max(1.0)).min(1.0);
        let progress = (step / steps).min(1.0);
        self.peak * warm_up * 0.5 * (1.0 + (std::f32::consts::PI * progress).cos())
    }

    /// The averaged parameters forget the start quickly: the decay is at most `(1 + t) / (10 + t)`.
    fn ema_rate(&self, step: usize) -> f32 {
        let t = step as f32;
        1.0 - self.ema_decay.min((1.0 + t) / (10.0 + t))
    }
}
