//! The seeded generator and standard normal variates: `spec/format.md`, "Samples". In f64, but for the conversions.

/// PCG32 of a seed.
pub struct Generator(u64);

impl Generator {
    const STREAM: u64 = 1_442_695_040_888_963_407;

    /// With a seed as its state.
    pub fn new(seed: u64) -> Self {
        Generator(step(seed.wrapping_add(Self::STREAM)))
    }

    /// The next draw.
    pub fn draw(&mut self) -> u32 {
        let s = self.0;
        self.0 = step(s);
        ((((s >> 18) ^ s) >> 27) as u32).rotate_right((s >> 59) as u32)
    }
}

fn step(state: u64) -> u64 {
    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(Generator::STREAM)
}

/// The standard normal variate of two draws.
pub fn variate(h: u32, k: u32) -> f64 {
    let converted = |draw: u32| f64::from(draw as f32);
    let unit = 2f64.powi(-32);
    let p = converted(h & 0x7fff_ffff) * unit + (converted(k) * unit * unit + 0.5 * unit * unit);
    let (q, r) = (0.5 - p, (-p.ln()).sqrt());
    let z = if q <= 0.425 {
        let r = 0.180625 - q * q;
        q * horner(r, [59.109375, 159.29113, 50.43427, 3.3871327]) / horner(r, [67.187563, 78.757757, 17.895169, 1.0])
    } else if r <= 5.0 {
        let numerator = horner(r - 1.6, [0.17023821, 1.3067285, 2.7568154, 1.4234373]);
        numerator / horner(r - 1.6, [0.0, 0.12021133, 0.73700164, 1.0])
    } else {
        let numerator = horner(r - 5.0, [0.017337204, 0.42868294, 3.0812264, 6.657905]);
        numerator / horner(r - 5.0, [0.0, 0.012258203, 0.24197894, 1.0])
    };
    if h >> 31 == 0 { z } else { -z }
}

fn horner(r: f64, [a, b, c, d]: [f64; 4]) -> f64 {
    ((a * r + b) * r + c) * r + d
}
