//! Where a command's result goes: a file that appears whole or not at all, or standard output.

use crate::error::Error;
use flow_table::atomic::write_atomic_with;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `content` to the file, or to standard output where there is none or it is called `-`.
pub(crate) fn write(to: Option<&Path>, content: impl FnOnce(&mut dyn Write) -> Result<(), Error>) -> Result<(), Error> {
    let Some(path) = to.filter(|path| *path != Path::new("-")) else {
        let mut out = BufWriter::new(io::stdout().lock());
        content(&mut out)?;
        return out.flush().map_err(Error::Stdout);
    };
    // What fails inside is not always the writing: it is carried out beside the file's own error.
    let mut failure = None;
    let written = write_atomic_with(path, |out| {
        content(out).map_err(|error| match error {
            Error::Stdout(source) => source,
            other => {
                failure = Some(other);
                io::ErrorKind::Other.into()
            }
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

/// Refuses a file to be written that is one of those to be read, or lies in a folder of them.
pub(crate) fn check<'a>(
    to: Option<&Path>,
    read: impl IntoIterator<Item = &'a (impl AsRef<Path> + ?Sized + 'a)>,
) -> Result<(), Error> {
    let Some(place) = to.and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    let holds = |read: &Path| read.canonicalize().is_ok_and(|read| read == place || place.parent() == Some(&read));
    match read.into_iter().any(|read| holds(read.as_ref())) {
        true => Err(Error::SameFile { path: to.unwrap_or(&place).to_owned() }),
        false => Ok(()),
    }
}

/// Writes these bytes, as [`write`] does.
pub(crate) fn bytes(to: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(Some(to), |out| out.write_all(bytes).map_err(Error::Stdout))
}

/// Prints one object of JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Error> {
    write(None, |out| {
        serde_json::to_writer_pretty(&mut *out, value).map_err(|e| Error::Stdout(e.into()))?;
        writeln!(out).map_err(Error::Stdout)
    })
}
