//! How much memory reading and splitting takes, beside the table as single-precision numbers.
//!
//! ```sh
//! cargo run --release -p flow-table --example memory -- FILE…
//! ```

use flow_table::{Convention, Fractions, Profile, ReadOptions, Split, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let table = Table::read_all(&arguments, &ReadOptions::default())?;
    let (rows, columns) = (table.rows(), table.columns());
    let profile = Profile::of(&table, &[], Convention::Own)?;
    let split = Split::new(rows, profile.correlation(), Fractions::default(), None, 0)?;
    let parts = table.into_parts(&split);
    let own = (4 * rows * columns) as f64 / 1e6;
    println!("{rows} rows of {columns} columns: {own:.1} MB; {split}");
    println!("parts: {:?} rows", parts.each_ref().map(Table::rows));
    // Linux tells the most memory that was ever resident.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    if let Some(peak) = peak {
        println!("most memory: {:.1} MB, {:.2} times the table", peak * 1.024e-3, peak * 1.024e-3 / own);
    }
    Ok(())
}
