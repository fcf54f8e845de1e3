//! The tables in a folder: its files of known endings, sorted by name.

use crate::error::TableError;
use crate::suggest;

/// Endings of names of files that are read.
const ENDINGS: [&str; 12] =
    [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".parquet", ".pq", ".arrow", ".arrows", ".feather", ".npy", ".npz"];

/// What is in a folder.
pub(crate) struct Folder {
    /// Paths of the files to read, sorted by name.
    pub(crate) files: Vec<String>,
    /// Names of what is passed over, hidden files apart.
    passed: Vec<String>,
}

impl Folder {
    /// What is read of it and what not, in words.
    pub(crate) fn note(&self, path: &str) -> String {
        let passed = match self.passed.as_slice() {
            [] => String::new(),
            names => format!("; passed over: {}", suggest::list(names.iter().map(String::as_str))),
        };
        format!("{} files of the folder {path}, by name{passed}", self.files.len())
    }
}

/// The files of a folder; `None` where the path is none.
pub(crate) fn files(path: &str) -> Result<Option<Folder>, TableError> {
    let io = |source| TableError::Io { path: path.into(), source };
    if !std::path::Path::new(path).is_dir() {
        return Ok(None);
    }
    let mut folder = Folder { files: Vec::new(), passed: Vec::new() };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    for name in names.into_iter().filter(|name| !name.starts_with(['.', '_'])) {
        let lower = name.to_lowercase();
        let file = std::path::Path::new(path).join(&name);
        match ENDINGS.iter().any(|ending| lower.ends_with(ending)) && !file.is_dir() {
            true => folder.files.push(file.display().to_string()),
            false => folder.passed.push(name),
        }
    }
    if folder.files.is_empty() {
        let passed = match folder.passed.as_slice() {
            [] => String::new(),
            names => format!("; it holds {}", suggest::list(names.iter().map(String::as_str))),
        };
        return Err(TableError::EmptyFolder { path: path.into(), endings: ENDINGS.join(", "), passed });
    }
    Ok(Some(folder))
}
