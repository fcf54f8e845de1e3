//! What `flow-trainer evaluate` prints, as JSON or as text.

use super::against::Rival;
use crate::importance::Importance;
use crate::judged::{Difference, Figure, Judged, LEVEL};
use serde::Serialize;
use std::fmt::Write;

/// What `evaluate --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    pub(super) rows: usize,
    pub(super) mean_log_prob: f64,
    pub(super) std_error: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bits_per_dim: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auroc: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auroc_interval: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_precision: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_precision_interval: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resamples: Option<usize>,
    pub(super) importance: Importance,
    pub(super) against: Vec<Against>,
    pub(super) dequantization: &'static str,
    pub(super) draws: u64,
    pub(super) seed: u64,
    pub(super) backend: String,
}

/// The run beside another.
#[derive(Debug, Serialize)]
pub(super) struct Against {
    name: String,
    mean_log_prob: f64,
    std_error: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auroc: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_precision: Option<Figure>,
    /// The run less the other.
    difference: Difference,
    /// Why the log-densities of the two do not compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomparable: Option<String>,
}

impl Against {
    /// What `rival` made of the rows, beside what the run did.
    pub(super) fn of(rival: Rival, found: &Judged, run: &Judged) -> Self {
        let summary = found.log_prob();
        Against {
            name: rival.name,
            mean_log_prob: summary.mean,
            std_error: summary.std_error,
            auroc: found.auroc(),
            average_precision: found.average_precision(),
            difference: run.less(found),
            incomparable: rival.incomparable,
        }
    }
}

impl Evaluation {
    /// The evaluation of the run `name`, for people.
    pub(super) fn text(&self, name: &str) -> String {
        let mut text = format!("rows                {}\n", self.rows);
        let of = if self.auroc.is_some() { "over the rows labelled normal" } else { "over all rows" };
        let _ =
            writeln!(text, "mean log-density    {:.4} ± {:.4} nats a row, {of}", self.mean_log_prob, self.std_error);
        if let Some(bits) = self.bits_per_dim {
            let _ = writeln!(text, "bits per dimension  {bits:.4}");
        }
        for (what, value, interval) in [
            ("area under ROC    ", self.auroc, self.auroc_interval),
            ("average precision ", self.average_precision, self.average_precision_interval),
        ] {
            if let (Some(value), Some([low, high])) = (value, interval) {
                let _ = writeln!(text, "{what}  {value:.4}, from {low:.4} to {high:.4}");
            }
        }
        if let Some(resamples) = self.resamples {
            let share = 100.0 * LEVEL;
            let _ = writeln!(
                text,
                "                    (from … to: the central {share:.0} % of {resamples} bootstrap resamples)"
            );
        }
        self.say_importance(&mut text);
        self.say_against(name, &mut text);
        text.trim_end().to_string()
    }

    fn say_importance(&self, text: &mut String) {
        let Importance { rows, columns } = &self.importance;
        let _ = writeln!(text, "\nnats a row that are lost where a column's values are shuffled among {rows} rows:");
        let width = columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
        let mut order: Vec<_> = columns.iter().collect();
        order.sort_by(|a, b| b.nats.total_cmp(&a.nats));
        for column in order {
            let _ = writeln!(text, "  {:width$}  {:>12.4} ± {:.4}", column.name, column.nats, column.std_error);
        }
    }

    fn say_against(&self, name: &str, text: &mut String) {
        if self.against.is_empty() {
            return;
        }
        let width = self.against.iter().map(|a| a.name.chars().count()).max().unwrap_or(0).max(name.chars().count());
        let labelled = self.auroc.is_some();
        let headings = if labelled { "  area under ROC  average precision" } else { "" };
        let _ = writeln!(text, "\n{:width$}  {:>12}{headings}", "", "log-density");
        let ranked = |auroc: Option<f64>, precision: Option<f64>| match (auroc, precision) {
            (Some(auroc), Some(precision)) => format!("  {auroc:>14.4}  {precision:>17.4}"),
            _ => String::new(),
        };
        let line = |text: &mut String, name: &str, log_prob: f64, more: String| {
            let _ = writeln!(text, "{name:width$}  {log_prob:>12.4}{more}");
        };
        line(text, name, self.mean_log_prob, ranked(self.auroc, self.average_precision));
        for other in &self.against {
            let figures = ranked(other.auroc.map(|f| f.value), other.average_precision.map(|f| f.value));
            line(text, &other.name, other.mean_log_prob, figures);
        }
        for other in &self.against {
            let Difference { mean_log_prob, std_error, auroc, average_precision } = &other.difference;
            let _ = writeln!(text, "\n{name} less {}:", other.name);
            let _ = writeln!(text, "  log-density        {mean_log_prob:>+9.4} ± {std_error:.4} nats a row");
            for (what, figure) in [("area under ROC   ", auroc), ("average precision", average_precision)] {
                if let Some(Figure { value, interval: [low, high] }) = figure {
                    let _ = writeln!(text, "  {what}  {value:>+9.4}, from {low:+.4} to {high:+.4}");
                }
            }
            if let Some(why) = &other.incomparable {
                let _ = writeln!(text, "  its log-densities do not compare: {why}");
            }
        }
    }
}
