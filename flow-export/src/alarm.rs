//! How often an alarm may be a false one: as p, or as a number of false alarms in a time.

use std::time::Duration;

/// The units of a duration, and their seconds.
const UNITS: [(&str, f64); 7] = [
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
    ("month", 2_629_800.0),
    ("y", 31_557_600.0),
];

/// Reads a duration as `5min` or `0.5 s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number = if number.trim().is_empty() { Ok(1.0) } else { number.trim().parse::<f64>() };
    let seconds = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| seconds);
    match (number, seconds) {
        (Ok(number), Some(seconds)) if number > 0.0 && number * seconds < 1e12 => {
            match Duration::from_secs_f64(number * seconds) {
                Duration::ZERO => Err(format!("{text:?} is too short; expected a nanosecond at least")),
                duration => Ok(duration),
            }
        }
        _ => Err(format!("{text:?} is no duration; expected a number and s, min, h, d, w, month or y, as in 5min")),
    }
}

/// A number of false alarms in a time: `1/30d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FalseAlarms {
    count: f64,
    period: Duration,
}

impl FalseAlarms {
    /// The share of rows, one `every` so often, that may be false alarms.
    pub(crate) fn share(&self, every: Duration) -> f64 {
        self.count * every.as_secs_f64() / self.period.as_secs_f64()
    }

    /// The same where it may be the p of an alarm.
    pub(crate) fn p(&self, every: Duration) -> Result<f64, String> {
        let p = self.share(every);
        if is_alarm_p(p) {
            return Ok(p);
        }
        let FalseAlarms { count, period } = self;
        Err(format!(
            "{count} false alarms in {period:?} where a row comes every {every:?} are p = {p}; expected a p from 1e-9 \
             to 0.5: name another rate, as in 1/30d"
        ))
    }
}

impl std::str::FromStr for FalseAlarms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("{text:?} is no rate of false alarms; expected a number in a time, as in 1/30d");
        let (count, period) = text.split_once('/').ok_or_else(fail)?;
        let count: f64 = count.trim().parse().map_err(|_| fail())?;
        if !(count > 0.0 && count < 1e9) {
            return Err(fail());
        }
        Ok(FalseAlarms { count, period: duration(period)? })
    }
}

/// How seldom a false alarm of drift is to be: a number of rows, or a number of alarms in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DriftEvery {
    Rows(f64),
    Rate(FalseAlarms),
}

impl std::str::FromStr for DriftEvery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().parse::<f64>() {
            Ok(rows) if (1.0..1e30).contains(&rows) => Ok(DriftEvery::Rows(rows)),
            Ok(_) => Err(format!("{text:?} is no number of rows; expected one from 1 on, or a rate as in 1/30d")),
            Err(_) => text.parse().map(DriftEvery::Rate),
        }
    }
}

/// Whether an alarm may be where p is at most this: at least a billionth, where every calibration ends, and at most 1/2.
fn is_alarm_p(p: f64) -> bool {
    (1e-9..=0.5).contains(&p)
}

/// Reads p, from a billionth to 1/2.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if is_alarm_p(p) => Ok(p),
        _ => Err("expected a number from 1e-9 to 0.5, as in 1e-4".to_owned()),
    }
}

/// Reads a confidence, at least 1/2 and at most 0.999.
pub(crate) fn confidence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.5..=0.999).contains(&share) => Ok(share),
        _ => Err("expected a share from 0.5 to 0.999, as in 0.9".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_become_shares() {
        let share = |rate: &str, every: &str| rate.parse::<FalseAlarms>().unwrap().share(duration(every).unwrap());
        assert!((share("1/30d", "5min") - 1.0 / 8640.0).abs() < 1e-12);
        assert!((share("2/y", "1h") - 2.0 / 8766.0).abs() < 1e-9);
        assert_eq!(share("1/s", "0.25s"), 0.25);
        let p = |rate: &str| rate.parse::<FalseAlarms>().unwrap().p(Duration::from_secs(300));
        assert_eq!(p("1/10min"), Ok(0.5));
        assert!(p("10/1min").unwrap_err().contains("10 false alarms in 60s where a row comes every 300s are p = 50;"));
    }

    #[test]
    fn what_is_no_rate_is_explained() {
        for text in ["1", "x/30d", "0/30d", "1/", "1/30", "1/-3d", "1/30parsecs", "inf/1d"] {
            let message = text.parse::<FalseAlarms>().unwrap_err();
            assert!(message.contains("expected a number"), "{text}: {message}");
        }
        assert!(duration("0.0000000001s").unwrap_err().contains("too short"));
        assert!(["0", "-1", "0.6", "nan", "p"].iter().all(|text| probability(text).is_err()));
    }
}
