//! `flow-trainer evaluate`: how probable a trained flow finds the rows of a table.

use super::against::rival;
use super::evaluation::{Against, Evaluation};
use super::{BackendArgs, Error, load_backend, print};
use crate::data;
use crate::evaluate::Evaluator;
use crate::importance::Importance;
use crate::judged::{Judged, Rows};
use clap::Args;
use flow_export::calibrate::trained_on;
use flow_export::run_folder::read_checkpoint;
use flow_export::score::Labels;
use flow_export::windows::Recipe;
use flow_model::flow::Flow;
use flow_model::spec::{Column, Kind};
use flow_table::{ReadOptions, ignored_column, metrics};
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
    /// Compare with another run on the same rows: the folder of one; `last` for the run beside this one that was written last
    /// before it; `gmm` for a mixture fitted to this run's training rows, which have to be where they were
    #[arg(long, value_name = "DIR|last|gmm")]
    against: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn evaluate(args: Evaluate) -> Result<(), Error> {
    let checkpoint = read_checkpoint(&args.run)?;
    let flow = Flow::new(checkpoint.spec.clone())?;
    let names: Vec<String> = flow.spec().columns.iter().map(|c| c.name.clone()).collect();
    let missing = data::missing_of(&checkpoint.metadata);
    let recipe = Recipe::of_metadata(&checkpoint.metadata, &args.run)?;
    let keep = recipe.as_ref().map_or_else(|| names.clone(), Recipe::kept);
    let reading = ReadOptions { ignore: args.column, keep, missing };
    let table = data::read_or_generate(&args.data, &reading, args.seed.wrapping_add(2))?;
    let table = data::columns_of(recipe.as_ref(), table)?.matching(&names)?;
    table.notes().iter().for_each(|note| eprintln!("{note}"));
    if let Some((trained, _)) = trained_on(&checkpoint, &table)? {
        let (rows, source) = (table.rows(), table.source());
        eprintln!(
            "flow-trainer: warning: {trained} of the {rows} rows of {source} were trained on: what is learned by heart says \
             nothing of other rows (of a built-in set another --seed draws others)"
        );
    }
    if let Some(data::Unsupported { kept, first }) = data::unsupported(&flow.spec().columns, &table) {
        let (rows, outside) = (table.rows(), table.rows() - kept.len());
        eprintln!(
            "flow-trainer: warning: {outside} of {rows} rows have a log-density of -1e30 or so, which every mean shows, {first} in a \
             new training"
        );
    }
    let labels = args.labels.map(|path| Labels::of_table(&path, &table)).transpose()?;
    let labels = labels.as_ref().map(Labels::as_slice);
    let backend = load_backend(&args.backend)?;
    // Before the work, so that a run that cannot be had is told at once.
    let rivals = args.against.iter().map(|name| rival(name, &args.run, &checkpoint, backend.as_ref()));
    let rivals = rivals.collect::<Result<Vec<_>, _>>()?;

    let rows = Rows { table: &table, labels, seed: args.seed, draws: args.iwae };
    let judged = Judged::of(&flow, &checkpoint.params, &rows, backend.as_ref())?;
    let mut evaluator = Evaluator::new(&flow, backend.as_ref(), table.rows())?;
    let normal = table.select(&rows.normal());
    let importance = Importance::of(&mut evaluator, &checkpoint.params, &normal, args.seed)?;
    let mut against = Vec::new();
    for rival in rivals {
        let found = Judged::of(&rival.flow, &rival.params, &rows, backend.as_ref())?;
        against.push(Against::of(rival, &found, &judged));
    }

    let modelled: Vec<&Column> = flow.spec().columns.iter().filter(|c| !c.is_context()).collect();
    let discrete = modelled.iter().all(|c| c.is_discrete() || matches!(c.kind, Kind::Constant { .. }));
    let summary = judged.log_prob();
    let evaluation = Evaluation {
        rows: table.rows(),
        mean_log_prob: summary.mean,
        std_error: summary.std_error,
        bits_per_dim: discrete.then(|| metrics::bits_per_dim(summary.mean, modelled.len())),
        auroc: judged.auroc().map(|figure| figure.value),
        auroc_interval: judged.auroc().map(|figure| figure.interval),
        average_precision: judged.average_precision().map(|figure| figure.value),
        average_precision_interval: judged.average_precision().map(|figure| figure.interval),
        resamples: labels.map(|_| rows.resamples()),
        importance,
        against,
        dequantization: "noise",
        draws: args.iwae,
        seed: args.seed,
        backend: backend.name(),
    };
    if args.json {
        let text = serde_json::to_string_pretty(&evaluation).expect("plain data becomes JSON");
        return print(format_args!("{text}"));
    }
    print(format_args!("{}", evaluation.text(&args.run.display().to_string())))
}
