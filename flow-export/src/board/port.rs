//! A serial port that this program has for itself.

use crate::error::Error;
use serial2::SerialPort;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An open port.
pub(crate) struct Port {
    path: PathBuf,
    baud: u32,
    port: SerialPort,
    /// Holds the lock, where the system has one.
    _lock: Option<File>,
}

impl Port {
    /// Opens a port: eight bits, no parity, one stop bit, no flow control.
    pub fn open(path: &Path, baud: u32) -> Result<Self, Error> {
        let fail = |problem: String| Error::Port { port: path.to_owned(), problem };
        let port = SerialPort::open(path, baud).map_err(|source| fail(cannot_open(path, &source)))?;
        let lock = lock(&port).map_err(fail)?;
        // What another program has left there is no answer to us.
        let _ = port.discard_buffers();
        Ok(Port { path: path.to_owned(), baud, port, _lock: lock })
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8], timeout: Duration) -> Result<(), Error> {
        self.port.set_write_timeout(timeout).map_err(|source| self.lost(&source))?;
        match self.port.write_all(bytes) {
            Err(source) if source.kind() == io::ErrorKind::TimedOut => {
                Err(self.says(format!("takes no more bytes, for {timeout:?}: does the other side read them?")))
            }
            sent => sent.map_err(|source| self.lost(&source)),
        }
    }

    /// What has come; nothing where nothing comes within the time.
    pub fn receive<'b>(&mut self, buffer: &'b mut [u8], timeout: Duration) -> Result<&'b [u8], Error> {
        // Zero would be for ever on some systems.
        self.port.set_read_timeout(timeout.max(Duration::from_millis(1))).map_err(|source| self.lost(&source))?;
        match self.port.read(buffer) {
            Ok(0) => Err(self.says("the other side is gone: the cable was pulled, or the board lost its power".into())),
            Ok(length) => Ok(&buffer[..length]),
            // Another program that reads the port takes bytes away that were there a moment ago: it would block.
            Err(source) => match source.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(&[]),
                _ => Err(self.lost(&source)),
            },
        }
    }

    /// An error at this port.
    pub fn says(&self, problem: String) -> Error {
        Error::Port { port: self.path.clone(), problem }
    }

    /// Its rate.
    pub fn baud(&self) -> u32 {
        self.baud
    }

    fn lost(&self, source: &io::Error) -> Error {
        self.says(format!("lost: {source}; was the cable pulled, or did the board lose its power?"))
    }
}

fn cannot_open(path: &Path, source: &io::Error) -> String {
    let there = path.exists();
    let advice = match source.kind() {
        io::ErrorKind::NotFound => {
            let ports = SerialPort::available_ports().unwrap_or_default();
            let names: Vec<String> = ports.iter().take(8).map(|port| port.display().to_string()).collect();
            match names.is_empty() {
                true => "there is no port on this machine: is the board plugged in?".to_owned(),
                false => format!("ports on this machine: {}", names.join(", ")),
            }
        }
        io::ErrorKind::PermissionDenied => {
            "give yourself the right to it; on most Linux systems the group dialout has it".to_owned()
        }
        io::ErrorKind::ResourceBusy => "another program has it; close that one".to_owned(),
        _ if there => "it is no serial port; expected one such as /dev/ttyACM0".to_owned(),
        _ => "check its name".to_owned(),
    };
    format!("cannot be opened: {source}; {advice}")
}

#[cfg(unix)]
fn lock(port: &SerialPort) -> Result<Option<File>, String> {
    use std::fs::TryLockError;
    use std::os::fd::AsFd;
    let Ok(handle) = port.as_fd().try_clone_to_owned() else { return Ok(None) };
    let file = File::from(handle);
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err("another program has it; close that one".to_owned()),
        // A system without such locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Elsewhere, who opens a port has it alone.
#[cfg(not(unix))]
fn lock(_: &SerialPort) -> Result<Option<File>, String> {
    Ok(None)
}
