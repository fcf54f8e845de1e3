//! The model `gmm`: a mixture of normal distributions with full covariances and no layers, by EM. The baseline that every
//! flow has to beat, as one frozen file of the same engine.

use crate::em::{self, Mixture};
use crate::model::{Choices, Model};
use crate::parsimony::{Candidate, smallest_of_the_best};
use crate::start::{before_layer, set_base};
use crate::train::{Ending, Outcome};
use flow_model::flow::Flow;
use flow_model::spec::{Base, Column, FlowSpec, SpecError};
use flow_table::{Table, metrics};
use std::time::Instant;

/// Most rows that a mixture is fitted to, and that it is judged by.
const MOST_ROWS: usize = 10_000;
/// Numbers of components and shares of all rows' variances that are tried.
const COMPONENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const RIDGES: [f64; 3] = [1e-3, 1e-2, 1e-1];
/// From so many components on no smaller ridge is tried than was best for fewer.
const MANY: usize = 8;

/// A mixture that was tried.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// Number of components.
    pub components: usize,
    /// Share of all rows' variances in its covariances.
    pub ridge: f64,
    /// Mean log-density of the validation rows, on the axes of the layers; nats.
    pub validation: f64,
}

/// A mixture with the log-density of each row held out.
struct Fit {
    mixture: Mixture,
    parameters: usize,
    rows: Vec<f32>,
}

impl Candidate for Fit {
    fn size(&self) -> usize {
        self.parameters
    }

    fn log_prob(&self) -> &[f32] {
        &self.rows
    }
}

/// Fits mixtures with 1 to 64 components, as far as they have at most `most_parameters`. For each number the best ridge is
/// kept, and of those the smallest under which the validation rows are as probable as under the best ([`crate::parsimony`]).
/// `watch` is told of each; once `halted`, no other is begun and the one under way is as good as it is.
///
/// # Errors
/// Columns of which no flow can be made.
pub fn fit(
    columns: &[Column],
    train: &Table,
    validation: &Table,
    choices: &Choices,
    most_parameters: usize,
    halted: &dyn Fn() -> bool,
    watch: &mut dyn FnMut(&Try),
) -> Result<(Flow, Outcome), SpecError> {
    let start = Instant::now();
    let plain = Flow::new(Model::Gmm.spec(columns, train.rows(), &Choices { base: None, ..choices.clone() }))?;
    let params = plain.layout().init(choices.seed);
    let rows = |table: &Table| before_layer(&plain, &params, 0, table, MOST_ROWS, choices.seed);
    let (x, held_out) = (rows(train), rows(validation));
    let floor = f64::from(choices.smoothing.deviation(train.rows(), columns)).powi(2);
    let mut best: Vec<Fit> = Vec::new();
    let (mut tries, mut least) = (0, 0.0);
    let of_one = 1 + x.ncols() * (x.ncols() + 2);
    let most = choices.most_components.unwrap_or(usize::MAX).min(x.nrows() / 4).min(most_parameters / of_one);
    for components in COMPONENTS.into_iter().filter(|&k| k == 1 || k <= most) {
        let mut of_this_size: Option<(Fit, f64, f64)> = None;
        for ridge in RIDGES.into_iter().filter(|&ridge| components < MANY || ridge >= least) {
            if tries > 0 && halted() {
                break;
            }
            let settings = em::Settings { components, full: true, ridge, floor, seed: choices.seed };
            let mixture = Mixture::fit(x.view(), settings, halted);
            let log_prob = mixture.log_prob(held_out.view());
            let found = log_prob.mean().unwrap_or(f64::NEG_INFINITY);
            watch(&Try { components: mixture.components(), ridge, validation: found });
            tries += 1;
            if of_this_size.as_ref().is_none_or(|(_, _, so_far)| found > *so_far) {
                let (parameters, rows) = (mixture.parameters().len(), log_prob.mapv(|v| v as f32).to_vec());
                of_this_size = Some((Fit { mixture, parameters, rows }, ridge, found));
            }
        }
        if let Some((fit, ridge, _)) = of_this_size {
            least = ridge;
            best.push(fit);
        }
    }
    let chosen = smallest_of_the_best(&best).expect("at least one mixture was fitted");
    let Fit { mixture, rows, .. } = best.swap_remove(chosen);
    let base = Base::Mixture { components: mixture.components(), full: true };
    let flow = Flow::new(FlowSpec { base, ..plain.spec().clone() })?;
    let mut params = flow.layout().init(choices.seed);
    set_base(&flow, &mut params, &mixture);
    let outcome = Outcome {
        params,
        history: Vec::new(),
        best_epoch: 0,
        best_validation_log_prob: metrics::Summary::of(rows.into_iter().map(f64::from)).mean,
        steps: tries,
        skipped: 0,
        duration: start.elapsed(),
        ending: Ending::Fitted,
    };
    Ok((flow, outcome))
}
