//! Verdicts as lines of CSV, for what is no terminal: those of `flow-export score --verdicts --drift-every`, one as soon as it
//! is there. What came of all of them is said at the end, beside them.

use super::Show;
use super::names::Names;
use super::tally::Tally;
use crate::error::Error;
use flow_line::Said;
use flow_table::{csv_field, csv_number};
use std::io::Write;

/// Writes lines.
pub(crate) struct Lines<W> {
    out: W,
    names: Names,
    tally: Tally,
}

impl<W: Write> Lines<W> {
    /// Writes the header.
    pub fn new(mut out: W, names: Names, tally: Tally) -> Result<Self, Error> {
        writeln!(out, "row,log_prob,ln_p,alarm,status,column,drift").map_err(Error::Stdout)?;
        Ok(Lines { out, names, tally })
    }
}

impl<W: Write> Show for Lines<W> {
    fn show(&mut self, row: usize, said: &Said) -> Result<(), Error> {
        let report = match said {
            Said::Verdict(report) => report,
            other => {
                self.names.unread(other).iter().for_each(|why| eprintln!("row {row}: {why}"));
                return Ok(());
            }
        };
        let [log_prob, ln_p, drift] = [report.log_prob, report.ln_p, report.drift].map(csv_number);
        let name = self.names.column(report);
        self.tally.count(row, report, name);
        let column = csv_field(name);
        let (alarm, status) = (u8::from(report.alarm), report.status);
        let written = writeln!(self.out, "{row},{log_prob},{ln_p},{alarm},{status},{column},{drift}");
        written.and_then(|()| self.out.flush()).map_err(Error::Stdout)
    }

    fn note(&mut self, text: &str) -> Result<(), Error> {
        eprintln!("{text}");
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Stdout)?;
        eprintln!("{}", self.tally);
        Ok(())
    }
}
