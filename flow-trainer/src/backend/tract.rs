//! tract: pure Rust, compiled in, needs nothing on the machine.

use super::{Backend, BackendError, Program, Tensor};
use flow_model::graph::Graph;
use flow_model::onnx::{self, Batch};
use std::sync::Arc;
use tract_onnx::prelude::*;

/// The tract backend.
#[derive(Debug)]
pub struct Tract;

struct TractProgram {
    plan: Arc<TypedRunnableModel>,
    carried: TVec<TValue>,
    carried_count: usize,
}

fn failed(task: &'static str) -> impl Fn(TractError) -> BackendError {
    move |error| BackendError::Failed { backend: "tract".into(), task, message: format!("{error:#}") }
}

impl Backend for Tract {
    fn name(&self) -> String {
        "tract (CPU, compiled in)".into()
    }

    fn compile(&self, graph: &Graph, batch: usize, carried: usize) -> Result<Box<dyn Program>, BackendError> {
        let bytes = onnx::encode(graph, Batch::Fixed(batch));
        let compile = || tract_onnx::onnx().model_for_read(&mut &*bytes)?.into_optimized()?.into_runnable();
        let plan = compile().map_err(failed("compile a graph"))?;
        Ok(Box::new(TractProgram { plan, carried: tvec![], carried_count: carried }))
    }
}

impl Program for TractProgram {
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError> {
        assert_eq!(values.len(), self.carried_count, "number of carried values");
        self.carried = values.iter().map(to_tract).collect::<TractResult<_>>().map_err(failed("take its state"))?;
        Ok(())
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, BackendError> {
        let given = inputs.iter().map(to_tract).collect::<TractResult<TVec<_>>>().map_err(failed("take its inputs"))?;
        let all = std::mem::take(&mut self.carried).into_iter().chain(given).collect();
        let mut outputs = self.plan.run(all).map_err(failed("run a graph"))?;
        let rest = outputs.drain(self.carried_count..).collect::<Vec<_>>();
        self.carried = outputs;
        rest.iter().map(from_tract).collect::<TractResult<_>>().map_err(failed("give its outputs"))
    }

    fn carried(&mut self) -> Result<Vec<Tensor>, BackendError> {
        self.carried.iter().map(from_tract).collect::<TractResult<_>>().map_err(failed("give its state"))
    }
}

fn to_tract(tensor: &Tensor) -> TractResult<TValue> {
    Ok(tract_onnx::prelude::Tensor::from_shape(&tensor.shape, &tensor.data)?.into_tvalue())
}

fn from_tract(value: &TValue) -> TractResult<Tensor> {
    let view = value.to_plain_array_view::<f32>()?;
    Ok(Tensor { shape: view.shape().to_vec(), data: view.iter().copied().collect() })
}
