//! Which weights of an autoregressive conditioner exist: the masks of MADE (Germain et al., arXiv 1502.03509).
//!
//! Every unit has a degree, and may depend on columns `0..degree` only. Input `j` brings column `j` and has degree
//! `j + 1`; a hidden unit sees units of at most its own degree; the outputs of column `j` see units of degree at most
//! `j`, so that they depend on the columns before it. Features, which everything may see, come first and have degree 0.
//! Hidden degrees are sorted, from 1 (with features from 0) to `lines - 1`: the values of the first units are final before
//! later columns are known, of which a sequential inverse makes use.

use crate::spec::Layer;
use crate::spline;
use ndarray::Array2;

/// The degree of hidden unit `unit` of `units`, for `lines` columns and a number of features that are not both so few
/// that a conditioner has no inputs.
pub fn hidden_degree(unit: usize, units: usize, lines: usize, features: usize) -> usize {
    if features > 0 { unit * lines / units } else { 1 + unit * (lines - 1) / units }
}

/// One mask of zeros and ones, `[in, out]`, for each weight matrix of an autoregressive conditioner; output `i` belongs
/// to column `outputs[i]`. None where a conditioner is a bias alone.
pub fn masks(lines: usize, features: usize, hidden: &[usize], outputs: &[usize]) -> Vec<Array2<f32>> {
    if lines < 2 && features == 0 {
        return Vec::new();
    }
    let columns = if lines > 1 { 1..lines + 1 } else { 1..1 };
    let mut below: Vec<usize> = std::iter::repeat_n(0, features).chain(columns).collect();
    let mut result = Vec::new();
    for &units in hidden {
        let degrees: Vec<usize> = (0..units).map(|unit| hidden_degree(unit, units, lines, features)).collect();
        result.push(mask(&below, &degrees));
        below = degrees;
    }
    result.push(mask(&below, outputs));
    result
}

/// The masks of a layer's weight matrices `dense.0`, `dense.1`, …; `None` for a layer that has no masks.
pub fn layer_masks(layer: &Layer, lines: usize, features: usize) -> Option<Vec<Array2<f32>>> {
    match layer {
        Layer::Permutation { .. }
        | Layer::ActNorm
        | Layer::Lu
        | Layer::AffineCoupling { .. }
        | Layer::SplineCoupling { .. } => None,
        Layer::MaskedAffine { hidden, .. } => {
            // All shifts, then all log-scales.
            Some(masks(lines, features, hidden, &(0..2 * lines).map(|i| i % lines).collect::<Vec<_>>()))
        }
        Layer::MaskedSpline { hidden, num_bins, .. } => {
            let each = spline::raw_values(*num_bins);
            Some(masks(lines, features, hidden, &(0..each * lines).map(|i| i / each).collect::<Vec<_>>()))
        }
    }
}

/// 1 where a unit of degree `below[i]` may be seen by one that sees degrees up to `above[j]`.
fn mask(below: &[usize], above: &[usize]) -> Array2<f32> {
    Array2::from_shape_fn((below.len(), above.len()), |(i, j)| if below[i] <= above[j] { 1.0 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_a_column_depend_on_the_columns_before_it() {
        for (dim, features) in [(2, 0), (3, 0), (7, 0), (3, 2), (1, 3)] {
            for hidden in [vec![], vec![1], vec![5], vec![16, 3], vec![64, 64]] {
                let outputs: Vec<usize> = (0..2 * dim).map(|i| i % dim).collect();
                let masks = masks(dim, features, &hidden, &outputs);
                assert_eq!(masks.len(), hidden.len() + 1);
                let paths = masks[1..].iter().fold(masks[0].clone(), |product, next| product.dot(next));
                for ((input, output), &count) in paths.indexed_iter() {
                    let before = input < features + outputs[output];
                    assert!(before || count == 0.0, "output {output} sees input {input}");
                }
                // Nothing is masked that need not be: a wide network sees every column before.
                if hidden.iter().all(|&units| units >= dim) {
                    for ((input, output), &count) in paths.indexed_iter() {
                        let after = input >= features + outputs[output];
                        assert!(after || count > 0.0, "{output} does not see {input}");
                    }
                }
            }
        }
    }
}
