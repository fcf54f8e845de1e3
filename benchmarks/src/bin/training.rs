//! A worker: training steps of the reference flows by one of the trainer's backends: `training cpu` or `training tract`.

use flow_benchmarks::reference::{self, DIM};
use flow_benchmarks::worker::{Call, serve, tract_version};
use flow_trainer::backend::{Choice, Device, Tensor, choose};
use flow_trainer::step::{Optimiser, initial_state};
use flow_trainer::stepper::Stepper;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let device = match std::env::args().nth(1).as_deref() {
        Some("cpu") => Device::Cpu,
        Some("tract") => Device::Tract,
        _ => return Err("expected cpu or tract".into()),
    };
    let backend = choose(&Choice { device, offline: true, ..Choice::default() }, &mut |line| eprintln!("{line}"))?;
    // The processors that it may use.
    let threads = std::thread::available_parallelism()?.get();
    let mut figures: Vec<(String, Call)> = Vec::new();
    for (name, batch) in [("realnvp", 512), ("nsf", 512), ("realnvp", 4096)] {
        let flow = reference::flow(name)?;
        let mut stepper = Stepper::new(&flow, &*backend, &Optimiser::default(), batch, threads)?;
        stepper.set_state(&initial_state(&flow.layout().init(0)))?;
        let rates = [1e-3, 1e-2].map(|rate| Tensor::vector(vec![rate]));
        let rows = vec![
            Tensor::matrix(DIM, reference::rows(batch)),
            Tensor::matrix(DIM, vec![0.5; batch * DIM]),
            Tensor::matrix(1, vec![1.0; batch]),
        ];
        let call = move || {
            let loss = stepper.step(rates.clone(), rows.clone())?.loss;
            if loss.is_finite() { Ok(()) } else { Err("the loss is not finite".into()) }
        };
        figures.push((format!("{name}-{batch}"), Box::new(call)));
    }
    let runtime = match device {
        Device::Tract => format!("tract_{}", tract_version()),
        // Its library is named after its version; where that lies is nobody's business.
        _ => format!("ONNX_Runtime_{}", backend.name().rsplit(".so.").next().unwrap_or_default().trim_end_matches(')')),
    };
    serve(&format!("{}_with_{runtime}", env!("CARGO_PKG_VERSION")), &mut figures)
}
