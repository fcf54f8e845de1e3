//! Execution backends: what runs a graph, chosen at run time.
//!
//! A [`Program`] is a compiled graph whose first `carried` inputs are fed from its first `carried` outputs, so that the
//! optimiser's state never leaves the backend between steps; with `carried = 0` it is a plain function.

mod cuda;
mod memory;
mod onnx_resident;
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
    /// The device's memory is too small.
    #[error("the device's memory is too small: {}. {message}", memory::advice(*batch, *holds))]
    OutOfMemory {
        /// Rows of the batch that did not fit.
        batch: usize,
        /// Rows of a batch that was tried and fits.
        holds: Option<usize>,
        /// What the backend answered.
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

    /// Whether a training keeps its rows on the device ([`Backend::compile_resident`]) rather than hand over each batch.
    fn keeps_rows(&self) -> bool {
        false
    }

    /// Compiles a step that gathers its batch from `table`, which is put on the device once. The graph's inputs: first the
    /// carried ones, then the table, the index `[batch]` and the rest; its outputs: the carried ones alone.
    ///
    /// # Errors
    /// If the backend keeps no rows, refuses the graph or has no room for it.
    fn compile_resident(
        &self,
        _graph: &Graph,
        _batch: usize,
        _carried: usize,
        _table: Tensor,
    ) -> Result<Box<dyn Resident>, BackendError> {
        Err(BackendError::Unavailable(format!("{} keeps no rows", self.name())))
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

/// A compiled step that keeps rows on the device. It returns from a step without reading anything back.
pub trait Resident: Send {
    /// Gives the carried inputs their values.
    ///
    /// # Errors
    /// If the backend fails.
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError>;

    /// Runs once for the rows at `index`, with the other inputs in the graph's order.
    ///
    /// # Errors
    /// If the backend fails.
    fn step(&mut self, index: &[i32], inputs: &[Tensor]) -> Result<(), BackendError>;

    /// A carried value as it is now, by its place.
    ///
    /// # Errors
    /// If the backend fails.
    fn carried_at(&mut self, place: usize) -> Result<Tensor, BackendError>;
}
