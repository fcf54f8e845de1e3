//! Reading tables: from files of any of the formats, folders of them, standard input and streams.

use crate::builder::Builder;
use crate::error::TableError;
use crate::folder;
use crate::missing::Missing;
use crate::records::Records;
use crate::table::Table;
use crate::{read_arrow, read_csv, read_npy, read_npz, read_parquet};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

/// How to read a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// Names of columns that are dropped before their cells are looked at (`c0`, `c1`, … without a header).
    pub ignore: Vec<String>,
    /// Names of columns that are values even where they look like the time of each row.
    pub keep: Vec<String>,
    /// What becomes of missing values.
    pub missing: Missing,
}

impl Table {
    /// Reads a file (CSV, Parquet, Arrow IPC, NPY or NPZ, known by its first bytes), a folder of such files, or standard
    /// input for `-`.
    ///
    /// Nothing but the values is held in memory, four bytes each; but a Parquet or NPZ file from standard input is held
    /// whole while it is read, and values of an NPZ file take 16 bytes each until all of them are there.
    ///
    /// # Errors
    /// Whatever is wrong with it, with file, line or row, and column.
    pub fn read(path: &str) -> Result<Table, TableError> {
        Table::read_with(path, &ReadOptions::default())
    }

    /// As [`Table::read`], with options.
    ///
    /// # Errors
    /// Whatever is wrong with it, with file, line or row, and column.
    pub fn read_with(path: &str, options: &ReadOptions) -> Result<Table, TableError> {
        Table::read_all(&[path], options)
    }

    /// Reads several files or folders, one after the other, into one table. They must have the same columns; where they
    /// have names, the order of the first counts.
    ///
    /// # Errors
    /// Whatever is wrong with any of them, with file, line or row, and column; no path at all.
    pub fn read_all(paths: &[impl AsRef<str>], options: &ReadOptions) -> Result<Table, TableError> {
        let (mut files, mut notes) = (Vec::new(), Vec::new());
        for path in paths.iter().map(AsRef::as_ref) {
            match folder::files(path)? {
                Some(found) => {
                    notes.push(found.note(path));
                    files.extend(found.files);
                }
                None => files.push(path.to_owned()),
            }
        }
        let mut table = Builder::new(options, files.len());
        table.notes = notes;
        for path in &files {
            Input::open(path)?.read(&mut table)?;
        }
        let source = match (paths, files.as_slice()) {
            (_, []) => return Err(TableError::Empty { path: "no file".into() }),
            ([path], [file]) if path.as_ref() == "-" && file == "-" => STDIN.to_owned(),
            ([path], _) => path.as_ref().to_owned(),
            ([first, rest @ ..], _) => format!("{} and {} more", first.as_ref(), rest.len()),
            ([], _) => String::new(),
        };
        table.finish(source)
    }

    /// Reads a table from a stream; `source` is its name in messages.
    ///
    /// ```
    /// use flow_table::{ReadOptions, Table};
    ///
    /// let text = "clock;flow\r\n21:15;0.5\r\n21:20;0.75\r\n";
    /// let options = ReadOptions { ignore: vec!["clock".into()], ..ReadOptions::default() };
    /// let table = Table::from_reader(text.as_bytes(), "example", &options)?;
    /// assert_eq!(table.names(), ["flow"]);
    /// assert_eq!(table.values(), [0.5, 0.75]);
    ///
    /// let error = Table::from_reader(text.as_bytes(), "example", &ReadOptions::default()).unwrap_err();
    /// assert!(error.to_string().starts_with("example, line 2, column 1 (clock): \"21:15\" is not a number"));
    ///
    /// let text = "time,flow\n2024-05-01 21:15:00,0.5\n2024-05-01 21:20:00,\n";
    /// let options = ReadOptions { missing: flow_table::Missing::Previous, ..ReadOptions::default() };
    /// let table = Table::from_reader(text.as_bytes(), "example", &options)?;
    /// assert_eq!((table.names(), table.values()), (&["flow".to_owned()][..], &[0.5, 0.5][..]));
    /// assert_eq!(table.time().map(|time| time.name()), Some("time"));
    /// # Ok::<(), flow_table::TableError>(())
    /// ```
    ///
    /// # Errors
    /// Whatever is wrong with it, with line or row, and column.
    pub fn from_reader(input: impl Read, source: &str, options: &ReadOptions) -> Result<Table, TableError> {
        let mut table = Builder::new(options, 1);
        Input { path: source.to_owned(), stream: Box::new(input), file: None }.read(&mut table)?;
        table.finish(source.to_owned())
    }
}

const STDIN: &str = "standard input";

/// A file or stream to be read.
struct Input<'a> {
    path: String,
    stream: Box<dyn Read + 'a>,
    /// The file itself where it is one, and how it was before it was read.
    file: Option<(File, State)>,
}

/// By which a file is known to have stayed as it was: its length and when it was written.
type State = (u64, Option<SystemTime>);

fn state(meta: &std::fs::Metadata) -> State {
    (meta.len(), meta.modified().ok())
}

impl Input<'_> {
    fn open(path: &str) -> Result<Input<'static>, TableError> {
        if path == "-" {
            return Ok(Input { path: STDIN.into(), stream: Box::new(io::stdin()), file: None });
        }
        let (file, meta) = open(path)?;
        let seekable = match meta.is_file() {
            true => {
                Some((file.try_clone().map_err(|source| TableError::Io { path: path.into(), source })?, state(&meta)))
            }
            false => None,
        };
        Ok(Input { path: path.into(), stream: Box::new(file), file: seekable })
    }

    fn read(mut self, table: &mut Builder<'_>) -> Result<(), TableError> {
        let path = self.path.clone();
        let result = self.dispatch(table);
        // A change explains an error better than the error does.
        match &self.file {
            Some((_, before)) => match std::fs::metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Err(TableError::Changed { path, how: "was removed" })
                }
                Ok(now) if state(&now) != *before => Err(TableError::Changed { path, how: "was changed" }),
                _ => result,
            },
            None => result,
        }
    }

    fn dispatch(&mut self, table: &mut Builder<'_>) -> Result<(), TableError> {
        let path = self.path.clone();
        let unreadable = |source| TableError::Io { path: path.clone(), source };
        let mut first = Vec::new();
        self.stream.by_ref().take(8).read_to_end(&mut first).map_err(unreadable)?;
        let stream = std::mem::replace(&mut self.stream, Box::new(io::empty()));
        let stream = Cursor::new(first.clone()).chain(stream);
        let whole = |mut stream: Box<dyn Read + '_>| {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).map_err(unreadable)?;
            Ok::<_, TableError>(bytes)
        };
        let file = self.file.as_ref().map(|(file, _)| file.try_clone()).transpose().map_err(unreadable)?;
        match first.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => guarded(&path, "Parquet file", || match file {
                Some(file) => read_parquet::read(file, &path, table),
                None => read_parquet::read(Bytes::from(whole(Box::new(stream))?), &path, table),
            }),
            // An Arrow file is an Arrow stream between two marks.
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => {
                guarded(&path, "Arrow IPC data", || read_arrow::read(stream, &path, table))
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => read_npy::read(stream, &path, table),
            [b'P', b'K', 3, 4, ..] => guarded(&path, "zip archive", || match file {
                Some(file) => read_npz::read(file, &path, table),
                None => read_npz::read(Cursor::new(whole(Box::new(stream))?), &path, table),
            }),
            _ => read_csv::read(Records::new(stream, &path)?, table),
        }
    }
}

/// Opens a file; a folder is none.
pub(crate) fn open(path: &str) -> Result<(File, std::fs::Metadata), TableError> {
    let io = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => TableError::Missing {
            path: path.into(),
            folder: std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_else(|_| "unknown".into()),
        },
        ErrorKind::IsADirectory => TableError::Directory { path: path.into() },
        _ => TableError::Io { path: path.into(), source },
    };
    if std::fs::metadata(path).map_err(io)?.is_dir() {
        return Err(TableError::Directory { path: path.into() });
    }
    let file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    Ok((file, meta))
}

/// Runs the reader of a format whose library may panic on bytes that no program writes: a panic is a damaged file.
fn guarded(path: &str, format: &'static str, read: impl FnOnce() -> Result<(), TableError>) -> Result<(), TableError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let message = "its reader gave up".to_owned();
        Err(TableError::Damaged { path: path.into(), format, message })
    })
}
