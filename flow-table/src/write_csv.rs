//! Writing CSV that reads back to the same bits.

use crate::read_csv::is_header;
use csv::StringRecord;
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes a header and rows, comma-separated; each number in the shortest form that reads back to the same bits. Where every
/// name looks like a number, a `#` before the first tells a reader that they are names.
///
/// ```
/// let mut text = Vec::new();
/// flow_table::write_csv(&mut text, &["t".to_string(), "flow, l/s".to_string()], [[0.1, 1e30], [2.0, -0.0]])?;
/// assert_eq!(String::from_utf8(text).unwrap(), "t,\"flow, l/s\"\n0.1,1e30\n2,-0\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Whatever the writer reports.
pub fn write_csv(
    out: &mut (impl Write + ?Sized),
    names: &[impl AsRef<str>],
    rows: impl IntoIterator<Item = impl AsRef<[f32]>>,
) -> io::Result<()> {
    let record: StringRecord = names.iter().map(AsRef::as_ref).collect();
    for (j, name) in record.iter().enumerate() {
        let comma = if j > 0 { "," } else { "" };
        let mark = if j == 0 && !is_header(&record) { "#" } else { "" };
        write!(out, "{comma}{}", csv_field(&format!("{mark}{name}")))?;
    }
    writeln!(out)?;
    for row in rows {
        for (j, value) in row.as_ref().iter().enumerate() {
            if j > 0 {
                out.write_all(b",")?;
            }
            write!(out, "{}", csv_number(*value))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A text as a field of CSV: in quotes where it holds anything but letters, digits, `_`, `-` and `.`.
///
/// ```
/// assert_eq!(flow_table::csv_field("flow_1"), "flow_1");
/// assert_eq!(flow_table::csv_field("6\" pipe"), "\"6\"\" pipe\"");
/// ```
pub fn csv_field(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    }
}

/// A number in the shortest form that reads back to the same bits.
///
/// ```
/// assert_eq!([2.0, 0.1, 1e30].map(flow_table::csv_number), ["2", "0.1", "1e30"]);
/// ```
pub fn csv_number(value: f32) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { value.to_string() } else { format!("{value:?}") }
}
