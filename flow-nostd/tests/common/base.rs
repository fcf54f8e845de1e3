//! Bases: the f64 reference of their log-densities, and random ones.

use super::{Dense, Draw};

/// Degrees of freedom of each latent value, or the components of a mixture.
#[derive(Clone, Debug, Default)]
pub enum Base {
    #[default]
    Normal,
    StudentT(Vec<f32>),
    Mixture(Vec<Component>),
}

#[derive(Clone, Debug)]
pub struct Component {
    pub weight: f64,
    pub dense: Dense,
}

impl Base {
    pub fn student_t(draw: &mut Draw, dim: usize) -> Self {
        Base::StudentT((0..dim).map(|j| [2.05, 1000.0, 2.5 + 20.0 * draw.uniform()][j % 3]).collect())
    }

    /// Components of random weights, places and covariances.
    pub fn mixture(draw: &mut Draw, dim: usize, components: usize) -> Self {
        let raw: Vec<f64> = (0..components).map(|_| 0.2 + f64::from(draw.uniform())).collect();
        let total: f64 = raw.iter().sum();
        let component = |&raw: &f64| {
            let entry = |draw: &mut Draw, i: usize, j: usize| match i.cmp(&j) {
                std::cmp::Ordering::Less => f64::from(draw.around(0.5)) / (dim as f64).sqrt(),
                std::cmp::Ordering::Equal => f64::from(draw.around(0.7)).exp(),
                std::cmp::Ordering::Greater => 0.0,
            };
            let matrix: Vec<Vec<f64>> = (0..dim).map(|i| (0..dim).map(|j| entry(draw, i, j)).collect()).collect();
            let biases = (0..dim).map(|_| draw.around(2.0)).collect();
            Component { weight: raw / total, dense: Dense::square(&matrix, biases) }
        };
        Base::Mixture(raw.iter().map(component).collect())
    }

    /// The log-weights of the file.
    pub fn log_weight(component: &Component) -> f32 {
        let d = &component.dense;
        let log_det: f64 = (0..d.outputs).map(|j| f64::from(d.weights[j * d.outputs + j]).ln()).sum();
        (component.weight.ln() + log_det - 0.5 * d.outputs as f64 * (2.0 * std::f64::consts::PI).ln()) as f32
    }

    /// Adds the terms of the log-density of `z`.
    pub fn log_prob(&self, z: &[f64], mut add: impl FnMut(f64)) {
        match self {
            Base::Normal => {
                for z in z {
                    add(-z * z / 2.0);
                    add(-0.5 * (2.0 * std::f64::consts::PI).ln());
                }
            }
            Base::StudentT(degrees) => {
                for (z, &nu) in z.iter().zip(degrees) {
                    add(log_norm(nu).into());
                    add(-(f64::from(nu) + 1.0) / 2.0 * (z * z / f64::from(nu)).ln_1p());
                }
            }
            Base::Mixture(components) => {
                let log = |c: &Component| {
                    let squares: f64 = c.dense.apply(z).iter().map(|y| y.clamp(-1e15, 1e15).powi(2)).sum();
                    f64::from(Base::log_weight(c)) - 0.5 * squares
                };
                let logs: Vec<f64> = components.iter().map(log).collect();
                let most = logs.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                add(most);
                add(logs.iter().map(|l| (l - most).exp()).sum::<f64>().ln());
                // What cancels between the parts of a component's values counts as magnitude too.
                let z = z.iter().map(|z| z.abs()).fold(0.0, f64::max);
                add(z * z);
                add(-z * z);
            }
        }
    }
}

/// The log-density of Student's t at 0.
pub fn log_norm(nu: f32) -> f32 {
    let nu = f64::from(nu);
    (libm::lgamma((nu + 1.0) / 2.0) - libm::lgamma(nu / 2.0) - 0.5 * (nu * std::f64::consts::PI).ln()) as f32
}
