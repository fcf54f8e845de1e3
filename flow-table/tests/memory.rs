//! How much memory a large table takes. Alone in its program, because the most memory is that of the whole process.

#![cfg(target_os = "linux")]

use flow_table::{Convention, Fractions, Profile, Split, Table};
use std::io::{BufWriter, Write};

const ROWS: usize = 1_000_000;
const COLUMNS: usize = 32;

/// The most memory that was resident so far, bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap()
}

#[test]
#[ignore = "writes and reads 380 MB"]
fn a_large_csv_takes_at_most_three_times_the_table() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut out = BufWriter::new(file.as_file_mut());
    let mut state = 1u64;
    for _ in 0..ROWS {
        for j in 0..COLUMNS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let comma = if j > 0 { "," } else { "" };
            write!(out, "{comma}{:.9}", (state >> 11) as f64 / (1u64 << 53) as f64).unwrap();
        }
        writeln!(out).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    let before = peak();
    let table = Table::read(file.path().to_str().unwrap()).unwrap();
    let read = peak();
    let profile = Profile::of(&table, &[], Convention::Own).unwrap();
    let described = peak();
    let split = Split::new(table.rows(), profile.correlation(), Fractions::default(), None, 0).unwrap();
    let parts = table.into_parts(&split);
    assert_eq!(parts.iter().map(Table::rows).sum::<usize>(), ROWS);
    let (own, most) = (4 * ROWS * COLUMNS, peak());
    let times = |bytes: usize| bytes as f64 / own as f64;
    println!("before {:.2}, read {:.2}, described {:.2}", times(before), times(read), times(described));
    println!("most memory: {} MB, {:.2} times the table", most / 1_000_000, times(most));
    assert!(before < own / 4 && most <= 3 * own, "{most} bytes for a table of {own}");
}
