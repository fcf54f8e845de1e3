//! What a mixture as base takes besides its numbers of components and values: products with its matrices, triangular ones, and
//! exponentials, of which those of components far from a row are soon done with, because they are 0.

use super::tried::weight;
use flow_nostd::Flow;
use flow_nostd::layout::{ComponentRecord, DenseRecord};

/// The exponential of anything below is 0.
const VANISHING: f32 = -104.0;

/// How many components are near a usual row: the mean over the centres of the components, each as often as it is drawn.
pub(super) fn near(flow: &Flow<'_>, components: &[ComponentRecord]) -> f64 {
    let (mut near, mut before) = (0.0, 0.0);
    for component in components {
        let share = component.cumulative.get() - before;
        before = component.cumulative.get();
        let centre = centre(flow, component);
        let logs: Vec<f32> = components.iter().map(|other| log(flow, other, &centre)).collect();
        let most = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        near += f64::from(share) * logs.iter().filter(|&log| log - most > VANISHING).count() as f64;
    }
    near
}

/// Of the products of an output of a matrix with the values before it: those with values that are not 0, and those with 0, in
/// the mean over the components.
pub(super) fn triangle(flow: &Flow<'_>, components: &[ComponentRecord]) -> [f64; 2] {
    let each = 1.0 / components.len() as f64;
    let (mut whole, mut zero) = (0.0, 0.0);
    for record in components.iter().filter_map(|component| dense(flow, component)) {
        for output in 0..record.outputs.get().into() {
            for input in 0..output {
                *(if weight(flow.weights(), record, input, output) == 0.0 { &mut zero } else { &mut whole }) += each;
            }
        }
    }
    [whole, zero]
}

fn dense<'a>(flow: &Flow<'a>, component: &ComponentRecord) -> Option<&'a DenseRecord> {
    flow.dense_records().get(usize::from(component.dense.get()))
}

/// The latent values that the component makes 0.
fn centre(flow: &Flow<'_>, component: &ComponentRecord) -> Vec<f32> {
    let Some(record) = dense(flow, component) else { return Vec::new() };
    let mut centre = Vec::new();
    for output in 0..record.outputs.get().into() {
        let value = -standard(flow, record, &centre, output) / weight(flow.weights(), record, output, output);
        centre.push(value);
    }
    centre
}

/// The component's logarithm of its density there, with its weight.
fn log(flow: &Flow<'_>, component: &ComponentRecord, values: &[f32]) -> f32 {
    let Some(record) = dense(flow, component) else { return 0.0 };
    let squares: f32 =
        (0..record.outputs.get().into()).map(|output| standard(flow, record, values, output).powi(2)).sum();
    component.log_weight.get() - 0.5 * squares
}

/// What the component makes of these values, the first ones.
fn standard(flow: &Flow<'_>, record: &DenseRecord, values: &[f32], output: usize) -> f32 {
    let bias = flow.weights().get(record.biases.get() as usize + output).map_or(0.0, |bias| bias.get());
    let product = |(input, value): (usize, &f32)| value * weight(flow.weights(), record, input, output);
    bias + values.iter().enumerate().map(product).sum::<f32>()
}
