//! Built-in two-dimensional sets, by name, for first steps, tests and benchmarks.
//!
//! The shapes are those of scikit-learn's `make_moons` (noise 0.05) and of the toy sets common in the literature on
//! flows. Two sets come with their exact log-density, against which a trained flow can be measured.

use crate::table::Table;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::f64::consts::{PI, TAU};

/// Standard deviation of the noise of `two-moons`.
const MOON_NOISE: f64 = 0.05;
/// Distance of the eight centres from the origin.
const EIGHT_RADIUS: f64 = 4.0;
/// Standard deviation of each of the eight Gaussians.
const EIGHT_NOISE: f64 = 0.5;

const NAMES: [&str; 7] = ["two-moons", "eight-gaussians", "checkerboard", "rings", "two-spirals", "pinwheel", "wind"];

/// Names of the built-in sets.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// `rows` independent draws from the set of that name (`_` counts as `-`), with the columns `x` and `y` (`wind`:
/// `direction`, in degrees, and `speed`); `None` if there is no such set. The same seed gives the same rows; training, validation and test rows want different seeds.
///
/// ```
/// use flow_table::builtin;
///
/// let table = builtin::generate("eight-gaussians", 100, 1).unwrap();
/// assert_eq!((table.rows(), table.columns()), (100, 2));
/// assert_eq!(table, builtin::generate("eight-gaussians", 100, 1).unwrap());
/// assert!(builtin::generate("nine-gaussians", 100, 1).is_none());
/// ```
pub fn generate(name: &str, rows: usize, seed: u64) -> Option<Table> {
    let name = name.replace('_', "-");
    let draw: fn(&mut Draws) -> [f64; 2] = match name.as_str() {
        "two-moons" => two_moons,
        "eight-gaussians" => eight_gaussians,
        "checkerboard" => checkerboard,
        "rings" => rings,
        "two-spirals" => two_spirals,
        "pinwheel" => pinwheel,
        "wind" => wind,
        _ => return None,
    };
    let mut draws = Draws(ChaCha8Rng::seed_from_u64(seed));
    let values = (0..rows).flat_map(|_| draw(&mut draws).map(|v| v as f32)).collect();
    let names = if name == "wind" { ["direction", "speed"] } else { ["x", "y"] };
    Table::new(name, names.map(str::to_owned).to_vec(), true, values).ok()
}

/// The exact log-density, in nats, of `two-moons` and `eight-gaussians` at a point; `None` for other sets.
pub fn log_density(name: &str, x: f64, y: f64) -> Option<f64> {
    match name.replace('_', "-").as_str() {
        "two-moons" => {
            // Each moon is an arc, uniform in its angle, blurred by the noise: the trapezoid rule over the angle, with
            // steps far below the noise.
            const STEPS: usize = 1000;
            let terms = (0..=STEPS).flat_map(|i| {
                let angle = PI * i as f64 / STEPS as f64;
                let weight = if i == 0 || i == STEPS { 0.5f64 } else { 1.0 };
                [moon(false, angle), moon(true, angle)]
                    .map(|[mx, my]| weight.ln() + log_normal(x - mx, y - my, MOON_NOISE))
            });
            Some(log_sum_exp(terms) - (2.0 * STEPS as f64).ln())
        }
        "eight-gaussians" => {
            let terms = (0..8).map(|k| {
                let [cx, cy] = eight_centre(k);
                log_normal(x - cx, y - cy, EIGHT_NOISE)
            });
            Some(log_sum_exp(terms) - 8f64.ln())
        }
        _ => None,
    }
}

/// Uniform and normal draws from a seeded generator.
struct Draws(ChaCha8Rng);

impl Draws {
    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Two independent standard normal values (Box and Muller).
    fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let angle = TAU * self.uniform();
        [radius * angle.cos(), radius * angle.sin()]
    }

    /// One of `n` numbers.
    fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    fn blur(&mut self, centre: [f64; 2], noise: f64) -> [f64; 2] {
        let [a, b] = self.normals();
        [centre[0] + noise * a, centre[1] + noise * b]
    }
}

fn moon(lower: bool, angle: f64) -> [f64; 2] {
    if lower { [1.0 - angle.cos(), 0.5 - angle.sin()] } else { [angle.cos(), angle.sin()] }
}

fn two_moons(draws: &mut Draws) -> [f64; 2] {
    let lower = draws.below(2) == 1;
    let centre = moon(lower, PI * draws.uniform());
    draws.blur(centre, MOON_NOISE)
}

fn eight_centre(k: usize) -> [f64; 2] {
    let angle = TAU * k as f64 / 8.0;
    [EIGHT_RADIUS * angle.cos(), EIGHT_RADIUS * angle.sin()]
}

fn eight_gaussians(draws: &mut Draws) -> [f64; 2] {
    let centre = eight_centre(draws.below(8));
    draws.blur(centre, EIGHT_NOISE)
}

/// The black squares of a 4 × 4 board over [-4, 4]².
fn checkerboard(draws: &mut Draws) -> [f64; 2] {
    let column = draws.below(4);
    let row = 2 * draws.below(2) + column % 2;
    [2.0 * (column as f64 + draws.uniform()) - 4.0, 2.0 * (row as f64 + draws.uniform()) - 4.0]
}

/// Three concentric circles, equally likely.
fn rings(draws: &mut Draws) -> [f64; 2] {
    let radius = 1.0 + draws.below(3) as f64;
    let angle = TAU * draws.uniform();
    draws.blur([radius * angle.cos(), radius * angle.sin()], 0.1)
}

/// Two arms of a turn and a half.
fn two_spirals(draws: &mut Draws) -> [f64; 2] {
    let arm = if draws.below(2) == 0 { 1.0 } else { -1.0 };
    let angle = 1.5 * TAU * draws.uniform().sqrt();
    let radius = arm * (0.3 + angle / 3.0);
    draws.blur([radius * angle.cos(), radius * angle.sin()], 0.1)
}

/// Five bent arms.
fn pinwheel(draws: &mut Draws) -> [f64; 2] {
    let arm = draws.below(5) as f64;
    let [a, b] = draws.normals();
    let (along, across) = (2.0 + 0.6 * a, 0.2 * b);
    let angle = TAU * arm / 5.0 + 0.25 * along.exp().min(12.0);
    [along * angle.cos() - across * angle.sin(), along * angle.sin() + across * angle.cos()]
}

/// A vane and an anemometer: most wind comes from the north, on both sides of 0°, some from the south-west; at one time in
/// six the anemometer stands still and says 0.
fn wind(draws: &mut Draws) -> [f64; 2] {
    let [a, b] = draws.normals();
    let (direction, log_speed) = match draws.uniform() {
        u if u < 0.65 => (5.0 + 24.0 * a, 2.0 - 0.1 * a + 0.25 * b),
        u if u < 0.95 => (225.0 + 18.0 * a, 1.0 + 0.3 * a + 0.2 * b),
        _ => (360.0 * draws.uniform(), 1.2 + 0.5 * b),
    };
    let calm = draws.uniform() < 1.0 / 6.0;
    [direction.rem_euclid(360.0), if calm { 0.0 } else { log_speed.exp() }]
}

fn log_normal(dx: f64, dy: f64, deviation: f64) -> f64 {
    -(dx * dx + dy * dy) / (2.0 * deviation * deviation) - (TAU * deviation * deviation).ln()
}

fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.map(|t| (t - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnKind, Convention, Profile};

    #[test]
    fn every_set_is_seeded() {
        for name in names() {
            let a = generate(name, 500, 3).unwrap();
            assert_eq!(a, generate(&name.replace('-', "_"), 500, 3).unwrap());
            assert_ne!(a.values(), generate(name, 500, 4).unwrap().values());
            assert!(a.values().iter().all(|v| v.abs() < if name == &"wind" { 360.0 } else { 10.0 }), "{name}");
        }
    }

    #[test]
    fn densities_integrate_to_one() {
        for (name, half, step) in [("two-moons", 3.5, 0.05), ("eight-gaussians", 8.0, 0.1)] {
            let steps = (2.0 * half / step) as i32;
            let at = |i: i32| -half + step * (f64::from(i) + 0.5);
            let mass: f64 = (0..steps)
                .flat_map(|i| (0..steps).map(move |j| (i, j)))
                .map(|(i, j)| log_density(name, at(i), at(j)).unwrap().exp() * step * step)
                .sum();
            assert!((mass - 1.0).abs() < 1e-6, "{name}: {mass}");
        }
    }

    #[test]
    fn draws_follow_their_density() {
        // The entropies: -0.286 and -3.522 nats, each the mean of log-densities with a deviation of about 1.
        for (name, expected) in [("two-moons", -0.286), ("eight-gaussians", -3.522)] {
            let table = generate(name, 4000, 5).unwrap();
            let sum: f64 = table.iter().map(|r| log_density(name, r[0].into(), r[1].into()).unwrap()).sum();
            let mean = sum / table.rows() as f64;
            assert!((mean - expected).abs() < 0.05, "{name}: {mean}");
        }
        assert_eq!(log_density("rings", 0.0, 0.0), None);
        assert!(log_density("two-moons", 1e6, 1e6).unwrap().is_finite());
    }

    #[test]
    fn wind_is_an_angle_and_a_speed_with_a_mass_at_zero() {
        let profile = Profile::of(&generate("wind", 4000, 1).unwrap(), &[], Convention::Own).unwrap();
        let [direction, speed] = profile.columns() else { panic!("two columns") };
        assert!(matches!(direction.kind, ColumnKind::Circular { .. }), "{direction:?}");
        assert!(speed.atoms.len() == 1 && speed.atoms[0].0 == 0.0, "{speed:?}");
    }

    #[test]
    fn a_checkerboard_has_empty_squares() {
        let table = generate("checkerboard", 1000, 1).unwrap();
        let square = |v: f32| (v / 2.0).floor() as i32;
        assert!(table.iter().all(|r| (square(r[0]) + square(r[1])) % 2 == 0));
    }
}
