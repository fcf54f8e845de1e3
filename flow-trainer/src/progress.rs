//! The live line of a training: on a terminal one line that changes, elsewhere a line now and then.

use crate::train::Epoch;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells a person how the training goes.
#[derive(Debug)]
pub struct Line {
    bar: Option<ProgressBar>,
    epochs: usize,
    rows: usize,
    last: Option<Instant>,
}

impl Line {
    /// A line for at most that many epochs of that many rows.
    pub fn new(epochs: usize, rows: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} epochs  {msg}  ends in {eta}");
            ProgressBar::new(epochs as u64).with_style(style.expect("a valid template"))
        });
        Line { bar, epochs, rows, last: None }
    }

    /// Shows an epoch that has just ended.
    pub fn epoch(&mut self, epoch: &Epoch, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(1e-9);
        let text = format!(
            "nll {:.4} train, {:.4} validation{}  gradient {:.2}{}  {:.0} rows/s",
            epoch.train_nll,
            epoch.validation_nll,
            if epoch.best { " (best)" } else { "" },
            epoch.mean_norm,
            if epoch.skipped > 0 { format!(", {} steps skipped", epoch.skipped) } else { String::new() },
            (epoch.number * self.rows) as f64 / seconds
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position(epoch.number as u64);
                bar.set_message(text);
            }
            None if self.last.is_none_or(|last| last.elapsed() >= PAUSE) => {
                self.last = Some(Instant::now());
                let left = seconds / epoch.number as f64 * (self.epochs - epoch.number) as f64;
                eprintln!("epoch {}/{}  {text}  ends in {left:.0} s", epoch.number, self.epochs);
            }
            None => {}
        }
    }

    /// Removes the line.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
