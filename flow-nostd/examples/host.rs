//! Scores rows and draws samples with the engine that a device runs: `cargo run -p flow-nostd --example host`.
#![allow(missing_docs)]

use flow_nostd::Flow;
use rand_core::SeedableRng;
use rand_pcg::Pcg32;
use std::error::Error;

// Your own is "model.flow", beside this file.
flow_nostd::include_flow!(mod model = "../../spec/example.flow");

fn main() -> Result<(), Box<dyn Error>> {
    let flow = Flow::new(model::BYTES)?;
    let mut scratch = [0.0; model::SCRATCH];
    flow.self_test(&mut scratch)?;
    println!("model {}", flow.model_id_hex());

    let names: Vec<&str> = (0..flow.columns()).filter_map(|j| flow.value_name(j)).collect();
    println!("log_prob {}", names.join(" "));
    for row in [[1.25, 3.0, 17.0, -30.0], [90.0, 2.0, -5.0, 0.0]] {
        println!("{:.2} {row:?}", flow.log_prob(&row, &[], &mut scratch)?);
    }

    let mut rng = Pcg32::seed_from_u64(1);
    let mut row = vec![0.0; flow.columns()];
    for _ in 0..3 {
        flow.sample(&mut rng, &[], &mut row, &mut scratch)?;
        println!("sample {row:?}");
    }
    Ok(())
}
