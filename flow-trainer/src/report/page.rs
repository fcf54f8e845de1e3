//! The page, from top to bottom.

use super::pictures::Pictures;
use super::{Report, tables};
use flow_table::html::{escape, figure, head};
use flow_table::plot::{MOST_MULTIPLES, MOST_PAIR_COLUMNS};

pub(super) fn page(report: &Report, pictures: &Pictures) -> String {
    let mut html = head(&report.title);
    let mut put = |text: &str| html.push_str(text);
    put(&format!("<body><main><h1>{}</h1>", escape(&report.title)));
    put(&tables::cards(report));

    put("<h2>Training</h2>");
    if let Some([loss, rate, norm]) = &pictures.training {
        put(&figure(loss, ""));
        put(&format!("<div class=\"two\">{}{}</div>", figure(rate, ""), figure(norm, "")));
        put("<p></p>");
    }
    put(&tables::training(report));
    put(&tables::seeds_and_tries(&report.metrics));

    put("<h2>Samples beside data</h2>");
    let caption = if pictures.some_columns {
        format!("The {MOST_PAIR_COLUMNS} columns with the most different values.")
    } else {
        String::new()
    };
    put(&figure(&pictures.rows, &caption));
    put(&figure(&pictures.columns, &first(report.columns.len(), "columns")));
    if let Some(found) = &report.metrics.distances {
        put(&format!(
            "<p>Distance from the validation rows, of {} samples of the flow, and of the training rows: what samples can be \
             expected to reach. Columns: Kolmogorov–Smirnov statistic; rows: energy distance.</p>",
            found.samples
        ));
        put(&tables::distances(found));
    }

    put("<h2>Log-density of the rows</h2>");
    put(&figure(&pictures.log_prob, ""));
    put(&tables::log_prob(report));

    put("<h2>Calibration of the latent variable</h2>");
    put(
        "<p>Each latent value of the validation rows, put through the distribution function of its base and the inverse of the \
         normal one. If the flow is right, that is N(0, 1). Marked: farther off than a right flow is in 19 of 20 tables.</p>",
    );
    if report.metrics.settings.smoothing > 0.0 {
        put(
            "<p>This training smooths the density: the flow is wider than the rows are, and deviations below 1 are what that \
             comes to.</p>",
        );
    }
    put(&figure(&pictures.latent, &first(report.calibration.len(), "latent values")));
    put(&tables::calibration(report));

    put("<h2>The oddest rows</h2>");
    put(&format!(
        "<p>The least probable of {} rows of {}. Beside each the columns whose value does not fit the others: what the row \
         gains, in nats, if that one value is replaced by the best of 32 usual ones (or of fewer, where columns are many).</p>",
        report.oddest.among,
        escape(&report.oddest.source)
    ));
    put(&tables::oddest(&report.oddest));

    put("<h2>On a device</h2>");
    put(&tables::device(report));

    put("<h2>Columns</h2>");
    put(&tables::columns(&report.columns));
    put("</main></body></html>\n");
    html
}

/// What is said where not all are drawn.
fn first(all: usize, what: &str) -> String {
    if all > MOST_MULTIPLES { format!("The first {MOST_MULTIPLES} of {all} {what}.") } else { String::new() }
}
