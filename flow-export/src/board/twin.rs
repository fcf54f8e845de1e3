//! The board's twin: the same program on this machine.

use crate::error::Error;
use crate::frozen::{self, Frozen, column_names};
use crate::windows::Recipe;
use flow_line::{Memory, Needs, Responder, Said, Unfit};
use flow_nostd::SensorState;

/// Memory that a twin works in.
pub(crate) struct Rooms {
    scratch: Vec<f32>,
    window: Vec<f32>,
    values: Vec<f32>,
    sensors: Vec<SensorState>,
}

impl Rooms {
    /// As much as the flow needs.
    pub fn of(frozen: &Frozen) -> Result<Self, Error> {
        let fail = |source| Error::Format { path: frozen.path().to_owned(), source };
        let needs = Needs::of(&frozen.flow()?).map_err(fail)?;
        Ok(Rooms {
            scratch: vec![0.0; needs.scratch],
            window: vec![0.0; needs.window],
            values: vec![0.0; needs.values],
            sensors: vec![SensorState::default(); needs.sensors],
        })
    }

    /// The twin; it passes its self-test.
    pub fn twin<'a>(&'a mut self, frozen: &'a Frozen) -> Result<Responder<'a>, Error> {
        let Rooms { scratch, window, values, sensors } = self;
        Responder::new(frozen.tested_flow()?, Memory { scratch, window, values, sensors }, usize::MAX).map_err(
            |unfit| match unfit {
                Unfit::Format(source) => Error::Format { path: frozen.path().to_owned(), source },
                other => Error::Port { port: frozen.path().to_owned(), problem: other.to_string() },
            },
        )
    }
}

/// Names of the columns that verdicts speak of.
pub(crate) fn judged_names(frozen: &Frozen) -> Result<Vec<String>, Error> {
    Ok(frozen::judged_names(&frozen.flow()?))
}

/// Names of the values of a row as a board takes it: raw channels, or all columns.
pub(crate) fn row_names(frozen: &Frozen) -> Result<Vec<String>, Error> {
    Ok(match Recipe::of_file(frozen)? {
        Some(recipe) => recipe.channels,
        None => column_names(&frozen.flow()?),
    })
}

/// Why a row of values of these names has no verdict, where it will not get one.
pub(crate) fn unread(said: &Said, values: &[String]) -> Option<String> {
    let (value, what) = match *said {
        Said::NoNumber { value } => (value, "is no number"),
        Said::NoReading { value } => (value, "is beyond its sensor's range"),
        Said::Waiting | Said::Verdict(_) => return None,
    };
    let name =
        values.get(usize::from(value)).map_or_else(|| format!("value {}", value + 1), |name| format!("{name:?}"));
    Some(format!("{name} {what}"))
}
