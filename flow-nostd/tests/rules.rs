//! Rules of `spec/format.md` that counts and lengths break, a file each, with the error that is its own; those that a value
//! breaks are in `damaged_files.rs`, those of the sections for verdicts beside their readers.
//!
//! Together they reach every place where the loader refuses a file, but for products beyond 32 bits, which take a file of half a
//! gibibyte.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::{Aligned, Kind, Model, family_of, random_model, seal};
use flow_nostd::layout::MINOR;
use flow_nostd::{Flow, FormatError, Tag, Windowing};

fn error_of(file: &[u8]) -> Option<FormatError> {
    Flow::new(Aligned::new(file).bytes()).err()
}

/// The file with the bytes at these offsets in place of its own, and right checksums.
fn patched(file: &[u8], patches: &[(usize, &[u8])]) -> Vec<u8> {
    let mut file = file.to_vec();
    for (offset, bytes) in patches {
        file[*offset..offset + bytes.len()].copy_from_slice(bytes);
    }
    seal(&mut file);
    file
}

/// Where the entry of a section lies in the table, and the section in the file.
fn section(file: &[u8], tag: &[u8; 4]) -> (usize, usize) {
    let entry = (128..).step_by(16).find(|&at| &file[at..at + 4] == tag).unwrap();
    (entry, u32::from_le_bytes(file[entry + 8..entry + 12].try_into().unwrap()) as usize)
}

fn small() -> Model {
    let mut model = random_model(42, 3, &[5], 2, 2);
    model.probes = vec![(vec![0.5; 4], 0); 2];
    model
}

#[test]
fn a_length_shorter_than_the_header() {
    // Cut where a signature could follow the length that it states.
    let file = small().file();
    let cut = patched(&file[..164], &[(16, &100u32.to_le_bytes())]);
    assert_eq!(error_of(&cut), Some(FormatError::HeaderField { offset: 16 }));
}

#[test]
fn dimensions_and_reserved_bytes_of_the_header() {
    let file = small().file();
    let field = |offset| Some(FormatError::HeaderField { offset });
    assert_eq!(error_of(&patched(&file, &[(50, &[0, 0])])), field(50));
    assert_eq!(error_of(&patched(&file, &[(50, &[5, 0])])), field(50), "four columns");
    assert_eq!(error_of(&patched(&file, &[(62, &[1, 0])])), field(62));
    let newer = (10, &(MINOR + 1).to_le_bytes()[..]);
    assert_eq!(error_of(&patched(&file, &[newer, (62, &[1, 0])])), None, "a newer minor version may use it");
}

#[test]
fn more_sections_than_the_file_has_room_for() {
    let file = small().file();
    assert_eq!(error_of(&patched(&file, &[(58, &[0xff, 0xff])])), Some(FormatError::HeaderField { offset: 58 }));
}

#[test]
fn a_base_without_its_record() {
    let file = small().file();
    let (entry, place) = section(&file, b"BASE");
    // What follows the two bytes is padding.
    let error = FormatError::SectionLength { tag: Tag(*b"BASE"), expected: 16, found: 2 };
    assert_eq!(error_of(&patched(&file, &[(entry + 12, &[2]), (place + 2, &[0; 14])])), Some(error));
}

#[test]
fn part_of_a_probe() {
    let file = small().file();
    let (entry, place) = section(&file, b"PROB");
    // Two probes of four values and a log-density each; the last value goes into the padding.
    let error = FormatError::SectionLength { tag: Tag(*b"PROB"), expected: 20, found: 36 };
    assert_eq!(error_of(&patched(&file, &[(entry + 12, &[36]), (place + 36, &[0; 4])])), Some(error));
}

#[test]
fn more_dense_layers_than_there_are() {
    let file = small().file();
    let ((_, layers), (_, dense)) = (section(&file, b"LAYR"), section(&file, b"DENS"));
    let count = u16::from_le_bytes(file[54..56].try_into().unwrap());
    let last = layers + 32 * (usize::from(count) - 1);
    assert_eq!(file[last], 2, "the last layer is a coupling");
    // The last dense layer is rectified as if another came after it.
    let activation = dense + 16 * 3 + 4;
    assert_eq!((file[last + 6], file[activation]), (2, 0));
    let error = FormatError::Record { tag: Tag(*b"LAYR"), index: count - 1, offset: 6 };
    assert_eq!(error_of(&patched(&file, &[(last + 6, &[3]), (activation, &[1])])), Some(error));

    let file = family_of(Kind::Coupling, 23, [0, 1, 1], &[5], 2, 1).file();
    let ((_, circles), (_, dense)) = (section(&file, b"CIRC"), section(&file, b"DENS"));
    let activation = dense + 16 + 4;
    assert_eq!((file[circles + 2], file[activation]), (2, 0));
    let error = FormatError::Record { tag: Tag(*b"CIRC"), index: 0, offset: 2 };
    assert_eq!(error_of(&patched(&file, &[(circles + 2, &[3]), (activation, &[1])])), Some(error));
}

#[test]
fn a_recipe_of_windows_for_other_columns() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/golden/windows.flow");
    let file = std::fs::read(golden).unwrap();
    let (_, place) = section(&file, b"WIND");
    let channels = u16::from_le_bytes(file[place + 4..place + 6].try_into().unwrap());
    let other = patched(&file, &[(place + 4, &(channels + 1).to_le_bytes())]);
    let aligned = Aligned::new(&other);
    let flow = Flow::new(aligned.bytes()).unwrap();
    let error = FormatError::Record { tag: Tag(*b"WIND"), index: 0, offset: 4 };
    assert_eq!(Windowing::of(&flow).err(), Some(error));
}
