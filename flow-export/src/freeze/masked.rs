//! What is particular to autoregressive layers in a frozen file: weights that do not exist are zero, and the way back to
//! the data takes memory and products of its own, which the engine checks to the last one.

use flow_model::masks::{hidden_degree, layer_masks};
use flow_model::params::Layout;
use flow_model::spec::Layer;
use flow_nostd::layout::LANES;

/// The outputs of an autoregressive conditioner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outputs {
    /// How many each column has.
    pub each: usize,
    /// Whether those of a column lie together, column after column.
    pub together: bool,
}

/// What the way from the latent variable to the data takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Costs {
    /// Lengths of the two buffers.
    pub buffers: [usize; 2],
    /// Multiply-accumulates.
    pub macs: u64,
}

/// The parameters with +0 for every weight of layer `i` that its order of columns forbids.
pub(super) fn masked(
    layer: &Layer,
    i: usize,
    [lines, features]: [usize; 2],
    layout: &Layout,
    params: &[f32],
) -> Vec<f32> {
    let mut params = params.to_vec();
    for (j, mask) in layer_masks(layer, lines, features).unwrap_or_default().iter().enumerate() {
        let Some(slice) = layout.get(&format!("layers.{i}.dense.{j}.weight")) else { continue };
        for (weight, &exists) in params[slice.range()].iter_mut().zip(mask) {
            if exists == 0.0 {
                *weight = 0.0;
            }
        }
    }
    params
}

/// Hidden layers are kept side by side, and each panel of them is computed anew for every degree in it; the outputs of a
/// column are computed when its turn comes.
pub(super) fn costs([lines, features]: [usize; 2], hidden: &[usize], outputs: Outputs) -> Costs {
    let panels = |first: usize, end: usize| end.div_ceil(LANES) - first / LANES;
    let mut costs = Costs::default();
    // How many units below have at most a degree, for each degree from 0.
    let mut below: Vec<usize> = (0..=lines).map(|degree| features + degree).collect();
    for &units in hidden {
        let degrees: Vec<usize> = (0..units).map(|unit| hidden_degree(unit, units, lines, features)).collect();
        let here: Vec<usize> = (0..=lines).map(|degree| degrees.partition_point(|&d| d <= degree)).collect();
        for degree in 0..lines {
            let (first, end) = (if degree > 0 { here[degree - 1] } else { 0 }, here[degree]);
            if first < end {
                costs.macs += (LANES * panels(first, end) * below[degree]) as u64;
            }
        }
        costs.buffers[0] += units.next_multiple_of(LANES);
        below = here;
    }
    for (column, &seen) in below.iter().enumerate().take(lines) {
        let lanes = match outputs.together {
            true => LANES * panels(column * outputs.each, (column + 1) * outputs.each),
            false => outputs.each,
        };
        costs.macs += (lanes * seen) as u64;
    }
    if outputs.together {
        costs.buffers[1] = (outputs.each + LANES - 1).next_multiple_of(LANES);
    }
    costs
}
