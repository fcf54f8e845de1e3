//! Two places for a model, and an update of which the power is cut after every single write: the device always starts with a
//! model that works, old or new, and with the new one once all of it is written.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::{Aligned, Draw, model_of, seal, stride};
use flow_nostd::slots::{Policy, Slot, SlotError, check, pick};
use flow_nostd::{Flow, FormatError};

/// The unit that flash is erased in, the unit that it is written in, and the length of a place.
const PAGE: usize = 256;
const WORD: usize = 8;
const PLACE: usize = 8 * PAGE;

/// A file of its own with this roll-back counter, probes in it.
fn file(seed: u64, counter: u32) -> Vec<u8> {
    let mut model = model_of(common::Kind::Coupling, seed, 3, &[5], 2, 2);
    let row = model.row(&mut Draw::new(seed), 1.0);
    let bytes = Aligned::new(&model.file());
    let flow = Flow::new(bytes.bytes()).unwrap();
    let log_prob = flow.log_prob(&row, &[], &mut vec![0.0; flow.scratch_len()]).unwrap();
    model.probes = vec![(row, log_prob.to_bits())];
    let mut file = model.file();
    file[28..32].copy_from_slice(&counter.to_le_bytes());
    seal(&mut file);
    file
}

/// A signature that needs no curve: 64 bytes that depend on all of the file. `flow-signature` has the real one.
fn signature(file: &[u8]) -> [u8; 64] {
    let mut state = [0x5au8; 64];
    for (i, byte) in file.iter().enumerate() {
        state[i % 64] = state[(i + 1) % 64].wrapping_mul(31).wrapping_add(state[i % 64] ^ byte);
    }
    state
}

fn verify(file: &[u8], of: &[u8; 64]) -> bool {
    signature(file) == *of
}

const SIGNED: Policy = Policy { verify: Some(verify), lowest: 0, fits: None };
const ANY: Policy = Policy { verify: None, lowest: 0, fits: None };

fn signed(file: &[u8]) -> Vec<u8> {
    [file, &signature(file)].concat()
}

/// A place with this at its start, the rest erased.
fn place(content: &[u8]) -> Aligned {
    let mut all = content.to_vec();
    all.resize(PLACE, 0xff);
    Aligned::new(&all)
}

/// The counter of the flow that is picked, and where.
fn picked(a: &Aligned, b: &Aligned, policy: &Policy) -> Result<(u32, Slot), [SlotError; 2]> {
    let picked = pick(a.bytes(), b.bytes(), policy, &mut [0.0; 64])?;
    Ok((picked.flow.header().rollback.get(), picked.slot))
}

/// One thing that a program does to flash, all of which may stop in the middle.
#[derive(Clone, Copy)]
enum Write {
    Erase(usize),
    Word(usize, [u8; WORD]),
}

/// Erasing the pages of a place, then a file word by word.
fn update(content: &[u8]) -> Vec<Write> {
    let erasures = (0..PLACE).step_by(PAGE).map(Write::Erase);
    let words = content.chunks(WORD).enumerate().map(|(i, chunk)| {
        let mut word = [0xff; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        Write::Word(WORD * i, word)
    });
    erasures.chain(words).collect()
}

/// Does a write whole.
fn done(flash: &mut [u8], write: Write) {
    match write {
        Write::Erase(at) => flash[at..at + PAGE].fill(0xff),
        // Writing only takes bits away.
        Write::Word(at, word) => flash[at..at + WORD].iter_mut().zip(word).for_each(|(cell, byte)| *cell &= byte),
    }
}

/// Does a write of which the power stops in the middle: of what it touches every bit may be the old one, the new one, or
/// for a page that is being erased any.
fn torn(flash: &mut [u8], write: Write, draw: &mut Draw) {
    let before = flash.to_vec();
    done(flash, write);
    let (at, length, erased) = match write {
        Write::Erase(at) => (at, PAGE, true),
        Write::Word(at, _) => (at, WORD, false),
    };
    let how = draw.below(4);
    for (i, (cell, old)) in flash.iter_mut().zip(&before).enumerate().skip(at).take(length) {
        let mask = match how {
            0 => draw.below(256) as u8,
            1 if i < at + length / 2 => 0xff,
            1 => 0,
            2 if erased => {
                *cell = draw.below(256) as u8;
                0xff
            }
            2 => 0xff,
            _ => 0,
        };
        *cell = *cell & mask | old & !mask;
    }
}

/// What the other place holds before the update.
fn befores(newest: &[u8]) -> Vec<Vec<u8>> {
    vec![vec![], vec![0; PLACE], signed(&file(1, 4)), newest[..newest.len() / 2].to_vec(), vec![0x5a; PLACE]]
}

#[test]
fn the_power_may_stop_after_every_write() {
    let (old, new) = (signed(&file(2, 5)), signed(&file(3, 6)));
    let (mut starts, mut took_new) = (0, 0);
    // Under Miri a signature takes half a minute.
    let (befores, turns) = (befores(&new), [(Slot::A, false), (Slot::B, true)]);
    for before in befores.iter().step_by(stride(3)) {
        for &(old_slot, turned) in turns.iter().step_by(stride(2)) {
            let writes = update(&new);
            let used = place(&old);
            let start = |other: &Aligned| {
                let (a, b) = if turned { (other, &used) } else { (&used, other) };
                picked(a, b, &SIGNED).expect("a device always starts")
            };
            for stop in (0..=writes.len()).step_by(stride(97)) {
                let mut other = place(before);
                writes[..stop].iter().for_each(|&write| done(other.all_mut(), write));
                for round in (0..4).step_by(stride(2)) {
                    let mut cut = Aligned::new(other.bytes());
                    let mut draw = Draw::new((stop * 4 + round) as u64);
                    if let (Some(&write), true) = (writes.get(stop), round > 0) {
                        torn(cut.all_mut(), write, &mut draw);
                    }
                    let whole = cut.bytes().starts_with(&new);
                    let expected = if whole { (6, if turned { Slot::A } else { Slot::B }) } else { (5, old_slot) };
                    assert_eq!(start(&cut), expected, "after {stop} of {} writes", writes.len());
                    (starts, took_new) = (starts + 1, took_new + usize::from(whole));
                    // The device starts the update anew, and this time it comes to its end.
                    writes.iter().for_each(|&write| done(cut.all_mut(), write));
                    assert_eq!(start(&cut).0, 6);
                }
            }
        }
    }
    println!("{starts} starts, {took_new} of them with the new model");
    assert!(cfg!(miri) || starts > 5000 && took_new >= 40);
}

/// Bits that flip in the newer model let the older one start, where it is still there.
#[test]
#[cfg_attr(miri, ignore = "thousands of checksums, too slow under Miri")]
fn flipped_bits_fall_back() {
    let (old, new) = (signed(&file(2, 5)), signed(&file(3, 6)));
    let used = place(&old);
    for bit in 0..8 * new.len() {
        let mut flipped = place(&new);
        flipped.all_mut()[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(picked(&used, &flipped, &SIGNED), Ok((5, Slot::A)), "bit {bit}");
    }
    // What lies behind the file and its signature is of no consequence.
    for bit in (8 * new.len()..8 * PLACE).step_by(7) {
        let mut flipped = place(&new);
        flipped.all_mut()[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(picked(&used, &flipped, &SIGNED), Ok((6, Slot::B)));
    }
}

#[test]
fn only_who_has_the_key_decides() {
    let (old, new) = (file(2, 5), file(3, 6));
    let (unsigned, used) = (place(&new), place(&signed(&old)));
    assert_eq!(picked(&unsigned, &used, &SIGNED), Ok((5, Slot::B)));
    assert_eq!(picked(&unsigned, &used, &ANY), Ok((6, Slot::A)));
    let mut foreign = signed(&new);
    *foreign.last_mut().unwrap() ^= 1;
    assert_eq!(picked(&place(&foreign), &used, &SIGNED), Ok((5, Slot::B)));
    // The signature of one file behind another.
    let mixed = place(&[&new[..], &signature(&old)].concat());
    assert_eq!(picked(&mixed, &place(&[]), &SIGNED).unwrap_err()[0], SlotError::Signature);
    // A place that ends before the signature does.
    let short = Aligned::new(&signed(&new)[..new.len() + 63]);
    assert_eq!(picked(&short, &place(&[]), &SIGNED).unwrap_err()[0], SlotError::Signature);
}

#[test]
fn an_old_model_does_not_come_back() {
    let (old, new) = (place(&signed(&file(2, 5))), place(&signed(&file(3, 6))));
    let policy = |lowest| Policy { lowest, ..SIGNED };
    assert_eq!(picked(&old, &new, &policy(6)), Ok((6, Slot::B)));
    let rolled_back = SlotError::RolledBack { lowest: 6, found: 5 };
    assert_eq!(picked(&old, &place(&[]), &policy(6)), Err([rolled_back, SlotError::Format(FormatError::Erased)]));
    assert!(rolled_back.to_string().contains("roll-back counter 5, expected 6 or more"));
    // Of equal counters the first place's.
    let again = place(&signed(&file(4, 6)));
    assert_eq!(picked(&again, &new, &policy(6)), Ok((6, Slot::A)));
    assert_eq!(picked(&new, &again, &policy(6)), Ok((6, Slot::A)));
}

#[test]
fn what_does_not_compute_here_is_not_picked() {
    // A probe that this core does not reproduce, signed all the same.
    let mut wrong = file(3, 6);
    let at = (128..).step_by(16).find(|&at| &wrong[at..at + 4] == b"PROB").unwrap();
    let probe = u32::from_le_bytes(wrong[at + 8..at + 12].try_into().unwrap()) as usize + 16;
    wrong[probe] ^= 1;
    seal(&mut wrong);
    let (old, wrong) = (place(&signed(&file(2, 5))), place(&signed(&wrong)));
    assert_eq!(picked(&old, &wrong, &SIGNED), Ok((5, Slot::A)));
    let errors = picked(&place(&[]), &wrong, &SIGNED).unwrap_err();
    assert!(matches!(errors, [SlotError::Format(FormatError::Erased), SlotError::SelfTest(_)]), "{errors:?}");
    // Scratch memory that does not do.
    let errors = pick(old.bytes(), wrong.bytes(), &SIGNED, &mut [0.0; 2]).map(|_| ()).unwrap_err();
    assert!(errors.iter().all(|error| matches!(error, SlotError::SelfTest(_))), "{errors:?}");
}

#[test]
fn what_gives_no_verdicts_where_it_should_is_not_picked() {
    let old = place(&signed(&file(2, 5)));
    let calibrated = include_bytes!("../../spec/calibrated.flow").as_slice();
    let windows = include_bytes!("../../spec/golden/windows-ranges.flow").as_slice();
    // The smallest value of a sensor, and the rows of a window, are no numbers that can be used.
    for (bytes, tag, length) in [(calibrated, b"SENS", 4), (windows, b"WIND", 2)] {
        let mut bytes = bytes.to_vec();
        bytes[28..32].copy_from_slice(&6u32.to_le_bytes());
        seal(&mut bytes);
        let scratch = flow_nostd::scratch_len(&bytes).unwrap();
        let look = |bytes: &[u8]| {
            let new = Aligned::new(&signed(bytes));
            let mut scratch = vec![0.0; scratch.max(64)];
            let slot = pick(old.bytes(), new.bytes(), &SIGNED, &mut scratch).unwrap().slot;
            (slot, check(new.bytes(), &SIGNED, &mut scratch))
        };
        assert_eq!(look(&bytes), (Slot::B, Ok(6)));
        let at = (64..).step_by(16).find(|&at| &bytes[at..at + 4] == tag).unwrap();
        let start = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        bytes[start..start + length].fill(0xff);
        seal(&mut bytes);
        let (slot, why) = look(&bytes);
        assert_eq!(slot, Slot::A);
        assert!(matches!(why, Err(SlotError::Format(_))), "{why:?}");
    }
}

#[test]
fn why_a_place_is_not_run_is_said() {
    let why = |bytes: &[u8], lowest| check(place(bytes).bytes(), &Policy { lowest, ..SIGNED }, &mut [0.0; 64]);
    let five = signed(&file(2, 5));
    assert_eq!(why(&five, 5), Ok(5));
    assert_eq!(why(&five, 6), Err(SlotError::RolledBack { lowest: 6, found: 5 }));
    assert_eq!(why(&[], 0), Err(SlotError::Format(FormatError::Erased)));
    assert_eq!(why(&file(2, 6), 0), Err(SlotError::Signature));
    let short = check(place(&five).bytes(), &SIGNED, &mut [0.0; 2]);
    assert!(matches!(short, Err(SlotError::SelfTest(_))), "{short:?}");
}

#[test]
fn what_the_firmware_cannot_feed_is_not_picked() {
    let old = place(&signed(&file(2, 5)));
    let mut other = include_bytes!("../../spec/calibrated.flow").to_vec();
    other[28..32].copy_from_slice(&6u32.to_le_bytes());
    seal(&mut other);
    let other = Aligned::new(&signed(&other));
    let mut scratch = [0.0; 256];
    let mut slot = |policy: &Policy| pick(old.bytes(), other.bytes(), policy, &mut scratch).unwrap().slot;
    assert_eq!(slot(&SIGNED), Slot::B);
    let policy = Policy { fits: Some(|flow| flow.value_name(3) != Some("temperature")), ..SIGNED };
    assert_eq!(slot(&policy), Slot::A);
    assert_eq!(check(other.bytes(), &policy, &mut scratch), Err(SlotError::Misfit));
    assert_eq!(check(old.bytes(), &policy, &mut scratch), Ok(5));
}

#[test]
fn any_two_places_are_looked_at() {
    let mut draw = Draw::new(7);
    for _ in (0..2000).step_by(stride(100)) {
        let mut bytes = || {
            let mut all: Vec<u8> = (0..draw.below(400)).map(|_| draw.below(256) as u8).collect();
            if all.len() > 20 && draw.below(2) == 0 {
                all[..8].copy_from_slice(b"\x89FLOW\r\n\x1a");
                all[16..20].copy_from_slice(&(draw.below(500) as u32).to_le_bytes());
            }
            Aligned::new(&all)
        };
        let (a, b) = (bytes(), bytes());
        for policy in [SIGNED, ANY] {
            assert!(picked(&a, &b, &policy).is_err());
        }
    }
}
