//! Prints the made-up table of `docs/guide.md`: a pump, a row every ten seconds.
//!
//! `cargo run -p flow-table --example pump > pump.csv`, and with a number after `--` that many rows of another time.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

fn main() {
    let later: Option<usize> = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let mut rng = ChaCha8Rng::seed_from_u64(if later.is_some() { 1 } else { 0 });
    let mut uniform = || (rng.next_u32() >> 8) as f64 / f64::from(1 << 24);
    println!("time,load,flow,pressure,temperature,rotor_angle,alarms,firmware");
    let (mut load, mut idle, mut angle) = (0.5, false, 200.0);
    for i in 0..later.unwrap_or(6000) {
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        load += 0.02 * (0.5 - load) + 0.05 * normal();
        load = f64::clamp(load, 0.0, 1.0);
        let [a, b, c, d] = [normal(), normal(), normal(), normal()];
        // It stands still now and then, for two minutes or so.
        idle = if idle { uniform() < 0.92 } else { uniform() < 0.011 };
        angle = f64::rem_euclid(angle + 0.03 * (200.0 - angle) + 30.0 * d, 360.0);
        let flow = if idle { 0.0 } else { (0.5 + 2.0 * load + 0.1 * a).exp() };
        let pressure = ((2.0 + 1.2 * load + 0.15 * b) / 0.05).round() * 0.05;
        let temperature = 40.0 + 20.0 * load + 0.8 * c;
        let alarms = if uniform() < 0.8 { 0 } else { (8.0 * uniform() * uniform() * (1.0 + load)) as u32 };
        let time = 1_700_000_000 + 10 * i + if later.is_some() { 1_000_000 } else { 0 };
        println!("{time},{load:.3},{flow:.3},{pressure:.2},{temperature:.1},{angle:.1},{alarms},3");
    }
}
