//! What a row of `ln p` comes to when it is held against the windows: alarms, episodes, delays, drift, a curve.

use super::windows::Windows;
use crate::binomial::interval;
use crate::verdicts::drift_levels;
use flow_nostd::layout::LN_P_MIN;
use flow_table::time_text;
use serde::Serialize;

/// Thresholds of a curve.
const THRESHOLDS: usize = 80;
/// The largest of them, as p.
const LARGEST: f64 = 0.1;

/// Verdicts of one method on all rows.
pub(super) struct Scores {
    pub ln_p: Vec<f32>,
    /// The column that is named, of alarms.
    pub columns: Vec<Option<u16>>,
    pub names: Vec<String>,
}

/// What all methods are held against.
pub(super) struct Ground<'a> {
    pub windows: &'a Windows,
    /// The window in which each row lies or from which it is at most `apart` rows away.
    pub near: Vec<Option<usize>>,
    /// Number of each row in the file, from 1.
    pub numbers: &'a [usize],
    pub times: Option<&'a [i64]>,
    /// An alarm where `ln p` is at most this.
    pub alarm: f32,
    /// Alarms that are at most so many rows apart are one episode.
    pub apart: usize,
    /// Mean number of rows between two false drift alarms.
    pub drift_every: Option<f64>,
    /// Days that the rows took.
    pub days: Option<f64>,
}

/// What a method came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// Number of rows that are alarms.
    pub alarms: usize,
    /// The same a day, where it is known how far apart rows are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarms_per_day: Option<f64>,
    /// The same in 1,000 rows.
    pub alarms_per_1000_rows: f64,
    /// Alarms one soon after the other, counted once.
    pub episodes: Vec<Episode>,
    /// Number of windows with an alarm in them.
    pub windows_found: usize,
    /// Number of windows without.
    pub windows_missed: usize,
    /// Each window.
    pub windows: Vec<Outcome>,
    /// Number of episodes away from all windows.
    pub false_episodes: usize,
    /// Alarms outside all windows.
    pub false_alarms: FalseAlarms,
    /// Whether the machine has changed, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftAlarms>,
    /// How many alarms name each column; columns that none names are left out.
    pub named: Vec<Named>,
    /// What other thresholds come to.
    pub curve: Vec<Point>,
    /// `ln p` of each row, for the picture.
    #[serde(skip)]
    pub ln_p: Vec<f32>,
}

/// Alarms one soon after the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// Number of its first row in the file, from 1; of a flow over windows that is a window's newest row.
    pub first_row: usize,
    /// Number of its last row in the file.
    pub last_row: usize,
    /// When it began, where the table has times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Number of alarms.
    pub alarms: usize,
    /// The oddest of its rows, as the file numbers it.
    pub oddest_row: usize,
    /// `ln p` of that row.
    pub ln_p: f32,
    /// The column that is to be looked at because of that row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The number of the window, from 1, in which or near which it lies; without one the episode is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

/// How a window fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// When it starts, where the table has times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Its first and its last row in the file, from 1.
    pub rows: [usize; 2],
    /// Number of alarms in it.
    pub alarms: usize,
    /// Rows of the file from its first row to the first alarm in it; nothing where it was missed.
    pub delay_rows: Option<usize>,
    /// Seconds from its start to that alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<f64>,
    /// The column that the oddest of its alarms names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// Chosen against achieved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FalseAlarms {
    /// Rows outside all windows.
    pub rows: usize,
    /// Alarms among them.
    pub alarms: usize,
    /// The share that was chosen.
    pub chosen: f64,
    /// The share that it is; `null` where all rows lie in windows.
    pub achieved: Option<f64>,
    /// Where that share lies with 95 % confidence, if rows do not depend on each other: of rows that come in runs it is
    /// too narrow.
    pub interval: [f64; 2],
}

/// Alarms of the drift detector, which starts anew after each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftAlarms {
    /// The mean number of rows between two false ones is at least this.
    pub every_rows: f64,
    /// The alarms.
    pub alarms: Vec<DriftAlarm>,
    /// How many of them lie outside all windows.
    pub outside: usize,
    /// Number of windows with one in them.
    pub windows_found: usize,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriftAlarm {
    /// Number of the row in the file, from 1.
    pub row: usize,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The number of the window in which it lies, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

/// How often a column was named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// Its name.
    pub column: String,
    /// Number of alarms.
    pub alarms: usize,
}

/// What a threshold comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// An alarm where `ln p` is at most this.
    pub ln_p: f32,
    /// Number of windows with an alarm in them.
    pub windows_found: usize,
    /// Number of episodes away from all windows.
    pub false_episodes: usize,
    /// The same in 1,000 rows that are away from all windows: only these can be in one.
    pub false_episodes_per_1000_rows: f64,
}

/// Rows of one episode.
struct Run {
    rows: Vec<usize>,
    window: Option<usize>,
}

/// The episodes of alarms at a threshold. None goes on from near a window to away from it: else alarms everywhere would be
/// one episode, and none of them false.
fn runs(ln_p: &[f32], alarm: f32, ground: &Ground) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (row, _) in ln_p.iter().enumerate().filter(|(_, x)| **x <= alarm) {
        let window = ground.near[row];
        let goes_on =
            |run: &Run| run.window == window && run.rows.last().is_some_and(|last| row - last <= ground.apart);
        match runs.last_mut() {
            Some(run) if goes_on(run) => run.rows.push(row),
            _ => runs.push(Run { rows: vec![row], window }),
        }
    }
    runs
}

impl Method {
    pub(super) fn of(name: String, scores: Scores, ground: &Ground) -> Self {
        let Scores { ln_p, columns, names } = scores;
        let (windows, numbers) = (ground.windows, ground.numbers);
        let time = |row: usize| ground.times.map(|times| time_text(times[row]));
        let name_of = |row: usize| columns[row].and_then(|column| names.get(usize::from(column))).cloned();
        let oddest = |rows: &[usize]| rows.iter().copied().min_by(|&a, &b| ln_p[a].total_cmp(&ln_p[b]));
        let alarms: Vec<usize> = (0..ln_p.len()).filter(|&row| ln_p[row] <= ground.alarm).collect();

        let episode = |run: Run| {
            let oddest = oddest(&run.rows).unwrap_or_default();
            Episode {
                first_row: numbers[run.rows[0]],
                last_row: numbers[run.rows[run.rows.len() - 1]],
                time: time(run.rows[0]),
                alarms: run.rows.len(),
                oddest_row: numbers[oddest],
                ln_p: ln_p[oddest],
                column: name_of(oddest),
                window: run.window.map(|window| window + 1),
            }
        };
        let episodes: Vec<Episode> = runs(&ln_p, ground.alarm, ground).into_iter().map(episode).collect();

        let outcome = |(number, window): (usize, &super::windows::Window)| {
            let near =
                alarms.partition_point(|&row| row < window.first)..alarms.partition_point(|&row| row <= window.last);
            // Where time goes back, rows of another window may lie between.
            let mine: Vec<usize> =
                alarms[near].iter().copied().filter(|&row| windows.of_row()[row] == Some(number)).collect();
            let first = mine.first().copied();
            let seconds = |row: usize| Some(ground.times?[row].saturating_sub(window.times?[0]) as f64 / 1e6);
            Outcome {
                start: window.times.map(|[start, _]| time_text(start)),
                end: window.times.map(|[_, end]| time_text(end)),
                rows: [numbers[window.first], numbers[window.last]],
                alarms: mine.len(),
                delay_rows: first.map(|row| numbers[row] - numbers[window.first]),
                delay_seconds: first.and_then(seconds),
                column: oddest(&mine).and_then(name_of),
            }
        };
        let outcomes: Vec<Outcome> = windows.list().iter().enumerate().map(outcome).collect();
        let found = outcomes.iter().filter(|outcome| outcome.alarms > 0).count();

        let mut named = vec![0; names.len()];
        for column in alarms.iter().filter_map(|&row| columns[row]) {
            named[usize::from(column)] += 1;
        }
        let mut named: Vec<Named> =
            names.iter().zip(named).map(|(column, alarms)| Named { column: column.clone(), alarms }).collect();
        named.retain(|named| named.alarms > 0);
        named.sort_by_key(|named| std::cmp::Reverse(named.alarms));

        let outside = windows.of_row().iter().filter(|window| window.is_none()).count();
        let wrong = alarms.iter().filter(|&&row| windows.of_row()[row].is_none()).count();
        Method {
            name,
            alarms: alarms.len(),
            alarms_per_day: ground.days.map(|days| alarms.len() as f64 / days),
            alarms_per_1000_rows: 1e3 * alarms.len() as f64 / ln_p.len().max(1) as f64,
            false_episodes: episodes.iter().filter(|episode| episode.window.is_none()).count(),
            episodes,
            windows_found: found,
            windows_missed: outcomes.len() - found,
            windows: outcomes,
            false_alarms: FalseAlarms {
                rows: outside,
                alarms: wrong,
                chosen: f64::from(ground.alarm).exp(),
                achieved: (outside > 0).then(|| wrong as f64 / outside as f64),
                interval: interval(wrong, outside),
            },
            drift: ground.drift_every.map(|every| drift(&ln_p, every, ground, &time)),
            named,
            curve: curve(&ln_p, ground),
            ln_p,
        }
    }
}

fn drift(ln_p: &[f32], every: f64, ground: &Ground, time: &dyn Fn(usize) -> Option<String>) -> DriftAlarms {
    let levels = drift_levels(ln_p.iter().copied(), every).enumerate();
    let alarm = |(row, _): (usize, f32)| DriftAlarm {
        row: ground.numbers[row],
        time: time(row),
        window: ground.windows.of_row()[row].map(|window| window + 1),
    };
    let alarms: Vec<DriftAlarm> = levels.filter(|(_, level)| f64::from(*level) >= every).map(alarm).collect();
    let mut found: Vec<usize> = alarms.iter().filter_map(|alarm| alarm.window).collect();
    found.sort_unstable(); // A clock that was set back comes to a window twice.
    found.dedup();
    let outside = alarms.iter().filter(|alarm| alarm.window.is_none()).count();
    DriftAlarms { every_rows: every, outside, windows_found: found.len(), alarms }
}

fn curve(ln_p: &[f32], ground: &Ground) -> Vec<Point> {
    let away = ground.near.iter().filter(|window| window.is_none()).count();
    let (from, to) = (LARGEST.ln(), f64::from(LN_P_MIN));
    let point = |i: usize| {
        let threshold = (from + (to - from) * i as f64 / (THRESHOLDS - 1) as f64) as f32;
        let mut found = vec![false; ground.windows.list().len()];
        let mut wrong = 0;
        for run in runs(ln_p, threshold, ground) {
            wrong += usize::from(run.window.is_none());
            for window in run.rows.iter().filter_map(|&row| ground.windows.of_row()[row]) {
                found[window] = true;
            }
        }
        Point {
            ln_p: threshold,
            windows_found: found.into_iter().filter(|found| *found).count(),
            false_episodes: wrong,
            false_episodes_per_1000_rows: 1e3 * wrong as f64 / away.max(1) as f64,
        }
    };
    (0..THRESHOLDS).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_table::Table;
    use std::fmt::Write;

    const NOON: usize = 1_714_564_800;

    /// Rows a second apart.
    fn table(rows: usize) -> Table {
        let mut text = "time,x\n".to_owned();
        (NOON..NOON + rows).for_each(|time| writeln!(text, "{time},0").unwrap());
        Table::from_reader(text.as_bytes(), "t", &Default::default()).unwrap()
    }

    /// What a method comes to that finds these rows odd.
    fn method(windows: &Windows, times: &[i64], odd: impl Fn(usize) -> bool) -> Method {
        let rows = times.len();
        let ln_p = (0..rows).map(|row| if odd(row) { -20.0 } else { -0.5 }).collect();
        let ground = Ground {
            windows,
            near: windows.near(0),
            numbers: &(1..=rows).collect::<Vec<_>>(),
            times: Some(times),
            alarm: -10.0,
            apart: 0,
            drift_every: None,
            days: None,
        };
        Method::of("m".into(), Scores { ln_p, columns: vec![None; rows], names: vec![] }, &ground)
    }

    #[test]
    fn each_of_many_windows_has_its_own_alarms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("windows.json");
        let table = table(100_000);
        let pairs: Vec<[usize; 2]> = (NOON..NOON + 100_000).step_by(2).map(|time| [time, time]).collect();
        std::fs::write(&path, serde_json::to_string(&pairs).unwrap()).unwrap();
        let windows = Windows::of_json(&path, &table).unwrap();
        let method = method(&windows, table.time().unwrap().times(), |_| true);
        assert_eq!((method.windows_found, method.false_alarms.alarms), (50_000, 50_000));
        assert!(method.windows.iter().all(|window| window.alarms == 1 && window.delay_rows == Some(0)));
    }

    /// A file may say any time of a row.
    #[test]
    fn times_may_be_as_far_apart_as_can_be() {
        let table = table(3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, "0\n1\n1\n").unwrap();
        let windows = Windows::of_labels(path.to_str().unwrap(), &table).unwrap();
        let method = method(&windows, &[i64::MAX, i64::MIN, i64::MIN], |row| row == 2);
        assert_eq!(method.windows[0].delay_seconds, Some(i64::MIN as f64 / 1e6));
    }
}
