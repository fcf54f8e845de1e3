//! Mixture of normal distributions: a base for data that lie in clusters.
//!
//! Each component is a standard normal distribution of `y = z · A + b`, A being triangular, y_j of z_0 to z_j: the
//! Cholesky factor of its precision. `log p(z) = ln Σ_k exp(log_weight_k - |y_k|² / 2)`, log_weight_k with the logarithms
//! of the weight, of A's determinant and of the normal distribution's constant. Since A is triangular, a variate of a
//! component is solved for by substitution.

use crate::column::clamp;
use crate::dense::{self, DenseRecord, LANES_U32};
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::kernel;
use crate::layer::{STATE_BOUND, Work};
use crate::load::Loading;
use crate::range;
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bound on the absolute log-weight of a component.
pub const LOG_WEIGHT_MAX: f32 = 1e9;
/// What a value of a component counts as at most: its square is finite, and so is the sum of all.
const VALUE_BOUND: f32 = 1e15;

/// A component as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ComponentRecord {
    /// ln(weight) + ln det A − L · ln(2π) / 2.
    pub log_weight: F32,
    /// The sum of the weights up to this component's; the last one's is 1.
    pub cumulative: F32,
    /// The dense record of A and b.
    pub dense: U16,
    /// Zero.
    pub reserved: [u8; 6],
}

/// Checks the components and their dense records, which follow those of all layers.
pub(crate) fn check(components: &[ComponentRecord], loading: &mut Loading<'_>) -> Result<(), Fault> {
    let mut before = 0.0;
    let last = components.len();
    for (index, component) in (1..=u16::MAX).zip(components) {
        loading.place.index = index;
        let fail = |offset| Err(Fault::field(offset));
        if !range::is_at_most(component.log_weight.get(), LOG_WEIGHT_MAX) {
            return fail(0);
        }
        let cumulative = component.cumulative.get();
        if !(before..=1.0).contains(&cumulative) || (usize::from(index) == last && cumulative != 1.0) {
            return fail(4);
        }
        before = cumulative;
        if usize::from(component.dense.get()) != loading.dense_used {
            return fail(8);
        }
        if !is_zero(&component.reserved) {
            return fail(10);
        }
        let Some(square) = dense::check_square(loading)? else { return fail(8) };
        check_triangular(&square)?;
        loading.need_a(square.record.panels().saturating_mul(LANES_U32));
    }
    loading.need_b(last as u32);
    // One component is drawn from, and value j of it takes the j values before it.
    let lines = u32::from(loading.lines);
    let triangle = lines.saturating_mul(lines.saturating_sub(1)) / 2;
    loading.add_macs(lines.saturating_mul(lines).saturating_mul(last as u32), triangle);
    Ok(())
}

fn check_triangular(square: &dense::Square<'_>) -> Result<(), Fault> {
    let lines = usize::from(square.record.inputs.get());
    for output in 0..lines {
        for input in output..lines {
            let weight = square.weights.get(square.record.place(input, output));
            if input == output {
                if !weight.is_some_and(|word| word.get() > 0.0) {
                    return Err(Fault::DIAGONAL);
                }
            } else if weight.is_some_and(|word| word.bits() != 0) {
                return Err(Fault::MASKED_WEIGHT);
            }
        }
    }
    Ok(())
}

/// The log-density of a latent vector.
pub(crate) fn log_prob(components: &[ComponentRecord], flow: &Flow<'_>, z: &[f32], work: &mut Work<'_>) -> f32 {
    let mut most = f32::NEG_INFINITY;
    for (component, log) in components.iter().zip(work.b.iter_mut()) {
        let Some(dense) = dense_of(component, flow) else { return 0.0 };
        kernel::run_straight(dense, flow.weights, z, work.a);
        let mut squares = 0.0;
        for &y in work.a.iter().take(z.len()) {
            let y = clamp(y, VALUE_BOUND);
            squares += y * y;
        }
        *log = component.log_weight.get() - 0.5 * squares;
        if *log > most {
            most = *log;
        }
    }
    let mut sum = 0.0;
    for log in work.b.iter().take(components.len()) {
        sum += libm::expf(*log - most);
    }
    most + libm::logf(sum)
}

/// The component that a draw picks.
pub(crate) fn pick(components: &[ComponentRecord], high: u32) -> Option<&ComponentRecord> {
    const UNIT: f32 = 1.0 / 4_294_967_296.0;
    let share = high as f32 * UNIT;
    components.iter().find(|component| share < component.cumulative.get()).or(components.last())
}

/// Replaces standard normal variates by variates of a component.
pub(crate) fn solve(component: &ComponentRecord, flow: &Flow<'_>, values: &mut [f32]) {
    let Some(dense) = dense_of(component, flow) else { return };
    for j in 0..values.len() {
        let Some((known, [value, ..])) = values.split_at_mut_checked(j) else { return };
        let rest = *value - kernel::run_straight_lane(dense, flow.weights, known, false, j);
        let place = (dense.weights.get() as usize).saturating_add(dense.place(j, j));
        let diagonal = flow.weights.get(place).map_or(1.0, |word| word.get());
        *value = clamp(rest / diagonal, STATE_BOUND);
    }
}

fn dense_of<'a>(component: &ComponentRecord, flow: &Flow<'a>) -> Option<&'a DenseRecord> {
    flow.dense.get(usize::from(component.dense.get()))
}
