//! Writes the reference flows' `log_prob.onnx` into the folder that is named: `realnvp.onnx`, `nsf.onnx`.

use flow_benchmarks::reference;
use flow_model::onnx::{Batch, encode};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args_os().nth(1).ok_or("expected a folder")?);
    for name in reference::NAMES {
        let flow = reference::flow(name)?;
        let graph = flow.log_prob_graph(&flow.layout().init(0));
        std::fs::write(out.join(name).with_extension("onnx"), encode(&graph, Batch::Symbolic))?;
    }
    Ok(())
}
