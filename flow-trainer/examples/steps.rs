//! Training steps per second of each backend on the reference flows: 8 columns, batch 512, conditioners of 64×64.
//!
//! `cargo run --release -p flow-trainer --example steps`, or with `-- --device cuda` on a GPU alone, where the rows stay on the
//! device and a batch is 512 and 4096 rows ([docs/gpu.md](../../docs/gpu.md)).

use flow_model::flow::Flow;
use flow_model::models::{self, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use flow_table::Table;
use flow_trainer::backend::{Choice, Device, Tensor, choose};
use flow_trainer::resident::{LOG, ResidentSteps};
use flow_trainer::step::{Optimiser, initial_state, step_graph};
use std::time::Instant;

const DIM: usize = 8;

/// Rows of the table that lies on the device.
const ROWS: usize = 65_536;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cuda = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--device", "cuda"] => true,
        _ => return Err("expected nothing or --device cuda".into()),
    };
    let measure = if cuda { measure_cuda } else { measure };
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    measure("realnvp, 8 couplings", models::realnvp(&shape(8)))?;
    measure("nsf, 6 couplings of 8 bins", models::nsf(&shape(6)))?;
    measure("maf, 5 layers", models::maf(&shape(5)))?;
    measure("maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5)))
}

fn measure(name: &str, layers: Vec<Layer>) -> Result<(), Box<dyn std::error::Error>> {
    let (dim, batch, seconds) = (DIM, 512, 3.0);
    let flow = flow(layers)?;
    let graph = step_graph(&flow, &Optimiser::default());
    let needed = graph.needed().iter().filter(|&&n| n).count();
    println!("{name}: {} parameters, {needed} nodes, batch {batch}", flow.layout().total());
    for device in [Device::Cpu, Device::Tract] {
        let backend = choose(&Choice { device, ..Choice::default() }, &mut |line| println!("{line}"))?;
        let start = Instant::now();
        let mut program = backend.compile(&graph, batch, 6)?;
        let compiled = start.elapsed();
        program.set_carried(initial_state(&flow.layout().init(0)).map(Tensor::vector).to_vec())?;
        let inputs = [
            Tensor::vector(vec![1e-3]),
            Tensor::vector(vec![1e-2]),
            Tensor::matrix(dim, (0..batch * dim).map(value).collect()),
            Tensor::matrix(dim, vec![0.5; batch * dim]),
            Tensor::matrix(1, vec![1.0; batch]),
        ];
        let mut loss = program.run(&inputs)?[0].data[0];
        let (start, mut steps) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < seconds {
            loss = program.run(&inputs)?[0].data[0];
            steps += 1;
        }
        let rate = f64::from(steps) / start.elapsed().as_secs_f64();
        println!("{}: {rate:.0} steps/s, compiled in {compiled:.2?}, last loss {loss}", backend.name());
    }
    Ok(())
}

fn flow(layers: Vec<Layer>) -> Result<Flow, Box<dyn std::error::Error>> {
    let standard = Standard { center: 0.0, scale: 1.0, reach: 8.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..DIM).map(column).collect();
    Ok(Flow::new(FlowSpec::new(columns, Tails { knee: 4.0, rate: 9.0 }, layers, Base::Normal))?)
}

fn value(i: usize) -> f32 {
    ((i * 7919 % 10007) as f32 / 10007.0 - 0.5) * 3.0
}

fn measure_cuda(name: &str, layers: Vec<Layer>) -> Result<(), Box<dyn std::error::Error>> {
    let flow = flow(layers)?;
    let choice = Choice { device: Device::Cuda, ..Choice::default() };
    let backend = choose(&choice, &mut |line| println!("{line}"))?;
    let values: Vec<f32> = (0..ROWS * DIM).map(value).collect();
    let rows: Vec<&[f32]> = values.chunks(DIM).collect();
    let table = Table::from_rows("draws", (0..DIM).map(|j| format!("c{j}")).collect(), &rows)?;
    for batch in [512, 4096] {
        let start = Instant::now();
        let (mut steps, _) = ResidentSteps::new(&flow, backend.as_ref(), &Optimiser::default(), batch, &table)?;
        let compiled = start.elapsed();
        steps.set_state(&initial_state(&flow.layout().init(0)))?;
        let inputs = [
            Tensor::vector(vec![1e-3]),
            Tensor::vector(vec![1e-2]),
            Tensor::matrix(DIM, vec![0.5; batch * DIM]),
            Tensor::matrix(1, vec![1.0; batch]),
        ];
        let (mut taken, mut loss, mut start) = (0usize, f32::NAN, Instant::now());
        // The first reading is not measured: it covers the capture of both graphs.
        while taken < LOG || start.elapsed().as_secs_f64() < 3.0 {
            let index: Vec<i32> = (0..batch).map(|k| ((taken * batch + k) % ROWS) as i32).collect();
            if let Some(last) = steps.step(&index, &inputs)?.last() {
                loss = last.loss;
            }
            taken += 1;
            if taken == LOG {
                start = Instant::now();
            }
        }
        steps.read()?;
        let rate = (taken - LOG) as f64 / start.elapsed().as_secs_f64();
        println!(
            "{name}, batch {batch}, {}: {rate:.0} steps/s, compiled in {compiled:.2?}, last loss {loss}",
            backend.name()
        );
    }
    Ok(())
}
