//! Verifies the signature behind a frozen flow, on the device: Ed25519 over the whole file, see "Signature" in
//! `spec/format.md`.
//!
//! A crate of its own, because most of its flash is arithmetic on a curve that a device without a key does not need.
//! `flow-export keygen` makes keys, `flow-export sign` signs.
//!
//! ```
//! # macro_rules! path { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/tests/signed.flow") } }
//! # macro_rules! key { () => { concat!(env!("CARGO_MANIFEST_DIR"), "/tests/key.pub") } }
//! use flow_signature::{PublicKey, public_key};
//!
//! flow_nostd::include_flow!(mod model = path!()); // "model.flow"
//! const KEY: PublicKey = public_key(include_str!(key!())); // "key.pub", of `flow-export keygen`
//!
//! let flow = flow_signature::open(model::BYTES, &KEY, 0)?;
//! # let mut scratch = [0.0; model::SCRATCH];
//! flow.self_test(&mut scratch)?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use ed25519_dalek::{Signature, VerifyingKey};
use flow_nostd::layout::SIGNATURE_LENGTH;
use flow_nostd::{Flow, FormatError};

/// The public key of whoever signs.
pub type PublicKey = [u8; 32];

/// Why a file is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// The file is damaged, or no frozen flow.
    Format(FormatError),
    /// No signature follows the file.
    Unsigned,
    /// The signature is not that of the key's owner over this file.
    Signature,
    /// The file is signed, and older than what was accepted before.
    RolledBack {
        /// The lowest roll-back counter that is accepted.
        lowest: u32,
        /// The file's.
        found: u32,
    },
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Distrust::Format(error) => error.fmt(f),
            Distrust::Unsigned => f.write_str("not signed: no 64 bytes of a signature follow the file; sign it"),
            Distrust::Signature => f.write_str(
                "the signature is not that of this key over this file: either was changed, or another key signed",
            ),
            Distrust::RolledBack { lowest, found } => {
                write!(f, "roll-back counter {found} at byte 28 of the file, expected {lowest} or more: an old model")
            }
        }
    }
}

impl core::error::Error for Distrust {}

/// Whether `signature` is the key's owner's over `file`, which is the file without it. Strict, as the specification asks for.
pub fn verify(file: &[u8], signature: &[u8; SIGNATURE_LENGTH], key: &PublicKey) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(key) else { return false };
    key.verify_strict(file, &Signature::from_bytes(signature)).is_ok()
}

/// Opens a file that the key's owner has signed and whose roll-back counter is at least `lowest`. Nothing of the file but its
/// length is believed before its signature is verified.
///
/// # Errors
/// See [`Distrust`].
pub fn open<'a>(signed: &'a [u8], key: &PublicKey, lowest: u32) -> Result<Flow<'a>, Distrust> {
    // Bytes that are no whole file say so themselves, which is more of use than that nobody has signed them.
    let split = split(signed);
    let (file, signature) = match split {
        Some(parts) => parts,
        None => return Err(Flow::new(signed).map_or_else(Distrust::Format, |_| Distrust::Unsigned)),
    };
    if !verify(file, signature, key) {
        return Err(Distrust::Signature);
    }
    let flow = Flow::new(file).map_err(Distrust::Format)?;
    match flow.header().rollback.get() {
        found if found < lowest => Err(Distrust::RolledBack { lowest, found }),
        _ => Ok(flow),
    }
}

/// The file and its signature, where the slice has just the length of both.
pub fn split(signed: &[u8]) -> Option<(&[u8], &[u8; SIGNATURE_LENGTH])> {
    let length = signed.get(16..)?.first_chunk::<4>()?;
    let (file, signature) = signed.split_last_chunk::<SIGNATURE_LENGTH>()?;
    (file.len() == u32::from_le_bytes(*length) as usize).then_some((file, signature))
}

/// The key in a file of `flow-export keygen`: 64 hexadecimal digits, and nothing else but white space around them. For
/// constants: what is no key does not compile.
///
/// # Panics
/// If it is something else.
pub const fn public_key(hex: &str) -> PublicKey {
    let digits = hex.trim_ascii().as_bytes();
    assert!(digits.len() == 64, "a public key has 64 hexadecimal digits");
    let (mut key, mut i) = ([0; 32], 0);
    while i < 32 {
        key[i] = digit(digits[2 * i]) << 4 | digit(digits[2 * i + 1]);
        i += 1;
    }
    key
}

const fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => panic!("a public key has hexadecimal digits only"),
    }
}
