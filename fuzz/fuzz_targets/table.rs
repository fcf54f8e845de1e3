//! The bytes are a table of any format: read or refused.
#![no_main]

use flow_table::{Missing, ReadOptions, Table};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions { missing: Missing::Value(0.0), ..ReadOptions::default() };
    if let Ok(table) = Table::from_reader(bytes, "t", &options) {
        assert!(table.values().iter().all(|v| v.is_finite()));
        assert_eq!(table.values().len(), table.rows() * table.columns());
    }
});
