//! `run.json`: what a run was asked for, from which `--resume` takes it again, and against which it is held.

use crate::budget::Budget;
use crate::model::{Choices, Model, Smoothing};
use crate::state;
use flow_export::windows::Recipe;
use flow_table::atomic::{WriteError, write_atomic};
use flow_table::{KindOverride, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The file's name.
pub const REQUEST: &str = "run.json";

/// What a run was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The options that were given, by name, with their values.
    pub arguments: BTreeMap<String, Vec<String>>,
    /// All that decides the bits of the result, by a name for people: versions, backend, rows, options with their defaults.
    pub decides: BTreeMap<String, String>,
}

/// Why a run cannot be resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There is none.
    #[error("{}: holds no run to resume, as it has no {REQUEST}; train without --resume", .0.display())]
    None(PathBuf),
    /// The file cannot be read.
    #[error("{}: cannot be read: {problem}; train anew with --force", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// It would be another run.
    #[error("{} cannot be resumed, because this would be another run:{}", folder.display(), list(differences))]
    Differs {
        /// The run's folder.
        folder: PathBuf,
        /// What differs, a line each.
        differences: Vec<String>,
    },
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

/// What decides a run beside its options.
pub struct Circumstances<'a> {
    /// What runs it, as [`crate::backend::Backend::identity`] says.
    pub backend: String,
    /// Rows by the part that they play.
    pub tables: &'a [(&'static str, &'a Table)],
    /// What is said of the columns.
    pub overrides: &'a [KindOverride],
    /// The windows that the rows are.
    pub windows: Option<&'a Recipe>,
    /// How columns are treated.
    pub convention: &'static str,
    /// Number of seeds.
    pub seeds: u64,
    /// The budget that is searched under.
    pub budget: Option<Budget>,
}

impl Request {
    /// What is asked for now.
    pub fn new(
        arguments: BTreeMap<String, Vec<String>>,
        model: Model,
        choices: &Choices,
        circumstances: &Circumstances<'_>,
    ) -> Request {
        let mut decides = BTreeMap::from([
            ("version".to_string(), format!("{}, state {}", env!("CARGO_PKG_VERSION"), state::VERSION)),
            ("--device".to_string(), circumstances.backend.clone()),
            ("--model".to_string(), model.name().to_string()),
            ("--convention".to_string(), circumstances.convention.to_string()),
            ("--seeds".to_string(), circumstances.seeds.to_string()),
            ("--column".to_string(), format!("{:?}", circumstances.overrides)),
        ]);
        if let Some(windows) = circumstances.windows {
            decides.insert("--window".to_string(), windows.to_string());
        }
        if let Some(budget) = circumstances.budget {
            decides.insert("budget".to_string(), budget.to_string());
        }
        decides.extend(circumstances.tables.iter().map(|(part, table)| (format!("{part} rows"), rows(table))));
        decides.extend(options(choices).map(|(name, value)| (name.to_string(), value)));
        Request { arguments, decides }
    }

    /// What tells the states of this run from those of another.
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(&self.decides).expect("plain data becomes JSON");
        state::hex(&Sha256::digest(text))
    }

    /// Reads the request of the run in `folder`.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn read(folder: &Path) -> Result<Request, ResumeError> {
        let path = folder.join(REQUEST);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ResumeError::None(folder.to_owned()));
            }
            Err(error) => return Err(ResumeError::Unreadable { path, problem: error.to_string() }),
            Ok(text) => text,
        };
        serde_json::from_slice(&text).map_err(|error| ResumeError::Unreadable { path, problem: error.to_string() })
    }

    /// Writes it into `folder`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        let mut text = serde_json::to_vec_pretty(self).expect("plain data becomes JSON");
        text.push(b'\n');
        write_atomic(folder.join(REQUEST), &text)
    }

    /// Checks that the run in `folder`, which was asked for so, is the one that is asked for `now`.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, now: &Request, folder: &Path) -> Result<(), ResumeError> {
        let names: BTreeSet<&String> = self.decides.keys().chain(now.decides.keys()).collect();
        let word = |request: &Request, name| request.decides.get(name).map_or("none", String::as_str).to_string();
        let differences: Vec<String> = names
            .into_iter()
            .filter(|&name| self.decides.get(name) != now.decides.get(name))
            .map(|name| format!("{name}: {} in the run, {} now", word(self, name), word(now, name)))
            .collect();
        if differences.is_empty() {
            return Ok(());
        }
        Err(ResumeError::Differs { folder: folder.to_owned(), differences })
    }
}

/// The options that decide, with what was given.
fn options(choices: &Choices) -> impl Iterator<Item = (&'static str, String)> {
    fn given<T: std::fmt::Debug>(value: &Option<T>) -> String {
        value.as_ref().map_or("not given".to_string(), |value| format!("{value:?}"))
    }
    let Choices {
        layers,
        hidden,
        residual,
        num_bins,
        tail_bound,
        permutation,
        act_norm,
        base,
        most_components: _, // Follows from a budget.
        variational,
        epochs,
        batch,
        learning_rate,
        weight_decay,
        dropout,
        smoothing,
        seed,
    } = choices;
    let smoothing = match smoothing {
        Smoothing::Rule => "by the rule of thumb".to_string(),
        Smoothing::Deviation(deviation) => deviation.to_string(),
    };
    [
        ("--couplings", given(layers)),
        ("--hidden", given(hidden)),
        ("--residual", residual.to_string()),
        ("--num-bins", given(num_bins)),
        ("--tail-bound", given(tail_bound)),
        ("--permutation", format!("{permutation:?}").to_lowercase()),
        ("--act-norm", act_norm.to_string()),
        ("--base", given(base)),
        ("--dequantization", if *variational { "variational" } else { "uniform" }.to_string()),
        ("--epochs", given(epochs)),
        ("--batch", given(batch)),
        ("--lr", given(learning_rate)),
        ("--weight-decay", given(weight_decay)),
        ("--dropout", given(dropout)),
        ("--smoothing", smoothing),
        ("--seed", seed.to_string()),
    ]
    .into_iter()
}

/// A table in a few words that no other table has.
pub(crate) fn rows(table: &Table) -> String {
    let mut hash = Sha256::new();
    for name in table.names() {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    for value in table.values() {
        hash.update(value.to_bits().to_le_bytes());
    }
    format!("{} of {} columns, SHA-256 {}", table.rows(), table.columns(), &state::hex(&hash.finalize())[..16])
}
