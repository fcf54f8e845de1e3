//! Lines of a stream, whatever bytes come: what is no UTF-8 becomes U+FFFD, and a line that does not end takes no more memory
//! than the longest one.

use std::io::{self, BufRead, Read};

/// Bytes of the longest line that is taken.
pub(crate) const LONGEST: usize = 1 << 20;

/// A line as it came.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// Its text, without its end.
    Text(String),
    /// It is longer than [`LONGEST`]; nothing of it was kept.
    TooLong,
}

/// The lines of a stream; an error is one of the stream itself.
pub(crate) struct Input<R>(pub R);

impl<R: BufRead> Iterator for Input<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        match self.0.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) if bytes.last() == Some(&b'\n') || bytes.len() <= LONGEST => {
                let text = String::from_utf8_lossy(&bytes);
                Some(Ok(Line::Text(text.trim_end_matches(['\n', '\r']).to_owned())))
            }
            Ok(_) => Some(self.0.skip_until(b'\n').map(|_| Line::TooLong)),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_lines() {
        let lines = |bytes: &[u8]| Input(bytes).collect::<Result<Vec<_>, _>>().unwrap();
        let texts = |bytes: &[u8]| {
            lines(bytes).into_iter().map(|line| if let Line::Text(text) = line { text } else { "too long".into() })
        };
        assert!(texts(b"a\n\nb\r\n\xff\xfe,3\nc").eq(["a", "", "b", "\u{fffd}\u{fffd},3", "c"]));
        assert_eq!(lines(b""), []);
        let mut bytes = vec![b'x'; LONGEST];
        bytes.extend(b"\nxy\n");
        assert!(texts(&bytes).map(|text| text.len()).eq([LONGEST, 2]));
        bytes.insert(0, b'x');
        assert_eq!(lines(&bytes), [Line::TooLong, Line::Text("xy".into())]);
        assert_eq!(lines(&bytes[..=LONGEST]), [Line::TooLong]);
    }
}
