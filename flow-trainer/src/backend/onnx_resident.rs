//! A step in ONNX Runtime that keeps the training rows where it runs.
//!
//! Every tensor has one address for good: two sets of carried tensors, the table, and a place for each input that changes. Two
//! bindings go to and fro between the sets, so that a run can be repeated without harm. On a GPU each binding has a CUDA
//! graph of its own (`gpu_graph_id`), which ONNX Runtime captures in the binding's first run and replays from then on.

use super::onnx_runtime::{Value, failed, failed_for};
use super::{BackendError, Resident, Tensor};
use flow_model::graph::{Dim, Graph, NodeId, Op};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, NoSelectedOutputs, RunOptions, Session};

/// A step with everything that it reads and writes.
pub(super) struct OrtResident {
    // Dropped before the tensors that they name.
    bindings: [IoBinding; 2],
    options: [RunOptions<NoSelectedOutputs>; 2],
    session: Session,
    /// `bindings[k]` reads `state[k]` and writes `state[1 - k]`.
    state: [Vec<Value>; 2],
    current: usize,
    _table: Value,
    index: Slot<i32>,
    inputs: Vec<Slot<f32>>,
    batch: usize,
}

/// A tensor that the step reads, and one on the host that is copied over it.
struct Slot<T: ort::value::PrimitiveTensorElementType + std::fmt::Debug> {
    bound: ort::value::Tensor<T>,
    /// None where the step reads the host's memory.
    host: Option<ort::value::Tensor<T>>,
}

impl OrtResident {
    pub(super) fn new(
        session: Session,
        cuda: bool,
        graph: &Graph,
        batch: usize,
        carried: usize,
        table: &Tensor,
    ) -> Result<Self, BackendError> {
        let place = if cuda {
            let memory = MemoryInfo::new(AllocationDevice::CUDA, 0, AllocatorType::Device, MemoryType::Default);
            memory.and_then(|memory| Allocator::new(&session, memory)).map_err(|e| failed("reach the device", &e))?
        } else {
            Allocator::default()
        };
        let size = |d: &Dim| if let Dim::Size(n) = d { *n as i64 } else { batch as i64 };
        let shape = |id: NodeId| graph.shape(id).iter().map(size).collect::<Vec<i64>>();
        let room = |id| Value::new(&place, shape(id)).map_err(|e| failed_for(batch, "allocate a tensor", &e));
        let given = graph.inputs();
        let set = || given[..carried].iter().map(|&id| room(id)).collect::<Result<Vec<_>, _>>();
        let mut state = [set()?, set()?];
        let mut on_device = room(given[carried])?;
        write(&mut on_device, &table.data, cuda, batch)?;
        let index = Slot::new(&place, shape(given[carried + 1]), cuda, batch)?;
        let rest = given[carried + 2..].iter().map(|&id| Slot::new(&place, shape(id), cuda, batch));
        let inputs = rest.collect::<Result<Vec<_>, _>>()?;

        let name = |id: NodeId| match &graph.node(id).op {
            Op::Input(name) | Op::Index(name) => name.as_str(),
            other => unreachable!("inputs are inputs, not {other:?}"),
        };
        let mut bind = |k: usize| -> ort::Result<IoBinding> {
            let mut binding = session.create_binding()?;
            for (&id, value) in given.iter().zip(state[k].iter().chain([&on_device])) {
                binding.bind_input(name(id), value)?;
            }
            binding.bind_input(name(given[carried + 1]), &index.bound)?;
            for (&id, slot) in given[carried + 2..].iter().zip(&inputs) {
                binding.bind_input(name(id), &slot.bound)?;
            }
            for ((name, _), value) in graph.outputs().iter().zip(&mut state[1 - k]) {
                binding.bind_output(name, value)?;
            }
            Ok(binding)
        };
        let mut bind = |k| bind(k).map_err(|e| failed("bind its tensors", &e));
        let bindings = [bind(0)?, bind(1)?];
        let option = |graph: &str| -> ort::Result<_> {
            let mut options = RunOptions::new()?;
            if cuda {
                options.set("gpu_graph_id", graph)?;
            }
            Ok(options)
        };
        let option = |graph| option(graph).map_err(|e| failed("number its graphs", &e));
        let options = [option("1")?, option("2")?];
        Ok(OrtResident { bindings, options, session, state, current: 0, _table: on_device, index, inputs, batch })
    }

    fn on_device(&self) -> bool {
        self.index.host.is_some()
    }
}

impl<T> Slot<T>
where
    T: ort::value::PrimitiveTensorElementType + std::fmt::Debug + Clone + Copy,
{
    fn new(place: &Allocator, shape: Vec<i64>, cuda: bool, batch: usize) -> Result<Self, BackendError> {
        let room = |place: &Allocator| {
            ort::value::Tensor::<T>::new(place, shape.clone()).map_err(|e| failed_for(batch, "allocate a tensor", &e))
        };
        let host = if cuda { Some(room(&Allocator::default())?) } else { None };
        Ok(Slot { bound: room(place)?, host })
    }

    fn write(&mut self, data: &[T], batch: usize) -> Result<(), BackendError> {
        match &mut self.host {
            None => self.bound.extract_tensor_mut().1.copy_from_slice(data),
            Some(host) => {
                host.extract_tensor_mut().1.copy_from_slice(data);
                host.copy_into(&mut self.bound).map_err(|e| failed_for(batch, "copy to the device", &e))?;
            }
        }
        Ok(())
    }
}

fn write(target: &mut Value, data: &[f32], cuda: bool, batch: usize) -> Result<(), BackendError> {
    if !cuda {
        target.extract_tensor_mut().1.copy_from_slice(data);
        return Ok(());
    }
    let shape: Vec<i64> = target.shape().to_vec();
    let mut host = Value::new(&Allocator::default(), shape).map_err(|e| failed("allocate a tensor", &e))?;
    host.extract_tensor_mut().1.copy_from_slice(data);
    host.copy_into(target).map_err(|e| failed_for(batch, "copy to the device", &e))
}

impl Resident for OrtResident {
    fn set_carried(&mut self, values: Vec<Tensor>) -> Result<(), BackendError> {
        let cuda = self.on_device();
        for (target, value) in self.state[self.current].iter_mut().zip(&values) {
            write(target, &value.data, cuda, self.batch)?;
        }
        Ok(())
    }

    fn step(&mut self, index: &[i32], inputs: &[Tensor]) -> Result<(), BackendError> {
        self.index.write(index, self.batch)?;
        for (slot, value) in self.inputs.iter_mut().zip(inputs) {
            slot.write(&value.data, self.batch)?;
        }
        let k = self.current;
        let ran = self.session.run_binding_with_options(&self.bindings[k], &self.options[k]);
        ran.map_err(|e| failed_for(self.batch, "run a graph", &e))?;
        self.current = 1 - k;
        Ok(())
    }

    fn carried_at(&mut self, place: usize) -> Result<Tensor, BackendError> {
        let value = &self.state[self.current][place];
        let shape: Vec<usize> = value.shape().iter().map(|&n| n as usize).collect();
        if !self.on_device() {
            return Ok(Tensor { shape, data: value.extract_tensor().1.to_vec() });
        }
        let host = value.to(AllocationDevice::CPU, 0).map_err(|e| failed("read from the device", &e))?;
        Ok(Tensor { shape, data: host.extract_tensor().1.to_vec() })
    }
}
