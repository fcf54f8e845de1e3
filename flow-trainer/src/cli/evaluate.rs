//! `flow-trainer evaluate`: how probable a trained flow finds the rows of a table.

use super::{BackendArgs, Error, load_backend, print};
use crate::data;
use crate::evaluate::{Dequantization, Evaluator};
use clap::Args;
use flow_export::run_folder::read_checkpoint;
use flow_export::score::Labels;
use flow_model::flow::Flow;
use flow_model::spec::{Column, Kind};
use flow_table::{ReadOptions, ignored_column, metrics};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Evaluate {
    /// The folder of a run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The rows: CSV (plain or gzip), Parquet, Arrow IPC, NPY or NPZ; a folder of such files; `-` for standard input; or a
    /// built-in set. Several of them make one table. Missing values are treated as in the training
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<String>,
    /// One label for each row: 1 for an anomaly, 0 for a normal row
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,
    /// Leave a column of the table out
    #[arg(long, value_name = "NAME:ignore", value_parser = ignored_column)]
    column: Vec<String>,
    #[command(flatten)]
    backend: BackendArgs,
    /// Seed of the draw that dequantises discrete columns
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Draws of each discrete value's place in its cell: more draws, a tighter bound
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    iwae: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `evaluate --json` prints.
#[derive(Debug, Serialize)]
struct Evaluation {
    rows: usize,
    mean_log_prob: f64,
    std_error: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits_per_dim: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auroc: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_precision: Option<f64>,
    dequantization: &'static str,
    draws: u64,
    seed: u64,
    backend: String,
}

pub(super) fn evaluate(args: Evaluate) -> Result<(), Error> {
    let checkpoint = read_checkpoint(&args.run)?;
    let flow = Flow::new(checkpoint.spec)?;
    let names: Vec<String> = flow.spec().columns.iter().map(|c| c.name.clone()).collect();
    let missing = data::missing_of(&checkpoint.metadata);
    let reading = ReadOptions { ignore: args.column, keep: names.clone(), missing };
    let table = data::read_or_generate(&args.data, &reading, args.seed.wrapping_add(2))?.matching(&names)?;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    let labels = args.labels.map(|path| Labels::of_table(&path, &table)).transpose()?;
    let backend = load_backend(&args.backend)?;
    let mut evaluator = Evaluator::new(&flow, backend.as_ref(), table.rows())?;
    let noisy = evaluator.importance_weighted(&checkpoint.params, &table, args.seed, args.iwae)?;
    let normal = |i: usize| labels.as_ref().is_none_or(|labels| !labels.as_slice()[i]);
    let summary = metrics::Summary::of(noisy.iter().enumerate().filter(|(i, _)| normal(*i)).map(|(_, &v)| v));
    let scores = match &labels {
        Some(_) => evaluator.log_prob(&checkpoint.params, &table, Dequantization::Midpoint)?,
        None => Vec::new(),
    };
    let oddness: Vec<f64> = scores.iter().map(|&v| -f64::from(v)).collect();
    let modelled: Vec<&Column> = flow.spec().columns.iter().filter(|c| !c.is_context()).collect();
    let discrete = modelled.iter().all(|c| c.is_discrete() || matches!(c.kind, Kind::Constant { .. }));
    let evaluation = Evaluation {
        rows: table.rows(),
        mean_log_prob: summary.mean,
        std_error: summary.std_error,
        bits_per_dim: discrete.then(|| metrics::bits_per_dim(summary.mean, modelled.len())),
        auroc: labels.as_ref().and_then(|labels| metrics::auroc(&oddness, labels.as_slice())),
        average_precision: labels.as_ref().and_then(|labels| metrics::average_precision(&oddness, labels.as_slice())),
        dequantization: "noise",
        draws: args.iwae,
        seed: args.seed,
        backend: backend.name(),
    };
    if args.json {
        let text = serde_json::to_string_pretty(&evaluation).expect("plain data becomes JSON");
        return print(format_args!("{text}"));
    }
    let of = if labels.is_some() { "over the rows labelled normal" } else { "over all rows" };
    print(format_args!("rows                {}", evaluation.rows))?;
    print(format_args!(
        "mean log-density    {:.4} ± {:.4} nats a row, {of}",
        evaluation.mean_log_prob, evaluation.std_error
    ))?;
    for (name, value) in [
        ("bits per dimension ", evaluation.bits_per_dim),
        ("area under ROC     ", evaluation.auroc),
        ("average precision  ", evaluation.average_precision),
    ] {
        if let Some(value) = value {
            print(format_args!("{name} {value:.4}"))?;
        }
    }
    Ok(())
}
