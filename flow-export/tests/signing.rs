//! Keys and signatures as a user makes them, and everything that must not verify.
#![allow(missing_docs)]

mod common;

use common::Session;
use std::fs;
use std::path::Path;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");

/// A folder with a pair of keys, the example and the example signed.
fn session() -> Session {
    let session = Session::empty();
    session.write("model.flow", fs::read(EXAMPLE).unwrap());
    session.succeed(&["keygen", "key"]);
    session.succeed(&["sign", "model.flow", "--key", "key", "-o", "signed.flow"]);
    session
}

/// What a command that must fail says.
fn fail(session: &Session, arguments: &[&str]) -> String {
    let output = session.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_signed_flow_verifies_and_is_otherwise_the_same() {
    let session = session();
    let (plain, signed) =
        (fs::read(session.path("model.flow")).unwrap(), fs::read(session.path("signed.flow")).unwrap());
    assert!(signed.len() == plain.len() + 64 && signed.starts_with(&plain));
    let said = session.succeed(&["verify", "signed.flow", "--key", "key.pub"]);
    assert_eq!(said, "signed by that key; model id 176b2d092c98d998785af39e1f56e9bb, roll-back counter 7\n");
    let digits = fs::read_to_string(session.path("key.pub")).unwrap();
    assert_eq!(session.succeed(&["verify", "signed.flow", "--key", digits.trim(), "--rollback", "7"]), said);
    // Signed again it is the same: a signature depends on the file and the key alone.
    session.succeed(&["sign", "signed.flow", "--key", "key", "-o", "again.flow"]);
    assert_eq!(fs::read(session.path("again.flow")).unwrap(), signed);
    assert!(session.succeed(&["inspect", "signed.flow"]).contains("sign"));
}

#[test]
fn keys_are_private_and_stay() {
    let session = Session::empty();
    let public = session.succeed(&["keygen", "key"]);
    let [private_before, public_before] =
        ["key", "key.pub"].map(|name| fs::read_to_string(session.path(name)).unwrap());
    assert!(
        public == public_before
            && private_before != public
            && private_before.starts_with("private:")
            && private_before.len() == 73
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name| fs::metadata(session.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("key"), 0o600);
        // Nobody signs with a key that others may have read.
        session.write("model.flow", fs::read(EXAMPLE).unwrap());
        fs::set_permissions(session.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
        let said = fail(&session, &["sign", "model.flow", "--key", "key", "-o", "signed.flow"]);
        assert!(said.contains("key: a private key that others may read") && said.contains("chmod 600"), "{said}");
        assert!(!session.path("signed.flow").exists());
    }
    // Neither half is overwritten, and where one is there the other is not made.
    let said = fail(&session, &["keygen", "key"]);
    assert!(said.contains("key: is there already, and is not overwritten"), "{said}");
    session.write("other.pub", "something of mine");
    assert!(fail(&session, &["keygen", "other"]).contains("other.pub: is there already"));
    assert!(!session.path("other").exists());
    assert_eq!(fs::read_to_string(session.path("key")).unwrap(), private_before);
    session.write("file", "");
    assert!(fail(&session, &["keygen", "file/key"]).contains("file/key: cannot be written"));
    session.succeed(&["keygen", "keys/of/a/pump"]);
    assert!(session.path("keys/of/a/pump").exists() && session.path("keys/of/a/pump.pub").exists());
    assert_ne!(session.succeed(&["keygen", "third"]), public);
}

#[test]
fn nothing_of_a_private_key_is_said() {
    let session = session();
    let secret = fs::read_to_string(session.path("key")).unwrap();
    session.succeed(&["keygen", "other"]);
    session.write("short", &secret[..60]);
    session.write("long", format!("{secret}0"));
    #[cfg(unix)]
    for name in ["short", "long"] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(session.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let commands: [&[&str]; 6] = [
        &["sign", "model.flow", "--key", "key", "-o", "none/signed.flow"],
        &["sign", "model.flow", "--key", "short", "-o", "out.flow"],
        &["sign", "model.flow", "--key", "long", "-o", "out.flow"],
        &["verify", "signed.flow", "--key", "key"],
        &["verify", "signed.flow", "--key", "short"],
        &["sign", "key", "--key", "key", "-o", "out.flow"],
    ];
    for arguments in commands {
        let said = fail(&session, arguments);
        assert!(!said.contains(&secret[..16]) && !said.contains(&secret[44..60]), "{arguments:?}");
    }
}

#[test]
fn what_is_not_trusted_and_why() {
    let session = session();
    let signed = fs::read(session.path("signed.flow")).unwrap();
    let verify = |name: &str, bytes: &[u8]| {
        session.write(name, bytes);
        fail(&session, &["verify", name, "--key", "key.pub"])
    };
    let plain = &signed[..signed.len() - 64];
    assert!(verify("plain.flow", plain).contains("plain.flow: not to be trusted: not signed"));
    // Every byte of the signature, and bytes of every part of the file with its check sums made right again.
    for at in signed.len() - 64..signed.len() {
        let mut changed = signed.clone();
        changed[at] ^= 0x10;
        assert!(
            verify("changed.flow", &changed).contains("the signature is not that of this key over this file"),
            "{at}"
        );
    }
    for at in [28, 40, 76 + 2, 130, 280, 500, 700, 1000] {
        let mut changed = plain.to_vec();
        changed[at] ^= 1;
        seal(&mut changed);
        changed.extend(&signed[plain.len()..]);
        assert!(verify("changed.flow", &changed).contains("the signature is not that of this key"), "{at}");
    }
    let cut = verify("cut.flow", &signed[..signed.len() - 1]);
    assert!(cut.contains("not to be trusted") && !cut.contains("the signature is not"), "{cut}");
    session.succeed(&["keygen", "other"]);
    assert!(fail(&session, &["verify", "signed.flow", "--key", "other.pub"]).contains("or another key signed"));
    let old = fail(&session, &["verify", "signed.flow", "--key", "key.pub", "--rollback", "8"]);
    assert!(old.contains("roll-back counter 7 at byte 28 of the file, expected 8 or more"), "{old}");
    let none = fail(&session, &["verify", "signed.flow", "--key", "no such key"]);
    assert!(none.contains("neither a file nor the 64 hexadecimal digits of a public key"), "{none}");
}

#[test]
fn the_halves_of_a_pair_are_not_mistaken_for_each_other() {
    let session = session();
    let said = fail(&session, &["sign", "model.flow", "--key", "key.pub", "-o", "out.flow"]);
    assert!(said.contains("key.pub: a public key; expected the private one") && !session.path("out.flow").exists());
    let said = fail(&session, &["verify", "signed.flow", "--key", "key"]);
    assert!(said.contains("key: a private key; expected the public one"), "{said}");
}

#[test]
fn who_signs_sees_the_counter_that_devices_will_see() {
    let session = session();
    let told = |model: &str| {
        let output = session.run(&["sign", model, "--key", "key", "-o", "out.flow"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = told("model.flow");
    assert!(said.ends_with("roll-back counter 7\n") && said.contains("176b2d092c98d998785af39e1f56e9bb"), "{said}");
    let mut first = fs::read(session.path("model.flow")).unwrap();
    first[28..32].fill(0);
    let id = flow_export::freeze::model_id(&first).unwrap();
    first[32..48].copy_from_slice(&id);
    seal(&mut first);
    session.write("first.flow", first);
    assert!(told("first.flow").contains("roll-back counter 0; a device that has a model with a higher one"));
}

#[test]
fn what_says_unusable_things_of_verdicts_is_not_signed() {
    let session = session();
    let mut file = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow")).unwrap();
    let at = (64..).step_by(16).find(|&at| &file[at..at + 4] == b"SENS").unwrap();
    let start = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap()) as usize;
    file[start..start + 4].fill(0xff);
    let id = flow_export::freeze::model_id(&file).unwrap();
    file[32..48].copy_from_slice(&id);
    seal(&mut file);
    session.write("broken.flow", file);
    let said = fail(&session, &["sign", "broken.flow", "--key", "key", "-o", "out.flow"]);
    assert!(said.contains("broken.flow") && said.contains("SENS"), "{said}");
}

#[test]
fn a_signature_is_not_that_of_the_calibrated_file() {
    let session = session();
    session.succeed(&["sample", "model.flow", "--n", "200", "-o", "usual.csv"]);
    let calibrate = |model: &str| {
        let output = session.run(&["calibrate", model, "--data", "usual.csv", "-o", "new.flow", "--p", "0.01"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(calibrate("signed.flow").contains("the new file is another, without a signature"));
    assert!(fail(&session, &["verify", "new.flow", "--key", "key.pub"]).contains("new.flow"));
    assert!(!calibrate("model.flow").contains("signature"));
}

#[test]
fn what_is_not_signed_and_why() {
    let session = session();
    let mut file = fs::read(session.path("model.flow")).unwrap();
    file[40] ^= 1;
    seal(&mut file);
    session.write("id.flow", &file);
    let said = fail(&session, &["sign", "id.flow", "--key", "key", "-o", "out.flow"]);
    assert!(said.contains("id.flow: the model id, 16 bytes from byte 32"), "{said}");
    file[700] ^= 1;
    session.write("damaged.flow", &file);
    assert!(fail(&session, &["sign", "damaged.flow", "--key", "key", "-o", "out.flow"]).contains("damaged.flow"));
    // The public key of another beside a private one: one of the two was put there by mistake.
    session.succeed(&["keygen", "other"]);
    fs::copy(session.path("other.pub"), session.path("key.pub")).unwrap();
    let said = fail(&session, &["sign", "model.flow", "--key", "key", "-o", "out.flow"]);
    assert!(said.contains("not the private key of the public key beside it"), "{said}");
    assert!(!session.path("out.flow").exists());
}

/// Makes both check sums right.
fn seal(file: &mut [u8]) {
    let crc = flow_nostd::layout::crc32(&file[128..]);
    file[120..124].copy_from_slice(&crc.to_le_bytes());
    let crc = flow_nostd::layout::crc32(&file[..124]);
    file[124..128].copy_from_slice(&crc.to_le_bytes());
}

/// The signature is the one that another implementation makes of the same key and bytes.
#[test]
fn another_implementation_agrees() {
    let session = session();
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../flow-signature/tests").join(name);
    let key = fs::read_to_string(fixture("key.pub")).unwrap();
    let signed = fixture("signed.flow").display().to_string();
    // Signed with Python's `cryptography` and the key that RFC 8032 has in its third test.
    assert!(session.succeed(&["verify", &signed, "--key", key.trim()]).contains("roll-back counter 7"));
    session.write("rfc", "private:c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(session.path("rfc"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    session.succeed(&["sign", "model.flow", "--key", "rfc", "-o", "out.flow"]);
    assert_eq!(fs::read(session.path("out.flow")).unwrap(), fs::read(signed).unwrap());
}
