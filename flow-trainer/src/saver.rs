//! Where and how often the states of a run's trainings are saved.

use crate::state::State;
use flow_table::atomic::{WriteError, write_atomic};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The state of a run of one training.
pub const STATE_FILE: &str = "state.safetensors";
/// Folders of the states of a run of several: `auto`'s trainings, and those of several seeds.
pub const STATE_FOLDERS: [&str; 2] = ["search", "seeds"];
/// A save takes at most this share of the time.
const SHARE: u32 = 50;

/// Where the states of a run lie, and what the run is.
#[derive(Clone, Debug)]
pub struct Saves {
    /// The folder of the run.
    pub folder: PathBuf,
    /// What tells this run's states from those of another.
    pub run: String,
    /// Time between two saves; 0 for one after each step.
    pub every: Duration,
}

/// Saves the state of one training.
#[derive(Debug)]
pub struct Saver {
    path: PathBuf,
    run: String,
    every: Duration,
    last: Instant,
    cost: Duration,
}

/// A state that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It cannot be written; the old one is as it was.
    #[error("{0}; the state that was saved before is whole, and --resume goes on from it")]
    Write(#[from] WriteError),
    /// A folder for it cannot be made, or it cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is none.
    #[error("{}: {problem}; without this file the training begins anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Saves {
    /// For the training of that name: a file of the run's folder, without `.safetensors`.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn saver(&self, name: &str) -> Result<Saver, SaveError> {
        let path = self.folder.join(format!("{name}.safetensors"));
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|source| SaveError::Io { path: folder.to_owned(), source })?;
        let (run, every, last) = (self.run.clone(), self.every, Instant::now());
        Ok(Saver { path, run, every, last, cost: Duration::ZERO })
    }

    /// Whether a training of that name was saved.
    pub fn has(&self, name: &str) -> bool {
        self.folder.join(format!("{name}.safetensors")).exists()
    }

    /// Whether anything was saved.
    pub fn any(&self) -> bool {
        let holds =
            |folder: &str| std::fs::read_dir(self.folder.join(folder)).is_ok_and(|mut files| files.next().is_some());
        self.folder.join(STATE_FILE).exists() || STATE_FOLDERS.into_iter().any(holds)
    }

    /// The time that this run's trainings in one of [`STATE_FOLDERS`] have taken; what cannot be read took none.
    pub fn spent(&self, folder: &str) -> Duration {
        let files = std::fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten();
        let states = files.filter_map(|file| State::from_bytes(&std::fs::read(file.path()).ok()?).ok());
        let seconds = states.filter(|(_, run)| *run == self.run).map(|(state, _)| state.seconds).sum();
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Removes all states of the folder.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clear(&self) -> Result<(), SaveError> {
        let fail = |path: PathBuf| move |source| SaveError::Io { path, source };
        let gone = |result: std::io::Result<()>| match result {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        for folder in STATE_FOLDERS.map(|name| self.folder.join(name)) {
            gone(std::fs::remove_dir_all(&folder)).map_err(fail(folder))?;
        }
        let path = self.folder.join(STATE_FILE);
        gone(std::fs::remove_file(&path)).map_err(fail(path))
    }
}

impl Saver {
    /// The state that was saved, if it is one of this run.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn saved(&self) -> Result<Option<State>, SaveError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SaveError::Io { path: self.path.clone(), source }),
            Ok(bytes) => match State::from_bytes(&bytes) {
                Ok((state, run)) => Ok((run == self.run).then_some(state)),
                Err(error) => Err(self.damaged(error.to_string())),
            },
        }
    }

    /// That the saved state does not fit.
    pub fn damaged(&self, problem: String) -> SaveError {
        SaveError::Damaged { path: self.path.clone(), problem }
    }

    /// Whether it is time to save.
    pub fn is_due(&self) -> bool {
        self.every.is_zero() || self.last.elapsed() >= self.every.max(self.cost * SHARE)
    }

    /// Saves a state: the file is then the old one or the whole new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&mut self, state: &State) -> Result<(), SaveError> {
        let start = Instant::now();
        write_atomic(&self.path, &state.to_bytes(&self.run))?;
        self.last = Instant::now();
        self.cost = self.last - start;
        Ok(())
    }
}
