//! ONNX Runtime through `ort`, loaded at run time: CPU, or CUDA where the library has it.
//!
//! The carried state lives in two sets of tensors and two bindings: one reads set 0 and writes set 1, the other the
//! reverse, so that no step copies the state and none writes what it reads.

use super::{Backend, BackendError, Program, Resident, Tensor, cuda, memory, onnx_resident};
use flow_model::graph::{Dim, Graph, Op};
use flow_model::onnx::{self, Batch};
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider};
use ort::memory::Allocator;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{IoBinding, Session};
use std::path::Path;
use std::sync::OnceLock;

/// The ONNX Runtime backend.
#[derive(Debug)]
pub struct OnnxRuntime {
    environment: &'static Environment,
    cuda: bool,
    library: String,
}

/// ONNX Runtime allows one environment a process.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

impl OnnxRuntime {
    /// Loads the library.
    ///
    /// # Errors
    /// If it cannot be loaded or is too old, or `cuda` is asked for and the library has no CUDA provider.
    pub fn load(library: &Path, cuda: bool) -> Result<Self, BackendError> {
        let unavailable = |e: String| BackendError::Unavailable(format!("ONNX Runtime at {}: {e}", library.display()));
        let environment = match ENVIRONMENT.get() {
            Some(environment) => environment,
            None => {
                let builder = ort::init_from(library).map_err(|e| unavailable(e.to_string()))?;
                let environment = builder.with_telemetry(false).build().map_err(|e| unavailable(e.to_string()))?;
                ENVIRONMENT.get_or_init(|| environment)
            }
        };
        if cuda {
            if !CUDA::is_available().unwrap_or(false) {
                return Err(unavailable(cuda::without_provider()));
            }
            cuda::ready(library).map_err(unavailable)?;
        }
        Ok(OnnxRuntime { environment, cuda, library: library.display().to_string() })
    }

    /// A session for batches of `batch` rows; on a GPU `captured` has its work recorded as a CUDA graph.
    fn session(&self, graph: &Graph, batch: usize, captured: bool) -> Result<Session, BackendError> {
        let bytes = onnx::encode(graph, Batch::Fixed(batch));
        let task = "compile a graph";
        let mut builder = Session::builder(self.environment)
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::Level3)?))
            .and_then(|b| Ok(b.with_intra_threads(1)?))
            .map_err(|e| failed(task, &e))?;
        if self.cuda {
            let provider = CUDA::default().with_tf32(false).with_cuda_graph(captured).build().error_on_failure();
            builder = builder
                .with_execution_providers([provider])
                .map_err(|e| BackendError::Unavailable(cuda::does_not_start(&e.to_string())))?;
            if captured {
                // A node that only the CPU can run is an error, not a copy in every step.
                builder = builder.with_disable_cpu_fallback().map_err(|e| failed(task, &e))?;
            }
        }
        builder.commit_from_memory(&bytes).map_err(|e| failed_for(batch, task, &e))
    }
}

pub(super) fn failed(task: &'static str, error: &dyn std::fmt::Display) -> BackendError {
    BackendError::Failed { backend: "ONNX Runtime".into(), task, message: error.to_string() }
}

/// As [`failed`], for what needs memory for a batch.
pub(super) fn failed_for(batch: usize, task: &'static str, error: &dyn std::fmt::Display) -> BackendError {
    match error.to_string() {
        message if memory::is_out_of_memory(&message) => BackendError::OutOfMemory { batch, holds: None, message },
        _ => failed(task, error),
    }
}

pub(super) type Value = ort::value::Tensor<f32>;

fn allocate(shape: &[usize]) -> Result<Value, BackendError> {
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    Value::new(&Allocator::default(), shape).map_err(|e| failed("allocate a tensor", &e))
}

fn read(value: &Value) -> Tensor {
    let (shape, data) = value.extract_tensor();
    Tensor { shape: shape.iter().map(|&n| n as usize).collect(), data: data.to_vec() }
}

struct OrtProgram {
    session: Session,
    /// `bindings[k]` reads `state[k]` and writes `state[1 - k]`.
    bindings: [IoBinding; 2],
    state: [Vec<Value>; 2],
    /// Which set holds the present state.
    current: usize,
    inputs: Vec<(String, Value)>,
    outputs: Vec<Value>,
    batch: usize,
}

impl Backend for OnnxRuntime {
    fn name(&self) -> String {
        let device = if self.cuda { "CUDA" } else { "CPU" };
        format!("ONNX Runtime ({device}, {})", self.library)
    }

    fn shards(&self) -> bool {
        !self.cuda
    }

    fn identity(&self) -> String {
        // Branch and commit of the build, without the flags of the compiler.
        let build = ort::info().trim_start_matches("ORT Build Info: ");
        let build = build.split(", build type").next().unwrap_or(build);
        format!("ONNX Runtime ({}, {build})", if self.cuda { "CUDA" } else { "CPU" })
    }

    fn keeps_rows(&self) -> bool {
        self.cuda
    }

    fn compile_resident(
        &self,
        graph: &Graph,
        batch: usize,
        carried: usize,
        table: Tensor,
    ) -> Result<Box<dyn Resident>, BackendError> {
        let session = self.session(graph, batch, true)?;
        Ok(Box::new(onnx_resident::OrtResident::new(session, self.cuda, graph, batch, carried, &table)?))
    }

    fn compile(&self, graph: &Graph, batch: usize, carried: usize) -> Result<Box<dyn Program>, BackendError> {
        let session = self.session(graph, batch, false)?;
        let size = |d: &Dim| if let Dim::Size(n) = d { *n } else { batch };
        let shape_of = |id| graph.shape(id).iter().map(size).collect::<Vec<_>>();

        let mut inputs = Vec::new();
        for &id in graph.inputs() {
            let Op::Input(name) = &graph.node(id).op else { unreachable!("inputs are inputs") };
            inputs.push((name.clone(), allocate(&shape_of(id))?));
        }
        let rest = inputs.split_off(carried);
        let mut state = [Vec::new(), Vec::new()];
        for (_, value) in &inputs {
            for set in &mut state {
                let shape: Vec<usize> = value.shape().iter().map(|&n| n as usize).collect();
                set.push(allocate(&shape)?);
            }
        }
        let mut outputs = Vec::new();
        for (_, id) in &graph.outputs()[carried..] {
            outputs.push(allocate(&shape_of(*id))?);
        }
        let bind = |k: usize, state: &mut [Vec<Value>; 2], outputs: &mut [Value]| -> ort::Result<IoBinding> {
            let mut binding = session.create_binding()?;
            for ((name, _), value) in inputs.iter().zip(&state[k]) {
                binding.bind_input(name, value)?;
            }
            for (name, value) in &rest {
                binding.bind_input(name, value)?;
            }
            let written = state[1 - k].iter_mut().chain(outputs);
            for ((name, _), value) in graph.outputs().iter().zip(written) {
                binding.bind_output(name, value)?;
            }
            Ok(binding)
        };
        let mut bind = |k| bind(k, &mut state, &mut outputs).map_err(|e| failed("bind its tensors", &e));
        let bindings = [bind(0)?, bind(1)?];
        Ok(Box::new(OrtProgram { session, bindings, state, current: 0, inputs: rest, outputs, batch }))
    }
}

impl Program for OrtProgram {
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError> {
        for (target, value) in self.state[self.current].iter_mut().zip(&values) {
            target.extract_tensor_mut().1.copy_from_slice(&value.data);
        }
        Ok(())
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, BackendError> {
        let binding = &mut self.bindings[self.current];
        for ((name, target), value) in self.inputs.iter_mut().zip(inputs) {
            target.extract_tensor_mut().1.copy_from_slice(&value.data);
            // On a GPU binding copies the value over; on a CPU it only names the memory once more.
            binding.bind_input(name.as_str(), target).map_err(|e| failed("bind its inputs", &e))?;
        }
        let batch = self.batch;
        self.session.run_binding(binding).map_err(|e| failed_for(batch, "run a graph", &e))?;
        self.current = 1 - self.current;
        Ok(self.outputs.iter().map(read).collect())
    }

    fn carried_at(&mut self, place: usize) -> Result<Tensor, BackendError> {
        Ok(read(&self.state[self.current][place]))
    }

    fn carried(&mut self) -> Result<Vec<Tensor>, BackendError> {
        Ok(self.state[self.current].iter().map(read).collect())
    }
}
