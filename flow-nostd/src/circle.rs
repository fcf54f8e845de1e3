//! Circular columns: an angle each, which a periodic spline takes to a latent angle.
//!
//! Rezende et al., "Normalizing Flows on Tori and Spheres", arXiv 2002.02428, section 2.3.2. Circle j's spline is
//! conditioned on the context and on cosine and sine of the circular columns before it. The layers see cosines and sines
//! of all of them.

use crate::ALL_KINDS;
use crate::column::{ColumnRecord, clamp, floor};
use crate::conditioner::{self, Conditioner, Of};
use crate::fault::{Fault, is_zero};
use crate::flow::Flow;
use crate::layer::Work;
use crate::load::Loading;
use crate::section::CIRCLES;
use crate::spline::{self, Spline};
use crate::trig::cos_sin;
use core::f32::consts::PI;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The spline of a circular column as it lies in the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CircleRecord {
    /// First dense record of the conditioner.
    pub dense: U16,
    /// Number of dense records of the conditioner.
    pub dense_count: U16,
    /// Number of bins.
    pub num_bins: U16,
    /// Zero.
    pub reserved: [u8; 10],
}

/// Checks the splines of all circular columns and their conditioners.
pub(crate) fn check(circles: &[CircleRecord], context: u32, loading: &mut Loading<'_>) -> Result<(), Fault> {
    loading.place.tag = CIRCLES;
    let mut inputs = context;
    for (index, record) in (0..u16::MAX).zip(circles) {
        loading.place.index = index;
        let fail = |offset| Err(Fault::field(offset));
        let (count, bins) = (record.dense_count.get(), record.num_bins.get());
        if usize::from(record.dense.get()) != loading.dense_used {
            return fail(0);
        }
        if count == 0 || (inputs == 0 && count != 1) {
            return fail(2);
        }
        if !spline::is_bins(bins) {
            return fail(4);
        }
        if !is_zero(&record.reserved) {
            return fail(6);
        }
        conditioner::check(loading, count, inputs, raw_values(bins).into(), Of::Circle)?;
        inputs = inputs.saturating_add(2);
    }
    Ok(())
}

/// Number of raw values of a periodic spline: the slope at both ends, one and the same, is the last.
fn raw_values(bins: u16) -> u16 {
    spline::raw_values(bins).saturating_add(1)
}

/// The angle of a value, from -π to π. A place so many turns away that its share of a turn is lost counts as a start.
pub(crate) fn angle(record: &ColumnRecord, x: f32) -> f32 {
    let [origin, period, _, _] = record.values();
    let turns = (x - origin) / period;
    let share = turns - floor(turns);
    // Rounded to a whole turn, or NaN where the number of turns is infinite.
    let share = if share < 1.0 { share } else { 0.0 };
    (share + share - 1.0) * PI
}

/// The value of an angle: finite whatever the record says.
pub(crate) fn value(record: &ColumnRecord, theta: f32) -> f32 {
    let [origin, period, _, _] = record.values();
    clamp(origin + (theta / PI + 1.0) * 0.5 * period, f32::MAX)
}

/// Replaces the angles by latent ones; returns the log-determinant.
pub(crate) fn to_latent(flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
    let mut log_det = 0.0;
    each(flow, state, work, |spline, theta, raws, _| log_det += spline.bend(theta, raws));
    log_det
}

/// Replaces latent angles by the columns' own, and sets the features that they give.
pub(crate) fn to_data(flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
    each(flow, state, work, |spline, theta, raws, turn| {
        spline.unbend(theta, raws);
        *turn = cos_sin(*theta);
    });
}

/// Calls `transform` with each circle's spline, angle, raw values, and cosine and sine among the features.
fn each(
    flow: &Flow<'_>,
    state: &mut [f32],
    work: &mut Work<'_>,
    mut transform: impl FnMut(&Spline, &mut f32, &mut [f32], &mut [f32; 2]),
) {
    let (features, values) = state.split_at_mut_checked(flow.features).unwrap_or_default();
    let angles = values.get_mut(flow.lines..).unwrap_or_default();
    let circles = if ALL_KINDS { flow.circles } else { &[] };
    for ((j, record), theta) in circles.iter().enumerate().zip(angles) {
        let bins = record.num_bins.get();
        let conditioner = Conditioner { dense: record.dense, count: record.dense_count, inputs: features.len() };
        let out = conditioner.run(flow, features, work);
        let raws = out.get_mut(..raw_values(bins).into()).unwrap_or_default();
        let turns = features.get_mut(flow.context_dim()..).unwrap_or_default().as_chunks_mut().0;
        let Some(turn) = turns.get_mut(j) else { return };
        transform(&Spline::new(PI, bins), theta, raws, turn);
        *theta = clamp(*theta, PI);
    }
}
