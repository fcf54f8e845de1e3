//! Keys, signatures and their verification: Ed25519 over a frozen file, see "Signature" in `spec/format.md`.
//!
//! A public key is one line of 64 hexadecimal digits, in a file with `.pub` behind its name; a private key the same with
//! `private:` before them, in the file beside it, which only its owner may read: neither is taken for the other, nor compiled into
//! a firmware in its place. No message holds anything of a private key.

use crate::error::Error;
use crate::frozen::Frozen;
use crate::windows::Recipe;
use ed25519_dalek::{Signer, SigningKey};
use flow_nostd::Detector;
use flow_signature::PublicKey;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Makes a pair of keys: the private one at `path`, the public one beside it, and their folder where there is none. Neither
/// takes the place of a file.
///
/// # Errors
/// Where a file of either name is there, one cannot be written, or the system has no random numbers.
pub fn keygen(path: &Path) -> Result<PublicKey, Error> {
    let public_path = public_path(path);
    for path in [path, &public_path] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(Error::KeyExists { path: path.to_owned() });
        }
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|source| Error::Random { problem: source.to_string() })?;
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| Error::WriteKey { path: path.to_owned(), source })?;
    }
    // Never a private key without its public one, wherever it ends.
    create(&public_path, false, &hex(&public))?;
    let line = Zeroizing::new([PRIVATE, hex(&seed).as_str()].concat());
    create(path, true, &line).inspect_err(|_| {
        let _ = fs::remove_file(&public_path); // Half a pair would only stand in the way of the next try.
    })?;
    Ok(public)
}

/// The frozen file with a signature behind it, in place of one that it may have. A file is signed only if it is whole, what it
/// says of windows and verdicts can be used, and its id and its self-test are right: a signature says that it may run.
///
/// # Errors
/// A file that is none of this, or a key that cannot be used.
pub fn sign(frozen: &Frozen, key: &Path) -> Result<Vec<u8>, Error> {
    let flow = frozen.tested_flow()?;
    Detector::new(flow).map_err(|source| Error::Format { path: frozen.path().to_owned(), source })?;
    Recipe::of_file(frozen)?;
    let content = &frozen.bytes()[..flow.header().total_length.get() as usize];
    if crate::freeze::model_id(content).is_none_or(|id| id != flow.model_id()) {
        return Err(Error::ModelId { path: frozen.path().to_owned() });
    }
    let signature = private_key(key)?.sign(content);
    Ok([content, &signature.to_bytes()].concat())
}

/// Verifies the signature behind a file, and that its roll-back counter is at least `lowest`.
///
/// # Errors
/// Why the file is not to be trusted.
pub fn verify(frozen: &Frozen, key: &PublicKey, lowest: u32) -> Result<(), Error> {
    let opened = flow_signature::open(frozen.bytes(), key, lowest);
    opened.map(|_| ()).map_err(|source| Error::Distrust { path: frozen.path().to_owned(), source })
}

/// A public key: 64 hexadecimal digits, or the file that holds them.
///
/// # Errors
/// A file that cannot be read or holds something else.
pub fn public_key(key: &str) -> Result<PublicKey, Error> {
    if let Some(key) = parse(key) {
        return Ok(*key);
    }
    let path = Path::new(key);
    let fail = |problem| Error::Key { path: path.to_owned(), problem };
    let text = Zeroizing::new(fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => fail("neither a file nor the 64 hexadecimal digits of a public key"),
        _ => Error::read(path, source),
    })?);
    let text = std::str::from_utf8(&text).unwrap_or_default();
    if text.starts_with(PRIVATE) {
        return Err(fail("a private key; expected the public one, the file beside it that ends in .pub"));
    }
    parse(text).map(|key| *key).ok_or_else(|| fail(NO_KEY))
}

/// What a private key begins with.
const PRIVATE: &str = "private:";
const NO_KEY: &str = "no key: expected 64 hexadecimal digits, as `flow-export keygen` writes them";
const NO_PRIVATE_KEY: &str =
    "no private key: expected `private:` and 64 hexadecimal digits behind it, as `flow-export keygen` writes them";

fn private_key(path: &Path) -> Result<SigningKey, Error> {
    let fail = |problem| Error::Key { path: path.to_owned(), problem };
    let text = Zeroizing::new(fs::read(path).map_err(|source| Error::read(path, source))?);
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let digits = match text.strip_prefix(PRIVATE) {
        Some(digits) => digits,
        None if parse(text).is_some() => {
            return Err(fail("a public key; expected the private one, the file of the same name without .pub"));
        }
        None => return Err(fail(NO_PRIVATE_KEY)),
    };
    let seed = parse(digits).ok_or_else(|| fail(NO_PRIVATE_KEY))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(path).map_err(|source| Error::read(path, source))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(fail(
                "a private key that others may read; take their permission away (chmod 600), or make a new key",
            ));
        }
    }
    // One of the two was put there by mistake.
    let beside = fs::read_to_string(public_path(path)).ok().and_then(|text| parse(&text));
    if beside.is_some_and(|public| *public != SigningKey::from_bytes(&seed).verifying_key().to_bytes()) {
        return Err(fail("not the private key of the public key beside it"));
    }
    Ok(SigningKey::from_bytes(&seed))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// A new file of one line; private, if only its owner may read it.
fn create(path: &Path, private: bool, line: &str) -> Result<(), Error> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let write = |mut file: File| file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    options
        .open(path)
        .and_then(|file| {
            write(file).inspect_err(|_| {
                let _ = fs::remove_file(path);
            })
        })
        .map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::KeyExists { path: path.to_owned() },
            _ => Error::WriteKey { path: path.to_owned(), source },
        })
}

/// 64 digits and the end of a line.
pub(crate) fn hex(bytes: &[u8; 32]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in bytes {
        [byte >> 4, byte & 15].iter().for_each(|&digit| text.push(DIGITS[usize::from(digit)].into()));
    }
    text.push('\n');
    text
}

fn parse(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.trim_ascii().as_bytes();
    let mut key = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
    }
    Some(key)
}
