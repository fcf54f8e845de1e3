//! The columns of a CSV file as a training would see them: kinds, values with a mass of their own, and why.
//!
//! ```sh
//! cargo run -p flow-table --example profile -- FILE [NAME:KIND]…
//! ```

use flow_table::{Convention, KindOverride, Profile, ReadOptions, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a CSV file, then any number of NAME:KIND")?;
    let said = arguments.map(|text| text.parse()).collect::<Result<Vec<KindOverride>, _>>()?;
    let table = Table::read_with(&path, &ReadOptions { ignore: KindOverride::ignored(&said) })?;
    let profile = Profile::of(&table, &said, Convention::Own)?;
    print!("{profile}");
    profile.warnings().iter().for_each(|warning| println!("warning: {warning}"));
    Ok(())
}
