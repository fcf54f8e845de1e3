//! The engine against a second reader, written from `spec/format.md` alone: both accept the same files and compute the same
//! log-densities from them.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;
mod second_reader;

use common::mutation::{self, FILES};
use common::{Aligned, Column, Draw, Model, stride};
use flow_nostd::Flow;
use second_reader::SecondReader;
use second_reader::draws::{Generator, variate};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec");

/// Rounding of f32 against f64, in parts of the terms' magnitudes, as everywhere in these tests. A unit in the last place is 6e-8
/// of a number; a log-density is a sum of tens of terms, each behind tens to hundreds of roundings most of which cancel. The worst
/// seen is 7e-7, a dozen units; anything that is computed otherwise than the text says shows in the second or third digit.
const NEAR: f64 = 2e-6;
const FAR: f64 = 4e-6;

/// The worst difference over rows of which `row` gives the values.
fn worst(file: &[u8], rounds: u64, mut row: impl FnMut(&mut Draw, usize) -> Vec<f32>) -> f64 {
    let file = Aligned::new(file);
    let flow = Flow::new(file.bytes()).unwrap();
    let reader = SecondReader::open(file.bytes()).unwrap();
    let given = reader.given();
    let (mut scratch, mut worst) = (vec![f32::NAN; flow.scratch_len()], 0f64);
    for round in (0..rounds).step_by(stride(100)) {
        let all = row(&mut Draw::new(round), given.len());
        let part = |context: bool| -> Vec<f32> {
            all.iter().zip(&given).filter(|(_, given)| **given == context).map(|(x, _)| *x).collect()
        };
        let found = flow.log_prob(&part(false), &part(true), &mut scratch).unwrap();
        let expected = reader.log_prob(&all);
        worst = worst.max((f64::from(found) - expected.total).abs() / expected.magnitude.max(1.0));
    }
    worst
}

#[test]
fn log_densities_are_those_of_the_text() {
    for (i, model) in mutation::models().into_iter().enumerate().step_by(stride(4)) {
        if cfg!(miri) && model.file().len() > 2048 {
            continue;
        }
        let near = worst(&model.file(), 300, |draw, _| model.row(draw, 1.0));
        let far = worst(&model.file(), 300, |draw, _| {
            let spread = 10f32.powf(6.0 * draw.uniform());
            model.row(draw, spread)
        });
        println!("{i}: {near:.1e} near, {far:.1e} far");
        assert!(near <= NEAR && far <= FAR, "{i}: {near:e} near, {far:e} far");
    }
}

#[test]
fn the_examples_are_read() {
    for name in ["example.flow", "calibrated.flow"] {
        let file = std::fs::read(format!("{SPEC}/{name}")).unwrap();
        let near = worst(&file, 300, |draw, n| (0..n).map(|_| 20.0 * draw.normal()).collect());
        assert!(near <= NEAR, "{name}: {near:e}");
    }
}

/// Golden files hold log-densities as bits; these rows are as odd as finite numbers can be.
#[test]
fn golden_files_are_read() {
    let texts = std::fs::read_dir(format!("{SPEC}/golden")).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<_> = texts.filter(|path| path.extension().is_some_and(|extension| extension == "txt")).collect();
    assert!(texts.len() >= 20);
    for path in texts {
        let reader = SecondReader::open(&std::fs::read(path.with_extension("flow")).unwrap()).unwrap();
        let given = reader.given();
        let columns = given.iter().filter(|given| !**given).count();
        let text = std::fs::read_to_string(&path).unwrap();
        let numbers = |line: &str, word: &str| -> Option<Vec<f32>> {
            let words = line.strip_prefix(word)?.split_whitespace();
            Some(words.map(|word| f32::from_bits(u32::from_str_radix(word, 16).unwrap())).collect())
        };
        let mut row = vec![];
        for line in text.lines() {
            if let Some(values) = numbers(line, "row ") {
                let (mut modelled, mut context) = (values[..columns].iter(), values[columns..].iter());
                let next = |given: &bool| if *given { context.next() } else { modelled.next() };
                row = given.iter().map(next).map(Option::unwrap).copied().collect();
            } else if let Some(expected) = numbers(line, "  log_prob ") {
                let found = reader.log_prob(&row);
                let error = (f64::from(expected[0]) - found.total).abs() / found.magnitude.max(1.0);
                assert!(error <= FAR, "{}: {row:?}: {error:e}", path.display());
            }
        }
    }
}

/// The bytes that the text goes through are those of the file.
#[test]
fn the_bytes_of_the_text_are_those_of_the_example() {
    let file = std::fs::read(format!("{SPEC}/example.flow")).unwrap();
    let text = std::fs::read_to_string(format!("{SPEC}/format.md")).unwrap();
    let dump = text.split("## Example").nth(1).unwrap().split("```").nth(1).unwrap();
    let mut at = 0;
    for line in dump.trim().lines().filter(|line| line.starts_with(|c: char| c.is_ascii_hexdigit())) {
        assert_eq!(usize::from_str_radix(&line[..4], 16).unwrap(), at, "{line}");
        for byte in line[6..line.len().min(53)].split_whitespace() {
            assert_eq!(u8::from_str_radix(byte, 16).unwrap(), file[at], "{line}, byte {at}");
            at += 1;
        }
    }
    assert_eq!(at, 944);
    let sum = SecondReader::open(&file).unwrap().log_prob(&[1.25, 3.0, 17.0, -30.0]);
    assert!((sum.total - -5.752793).abs() < 1e-6);
}

#[test]
fn draws_are_those_of_the_text() {
    let text = std::fs::read_to_string(format!("{SPEC}/format.md")).unwrap();
    let (mut generator, mut again) = (Generator::new(1), Generator::new(1));
    let first = [(); 4].map(|()| format!("0x{:08X}", again.draw())).join(", ");
    assert!(text.contains(&first), "{first}");
    // Without layers, with center 0 and scale 1, samples are the variates themselves.
    let column = Column::Continuous([0.0, 1.0, 1e9]);
    let model = Model { columns: vec![column], knee: 1e9, rate: 1.0, ..Model::default() };
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let (mut scratch, mut row) = (vec![f32::NAN; flow.scratch_len()], [0.0]);
    let mut rng = rand_pcg::Pcg32::new(1, 0xa02_bdbf_7bb3_c0a7);
    for _ in (0..5000).step_by(stride(100)) {
        flow.sample(&mut rng, &[], &mut row, &mut scratch).unwrap();
        let expected = variate(generator.draw(), generator.draw());
        assert!((f64::from(row[0]) - expected).abs() < 2e-6 * expected.abs().max(1.0), "{} {expected}", row[0]);
    }
    // The tail, which no such number of draws reaches.
    for (h, k) in [(0, 0), (0, 1), (3, 77), (0x8000_0000, 5), (0x7fff_ffff, u32::MAX), (1 << 20, 9)] {
        let mut draws = Fixed([h, k], 0);
        flow.sample(&mut draws, &[], &mut row, &mut scratch).unwrap();
        let expected = variate(h, k);
        assert!(
            (f64::from(row[0]) - expected).abs() < 3e-6 * expected.abs().max(1.0),
            "{h} {k}: {} {expected}",
            row[0]
        );
    }
}

/// A generator of two draws.
struct Fixed([u32; 2], usize);

impl rand_core::TryRng for Fixed {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.1 += 1;
        Ok(self.0[self.1 - 1])
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("an engine of 32 bits")
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        unreachable!("an engine of 32 bits")
    }
}

/// Files of which some words are changed, with check sums that are right again: what breaks a rule for one breaks it for the
/// other, and what does not is read alike.
fn agree(files: u64, seed: u64) {
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..files {
        let mut draw = Draw::new(seed + round);
        let which = draw.below(FILES.len());
        let changes: Vec<mutation::Change> = (0..1 + draw.below(2)).map(|_| mutation::change(&mut draw)).collect();
        let file = Aligned::new(&mutation::mutate(&FILES[which], &changes));
        let (engine, second) = (Flow::new(file.bytes()), SecondReader::open(file.bytes()));
        match (&engine, &second) {
            (Ok(_), Ok(_)) => accepted += 1,
            (Err(_), Err(_)) => refused += 1,
            _ => panic!("file {which}, {changes:?}: {:?} and {:?}", engine.err(), second.err()),
        }
    }
    println!("{accepted} accepted, {refused} refused by both");
    assert!(accepted.min(refused) > files / 5, "{accepted} accepted, {refused} refused");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of checksums, too slow under Miri")]
fn both_refuse_the_same_files() {
    agree(20_000, 0);
}

#[test]
#[ignore = "a long test: a million files"]
fn both_refuse_the_same_files_at_length() {
    agree(1_000_000, 1 << 32);
}
