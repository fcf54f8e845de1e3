//! Gaussian mixtures by expectation maximisation, started by k-means++.
//!
//! Dempster, Laird & Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", JRSS B 39, 1977; Arthur &
//! Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007. Each step pulls the covariances a little
//! towards the variances of all rows, so that no component shrinks onto a single row. From there a mixture becomes a base distribution
//! ([`flow_model::mixture`]): of a flow without layers (the model `gmm`), or the start of one that is trained along.

use crate::random::{self, Purpose};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

/// Most steps of EM.
const MOST_STEPS: usize = 100;
/// Steps of k-means before.
const MEANS_STEPS: usize = 10;
/// A step that brings less than this, nats a row, is the last.
const ENOUGH: f64 = 1e-3;

/// How a mixture is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Number of components.
    pub components: usize,
    /// Whether covariances are full, or diagonal.
    pub full: bool,
    /// Share of all rows' variances in the components' covariances; positive.
    pub ridge: f64,
    /// Variance that every covariance has besides, in each direction.
    pub floor: f64,
    /// Seed of k-means++.
    pub seed: u64,
}

/// A mixture of normal distributions over `lines` columns.
#[derive(Clone, Debug)]
pub struct Mixture {
    full: bool,
    components: Vec<Component>,
}

/// A component: `y = (x - mean) A` is standard normal, `A` upper triangular.
#[derive(Clone, Debug)]
struct Component {
    log_weight: f64,
    mean: Array1<f64>,
    factor: Array2<f64>,
}

impl Component {
    /// `ln w + ln N(x)` of every row.
    fn log_prob(&self, x: ArrayView2<f64>) -> Array1<f64> {
        let y = (&x - &self.mean).dot(&self.factor);
        let volume: f64 = self.factor.diag().iter().map(|v| v.ln()).sum();
        let constant = self.log_weight + volume - 0.5 * x.ncols() as f64 * std::f64::consts::TAU.ln();
        y.map_axis(Axis(1), |row| constant - 0.5 * row.dot(&row))
    }
}

impl Mixture {
    /// Fits a mixture to rows `x`, `[rows, lines]`, of at least one row; takes no further step once `halted`.
    pub fn fit(x: ArrayView2<f64>, settings: Settings, halted: &dyn Fn() -> bool) -> Self {
        let variances = x.var_axis(Axis(0), 0.0).mapv(|v| v.max(1e-6));
        let mut shares = k_means(x, settings.components.min(x.nrows()), settings.seed);
        let mut mixture = Self::maximise(x, &shares, &variances, settings);
        let mut before = f64::NEG_INFINITY;
        for _ in 0..MOST_STEPS {
            let each = mixture.each(x);
            let total = each.map_axis(Axis(1), log_sum_exp);
            let mean = total.mean().unwrap_or(0.0);
            if mean - before < ENOUGH || halted() {
                break;
            }
            before = mean;
            shares = each - &total.insert_axis(Axis(1));
            shares.mapv_inplace(f64::exp);
            mixture = Self::maximise(x, &shares, &variances, settings);
        }
        mixture
    }

    /// Weights, means and covariances for given shares of each row, `[rows, components]`.
    fn maximise(x: ArrayView2<f64>, shares: &Array2<f64>, variances: &Array1<f64>, settings: Settings) -> Self {
        let rows = x.nrows() as f64;
        let component = |share: ArrayView1<f64>| {
            let count = share.sum().max(1e-9);
            let mean = x.t().dot(&share) / count;
            let centred = &x - &mean;
            let weighted = &centred * &share.insert_axis(Axis(1));
            let mut covariance = match settings.full {
                true => centred.t().dot(&weighted) / count,
                false => Array2::from_diag(&((&centred * &weighted).sum_axis(Axis(0)) / count)),
            };
            covariance *= 1.0 - settings.ridge;
            covariance.diag_mut().scaled_add(settings.ridge, variances);
            covariance.diag_mut().mapv_inplace(|v| v + settings.floor);
            Component { log_weight: (count / rows).ln(), mean, factor: precision_factor(&covariance) }
        };
        Mixture { full: settings.full, components: shares.axis_iter(Axis(1)).map(component).collect() }
    }

    /// `ln w_k + ln N_k(x)`, `[rows, components]`.
    fn each(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let columns: Vec<Array1<f64>> = self.components.iter().map(|c| c.log_prob(x)).collect();
        let views: Vec<ArrayView1<f64>> = columns.iter().map(|c| c.view()).collect();
        ndarray::stack(Axis(1), &views).expect("columns of one length")
    }

    /// The log-density of every row, nats.
    pub fn log_prob(&self, x: ArrayView2<f64>) -> Array1<f64> {
        self.each(x).map_axis(Axis(1), log_sum_exp)
    }

    /// Number of components: as many as were asked for, or as there were rows.
    pub fn components(&self) -> usize {
        self.components.len()
    }

    /// The parameters of the base distribution, in the layout's order: `base.logit`, `base.offset`, `base.log_scale` and, for
    /// full covariances, `base.lower`.
    pub fn parameters(&self) -> Vec<f32> {
        let each = |f: &dyn Fn(&Component) -> Vec<f64>| self.components.iter().flat_map(f).collect::<Vec<f64>>();
        let mut all = each(&|c| vec![c.log_weight]);
        all.extend(each(&|c| (-c.mean.dot(&c.factor) / c.factor.diag()).to_vec()));
        all.extend(each(&|c| c.factor.diag().mapv(f64::ln).to_vec()));
        if self.full {
            let lines = self.components[0].mean.len();
            let skewed = |i: usize, c: &Component| (0..lines).map(|j| c.factor[[i, j]] / c.factor[[j, j]]).collect();
            for i in 0..lines {
                all.extend(each(&|c| {
                    let row: Vec<f64> = skewed(i, c);
                    row.iter().enumerate().map(|(j, &v)| if i < j { v } else { 0.0 }).collect()
                }));
            }
        }
        all.into_iter().map(|v| v as f32).collect()
    }
}

/// `A`, upper triangular with `A Aᵀ = Σ⁻¹`: the transposed inverse of Σ's Cholesky factor.
fn precision_factor(covariance: &Array2<f64>) -> Array2<f64> {
    let n = covariance.nrows();
    let mut lower = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            let rest = covariance[[i, j]] - known;
            lower[[i, j]] = if i == j { rest.max(1e-12).sqrt() } else { rest / lower[[j, j]] };
        }
    }
    // Column by column of the inverse by substitution, written transposed.
    let mut factor = Array2::<f64>::zeros((n, n));
    for column in 0..n {
        for i in column..n {
            let unit = f64::from(u8::from(i == column));
            let known: f64 = (column..i).map(|k| lower[[i, k]] * factor[[column, k]]).sum();
            factor[[column, i]] = (unit - known) / lower[[i, i]];
        }
    }
    factor
}

/// Shares of 0 and 1, `[rows, components]`, by k-means from centres that k-means++ chooses.
fn k_means(x: ArrayView2<f64>, components: usize, seed: u64) -> Array2<f64> {
    let draws = random::uniforms(seed, Purpose::Mixture, 0, components);
    let distance = |row: ArrayView1<f64>, centre: ArrayView1<f64>| -> f64 {
        Zip::from(row).and(centre).fold(0.0, |sum, a, b| sum + (a - b) * (a - b))
    };
    let first = (f64::from(draws[0]) * x.nrows() as f64) as usize;
    let mut centres = vec![x.row(first).to_owned()];
    let mut nearest: Vec<f64> = x.rows().into_iter().map(|row| distance(row, centres[0].view())).collect();
    for &draw in &draws[1..] {
        let mut left = f64::from(draw) * nearest.iter().sum::<f64>();
        let chosen = nearest.iter().position(|d| {
            left -= d;
            left < 0.0
        });
        let centre = x.row(chosen.unwrap_or(0)).to_owned();
        for (row, near) in x.rows().into_iter().zip(&mut nearest) {
            *near = near.min(distance(row, centre.view()));
        }
        centres.push(centre);
    }
    let mut shares = Array2::zeros((x.nrows(), components));
    for _ in 0..MEANS_STEPS {
        shares.fill(0.0);
        for (i, row) in x.rows().into_iter().enumerate() {
            let to = |k: usize| distance(row, centres[k].view());
            let best = (0..components).min_by(|&a, &b| to(a).total_cmp(&to(b))).unwrap_or(0);
            shares[[i, best]] = 1.0;
        }
        for (centre, share) in centres.iter_mut().zip(shares.columns()) {
            let count: f64 = share.sum();
            if count > 0.0 {
                *centre = x.t().dot(&share) / count;
            }
        }
    }
    shares
}

fn log_sum_exp(values: ArrayView1<f64>) -> f64 {
    let largest = values.fold(f64::NEG_INFINITY, |a: f64, &b| a.max(b));
    largest + values.fold(0.0, |sum, v| sum + (v - largest).exp()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two long clouds at a right angle, and nothing else.
    fn rows(count: usize) -> Array2<f64> {
        let z = random::normals(3, Purpose::Mixture, 1, 2 * count, 1);
        Array2::from_shape_fn((count, 2), |(i, j)| {
            let [a, b] = [z[2 * i], z[2 * i + 1]].map(f64::from);
            let along = [2.0 * a + 0.3 * b, 2.0 * a - 0.3 * b];
            if i % 4 == 0 { [5.0 - along[0], 1.0 + along[1]][j] } else { [-3.0 + along[0], along[1]][j] }
        })
    }

    fn settings(components: usize, full: bool) -> Settings {
        Settings { components, full, ridge: 1e-3, floor: 0.0, seed: 0 }
    }

    #[test]
    fn finds_two_clouds() {
        let x = rows(4000);
        let mixture = Mixture::fit(x.view(), settings(2, true), &|| false);
        let mut weights: Vec<f64> = mixture.components.iter().map(|c| c.log_weight.exp()).collect();
        weights.sort_by(f64::total_cmp);
        assert!((weights[0] - 0.25).abs() < 0.02, "{weights:?}");
        let mean = |m: &Mixture| m.log_prob(x.view()).mean().unwrap();
        let (full, diagonal) = (mean(&mixture), mean(&Mixture::fit(x.view(), settings(2, false), &|| false)));
        // The entropy of such a cloud: ln(2π e · 2 · 2 · 0.3), less what the weights take.
        let exact = -(std::f64::consts::TAU.ln() + 1.0 + 1.2f64.ln()) + 0.25 * 0.25f64.ln() + 0.75 * 0.75f64.ln();
        assert!((full - exact).abs() < 0.05, "{full}, expected {exact}");
        assert!(diagonal < full - 0.5, "{diagonal} without covariances, {full} with them");
    }

    #[test]
    fn more_components_than_rows_and_rows_that_are_all_equal() {
        for x in [rows(3), Array2::from_elem((5, 2), 7.0)] {
            let mixture = Mixture::fit(x.view(), settings(8, true), &|| false);
            assert!(mixture.components() <= x.nrows());
            assert!(mixture.parameters().iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn a_fit_that_is_halted_is_a_mixture_all_the_same() {
        let x = rows(400);
        let mean =
            |halted: bool| Mixture::fit(x.view(), settings(8, true), &|| halted).log_prob(x.view()).mean().unwrap();
        assert!(mean(true).is_finite() && mean(true) < mean(false));
    }

    #[test]
    fn factors_are_those_of_the_precision() {
        let covariance = ndarray::arr2(&[[4.0, 1.0, 0.5], [1.0, 3.0, -0.7], [0.5, -0.7, 2.0]]);
        let a = precision_factor(&covariance);
        let identity = a.dot(&a.t()).dot(&covariance);
        assert!((identity - Array2::<f64>::eye(3)).iter().all(|v| v.abs() < 1e-12));
        assert!(a[[1, 0]] == 0.0 && a[[2, 1]] == 0.0, "upper triangular");
    }
}
