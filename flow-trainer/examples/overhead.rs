//! What a training step costs, on one thread and on all, beside the whole batch as one graph, and what the loop around it
//! costs: the share of its time that goes into making the inputs. All of it interleaved, so that another load on the machine
//! falls on all alike. Reference flows: 8 columns,
//! conditioners of 64×64.
//!
//! `cargo run --release -p flow-trainer --example overhead`

use flow_model::flow::Flow;
use flow_model::models::{self, Shape};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use flow_table::Table;
use flow_trainer::backend::{Choice, Device, Tensor, choose};
use flow_trainer::batch::Batches;
use flow_trainer::random::{Purpose, normals, permutation};
use flow_trainer::step::{Optimiser, STATE, initial_state, step_graph};
use flow_trainer::stepper::Stepper;
use flow_trainer::train::Settings;
use std::time::{Duration, Instant};

const DIM: usize = 8;
const ROWS: usize = 16_384;
/// Time for each measurement.
const LONG: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shape = |layers| Shape { lines: DIM, layers, hidden: vec![64, 64], ..Shape::default() };
    let all = std::thread::available_parallelism()?.get();
    for (name, layers) in [
        ("realnvp, 8 couplings", models::realnvp(&shape(8))),
        ("nsf, 6 couplings of 8 bins", models::nsf(&shape(6))),
        ("maf, 5 layers", models::maf(&shape(5))),
    ] {
        for batch in [512, 4096] {
            for device in [Device::Cpu, Device::Tract] {
                for threads in [1, all] {
                    measure(name, layers.clone(), batch, device, threads)?;
                }
            }
        }
    }
    Ok(())
}

fn measure(
    name: &str,
    layers: Vec<Layer>,
    batch: usize,
    device: Device,
    threads: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let standard = Standard { center: 0.0, scale: 1.0, reach: 8.0 };
    let column = |j| Column::new(&format!("c{j}"), Kind::Continuous { standard, jitter: 1e-3 });
    let columns = (0..DIM).map(column).collect();
    let flow = Flow::new(FlowSpec::new(columns, Tails { knee: 4.0, rate: 9.0 }, layers, Base::Normal))?;
    let values = normals(0, Purpose::Samples, 0, ROWS * DIM, 1);
    let rows: Vec<&[f32]> = values.chunks(DIM).collect();
    let names = (0..DIM).map(|j| format!("c{j}")).collect();
    let table = Table::from_rows("draws", names, &rows)?;
    let settings = Settings { smoothing: 0.1, ..Settings::for_rows(ROWS, Some(batch), None, 0) };
    let backend = choose(&Choice { device, ..Choice::default() }, &mut |line| println!("{line}"))?;
    let optimiser = Optimiser { smoothing: settings.smoothing, ..Optimiser::default() };
    let mut stepper = Stepper::new(&flow, backend.as_ref(), &optimiser, batch, threads)?;
    let batches = Batches::new(&flow, &table, &settings, stepper.graph(), stepper.threads());
    let state = initial_state(&flow.layout().init(0));
    stepper.set_state(&state)?;
    let mut whole = backend.compile(&step_graph(&flow, &optimiser), batch, STATE)?;
    whole.set_carried(state.map(Tensor::vector).to_vec())?;

    let (mut making, mut stepping, mut in_one, mut steps, mut first) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0usize, None);
    'measure: for epoch in 1.. {
        let start = Instant::now();
        let order = permutation(0, Purpose::Shuffle, epoch, ROWS);
        making += start.elapsed();
        for rows in order.chunks(batch) {
            let start = Instant::now();
            let (rates, rows) = (batches.rates(steps), batches.rows(rows, steps));
            let made = Instant::now();
            let inputs = [&rates[..], &rows].concat();
            let copied = Instant::now();
            stepper.step(rates, rows)?;
            first.get_or_insert_with(|| begin.elapsed());
            (making, stepping, steps) = (making + (made - start), stepping + copied.elapsed(), steps + 1);
            let start = Instant::now();
            whole.run(&inputs)?;
            in_one += start.elapsed();
            if making + stepping > LONG {
                break 'measure;
            }
        }
    }
    println!(
        "{name}, batch {batch}, {device:?}, {} threads: {:.1} steps/s, in one piece {:.1}; inputs {:.1} % of a step; first step \
         after {:.2?}",
        stepper.threads(),
        steps as f64 / stepping.as_secs_f64(),
        steps as f64 / in_one.as_secs_f64(),
        100.0 * making.as_secs_f64() / stepping.as_secs_f64(),
        first.unwrap_or_default()
    );
    Ok(())
}
