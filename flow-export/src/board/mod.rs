//! Is a board right? Rows go to it over a serial port, and what it says of each is compared, bit for bit, with what the same
//! program says on this machine.

mod link;
mod port;
mod rows;
pub(crate) mod twin;

pub use link::Troubles;
pub(crate) use link::{Heard, Link};
pub(crate) use port::Port;
pub(crate) use rows::{Rows, is_gap};

use crate::error::Error;
use crate::frozen::Frozen;
use flow_line::{Answer, Hello, PROTOCOL, Report, Request, Responder, Said, Tested, row_length};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};
use twin::{Rooms, judged_names, unread};

/// A board that starts anew more often than this is not asked any further.
pub(crate) const RESTARTS: usize = 3;

/// What a check of a board came to.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The port.
    pub port: String,
    /// Id of the model, the host's and the board's.
    pub model_id: String,
    /// Version of the board's engine.
    pub engine: String,
    /// What the self-test said.
    pub self_test: String,
    /// Whether that is as it should be.
    pub self_test_passed: bool,
    /// Rows that were sent.
    pub rows: usize,
    /// Verdicts among the answers; the others are rows that complete no window, or that have no number where one has to be.
    pub verdicts: usize,
    /// Rows of which the board says something else.
    pub different: usize,
    /// The first of them.
    pub first_difference: Option<Difference>,
    /// Rows a second, there and back.
    pub rows_per_second: f64,
    /// What went wrong on the line, and was made good.
    pub line: Troubles,
    /// Rows, from 1, before which the board had started anew.
    pub restarts: Vec<usize>,
}

/// What a board says otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The row, from 1.
    pub row: usize,
    /// What of it.
    pub what: &'static str,
    /// What this machine says.
    pub host: String,
    /// What the board says.
    pub board: String,
}

impl Checked {
    /// Whether the board is right.
    pub fn is_right(&self) -> bool {
        self.self_test_passed && self.different == 0 && self.restarts.is_empty()
    }
}

/// Checks the board at a port with these rows.
///
/// # Errors
/// A port that cannot be opened or falls silent, a board with another model, a table that does not fit.
pub fn check(
    frozen: &Frozen,
    data: &[String],
    ignore: Vec<String>,
    port: &Path,
    baud: u32,
    timeout: Duration,
) -> Result<Checked, Error> {
    let mut rooms = Rooms::of(frozen)?;
    let mut twin = rooms.twin(frozen)?;
    let rows = Rows::read(frozen, data, ignore)?;
    let names = judged_names(frozen)?;
    let mut link = Link::new(Port::open(port, baud)?, timeout);
    let hello = greet(&mut link, frozen)?;
    let tested = test(&mut link)?;
    let mut checked = Checked {
        port: port.display().to_string(),
        model_id: hex(&hello.model),
        engine: hello.engine.to_owned(),
        self_test: tested_words(tested),
        self_test_passed: matches!(tested, Tested::Passed | Tested::NoProbes),
        rows: rows.table.rows(),
        verdicts: 0,
        different: 0,
        first_difference: None,
        rows_per_second: 0.0,
        line: Troubles::default(),
        restarts: Vec::new(),
    };
    start(&mut link, &mut twin)?;
    let began = Instant::now();
    for (i, (gap, row)) in rows.iter().enumerate() {
        if gap {
            link.settled(Request::Gap)?;
            twin.respond(Request::Gap);
        }
        let (here, there) = loop {
            let here = twin.row(row.iter().copied());
            let there = link.row(row)?;
            let anew = match (&here, &there) {
                (_, Answer::Boot { .. }) => true,
                (Answer::Row { count, .. }, Answer::Row { count: other, .. }) => count != other,
                _ => false,
            };
            if !anew {
                break (here, there);
            }
            checked.restarts.push(i + 1);
            if checked.restarts.len() > RESTARTS {
                let rows = words(&checked.restarts);
                return Err(link.says(format!("the board keeps starting anew, before rows {rows}: look at its power")));
            }
            greet(&mut link, frozen)?;
            start(&mut link, &mut twin)?;
        };
        if let Answer::Row { said: Said::Verdict(_), .. } = there {
            checked.verdicts += 1;
        }
        if let Some((what, host, board)) = difference(&here, &there, &names, rows.table.names()) {
            checked.different += 1;
            checked.first_difference.get_or_insert(Difference { row: i + 1, what, host, board });
        }
    }
    checked.rows_per_second = rows.table.rows() as f64 / began.elapsed().as_secs_f64().max(1e-9);
    checked.line = link.troubles;
    Ok(checked)
}

/// Who the board is: of this protocol, and with this model.
pub(crate) fn greet(link: &mut Link, frozen: &Frozen) -> Result<Hello<'static>, Error> {
    let (hello, _) = link.hello()?;
    if hello.protocol != PROTOCOL {
        let found = hello.protocol;
        return Err(link.says(format!("speaks version {found} of the line protocol, expected {PROTOCOL}")));
    }
    let flow = frozen.flow()?;
    if hello.model != flow.model_id() {
        return Err(link.says(format!(
            "the board runs the model {}, and {} is {}: flash that one, or name the file that the board has",
            hex(&hello.model),
            frozen.path().display(),
            flow.model_id_hex()
        )));
    }
    let (needed, longest) = (row_length(hello.values.into()), usize::from(hello.longest));
    if needed > longest {
        return Err(link.says(format!(
            "a row is a line of {needed} bytes, and the board takes {longest} at most; raise LONGEST in its firmware"
        )));
    }
    Ok(hello)
}

/// Both begin anew.
fn start(link: &mut Link, twin: &mut Responder) -> Result<(), Error> {
    let drift = f32::INFINITY;
    twin.respond(Request::Reset { drift });
    begin(link, drift)
}

/// The board begins anew; so does its drift at this level.
pub(crate) fn begin(link: &mut Link, drift: f32) -> Result<(), Error> {
    match link.settled(Request::Reset { drift })? {
        Answer::Reset => Ok(()),
        other => Err(link.unexpected("reset", &other)),
    }
}

fn test(link: &mut Link) -> Result<Tested, Error> {
    match link.settled(Request::Test)? {
        Answer::Test(tested) => Ok(tested),
        other => Err(link.unexpected("test", &other)),
    }
}

fn tested_words(tested: Tested) -> String {
    match tested {
        Tested::Passed => "passed".to_owned(),
        Tested::NoProbes => "arithmetic is right; the file has no probe rows".to_owned(),
        Tested::Failed => "could not be done".to_owned(),
        Tested::Arithmetic { expected, found } => {
            format!("the board's arithmetic or its libm is another: checksum {found:08x}, expected {expected:08x}")
        }
        Tested::Probe { probe, expected, found } => format!(
            "probe row {probe}: the board computes a log-density of {}, expected {}",
            number(f32::from_bits(found)),
            number(f32::from_bits(expected))
        ),
    }
}

/// The first thing that the two say otherwise.
fn difference(
    here: &Answer,
    there: &Answer,
    names: &[String],
    values: &[String],
) -> Option<(&'static str, String, String)> {
    let say = |answer: &Answer| match answer {
        Answer::Row { said: Said::Waiting, .. } => "no window is complete".to_owned(),
        Answer::Row { said: Said::Verdict(report), .. } => format!("a verdict, {}", report.status),
        Answer::Row { said, .. } => unread(said, values).unwrap_or_default(),
        other => format!("{other:?}"),
    };
    let verdict = |answer: &Answer| match answer {
        Answer::Row { said: Said::Verdict(report), .. } => Some(*report),
        _ => None,
    };
    let (Some(host), Some(board)) = (verdict(here), verdict(there)) else {
        return (say(here) != say(there)).then(|| ("answer", say(here), say(there)));
    };
    if host.same_bits(&board) {
        return None;
    }
    let column = |report: &Report| match report.column {
        None => "none".to_owned(),
        Some(column) => names.get(usize::from(column)).cloned().unwrap_or_else(|| format!("column {column}")),
    };
    let fields = |report: &Report| {
        let alarm = if report.alarm { "yes" } else { "no" };
        [
            ("log_prob", number(report.log_prob)),
            ("ln_p", number(report.ln_p)),
            ("status", report.status.to_owned()),
            ("alarm", alarm.to_owned()),
            ("column", column(report)),
            ("drift", number(report.drift)),
        ]
    };
    fields(&host).into_iter().zip(fields(&board)).find(|(a, b)| a != b).map(|((what, a), (_, b))| (what, a, b))
}

/// A number with its bits.
fn number(value: f32) -> String {
    format!("{value:?} ({:08x})", value.to_bits())
}

fn hex(id: &[u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words(rows: &[usize]) -> String {
    rows.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { rows, verdicts, different, line, .. } = self;
        writeln!(f, "{}: model {}, the same as here; engine {}", self.port, self.model_id, self.engine)?;
        writeln!(f, "self-test: {}", self.self_test)?;
        match &self.first_difference {
            None => writeln!(f, "{rows} rows, {verdicts} verdicts: the same bits as here")?,
            Some(Difference { row, what, host, board }) => {
                writeln!(f, "{different} of {rows} rows differ; first row {row}: {what} {board}, here {host}")?;
            }
        }
        writeln!(f, "{:.1} rows a second, there and back", self.rows_per_second)?;
        let Troubles { resent, damaged, silences } = *line;
        if (resent, damaged, silences) != (0, 0, 0) {
            writeln!(f, "noise: {damaged} lines damaged, {silences} answers missing, {resent} requests sent again")?;
        }
        if !self.restarts.is_empty() {
            let rows = words(&self.restarts);
            writeln!(f, "the board has started anew before row {rows}: a reset, a watchdog, or its power")?;
        }
        writeln!(f, "{}", if self.is_right() { "The board is right." } else { "The board is not right." })
    }
}
