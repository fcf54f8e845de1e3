//! The columns of a table as a training would see them: kinds, values with a mass of their own, and why.
//!
//! ```sh
//! cargo run -p flow-table --example profile -- FILE [NAME:KIND]…
//! ```

use flow_table::{Convention, KindOverride, Missing, Profile, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a file or folder, then any number of NAME:KIND")?;
    let said = arguments.map(|text| text.parse()).collect::<Result<Vec<KindOverride>, _>>()?;
    let table = Table::read_with(&path, &KindOverride::read_options(&said, Missing::Refuse))?;
    let profile = Profile::of(&table, &said, Convention::Own)?;
    table.notes().iter().for_each(|note| println!("{note}"));
    print!("{profile}");
    profile.warnings().iter().for_each(|warning| println!("warning: {warning}"));
    Ok(())
}
