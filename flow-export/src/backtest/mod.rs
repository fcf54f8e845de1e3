//! Back-test: what a calibrated flow would have said of rows that lie in the past, beside what was wrong then.
//!
//! Every row goes through the engine of the device, in the order of the table. Beside it, on the same rows and at the same
//! p, other frozen flows, and the z-score of the farthest column.

mod method;
mod page;
mod text;
mod windows;
mod z_score;

pub use method::{DriftAlarm, DriftAlarms, Episode, FalseAlarms, Method, Named, Outcome, Point};
pub use page::page;
pub use windows::{Window, Windows};

use crate::error::Error;
use crate::frozen::split_context;
use crate::score::matching;
use crate::times::{Order, every};
use crate::verdicts::{Judge, Judged};
use crate::windows::{Fault, Windowed};
use flow_table::{Table, time_text};
use method::{Ground, Scores};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use z_score::ZScore;

/// How to look at the rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The time between two rows; without it, where the table has times, the median.
    pub every: Option<Duration>,
    /// The mean number of rows between two false drift alarms; without it there is no drift detector.
    pub drift_every: Option<f64>,
    /// Alarms that are at most so many rows apart are one episode.
    pub apart: usize,
}

/// What a back-test found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backtest {
    /// The file of the flow.
    pub model: String,
    /// The table.
    pub data: String,
    /// Number of rows.
    pub rows: usize,
    /// First and last time, where the table has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<[String; 2]>,
    /// Seconds between two rows, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<f64>,
    /// Number of gaps between rows, after which the sensors are looked at anew.
    pub gaps: usize,
    /// Number of rows whose time is that of the row before.
    pub doubled_times: usize,
    /// Number of rows that are earlier than the row before.
    pub steps_back: usize,
    /// Windows in which there is no row.
    pub windows_left_out: usize,
    /// Alarms that are at most so many rows apart are one episode.
    pub apart: usize,
    /// An alarm where p is at most this.
    pub alarm_p: f64,
    /// How many rows have each status, of the flow. It names one sensor of a row.
    pub status: BTreeMap<&'static str, usize>,
    /// How many rows have a fault of each sensor, whatever the others have: of the flow's columns, and of the channels of windows,
    /// which have no verdict then.
    pub faults: Vec<Fault>,
    /// The flow first, then what it is compared with.
    pub methods: Vec<Method>,
    #[serde(skip)]
    times_of_rows: Option<Vec<i64>>,
    /// Number of each row in the file, from 1, ascending.
    #[serde(skip)]
    numbers: Vec<usize>,
    #[serde(skip)]
    windows: Windows,
}

/// Puts all rows through a flow, and through others with the same alarm p. `usual` are rows to fit and calibrate the
/// z-score with.
///
/// # Errors
/// Tables of other columns, rows that are not in the order of time, too few usual rows.
pub fn backtest(
    judge: &Judge,
    others: &[Judge],
    usual: Option<&Table>,
    windowed: &Windowed,
    windows: Windows,
    options: Options,
) -> Result<Backtest, Error> {
    let table = &windowed.table;
    let gaps = windowed.gaps(options.every);
    let times = table.time().map(|time| time.times());
    let numbers: Vec<usize> = table.rows_of_file().iter().map(|row| row + 1).collect();
    let Order { steps_back, doubled: doubled_times } = match &windowed.made {
        Some(made) => made.order,
        None => Order::of(table)?,
    };
    let known = || windowed.made.as_ref()?.every;
    let every = every(table, options.every).or_else(known);
    let names = judge.names();
    let ground = Ground {
        windows: &windows,
        near: windows.near(options.apart),
        numbers: &numbers,
        times,
        alarm: judge.alarm_ln_p(),
        apart: options.apart,
        drift_every: options.drift_every,
        days: every.map(|every| table.rows() as f64 * every.as_secs_f64() / 86_400.0),
    };
    let judged = judge.judge(table, &gaps)?;
    let mut status = BTreeMap::new();
    judged.iter().for_each(|one| *status.entry(one.verdict.status.word()).or_insert(0) += 1);
    let mut faults = judge.faults(table, &gaps)?;
    faults.extend(windowed.made.iter().flat_map(|made| made.faults.iter().cloned()));
    let mut methods = vec![Method::of(name(judge), scores(judged, names.clone()), &ground)];
    for other in others {
        let other = other.clone().with_alarm_ln_p(ground.alarm);
        let judged = other.judge(table, &gaps)?;
        let mut name = name(&other);
        if methods.iter().any(|method| method.name == name) {
            name = other.frozen().path().display().to_string();
        }
        methods.push(Method::of(name, scores(judged, other.names()), &ground));
    }
    if let Some(usual) = usual {
        let rows = split_context(judge.flow(), matching(judge.flow(), usual)?.iter()).0;
        let z = ZScore::of(&rows, names.len(), usual.source())?;
        let rows = split_context(judge.flow(), matching(judge.flow(), table)?.iter()).0;
        let (ln_p, columns) = rows.chunks_exact(names.len()).map(|row| z.judge(row)).map(|(p, c)| (p, Some(c))).unzip();
        methods.push(Method::of("z-score".to_owned(), Scores { ln_p, columns, names }, &ground));
    }
    Ok(Backtest {
        model: judge.frozen().path().display().to_string(),
        data: table.source().to_owned(),
        rows: table.rows(),
        times: times.and_then(|times| Some([times.iter().min()?, times.iter().max()?].map(|time| time_text(*time)))),
        every_seconds: every.map(|every| every.as_secs_f64()),
        gaps: gaps.into_iter().filter(|gap| *gap).count(),
        doubled_times,
        steps_back,
        windows_left_out: windows.left_out(),
        apart: options.apart,
        alarm_p: f64::from(ground.alarm).exp(),
        status,
        faults,
        methods,
        times_of_rows: times.map(<[i64]>::to_vec),
        numbers,
        windows,
    })
}

fn name(judge: &Judge) -> String {
    judge.frozen().path().file_stem().map_or_else(|| "flow".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn scores(judged: Vec<Judged>, names: Vec<String>) -> Scores {
    let ln_p = judged.iter().map(|one| one.verdict.ln_p).collect();
    Scores { ln_p, columns: judged.iter().map(|one| one.blamed).collect(), names }
}
