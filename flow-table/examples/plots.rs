//! Draws every kind of plot from built-in sets: `cargo run -p flow-table --example plots -- FOLDER`.

use flow_table::plot::{Curve, histogram, loss_curves, pair_plot, plane};
use flow_table::{Table, atomic, builtin};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("say the folder to draw into")?;
    let save = |name: &str, svg: String| atomic::write_atomic(format!("{folder}/{name}.svg"), svg.as_bytes());

    let decay = |epoch: f64, floor: f64, speed: f64| floor + 6.0 * (-epoch / speed).exp() + 1.2 / (1.0 + epoch / 4.0);
    let ripple = |epoch: f64, depth: f64| depth * ((epoch * 12.9).sin() * 43_758.5).fract();
    let training: Vec<_> = (1..=80).map(f64::from).map(|e| (e, decay(e, 0.24, 3.0))).collect();
    let validation: Vec<_> =
        (1..=80).map(f64::from).map(|e| (e, decay(e, 0.27, 3.0) + ripple(e, 0.03) + e * 0.0012)).collect();
    let best = validation.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let curves = [Curve { name: "training", points: &training }, Curve { name: "validation", points: &validation }];
    save("loss", loss_curves("Negative log-likelihood", "nats a row", &curves, best))?;

    for name in builtin::names() {
        let [data, samples] = [1, 2].map(|seed| builtin::generate(name, 8000, seed).expect("a built-in set"));
        let svg = if builtin::log_density(name, 0.0, 0.0).is_some() {
            let mut density = |points: &[[f32; 2]]| -> Vec<f64> {
                points.iter().filter_map(|p| builtin::log_density(name, p[0].into(), p[1].into())).collect()
            };
            plane(name, &data, &samples, Some(&mut density))
        } else {
            plane(name, &data, &samples, None)
        };
        save(name, svg)?;
    }

    let sensors = [3, 4].map(readings);
    save("pairs", pair_plot("Readings", &sensors[0], &sensors[1], &[0, 1, 2, 3, 4]))?;
    save("pairs-2", pair_plot("Two readings", &sensors[0], &sensors[1], &[1, 2]))?;

    let normal: Vec<f64> = sensors[0].column(1).map(|v| f64::from(v).abs() * -2.0).collect();
    let mut odd: Vec<f64> = sensors[1].column(1).take(300).map(|v| f64::from(v).abs() * -5.0 - 4.0).collect();
    odd.extend([-1e5, -2e6]);
    save("log-prob", histogram("Test rows", "log_prob, nats", &[("normal", &normal), ("anomaly", &odd)]))?;
    Ok(())
}

/// Five made-up sensor columns of different shapes and units.
fn readings(seed: u64) -> Table {
    let [moons, eight, rings] =
        ["two-moons", "eight-gaussians", "rings"].map(|name| builtin::generate(name, 6000, seed).expect("a set"));
    let rows: Vec<[f32; 5]> = (0..6000)
        .map(|i| {
            let (m, e, r) = (moons.row(i), eight.row(i), rings.row(i));
            [
                20.0 + 8.0 * m[0],
                m[1] + 0.2 * e[0],
                (40.0 + 6.0 * e[1] + 3.0 * r[0]).round(),
                1e6 * r[1] + 3e5 * e[0],
                (r[0] * r[0]).floor(),
            ]
        })
        .collect();
    let names = ["temperature", "vibration", "adc_counts", "pressure_pa", "retries"].map(str::to_owned).to_vec();
    Table::from_rows("readings", names, &rows).expect("a table")
}
