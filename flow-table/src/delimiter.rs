//! Which separator a table uses, judged from its first lines.

/// What stands between the cells of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// One byte.
    Byte(u8),
    /// Any run of spaces and tabs.
    Whitespace,
}

impl Delimiter {
    /// Its name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Delimiter::Byte(b',') => "comma",
            Delimiter::Byte(b';') => "semicolon",
            Delimiter::Byte(b'\t') => "tab",
            Delimiter::Byte(b'|') => "bar",
            Delimiter::Byte(_) => "byte",
            Delimiter::Whitespace => "spaces",
        }
    }

    /// Judges from the first lines of a text. A separator that occurs equally often in every line wins, tab and
    /// semicolon before comma (a comma may be a decimal one); failing that, the most frequent of the first line, so that
    /// the ragged line is reported as such.
    pub(crate) fn detect<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Delimiter {
        const CANDIDATES: [u8; 4] = [b'\t', b';', b',', b'|'];
        let lines: Vec<&[u8]> = lines.filter(|l| !l.trim_ascii().is_empty()).take(20).collect();
        let Some(first) = lines.first() else { return Delimiter::Byte(b',') };
        let counts: Vec<usize> = CANDIDATES.iter().map(|&c| count(first, c)).collect();
        for (&candidate, &expected) in CANDIDATES.iter().zip(&counts) {
            if expected > 0 && lines.iter().all(|line| count(line, candidate) == expected) {
                return Delimiter::Byte(candidate);
            }
        }
        if let Some((i, _)) = counts.iter().enumerate().filter(|(_, n)| **n > 0).max_by_key(|(_, n)| **n) {
            return Delimiter::Byte(CANDIDATES[i]);
        }
        let words = |line: &[u8]| line.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()).count();
        if words(first) > 1 && lines.iter().all(|line| words(line) == words(first)) {
            return Delimiter::Whitespace;
        }
        Delimiter::Byte(b',')
    }
}

/// How often `wanted` stands outside quotes.
fn count(line: &[u8], wanted: u8) -> usize {
    let mut quoted = false;
    line.iter()
        .filter(|&&b| {
            quoted ^= b == b'"';
            b == wanted && !quoted
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(text: &str) -> &'static str {
        Delimiter::detect(text.as_bytes().split(|b| *b == b'\n')).name()
    }

    #[test]
    fn separators_are_found() {
        assert_eq!(detect("a,b\n1,2"), "comma");
        assert_eq!(detect("1,5;2,5\n1,0;3,0"), "semicolon");
        assert_eq!(detect("a b\tc\n1\t2"), "tab");
        assert_eq!(detect("  1 2\n3   4"), "spaces");
        assert_eq!(detect("\"a;b\",c\n1,2"), "comma");
        assert_eq!(detect("2013-12-02 21:15:00,7\n2013-12-02 21:20:00,8"), "comma");
        assert_eq!(detect("my value\n1\n2"), "comma");
        assert_eq!(detect("1,2\n3\n4,5"), "comma");
        assert_eq!(detect(""), "comma");
    }
}
