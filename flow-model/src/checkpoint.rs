//! A trained flow as safetensors bytes: the parameters by name, the spec in the metadata.

use crate::flow::Flow;
use crate::row_hashes::RowHashes;
use crate::spec::{FlowSpec, SpecError};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};

/// Version of the checkpoint's layout; another one is refused.
pub const VERSION: &str = "1";
/// The tensor that holds the hashes of the rows trained on.
const TRAINED: &str = "trained_rows";

/// A spec with its trained parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What the flow is.
    pub spec: FlowSpec,
    /// The parameters, flat, in the order of [`crate::params::Layout`].
    pub params: Vec<f32>,
    /// The rows that the flow was trained on, as they lie in a table of all columns.
    pub trained: RowHashes,
    /// Whatever else the trainer wants to remember, by name.
    pub metadata: BTreeMap<String, String>,
}

/// Why bytes are not a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not safetensors, or cut short.
    #[error("not a safetensors file, or cut short: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// Written by another version.
    #[error(
        "checkpoint version {found}, this program reads version {VERSION}: train again or use the matching program"
    )]
    Version {
        /// The version found, or `none`.
        found: String,
    },
    /// The spec in the metadata cannot be read.
    #[error("the spec in the metadata: {0}")]
    Json(#[from] serde_json::Error),
    /// The spec breaks a rule.
    #[error("the spec in the metadata: {0}")]
    Spec(#[from] SpecError),
    /// A parameter is missing, of another shape or type, or not finite.
    #[error("parameter {name}: {message}")]
    Parameter {
        /// The parameter's name.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl Checkpoint {
    /// The checkpoint as safetensors bytes, the same for the same content.
    ///
    /// # Errors
    /// If the spec is not valid or the parameters do not fit it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let flow = Flow::new(self.spec.clone())?;
        if flow.layout().total() != self.params.len() {
            let message = format!("{} values, expected {}", self.params.len(), flow.layout().total());
            return Err(CheckpointError::Parameter { name: "all".into(), message });
        }
        let raw: Vec<u8> = self.params.iter().flat_map(|v| v.to_le_bytes()).collect();
        let trained: Vec<u8> = self.trained.as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut tensors = Vec::new();
        for slice in flow.layout().slices() {
            let bytes = &raw[4 * slice.range().start..4 * slice.range().end];
            tensors.push((slice.name.clone(), TensorView::new(Dtype::F32, slice.shape.clone(), bytes)?));
        }
        if !trained.is_empty() {
            let view = TensorView::new(Dtype::U32, vec![trained.len() / 4], &trained)?;
            tensors.push((TRAINED.to_owned(), view));
        }
        // One metadata entry: safetensors keeps its metadata in a hash map, whose order differs from run to run.
        let header =
            serde_json::json!({ "version": VERSION, "spec": &self.spec, "metadata": &self.metadata }).to_string();
        Ok(safetensors::serialize(tensors, Some(HashMap::from([("flow".to_string(), header)])))?)
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are not a checkpoint of this version, or anything in them does not fit the spec.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        #[derive(serde::Deserialize)]
        struct Header {
            spec: FlowSpec,
            metadata: BTreeMap<String, String>,
        }
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let text = header.metadata().as_ref().and_then(|m| m.get("flow"));
        let text = text.ok_or(CheckpointError::Version { found: "none".into() })?;
        let value: serde_json::Value = serde_json::from_str(text)?;
        if value["version"] != VERSION {
            return Err(CheckpointError::Version { found: value["version"].as_str().unwrap_or("none").to_string() });
        }
        let Header { spec, metadata } = serde_json::from_value(value)?;
        let flow = Flow::new(spec)?;
        // What a spec asks for is given no memory before there is as much of it.
        let total = flow.layout().total();
        if total > bytes.len() / 4 {
            let message = format!("the spec has {total} values, more than {} bytes hold", bytes.len());
            return Err(CheckpointError::Parameter { name: "all".into(), message });
        }
        let mut params = vec![0.0; total];
        for slice in flow.layout().slices() {
            let fail = |message: String| CheckpointError::Parameter { name: slice.name.clone(), message };
            let tensor = tensors.tensor(&slice.name).map_err(|e| fail(e.to_string()))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != slice.shape {
                let message = format!("{:?} {:?}, expected F32 {:?}", tensor.dtype(), tensor.shape(), slice.shape);
                return Err(fail(message));
            }
            for (value, bytes) in params[slice.range()].iter_mut().zip(tensor.data().chunks_exact(4)) {
                *value = f32::from_le_bytes(bytes.try_into().expect("chunks of four"));
                if !value.is_finite() {
                    return Err(fail(format!("holds {value}, expected finite numbers")));
                }
            }
        }
        let trained = match tensors.tensor(TRAINED) {
            Ok(tensor) if tensor.dtype() == Dtype::U32 => {
                tensor.data().as_chunks().0.iter().copied().map(u32::from_le_bytes).collect()
            }
            _ => Vec::new(),
        };
        Ok(Checkpoint { spec: flow.spec().clone(), params, trained: RowHashes::from_hashes(trained), metadata })
    }
}
