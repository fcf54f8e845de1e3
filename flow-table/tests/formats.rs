//! The same rows in every format, as files, folders and streams; and what is said when a file is not as it should be.

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use flow_table::{Missing, ReadOptions, Table, TableError};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Three rows: a single, a double and a whole number, a switch.
fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        ("f", Arc::new(Float32Array::from(vec![0.1, -2.5, 3e7]))),
        ("d", Arc::new(Float64Array::from(vec![1.0 / 3.0, 1e-3, -7.0]))),
        ("i", Arc::new(Int64Array::from(vec![1, -2, 300]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

const CSV: &str = "f,d,i,b\n0.1,0.3333333333333333,1,1\n-2.5,0.001,-2,0\n3e7,-7,300,1\n";

fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow_file(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file(format!("{name}.npy"), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn read(bytes: &[u8]) -> Result<Table, TableError> {
    Table::from_reader(bytes, "t", &ReadOptions::default())
}

fn message(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, bytes)| fs::write(folder.at(name), bytes).unwrap());
        folder
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn every_format_holds_the_same_rows() {
    let (expected, batch) = (read(CSV.as_bytes()).unwrap(), batch());
    let columns = [
        ("f", npy("<f4", false, "(3,)", &[0.1f32, -2.5, 3e7].map(f32::to_le_bytes).concat())),
        ("d", npy(">f8", false, "(3,)", &[1.0 / 3.0, 1e-3, -7.0].map(f64::to_be_bytes).concat())),
        ("i", npy("<i2", false, "(3,)", &[1i16, -2, 300].map(i16::to_le_bytes).concat())),
        ("b", npy("|b1", false, "(3,)", &[1, 0, 1])),
    ];
    let formats = [
        ("plain.parquet", parquet(&batch, Compression::UNCOMPRESSED)),
        ("snappy.parquet", parquet(&batch, Compression::SNAPPY)),
        ("zstd.parquet", parquet(&batch, Compression::ZSTD(Default::default()))),
        ("lz4.parquet", parquet(&batch, Compression::LZ4_RAW)),
        ("gzip.parquet", parquet(&batch, Compression::GZIP(Default::default()))),
        ("plain.arrow", arrow_file(&batch, None)),
        ("lz4.arrow", arrow_file(&batch, Some(CompressionType::LZ4_FRAME))),
        ("zstd.arrow", arrow_file(&batch, Some(CompressionType::ZSTD))),
        ("stream.arrows", arrow_stream(&batch)),
        ("columns.npz", npz(&columns)),
    ];
    for (name, bytes) in formats {
        let folder = Folder::new(&[(name, &bytes)]);
        for table in [read(&bytes).unwrap(), Table::read(&folder.path(name)).unwrap()] {
            assert_eq!((table.names(), table.values()), (expected.names(), expected.values()), "{name}");
            assert!(table.header(), "{name}");
        }
    }
}

#[test]
fn arrays_of_either_order_are_rows() {
    let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let table = read(&npy("<f8", false, "(3, 2)", &doubles(&rows))).unwrap();
    assert_eq!((table.columns(), table.header()), (2, false));
    assert_eq!(table.values(), rows.map(|v| v as f32));
    let fortran = npy("<f8", true, "(3, 2)", &doubles(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]));
    assert_eq!(read(&fortran).unwrap().values(), table.values());
    assert_eq!(read(&npz(&[("arr_0", fortran)])).unwrap().values(), table.values());
    assert_eq!(read(&npy("<f8", false, "(6,)", &doubles(&rows))).unwrap().columns(), 1);
}

#[test]
fn wrong_arrays_are_refused() {
    let cube = message(&npy("<f8", false, "(1, 2, 3)", &doubles(&[0.0; 6])));
    assert!(cube.contains("shape [1, 2, 3]; expected rows and columns"), "{cube}");
    assert!(message(&npy("|O", false, "(3,)", b"")).contains("Python objects"));
    assert!(message(&npy("<c16", false, "(3,)", b"")).contains("complex numbers"));
    let short = message(&npy("<f8", false, "(3, 2)", &doubles(&[0.0; 5])));
    assert!(short.contains("shape [3, 2], but it ends after 5 numbers"), "{short}");
    assert!(message(&npy("<f8", false, "(2,)", &doubles(&[0.0; 3]))).contains("goes on behind the last number"));
    assert!(message(&npy("<f8", false, "(0, 2)", b"")).contains("no row"));
    // Claims of terabytes.
    assert!(message(&npy("<f8", false, "(1000000000000, 9)", &doubles(&[0.0; 9]))).contains("ends after 9 numbers"));
    assert!(message(&npy("<f8", true, "(1000000000000, 9)", &doubles(&[0.0; 9]))).contains("ends after 9 numbers"));
    assert!(message(&npy("<f8", false, "(9, 1000000000000)", &doubles(&[0.0; 9]))).contains("at most 10000"));
    let nan = message(&npy("<f8", false, "(2, 2)", &doubles(&[0.0, 1.0, 2.0, f64::NAN])));
    assert!(nan.starts_with("t, row 2, column 2 (c1): is NaN"), "{nan}");
    let lengths = npz(&[("a", npy("|u1", false, "(2,)", &[1, 2])), ("b", npy("|u1", false, "(3,)", &[1, 2, 3]))]);
    assert!(message(&lengths).contains("different lengths: a (2), b (3)"));
    let tables = npz(&[("a", npy("|u1", false, "(1, 2)", &[1, 2])), ("b", npy("|u1", false, "(2,)", &[1, 2]))]);
    assert!(message(&tables).contains("a is of shape [1, 2]"));
    assert!(message(&npz(&[])[..]).contains("t: "));
}

#[test]
fn columns_of_text_are_named_with_their_type() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let load: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let batch = RecordBatch::try_from_iter([("load", load), ("site", text)]).unwrap();
    for bytes in [parquet(&batch, Compression::SNAPPY), arrow_file(&batch, None), arrow_stream(&batch)] {
        assert_eq!(
            message(&bytes),
            "t, column 2 (site): is of type text; expected numbers: convert it, or leave it out with --column site:ignore"
        );
        let options = ReadOptions { ignore: vec!["site".into()], ..ReadOptions::default() };
        assert_eq!(Table::from_reader(&bytes[..], "t", &options).unwrap().values(), [1.0, 2.0]);
    }
}

#[test]
fn columns_that_are_not_read_leave_the_others_in_their_places() {
    for bytes in [parquet(&batch(), Compression::SNAPPY), arrow_stream(&batch())] {
        let options = ReadOptions { ignore: vec!["f".into(), "i".into()], ..ReadOptions::default() };
        let table = Table::from_reader(&bytes[..], "t", &options).unwrap();
        assert_eq!((table.names().join(" ").as_str(), table.row(1)), ("d b", &[1e-3, 0.0][..]));
    }
}

#[test]
fn nulls_are_missing_values() {
    let a: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(5.0)]));
    let b: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    for bytes in [parquet(&batch, Compression::SNAPPY), arrow_stream(&batch)] {
        assert!(message(&bytes).starts_with("t, row 2, column 1 (a): is missing (null)"), "{}", message(&bytes));
        let table =
            |missing| Table::from_reader(&bytes[..], "t", &ReadOptions { missing, ..ReadOptions::default() }).unwrap();
        assert_eq!(table(Missing::Previous).values(), [1.0, 1.0, 1.0, 2.0, 5.0, 3.0]);
        assert_eq!(table(Missing::Drop).values(), [1.0, 1.0, 5.0, 3.0]);
        assert_eq!(table(Missing::Drop).dropped(), [1]);
        assert_eq!(table(Missing::Value(9.0)).notes(), ["missing values filled: a (1) with 9"]);
    }
}

#[test]
fn times_are_known_and_not_modelled() {
    let time: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![0, 1000, 2000]));
    let text: ArrayRef =
        Arc::new(StringArray::from(vec!["1970-01-01 00:00:00", "1970-01-01 00:00:01", "1970-01-01T00:00:02"]));
    let load: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
    let typed = RecordBatch::try_from_iter([("load", load.clone()), ("at", time)]).unwrap();
    let written = RecordBatch::try_from_iter([("at", text), ("load", load)]).unwrap();
    let csv = b"load;at\n1;1970-01-01 00:00:00\n2;1970-01-01 00:00:01\n3;1970-01-01 00:00:02\n";
    let array = npz(&[
        ("load", npy("<f8", false, "(3,)", &doubles(&[1.0, 2.0, 3.0]))),
        ("at", npy("<M8[ms]", false, "(3,)", &[0i64, 1000, 2000].map(i64::to_le_bytes).concat())),
    ]);
    for bytes in [parquet(&typed, Compression::SNAPPY), arrow_stream(&written), csv.to_vec(), array] {
        let table = read(&bytes).unwrap();
        assert_eq!((table.names(), table.values()), (&["load".to_owned()][..], &[1.0, 2.0, 3.0][..]));
        let time = table.time().unwrap();
        assert_eq!((time.name(), time.times()), ("at", &[0, 1_000_000, 2_000_000][..]));
        assert_eq!(
            table.notes(),
            ["time: \"at\" from 1970-01-01T00:00:00Z to 1970-01-01T00:00:02Z, in order; not modelled"]
        );
    }
    // Numbers are times only where their column is named so, and only if nothing else is said of it.
    let epoch = "t0,time\n1700000000,1700000000\n1700000060,1700000060\n";
    assert_eq!(read(epoch.as_bytes()).unwrap().names(), ["t0"]);
    let options = ReadOptions { keep: vec!["time".into()], ..ReadOptions::default() };
    assert_eq!(Table::from_reader(epoch.as_bytes(), "t", &options).unwrap().names(), ["t0", "time"]);
    assert_eq!(read(b"time,a\n1,2\n2,3\n").unwrap().names(), ["time", "a"]);
    let bad = message(b"time,a\n2024-05-01,2\nnoon,3\n");
    assert!(bad.starts_with("t, line 3, column 1 (time): \"noon\" is no time"), "{bad}");
    assert!(message(b"time\n2024-05-01\n").contains("its only column, \"time\", holds times"));
    let two = message(b"start,end,a\n2024-05-01,2024-05-02,3\n");
    assert!(two.starts_with("t, column 2 (end): is of type time"), "{two}");
}

#[test]
fn dropped_rows_have_no_time() {
    let options = ReadOptions { missing: Missing::Drop, ..ReadOptions::default() };
    let table = Table::from_reader(&b"time,a\n2024-05-01,1\n2024-05-02,\n2024-05-03,3\n"[..], "t", &options).unwrap();
    assert_eq!(table.time().unwrap().times().len(), 2);
    assert!(table.notes()[0].contains("to 2024-05-03"), "{:?}", table.notes());
}

#[test]
fn a_time_is_never_filled() {
    let times = vec![None, Some(1000), Some(2000), None];
    let typed = RecordBatch::try_from_iter([
        ("at", Arc::new(TimestampMillisecondArray::from(times)) as ArrayRef),
        ("load", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(4.0)]))),
    ])
    .unwrap();
    let array = npz(&[
        ("at", npy("<M8[ms]", false, "(4,)", &[i64::MIN, 1000, 2000, i64::MIN].map(i64::to_le_bytes).concat())),
        ("load", npy("<f8", false, "(4,)", &doubles(&[1.0, 2.0, f64::NAN, 4.0]))),
    ]);
    let csv = b"at,load\n1970-01-01T00:00:01,2\n1970-01-01T00:00:02,\nNA,4\n,4\n";
    for (bytes, cell, dropped) in [
        (parquet(&typed, Compression::SNAPPY), "row 1, column 1 (at): is missing (null);", [0, 2, 3]),
        (array, "row 1, column 1 (at): is missing (NaT);", [0, 2, 3]),
        (csv.to_vec(), "line 4, column 1 (at): is missing (NA);", [1, 2, 3]),
    ] {
        let read = |missing| Table::from_reader(&bytes[..], "t", &ReadOptions { missing, ..ReadOptions::default() });
        for missing in [Missing::Previous, Missing::Median, Missing::Value(0.0), Missing::Keep] {
            let error = read(missing).unwrap_err().to_string();
            assert!(
                error.contains(cell) && error.contains("expected a time") && error.contains("--missing drop"),
                "{error}"
            );
        }
        let table = read(Missing::Drop).unwrap();
        assert_eq!((table.values(), table.time().unwrap().times()), (&[2.0][..], &[1_000_000][..]));
        assert_eq!(table.dropped(), dropped);
        assert!(
            table.notes()[1].ends_with("3 of 4 rows left out, for missing values in load (1), at (2)"),
            "{table:?}"
        );
    }
    let error = message(b"at,load\n1970-01-01,2\n,4\n");
    assert!(error.starts_with("t, line 3, column 1 (at): is missing; expected a time: write it"), "{error}");
}

#[test]
fn truncated_files_are_refused() {
    for (whole, least) in [
        (parquet(&batch(), Compression::SNAPPY), 4),
        (arrow_file(&batch(), None), 8),
        (npy("<f8", false, "(3, 2)", &doubles(&[0.5; 6])), 6),
        (npz(&[("a", npy("<f8", false, "(3, 2)", &doubles(&[0.5; 6])))]), 4),
    ] {
        assert!(read(&whole).is_ok());
        for end in least..whole.len() {
            assert!(matches!(read(&whole[..end]), Err(TableError::Damaged { .. })), "cut at {end} of {}", whole.len());
        }
    }
}

#[test]
fn a_folder_is_one_table() {
    let parquet = parquet(&batch(), Compression::SNAPPY);
    let reordered = "b,i,d,f\n0,7,2,1\n";
    let files: [(&str, &[u8]); 5] = [
        ("b.parquet", &parquet),
        ("a.csv", CSV.as_bytes()),
        ("c.csv", reordered.as_bytes()),
        ("README.md", b"# none"),
        (".hidden.csv", b"x"),
    ];
    let folder = Folder::new(&files);
    let path = folder.path("");
    let table = Table::read(&path).unwrap();
    assert_eq!((table.rows(), table.row(6)), (7, &[1.0, 2.0, 7.0, 0.0][..]));
    assert_eq!(table.values()[..12], table.values()[12..24]);
    assert_eq!(table.notes(), [format!("3 files of the folder {path}, by name; passed over: README.md")]);
    let several = Table::read_all(&[folder.path("a.csv"), folder.path("c.csv")], &ReadOptions::default()).unwrap();
    // Where files begin is known of the rows that are left, too.
    let begins = |table: &Table| table.begins_file().iter().map(|&begins| usize::from(begins)).collect::<Vec<_>>();
    assert_eq!((begins(&table), begins(&several)), (vec![0, 0, 0, 1, 0, 0, 1], vec![0, 0, 0, 1]));
    assert_eq!(begins(&table.part(&[0, 1, 4, 5])), [0, 0, 1, 0]);
    let names = ["b", "i", "d", "f"].map(str::to_owned);
    assert_eq!(begins(&table.matching(&names).unwrap().part(&[2, 6])), [0, 1]);
    assert_eq!((several.rows(), several.source()), (4, format!("{} and 1 more", folder.path("a.csv")).as_str()));

    fs::write(folder.at("d.csv"), "f,d,i,c\n1,2,3,4\n").unwrap();
    let error = Table::read(&path).unwrap_err().to_string();
    let (last, first) = (folder.path("d.csv"), folder.path("a.csv"));
    assert_eq!(error, format!("{last}: has other columns than {first}: missing: \"b\"; unexpected: \"c\""));
    let empty = Folder::new(&[("notes.md", b"")]);
    let error = Table::read(&empty.path("")).unwrap_err().to_string();
    assert!(error.contains("a folder without a file to read") && error.contains("it holds notes.md"), "{error}");
}

/// A reader that does something to a file before the first byte is read.
#[cfg(unix)]
#[test]
fn a_file_that_changes_is_refused() {
    use std::process::{Command, Stdio};
    // A named pipe has no length that could change; a plain file that grows while it is read has.
    let folder = Folder::new(&[]);
    let path = folder.path("grows.csv");
    let rows = "1,2,3,4,5,6,7,8\n".repeat(400_000);
    for (how, script) in [
        ("was changed", format!("while :; do echo 1,2,3,4,5,6,7,8 >> {path}; done")),
        ("was removed", format!("sleep 0.05; rm {path}")),
    ] {
        fs::write(&path, &rows).unwrap();
        let mut other = Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).spawn().unwrap();
        let mut seen = Vec::new();
        for _ in 0..20 {
            match Table::read(&path) {
                Err(error) => seen.push(error.to_string()),
                Ok(_) => continue,
            }
            break;
        }
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(seen.iter().all(|e| e.contains("while it was read")), "{seen:?}");
        assert!(seen.iter().any(|e| e.contains(how)), "{seen:?}");
        let _ = fs::remove_file(&path);
    }
}
