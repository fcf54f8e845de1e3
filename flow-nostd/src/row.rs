//! Rows: what each value of a row and of its context becomes, and back.
//!
//! Memory lies as `[features][lines][circles]`. The features are what every conditioner sees beside the state: the
//! context, then cosine and sine of each circular column.

use crate::circle;
use crate::column::{CIRCULAR, CONSTANT, CONTEXT, clamp};
use crate::flow::Flow;
use crate::trig::cos_sin;
use crate::{ALL_KINDS, EvalError};

const STANDARD_MAX: f32 = 1e30;
const ALPHA_MAX: f32 = 1e36;

/// What the columns of a row add up to before the layers.
pub(crate) struct Entered {
    /// How many times outside the trusted box the row lies; 1 inside.
    pub alpha: f32,
    /// Sum of the columns' own terms.
    pub log_terms: f32,
}

/// Standardises a row into `state`: features, columns on a line, angles. `next` gives the next value, of the context where
/// it is asked for `true`.
pub(crate) fn enter(
    flow: &Flow<'_>,
    next: &mut dyn FnMut(bool) -> Option<f32>,
    state: &mut [f32],
) -> Result<Entered, EvalError> {
    let mut entered = Entered { alpha: 1.0, log_terms: 0.0 };
    let (features, values) = state.split_at_mut_checked(flow.features).unwrap_or_default();
    let (lines, circles) = values.split_at_mut_checked(flow.lines).unwrap_or_default();
    let (context, turns) = features.split_at_mut_checked(flow.context_dim()).unwrap_or_default();
    let (mut context, mut lines) = (context.iter_mut(), lines.iter_mut());
    let mut circles = circles.iter_mut().zip(turns.as_chunks_mut().0);
    let mut atoms = flow.atoms;
    for (column, record) in flow.columns.iter().enumerate() {
        let kind = record.kind.get();
        let x = next(record.is_context()).unwrap_or(0.0);
        if !x.is_finite() {
            return Err(EvalError::NotFinite { column });
        }
        match kind {
            CONSTANT => entered.log_terms += record.constant(x),
            CONTEXT if ALL_KINDS => {
                if let Some(slot) = context.next() {
                    *slot = record.feature(x);
                }
            }
            CIRCULAR if ALL_KINDS => {
                if let Some((slot, turn)) = circles.next() {
                    *slot = circle::angle(record, x);
                    *turn = cos_sin(*slot);
                }
            }
            _ => {
                let (mine, after) = atoms.split_at_checked(record.atoms.get().into()).unwrap_or_default();
                atoms = after;
                let (q, term) = record.place(mine, x);
                entered.log_terms += term;
                let [center, scale, reach, _] = record.values();
                // Neither difference nor quotient can be NaN: center is finite, scale positive and finite.
                let u = clamp((q - center) / scale, STANDARD_MAX);
                let ratio = u.abs() / reach;
                if ratio > entered.alpha {
                    entered.alpha = ratio;
                }
                if let Some(slot) = lines.next() {
                    *slot = u;
                }
            }
        }
    }
    if entered.alpha > ALPHA_MAX {
        entered.alpha = ALPHA_MAX;
    }
    Ok(entered)
}

/// Standardises a context into the first of the features.
pub(crate) fn enter_context(flow: &Flow<'_>, context: &[f32], features: &mut [f32]) -> Result<(), EvalError> {
    let mut slots = features.iter_mut().zip(context);
    for (column, record) in (0..usize::MAX).zip(flow.columns).filter(|(_, record)| record.is_context()) {
        let Some((slot, &x)) = slots.next() else { break };
        if !x.is_finite() {
            return Err(EvalError::NotFinite { column });
        }
        *slot = record.feature(x);
    }
    Ok(())
}

/// Writes the row of standardised values and angles.
pub(crate) fn leave(flow: &Flow<'_>, state: &[f32], row: &mut [f32]) {
    let values = state.get(flow.features..).unwrap_or_default();
    let (lines, circles) = values.split_at_checked(flow.lines).unwrap_or_default();
    let (mut lines, mut circles) = (lines.iter().copied(), circles.iter().copied());
    let mut atoms = flow.atoms;
    let records = flow.columns.iter().filter(|record| !record.is_context());
    for (x, record) in row.iter_mut().zip(records) {
        *x = match record.kind.get() {
            CONSTANT => record.values.first().map_or(0.0, |value| value.get()),
            CIRCULAR if ALL_KINDS => circle::value(record, circles.next().unwrap_or(0.0)),
            _ => {
                let (mine, after) = atoms.split_at_checked(record.atoms.get().into()).unwrap_or_default();
                atoms = after;
                record.leave(mine, flow.tails.leave(lines.next().unwrap_or(0.0)))
            }
        };
    }
}
