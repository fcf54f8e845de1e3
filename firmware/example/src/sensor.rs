//! Stands for a sensor's driver: it brings the rows of the file that `FLOW_ROWS` names, little-endian f32.

static ROWS: &[u8] = include_bytes!(env!("FLOW_ROWS"));

/// Widest row.
const COLUMNS: usize = 64;

/// A sensor that has been connected.
pub struct Sensor {
    rest: &'static [u8],
    reading: [f32; COLUMNS],
}

impl Sensor {
    /// Starts at the first row.
    pub fn new() -> Self {
        Sensor { rest: ROWS, reading: [0.0; COLUMNS] }
    }

    /// The next reading, `columns` values; `None` after the last one.
    pub fn read(&mut self, columns: usize) -> Option<&[f32]> {
        let reading = self.reading.get_mut(..columns)?;
        let (row, rest) = self.rest.split_at_checked(4 * columns)?;
        for (value, bytes) in reading.iter_mut().zip(row.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        self.rest = rest;
        Some(reading)
    }
}
