//! The bytes are two places in flash and a key: nothing that is not signed opens, and nothing fails otherwise than by an error.
#![no_main]

use flow_fuzz::common::{Aligned, seal};
use flow_nostd::slots::{Policy, pick};
use flow_signature::{PublicKey, open, public_key, split, verify};

const KEY: PublicKey = public_key(include_str!("../../flow-signature/tests/key.pub"));
static SIGNED: &[u8] = include_bytes!("../../flow-signature/tests/signed.flow");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The signed file with some bytes replaced, each after its place.
    let mut changed = SIGNED.to_vec();
    for &[low, high, byte] in bytes.as_chunks().0 {
        let place = usize::from(u16::from_le_bytes([low, high])) % changed.len();
        changed[place] = byte;
    }
    let total = changed.len() - 64;
    seal(&mut changed[..total]);
    let (any, changed) = (Aligned::new(bytes), Aligned::new(&changed));
    let same = changed.bytes() == SIGNED;
    assert_eq!(open(changed.bytes(), &KEY, 0).is_ok(), same);
    assert!(open(any.bytes(), &KEY, 0).is_err() || bytes == SIGNED);
    if let (Some((file, signature)), Some(key)) = (split(any.bytes()), bytes.first_chunk::<32>()) {
        let _ = verify(file, signature, key);
    }
    let policy = Policy { verify: Some(|file, signature| verify(file, signature, &KEY)), lowest: 0, fits: None };
    let picked = pick(any.bytes(), changed.bytes(), &policy, &mut [0.0; 64]);
    assert_eq!(picked.is_ok(), same);
    let _ = pick(any.bytes(), changed.bytes(), &Policy { verify: None, ..policy }, &mut [0.0; 4096]);
});
