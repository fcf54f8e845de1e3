//! The bytes are a file whose checksums are made right, so that what lies behind these is reached.
#![no_main]

use flow_fuzz::{common::seal, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes.to_vec();
    if file.len() >= 128 {
        seal(&mut file);
    }
    read(&file, bytes.len() as u64);
});
