//! A flow put together by hand: columns, bijections one after another, a base distribution; then its log-density, its
//! latent variable and its inverse, computed by the f64 interpreter.
//!
//! `cargo run -p flow-model --example compose`

use flow_model::flow::Flow;
use flow_model::graph::{Dim, Graph};
use flow_model::interpret::interpret;
use flow_model::onnx::{Batch, encode};
use flow_model::spec::{Base, Column, FlowSpec, Kind, Layer, Standard, Tails};
use flow_model::weights::Weights;
use ndarray::arr2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the table holds: a temperature and a count, standardised, with how far the training data reached.
    let columns = vec![
        Column::new(
            "temperature",
            Kind::Continuous { standard: Standard { center: 21.0, scale: 2.5, reach: 6.0 }, jitter: 0.0 },
        ),
        Column::new("count", Kind::Integer { standard: Standard { center: 40.5, scale: 8.0, reach: 6.0 } }),
    ];

    // The container: bijections in order, from data to latent variable. Each coupling moves one column; the swap in
    // between lets the other one move as well.
    let coupling = Layer::AffineCoupling { kept: 1, hidden: vec![16, 16], residual: false, scale_bound: 2.0 };
    let swap = Layer::Permutation { order: vec![1, 0] };
    let layers = vec![coupling.clone(), swap, coupling];

    let flow = Flow::new(FlowSpec::new(columns, Tails { knee: 4.0, rate: 14.0 }, layers, Base::Normal))?;
    let params = flow.layout().init(7);
    println!("{} columns, {} parameters", flow.columns(), flow.layout().total());

    // log p(x), in nats: density in degrees, mass in counts.
    let rows = arr2(&[[21.3f64, 38.0], [26.0, 60.0]]).into_dyn();
    let log_prob = &interpret(&flow.log_prob_graph(&params), std::slice::from_ref(&rows))[0];
    println!("log p: {log_prob:.4}");

    // The change of variables, piece by piece: log p(x) = log p(z) + log_det.
    let mut g = Graph::new();
    let x = g.input("x", &[Dim::Batch, Dim::Size(2)]);
    let weights = Weights::constant(&mut g, flow.layout(), &params);
    let latent = flow.to_latent(&mut g, &weights, x, None);
    g.output("z", latent.z);
    let z = &interpret(&g, std::slice::from_ref(&rows))[0];
    println!("z: {z:.4}");

    // Back through the inverse; counts come back as whole numbers.
    let back = &interpret(&flow.sample_graph(&params)?, std::slice::from_ref(z))[0];
    println!("x: {back:.4}");
    assert!((back - &rows).iter().all(|d| d.abs() < 1e-9), "the inverse undoes the flow");

    // The same description as a model that tract and ONNX Runtime run.
    println!("log_prob.onnx: {} bytes", encode(&flow.log_prob_graph(&params), Batch::Symbolic).len());
    Ok(())
}

#[test]
fn the_example_runs() {
    main().unwrap();
}
