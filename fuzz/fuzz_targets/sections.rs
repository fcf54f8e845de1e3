//! As `changes`, of files with all that verdicts and windows need.
#![no_main]

use flow_fuzz::common::mutation::mutate;
use flow_fuzz::{changes, read};

static FILES: [&[u8]; 5] = [
    include_bytes!("../../spec/golden/calibrated.flow"),
    include_bytes!("../../spec/golden/calibrated-masses.flow"),
    include_bytes!("../../spec/golden/windows.flow"),
    include_bytes!("../../spec/golden/windows-ranges.flow"),
    include_bytes!("../../spec/calibrated.flow"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    read(&mutate(FILES[usize::from(which) % FILES.len()], &changes(rest)), which.into());
});
