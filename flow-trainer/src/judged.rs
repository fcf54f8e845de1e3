//! How probable a model finds rows and how well it ranks them, alone and against another model.

use crate::backend::{Backend, BackendError};
use crate::evaluate::{Dequantization, Evaluator};
use flow_model::flow::Flow;
use flow_table::Table;
use flow_table::metrics::Summary;
use flow_table::ranking::{Ranking, Resampled, interval};
use serde::Serialize;

/// Most resamples of the bootstrap, fewest, and rows that are drawn for all of them together.
const MOST_RESAMPLES: usize = 1000;
const FEWEST_RESAMPLES: usize = 100;
const MOST_DRAWS: usize = 100_000_000;
/// The share of resamples that lies in an interval.
pub const LEVEL: f64 = 0.95;

/// Rows to be judged on.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The rows.
    pub table: &'a Table,
    /// Whether each is an anomaly, if that is known.
    pub labels: Option<&'a [bool]>,
    /// Seed of the points of cells at which discrete values are taken, and of resamples.
    pub seed: u64,
    /// How many such points.
    pub draws: u64,
}

impl Rows<'_> {
    /// The rows that are no anomalies.
    pub fn normal(&self) -> Vec<usize> {
        (0..self.table.rows()).filter(|&i| self.labels.is_none_or(|labels| !labels[i])).collect()
    }

    /// How many resamples there are for so many rows.
    pub fn resamples(&self) -> usize {
        (MOST_DRAWS / self.table.rows().max(1)).clamp(FEWEST_RESAMPLES, MOST_RESAMPLES)
    }
}

/// What a model makes of rows.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The log-density of each normal row, nats, discrete values at random points of their cells.
    log_prob: Vec<f64>,
    /// How rows are ranked by their log-density at midpoints, if there are labels, and what comes of its resamples.
    ranking: Option<(Ranking, Resampled)>,
}

/// A figure of a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// From where to where the central 95 % of the resamples' figures lie.
    pub interval: [f64; 2],
}

/// What a model makes of rows beside what another makes of them: the first less the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Mean over the normal rows of the difference of the two log-densities, nats.
    pub mean_log_prob: f64,
    /// Standard error of that mean: of the rows' differences, not of two means.
    pub std_error: f64,
    /// Of the areas under the ROC curve, over the same resamples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc: Option<Figure>,
    /// Of the average precisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_precision: Option<Figure>,
}

impl Judged {
    /// Judges.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn of(flow: &Flow, params: &[f32], rows: &Rows<'_>, backend: &dyn Backend) -> Result<Self, BackendError> {
        let mut evaluator = Evaluator::new(flow, backend, rows.table.rows())?;
        let noisy = evaluator.importance_weighted(params, rows.table, rows.seed, rows.draws)?;
        let mut ranking = None;
        if let Some(labels) = rows.labels {
            let scores = evaluator.log_prob(params, rows.table, Dequantization::Midpoint)?;
            let oddness: Vec<f64> = scores.iter().map(|&v| -f64::from(v)).collect();
            let found = Ranking::new(&oddness, labels);
            ranking = found.resample(rows.resamples(), rows.seed).map(|resampled| (found, resampled));
        }
        Ok(Judged { log_prob: rows.normal().into_iter().map(|i| noisy[i]).collect(), ranking })
    }

    /// The mean log-density of the normal rows, nats a row.
    pub fn log_prob(&self) -> Summary {
        Summary::of(self.log_prob.iter().copied())
    }

    /// The area under the ROC curve.
    pub fn auroc(&self) -> Option<Figure> {
        let (ranking, resampled) = self.ranking.as_ref()?;
        Some(Figure { value: ranking.auroc()?, interval: interval(resampled.auroc.clone(), LEVEL)? })
    }

    /// The average precision.
    pub fn average_precision(&self) -> Option<Figure> {
        let (ranking, resampled) = self.ranking.as_ref()?;
        let interval = interval(resampled.average_precision.clone(), LEVEL)?;
        Some(Figure { value: ranking.average_precision()?, interval })
    }

    /// This less `other`, of the same rows.
    pub fn less(&self, other: &Judged) -> Difference {
        let pairs = self.log_prob.iter().zip(&other.log_prob);
        let Summary { mean, std_error, .. } = Summary::of(pairs.map(|(a, b)| a - b));
        let figure = |value: fn(&Ranking) -> Option<f64>, all: fn(&Resampled) -> &[f64]| {
            let ((a, of_a), (b, of_b)) = (self.ranking.as_ref()?, other.ranking.as_ref()?);
            let resampled = all(of_a).iter().zip(all(of_b)).map(|(a, b)| a - b).collect();
            Some(Figure { value: value(a)? - value(b)?, interval: interval(resampled, LEVEL)? })
        };
        Difference {
            mean_log_prob: mean,
            std_error,
            auroc: figure(Ranking::auroc, |r| &r.auroc),
            average_precision: figure(Ranking::average_precision, |r| &r.average_precision),
        }
    }
}
