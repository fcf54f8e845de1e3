//! "Did you mean …?": the nearest of some names, by edit distance.

/// The name of `names` that `word` was probably meant to be, if one is near enough (Levenshtein distance of at most a
/// third of the word's length, and at least 1; letter case counts nothing).
///
/// ```
/// assert_eq!(flow_table::did_you_mean("presure", ["pressure", "flow"]), Some("pressure"));
/// assert_eq!(flow_table::did_you_mean("humidity", ["pressure", "flow"]), None);
/// ```
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let nearest = names.into_iter().map(|name| (distance(word, name), name)).min_by_key(|(d, _)| *d)?;
    (nearest.0 <= limit).then_some(nearest.1)
}

/// The hint as part of a sentence: `, did you mean "pressure"?`, or nothing.
pub fn hint<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(word, names).map(|name| format!(", did you mean {name:?}?")).unwrap_or_default()
}

/// Names as a list for a message, shortened when there are many.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(", … ({} more)", names.len() - SHOWN));
    }
    text
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.to_lowercase().chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("Temp", "temp"), 0);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(did_you_mean("x", ["y"]), Some("y"));
        assert_eq!(did_you_mean("x", ["yz"]), None);
        assert_eq!(did_you_mean("x", []), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("c11, … (8 more)"));
    }
}
