//! A frozen flow from a file, checked.

use crate::aligned::AlignedBytes;
use crate::error::Error;
use flow_nostd::layout::{AtomRecord, ColumnRecord};
use flow_nostd::{Detector, Flow, SelfTestError};
use std::path::{Path, PathBuf};

/// The bytes of a file that may hold a frozen flow.
#[derive(Debug)]
pub struct Frozen {
    path: PathBuf,
    bytes: AlignedBytes,
}

impl Frozen {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Err(Error::FlowIsFolder { path: path.to_owned() });
        }
        let bytes = AlignedBytes::read(path).map_err(|e| Error::read(path, e))?;
        Ok(Frozen { path: path.to_owned(), bytes })
    }

    /// The bytes of a frozen flow that is no file yet; `name` says in messages what it is.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Self {
        Frozen { path: name.into(), bytes: AlignedBytes::from(bytes) }
    }

    /// The flow in the file, as the device engine takes it.
    ///
    /// # Errors
    /// Where the file is not one, or a damaged one.
    pub fn flow(&self) -> Result<Flow<'_>, Error> {
        Flow::new(&self.bytes).map_err(|source| Error::Format { path: self.path.clone(), source })
    }

    /// The same, after its self-test: what it computes on this machine is what it computes on a device.
    ///
    /// # Errors
    /// As [`Frozen::flow`], and where the self-test fails. A file without probe rows passes.
    pub fn tested_flow(&self) -> Result<Flow<'_>, Error> {
        let flow = self.flow()?;
        match flow.self_test(&mut vec![0.0; flow.scratch_len()]) {
            Ok(()) | Err(SelfTestError::NoProbes) => Ok(flow),
            Err(source) => Err(Error::SelfTest { path: self.path.clone(), source }),
        }
    }

    /// Whether it has a calibration.
    ///
    /// # Errors
    /// As [`Frozen::flow`].
    pub fn is_calibrated(&self) -> Result<bool, Error> {
        let source = |source| Error::Format { path: self.path.clone(), source };
        Ok(Detector::new(self.flow()?).map_err(source)?.is_calibrated())
    }

    /// Whether a signature follows the file. It is not verified.
    ///
    /// # Errors
    /// As [`Frozen::flow`].
    pub fn is_signed(&self) -> Result<bool, Error> {
        Ok(self.bytes().len() > self.flow()?.header().total_length.get() as usize)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Splits rows of all columns, in their order, into the values that the flow models and those of the context, each one row
/// after another.
pub(crate) fn split_context<'r>(flow: &Flow, rows: impl IntoIterator<Item = &'r [f32]>) -> (Vec<f32>, Vec<f32>) {
    let (mut modelled, mut context) = (Vec::new(), Vec::new());
    for all in rows {
        for (record, &x) in flow.column_records().iter().zip(all) {
            if record.is_context() { context.push(x) } else { modelled.push(x) }
        }
    }
    (modelled, context)
}

/// Names of all columns, context among them.
pub(crate) fn column_names(flow: &Flow) -> Vec<String> {
    (0..flow.column_records().len())
        .map(|j| flow.column_name(j).map_or_else(|| format!("c{j}"), str::to_owned))
        .collect()
}

/// Names of the columns that verdicts speak of: all but those of the context.
pub(crate) fn judged_names(flow: &Flow) -> Vec<String> {
    let names = column_names(flow).into_iter().zip(flow.column_records());
    names.filter(|(_, record)| !record.is_context()).map(|(name, _)| name).collect()
}

/// Names of the context columns.
pub(crate) fn context_names(flow: &Flow) -> Vec<String> {
    let records = flow.column_records().iter();
    column_names(flow)
        .into_iter()
        .zip(records)
        .filter(|(_, record)| record.is_context())
        .map(|(name, _)| name)
        .collect()
}

/// Each column's record with its atoms, context columns among them.
pub fn columns_with_atoms<'a>(flow: &Flow<'a>) -> impl Iterator<Item = (&'a ColumnRecord, &'a [AtomRecord])> {
    let mut rest = flow.atom_records();
    flow.column_records().iter().map(move |record| {
        let (mine, after) = rest.split_at(record.atoms.get().into());
        rest = after;
        (record, mine)
    })
}
