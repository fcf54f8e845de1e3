//! Which separator a table uses, judged from its first lines.

/// The separator's name for messages.
pub(crate) fn name(delimiter: u8) -> &'static str {
    match delimiter {
        b'\t' => "tab",
        b';' => "semicolon",
        b'|' => "bar",
        b' ' => "spaces",
        _ => "comma",
    }
}

/// Judges from the first lines of a text, which is cut off somewhere unless it is `whole`. A separator that occurs equally
/// often in every line wins, tab and semicolon before comma (a comma may be a decimal one); failing that, the most frequent
/// of the first line, so that the ragged line is reported as such; failing that, runs of spaces.
pub(crate) fn detect(text: &[u8], whole: bool) -> u8 {
    const CANDIDATES: [u8; 4] = [b'\t', b';', b',', b'|'];
    let text = if whole { text } else { &text[..text.iter().rposition(|b| *b == b'\n').unwrap_or(text.len())] };
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(20).collect();
    let Some(first) = lines.first() else { return b',' };
    let even = |separator: &&u8| {
        let expected = count(first, **separator);
        expected > 0 && lines.iter().all(|line| count(line, **separator) == expected)
    };
    let words = |line: &[u8]| line.trim_ascii().split(|b| *b == b' ').filter(|word| !word.is_empty()).count();
    if let Some(separator) = CANDIDATES.iter().find(even) {
        return *separator;
    }
    match CANDIDATES.iter().max_by_key(|separator| count(first, **separator)) {
        Some(separator) if count(first, *separator) > 0 => *separator,
        _ if words(first) > 1 && lines.iter().all(|line| words(line) == words(first)) => b' ',
        _ => b',',
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
        name(super::detect(text.as_bytes(), true))
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
        assert_eq!(super::detect(b"1 2,5;3\n1;2,", false), b';');
    }
}
