//! `report.html`: one file that opens without a network, with what a person wants to see of a run.

use crate::backend::{Backend, BackendError};
use crate::data::Data;
use crate::evaluate::{Dequantization, Evaluator};
use crate::run_folder::Metrics;
use flow_export::freeze::FreezeError;
use flow_export::sample;
use flow_model::flow::Flow;
use flow_table::Table;
use flow_table::plot::{Curve, histogram, loss_curves, pair_plot, plane};
use std::fmt::Write;

/// Rows drawn from the flow for the pictures.
const SAMPLES: usize = 4000;
/// Most columns of a pair plot.
const MOST_PAIRS: usize = 6;

/// Rows drawn from the flow by the device engine, each in the context of a validation row.
///
/// # Errors
/// A flow that cannot be frozen.
pub fn sample(flow: &Flow, params: &[f32], validation: &Table, seed: u64) -> Result<Table, FreezeError> {
    let rows = sample::beside(flow.spec(), params, validation, SAMPLES, seed)?;
    Ok(Table::from_rows("samples", validation.names().to_vec(), &rows).expect("rows of the flow's own columns"))
}

/// The report of a finished run.
///
/// # Errors
/// If the backend fails while it draws samples.
pub fn report(
    title: &str,
    flow: &Flow,
    params: &[f32],
    data: &Data,
    figures: &Metrics,
    samples: Option<&Table>,
    backend: &dyn Backend,
) -> Result<String, BackendError> {
    let mut evaluator = Evaluator::new(flow, backend, 1024)?;
    let mut log_prob = |table: &Table| evaluator.log_prob(params, table, Dequantization::Midpoint);
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    let (train_scores, validation_scores) = (wide(log_prob(&data.train)?), wide(log_prob(&data.validation)?));

    let points = |f: fn(&crate::train::Epoch) -> f64| {
        figures.history.iter().map(|e| (e.number as f64, f(e))).collect::<Vec<_>>()
    };
    let (train, validation) = (points(|e| e.train_nll), points(|e| e.validation_nll));
    let curves = [Curve { name: "training", points: &train }, Curve { name: "validation", points: &validation }];
    let best = (figures.best_epoch > 0).then_some((figures.best_epoch as f64, -figures.best_val_log_prob));
    let (what, shown) = match samples {
        Some(samples) => ("Data and samples", samples),
        None => ("Training and validation rows", &data.validation),
    };
    // A mixture by EM has no epochs to show.
    let losses = (!train.is_empty()).then(|| loss_curves("Negative log-likelihood", "nats a row", &curves, best));
    let picture = if flow.columns() == 2 && flow.dim() == 2 {
        let mut failure = None;
        let names = data.train.names().to_vec();
        let mut density = |points: &[[f32; 2]]| {
            // A picture of columns as wide as f32 has corners beyond it.
            let within = |v: f32| if v.is_nan() { 0.0 } else { v.clamp(f32::MIN, f32::MAX) };
            let points: Vec<[f32; 2]> = points.iter().map(|p| p.map(within)).collect();
            let rows: Vec<&[f32]> = points.iter().map(|p| &p[..]).collect();
            let table = Table::from_rows("grid", names.clone(), &rows).expect("two columns");
            match log_prob(&table) {
                Ok(values) => wide(values),
                Err(error) => {
                    failure.get_or_insert(error);
                    vec![f64::NEG_INFINITY; points.len()]
                }
            }
        };
        let svg = plane("Data, samples and density", &data.train, shown, Some(&mut density));
        match failure {
            Some(error) => return Err(error),
            None => svg,
        }
    } else {
        pair_plot(what, &data.train, shown, &most_varied(data))
    };
    let scores = histogram(
        "Log-density of the rows, at midpoints",
        "nats",
        &[("training", &train_scores), ("validation", &validation_scores)],
    );
    let pictures = [losses, Some(picture), Some(scores)];
    Ok(page(title, figures, data, &pictures, flow.columns() > MOST_PAIRS))
}

/// The columns with the most different values, at most [`MOST_PAIRS`], in the table's order.
fn most_varied(data: &Data) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.profile.columns().len()).collect();
    order.sort_by_key(|&j| std::cmp::Reverse(data.profile.columns()[j].stats.distinct));
    order.truncate(MOST_PAIRS);
    order.sort_unstable();
    order
}

fn page(title: &str, figures: &Metrics, data: &Data, pictures: &[Option<String>], some_columns: bool) -> String {
    let mut html = String::from(HEAD);
    let title = escape(title);
    let mut put = |text: String| html.push_str(&text);
    put(format!("<title>{title}</title></head><body><main><h1>{title}</h1>"));
    let ending = serde_json::to_value(figures.ending).ok().and_then(|v| v.as_str().map(str::to_owned));
    let rows = [
        ("validation log-density", format!("{:.4} nats a row", figures.best_val_log_prob)),
        ("kept from epoch", format!("{} of {}", figures.best_epoch, figures.history.len())),
        ("ended by", ending.unwrap_or_default()),
        ("rows", format!("{} training, {} validation", figures.train_rows, figures.validation_rows)),
        ("split", data.split.clone()),
        ("parameters", figures.parameters.to_string()),
        ("steps", format!("{} ({} skipped)", figures.steps, figures.skipped)),
        ("time", format!("{:.1} s, {:.0} steps/s", figures.train_seconds, figures.steps_per_second)),
        ("backend", figures.backend.clone()),
        ("smoothing", format!("{:.3} deviations", figures.settings.smoothing)),
        ("seed", figures.settings.seed.to_string()),
    ];
    let facts = rows.iter().fold(String::new(), |mut all, (name, value)| {
        let _ = write!(all, "<tr><th>{name}</th><td>{}</td></tr>", escape(value));
        all
    });
    put(format!("<table class=\"facts\">{facts}</table>"));
    for (i, picture) in pictures.iter().enumerate() {
        let Some(picture) = picture else { continue };
        let caption = match i {
            1 if some_columns => {
                format!("<figcaption>The {MOST_PAIRS} columns with the most different values.</figcaption>")
            }
            _ => String::new(),
        };
        put(format!("<figure>{picture}{caption}</figure>"));
    }
    put(tried(figures));
    put(distances(figures));
    put("<h2>Columns</h2><div class=\"wide\"><table><tr><th>column</th><th>kind</th><th>min</th><th>max</th>\
         <th>mean</th><th>std</th><th>distinct</th><th>why this kind</th></tr>"
        .to_string());
    for c in data.profile.columns() {
        let s = &c.stats;
        put(format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&c.name),
            c.kind,
            brief(s.min.into()),
            brief(s.max.into()),
            brief(s.mean),
            brief(s.std),
            s.distinct,
            escape(&c.reason)
        ));
    }
    put("</table></div></main></body></html>\n".to_string());
    html
}

/// What `auto` tried.
fn tried(figures: &Metrics) -> String {
    if figures.tried.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<h2>Models tried</h2><div class=\"wide\"><table><tr><th>model</th><th>training</th><th>parameters</th>\
         <th>validation log-density, nats a row</th><th>seconds</th></tr>",
    );
    for t in &figures.tried {
        let (name, chosen) = (t.model.name(), if t.chosen { " (chosen)" } else { "" });
        let _ = write!(
            html,
            "<tr><td>{name}{chosen}</td><td>{}</td><td>{}</td><td>{:.4}</td><td>{:.1}</td></tr>",
            t.training, t.parameters, t.validation_log_prob, t.seconds
        );
    }
    html + "</table></div>"
}

/// Samples beside rows that were not trained on.
fn distances(figures: &Metrics) -> String {
    let Some(found) = &figures.distances else { return String::new() };
    let mut html = format!(
        "<h2>Distance from the validation rows</h2><p>Of {} samples of the flow, and of the training rows: what samples \
         can be expected to reach. Columns: Kolmogorov–Smirnov statistic; rows: energy distance.</p>\
         <div class=\"wide\"><table><tr><th>column</th><th>samples</th><th>training rows</th></tr>",
        found.samples
    );
    for pair in found.columns.iter().chain([&found.energy]) {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{:.4}</td><td>{:.4}</td></tr>",
            escape(&pair.name),
            pair.samples,
            pair.training
        );
    }
    html + "</table></div>"
}

fn brief(value: f64) -> String {
    match value.abs() {
        a if a != 0.0 && !(1e-3..1e6).contains(&a) => format!("{value:.3e}"),
        _ => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_string(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>\
body{margin:0;background:#f4f5f7;color:#1d2733;font:15px/1.5 system-ui,sans-serif}\
main{max-width:1180px;margin:0 auto;padding:2rem 1.5rem 4rem}\
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}\
table{border-collapse:collapse;background:#fff;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #e3e6ea;font-weight:400}\
th{color:#5a6672}.facts{border:1px solid #e3e6ea;border-radius:6px}\
figure{margin:1.2rem 0;padding:1rem;background:#fff;border:1px solid #e3e6ea;border-radius:6px;overflow-x:auto}\
figcaption{text-align:center;color:#5a6672}figure svg{max-width:100%;height:auto;display:block;margin:0 auto}.wide{overflow-x:auto}\
</style>";
