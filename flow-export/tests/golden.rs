//! Golden files: `spec/golden` holds a small frozen flow of every kind, with every bit that was computed from it when it was
//! written. They are never written again: what is computed from them tomorrow is what is computed from them today.
//!
//! A new one is a flow more in `golden/flows.rs` and `WRITE_GOLDEN=1 cargo test -p flow-export --test golden -- --ignored make`, which writes what
//! is missing and refuses to touch what is there.
#![allow(missing_docs)]

#[path = "golden/flows.rs"]
mod flows;
#[path = "golden/text.rs"]
mod text;

use flow_export::aligned::AlignedBytes;
use flow_nostd::Flow;
use rand_pcg::Pcg32;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use text::{Rows, text};

const SUMS: &str = "SHA256SUMS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/golden")
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sum of each file, as `sha256sum` lists them.
fn sums() -> BTreeMap<String, String> {
    let list = fs::read_to_string(folder().join(SUMS)).unwrap_or_default();
    let pair = |line: &str| line.split_once("  ").map(|(sum, name)| (name.to_owned(), sum.to_owned()));
    list.lines().map(|line| pair(line).expect("a sum and a name")).collect()
}

#[test]
fn no_golden_file_has_changed() {
    let sums = sums();
    let mut found: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.retain(|name| name != SUMS);
    found.sort();
    assert_eq!(found, sums.keys().cloned().collect::<Vec<_>>(), "a golden file is missing, or not in {SUMS}");
    for (name, expected) in &sums {
        let found = sum(&fs::read(folder().join(name)).unwrap());
        assert_eq!(
            found, *expected,
            "spec/golden/{name} has changed; take it back, and put what is new into a new file"
        );
    }
}

#[test]
fn golden_files_are_read_as_ever() {
    let names: Vec<String> =
        sums().into_keys().filter_map(|name| Some(name.strip_suffix(".flow")?.to_owned())).collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let file = fs::read(folder().join(format!("{name}.flow"))).unwrap();
        let expected = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let found = text(&file, &Rows::of(&expected));
        for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "spec/golden/{name}.txt, line {}", number + 1);
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
        let id = flow_export::freeze::model_id(&file).unwrap();
        assert_eq!(id[..], file[32..48], "{name}: the model id");
    }
}

/// Every kind of record and section that the format has is in one of the files at least.
#[test]
fn golden_files_hold_all_there_is() {
    let (mut tags, mut columns, mut layers, mut bases, mut activations, mut weights) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    for name in sums().into_keys().filter(|name| name.ends_with(".flow")) {
        let file = fs::read(folder().join(name)).unwrap();
        let half = |at: usize| u16::from_le_bytes([file[at], file[at + 1]]);
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        for entry in (0..usize::from(half(58))).map(|i| 128 + 16 * i) {
            let tag = String::from_utf8(file[entry..entry + 4].to_vec()).unwrap();
            let (start, length) = (word(entry + 8), word(entry + 12));
            let each = |size: usize, at: usize| (start..start + length).step_by(size).map(move |r| r + at);
            match tag.as_str() {
                "COLS" => columns.extend(each(32, 0).map(half)),
                "LAYR" => layers.extend(each(32, 0).map(half)),
                "DENS" => {
                    activations.extend(each(16, 4).map(half));
                    weights.extend(each(16, 6).map(half));
                }
                "BASE" => bases.push(half(start)),
                _ => {}
            }
            tags.push(tag);
        }
    }
    let all = |mut found: Vec<u16>| {
        found.sort_unstable();
        found.dedup();
        found
    };
    assert_eq!(all(columns), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(all(layers), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(all(bases), [1, 2, 3]);
    assert_eq!((all(activations), all(weights)), (vec![0, 1, 2], vec![0, 1]));
    tags.sort();
    tags.dedup();
    let every = [
        "ATOM", "BASE", "CALB", "CHAN", "CIRC", "COLS", "DENS", "INDX", "LAYR", "MASS", "NAME", "PROB", "REFS", "SENS",
        "TAIL",
    ];
    assert_eq!(tags, [&every[..], &["WGHT", "WIND"]].concat());
}

#[test]
#[ignore = "with WRITE_GOLDEN=1 writes new golden files; those that are there stay as they are"]
fn make() {
    if std::env::var_os("WRITE_GOLDEN").is_none() {
        return;
    }
    for (name, file) in flows::files() {
        let path = folder().join(format!("{name}.flow"));
        if path.exists() {
            println!("{name}: there");
            continue;
        }
        let text = text(&file, &rows(&file));
        for (extension, bytes) in [("flow", &file[..]), ("txt", text.as_bytes())] {
            let name = format!("{name}.{extension}");
            fs::File::create_new(folder().join(&name)).and_then(|mut out| out.write_all(bytes)).unwrap();
            let mut list = fs::File::options().create(true).append(true).open(folder().join(SUMS)).unwrap();
            writeln!(list, "{}  {name}", sum(bytes)).unwrap();
        }
        println!("{name}: {} bytes", file.len());
    }
}

/// Rows of a flow: usual ones, some far out, and some as odd as finite numbers can be; and raw ones.
fn rows(file: &[u8]) -> Rows {
    const ODD: [f32; 7] = [0.0, -0.0, 1e-45, f32::MAX, -1e-39, f32::MIN, f32::MIN_POSITIVE];
    let bytes = AlignedBytes::from(file.to_vec());
    let flow = Flow::new(&bytes).unwrap();
    let (mut scratch, mut row) = (vec![0.0; flow.scratch_len()], vec![0.0; flow.columns()]);
    let mut rng = Pcg32::new(10, 1);
    let mut rows = Rows::default();
    for i in 0..14 {
        let context: Vec<f32> = (0..flow.context_dim()).map(|_| 4.0 * flows::uniform(&mut rng)).collect();
        flow.sample(&mut rng, &context, &mut row, &mut scratch).unwrap();
        let mut all = [&row[..], &context].concat();
        for (j, x) in all.iter_mut().enumerate() {
            match i {
                0..8 => {}
                8..11 => *x *= [3.0, -30.0, 1e5][i - 8],
                _ => *x = ODD[(3 * i + j) % ODD.len()],
            }
        }
        rows.rows.push(all);
    }
    let channels = flow_nostd::Windowing::of(&flow).map_or(0, |windowing| windowing.channels());
    rows.raw = (0..12).map(|i| (0..channels).map(|_| (i % 5) as f32 * flows::uniform(&mut rng)).collect()).collect();
    rows
}
