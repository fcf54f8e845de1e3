//! What came of the rows that were watched, in a few words.

use flow_line::Report;
use std::collections::BTreeMap;
use std::fmt;

/// Runs of alarms that are listed.
const LISTED: usize = 8;

/// Counts of verdicts.
pub(crate) struct Tally {
    title: String,
    drift_every: f32,
    verdicts: usize,
    alarms: usize,
    /// Runs of alarms without another verdict between.
    runs: usize,
    /// First and last row of the first few runs: rows may come for years.
    listed: Vec<(usize, usize)>,
    /// Whether the last verdict was an alarm.
    goes_on: bool,
    /// How often each column was named by an alarm.
    named: BTreeMap<String, usize>,
    /// How often drift reached its level, and in which rows first and last.
    drifts: (usize, usize, usize),
}

impl Tally {
    /// Of no verdicts yet.
    pub fn new(title: String, drift_every: f32) -> Self {
        let (listed, named) = (vec![], BTreeMap::new());
        Tally { title, drift_every, verdicts: 0, alarms: 0, runs: 0, listed, goes_on: false, named, drifts: (0, 0, 0) }
    }

    /// Counts the verdict on a row, whose column to look at has this name.
    pub fn count(&mut self, row: usize, report: &Report, name: &str) {
        self.verdicts += 1;
        if report.drift >= self.drift_every {
            let (count, first, _) = self.drifts;
            self.drifts = (count + 1, if count == 0 { row } else { first }, row);
        }
        let goes_on = std::mem::replace(&mut self.goes_on, report.alarm);
        if !report.alarm {
            return;
        }
        self.alarms += 1;
        self.runs += usize::from(!goes_on);
        match self.listed.last_mut() {
            Some(run) if goes_on && self.runs <= LISTED => run.1 = row,
            _ if self.runs <= LISTED => self.listed.push((row, row)),
            _ => {}
        }
        if !name.is_empty() {
            *self.named.entry(name.to_owned()).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (verdicts, alarms) = (self.verdicts, self.alarms);
        write!(f, "{}: {verdicts} verdict{}, {alarms} alarm{}", self.title, plural(verdicts), plural(alarms))?;
        for (i, &(first, last)) in self.listed.iter().enumerate() {
            f.write_str(match i {
                0 if alarms == 1 => ", in row ",
                0 => ", in rows ",
                _ => ", ",
            })?;
            if first == last { write!(f, "{first}")? } else { write!(f, "{first} to {last}")? }
        }
        if self.runs > LISTED {
            write!(f, " and {} more runs", self.runs - LISTED)?;
        }
        let mut named: Vec<_> = self.named.iter().collect();
        named.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (i, (name, count)) in named.into_iter().enumerate() {
            f.write_str(if i == 0 { "; to look at: " } else { ", " })?;
            write!(f, "{name} ({count})")?;
        }
        match self.drifts {
            (0, ..) if self.drift_every.is_finite() => write!(f, "; no drift alarm"),
            (0, ..) => Ok(()),
            (1, only, _) => write!(f, "; a drift alarm in row {only}"),
            (count, first, last) => write!(f, "; {count} drift alarms, from row {first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_few_words() {
        let report = Report { status: "scored", log_prob: -3.5, ln_p: -0.5, alarm: false, column: None, drift: 2.0 };
        let odd = Report { alarm: true, ..report };
        let mut tally = Tally::new("pump.flow on /dev/ttyACM0".into(), f32::INFINITY);
        tally.count(1, &report, "");
        assert_eq!(tally.to_string(), "pump.flow on /dev/ttyACM0: 1 verdict, 0 alarms");
        for (row, name) in [(401, "load"), (402, "vibration"), (403, "vibration")] {
            tally.count(row, &odd, name);
        }
        tally.count(404, &report, "");
        tally.count(501, &odd, "vibration");
        let expected = "6 verdicts, 4 alarms, in rows 401 to 403, 501; to look at: vibration (3), load (1)";
        assert_eq!(tally.to_string(), format!("pump.flow on /dev/ttyACM0: {expected}"));
        for row in (600..640).step_by(2) {
            tally.count(row - 1, &report, "");
            tally.count(row, &odd, "");
        }
        assert!(tally.to_string().contains("600, 602, 604, 606, 608, 610 and 14 more runs;"), "{tally}");

        // Every third row completes a window.
        let mut tally = Tally::new("m".into(), f32::INFINITY);
        [12, 15, 18].into_iter().for_each(|row| tally.count(row, &odd, ""));
        assert_eq!(tally.to_string(), "m: 3 verdicts, 3 alarms, in rows 12 to 18");

        let mut tally = Tally::new("m".into(), 100.0);
        assert_eq!(tally.to_string(), "m: 0 verdicts, 0 alarms; no drift alarm");
        tally.count(7, &Report { drift: 100.0, ..report }, "");
        assert!(tally.to_string().ends_with("; a drift alarm in row 7"), "{tally}");
        tally.count(9, &Report { drift: 300.0, ..report }, "");
        assert!(tally.to_string().ends_with("; 2 drift alarms, from row 7 to 9"), "{tally}");
    }
}
