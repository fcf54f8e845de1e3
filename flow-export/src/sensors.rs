//! Limits of sensors, as the command line gives them: `NAME=LOW..HIGH`, `NAME=LARGEST`, `NAME=ROWS`.

use crate::error::Error;
use crate::frozen::{Frozen, context_names, judged_names};
use crate::resection::with_sections;
use crate::windows::Recipe;
use flow_nostd::Detector;
use flow_nostd::layout::{CHANNELS, SENSORS, SensorRecord};
use flow_table::suggest;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{F32, U32};

/// One limit of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    column: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Range(f32, f32),
    Jump(f32),
    Same(u32),
}

fn split(text: &str) -> Result<(&str, &str), String> {
    text.rsplit_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

/// Reads `NAME=LOW..HIGH`.
pub(crate) fn range(text: &str) -> Result<Limit, String> {
    let (name, value) = split(text)?;
    let bounds = value.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match bounds {
        Some((low, high)) if low < high && f32::is_finite(low) && f32::is_finite(high) => {
            Ok(Limit { column: name.to_owned(), what: What::Range(low, high) })
        }
        _ => Err(format!("{value:?} is no range; expected LOW..HIGH, as in -40..125")),
    }
}

/// Reads `NAME=LARGEST`.
pub(crate) fn jump(text: &str) -> Result<Limit, String> {
    let (name, value) = split(text)?;
    match value.parse::<f32>() {
        Ok(largest) if largest > 0.0 && largest.is_finite() => {
            Ok(Limit { column: name.to_owned(), what: What::Jump(largest) })
        }
        _ => Err(format!("{value:?} is no largest change; expected a number above 0")),
    }
}

/// Reads `NAME=ROWS`.
pub(crate) fn stuck(text: &str) -> Result<Limit, String> {
    let (name, value) = split(text)?;
    match value.parse::<u32>() {
        Ok(rows) if rows > 0 => Ok(Limit { column: name.to_owned(), what: What::Same(rows) }),
        _ => Err(format!("{value:?} is no number of rows; expected a whole number above 0")),
    }
}

/// The frozen flow with these limits, besides those that it has of other columns and kinds. The range of a raw channel of windows is that of its
/// readings, of which no window holds one that lies beyond; all else is of the flow's columns.
///
/// # Errors
/// A file that is no frozen flow; a limit of a column or channel that is not there.
pub(crate) fn limited(frozen: Frozen, limits: &[Limit]) -> Result<Frozen, Error> {
    if limits.is_empty() {
        return Ok(frozen);
    }
    let flow = frozen.flow()?;
    let source = |source| Error::Format { path: frozen.path().to_owned(), source };
    let detector = Detector::new(frozen.flow()?).map_err(source)?;
    let contexts = context_names(&flow);
    let columns = judged_names(&flow);
    let mut recipe = Recipe::of_file(&frozen)?;
    let (mut ranges, mut others) = (Vec::new(), Vec::new());
    for limit in limits {
        let channel = recipe.iter().flat_map(|recipe| &recipe.channels).position(|name| *name == limit.column);
        match (channel, limit.what) {
            (Some(channel), What::Range(low, high)) => ranges.push((channel, [low, high])),
            _ => others.push(limit),
        }
    }
    let mut sections = Vec::new();
    if !others.is_empty() {
        sections.push((SENSORS, section(&others, detector.sensor_records(), &columns, &contexts)?));
    }
    if let (Some(recipe), false) = (&mut recipe, ranges.is_empty()) {
        recipe.ranges.resize(recipe.channels.len(), [f32::MIN, f32::MAX]);
        ranges.into_iter().for_each(|(channel, range)| recipe.ranges[channel] = range);
        sections.push((CHANNELS, recipe.ranges_section()));
    }
    let content = &frozen.bytes()[..flow.header().total_length.get() as usize];
    Ok(Frozen::from_bytes(frozen.path(), with_sections(&flow, content, &sections)))
}

/// The section `SENS` of a row's columns, with what is there and these limits.
fn section(
    limits: &[&Limit],
    there: &[SensorRecord],
    columns: &[String],
    contexts: &[String],
) -> Result<Vec<u8>, Error> {
    let mut records = there.to_vec();
    records.resize(columns.len(), unlimited());
    for limit in limits {
        let Some(column) = columns.iter().position(|name| *name == limit.column) else {
            if contexts.contains(&limit.column) {
                return Err(Error::ContextSensor { name: limit.column.clone() });
            }
            let names = || columns.iter().map(String::as_str);
            return Err(Error::NoSensor {
                name: limit.column.clone(),
                hint: suggest::hint(&limit.column, names()),
                columns: suggest::list(names()),
            });
        };
        set(&mut records[column], limit.what);
    }
    Ok(records.as_bytes().to_vec())
}

/// A record of `SENS` that finds nothing but values that are not finite.
pub fn unlimited() -> SensorRecord {
    SensorRecord { low: F32::new(f32::MIN), high: F32::new(f32::MAX), jump: F32::new(f32::MAX), same: U32::ZERO }
}

fn set(record: &mut SensorRecord, what: What) {
    match what {
        What::Range(low, high) => (record.low, record.high) = (F32::new(low), F32::new(high)),
        What::Jump(largest) => record.jump = F32::new(largest),
        What::Same(rows) => record.same = U32::new(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_set() {
        let names = ["t".to_owned(), "a=b".to_owned()];
        let limits = [range("t=-40..125"), jump("t=5"), stuck("a=b=12")].map(Result::unwrap);
        let mut expected = [
            SensorRecord { low: F32::new(-40.0), high: F32::new(125.0), jump: F32::new(5.0), same: U32::ZERO },
            SensorRecord { same: U32::new(12), ..unlimited() },
        ];
        assert_eq!(section(&limits.each_ref(), &[], &names, &[]).unwrap(), expected.as_bytes());
        // What was said before stays, but for what is said anew.
        let further = [range("t=-40..85"), jump("a=b=2")].map(Result::unwrap);
        let both = section(&further.each_ref(), &expected, &names, &[]).unwrap();
        (expected[0].high, expected[1].jump) = (F32::new(85.0), F32::new(2.0));
        assert_eq!(both, expected.as_bytes());
    }

    #[test]
    fn what_is_no_limit_is_explained() {
        for wrong in ["t", "=1..2", "t=2..1", "t=1", "t=1..inf"] {
            assert!(range(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
        assert!(jump("t=0").unwrap_err().contains("above 0"));
        assert!(stuck("t=1.5").unwrap_err().contains("whole number"));
        let message = |limit| {
            section(&[&jump(limit).unwrap()], &[], &["t".to_owned()], &["load".to_owned()]).unwrap_err().to_string()
        };
        assert!(message("tt=1").contains("\"tt\"") && message("tt=1").contains("did you mean \"t\"?"));
        assert!(message("load=1").contains("\"load\" is a context column"), "{}", message("load=1"));
    }
}
