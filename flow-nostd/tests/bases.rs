//! Bases other than the normal distribution: their densities are densities, and their variates follow them.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::{Aligned, Base, Column, Component, Dense, Draw, Model, stride};
use flow_nostd::Flow;
use rand_core::Rng;
use std::f64::consts::PI;

/// Without layers, with center 0 and scale 1, a row is its latent vector.
fn bare(dim: usize, base: Base) -> Aligned {
    let columns = vec![Column::Continuous([0.0, 1.0, 1e9]); dim];
    Aligned::new(&Model { columns, knee: 1e6, rate: 0.0, base, ..Model::default() }.file())
}

fn samples(flow: &Flow<'_>, draw: &mut Draw, n: usize) -> Vec<Vec<f32>> {
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let mut row = vec![0.0; flow.columns()];
    (0..n)
        .map(|_| {
            flow.sample(&mut draw.0, &[], &mut row, &mut scratch).unwrap();
            row.clone()
        })
        .collect()
}

/// The distribution function of Student's t on a grid: with `t = √ν tan θ` its density is `cos^(ν - 1) θ`.
struct Cdf {
    nu: f64,
    sums: Vec<f64>,
}

impl Cdf {
    fn new(nu: f64) -> Self {
        let n = 400_000;
        let mut sums = vec![0.0];
        for i in 0..n {
            let theta = PI * ((i as f64 + 0.5) / n as f64 - 0.5);
            sums.push(sums[i] + theta.cos().powf(nu - 1.0));
        }
        Cdf { nu, sums }
    }

    fn at(&self, t: f64) -> f64 {
        let n = self.sums.len() - 1;
        let place = ((t / self.nu.sqrt()).atan() / PI + 0.5) * n as f64;
        let i = (place as usize).min(n - 1);
        let sum = self.sums[i] + (place - i as f64) * (self.sums[i + 1] - self.sums[i]);
        sum / self.sums[n]
    }
}

#[test]
#[cfg_attr(miri, ignore = "statistics of many draws")]
fn student_t_variates_follow_the_distribution() {
    for (seed, nu) in (0u64..).zip([2.05f32, 3.0, 10.0, 1000.0]) {
        let file = bare(2, Base::StudentT(vec![nu; 2]));
        let flow = Flow::new(file.bytes()).unwrap();
        let n = 200_000;
        let rows = samples(&flow, &mut Draw::new(seed), n);
        let cdf = Cdf::new(nu.into());
        for j in 0..2 {
            let mut values: Vec<f64> = rows.iter().map(|row| row[j].into()).collect();
            values.sort_by(f64::total_cmp);
            // Kolmogorov-Smirnov at 0.1 %: 1.95 / sqrt(n).
            let distance = values
                .iter()
                .enumerate()
                .map(|(i, &t)| (cdf.at(t) - (i as f64 + 0.5) / n as f64).abs())
                .fold(0.0, f64::max);
            assert!(distance < 1.95 / (n as f64).sqrt(), "nu {nu}: {distance}");
            if nu >= 10.0 {
                let nu = f64::from(nu);
                let moment = |p: i32| values.iter().map(|t| t.powi(p)).sum::<f64>() / n as f64;
                let (second, fourth) = (nu / (nu - 2.0), 3.0 * nu * nu / ((nu - 2.0) * (nu - 4.0)));
                assert!(moment(1).abs() < 0.012, "{}", moment(1));
                assert!((moment(2) / second - 1.0).abs() < 0.02, "nu {nu}: {} {second}", moment(2));
                assert!((moment(4) / fourth - 1.0).abs() < 0.1, "nu {nu}: {} {fourth}", moment(4));
            }
        }
        // Neighbours are independent: their signs, and whether they lie in the middle.
        let share = |test: fn(&[f32]) -> bool| rows.iter().filter(|row| test(row)).count() as f64 / n as f64;
        assert!((share(|row| (row[0] > 0.0) == (row[1] > 0.0)) - 0.5).abs() < 0.006);
        let middle = 1.0 - 2.0 * cdf.at(-0.7);
        let both = share(|row| row[0].abs() < 0.7 && row[1].abs() < 0.7);
        assert!((both - middle * middle).abs() < 0.006, "{both} {middle}");
    }
}

/// Generators that give the smallest and the largest draws.
struct Fixed(u32, u32);

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        std::mem::swap(&mut self.0, &mut self.1);
        Ok(self.1)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("the engine draws u32")
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        unreachable!("the engine draws u32")
    }
}

#[test]
fn every_draw_gives_a_finite_row() {
    let mut draw = Draw::new(1);
    for base in [Base::student_t(&mut draw, 3), Base::mixture(&mut draw, 3, 4)] {
        let file = bare(3, base);
        let flow = Flow::new(file.bytes()).unwrap();
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        let mut row = [f32::NAN; 3];
        for high in [0, 1, 1 << 31, u32::MAX - 1, u32::MAX] {
            for low in [0, 1, 1 << 30, 1 << 31, u32::MAX] {
                flow.sample(&mut Fixed(high, low), &[], &mut row, &mut scratch).unwrap();
                assert!(row.iter().all(|v| v.is_finite() && v.abs() < 3e5), "{high} {low}: {row:?}");
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "statistics of many draws")]
fn components_are_drawn_by_their_weights() {
    for (seed, dim, count) in [(3, 1, 1), (4, 2, 3), (5, 6, 20)] {
        let base = Base::mixture(&mut Draw::new(seed), dim, count);
        let file = bare(dim, base.clone());
        let flow = Flow::new(file.bytes()).unwrap();
        let Base::Mixture(components) = base else { unreachable!() };
        let flow_nostd::layout::Base::Mixture(records) = flow.base() else { panic!("another base") };
        let mut draw = Draw::new(seed);
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        let n = 100_000;
        let mut row = vec![0.0; dim];
        let mut counts = vec![0.0; count];
        // Of each component's own values, which are standard normal variates: sums of products of two.
        let mut products = vec![vec![vec![0.0; dim + 1]; dim]; count];
        for _ in 0..n {
            let share = f64::from(draw.0.clone().next_u32()) / 2f64.powi(32);
            flow.sample(&mut draw.0, &[], &mut row, &mut scratch).unwrap();
            let k = records.iter().position(|r| share < r.cumulative.get().into()).unwrap();
            counts[k] += 1.0;
            let z: Vec<f64> = row.iter().map(|&z| z.into()).collect();
            let y: Vec<f64> = components[k].dense.apply(&z).into_iter().chain([1.0]).collect();
            for (i, sums) in products[k].iter_mut().enumerate() {
                sums.iter_mut().enumerate().for_each(|(j, sum)| *sum += y[i] * y[j]);
            }
        }
        for ((component, count), products) in components.iter().zip(counts).zip(products) {
            let (w, n) = (component.weight, f64::from(n));
            assert!((count / n - w).abs() <= 4.0 * (w * (1.0 - w) / n).sqrt() + 1e-6, "{count} {w}");
            for (i, sums) in products.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    let expected = f64::from(u8::from(i == j));
                    assert!((sum / count - expected).abs() < 6.0 * (2.0 / count).sqrt(), "{i} {j} {}", sum / count);
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "statistics of many draws")]
fn densities_integrate_to_one() {
    let mut draw = Draw::new(2);
    for base in [Base::StudentT(vec![2.05]), Base::StudentT(vec![30.0]), Base::mixture(&mut draw, 1, 5)] {
        let file = bare(1, base.clone());
        let flow = Flow::new(file.bytes()).unwrap();
        let mut scratch = vec![f32::NAN; flow.scratch_len()];
        let n = 100_000;
        let mut integral = 0.0;
        for i in 0..n {
            let theta = PI * ((f64::from(i) + 0.5) / f64::from(n) - 0.5);
            let z = theta.tan() as f32;
            let density = f64::from(flow.log_prob(&[z], &[], &mut scratch).unwrap()).exp();
            integral += density / theta.cos().powi(2) * PI / f64::from(n);
        }
        assert!((integral - 1.0).abs() < 1e-4, "{base:?}: {integral}");
    }
}

#[test]
fn a_component_of_its_own_is_the_normal_distribution() {
    let identity: Vec<Vec<f64>> = (0..3).map(|i| (0..3).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let component = Component { weight: 1.0, dense: Dense::square(&identity, vec![0.0; 3]) };
    let (file, normal) = (bare(3, Base::Mixture(vec![component])), bare(3, Base::Normal));
    let (flow, normal) = (Flow::new(file.bytes()).unwrap(), Flow::new(normal.bytes()).unwrap());
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let mut draw = Draw::new(8);
    for _ in (0..200).step_by(stride(20)) {
        let row: Vec<f32> = (0..3).map(|_| draw.normal()).collect();
        let found = flow.log_prob(&row, &[], &mut scratch).unwrap();
        assert!((found - normal.log_prob(&row, &[], &mut scratch).unwrap()).abs() < 1e-6);
        // The same variates, after the two draws that pick the component.
        let mut other = Draw(draw.0.clone());
        (0..2).for_each(|_| {
            other.0.next_u32();
        });
        assert_eq!(samples(&flow, &mut draw, 1), samples(&normal, &mut other, 1));
    }
}
