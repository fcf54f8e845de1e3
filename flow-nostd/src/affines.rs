//! Four affine transforms side by side, for hosts: the steps of [`affine`]. The bits are the same.

#![expect(clippy::arithmetic_side_effects, reason = "of floating-point numbers, which have none")]

use crate::affine;
use crate::lanes::Lanes;
use crate::layer::STATE_BOUND;
use wide::f32x4;

/// Replaces values; returns the sum of the log-determinants. `shifts` and `raws` may be longer than the values.
pub(crate) fn to_latent(values: &mut [f32], shifts: &[f32], raws: &[f32], bound: f32) -> f32 {
    let mut log_det = 0.0;
    let count = values.len();
    let (shifts, raws) = (shifts.get(..count).unwrap_or_default(), raws.get(..count).unwrap_or_default());
    let (fours, last) = values.as_chunks_mut();
    let ((four_shifts, last_shifts), (four_raws, last_raws)) = (shifts.as_chunks(), raws.as_chunks());
    for ((four, shift), raw) in fours.iter_mut().zip(four_shifts).zip(four_raws) {
        let (raw, all) = (f32x4::new(*raw), <f32x4 as Lanes<4>>::all);
        let log_scale = raw / (all(1.0) + raw.abs() / all(bound));
        let moved = f32x4::new(*four) * Lanes::exp(log_scale) + f32x4::new(*shift);
        let (most, least) = (all(STATE_BOUND), all(-STATE_BOUND));
        let not_above = moved.above(most).choose(most, moved);
        *four = least.above(moved).choose(least, not_above).to_array();
        for term in log_scale.to_array() {
            log_det += term;
        }
    }
    for ((x, &shift), &raw) in last.iter_mut().zip(last_shifts).zip(last_raws) {
        log_det += affine::to_latent(x, shift, raw, bound);
    }
    log_det
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::draws;
    use std::vec::Vec;

    #[test]
    fn side_by_side_they_have_the_bits_of_one_after_another() {
        let mut next = draws();
        for round in 0..if cfg!(miri) { 5 } else { 5000 } {
            let size = [1.0, 1e9, 1e30, 1e-30, 0.0][round % 5];
            let bound = [2.0, affine::SCALE_BOUND_MIN, affine::SCALE_BOUND_MAX][round % 3];
            // Of any number, and what a conditioner gives is followed by padding.
            let count = 1 + round % 9;
            let mut column = |size: f32| (0..count + round % 4).map(|_| next() * size).collect::<Vec<f32>>();
            let (mut values, shifts, raws) =
                (column(if round % 2 == 0 { 2.0 } else { 1e9 }), column(size), column(size));
            values.truncate(count);
            let mut expected = values.clone();
            let own = expected.iter_mut().zip(&shifts).zip(&raws);
            let log_det = own.fold(0.0, |sum, ((x, &shift), &raw)| sum + affine::to_latent(x, shift, raw, bound));
            let found = to_latent(&mut values, &shifts, &raws, bound);
            assert_eq!(found.to_bits(), log_det.to_bits(), "{found} {log_det}");
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(&values), bits(&expected), "raw values of {size}, bound {bound}");
        }
    }
}
