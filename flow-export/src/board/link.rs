//! A host's side of the line protocol, over a port: a request, and its answer, however often it has to be asked.

use super::port::Port;
use crate::error::Error;
use flow_line::{ANSWER, Answer, Assembler, Hello, Received, Refusal, Request, UNASKED, open_frame, write_row};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Bytes of the longest answer that is understood; there is none of half the length.
const LONGEST: usize = 512;
/// How often a request is sent before the host gives up.
const ATTEMPTS: u32 = 6;
/// How often of these it may wait in vain for its whole time-out.
const SILENCES: u32 = 3;
/// A line is quiet where nothing came for so long.
const QUIET: Duration = Duration::from_millis(30);

/// How often something went wrong on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Troubles {
    /// Requests that were sent again.
    pub resent: u32,
    /// Lines that came damaged, on the way there or back.
    pub damaged: u32,
    /// Answers that did not come in time.
    pub silences: u32,
}

/// A board at the other end of a port.
pub(crate) struct Link {
    port: Port,
    timeout: Duration,
    assembler: Assembler<LONGEST>,
    /// What has come and was not looked at.
    pending: std::collections::VecDeque<u8>,
    number: u16,
    pub troubles: Troubles,
    /// The first bytes that were no line of the protocol, to be shown.
    strange: Vec<u8>,
    understood: bool,
}

/// What came of the wait for a line.
pub(crate) enum Heard {
    /// The answer to the request of this number.
    Answer(u16, Answer<'static>),
    /// A line that cannot be believed.
    Damaged,
    /// No line.
    Nothing,
}

impl Link {
    pub fn new(port: Port, timeout: Duration) -> Self {
        Link {
            port,
            timeout,
            assembler: Assembler::new(ANSWER),
            pending: Default::default(),
            number: 0,
            troubles: Troubles::default(),
            strange: Vec::new(),
            understood: false,
        }
    }

    /// Who the board is.
    pub fn hello(&mut self) -> Result<(Hello<'static>, Answer<'static>), Error> {
        // Ends what another host may have left of a line.
        self.port.send(b"\n", self.timeout)?;
        let answer = self.settled(Request::Hello)?;
        match answer {
            Answer::Hello(hello) => Ok((hello, answer)),
            other => Err(self.unexpected("hello", &other)),
        }
    }

    /// The answer to a request, even where the board starts anew meanwhile.
    pub fn settled(&mut self, request: Request) -> Result<Answer<'static>, Error> {
        for _ in 0..ATTEMPTS {
            match self.ask(|line, number| request.write(line, number))? {
                Answer::Boot { .. } => {}
                answer => return Ok(answer),
            }
        }
        Err(self.port.says(format!("the board starts again and again: {ATTEMPTS} times while it was asked one thing")))
    }

    /// The answer to a row; that it has started where it did.
    pub fn row(&mut self, row: &[f32]) -> Result<Answer<'static>, Error> {
        self.ask(|line, number| write_row(line, number, row.iter().copied()))
    }

    /// The next line that comes of the board's own accord, within the time-out.
    pub fn listen(&mut self) -> Result<Heard, Error> {
        let heard = self.line(Instant::now() + self.timeout)?;
        if matches!(heard, Heard::Damaged) {
            self.troubles.damaged += 1;
        }
        Ok(heard)
    }

    /// An error at this board.
    pub fn says(&self, problem: String) -> Error {
        self.port.says(problem)
    }

    pub fn unexpected(&self, asked: &str, answer: &Answer) -> Error {
        self.port
            .says(format!("answers {asked} with {answer:?}; expected another answer: is its firmware of this version?"))
    }

    fn ask(&mut self, write: impl Fn(&mut String, u16) -> std::fmt::Result) -> Result<Answer<'static>, Error> {
        self.number = self.number.checked_add(1).unwrap_or(UNASKED + 1);
        let mut line = String::new();
        write(&mut line, self.number).map_err(|_| self.says("a request cannot be written".to_owned()))?;
        let mut silences = 0;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                self.troubles.resent += 1;
                self.until_quiet()?;
            }
            self.port.send(line.as_bytes(), self.timeout)?;
            let deadline = Instant::now() + self.timeout;
            loop {
                match self.line(deadline)? {
                    Heard::Answer(UNASKED, Answer::Error(Refusal::Checksum | Refusal::Long { .. }))
                    | Heard::Damaged => {
                        self.troubles.damaged += 1;
                        break;
                    }
                    Heard::Answer(UNASKED, boot @ Answer::Boot { .. }) => return Ok(boot),
                    Heard::Answer(number, answer) if number == self.number => return Ok(answer),
                    // Late, or twice.
                    Heard::Answer(..) => {}
                    Heard::Nothing => {
                        self.troubles.silences += 1;
                        silences += 1;
                        break;
                    }
                }
            }
            if silences == SILENCES {
                break;
            }
        }
        Err(self.port.says(self.why_no_answer(silences)))
    }

    fn why_no_answer(&self, silences: u32) -> String {
        let baud = self.port.baud();
        if self.understood {
            return match silences {
                SILENCES => format!(
                    "no answer any more, {SILENCES} times within {:?}: was the cable pulled, or does the board stand still?",
                    self.timeout
                ),
                silent => format!(
                    "{ATTEMPTS} lines in vain: {} damaged on their way, {silent} without an answer; is the cable long or loose, or \
                     {baud} baud too fast for it?",
                    ATTEMPTS - silent
                ),
            };
        }
        match self.strange.is_empty() {
            true => format!(
                "no answer, {silences} times within {:?}: expected a board with a firmware that speaks the line protocol, such \
                 as firmware/serial, at {baud} baud; nothing came at all (does another program read the port?)",
                self.timeout
            ),
            false => format!(
                "what comes is not the line protocol: \"{}\"; is it the port of another device, or has the board another rate \
                 than {baud} baud (--baud)?",
                self.strange.escape_ascii()
            ),
        }
    }

    /// Waits until nothing comes any more, for a second at most.
    fn until_quiet(&mut self) -> Result<(), Error> {
        let end = Instant::now() + Duration::from_secs(1);
        let mut buffer = [0; 256];
        while Instant::now() < end && !self.port.receive(&mut buffer, QUIET)?.is_empty() {}
        self.pending.clear();
        self.assembler.clear();
        Ok(())
    }

    /// The next line that comes before the deadline.
    fn line(&mut self, deadline: Instant) -> Result<Heard, Error> {
        let mut buffer = [0; 256];
        loop {
            while let Some(byte) = self.pending.pop_front() {
                if !self.understood && self.strange.len() < 24 {
                    self.strange.push(byte);
                }
                let Some(received) = self.assembler.push(byte) else { continue };
                let Received::Line(line) = received else { return Ok(Heard::Damaged) };
                // The words of a boot loader, or the rest of a line of which the beginning was cleared away.
                if line.first() != Some(&ANSWER) {
                    continue;
                }
                let Some(frame) = open_frame(ANSWER, line) else { return Ok(Heard::Damaged) };
                self.understood = true;
                // A board says it once or twice in its life.
                match Answer::read(&frame).map(|answer| answer.with_engine(|text| text.to_owned().leak())) {
                    Some(answer) => return Ok(Heard::Answer(frame.number, answer)),
                    None => {
                        let words = frame.words.escape_ascii().to_string();
                        return Err(self.port.says(format!(
                            "answers \"{words}\", which version {} of the line protocol does not know; flash a firmware of this \
                             version", flow_line::PROTOCOL
                        )));
                    }
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Heard::Nothing);
            }
            self.pending.extend(self.port.receive(&mut buffer, left)?);
        }
    }
}
