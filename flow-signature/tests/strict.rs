//! What must not verify, beside a signature of another key or over other bytes: what a lenient verifier lets pass.
#![allow(missing_docs)]

use flow_nostd::{Aligned, FormatError};
use flow_signature::{Distrust, PublicKey, open, public_key, split, verify};

static SIGNED: Aligned<[u8; 1680]> = Aligned(*include_bytes!("signed.flow"));
const KEY: PublicKey = public_key(include_str!("key.pub"));

/// The order of the group, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A file signed otherwise.
fn with(signature: &[u8; 64]) -> Aligned<[u8; 1680]> {
    let mut all = SIGNED;
    all.0[1616..].copy_from_slice(signature);
    all
}

#[test]
fn the_signed_file_opens() {
    assert_eq!(open(&SIGNED.0, &KEY, 7).unwrap().columns(), 4);
    assert_eq!(open(&SIGNED.0, &KEY, 8).unwrap_err(), Distrust::RolledBack { lowest: 8, found: 7 });
    assert_eq!(open(&SIGNED.0[..1616], &KEY, 0).unwrap_err(), Distrust::Unsigned);
    assert!(matches!(open(&SIGNED.0[..1650], &KEY, 0), Err(Distrust::Format(FormatError::Trailing { .. }))));
    assert!(matches!(open(&SIGNED.0[..100], &KEY, 0), Err(Distrust::Format(FormatError::Truncated { .. }))));
    assert!(matches!(open(&[], &KEY, 0), Err(Distrust::Format(_))));
    for at in (0..1680).step_by(13) {
        let mut changed = SIGNED;
        changed.0[at] ^= 4;
        assert!(open(&changed.0, &KEY, 0).is_err(), "{at}");
    }
}

/// The same signature with the group's order added to s verifies under the bare equation.
#[test]
fn a_signature_has_one_form() {
    let (_, signature) = split(&SIGNED.0).unwrap();
    let (mut other, mut carry) = (*signature, 0u16);
    for (byte, order) in other[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert_eq!(open(&with(&other).0, &KEY, 0).unwrap_err(), Distrust::Signature);
}

/// With a key or an R of small order there are signatures that verify over any file.
#[test]
fn points_of_small_order_sign_nothing() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut of_order_two = [0xff; 32];
    of_order_two[0] = 0xec;
    of_order_two[31] = 0x7f;
    let (file, signature) = split(&SIGNED.0).unwrap();
    for key in [one, of_order_two, [0; 32]] {
        for r in [one, of_order_two, [0; 32]] {
            let mut forged = [0; 64];
            forged[..32].copy_from_slice(&r);
            assert!(!verify(file, &forged, &key));
            assert!(!verify(file, &forged, &KEY));
        }
        assert!(!verify(file, signature, &key));
    }
    // No point at all.
    assert!(!verify(file, signature, &[0xff; 32]));
    assert!(!verify(file, &[0xff; 64], &KEY));
}

#[test]
fn keys_are_digits() {
    assert_eq!(public_key(&format!(" {}\r\n", "0aF9".repeat(16)))[..3], [0x0a, 0xf9, 0x0a]);
    for bad in ["0".repeat(63), "0".repeat(66), "g".repeat(64)] {
        assert!(std::panic::catch_unwind(|| public_key(&bad)).is_err());
    }
}

/// What `flow-export keygen` writes of a private key: in a firmware's constant it does not compile.
#[test]
#[should_panic(expected = "a public key has 64 hexadecimal digits")]
fn a_private_key_is_no_public_one() {
    public_key("private:c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7\n");
}
