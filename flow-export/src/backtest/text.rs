//! A back-test in a few lines.

use super::{Backtest, Method};
use std::fmt;

/// A delay in a few characters.
pub(super) fn delay(seconds: Option<f64>, rows: usize) -> String {
    match seconds {
        None => format!("{rows} rows"),
        Some(s) if s < 120.0 => format!("{s:.0} s"),
        Some(s) if s < 7200.0 => format!("{:.0} min", s / 60.0),
        Some(s) if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        Some(s) => format!("{:.1} days", s / 86_400.0),
    }
}

/// So many of a list are named.
const MOST: usize = 8;

/// That a list goes on, if it does.
fn and_more(all: usize) -> String {
    if all > MOST { format!(" and {} more", all - MOST) } else { String::new() }
}

/// What should be known of the rows.
pub(super) fn notes(found: &Backtest) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |count: usize, text: &str| {
        if count > 0 {
            notes.push(format!("{text}: {count}"));
        }
    };
    note(found.steps_back, "rows earlier than the row before, taken in the table's order");
    note(found.doubled_times, "rows with the time of the row before");
    note(found.gaps, "gaps, after which the sensors are looked at anew");
    note(found.windows_left_out, "windows without a row of the table, left out");
    notes
}

impl fmt::Display for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {} rows", self.data, self.rows)?;
        if let Some([from, to]) = &self.times {
            write!(f, " from {from} to {to}")?;
        }
        writeln!(f, "; an alarm where p is at most {:.2e}", self.alarm_p)?;
        for note in notes(self) {
            writeln!(f, "  {note}")?;
        }
        for fault in &self.faults {
            writeln!(f, "  {} rows with a fault of the sensor {:?}: {}", fault.rows, fault.column, fault.fault)?;
        }
        self.methods.iter().try_for_each(|method| write!(f, "{method}"))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {} alarms, ", self.name, self.alarms)?;
        match self.alarms_per_day {
            Some(rate) => write!(f, "{rate:.3} a day")?,
            None => write!(f, "{:.3} in 1,000 rows", self.alarms_per_1000_rows)?,
        }
        writeln!(f, ", in {} episodes", self.episodes.len())?;
        if !self.windows.is_empty() {
            let windows = self.windows.iter().take(MOST);
            let delays: Vec<String> = windows
                .map(|w| w.delay_rows.map_or("missed".to_owned(), |rows| delay(w.delay_seconds, rows)))
                .collect();
            let (found, all) = (self.windows_found, self.windows.len());
            writeln!(f, "  windows found: {found} of {all}, after {}{}", delays.join(", "), and_more(all))?;
            writeln!(f, "  false episodes, away from every window: {}", self.false_episodes)?;
        }
        let false_alarms = &self.false_alarms;
        if let Some(achieved) = false_alarms.achieved {
            let [low, high] = false_alarms.interval;
            writeln!(
                f,
                "  false alarms: chosen {:.2e}, achieved {achieved:.2e} ({low:.2e} to {high:.2e}, if rows were independent)",
                false_alarms.chosen
            )?;
        }
        if let Some(drift) = &self.drift {
            let (alarms, outside) = (drift.alarms.len(), drift.outside);
            write!(f, "  drift: {alarms} alarms, at most one false one in {:.0} rows on average", drift.every_rows)?;
            match self.windows.is_empty() {
                true => writeln!(f)?,
                false => writeln!(f, ", {outside} outside all windows")?,
            }
        }
        if !self.named.is_empty() {
            let named: Vec<String> =
                self.named.iter().take(MOST).map(|n| format!("{} ({})", n.column, n.alarms)).collect();
            writeln!(f, "  columns named by alarms: {}{}", named.join(", "), and_more(self.named.len()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::delay;

    #[test]
    fn delays_are_short() {
        let texts = [0.0, 119.0, 300.0, 7200.0, 259_200.0].map(|s| delay(Some(s), 3));
        assert_eq!(texts, ["0 s", "119 s", "5 min", "2.0 h", "3.0 days"]);
        assert_eq!(delay(None, 3), "3 rows");
    }
}
