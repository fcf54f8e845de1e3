//! Files that are either the old one or the whole new one: written beside, synced, renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How the names of files begin that are not finished: what a process that was killed leaves behind.
pub const BEGUN: &str = ".writing-";

/// A file that could not be written. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The folder is not there.
    #[error("{}: cannot be written: the folder {} does not exist; create it first", path.display(), folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// A folder stands in the file's place.
    #[error("{}: cannot be written: it is a folder; give the name of a file", path.display())]
    IsFolder {
        /// The file.
        path: PathBuf,
    },
    /// Not allowed.
    #[error("{}: cannot be written: no permission in its folder; choose another place or change its permissions",
        path.display())]
    Denied {
        /// The file.
        path: PathBuf,
    },
    /// No room.
    #[error("{}: cannot be written: the disk (or its quota) is full; free some space", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WriteError {
    fn new(path: &Path, source: io::Error) -> WriteError {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => WriteError::Denied { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => WriteError::DiskFull { path },
            ErrorKind::IsADirectory => WriteError::IsFolder { path },
            _ => WriteError::Io { path, source },
        }
    }
}

/// Makes a folder and those it lies in, where they are missing.
///
/// # Errors
/// See [`WriteError`].
pub fn make_folder(path: impl AsRef<Path>) -> Result<(), WriteError> {
    fs::create_dir_all(path.as_ref()).map_err(|source| WriteError::new(path.as_ref(), source))
}

/// Writes `bytes` to `path`, see [`write_atomic_with`].
///
/// # Errors
/// See [`WriteError`].
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
    write_atomic_with(path, |out| out.write_all(bytes))
}

/// Writes what `content` writes to `path`: into a new file in the same folder, which then takes the place of the old
/// one. Whatever happens on the way, `path` is the old file or the whole new one. A symbolic link is followed; something
/// that is not a plain file (a pipe, `/dev/stdout`) is written to directly.
///
/// ```
/// use std::io::Write;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("figures.csv");
/// flow_table::atomic::write_atomic_with(&path, |out| writeln!(out, "1,2"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "1,2\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// See [`WriteError`]; what `content` returns is reported as such.
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let fail = |source| WriteError::new(path, source);
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    match &old {
        Some(m) if m.is_dir() => return Err(WriteError::IsFolder { path: path.to_owned() }),
        Some(m) if !m.is_file() => {
            let mut out = BufWriter::new(File::options().write(true).open(&target).map_err(fail)?);
            return content(&mut out).and_then(|()| out.flush()).map_err(fail);
        }
        _ => {}
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(WriteError::NoFolder { path: path.to_owned(), folder: folder.to_owned() });
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(BEGUN);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less the umask, as for any new file
    }
    let mut file = builder.tempfile_in(folder).map_err(fail)?;
    let mut out = BufWriter::new(file.as_file_mut());
    content(&mut out).and_then(|()| out.flush()).map_err(fail)?;
    drop(out);
    if let Some(old) = old {
        file.as_file().set_permissions(old.permissions()).map_err(fail)?;
    }
    file.as_file().sync_all().map_err(fail)?;
    file.persist(&target).map_err(|e| fail(e.error))?;
    // The rename itself is durable once the folder is; not every system can sync a folder.
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn replaces_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_failure_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_atomic(&path, b"old").unwrap();
        let full = write_atomic_with(&path, |out| {
            out.write_all(&[0; 100_000])?;
            Err(ErrorKind::StorageFull.into())
        });
        assert!(matches!(full, Err(WriteError::DiskFull { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_wrong_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(write_atomic(folder.path(), b""), Err(WriteError::IsFolder { .. })));
        let error = write_atomic(folder.path().join("none/a"), b"").unwrap_err().to_string();
        assert!(error.contains("none does not exist; create it first"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_links() {
        assert!(matches!(write_atomic("/dev/full", b"x"), Err(WriteError::DiskFull { .. })));
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
