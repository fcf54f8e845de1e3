//! Verdicts in a terminal: a few lines that stay where they are, and say how things stand.

use super::Show;
use super::names::Names;
use crate::error::Error;
use console::{Term, measure_text_width, style, truncate_str};
use flow_line::{Report, Said};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between two drawings goes at least this: eyes are not faster.
const PAUSE: Duration = Duration::from_millis(50);
/// So long stays what is to be known, however many rows come.
const STAYS: Duration = Duration::from_secs(10);
/// Alarms that are listed.
const LISTED: usize = 5;
/// Heights of a bar, from p = 1 to p = 1e-8.
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// What is shown.
pub(crate) struct View {
    term: Term,
    title: String,
    names: Names,
    drift_every: f32,
    row: usize,
    verdicts: usize,
    alarms: usize,
    drifts: usize,
    last: Option<Report>,
    /// The newest ones, oldest first: how odd, and whether that is an alarm.
    history: VecDeque<(f32, bool)>,
    listed: VecDeque<String>,
    note: String,
    noted: Option<Instant>,
    drawn: Option<Instant>,
    /// Lines that are on the terminal.
    lines: usize,
}

impl View {
    /// Nothing was seen yet.
    pub fn new(term: Term, title: String, names: Names, drift_every: f32) -> Self {
        View {
            term,
            title,
            names,
            drift_every,
            row: 0,
            verdicts: 0,
            alarms: 0,
            drifts: 0,
            last: None,
            history: VecDeque::new(),
            listed: VecDeque::new(),
            note: String::new(),
            noted: None,
            drawn: None,
            lines: 0,
        }
    }

    /// The lines, for a terminal so wide.
    fn lines(&self, width: usize) -> Vec<String> {
        let label = |text: &str| style(format!("{text:<9}")).dim().to_string();
        let (row, verdicts, alarms) = (self.row, self.verdicts, self.alarms);
        let mut lines = vec![
            style(&self.title).bold().to_string(),
            format!("{}{row}, {verdicts} verdicts, {}", label("row"), count(alarms, "alarm")),
        ];
        match &self.last {
            None => lines.push(format!("{}none yet", label("p"))),
            Some(report) if report.status == "not_calibrated" => {
                lines.push(format!("{}the flow is not calibrated: flow-export calibrate", label("p")));
            }
            Some(report) => {
                let p = chance(report.ln_p);
                let p = if report.alarm { style(format!("{p}  ALARM")).red().bold() } else { style(p).green() };
                lines.push(format!("{}{p}", label("p")));
            }
        }
        let bars = self.history.iter().rev().take(width.saturating_sub(10)).rev().map(|&(ln_p, alarm)| {
            let height = (f64::from(-ln_p) / std::f64::consts::LN_10).clamp(0.0, 7.0) as usize;
            if alarm { style(BARS[height]).red().to_string() } else { BARS[height].to_owned() }
        });
        lines.push(format!("{}{}", label("-log p"), bars.collect::<String>()));
        if let Some(report) = &self.last {
            let name = self.names.column(report);
            let sensor = if name.is_empty() { "-".to_owned() } else { style(name).yellow().to_string() };
            lines.push(format!("{}{sensor}", label("sensor")));
            lines.push(format!("{}{}", label("status"), report.status.replace('_', " ")));
            lines.push(format!("{}{:.2} nats", label("log_prob"), report.log_prob));
            lines.push(format!("{}{}", label("drift"), self.drift(report.drift, width)));
        }
        for (i, alarm) in self.listed.iter().enumerate() {
            lines.push(format!("{}{alarm}", label(if i == 0 { "alarms" } else { "" })));
        }
        if !self.note.is_empty() {
            lines.push(style(&self.note).yellow().to_string());
        }
        // A line that breaks would be two, and not go away.
        lines.iter().map(|line| truncate_str(line, width.max(20), "…").into_owned()).collect()
    }

    fn drift(&self, level: f32, width: usize) -> String {
        if !self.drift_every.is_finite() {
            return format!("{level:.1} rows");
        }
        let words = format!("{level:.1} of {} rows, reached {}", self.drift_every, count(self.drifts, "time"));
        // In powers of ten, as a level grows while there is drift.
        let share = (f64::from(level.max(1.0)).ln() / f64::from(self.drift_every.max(2.0)).ln()).clamp(0.0, 1.0);
        let room = width.saturating_sub(12 + measure_text_width(&words)).min(30);
        let full = (share * room as f64) as usize;
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(room - full));
        format!("{} {words}", if level >= self.drift_every { style(bar).red() } else { style(bar).cyan() })
    }

    fn draw(&mut self, at_once: bool) -> Result<(), Error> {
        if !at_once && self.drawn.is_some_and(|drawn| drawn.elapsed() < PAUSE) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let width = usize::from(self.term.size().1);
        let lines = self.lines(width.saturating_sub(1));
        let term = &self.term;
        let draw = || {
            term.clear_last_lines(self.lines)?;
            lines.iter().try_for_each(|line| term.write_line(line))?;
            term.flush()
        };
        draw().map_err(Error::Stdout)?;
        self.lines = lines.len();
        Ok(())
    }
}

impl Show for View {
    fn show(&mut self, row: usize, said: &Said) -> Result<(), Error> {
        self.row = row;
        let stays = self.noted.is_some_and(|noted| noted.elapsed() < STAYS);
        if !stays {
            self.note.clear();
        }
        match said {
            Said::Waiting if self.verdicts == 0 && !stays => {
                self.note = "waiting for the first whole window".to_owned()
            }
            Said::Waiting => {}
            Said::NoNumber { .. } | Said::NoReading { .. } if stays => {}
            Said::NoNumber { .. } | Said::NoReading { .. } => {
                self.note = self.names.unread(said).map_or(String::new(), |why| format!("row {row}: {why}"));
            }
            Said::Verdict(report) => {
                self.verdicts += 1;
                self.history.push_back((report.ln_p, report.alarm));
                if self.history.len() > 512 {
                    self.history.pop_front();
                }
                if report.alarm {
                    self.alarms += 1;
                    let line = format!("row {row}: p {}, {}", chance(report.ln_p), self.names.column(report));
                    self.listed.push_front(line);
                    self.listed.truncate(LISTED);
                }
                if report.drift >= self.drift_every {
                    self.drifts += 1;
                }
                self.last = Some(*report);
            }
        }
        self.draw(false)
    }

    fn note(&mut self, text: &str) -> Result<(), Error> {
        self.note = text.to_owned();
        self.noted = Some(Instant::now());
        self.draw(true)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.draw(true)
    }
}

fn chance(ln_p: f32) -> String {
    let p = f64::from(ln_p).exp();
    if p >= 0.001 { format!("{p:.3}") } else { format!("{p:.1e}") }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_fits_the_terminal_and_names_the_sensor() {
        let mut view = View::new(Term::stdout(), "pump.flow".into(), Names::same(&["load", "temp"]), 100.0);
        let report = Report { status: "scored", log_prob: -3.5, ln_p: -0.5, alarm: false, column: None, drift: 2.0 };
        assert!(view.lines(80).iter().any(|line| line.contains("none yet")));
        for i in 0..600 {
            view.history.push_back((-0.03 * i as f32, i > 590));
        }
        view.last = Some(Report { ln_p: -14.0, alarm: true, column: Some(1), drift: 120.0, ..report });
        view.listed.push_front("row 7: p 8.3e-7, temp".into());
        for width in [20, 40, 80, 200] {
            let lines = view.lines(width);
            assert!(lines.iter().all(|line| measure_text_width(line) <= width), "{lines:#?}");
            let text = lines.join("\n");
            assert!(text.contains("temp") && text.contains("8.3e-7"), "{text}");
        }
        assert!(view.lines(80).join("\n").contains("ALARM"));
    }

    #[test]
    fn what_is_to_be_known_stays_while_rows_come() {
        let mut view = View::new(Term::buffered_stdout(), "pump.flow".into(), Names::same(&[]), 100.0);
        // It was drawn just now, and is not again.
        view.drawn = Some(Instant::now());
        view.noted = view.drawn;
        view.note = "the board has started anew before row 7".into();
        view.show(7, &Said::Waiting).unwrap();
        assert!(view.lines(80).join("\n").contains("started anew"));
        view.noted = None;
        view.show(8, &Said::Waiting).unwrap();
        assert!(!view.lines(80).join("\n").contains("started anew"));
    }
}
