//! What is told while a model is trained, and after.

use super::shape::ShapeArgs;
use super::{Error, say};
use crate::data::Data;
use crate::fitted::News;
use crate::model::{Choices, Model, Permutation};
use crate::run_folder::Metrics;
use crate::search::Try;
use crate::seeds::Seeds;
use crate::train::{Ending, LOST_EPOCHS, Outcome};
use crate::{fit, progress};
use flow_model::spec::Column;

/// Fewer validation rows are warned of.
const FEW_VALIDATION_ROWS: usize = 30;

/// Tells how the work goes.
pub(super) fn tell(news: &News<'_>, data: &Data, progress: &mut Progress) {
    let rows = data.train.rows();
    match news {
        News::Begins(model, flow, settings) => {
            progress.end();
            progress.epochs = settings.epochs;
            let size = match model {
                Model::Gmm => "mixtures of 1 to 64 components".to_string(),
                _ => format!("{} parameters, at most {} epochs", flow.layout().total(), settings.epochs),
            };
            let _ = say(format_args!(
                "model: {}, {size}; {rows} training and {} validation rows, batch {}",
                model.name(),
                data.validation.rows(),
                settings.batch,
            ));
        }
        News::Tries(name, training) => {
            progress.end();
            let _ = say(format_args!("{name}, {training} training"));
        }
        News::Resumes(epochs, steps) => {
            let _ = say(format_args!("resumed after {steps} steps, {epochs} epochs"));
        }
        News::Epoch(epoch, elapsed) => {
            let epochs = progress.epochs;
            progress.line.get_or_insert_with(|| progress::Line::new(epochs, rows)).epoch(epoch, *elapsed);
        }
        News::LeftOut(model, parameters) => {
            progress.end();
            let _ = say(format_args!("{} is left out: it would have {parameters} parameters", model.name()));
        }
        News::Mixture(tried) => {
            eprintln!(
                "{} components, ridge {}: {:.4} nats a row, on the layers' axes",
                tried.components, tried.ridge, tried.validation
            );
        }
    }
}

/// The line that shows how a training goes, once it has an epoch to show.
#[derive(Default)]
pub(super) struct Progress {
    line: Option<progress::Line>,
    epochs: usize,
}

impl Progress {
    pub(super) fn end(&mut self) {
        if let Some(line) = self.line.take() {
            line.finish();
        }
    }
}

/// Says how much the density is smoothed, and which masses are smoothed over.
pub(super) fn say_smoothing(data: &Data, columns: &[Column], choices: &Choices) -> Result<(), Error> {
    let deviation = choices.smoothing.deviation(data.train.rows(), columns);
    if deviation == 0.0 {
        return Ok(());
    }
    let described = data.profile.columns().iter();
    let lost: Vec<&str> = described
        .filter(|c| c.atoms.iter().any(|(_, share)| !fit::keeps(c.kind, *share)))
        .map(|c| c.name.as_str())
        .collect();
    let over = match lost.as_slice() {
        [] => String::new(),
        names => format!(", over the masses of {} too", names.join(", ")),
    };
    say(format_args!("smoothing: noise of {deviation:.3} deviations in training{over} (--smoothing 0 for none)"))?;
    if columns.iter().filter(|column| column.standard().is_some()).count() > 1 {
        say(format_args!("  columns that contradict each other by less than that are hardly found odd"))?;
    }
    Ok(())
}

/// Says what was asked for and has no effect, and what a model cannot see.
pub(super) fn warn_of_no_effect(model: Model, shape: &ShapeArgs, columns: &[Column], validation_rows: usize) {
    let asked = [
        ("--base", shape.base.is_some()),
        ("--couplings", shape.couplings.is_some()),
        ("--hidden", shape.hidden.is_some()),
        ("--residual", shape.residual),
        ("--act-norm", shape.act_norm),
        ("--permutation", shape.permutation != Permutation::Usual),
    ];
    let of_splines = [("--num-bins", shape.num_bins.is_some()), ("--tail-bound", shape.tail_bound.is_some())];
    let warn = |text: &str| eprintln!("flow-trainer: warning: {text}");
    if model == Model::Gmm {
        for (flag, _) in asked.iter().filter(|(_, asked)| *asked) {
            warn(&format!("{flag} has no effect on gmm, which has neither layers nor conditioners"));
        }
    }
    if matches!(model, Model::Gmm | Model::Realnvp | Model::Maf) {
        for (flag, _) in of_splines.iter().filter(|(_, asked)| *asked) {
            warn(&format!("{flag} has no effect on {}, which has no splines", model.name()));
        }
    }
    if matches!(model, Model::Maf | Model::MafRqs) && shape.residual {
        warn("--residual has no effect on autoregressive layers; couplings (realnvp, nsf) have residual conditioners");
    }
    if matches!(model, Model::Gmm | Model::Auto) && columns.iter().any(|c| c.is_context() || c.is_circular()) {
        warn("the mixtures of gmm depend neither on context columns nor on angles: flows do");
    }
    if validation_rows < FEW_VALIDATION_ROWS {
        warn(&format!(
            "{validation_rows} validation rows say little of when to stop and of which model is better; more rows, or \
             --val FILE, would"
        ));
    }
}

/// Says what `auto` tried and why it chose.
pub(super) fn say_tries(tries: &[Try], chosen: Model) -> Result<(), Error> {
    if tries.is_empty() {
        return Ok(());
    }
    say(format_args!(
        "{:10} {:>8}  {:>10}  {:>12}  {:>8}",
        "tried", "training", "parameters", "validation", "seconds"
    ))?;
    for t in tries {
        say(format_args!(
            "{:10} {:>8}  {:>10}  {:>12.4}  {:>8.1}",
            t.model.name(),
            t.training,
            t.parameters,
            t.validation_log_prob,
            t.seconds
        ))?;
    }
    say(format_args!(
        "chosen: {}: the fewest parameters of those within a standard error of the most probable validation rows",
        chosen.name()
    ))
}

/// Says what several seeds came to.
pub(super) fn say_seeds(seeds: Option<&Seeds>) -> Result<(), Error> {
    let Some(Seeds { mean, spread, seeds }) = seeds else { return Ok(()) };
    say(format_args!("{:>8}  {:>12}  {:>6}  {:>8}  {:>8}", "seed", "validation", "epoch", "steps", "seconds"))?;
    for of in seeds {
        say(format_args!(
            "{:>8}  {:>12.4}  {:>6}  {:>8}  {:>8.1}{}",
            of.seed,
            of.best_val_log_prob,
            of.best_epoch,
            of.steps,
            of.train_seconds,
            if of.kept { "  kept" } else { "" }
        ))?;
    }
    say(format_args!("{} seeds: {mean:.4} nats a row, standard deviation {spread:.4}", seeds.len()))
}

pub(super) fn say_how_it_ended(outcome: &Outcome, metrics: &Metrics) -> Result<(), Error> {
    let why = match outcome.ending {
        Ending::Epochs => "all epochs done",
        Ending::Patience => "no better validation loss for a while",
        Ending::Diverged => {
            eprintln!(
                "flow-trainer: warning: the training diverged: in {LOST_EPOCHS} epochs in a row most steps had a loss that is \
                 not finite or far above that of the start. The best parameters before that are kept; try a smaller --lr or less --smoothing"
            );
            "diverged"
        }
        Ending::Interrupted => "interrupted; the best parameters so far are kept, and --resume goes on",
        Ending::Time => "the time is over; the best parameters so far are kept",
        Ending::Fitted => {
            return say(format_args!(
                "fitted: validation log-density {:.4} nats a row, {} mixtures in {:.1} s",
                outcome.best_validation_log_prob, outcome.steps, metrics.train_seconds
            ));
        }
    };
    say(format_args!(
        "{why}: best validation log-density {:.4} nats a row at epoch {} of {}, {} steps in {:.1} s ({:.0} steps/s)",
        outcome.best_validation_log_prob,
        outcome.best_epoch,
        outcome.history.len(),
        outcome.steps,
        metrics.train_seconds,
        metrics.steps_per_second
    ))
}
