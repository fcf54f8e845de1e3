//! What a board answers.

use crate::frame::{ANSWER, Frame, words, write_frame};
use crate::hex;
use core::fmt::{self, Write};

/// What a board answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer<'a> {
    /// It has started just now, and knows nothing of rows before.
    Boot {
        /// Id of its model.
        model: [u8; 16],
    },
    /// To [`Hello`](crate::Request::Hello).
    Hello(Hello<'a>),
    /// To [`Test`](crate::Request::Test).
    Test(Tested),
    /// To [`Reset`](crate::Request::Reset).
    Reset,
    /// To [`Gap`](crate::Request::Gap).
    Gap,
    /// To [`Row`](crate::Request::Row).
    Row {
        /// Number of rows since it started or was reset, this one among them: by it a host sees that a board has started anew.
        count: u32,
        /// What is said of the row.
        said: Said,
    },
    /// The request was not understood, and nothing has changed by it; or the engine refused a row, see [`Refusal::Engine`].
    Error(Refusal),
}

/// Who a board is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Version of the protocol.
    pub protocol: u16,
    /// Id of its model.
    pub model: [u8; 16],
    /// Values of a row.
    pub values: u16,
    /// Rows of a window; 0 where a row is judged by itself.
    pub window: u16,
    /// Rows that its model is calibrated with; 0 where it is not.
    pub calibration: u32,
    /// Bytes of the longest line that it takes, the end not counted.
    pub longest: u16,
    /// Version of its engine.
    pub engine: &'a str,
}

/// How a self-test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tested {
    /// All bits are right.
    Passed,
    /// The model has no probes to test with; arithmetic is right.
    NoProbes,
    /// Arithmetic or libm differ.
    Arithmetic {
        /// The checksum of results that the engine knows.
        expected: u32,
        /// The one computed.
        found: u32,
    },
    /// A probe's log-density differs.
    Probe {
        /// Which one, from 0.
        probe: u16,
        /// The bits in the file.
        expected: u32,
        /// The bits computed.
        found: u32,
    },
    /// It could not be done.
    Failed,
}

/// What is said of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// No window is complete or due with it.
    Waiting,
    /// A value that has to be a number is none: of a raw channel, by which its window begins anew, or of the context.
    NoNumber {
        /// Which value of the row, from 0.
        value: u16,
    },
    /// A value of a raw channel that its sensor cannot give, by which the window begins anew.
    NoReading {
        /// Which value of the row, from 0.
        value: u16,
    },
    /// A verdict.
    Verdict(Report),
}

/// A verdict as it goes over the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What [`Status::word`](flow_nostd::Status::word) says, one of [`STATUS`].
    pub status: &'static str,
    /// The log-density, nats.
    pub log_prob: f32,
    /// The logarithm of the share of usual rows that are as odd or odder; 0 without a calibration.
    pub ln_p: f32,
    /// Whether that is an alarm.
    pub alarm: bool,
    /// The column to look at, among those that are no context: of an alarm the one that is blamed, else the one with a faulty
    /// sensor or a value outside its support.
    pub column: Option<u16>,
    /// How much speaks for drift; 0 without a calibration.
    pub drift: f32,
}

/// Words of a status.
pub const STATUS: [&str; 8] =
    ["scored", "not_calibrated", "outside_support", "outside_context", "not_finite", "out_of_range", "jump", "stuck"];

/// Why a line was not taken as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No line of the protocol, or one that was damaged on its way.
    Checksum,
    /// A line that came whole but is no request: of another version of the protocol, perhaps.
    Request,
    /// A line that is too long.
    Long {
        /// Bytes of the longest one.
        longest: u16,
    },
    /// A row with another number of values.
    Values {
        /// How many it has to have.
        expected: u16,
        /// How many it has.
        found: u16,
    },
    /// The engine refused a row for a reason that the protocol does not know.
    Engine,
}

impl Report {
    /// Whether all of it is the same, bit for bit.
    pub fn same_bits(&self, other: &Report) -> bool {
        let numbers = |report: &Report| [report.log_prob, report.ln_p, report.drift].map(f32::to_bits);
        (self.status, self.alarm, self.column) == (other.status, other.alarm, other.column)
            && numbers(self) == numbers(other)
    }
}

impl Answer<'_> {
    /// Writes the line of the answer to a request of that number.
    ///
    /// # Errors
    /// Whatever the writer reports.
    pub fn write(&self, out: &mut dyn Write, number: u16) -> fmt::Result {
        write_frame(out, ANSWER, number, |out| {
            let mut line = Words(out);
            match *self {
                Answer::Boot { model } => line.word("boot")?.id(model)?,
                Answer::Hello(hello) => {
                    line.word("hello")?.u16(hello.protocol)?.id(hello.model)?.u16(hello.values)?.u16(hello.window)?;
                    line.u32(hello.calibration)?.u16(hello.longest)?.then(hello.engine)?
                }
                Answer::Test(tested) => match tested {
                    Tested::Passed => line.word("test")?.then("passed")?,
                    Tested::NoProbes => line.word("test")?.then("no_probes")?,
                    Tested::Failed => line.word("test")?.then("failed")?,
                    Tested::Arithmetic { expected, found } => {
                        line.word("test")?.then("arithmetic")?.u32(expected)?.u32(found)?
                    }
                    Tested::Probe { probe, expected, found } => {
                        line.word("test")?.then("probe")?.u16(probe)?.u32(expected)?.u32(found)?
                    }
                },
                Answer::Reset => line.word("reset")?,
                Answer::Gap => line.word("gap")?,
                Answer::Row { count, said } => match said {
                    Said::Waiting => line.word("row")?.u32(count)?.then("waiting")?,
                    Said::NoNumber { value } => line.word("row")?.u32(count)?.then("no_number")?.u16(value)?,
                    Said::NoReading { value } => line.word("row")?.u32(count)?.then("no_reading")?.u16(value)?,
                    Said::Verdict(report) => {
                        line.word("row")?.u32(count)?.then(report.status)?.f32(report.log_prob)?.f32(report.ln_p)?;
                        line.then(if report.alarm { "alarm" } else { "-" })?;
                        match report.column {
                            Some(column) => line.u16(column)?,
                            None => line.then("-")?,
                        };
                        line.f32(report.drift)?
                    }
                },
                Answer::Error(refusal) => match refusal {
                    Refusal::Checksum => line.word("error")?.then("checksum")?,
                    Refusal::Request => line.word("error")?.then("request")?,
                    Refusal::Engine => line.word("error")?.then("engine")?,
                    Refusal::Long { longest } => line.word("error")?.then("long")?.u16(longest)?,
                    Refusal::Values { expected, found } => {
                        line.word("error")?.then("values")?.u16(expected)?.u16(found)?
                    }
                },
            };
            Ok(())
        })
    }
}

impl<'a> Answer<'a> {
    /// The same with another text for the engine's version, the only part that borrows from the line: so an answer outlives it.
    pub fn with_engine<'b>(self, engine: impl FnOnce(&str) -> &'b str) -> Answer<'b> {
        match self {
            Answer::Hello(hello) => Answer::Hello(Hello { engine: engine(hello.engine), ..hello }),
            Answer::Boot { model } => Answer::Boot { model },
            Answer::Test(tested) => Answer::Test(tested),
            Answer::Reset => Answer::Reset,
            Answer::Gap => Answer::Gap,
            Answer::Row { count, said } => Answer::Row { count, said },
            Answer::Error(refusal) => Answer::Error(refusal),
        }
    }

    /// Reads the words of an answer; `None` where they are none of this version.
    pub fn read(frame: &Frame<'a>) -> Option<Self> {
        let mut rest = words(frame.words);
        let mut next = || rest.next();
        let answer = match next()? {
            b"boot" => Answer::Boot { model: read_id(next()?)? },
            b"hello" => Answer::Hello(Hello {
                protocol: hex::read_u16(next()?)?,
                model: read_id(next()?)?,
                values: hex::read_u16(next()?)?,
                window: hex::read_u16(next()?)?,
                calibration: hex::read(next()?, 8)?,
                longest: hex::read_u16(next()?)?,
                engine: core::str::from_utf8(next()?).ok()?,
            }),
            b"test" => Answer::Test(match next()? {
                b"passed" => Tested::Passed,
                b"no_probes" => Tested::NoProbes,
                b"failed" => Tested::Failed,
                b"arithmetic" => Tested::Arithmetic { expected: hex::read(next()?, 8)?, found: hex::read(next()?, 8)? },
                b"probe" => Tested::Probe {
                    probe: hex::read_u16(next()?)?,
                    expected: hex::read(next()?, 8)?,
                    found: hex::read(next()?, 8)?,
                },
                _ => return None,
            }),
            b"reset" => Answer::Reset,
            b"gap" => Answer::Gap,
            b"row" => {
                let count = hex::read(next()?, 8)?;
                let said = match next()? {
                    b"waiting" => Said::Waiting,
                    b"no_number" => Said::NoNumber { value: hex::read_u16(next()?)? },
                    b"no_reading" => Said::NoReading { value: hex::read_u16(next()?)? },
                    word => Said::Verdict(Report {
                        status: STATUS.into_iter().find(|status| status.as_bytes() == word)?,
                        log_prob: hex::read_f32(next()?)?,
                        ln_p: hex::read_f32(next()?)?,
                        alarm: match next()? {
                            b"alarm" => true,
                            b"-" => false,
                            _ => return None,
                        },
                        column: match next()? {
                            b"-" => None,
                            column => Some(hex::read_u16(column)?),
                        },
                        drift: hex::read_f32(next()?)?,
                    }),
                };
                Answer::Row { count, said }
            }
            b"error" => Answer::Error(match next()? {
                b"checksum" => Refusal::Checksum,
                b"request" => Refusal::Request,
                b"engine" => Refusal::Engine,
                b"long" => Refusal::Long { longest: hex::read_u16(next()?)? },
                b"values" => Refusal::Values { expected: hex::read_u16(next()?)?, found: hex::read_u16(next()?)? },
                _ => return None,
            }),
            _ => return None,
        };
        next().is_none().then_some(answer)
    }
}

fn read_id(text: &[u8]) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != id.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(pairs) {
        *byte = hex::read(pair, 2)? as u8;
    }
    Some(id)
}

/// Writes words one after another, each but the first behind a space.
struct Words<'a>(&'a mut dyn Write);

impl Words<'_> {
    fn word(&mut self, word: &str) -> Result<&mut Self, fmt::Error> {
        self.0.write_str(word).map(|()| self)
    }

    fn then(&mut self, word: &str) -> Result<&mut Self, fmt::Error> {
        self.0.write_char(' ')?;
        self.word(word)
    }

    fn u16(&mut self, value: u16) -> Result<&mut Self, fmt::Error> {
        self.0.write_char(' ')?;
        hex::write(self.0, value.into(), 4).map(|()| self)
    }

    fn u32(&mut self, value: u32) -> Result<&mut Self, fmt::Error> {
        self.0.write_char(' ')?;
        hex::write(self.0, value, 8).map(|()| self)
    }

    fn f32(&mut self, value: f32) -> Result<&mut Self, fmt::Error> {
        self.u32(value.to_bits())
    }

    fn id(&mut self, id: [u8; 16]) -> Result<&mut Self, fmt::Error> {
        self.0.write_char(' ')?;
        for byte in id {
            hex::write(self.0, byte.into(), 2)?;
        }
        Ok(self)
    }
}
