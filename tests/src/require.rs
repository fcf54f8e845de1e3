//! What a test needs and a machine may lack: the test is skipped, visibly, or fails where the environment says so.
//!
//! `REQUIRE=ort,qemu,gcc` lists what must be there.

use std::io::Write;

/// What was found; `None`, after a line on standard error, where it is missing and may be.
///
/// # Panics
/// Where it is missing and the environment variable `REQUIRE` lists `what`.
pub fn available<T>(what: &str, found: Result<T, String>) -> Option<T> {
    let missing = match found {
        Ok(found) => return Some(found),
        Err(missing) => missing,
    };
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    assert!(!is_required(what, &std::env::var("REQUIRE").unwrap_or_default()), "REQUIRE lists {what}, but {missing}");
    // Not `eprintln!`, which the test harness captures: a skip has to be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test} ({what}): {missing}");
    None
}

/// All that can be required.
const KNOWN: [&str; 3] = ["ort", "qemu", "gcc"];

/// # Panics
/// Where the list has something else: a slip of the keyboard would require nothing.
fn is_required(what: &str, list: &str) -> bool {
    let entries = || list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    if let Some(unknown) = entries().find(|entry| !KNOWN.contains(entry)) {
        panic!("REQUIRE lists {unknown:?}, and knows {}", KNOWN.join(", "));
    }
    entries().any(|entry| entry == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_requires_what_it_names() {
        assert!(is_required("qemu", "ort, qemu"));
        assert!(!is_required("qemu", "ort, gcc"));
        assert!(!is_required("qemu", ""));
    }

    #[test]
    #[should_panic(expected = "REQUIRE lists \"quemu\", and knows ort, qemu, gcc")]
    fn a_slip_is_told() {
        is_required("qemu", "ort,quemu");
    }

    #[test]
    fn what_is_there_is_handed_on() {
        assert_eq!(available("anything", Ok(3)), Some(3));
    }
}
