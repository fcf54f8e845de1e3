//! Execution backends: what runs a graph, chosen at run time.
//!
//! A [`Program`] is a compiled graph whose first `carried` inputs are fed from its first `carried` outputs, so that the
//! optimiser's state never leaves the backend between steps; with `carried = 0` it is a plain function.

mod onnx_runtime;
mod resolve;
mod tract;

pub use resolve::{Choice, Device, choose, find_library};

use flow_model::graph::Graph;

/// A tensor of f32 values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Size along each axis.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A vector.
    pub fn vector(data: Vec<f32>) -> Self {
        Tensor { shape: vec![data.len()], data }
    }

    /// A matrix of rows with `columns` values each.
    pub fn matrix(columns: usize, data: Vec<f32>) -> Self {
        Tensor { shape: vec![data.len() / columns.max(1), columns], data }
    }
}

/// Why a backend could not do something.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The backend is not to be had on this machine.
    #[error("{0}")]
    Unavailable(String),
    /// The backend refused or failed.
    #[error("{backend} failed to {task}: {message}")]
    Failed {
        /// Which backend.
        backend: String,
        /// What it was asked to do.
        task: &'static str,
        /// What it answered.
        message: String,
    },
}

/// Something that runs graphs.
pub trait Backend {
    /// Its name, version and device, for people.
    fn name(&self) -> String;

    /// What decides its bits, as far as it can tell: two backends of one identity compute the same on one machine.
    fn identity(&self) -> String;

    /// Whether a step may be taken in shards on several threads; a device that is parallel in itself is better left alone.
    fn shards(&self) -> bool {
        true
    }

    /// Compiles a graph into several programs, none of which carries anything, for as many threads.
    ///
    /// # Errors
    /// If the backend refuses the graph.
    fn compile_several(
        &self,
        graph: &Graph,
        batch: usize,
        programs: usize,
    ) -> Result<Vec<Box<dyn Program>>, BackendError> {
        (0..programs).map(|_| self.compile(graph, batch, 0)).collect()
    }

    /// Compiles a graph for batches of exactly `batch` rows.
    ///
    /// # Errors
    /// If the backend refuses the graph.
    fn compile(&self, graph: &Graph, batch: usize, carried: usize) -> Result<Box<dyn Program>, BackendError>;
}

/// A compiled graph.
pub trait Program: Send {
    /// Gives the carried inputs their values.
    ///
    /// # Errors
    /// If the backend fails.
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError>;

    /// Runs once with the other inputs, in the graph's order; gives the other outputs.
    ///
    /// # Errors
    /// If the backend fails.
    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, BackendError>;

    /// The carried values as they are now.
    ///
    /// # Errors
    /// If the backend fails.
    fn carried(&mut self) -> Result<Vec<Tensor>, BackendError>;

    /// One of them, by its place.
    ///
    /// # Errors
    /// If the backend fails.
    fn carried_at(&mut self, place: usize) -> Result<Tensor, BackendError>;
}
