//! Options that were given, kept in `run.json` and taken from there again.

use super::Error;
use crate::request::Request;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Options that say nothing of what is trained.
const OF_THIS_CALL: [&str; 3] = ["out", "force", "resume"];

/// Options that make a training a search under a budget.
const BUDGET: [&str; 3] = ["flash", "ram", "cycles"];

/// The options of a command that were given, by their long names, with their values; those of flags are empty.
pub(super) fn given(command: &Command, matches: &ArgMatches) -> BTreeMap<String, Vec<String>> {
    let mut given = BTreeMap::new();
    for argument in command.get_arguments() {
        let (id, Some(name)) = (argument.get_id().as_str(), argument.get_long()) else { continue };
        if matches.value_source(id) != Some(ValueSource::CommandLine) || OF_THIS_CALL.contains(&id) {
            continue;
        }
        let values = if argument.get_action().takes_values() { matches.get_raw(id) } else { None };
        let values = values.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect();
        given.insert(name.to_string(), values);
    }
    given
}

/// The arguments of the program for the run in `folder` to be resumed: what it was asked for, and over it what is given now.
pub(super) fn arguments(folder: &Path, now: BTreeMap<String, Vec<String>>) -> Result<Vec<OsString>, Error> {
    let mut all = Request::read(folder)?.arguments;
    // A run is gone on with by the command that began it.
    let command = if BUDGET.iter().any(|name| all.contains_key(*name)) { "tune" } else { "train" };
    all.extend(now);
    let mut arguments: Vec<OsString> = ["flow-trainer", command, "--resume", "--out"].map(OsString::from).into();
    arguments.push(folder.into());
    for (name, values) in all {
        if values.is_empty() {
            arguments.push(format!("--{name}").into());
        }
        arguments.extend(values.iter().map(|value| format!("--{name}={value}").into()));
    }
    Ok(arguments)
}
