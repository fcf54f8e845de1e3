//! Masked autoregressive conditioner (Germain et al., "MADE", arXiv 1502.03509): one chain of dense layers over the
//! features and all columns, whose outputs for a column depend on the features and on the columns before it.
//!
//! Features have degree 0, column j of L degree j + 1, unit u of n hidden units degree `1 + floor(u * (L - 1) / n)`, or
//! `floor(u * L / n)` where there are features. A hidden unit sees what has at most its own degree, the outputs of column j
//! what has at most degree j; every other weight is zero, which is checked. Degrees never fall from one unit to the next,
//! so that what is seen is always the first so many.
//!
//! Towards the latent variable the chain runs once. Back, each column waits for the one before it; each hidden unit is
//! computed when the last column that it sees is known, together with the others of its panel.

use crate::conditioner::{self, Conditioner, Of};
use crate::dense::{DenseRecord, LANES, LANES_U32};
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::kernel::{self, Panels};
use crate::layer::{Conditioned, Work};
use crate::load::Loading;
use crate::word::Word;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

/// What degrees depend on: the numbers of columns on a line and of features.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub lines: u32,
    pub features: u32,
}

impl Order {
    /// The lowest degree of a hidden unit, and how many degrees hidden units have.
    fn hidden(self) -> (u32, u32) {
        if self.features == 0 { (1, self.lines.saturating_sub(1)) } else { (0, self.lines) }
    }
}

/// A row of units: features and columns, or a hidden layer.
#[derive(Clone, Copy)]
pub(crate) enum Units {
    Inputs,
    Hidden(u32),
}

impl Units {
    /// How many units, the first ones, have at most degree `degree`, which is at most the number of columns.
    pub(crate) fn up_to(self, degree: u32, order: Order) -> u32 {
        match self {
            Units::Inputs => order.features.saturating_add(degree),
            Units::Hidden(units) => {
                let (lowest, steps) = order.hidden();
                // The smallest u with u * steps >= (degree + 1 - lowest) * units.
                let degrees = degree.saturating_add(1).saturating_sub(lowest);
                let above = degrees.saturating_mul(units).saturating_add(steps.saturating_sub(1));
                above.checked_div(steps).map_or(0, |count| count.min(units))
            }
        }
    }

    /// The degree of a unit.
    pub(crate) fn degree(self, unit: u32, order: Order) -> u32 {
        match self {
            Units::Inputs => unit.saturating_add(1).saturating_sub(order.features),
            Units::Hidden(units) => {
                let (lowest, steps) = order.hidden();
                unit.saturating_mul(steps).checked_div(units).unwrap_or(0).saturating_add(lowest)
            }
        }
    }
}

/// Where the outputs of a column lie.
#[derive(Clone, Copy)]
pub(crate) enum Outputs {
    /// Output `o` belongs to column `o % lines`.
    Interleaved,
    /// Output `o` belongs to column `o / each`.
    Together(u16),
}

impl Outputs {
    /// The column that an output belongs to.
    pub(crate) fn column(self, output: u32, order: Order) -> u32 {
        match self {
            Outputs::Interleaved => output.checked_rem(order.lines),
            Outputs::Together(each) => output.checked_div(each.into()),
        }
        .unwrap_or(0)
    }

    fn each(self) -> u16 {
        match self {
            Outputs::Interleaved => 2,
            Outputs::Together(each) => each,
        }
    }
}

/// [`Units::up_to`] once for all checks, where size matters and speed does not.
#[inline(never)]
fn count_up_to(units: Units, degree: u32, order: Order) -> u32 {
    units.up_to(degree, order)
}

/// Checks the fields at the bytes 2, 4 and 6 of a masked layer's record and the conditioner that they name.
pub(crate) fn check(
    reserved: u16,
    dense: u16,
    count: u16,
    outputs: Outputs,
    loading: &mut Loading<'_>,
) -> Result<(), Fault> {
    let fail = |offset| Err(Fault::field(offset));
    if reserved != 0 {
        return fail(2);
    }
    if usize::from(dense) != loading.dense_used {
        return fail(4);
    }
    let Order { lines, features } = loading.order();
    // The only column of a flow sees the features; where there are none, its conditioner is a bias.
    let inputs = if lines == 1 { features } else { features.saturating_add(lines) };
    if count == 0 || (inputs == 0 && count != 1) {
        return fail(6);
    }
    let total = lines.saturating_mul(outputs.each().into());
    conditioner::check(loading, count, inputs, total, Of::Masked(outputs))
}

/// The conditioner of a masked layer, which reads the whole state.
pub(crate) fn conditioned(dense: U16, count: U16, flow: &Flow<'_>) -> Conditioned {
    let inputs = flow.features.saturating_add(flow.lines);
    Conditioned { conditioner: Conditioner { dense, count, inputs }, first: flow.features }
}

/// Checks that weights which the order forbids are +0. `above` are the outputs, the last layer's where not hidden units.
pub(crate) fn check_weights(
    weights: &[Word],
    record: &DenseRecord,
    below: Units,
    above: Result<Units, Outputs>,
    order: Order,
) -> Result<(), Fault> {
    // +0 is zero in every byte.
    let weight_bytes: usize = if record.is_i8() { 1 } else { 4 };
    let row_bytes = weight_bytes.saturating_mul(LANES);
    let panel_bytes = row_bytes.saturating_mul(record.inputs.get().into());
    let mut rows = weights.as_bytes();
    for panel in 0..record.panels() {
        let Some((panel_rows, rest)) = rows.split_at_checked(panel_bytes) else { return Ok(()) };
        rows = rest;
        for lane in 0..LANES {
            let output = panel.saturating_mul(LANES_U32).saturating_add(lane as u32);
            if output >= record.outputs.get().into() {
                break;
            }
            let degree = match above {
                Ok(units) => units.degree(output, order),
                Err(outputs) => outputs.column(output, order),
            };
            let unseen = panel_rows.chunks_exact(row_bytes).skip(count_up_to(below, degree, order) as usize);
            let first = lane.saturating_mul(weight_bytes);
            if unseen.filter_map(|row| row.get(first..)?.get(..weight_bytes)).any(|weight| !is_zero(weight)) {
                return Err(Fault::MASKED_WEIGHT);
            }
        }
    }
    Ok(())
}

/// Products that [`to_data`] takes for a hidden layer of `width` units: each panel anew for every degree in it.
pub(crate) fn hidden_products(below: Units, units: Units, width: u32, order: Order) -> u32 {
    let mut products = 0u32;
    let mut first = 0;
    while first < width {
        let degree = units.degree(first, order);
        let end = count_up_to(units, degree, order);
        products = products.saturating_add(panel_products(below, degree, first, end, order));
        // `end` is beyond `first`, whose degree it is; the loop ends whatever it is.
        first = end.max(first.saturating_add(1));
    }
    products
}

/// Products that [`to_data`] takes for the outputs.
pub(crate) fn output_products(below: Units, outputs: Outputs, order: Order) -> u32 {
    let mut products = 0u32;
    for column in 0..order.lines {
        products = products.saturating_add(match outputs {
            Outputs::Interleaved => count_up_to(below, column, order).saturating_mul(2),
            Outputs::Together(each) => {
                let first = column.saturating_mul(each.into());
                panel_products(below, column, first, first.saturating_add(each.into()), order)
            }
        });
    }
    products
}

/// Products of the panels that hold the units from `first` to before `end`, which see what has at most `degree`.
#[inline(never)]
fn panel_products(below: Units, degree: u32, first: u32, end: u32, order: Order) -> u32 {
    let (first, last) = panels(first, end);
    let lanes = last.saturating_sub(first).saturating_mul(LANES_U32);
    lanes.saturating_mul(count_up_to(below, degree, order))
}

/// The panels that hold the units from `first` to before `end`.
fn panels(first: u32, end: u32) -> (u32, u32) {
    (first / LANES_U32, end.div_ceil(LANES_U32))
}

/// Calls `transform` for each column in order with what its outputs are computed from, and its value, which becomes
/// the input of the columns after it.
pub(crate) fn to_data(
    flow: &Flow<'_>,
    first: u16,
    count: u16,
    state: &mut [f32],
    work: &mut Work<'_>,
    mut transform: impl FnMut(&Seen<'_>, usize, &mut f32, &mut [f32]),
) {
    let order = flow.order();
    let records = flow.dense.get(usize::from(first)..).and_then(|records| records.get(..usize::from(count)));
    let Some((last, hidden)) = records.and_then(<[DenseRecord]>::split_last) else { return };
    for degree in 0..order.lines {
        let column = degree as usize;
        let Some((known, rest)) = state.split_at_mut_checked(flow.features.saturating_add(column)) else { return };
        let Some(value) = rest.first_mut() else { return };
        let mut seen = Seen { input: known, rectify: false, record: last, flow };
        let mut buffer = &mut *work.a;
        for record in hidden {
            let units = Units::Hidden(record.outputs.get().into());
            let before = degree.checked_sub(1).map_or(0, |before| units.up_to(before, order));
            let end = units.up_to(degree, order);
            let padded = (record.panels() as usize).saturating_mul(LANES);
            let Some((values, after)) = buffer.split_at_mut_checked(padded) else { return };
            if before < end {
                let (first, last) = panels(before, end);
                let (from, to) = ((first as usize).saturating_mul(LANES), (last as usize).saturating_mul(LANES));
                let out = values.get_mut(from..to).unwrap_or_default();
                let which = Panels { first: first as usize, rectify: seen.rectify, add: false };
                kernel::run_panels(record, flow.weights, seen.input, which, out);
            }
            seen.input = values.get(..end as usize).unwrap_or_default();
            seen.rectify = true;
            buffer = after;
        }
        transform(&seen, column, value, work.b);
    }
}

/// What the outputs of a column are computed from.
pub(crate) struct Seen<'s> {
    input: &'s [f32],
    rectify: bool,
    record: &'s DenseRecord,
    flow: &'s Flow<'s>,
}

impl Seen<'_> {
    /// One output.
    pub(crate) fn output(&self, output: usize) -> f32 {
        kernel::run_lane(self.record, self.flow.weights, self.input, self.rectify, output)
    }

    /// Outputs from `first`, `count` of them.
    pub(crate) fn outputs<'b>(&self, first: usize, count: usize, buffer: &'b mut [f32]) -> &'b mut [f32] {
        let (panel, end) = (first / LANES, first.saturating_add(count).div_ceil(LANES));
        let out = buffer.get_mut(..end.saturating_sub(panel).saturating_mul(LANES)).unwrap_or_default();
        let which = Panels { first: panel, rectify: self.rectify, add: false };
        kernel::run_panels(self.record, self.flow.weights, self.input, which, out);
        out.get_mut(first % LANES..).and_then(|out| out.get_mut(..count)).unwrap_or_default()
    }
}
