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
    /// Not as values, which are counted without regard to threads.
    carried: Vec<tract_onnx::prelude::Tensor>,
    carried_count: usize,
}

fn failed(task: &'static str) -> impl Fn(TractError) -> BackendError {
    move |error| BackendError::Failed { backend: "tract".into(), task, message: format!("{error:#}") }
}

impl Backend for Tract {
    fn name(&self) -> String {
        "tract (CPU, compiled in)".into()
    }

    fn identity(&self) -> String {
        "tract".into()
    }

    fn compile(&self, graph: &Graph, batch: usize, carried: usize) -> Result<Box<dyn Program>, BackendError> {
        Ok(program(plan(graph, batch)?, carried))
    }

    fn compile_several(
        &self,
        graph: &Graph,
        batch: usize,
        programs: usize,
    ) -> Result<Vec<Box<dyn Program>>, BackendError> {
        let plan = plan(graph, batch)?;
        Ok((0..programs).map(|_| program(Arc::clone(&plan), 0)).collect())
    }
}

fn plan(graph: &Graph, batch: usize) -> Result<Arc<TypedRunnableModel>, BackendError> {
    let bytes = onnx::encode(graph, Batch::Fixed(batch));
    let compile = || tract_onnx::onnx().model_for_read(&mut &*bytes)?.into_optimized()?.into_runnable();
    compile().map_err(failed("compile a graph"))
}

fn program(plan: Arc<TypedRunnableModel>, carried: usize) -> Box<dyn Program> {
    Box::new(TractProgram { plan, carried: Vec::new(), carried_count: carried })
}

impl Program for TractProgram {
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError> {
        assert_eq!(values.len(), self.carried_count, "number of carried values");
        self.carried = values.iter().map(to_tract).collect::<TractResult<_>>().map_err(failed("take its state"))?;
        Ok(())
    }

    fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, BackendError> {
        let given = inputs.iter().map(to_tract).collect::<TractResult<Vec<_>>>().map_err(failed("take its inputs"))?;
        let all = std::mem::take(&mut self.carried).into_iter().chain(given).map(IntoTValue::into_tvalue).collect();
        let mut outputs = self.plan.run(all).map_err(failed("run a graph"))?;
        let rest = outputs.drain(self.carried_count..).collect::<Vec<_>>();
        self.carried = outputs.into_iter().map(TValue::into_tensor).collect();
        rest.iter().map(|value| from_tract(value)).collect::<TractResult<_>>().map_err(failed("give its outputs"))
    }

    fn carried(&mut self) -> Result<Vec<Tensor>, BackendError> {
        self.carried.iter().map(from_tract).collect::<TractResult<_>>().map_err(failed("give its state"))
    }

    fn carried_at(&mut self, place: usize) -> Result<Tensor, BackendError> {
        from_tract(&self.carried[place]).map_err(failed("give its state"))
    }
}

fn to_tract(tensor: &Tensor) -> TractResult<tract_onnx::prelude::Tensor> {
    tract_onnx::prelude::Tensor::from_shape(&tensor.shape, &tensor.data)
}

fn from_tract(value: &tract_onnx::prelude::Tensor) -> TractResult<Tensor> {
    let view = value.to_plain_array_view::<f32>()?;
    Ok(Tensor { shape: view.shape().to_vec(), data: view.iter().copied().collect() })
}
