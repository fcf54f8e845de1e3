//! Files whose numbers are as large, or as small, as a file may hold: refused, or no overflow whatever the row.
#![cfg(feature = "all-kinds")]
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)]

mod common;

use common::exercise::exercise;
use common::{Aligned, Base, Column, Draw, Kind, Layer, family_of, newest, random_model, stride};
use flow_nostd::{Flow, FormatError};

/// The largest that is allowed: no overflow with weights at the limit of what is accepted.
#[test]
fn weights_at_the_limit() {
    let mut accepted = 0;
    for exponent in (0..60).step_by(stride(31)) {
        let mut model = random_model(exponent, 4, &[6, 6], 2, 3);
        for layer in &mut model.layers {
            if let Layer::Coupling { dense, bound, .. } = layer {
                *bound = [1e-6, 2.0, 80.0][exponent as usize % 3];
                dense.iter_mut().flat_map(|d| &mut d.weights).for_each(|w| *w *= 10f32.powf(exponent as f32 / 4.0));
            }
        }
        for column in &mut model.columns {
            match column {
                Column::Continuous(s) | Column::Integer(s) => {
                    s[1] = [1e-45, 1e-30, 1.0, 1e38][exponent as usize % 4];
                    s[2] = [1e-45, 1e-30, 1e38][exponent as usize % 3];
                }
                Column::Constant(v) => *v = [-3e38, 1e30, -1e30, 1e-45],
                _ => {}
            }
        }
        model.knee = [1e-45, 6.0, f32::MAX][exponent as usize % 3];
        model.rate = [0.0, f32::MAX][exponent as usize % 2];
        let file = Aligned::new(&model.file());
        match Flow::new(file.bytes()) {
            Ok(flow) => {
                accepted += 1;
                (0..50).step_by(stride(50)).for_each(|seed| exercise(&flow, seed));
            }
            Err(error) => assert!(matches!(error, FormatError::WeightsTooLarge { .. }), "{error}"),
        }
    }
    assert!(cfg!(miri) || (10..60).contains(&accepted), "{accepted}");
}

/// Columns whose numbers are as extreme as is allowed, and rows that are.
#[test]
fn columns_at_the_limit() {
    let sizes = [1e-45, 1e-38, 1e-30, 1.0, 1e9, 1e30, 3e38];
    let values = [0.0, -0.0, 1e-45, -1.0, 3e38, -3e38, 1e30, 0.5];
    let mut draw = Draw::new(77);
    let mut accepted = 0;
    for seed in (0..3000).step_by(stride(1499)) {
        let mut model = family_of(Kind::Coupling, seed, [5, 2, 2], &[3], 2, 1);
        let mut size = || sizes[draw.below(sizes.len())];
        let mut number = {
            let mut other = Draw::new(seed);
            move || values[other.below(values.len())]
        };
        for (j, column) in model.columns.iter_mut().enumerate() {
            let standard = [number(), size(), size()];
            match column {
                Column::Continuous(s) | Column::Integer(s) | Column::Positive(s) => *s = standard,
                Column::Bounded(s, [low, high]) => {
                    *s = standard;
                    [*low, *high] = [number(), number()];
                    if *low >= *high || !(*high - *low).is_finite() {
                        [*low, *high] = [0.0, size()];
                    }
                }
                Column::Lattice(s, cells) => {
                    *s = standard;
                    *cells = [number(), size()];
                }
                Column::Constant(v) => *v = [-3e38, 1e30, -1e30, 1e-45],
                Column::Circular(v) => *v = [number(), size()],
                Column::Context(s) => *s = [number(), size(), size().min(1e9)],
            }
            for (i, atom) in model.atoms[j].iter_mut().enumerate() {
                let at = [-3e38, 1.0, 3e38][i];
                (atom.value, atom.cut) = if column.is_discrete() { (at, at) } else { (number(), at) };
                atom.width = size().clamp(if column.is_discrete() { 1.0 } else { 0.0 }, 1e30);
            }
        }
        let file = Aligned::new(&model.file());
        match Flow::new(file.bytes()) {
            Ok(flow) => {
                accepted += 1;
                (0..20).step_by(stride(20)).for_each(|seed| exercise(&flow, seed));
            }
            Err(error) => assert!(matches!(error, FormatError::Record { offset: 8, .. }), "{error}"),
        }
    }
    assert!(cfg!(miri) || accepted > 2000, "{accepted}");
}

/// The same for what the latest minor version added.
#[test]
fn newest_weights_at_the_limit() {
    let mut accepted = 0;
    for exponent in (0..60u32).step_by(stride(41)) {
        let factor = 10f32.powf(exponent as f32 / 2.5);
        for mut model in newest() {
            let log = |v: f32| if exponent % 2 == 0 { v } else { 1.0 / v };
            for layer in &mut model.layers {
                match layer {
                    Layer::Linear { dense, .. } => {
                        dense.iter_mut().flat_map(|d| &mut d.weights).for_each(|w| *w *= factor)
                    }
                    Layer::ActNorm { scale, shift, .. } => {
                        scale.iter_mut().for_each(|s| *s *= log(factor));
                        shift.iter_mut().for_each(|s| *s *= factor * factor.min(1e14));
                    }
                    _ => layer.dense_mut().iter_mut().flat_map(|d| &mut d.weights).for_each(|w| *w *= factor.sqrt()),
                }
            }
            if let Base::Mixture(components) = &mut model.base {
                for component in components {
                    component.dense.weights.iter_mut().for_each(|w| *w *= log(factor));
                    component.dense.biases.iter_mut().for_each(|w| *w *= factor);
                }
            }
            model.rate = 0.0;
            let file = Aligned::new(&model.file());
            match Flow::new(file.bytes()) {
                Ok(flow) => {
                    accepted += 1;
                    (0..20).step_by(stride(20)).for_each(|seed| exercise(&flow, seed));
                }
                Err(error) => assert!(matches!(error, FormatError::WeightsTooLarge { .. }), "{error}"),
            }
        }
    }
    assert!(cfg!(miri) || (100..300).contains(&accepted), "{accepted}");
}
