//! Reading Parquet files: one row group after the other.

use crate::builder::Builder;
use crate::error::TableError;
use crate::record_batch::{self, Batches};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

/// Rows that are read at a time.
const ROWS: usize = 4096;

/// Adds the rows of a Parquet file to a table.
pub(crate) fn read(file: impl ChunkReader + 'static, path: &str, table: &mut Builder<'_>) -> Result<(), TableError> {
    let damaged = |error: &dyn std::fmt::Display| TableError::Damaged {
        path: path.into(),
        format: "Parquet file",
        message: error.to_string(),
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| damaged(&e))?;
    let names = record_batch::names(reader.schema());
    let places: Vec<usize> = (0..names.len()).filter(|&j| !table.ignores(&names[j])).collect();
    let mask = ProjectionMask::roots(reader.parquet_schema(), places.iter().copied());
    let reader = reader.with_projection(mask).with_batch_size(ROWS).build().map_err(|e| damaged(&e))?;
    let mut batches = Batches::new(path, table);
    for batch in reader {
        batches.add(&names, &batch.map_err(|e| damaged(&e))?, &places)?;
    }
    batches.finish()
}
