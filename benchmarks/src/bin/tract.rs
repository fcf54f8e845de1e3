//! A worker: log-densities of the reference flows by tract, from `log_prob.onnx`.

use flow_benchmarks::reference::{self, DIM};
use flow_benchmarks::worker::{Call, serve, tract_version};
use flow_model::onnx::{Batch, encode};
use std::error::Error;
use std::hint::black_box;
use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let mut figures: Vec<(String, Call)> = Vec::new();
    for name in reference::NAMES {
        let flow = reference::flow(name)?;
        for batch in [1, 4096] {
            let bytes = encode(&flow.log_prob_graph(&flow.layout().init(0)), Batch::Fixed(batch));
            let plan = tract_onnx::onnx().model_for_read(&mut &*bytes)?.into_optimized()?.into_runnable()?;
            let rows = Tensor::from_shape(&[batch, DIM], &reference::rows(batch))?.into_tvalue();
            let call = move || {
                black_box(plan.run(tvec![black_box(rows.clone())])?);
                Ok(())
            };
            figures.push((format!("{name}-{batch}"), Box::new(call)));
        }
    }
    serve(tract_version(), &mut figures)
}
