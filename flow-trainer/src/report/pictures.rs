//! The pictures of the report, as SVG.

use super::{Report, Run};
use crate::backend::BackendError;
use crate::evaluate::{Dequantization, Evaluator};
use crate::train::Epoch;
use flow_table::Table;
use flow_table::plot::{
    Curve, MOST_PAIR_COLUMNS, column_histograms, epoch_curves, histogram, loss_curves, normal_histograms, pair_plot,
    plane,
};

/// The pictures, each as SVG.
pub(super) struct Pictures {
    /// Loss, learning rate and norms of gradients; a mixture by EM has no epochs to show.
    pub training: Option<[String; 3]>,
    /// Samples beside data: a plane with its density, or a pair plot.
    pub rows: String,
    /// Whether `rows` shows some of the columns only.
    pub some_columns: bool,
    /// Histograms of every column.
    pub columns: String,
    /// Histograms of log-densities.
    pub log_prob: String,
    /// Histograms of latent values.
    pub latent: String,
}

/// Draws them.
///
/// # Errors
/// If the backend fails.
pub(super) fn draw(run: &Run<'_>, report: &Report, evaluator: &mut Evaluator) -> Result<Pictures, BackendError> {
    let (train, columns) = (&run.data.train, run.flow.columns());
    let (what, shown) = match run.samples {
        Some(samples) => ("Data and samples", samples),
        None => ("Training and validation rows", &run.data.validation),
    };
    let in_plane = columns == 2 && run.flow.dim() == 2;
    let rows = if in_plane {
        density_plane(run, shown, evaluator)?
    } else {
        pair_plot(what, train, shown, &most_varied(report))
    };
    let groups = report.log_prob.each_ref().map(|group| (group.name, &group.values[..]));
    let latent: Vec<(&str, &[f64])> = report.calibration.iter().map(|z| (&z.name[..], &z.values[..])).collect();
    Ok(Pictures {
        training: (!run.metrics.history.is_empty()).then(|| training(run)),
        rows,
        some_columns: columns > MOST_PAIR_COLUMNS,
        columns: column_histograms("Columns", train, shown, &(0..columns).collect::<Vec<_>>()),
        log_prob: histogram("Log-density of the rows, at midpoints", "nats", &groups),
        latent: normal_histograms("Latent values of the validation rows", &latent),
    })
}

fn training(run: &Run<'_>) -> [String; 3] {
    let metrics = run.metrics;
    let points = |f: fn(&Epoch) -> f64| metrics.history.iter().map(|e| (e.number as f64, f(e))).collect::<Vec<_>>();
    let best = (metrics.best_epoch > 0).then_some((metrics.best_epoch as f64, -metrics.best_val_log_prob));
    let (train, validation) = (points(|e| e.train_nll), points(|e| e.validation_nll));
    let curves = [Curve { name: "training", points: &train }, Curve { name: "validation", points: &validation }];
    let rate = points(|e| e.learning_rate.into());
    let (mean, largest) = (points(|e| e.mean_norm.into()), points(|e| e.largest_norm.into()));
    let norms = [Curve { name: "mean of the epoch", points: &mean }, Curve { name: "largest", points: &largest }];
    [
        loss_curves("Negative log-likelihood", "nats a row", &curves, best),
        epoch_curves("Learning rate", "at the epoch's end", &[Curve { name: "learning rate", points: &rate }]),
        epoch_curves("Norm of the gradient", "before clipping", &norms),
    ]
}

fn density_plane(run: &Run<'_>, shown: &Table, evaluator: &mut Evaluator) -> Result<String, BackendError> {
    let mut failure = None;
    let names = run.data.train.names().to_vec();
    let mut density = |points: &[[f32; 2]]| {
        // A picture of columns as wide as f32 has corners beyond it.
        let within = |v: f32| if v.is_nan() { 0.0 } else { v.clamp(f32::MIN, f32::MAX) };
        let rows: Vec<[f32; 2]> = points.iter().map(|p| p.map(within)).collect();
        let table = Table::from_rows("grid", names.clone(), &rows).expect("two columns");
        match evaluator.log_prob(run.params, &table, Dequantization::Midpoint) {
            Ok(values) => values.into_iter().map(f64::from).collect(),
            Err(error) => {
                failure.get_or_insert(error);
                vec![f64::NEG_INFINITY; points.len()]
            }
        }
    };
    let svg = plane("Data, samples and density", &run.data.train, shown, Some(&mut density));
    failure.map_or(Ok(svg), Err)
}

/// The columns with the most different values, as many as a pair plot shows, in the table's order.
fn most_varied(report: &Report) -> Vec<usize> {
    let mut order: Vec<usize> = (0..report.columns.len()).collect();
    order.sort_by_key(|&j| std::cmp::Reverse(report.columns[j].distinct));
    order.truncate(MOST_PAIR_COLUMNS);
    order.sort_unstable();
    order
}
