//! The report of a back-test: one HTML file that opens without a network.

use super::text::{delay, notes};
use super::{Backtest, Method};
use flow_table::html::{Cell, Rows, brief, escape, figure, grouped, head};
use flow_table::plot::{Curve, Mark, Timeline, curves, timeline};

/// Episodes that are listed of each method.
const MOST_EPISODES: usize = 100;

/// Windows that are listed.
const MOST_WINDOWS: usize = 100;

/// Drift alarms that are listed of each method.
const MOST_DRIFT: usize = 20;

/// The page.
pub fn page(found: &Backtest) -> String {
    let title = format!("Back-test of {}", found.model);
    let mut html = head(&title);
    let mut put = |text: &str| html.push_str(text);
    put(&format!("<body><main><h1>{}</h1>", escape(&title)));
    put(&cards(found));
    let span = found.times.as_ref().map_or(String::new(), |[from, to]| format!(" from {from} to {to}"));
    put(&format!(
        "<p>{1} rows of {2}{span}, through the engine of the device. An alarm where p, the share of usual rows that are as odd \
         or odder, is at most {3:.2e}. Alarms at most {0} rows apart are one episode; an episode is false where it lies more than {0} rows \
         away from every window.</p>",
        found.apart,
        grouped(found.rows),
        escape(&found.data),
        found.alarm_p
    ));
    for note in notes(found) {
        put(&format!("<p>{}.</p>", escape(&note)));
    }

    put("<h2>Timeline</h2>");
    for method in &found.methods {
        put(&figure(&picture(found, method), ""));
    }

    put("<h2>Side by side</h2>");
    put(&side_by_side(found));
    put(
        "<p>Chosen is the share of usual rows that may be alarms, achieved the share of the rows outside all windows that are, \
         with the interval of Clopper and Pearson at 95 %. It holds if rows do not depend on each other; where odd rows come \
         in runs the truth can lie outside.</p>",
    );
    if !found.methods[0].windows.is_empty() {
        put("<h2>Windows</h2>");
        put(&windows(found));
    }

    put("<h2>Other thresholds</h2>");
    put("<p>What an alarm at another p would have come to.</p>");
    put(&sweep(found));
    if !found.methods[0].windows.is_empty() {
        put(
            "<p>The fewest false episodes in 1,000 rows away from all windows with which so many windows are found, the threshold chosen in \
             hindsight:</p>",
        );
        put(&trade(found));
    }

    put("<h2>Sensors</h2>");
    put(&status(found));
    for method in &found.methods {
        put(&format!("<h2>Episodes of {}</h2>", escape(&method.name)));
        put(&episodes(method));
        put(&drift(method));
    }
    put("</main></body></html>\n");
    html
}

fn cards(found: &Backtest) -> String {
    let method = &found.methods[0];
    let rate = match method.alarms_per_day {
        Some(rate) => (brief(rate), "alarms a day"),
        None => (brief(method.alarms_per_1000_rows), "alarms in 1,000 rows"),
    };
    let mut cards = vec![(grouped(found.rows), "rows"), (grouped(method.alarms), "alarms"), rate];
    cards.push((grouped(method.episodes.len()), "episodes"));
    if !method.windows.is_empty() {
        cards.push((format!("{} of {}", method.windows_found, method.windows.len()), "windows found"));
        cards.push((grouped(method.false_episodes), "false episodes"));
    }
    if let Some(drift) = &method.drift {
        cards.push((grouped(drift.alarms.len()), "drift alarms"));
    }
    let card = |(value, what): (String, &str)| {
        format!("<div class=\"card\"><b>{}</b><span>{what}</span></div>", escape(&value))
    };
    format!("<div class=\"cards\">{}</div>", cards.into_iter().map(card).collect::<String>())
}

fn picture(found: &Backtest, method: &Method) -> String {
    let windows: Vec<[f64; 2]> = found
        .windows
        .list()
        .iter()
        .map(|w| match w.times {
            Some(times) => times.map(|time| time as f64),
            None => [w.first, w.last].map(|row| found.numbers[row] as f64),
        })
        .collect();
    // The picture counts the rows that there are.
    let place = |number: usize| found.numbers.partition_point(|&other| other < number);
    let mark = |episode: &super::Episode| (place(episode.oddest_row), episode.column.clone(), episode.window.is_some());
    let marks: Vec<(usize, Option<String>, bool)> = method.episodes.iter().map(mark).collect();
    let marks: Vec<Mark> = marks
        .iter()
        .map(|(row, column, inside)| Mark { row: *row, label: column.as_deref().unwrap_or(""), inside: *inside })
        .collect();
    let drift: Vec<usize> =
        method.drift.iter().flat_map(|drift| drift.alarms.iter().map(|alarm| place(alarm.row))).collect();
    timeline(&Timeline {
        title: &method.name,
        times: found.times_of_rows.as_deref(),
        numbers: &found.numbers,
        ln_p: &method.ln_p,
        alarm: found.alarm_p.ln() as f32,
        windows: &windows,
        marks: &marks,
        drift: &drift,
    })
}

fn side_by_side(found: &Backtest) -> String {
    let mut rows = Rows::new(&[
        "",
        "alarms#",
        "a day#",
        "in 1,000 rows#",
        "episodes#",
        "windows found#",
        "false episodes#",
        "p chosen#",
        "p achieved#",
        "interval#",
    ]);
    for method in &found.methods {
        let false_alarms = &method.false_alarms;
        let [low, high] = false_alarms.interval;
        let number = |value: Option<f64>| Cell::Number(value.map_or("–".to_owned(), |value| format!("{value:.2e}")));
        let off = found.alarm_p < low || found.alarm_p > high;
        let interval = format!("{low:.2e} to {high:.2e}");
        rows.row(&[
            Cell::Text(method.name.clone()),
            Cell::Number(grouped(method.alarms)),
            Cell::Number(method.alarms_per_day.map_or("–".to_owned(), brief)),
            Cell::Number(brief(method.alarms_per_1000_rows)),
            Cell::Number(grouped(method.episodes.len())),
            Cell::Number(format!("{} of {}", method.windows_found, method.windows.len())),
            Cell::Number(grouped(method.false_episodes)),
            number(Some(false_alarms.chosen)),
            number(false_alarms.achieved),
            if off { Cell::Marked(interval) } else { Cell::Number(interval) },
        ]);
    }
    rows.finish()
}

fn windows(found: &Backtest) -> String {
    let mut headings = vec!["window".to_owned(), "rows#".to_owned()];
    headings.extend(found.methods.iter().map(|method| format!("{}, first alarm after", method.name)));
    let mut rows = Rows::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    let all = &found.methods[0].windows;
    for (i, window) in all.iter().enumerate().take(MOST_WINDOWS) {
        let [first, last] = window.rows;
        let name = match (&window.start, &window.end) {
            (Some(start), Some(end)) => format!("{start} to {end}"),
            _ => format!("{}", i + 1),
        };
        let mut cells = vec![Cell::Text(name), Cell::Number(format!("{first} to {last}"))];
        for outcome in found.methods.iter().map(|method| &method.windows[i]) {
            let column = outcome.column.as_ref().map_or(String::new(), |column| format!(", {column}"));
            let found = |rows| {
                Cell::Text(format!("{} ({} alarms{column})", delay(outcome.delay_seconds, rows), outcome.alarms))
            };
            cells.push(outcome.delay_rows.map_or(Cell::Marked("missed".to_owned()), found));
        }
        rows.row(&cells);
    }
    rows.finish() + &first_of(MOST_WINDOWS, all.len())
}

/// That a table is cut short, if it is.
fn first_of(shown: usize, all: usize) -> String {
    if all > shown { format!("<p>The first {shown} of {}.</p>", grouped(all)) } else { String::new() }
}

fn sweep(found: &Backtest) -> String {
    let draw = |title: &str, y: &str, value: fn(&super::Point) -> f64| {
        let lines: Vec<Vec<(f64, f64)>> = found
            .methods
            .iter()
            .map(|method| {
                method.curve.iter().map(|p| (-f64::from(p.ln_p) / std::f64::consts::LN_10, value(p))).collect()
            })
            .collect();
        let named: Vec<Curve> =
            found.methods.iter().zip(&lines).map(|(m, points)| Curve { name: &m.name, points }).collect();
        figure(&curves(title, "−log10 of the largest p of an alarm", y, &named), "")
    };
    let wrong = draw("False episodes", "in 1,000 rows away from windows", |point| point.false_episodes_per_1000_rows);
    if found.methods[0].windows.is_empty() {
        return wrong;
    }
    format!("<div class=\"two\">{}{wrong}</div>", draw("Windows found", "windows", |point| point.windows_found as f64))
}

fn trade(found: &Backtest) -> String {
    let mut headings = vec!["windows found#".to_owned()];
    headings.extend(found.methods.iter().map(|method| format!("{}#", method.name)));
    let mut rows = Rows::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    let all = found.methods[0].windows.len();
    // Of many windows not each number, but that of all.
    let step = all.div_ceil(MOST_WINDOWS);
    for wanted in (1..=all).filter(|wanted| (all - wanted).is_multiple_of(step)) {
        let mut cells = vec![Cell::Number(wanted.to_string())];
        for method in &found.methods {
            let enough = method.curve.iter().filter(|point| point.windows_found >= wanted);
            let fewest = enough.min_by(|a, b| a.false_episodes.cmp(&b.false_episodes));
            let text = |point: &super::Point| {
                format!(
                    "{} ({} in all, p ≤ {:.1e})",
                    brief(point.false_episodes_per_1000_rows),
                    point.false_episodes,
                    f64::from(point.ln_p).exp()
                )
            };
            cells.push(Cell::Number(fewest.map_or("–".to_owned(), text)));
        }
        rows.row(&cells);
    }
    rows.finish()
}

fn status(found: &Backtest) -> String {
    let mut rows = Rows::new(&["status", "column", "rows#"]);
    let faults = found.faults.iter().map(|fault| (fault.fault, fault.column.clone(), fault.rows));
    let others = found.status.iter().filter(|(word, _)| !found.faults.iter().any(|fault| fault.fault == **word));
    for (word, column, count) in others.map(|(word, rows)| (*word, String::new(), *rows)).chain(faults) {
        rows.row(&[Cell::Text(word.replace('_', " ")), Cell::Text(column), Cell::Number(grouped(count))]);
    }
    rows.finish()
}

fn episodes(method: &Method) -> String {
    if method.episodes.is_empty() {
        return "<p>None.</p>".to_owned();
    }
    let mut rows = Rows::new(&["began", "rows#", "alarms#", "smallest p#", "column to look at", "window"]);
    for episode in method.episodes.iter().take(MOST_EPISODES) {
        rows.row(&[
            Cell::Text(episode.time.clone().unwrap_or_default()),
            Cell::Number(format!("{} to {}", episode.first_row, episode.last_row)),
            Cell::Number(grouped(episode.alarms)),
            Cell::Number(format!("{:.1e}", f64::from(episode.ln_p).exp())),
            Cell::Text(episode.column.clone().unwrap_or_default()),
            episode.window.map_or(Cell::Marked("none".to_owned()), |window| Cell::Text(window.to_string())),
        ]);
    }
    let named: Vec<String> = method.named.iter().map(|n| format!("{} ({})", n.column, grouped(n.alarms))).collect();
    let mut html = rows.finish() + &first_of(MOST_EPISODES, method.episodes.len());
    html.push_str(&format!("<p>Columns that alarms name: {}.</p>", escape(&named.join(", "))));
    html
}

fn drift(method: &Method) -> String {
    let Some(drift) = &method.drift else { return String::new() };
    let list: Vec<String> = drift
        .alarms
        .iter()
        .take(MOST_DRIFT)
        .map(|alarm| {
            let place = alarm.time.clone().unwrap_or_else(|| format!("row {}", alarm.row));
            alarm.window.map_or(place.clone(), |window| format!("{place} (window {window})"))
        })
        .collect();
    let list = match drift.alarms.len() {
        0 => "none".to_owned(),
        all if all > MOST_DRIFT => format!("the first {MOST_DRIFT} at {}", list.join(", ")),
        _ => list.join(", "),
    };
    format!(
        "<p>Drift, at most one false alarm in {} rows on average if rows do not depend on each other, started anew \
         after each: {} alarms, {} of them outside all windows: {}.</p>",
        grouped(drift.every_rows as usize),
        drift.alarms.len(),
        drift.outside,
        escape(&list)
    )
}
