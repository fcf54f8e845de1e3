//! A worker: log-densities of the reference flows by tract, from `log_prob.onnx`.

use flow_benchmarks::reference::{self, DIM};
use flow_benchmarks::worker::{Call, serve};
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
    serve(version(), &mut figures)
}

/// That of the workspace's lock file; the crate does not tell its own.
fn version() -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let after = lock.split("name = \"tract-onnx\"\nversion = \"").nth(1);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("unknown")
}
