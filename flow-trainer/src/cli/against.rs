//! What a run is compared with: another run, the one before it, or a mixture of its own training rows.

use super::Error;
use crate::backend::Backend;
use crate::data::Data;
use crate::fitted::{self, Work};
use crate::model::{Choices, Model};
use crate::request::{self, Request};
use flow_export::run_folder::{CHECKPOINT, read_checkpoint};
use flow_model::checkpoint::Checkpoint;
use flow_model::flow::Flow;
use flow_model::spec::{Column, Kind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// A run that is compared with.
pub(super) struct Rival {
    /// What it is called.
    pub(super) name: String,
    /// Its flow.
    pub(super) flow: Flow,
    /// Its parameters.
    pub(super) params: Vec<f32>,
    /// Why its log-densities do not compare with the run's, if they do not.
    pub(super) incomparable: Option<String>,
}

/// The model's name and the convention by which the columns of a run were treated.
pub(super) fn described(checkpoint: &Checkpoint) -> (&str, &str) {
    let word = |key: &str| checkpoint.metadata.get(key).map_or("unknown", String::as_str);
    (word("model"), word("convention"))
}

/// What `--against` names.
pub(super) fn rival(against: &str, run: &Path, checkpoint: &Checkpoint, backend: &dyn Backend) -> Result<Rival, Error> {
    match against {
        "gmm" => mixture(run, checkpoint, backend),
        "last" => other(&last_before(run)?, checkpoint),
        folder => other(Path::new(folder), checkpoint),
    }
}

fn other(folder: &Path, checkpoint: &Checkpoint) -> Result<Rival, Error> {
    let found = read_checkpoint(folder)?;
    let names = |c: &Checkpoint| c.spec.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    if names(&found) != names(checkpoint) {
        return Err(Error::Refused(format!(
            "--against {}: has the columns {}; expected those of the run: {}",
            folder.display(),
            names(&found).join(", "),
            names(checkpoint).join(", ")
        )));
    }
    let incomparable = incomparable(&found, checkpoint);
    let name = format!("{} ({})", folder.display(), described(&found).0);
    Ok(Rival { name, flow: Flow::new(found.spec)?, params: found.params, incomparable })
}

/// A density does not compare with a mass, nor a density with one under a condition.
fn incomparable(found: &Checkpoint, checkpoint: &Checkpoint) -> Option<String> {
    let (a, b) = (described(found).1, described(checkpoint).1);
    if a != b {
        return Some(format!("its convention is {a}, the run's is {b}"));
    }
    let mut pairs = found.spec.columns.iter().zip(&checkpoint.spec.columns);
    let measure = |column: &Column| {
        let step = column.cells().map(|[_, step, _]| step);
        let values: Vec<f32> = column.atoms.iter().map(|atom| atom.value).collect();
        (column.is_context(), matches!(column.kind, Kind::Constant { .. }), step, values)
    };
    let unlike = pairs.find(|(a, b)| measure(a) != measure(b));
    unlike.map(|(column, _)| format!("it takes the column {:?} as another kind", column.name))
}

/// The run that was written last before this one, in a folder beside it.
fn last_before(run: &Path) -> Result<PathBuf, Error> {
    let written = |folder: &Path| -> Option<SystemTime> {
        std::fs::metadata(folder.join(CHECKPOINT)).and_then(|file| file.modified()).ok()
    };
    let place = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let this = written(&place);
    let beside = place.parent().and_then(|parent| std::fs::read_dir(parent).ok()).into_iter().flatten().flatten();
    let before = beside
        .map(|entry| entry.path())
        .filter(|folder| *folder != place)
        .filter_map(|folder| written(&folder).map(|time| (time, folder)))
        .filter(|(time, _)| this.is_none_or(|this| *time <= this))
        .max();
    let none =
        || Error::Refused(format!("--against last: no run that is older lies beside {}; name one", run.display()));
    before.map(|(_, folder)| folder).ok_or_else(none)
}

/// A mixture fitted to the rows that the run was trained on, with the run's own columns.
fn mixture(run: &Path, checkpoint: &Checkpoint, backend: &dyn Backend) -> Result<Rival, Error> {
    let refuse = |why: &str| Error::Refused(format!("--against gmm: {why}; name a run of --model gmm instead"));
    let args = super::asked(run)?;
    let source = args.source();
    if source.data.iter().any(|path| path == "-") {
        return Err(refuse("the run was trained on standard input, which cannot be read again"));
    }
    let mut data = Data::load(&source)?;
    if Request::read(run)?.decides.get("training rows") != Some(&request::rows(&data.train)) {
        return Err(refuse(&format!(
            "the training rows of {} are not those of the run any more",
            source.data.join(", ")
        )));
    }
    // The rows held out that the run looked at.
    data.leave_out_unsupported(&checkpoint.spec.columns)?;
    eprintln!("fitting a mixture to the {} training rows of {}", data.train.rows(), source.data.join(", "));
    let work = Work {
        columns: &checkpoint.spec.columns,
        train: &data.train,
        validation: &data.validation,
        backend,
        stop: &AtomicBool::new(false),
        threads: args.threads(),
        saves: None,
    };
    let choices = Choices { base: None, variational: false, ..args.choices() };
    let fitted = fitted::fit(Model::Gmm, &work, &choices, "state", None, &mut |_| {})?;
    let name = "gmm, fitted to the same rows".to_string();
    Ok(Rival { name, flow: fitted.flow, params: fitted.outcome.params, incomparable: None })
}
