//! A look at a machine as its rows arrive: how odd each is, alarms and their sensor, and drift.

mod cell;
mod clock;
mod input;
mod interrupted;
mod layout;
mod lines;
mod names;
mod stream;
mod tally;
mod view;

use crate::board::twin::{Rooms, row_names};
use crate::board::{Heard, Link, Port, RESTARTS, Rows, begin, greet};
use crate::error::Error;
use crate::frozen::Frozen;
use crate::windows::Recipe;
use console::Term;
use flow_line::{Answer, Request, Responder, Said};
use interrupted::Interrupted;
use lines::Lines;
use names::Names;
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;
use stream::Stream;
use tally::Tally;
use view::View;

/// Where rows come from, and who judges them.
pub(crate) struct Options {
    /// Tables of rows, or `-` for standard input; none where the board itself has rows.
    pub data: Vec<String>,
    /// Columns of tables that are left out.
    pub ignore: Vec<String>,
    /// The board that judges them; without it this machine.
    pub port: Option<PathBuf>,
    /// Bits a second.
    pub baud: u32,
    /// How long to wait for the board.
    pub timeout: Duration,
    /// The level at which drift starts anew; infinity for never.
    pub drift: f32,
    /// A pause after each row.
    pub pause: Option<Duration>,
}

/// Shows what is said of rows.
pub(crate) trait Show {
    /// Of this row, from 1.
    fn show(&mut self, row: usize, said: &Said) -> Result<(), Error>;
    /// Something else that is to be known.
    fn note(&mut self, text: &str) -> Result<(), Error>;
    /// No more rows come.
    fn end(&mut self) -> Result<(), Error>;
}

/// Watches until the rows end: for ever, where a board has rows of its own.
pub(crate) fn watch(frozen: &Frozen, options: Options) -> Result<(), Error> {
    if !frozen.is_calibrated()? {
        eprintln!(
            "flow-export: warning: {}: is not calibrated, so that there are no p and no alarms; flow-export calibrate",
            frozen.path().display()
        );
    }
    let mut rooms = Rooms::of(frozen)?;
    let mut twin = rooms.twin(frozen)?;
    let rows = rows(frozen, &options)?;
    let mut link = match &options.port {
        Some(port) => Some(Link::new(Port::open(port, options.baud)?, options.timeout)),
        None => None,
    };
    if let Some(link) = &mut link {
        greet(link, frozen)?;
    }
    let names = Names::of(frozen)?;
    let term = Term::stdout();
    let on_a_port = options.port.as_ref().map(|port| format!(" on {}", port.display())).unwrap_or_default();
    let title = format!("{}{on_a_port}", frozen.path().display());
    let mut show = Interrupted::new(match term.is_term() {
        true => Box::new(View::new(Term::buffered_stdout(), title, names, options.drift)),
        false => Box::new(Lines::new(io::stdout(), names, Tally::new(title, options.drift))?),
    })?;
    let watched = match (rows, link) {
        (Some(rows), None) => judge_here(Arriving::of(rows), &mut twin, &options, &mut show),
        (Some(rows), Some(link)) => judge_there(Arriving::of(rows), link, frozen, &options, &mut show),
        (None, Some(link)) => listen(link, frozen, &options, &mut show),
        (None, None) => Ok(()),
    };
    let ended = show.end(); // What came of the rows until then, whatever ended them.
    watched.and(ended)
}

/// What comes of a source of rows.
#[derive(Debug)]
pub(crate) enum Next {
    /// Whether there is a gap before it, and a row.
    Row(bool, Vec<f32>),
    /// Something that is to be known.
    Note(String),
}

type Source = Box<dyn Iterator<Item = Result<Next, Error>>>;

fn rows(frozen: &Frozen, options: &Options) -> Result<Option<Source>, Error> {
    Ok(match options.data.as_slice() {
        [] => None,
        [only] if only == "-" => {
            let step = Recipe::of_file(frozen)?.map(|recipe| recipe.step);
            let (names, ignore) = (row_names(frozen)?, options.ignore.clone());
            Some(Box::new(Stream::new(io::stdin().lock(), names, ignore, step)))
        }
        files => {
            let rows = Rows::read(frozen, files, options.ignore.clone())?;
            let rows: Vec<_> = rows.iter().map(|(gap, row)| Ok(Next::Row(gap, row.to_vec()))).collect();
            Some(Box::new(rows.into_iter()))
        }
    })
}

/// Rows as they arrive.
struct Arriving {
    source: Source,
    /// Number of the newest row, from 1; one that was passed over counts.
    number: usize,
}

impl Arriving {
    fn of(source: Source) -> Self {
        Arriving { source, number: 0 }
    }

    /// The next row, and whether there is a gap before it; what is to be known before it is shown.
    fn next(&mut self, show: &mut dyn Show) -> Result<Option<(bool, Vec<f32>)>, Error> {
        for next in self.source.by_ref() {
            match next {
                Ok(Next::Row(gap, row)) => {
                    self.number += 1;
                    return Ok(Some((gap, row)));
                }
                Ok(Next::Note(text)) => show.note(&text)?,
                Err(passed_over @ Error::PassedOver { .. }) => {
                    self.number += 1;
                    show.note(&passed_over.to_string())?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn judge_here(mut rows: Arriving, twin: &mut Responder, options: &Options, show: &mut dyn Show) -> Result<(), Error> {
    twin.respond(Request::Reset { drift: options.drift });
    while let Some((gap, row)) = rows.next(show)? {
        if gap {
            twin.respond(Request::Gap);
        }
        if let Answer::Row { said, .. } = twin.row(row.iter().copied()) {
            show.show(rows.number, &said)?;
        }
        if let Some(pause) = options.pause {
            sleep(pause);
        }
    }
    Ok(())
}

fn judge_there(
    mut rows: Arriving,
    mut link: Link,
    frozen: &Frozen,
    options: &Options,
    show: &mut dyn Show,
) -> Result<(), Error> {
    begin(&mut link, options.drift)?;
    // Rows that the board has to have taken.
    let mut taken = 0;
    // Rows since the last one that it has judged.
    let mut unjudged = 0;
    while let Some((gap, row)) = rows.next(show)? {
        let number = rows.number;
        if gap {
            link.settled(Request::Gap)?;
        }
        let mut boots = 0;
        let said = loop {
            taken += 1;
            match link.row(&row)? {
                Answer::Row { count, said } if count == taken => break Some(said),
                Answer::Row { .. } | Answer::Boot { .. } => {
                    show.note(&format!("the board has started anew before row {number}"))?;
                    greet(&mut link, frozen)?;
                    begin(&mut link, options.drift)?;
                    taken = 0;
                    boots += 1;
                    if boots > RESTARTS {
                        break None;
                    }
                }
                other => return Err(link.unexpected("a row", &other)),
            }
        };
        match said {
            Some(said) => {
                unjudged = 0;
                show.show(number, &said)?;
            }
            None if unjudged == RESTARTS => {
                let rows = format!("{} rows one after the other, up to row {number}", RESTARTS + 1);
                return Err(
                    link.says(format!("the board keeps starting anew, and has not judged {rows}: look at its power"))
                );
            }
            None => {
                unjudged += 1;
                show.note(&format!(
                    "row {number}: the board has started anew {boots} times while it had this row, and has not judged it; it \
                     is left out"
                ))?;
            }
        }
        if let Some(pause) = options.pause {
            sleep(pause);
        }
    }
    Ok(())
}

/// A board with sensors of its own says its verdicts without being asked. It begins anew only where it has to be told when
/// drift starts anew: else its windows and its count are left as they are.
fn listen(mut link: Link, frozen: &Frozen, options: &Options, show: &mut dyn Show) -> Result<(), Error> {
    let Options { drift, baud, .. } = *options;
    let tell = |link: &mut Link| if drift.is_finite() { begin(link, drift) } else { Ok(()) };
    tell(&mut link)?;
    let mut silent = false;
    let mut damaged = 0_u32;
    loop {
        match link.listen()? {
            Heard::Answer(_, Answer::Row { count, said }) => show.show(count as usize, &said)?,
            Heard::Answer(_, Answer::Boot { .. }) => {
                show.note("the board has started anew")?;
                greet(&mut link, frozen)?;
                tell(&mut link)?;
            }
            Heard::Answer(..) => continue,
            Heard::Damaged => {
                damaged = damaged.saturating_add(1);
                // Not each of them: the first, the second, the fourth and so on.
                if damaged.is_power_of_two() {
                    show.note(&format!(
                        "lines arrive damaged, {damaged} so far, and their rows are lost: is the cable long or loose, or has \
                         the board another rate than {baud} baud (--baud)?"
                    ))?;
                }
                // It was said that it is not silent.
                silent = true;
                continue;
            }
            Heard::Nothing if !silent => {
                silent = true;
                show.note("no row comes: the board has none of its own, or they are slow; send it some with --data")?;
                continue;
            }
            Heard::Nothing => continue,
        }
        silent = false;
    }
}
