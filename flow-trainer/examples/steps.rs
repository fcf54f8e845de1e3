//! Training steps per second of each backend on the reference flows: 8 columns, batch 512, conditioners of 64×64.
//!
//! `cargo run --release -p flow-trainer --example steps`

use flow_model::flow::Flow;
use flow_model::models::{self, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use flow_trainer::backend::{Choice, Device, Tensor, choose};
use flow_trainer::step::{Optimiser, initial_state, step_graph};
use std::time::Instant;

const DIM: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    measure("realnvp, 8 couplings", models::realnvp(&shape(8)))?;
    measure("nsf, 6 couplings of 8 bins", models::nsf(&shape(6)))?;
    measure("maf, 5 layers", models::maf(&shape(5)))?;
    measure("maf-rqs, 5 layers of 8 bins", models::maf_rqs(&shape(5)))
}

fn measure(name: &str, layers: Vec<Layer>) -> Result<(), Box<dyn std::error::Error>> {
    let (dim, batch, seconds) = (DIM, 512, 3.0);
    let standard = Standard { center: 0.0, scale: 1.0, reach: 8.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 0.0 });
    let columns = (0..dim).map(column).collect();
    let flow = Flow::new(FlowSpec::new(columns, Tails { knee: 4.0, rate: 9.0 }, layers, Base::Normal))?;
    let graph = step_graph(&flow, &Optimiser::default());
    let needed = graph.needed().iter().filter(|&&n| n).count();
    println!("{name}: {} parameters, {needed} nodes, batch {batch}", flow.layout().total());
    for device in [Device::Cpu, Device::Tract] {
        let backend = choose(&Choice { device, ..Choice::default() }, &mut |line| println!("{line}"))?;
        let start = Instant::now();
        let mut program = backend.compile(&graph, batch, 6)?;
        let compiled = start.elapsed();
        program.set_carried(initial_state(&flow.layout().init(0)).map(Tensor::vector).to_vec())?;
        let value = |i: usize| ((i * 7919 % 10007) as f32 / 10007.0 - 0.5) * 3.0;
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
