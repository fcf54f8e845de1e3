//! The drift detector against its promise, and against a CUSUM that knows the change.
//!
//! `cargo test -p flow-export --test drift -- --nocapture` prints the figures that `docs/detection.md` states.

use flow_export::calibration::Calibrated;
use flow_nostd::Drift;
use rand_core::Rng;
use rand_pcg::Pcg64;
use std::f64::consts::TAU;

/// Rows between two false alarms, as they are asked for.
const ASKED: f64 = 500.0;
/// A run is cut off there: its mean can only become smaller by that.
const LONGEST: usize = 50_000;

/// Draws a log-density.
type Draw = fn(&mut Pcg64) -> f64;

fn uniform(rng: &mut Pcg64) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

fn normal(rng: &mut Pcg64) -> f64 {
    (-2.0 * uniform(rng).ln()).sqrt() * (TAU * uniform(rng)).cos()
}

/// Minus the log-density, but for a constant, of eight standard normal columns of which the first is shifted.
fn energy(shift: f64, rng: &mut Pcg64) -> f64 {
    let first = normal(rng) + shift;
    0.5 * (first * first + (1..8).map(|_| normal(rng).powi(2)).sum::<f64>())
}

/// The share of rows without a shift that have at least this energy.
fn p_of_energy(e: f64) -> f64 {
    (-e).exp() * (1.0 + e + e * e / 2.0 + e * e * e / 6.0)
}

/// Rows until the detector's level reaches `asked`, `ln p` of each from `next`.
fn rows_to_alarm(asked: f64, mut next: impl FnMut() -> f64) -> usize {
    let mut drift = Drift::new();
    (1..LONGEST).find(|_| f64::from(drift.push(next() as f32)) >= asked).unwrap_or(LONGEST)
}

fn mean(values: impl ExactSizeIterator<Item = usize>) -> f64 {
    let count = values.len() as f64;
    values.sum::<usize>() as f64 / count
}

#[test]
fn with_honest_p_values_false_alarms_are_as_rare_as_asked() {
    let mut rng = Pcg64::new(1, 2);
    let exact = mean((0..1000).map(|_| rows_to_alarm(ASKED, || p_of_energy(energy(0.0, &mut rng)).ln())));
    // Rows that take one of four values: p is a step, and never too small.
    let coarse = mean((0..1000).map(|_| rows_to_alarm(ASKED, || ((uniform(&mut rng) * 4.0).ceil() / 4.0).ln())));
    // One usual row in a thousand is as odd as can be.
    let heavy = mean((0..1000).map(|_| {
        rows_to_alarm(ASKED, || match uniform(&mut rng) {
            p if p < 1e-3 => 1e-3f64.ln(),
            p => p.ln(),
        })
    }));
    println!(
        "{ASKED} rows asked for: {exact:.0} continuous, {coarse:.0} of four values, {heavy:.0} with an atom at the end"
    );
    for found in [exact, coarse, heavy] {
        assert!(found >= ASKED, "{found} rows between false alarms");
    }
}

#[test]
fn what_calibrations_and_neighbours_do_to_it() {
    let mut rng = Pcg64::new(3, 4);
    let draws: [(&str, Draw); 3] = [
        ("eight normal columns", |rng| -energy(0.0, rng)),
        ("a heavy tail", |rng| -uniform(rng).powf(-1.0 / 3.0)),
        ("whole numbers", |rng| -energy(0.0, rng).round()),
    ];
    for (name, draw) in draws {
        for rows in [500, 5000] {
            let runs: Vec<usize> = (0..50)
                .flat_map(|_| {
                    let usual: Vec<f32> = (0..rows).map(|_| draw(&mut rng) as f32).collect();
                    let calibrated = Calibrated::of(&usual, None);
                    let run = |rng: &mut Pcg64| rows_to_alarm(ASKED, || f64::from(calibrated.ln_p(draw(rng) as f32)));
                    (0..20).map(|_| run(&mut rng)).collect::<Vec<_>>()
                })
                .collect();
            let found = mean(runs.iter().copied());
            println!("{name}, {rows} calibration rows: {found:.0} rows for {ASKED}");
            assert!(found >= ASKED, "{name}, {rows} calibration rows: {found} rows between false alarms");
        }
    }
    for correlation in [0.5f64, 0.9] {
        let runs = (0..1000).map(|_| {
            let mut columns: [f64; 8] = std::array::from_fn(|_| normal(&mut rng));
            rows_to_alarm(ASKED, || {
                let noise = (1.0 - correlation * correlation).sqrt();
                columns.iter_mut().for_each(|x| *x = correlation * *x + noise * normal(&mut rng));
                p_of_energy(0.5 * columns.iter().map(|x| x * x).sum::<f64>()).ln()
            })
        });
        // The limit that the docs state: odd rows come in runs.
        let found = mean(runs);
        println!("neighbours that correlate by {correlation}: {found:.0} rows for {ASKED}");
        assert!(found < ASKED, "{found} rows: the promise is kept where the docs say that it is not");
    }
}

/// The logarithm of how much more probable an energy is with a shift than without: that of the non-central over the
/// central chi-square density of eight degrees of freedom.
fn log_ratio(shift: f64, e: f64) -> f64 {
    let x = shift * shift * 2.0 * e / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 0..200 {
        term *= x / ((f64::from(k) + 1.0) * (f64::from(k) + 4.0));
        sum += term;
        if term < 1e-12 * sum {
            break;
        }
    }
    sum.ln() - 0.5 * shift * shift
}

fn cusum(shift: f64, threshold: f64, happens: f64, rng: &mut Pcg64) -> usize {
    let mut sum = 0.0f64;
    let step = |sum: f64, rng: &mut Pcg64| sum.max(0.0) + log_ratio(shift, energy(happens, rng));
    (1..LONGEST)
        .find(|_| {
            sum = step(sum, rng);
            sum >= threshold
        })
        .unwrap_or(LONGEST)
}

#[test]
fn a_shift_of_one_column_is_found_within_twice_the_rows_of_a_tuned_cusum() {
    let mut rng = Pcg64::new(5, 6);
    for shift in [1.0, 2.0] {
        // The threshold with the same time between false alarms as the detector is asked for.
        let (mut low, mut high) = (0.0, 10.0);
        for _ in 0..9 {
            let middle = 0.5 * (low + high);
            let found = mean((0..300).map(|_| cusum(shift, middle, 0.0, &mut rng)));
            if found < ASKED { low = middle } else { high = middle }
        }
        let tuned = mean((0..1000).map(|_| cusum(shift, high, shift, &mut rng)));
        let ours = mean((0..1000).map(|_| rows_to_alarm(ASKED, || p_of_energy(energy(shift, &mut rng)).ln())));
        println!("shift {shift}: {ours:.1} rows, a CUSUM of the same log-densities tuned to it {tuned:.1}");
        assert!(ours <= 2.0 * tuned, "shift {shift}: {ours} rows, the CUSUM {tuned}");
    }
}
