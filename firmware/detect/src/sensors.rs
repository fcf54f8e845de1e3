//! Stands for the drivers of clock and sensors: it brings the rows of the CSV file that `DETECT_ROWS` names, a time as
//! `2013-12-02 21:15:00` and then a value for each channel, in the flow's order, which the header has to say. An empty cell is a
//! sensor that gave no number.

static ROWS: &str = include_str!(env!("DETECT_ROWS"));

/// Most channels.
const CHANNELS: usize = 16;

/// Rows in the order in which they are read.
pub struct Sensors {
    lines: core::str::Lines<'static>,
    channels: usize,
}

/// A row of the channels.
pub struct Reading {
    values: [f32; CHANNELS],
    channels: usize,
}

impl Reading {
    /// A value for each channel.
    pub fn values(&self) -> &[f32] {
        &self.values[..self.channels]
    }
}

impl Sensors {
    /// Starts at the first row, after the header: the time, and the channels of these names.
    pub fn connect<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Self {
        let channels = names.len();
        assert!(channels <= CHANNELS, "raise CHANNELS");
        let mut lines = ROWS.lines();
        let mut header = lines.next().unwrap_or_default().split(',').map(|cell| cell.trim().trim_matches('"')).skip(1);
        for name in names {
            assert!(
                header.next() == Some(name),
                "the channels of the rows are not the flow's, in its order: {name} is missed"
            );
        }
        Sensors { lines, channels }
    }
}

impl Iterator for Sensors {
    /// Microseconds since 1970, and a row.
    type Item = (i64, Reading);

    fn next(&mut self) -> Option<Self::Item> {
        let mut cells = self.lines.next()?.split(',');
        let micros = micros(cells.next()?);
        let mut values = [f32::NAN; CHANNELS];
        for (value, cell) in values.iter_mut().zip(cells) {
            *value = cell.trim().parse().unwrap_or(f32::NAN);
        }
        Some((micros, Reading { values, channels: self.channels }))
    }
}

/// Microseconds since 1970 of a time in UTC.
fn micros(text: &str) -> i64 {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
    let [year, month, day, hours, minutes, seconds] = core::array::from_fn(|_| numbers.next().unwrap_or(0i64));
    // Years that begin in March, so that a leap day is the last one: https://howardhinnant.github.io/date_algorithms.html
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000
}
