//! Each kind of column alone, and its density by hand; where there is none; angles; contexts.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::Kind::Coupling;
use common::{Aligned, Atom, Column, Draw, Model, family_of, stride};
use flow_nostd::{EvalError, FLOOR, Flow};

/// One column alone, without layers, in its own units.
fn alone(column: Column, atoms: Vec<Atom>) -> Model {
    Model { columns: vec![column], atoms: vec![atoms], knee: 1e9, rate: 1.0, ..Model::default() }
}

/// The log-density of N(0, 1).
fn normal(u: f64) -> f64 {
    -0.5 * u * u - 0.5 * (2.0 * std::f64::consts::PI).ln()
}

fn log_prob(model: &Model, row: &[f32], context: &[f32]) -> f64 {
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    flow.log_prob(row, context, &mut vec![f32::NAN; flow.scratch_len()]).unwrap().into()
}

#[test]
fn densities_of_columns_by_hand() {
    let wide = [0.5, 2.0, 1e9];
    let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-5, "{got} {expected}");
    let u = |q: f64| (q - 0.5) / 2.0;
    let scale = 2f64.ln();
    near(log_prob(&alone(Column::Positive(wide), vec![]), &[3.0], &[]), normal(u(3f64.ln())) - scale - 3f64.ln());
    let bounded = alone(Column::Bounded(wide, [10.0, 14.0]), vec![]);
    let logit = (0.75f64 / 0.25).ln();
    near(log_prob(&bounded, &[13.0], &[]), normal(u(logit)) - scale - (0.75f64 * 0.25 * 4.0).ln());
    let lattice = alone(Column::Lattice(wide, [0.1, 0.2]), vec![]);
    // The cells around 0.1 + 0.2 k: mass at the middle of cell k.
    for (x, k) in [(0.1, 0.0), (0.19, 0.0), (0.21, 1.0), (-0.7, -4.0)] {
        near(log_prob(&lattice, &[x], &[]), normal(u(k + 0.5)) - scale);
    }
    // An atom of width 3 in place of cell 1: its mass, and what lies above moves up by 2.
    let atoms = vec![Atom { value: 1.0, cut: 1.0, width: 3.0 }];
    for column in [Column::Integer(wide), Column::Lattice(wide, [0.0, 1.0])] {
        let model = alone(column, atoms.clone());
        for (x, q, mass) in [(0.0, 0.5, 0.0), (1.0, 2.5, 3f64.ln()), (2.0, 4.5, 0.0)] {
            near(log_prob(&model, &[x], &[]), normal(u(q)) - scale + mass);
        }
    }
    let atoms = vec![Atom { value: 1.0, cut: 0.9, width: 0.5 }, Atom { value: 2.0, cut: 2.0, width: 0.25 }];
    let model = alone(Column::Continuous(wide), atoms);
    for (x, q, mass) in [(0.8, 0.8, 1.0f64), (1.0, 1.15, 0.5), (0.95, 1.45, 1.0), (2.0, 2.625, 0.25), (3.0, 3.75, 1.0)]
    {
        near(log_prob(&model, &[x], &[]), normal(u(q)) - scale + mass.ln());
    }
}

#[test]
fn values_outside_the_support() {
    let wide = [0.5, 2.0, 1e9];
    let atom = Atom { value: -1.0, cut: -3.0, width: 0.5 };
    let context = Column::Context([0.0, 1.0, 3.0]);
    let mut model = alone(context, vec![]);
    model.columns.extend([Column::Positive(wide), Column::Bounded(wide, [2.0, 3.0]), Column::Continuous(wide)]);
    model.atoms.extend([vec![atom], vec![], vec![]]);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    for (row, outside) in [
        ([1.0, 2.5, 0.0], None),
        ([-1.0, 2.0, 0.0], None),
        ([0.0, 2.5, 0.0], Some(0)),
        ([-2.0, 1.0, 0.0], Some(0)),
        ([1.0, 3.1, -1e30], Some(1)),
        ([-1.0, 1.9, 0.0], Some(1)),
    ] {
        assert_eq!(flow.outside_support(&row), outside, "{row:?}");
        let log_prob = log_prob(&model, &row, &[0.1]);
        assert!(log_prob.is_finite() && (log_prob <= f64::from(FLOOR)) == outside.is_some(), "{row:?}: {log_prob}");
    }
}

#[test]
fn a_turn_ends_where_it_starts() {
    let model = family_of(Coupling, 91, [2, 2, 1], &[9], 1, 3);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let mut draw = Draw::new(4);
    let (all_columns, mut worst) = (&model.columns, 0.0f32);
    for _ in (0..500).step_by(stride(50)) {
        let mut all = model.row(&mut draw, 1.0);
        let (row, context) = model.split(&all);
        let here = flow.log_prob(&row, &context, &mut scratch).unwrap();
        for (x, column) in all.iter_mut().zip(all_columns) {
            if let Column::Circular([_, period]) = column {
                *x += period;
            }
        }
        let (row, _) = model.split(&all);
        worst = worst.max((flow.log_prob(&row, &context, &mut scratch).unwrap() - here).abs());
    }
    assert!(worst < 1e-3, "{worst}");
    // Neither the start of a turn nor what is just before it is a special place.
    let mut one = alone(Column::Circular([0.0, 360.0]), vec![]);
    one.circles = family_of(Coupling, 5, [0, 1, 0], &[], 0, 0).circles;
    let [at, before] = [0.0, -1e-9].map(|x| log_prob(&one, &[x], &[]));
    assert!((at - before).abs() < 1e-5, "{at} {before}");
    assert!((at - log_prob(&one, &[359.999], &[])).abs() < 1e-3);
    assert!(log_prob(&one, &[f32::MAX], &[]).is_finite());
}

/// With splines of zeros an angle is its own latent value: from anywhere in the turn with the same probability.
#[test]
#[cfg_attr(miri, ignore = "statistics of many draws")]
fn angles_are_uniform() {
    let mut model = alone(Column::Circular([-90.0, 360.0]), vec![]);
    model.circles = family_of(Coupling, 5, [0, 1, 0], &[], 0, 0).circles;
    model.circles[0].dense[0].biases.fill(0.0);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let mut draw = Draw::new(12);
    let mut counts = [0u32; 8];
    for _ in 0..80_000 {
        let mut row = [0.0];
        flow.sample(&mut draw.0, &[], &mut row, &mut scratch).unwrap();
        assert!((-90.0..=270.0).contains(&row[0]), "{row:?}");
        counts[((row[0] + 90.0) / 45.0).min(7.0) as usize] += 1;
    }
    assert!(counts.iter().all(|n| n.abs_diff(10_000) < 500), "{counts:?}");
    assert!((log_prob(&model, &[17.0], &[]) + 360f64.ln()).abs() < 1e-5);
}

#[test]
fn what_a_context_must_be() {
    let model = family_of(Coupling, 7, [2, 0, 2], &[5], 1, 2);
    let file = Aligned::new(&model.file());
    let flow = Flow::new(file.bytes()).unwrap();
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let (mut row, context) = model.split(&model.row(&mut Draw::new(1), 1.0));
    assert_eq!((flow.columns(), flow.context_dim(), flow.dim()), (3, 2, 2));
    let short = Err(EvalError::ContextLength { expected: 2, found: 1 });
    assert_eq!(flow.log_prob(&row, &context[..1], &mut scratch), short);
    let record = |n: usize| model.columns.iter().enumerate().filter(|(_, c)| matches!(c, Column::Context(_))).nth(n);
    for (n, bad) in [(0, f32::NAN), (1, f32::INFINITY)] {
        let mut context = context.clone();
        context[n] = bad;
        let error = EvalError::NotFinite { column: record(n).unwrap().0 };
        assert_eq!(flow.log_prob(&row, &context, &mut scratch), Err(error));
        assert_eq!(flow.to_data(&[0.0; 2], &context, &mut row, &mut scratch), Err(error));
        assert_eq!(flow.sample(&mut Draw::new(1).0, &context, &mut row, &mut scratch), Err(error));
    }
    // The same latent vector in another context is another row, and a context far out is one at the box.
    let at = |context: &[f32], scratch: &mut [f32]| {
        let mut row = vec![0.0; 3];
        flow.to_data(&[0.3, -0.8], context, &mut row, scratch).unwrap();
        row
    };
    assert_ne!(at(&[-1e6, 1e6], &mut scratch), at(&[1e6, 1e6], &mut scratch));
    assert_eq!(at(&[-1e6, 1e6], &mut scratch), at(&[f32::MIN, f32::MAX], &mut scratch));
}
