//! The bytes say which valid file is changed, and how: words of the header, the section table or a section, with checksums that
//! are right again.
#![no_main]

use flow_fuzz::common::mutation::{FILES, mutate};
use flow_fuzz::{changes, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    read(&mutate(&FILES[usize::from(which) % FILES.len()], &changes(rest)), which.into());
});
