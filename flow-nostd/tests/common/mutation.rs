//! Changed files whose checksums are right again, so that the checks behind these are reached.

use super::{Base, CONDITIONED, Draw, Kind, Model, everything, family_of, model_of, newest, of_bytes, seal};
use std::sync::LazyLock;

/// Where and how a file is changed: the word, counted within a section (0 is the header), what to do, and a number for it.
pub type Change = (usize, usize, u8, u32);

/// A model of every kind of layer, column and base.
pub fn models() -> Vec<Model> {
    let kinds = || CONDITIONED.into_iter().chain([Kind::Linear, Kind::ActNorm]);
    let plain = kinds().map(|kind| model_of(kind, 17, 3, &[5], 1, 2));
    let families = kinds().map(|kind| family_of(kind, 23, [5, 2, 1], &[5], 2, 1));
    let whole = [everything(3, 5, Base::student_t), everything(4, 5, |draw, lines| Base::mixture(draw, lines, 2))];
    plain.chain(families).chain(whole).chain(newest()).chain(of_bytes()).collect()
}

/// Their files.
pub static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| models().iter().map(Model::file).collect());

/// Ways to change a word that leave it valid more often than not.
fn changed(old: u32, how: u8, number: u32) -> u32 {
    match how {
        // Another float of about the same size, one of any size, and the extremes.
        0 => (f32::from_bits(old) * (number as f32 / u32::MAX as f32)).to_bits(),
        1 => (f32::from_bits(old) * 10f32.powi((number % 77) as i32 - 38)).to_bits(),
        2 => [0, 1, 0x0080_0000, 0x7f7f_ffff, 0xff7f_ffff, 0x8000_0001, 0x3f80_0000][number as usize % 7],
        // A bit, a sign, small counts next to it.
        3 => old ^ 1 << (number % 32),
        4 => old ^ 0x8000_0000,
        5 => old.wrapping_add(number % 5).wrapping_sub(2),
        _ => number,
    }
}

/// The file with these changes.
pub fn mutate(file: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut file = file.to_vec();
    let word = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let sections = usize::from(u16::from_le_bytes([file[58], file[59]]));
    for &(section, place, how, number) in changes {
        let (start, length) = match section % (sections + 1) {
            0 => (0, 128),
            i => {
                let entry = 128 + 16 * (i - 1);
                (word(&file, entry + 8) as usize, word(&file, entry + 12) as usize)
            }
        };
        // A change before this one may have moved the section.
        let at = start.saturating_add(4 * (place % (length / 4).max(1)));
        if at + 4 <= file.len() {
            let new = changed(word(&file, at), how, number);
            file[at..at + 4].copy_from_slice(&new.to_le_bytes());
        }
    }
    file[..10].copy_from_slice(b"\x89FLOW\r\n\x1a\x01\x00");
    seal(&mut file);
    file
}

/// A change drawn.
pub fn change(draw: &mut Draw) -> Change {
    (draw.below(16), draw.below(1 << 20), draw.below(7) as u8, draw.any_finite().to_bits())
}
