//! Which weights of an autoregressive conditioner exist: the masks of MADE (Germain et al., arXiv 1502.03509).
//!
//! Every unit has a degree, and may depend on the features and on columns `0..degree` only. Features, which come first
//! among the inputs, have degree 0, column `j` has degree `j + 1`; a hidden unit sees units of at most its own degree; the
//! outputs of column `j` see units of degree at most `j`, so that they depend on the columns before it. Hidden degrees are
//! sorted, from 1, or 0 where there are features, to `lines - 1`: the values of the first units are final before later
//! columns are known, of which a sequential inverse makes use.

use crate::params::masked_inputs;
use crate::spec::Layer;
use crate::spline;
use ndarray::Array2;

/// The degree of hidden unit `unit` of `units`, for `lines` columns, at least 2 where there are no features.
pub fn hidden_degree(unit: usize, units: usize, lines: usize, features: usize) -> usize {
    match features {
        0 => 1 + unit * (lines - 1) / units,
        _ => unit * lines / units,
    }
}

/// One mask of zeros and ones, `[in, out]`, for each weight matrix of an autoregressive conditioner; output `i` belongs
/// to column `outputs[i]`. None for a single column without features, whose conditioner is a bias alone.
pub fn masks(lines: usize, features: usize, hidden: &[usize], outputs: &[usize]) -> Vec<Array2<f32>> {
    let inputs = masked_inputs(lines, features);
    if inputs == 0 {
        return Vec::new();
    }
    let mut below: Vec<usize> = (0..inputs).map(|i| (i + 1).saturating_sub(features)).collect();
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
        for dim in [2, 3, 7] {
            for hidden in [vec![], vec![1], vec![5], vec![16, 3], vec![64, 64]] {
                let outputs: Vec<usize> = (0..2 * dim).map(|i| i % dim).collect();
                let masks = masks(dim, 0, &hidden, &outputs);
                assert_eq!(masks.len(), hidden.len() + 1);
                let paths = masks[1..].iter().fold(masks[0].clone(), |product, next| product.dot(next));
                for ((input, output), &count) in paths.indexed_iter() {
                    assert!(input < outputs[output] || count == 0.0, "output {output} sees column {input}");
                }
                // Nothing is masked that need not be: a wide network sees every column before.
                if hidden.iter().all(|&units| units >= dim) {
                    for ((input, output), &count) in paths.indexed_iter() {
                        assert!(input >= outputs[output] || count > 0.0, "{output} does not see {input}");
                    }
                }
            }
        }
    }
}
