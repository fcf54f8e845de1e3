//! Whatever the bytes, each reader reads them or says what is wrong; none crashes or takes memory for a mere claim.

use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use flow_table::{Missing, ReadOptions, Table};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use std::sync::{Arc, LazyLock};

fn batch() -> RecordBatch {
    let a: ArrayRef =
        Arc::new(Float64Array::from((0..40).map(|i| (i % 7 != 0).then_some(f64::from(i))).collect::<Vec<_>>()));
    let b: ArrayRef = Arc::new(Int32Array::from((0..40).map(|i| i % 5).collect::<Vec<_>>()));
    RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
}

fn parquet(compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch().schema(), Some(properties)).unwrap();
    writer.write(&batch()).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow(compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch().schema(), options).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn npy() -> Vec<u8> {
    let text = "{'descr': '<f4', 'fortran_order': True, 'shape': (5, 2), }\n";
    let data: Vec<u8> = (0..10u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), &data].concat()
}

fn npz() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("arr_0.npy", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(&npy()).unwrap();
    writer.finish().unwrap().into_inner()
}

static WHOLE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    vec![
        parquet(Compression::UNCOMPRESSED),
        parquet(Compression::SNAPPY),
        parquet(Compression::ZSTD(Default::default())),
        parquet(Compression::LZ4_RAW),
        arrow(None),
        arrow(Some(CompressionType::LZ4_FRAME)),
        arrow(Some(CompressionType::ZSTD)),
        npy(),
        npz(),
    ]
});

const MARKS: [&[u8]; 5] = [b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"\x93NUMPY\x01\x00", b"PK\x03\x04"];

fn read(bytes: &[u8]) {
    let options = ReadOptions { missing: Missing::Value(0.0), ..ReadOptions::default() };
    if let Ok(table) = Table::from_reader(bytes, "t", &options) {
        assert!(table.values().iter().all(|v| v.is_finite()));
        assert_eq!(table.values().len(), table.rows() * table.columns());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn random_bytes(mark in 0..MARKS.len(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&[MARKS[mark], &bytes].concat());
        read(&[MARKS[mark], &bytes, MARKS[mark]].concat());
    }

    #[test]
    fn changed_files(
        file in 0..9usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = WHOLE[file].clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read(&bytes);
    }
}
