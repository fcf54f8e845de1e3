//! The tables of the report.

use super::{ColumnFacts, Oddest, Report};
use crate::distances::Distances;
use crate::run_folder::Metrics;
use flow_table::html::{Cell, Rows, brief, escape, grouped};

/// Columns of an odd row that are named.
const BLAMED: usize = 3;

fn number(value: impl std::fmt::Display) -> Cell {
    Cell::Number(value.to_string())
}

/// The figures that matter most.
pub(super) fn cards(report: &Report) -> String {
    let metrics = &report.metrics;
    let mut cards = vec![
        (format!("{:.4}", metrics.best_val_log_prob), "validation log-density, nats a row".to_string()),
        (grouped(metrics.parameters), "parameters".to_string()),
        (format!("{:.1} s", metrics.train_seconds), "training".to_string()),
    ];
    if let Some(device) = &report.device {
        cards.extend([
            (format!("{} B", grouped(device.file_bytes)), "frozen file, in flash".to_string()),
            (format!("{} B", grouped(device.scratch_bytes)), "scratch, in RAM".to_string()),
            (grouped(device.macs_log_prob as usize), "multiply-accumulates a log-density".to_string()),
        ]);
    }
    let card = |(value, what): (String, String)| {
        format!("<div class=\"card\"><b>{}</b><span>{}</span></div>", escape(&value), escape(&what))
    };
    format!("<div class=\"cards\">{}</div>", cards.into_iter().map(card).collect::<String>())
}

/// How the training was set and went.
pub(super) fn training(report: &Report) -> String {
    let metrics = &report.metrics;
    let settings = &metrics.settings;
    let ending = serde_json::to_value(metrics.ending).ok().and_then(|v| v.as_str().map(str::to_owned));
    let mut facts = vec![
        ("rows", format!("{} training, {} validation", grouped(metrics.train_rows), grouped(metrics.validation_rows))),
        ("split", report.split.clone()),
        ("backend", metrics.backend.clone()),
        ("kept from epoch", format!("{} of {}", metrics.best_epoch, metrics.history.len())),
        ("ended by", ending.unwrap_or_default()),
        ("steps", format!("{}, of which {} skipped", grouped(metrics.steps), grouped(metrics.skipped))),
        ("time", time(metrics)),
        ("batch", format!("{} rows", grouped(settings.batch))),
        ("learning rate", format!("{} at most", settings.learning_rate)),
        ("smoothing", format!("{:.3} deviations", settings.smoothing)),
        ("seed", settings.seed.to_string()),
    ];
    if metrics.history.is_empty() {
        // A mixture by EM has no epochs, batches and rates.
        facts.retain(|(name, _)| !["kept from epoch", "batch", "learning rate"].contains(name));
    }
    key_values(&facts)
}

fn time(metrics: &Metrics) -> String {
    let epochs = metrics.history.len();
    let each = if epochs == 0 {
        String::new()
    } else {
        format!(", {:.2} s an epoch, {:.0} steps/s", metrics.train_seconds / epochs as f64, metrics.steps_per_second)
    };
    format!("{:.1} s{each}", metrics.train_seconds)
}

fn key_values(facts: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    format!("<div class=\"scroll\"><table>{}</table></div>", facts.iter().map(row).collect::<String>())
}

/// What several seeds came to, and what `auto` tried.
pub(super) fn seeds_and_tries(metrics: &Metrics) -> String {
    let mut html = String::new();
    if let Some(found) = &metrics.seeds {
        let mut rows = Rows::new(&["seed#", "validation log-density, nats a row#", "epoch#", "steps#", "seconds#", ""]);
        for of in &found.seeds {
            rows.row(&[
                number(of.seed),
                number(format_args!("{:.4}", of.best_val_log_prob)),
                number(of.best_epoch),
                number(of.steps),
                number(format_args!("{:.1}", of.train_seconds)),
                Cell::Text(if of.kept { "kept" } else { "" }.to_string()),
            ]);
        }
        html += &format!(
            "<h2>Seeds</h2><p>Mean {:.4} nats a row, standard deviation between seeds {:.4}.</p>{}",
            found.mean,
            found.spread,
            rows.finish()
        );
    }
    if !metrics.tried.is_empty() {
        let headings = ["model", "training", "parameters#", "validation log-density, nats a row#", "seconds#", ""];
        let mut rows = Rows::new(&headings);
        for t in &metrics.tried {
            rows.row(&[
                Cell::Text(t.model.name().to_string()),
                Cell::Text(t.training.to_string()),
                number(grouped(t.parameters)),
                number(format_args!("{:.4}", t.validation_log_prob)),
                number(format_args!("{:.1}", t.seconds)),
                Cell::Text(if t.chosen { "chosen" } else { "" }.to_string()),
            ]);
        }
        html += &format!("<h2>Models tried</h2>{}", rows.finish());
    }
    html
}

/// Samples beside rows that were not trained on.
pub(super) fn distances(found: &Distances) -> String {
    let mut rows = Rows::new(&["column", "samples#", "training rows#"]);
    let columns = found.columns.iter().map(|pair| (pair.name.as_str(), pair));
    for (name, pair) in columns.chain([("whole rows: energy distance", &found.energy)]) {
        let [samples, training] = [pair.samples, pair.training].map(|v| number(format_args!("{v:.4}")));
        rows.row(&[Cell::Text(name.to_string()), samples, training]);
    }
    rows.finish()
}

/// The distributions of log-densities.
pub(super) fn log_prob(report: &Report) -> String {
    let headings = [
        "rows of", "rows#", "mean#", "±#", "lowest#", "1 %#", "5 %#", "25 %#", "50 %#", "75 %#", "95 %#", "99 %#",
        "highest#",
    ];
    let mut rows = Rows::new(&headings);
    for group in &report.log_prob {
        let mut cells = vec![Cell::Text(group.name.to_string()), number(grouped(group.rows))];
        cells.extend([group.mean, group.std_error].iter().map(|v| number(format_args!("{v:.4}"))));
        cells.extend(group.quantiles.iter().map(|v| number(format_args!("{v:.2}"))));
        rows.row(&cells);
    }
    rows.finish()
}

/// Latent values against N(0, 1). What is farther than usual is marked.
pub(super) fn calibration(report: &Report) -> String {
    let headings = ["latent value", "mean#", "deviation#", "largest distance#", "exceeded by 1 in 20#"];
    let mut rows = Rows::new(&headings);
    for z in &report.calibration {
        let distance = format!("{:.4}", z.distance);
        rows.row(&[
            Cell::Text(z.name.clone()),
            number(format_args!("{:.3}", z.mean)),
            number(format_args!("{:.3}", z.std)),
            if z.distance > z.usual_distance { Cell::Marked(distance) } else { Cell::Number(distance) },
            number(format_args!("{:.4}", z.usual_distance)),
        ]);
    }
    rows.finish()
}

/// The oddest rows, with the columns because of which they are.
pub(super) fn oddest(oddest: &Oddest) -> String {
    let names = oddest.columns.iter().map(|name| format!("{name}#"));
    let headings: Vec<String> = ["row#", "log-density#", "nats gained by another value of"]
        .map(str::to_owned)
        .into_iter()
        .chain(names)
        .collect();
    let mut rows = Rows::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for odd in &oddest.rows {
        let blamed = odd.blamed(BLAMED);
        let gain = |&j: &usize| format!("{} {:.1}", oddest.columns[j], odd.gains[j]);
        let reasons = blamed.iter().map(gain).collect::<Vec<_>>().join(", ");
        let several = oddest.rows.iter().any(|other| other.of != odd.of);
        let row = if several { format!("{} of {}", odd.row, odd.of) } else { odd.row.to_string() };
        let mut cells = vec![Cell::Number(row), number(format_args!("{:.2}", odd.log_prob)), Cell::Text(reasons)];
        cells.extend(odd.values.iter().enumerate().map(|(j, value)| {
            let text = value.to_string();
            if blamed.contains(&j) { Cell::Marked(text) } else { Cell::Number(text) }
        }));
        rows.row(&cells);
    }
    rows.finish()
}

/// What the flow takes on a device.
pub(super) fn device(report: &Report) -> String {
    let Some(device) = &report.device else {
        return "<p>The flow cannot be frozen: see what the training said.</p>".to_string();
    };
    let calibrated = match device.calibration_rows {
        0 => "not calibrated".to_string(),
        rows => format!("calibrated with {rows} rows"),
    };
    let mut facts = vec![
        ("model size, flash", format!("{} bytes: the frozen file, {calibrated}", grouped(device.file_bytes))),
        ("RAM", format!("{} bytes of scratch", grouped(device.scratch_bytes))),
        (
            "work",
            format!(
                "{} multiply-accumulates a log-density, {} a sample",
                grouped(device.macs_log_prob as usize),
                grouped(device.macs_sample as usize)
            ),
        ),
        (
            "on a Cortex-M4F",
            format!("about {} instructions a log-density", grouped(device.instructions_log_prob as usize)),
        ),
        ("self-test on this host", device.self_test.clone()),
        ("model id", format!("{}, format {}", device.model_id, device.format_version)),
    ];
    if let Some(time) = device.host_microseconds {
        facts.insert(3, ("time on this host", format!("{time:.1} µs a log-density, one thread of the device engine")));
    }
    key_values(&facts)
}

/// The columns and why each is taken as what it is.
pub(super) fn columns(columns: &[ColumnFacts]) -> String {
    let headings = ["column", "kind", "min#", "max#", "mean#", "deviation#", "distinct#", "why this kind"];
    let mut rows = Rows::new(&headings);
    for c in columns {
        rows.row(&[
            Cell::Text(c.name.clone()),
            Cell::Text(c.kind.to_string()),
            number(brief(c.min.into())),
            number(brief(c.max.into())),
            number(brief(c.mean)),
            number(brief(c.std)),
            number(grouped(c.distinct)),
            Cell::Text(c.reason.clone()),
        ]);
    }
    rows.finish()
}
