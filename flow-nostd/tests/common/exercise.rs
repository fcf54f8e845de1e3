//! Every function of a flow, with ordinary and with extreme numbers: all that comes out is finite.

use super::Draw;
use flow_nostd::Flow;

/// Whatever the row: no panic, no NaN, no infinity.
pub fn exercise(flow: &Flow<'_>, seed: u64) {
    assert!(flow.scratch_len() < 100_000);
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    let mut draw = Draw::new(seed);
    let (mut row, mut z) = (vec![0.0; flow.columns()], vec![0.0; flow.dim()]);
    let mut context = vec![0.0; flow.context_dim()];
    for round in 0..4 {
        row.iter_mut().chain(&mut context).for_each(|x| *x = if round < 2 { draw.normal() } else { draw.any_finite() });
        assert!(flow.log_prob(&row, &context, &mut scratch).unwrap().is_finite(), "{row:?}");
        assert!(flow.to_latent(&row, &context, &mut z, &mut scratch).unwrap().is_finite());
        assert!(z.iter().all(|v| v.is_finite()));
        z.iter_mut().for_each(|v| *v = if round < 2 { draw.normal() } else { draw.any_finite() });
        flow.to_data(&z, &context, &mut row, &mut scratch).unwrap();
        assert!(row.iter().all(|v| v.is_finite()), "{z:?} {row:?}");
        flow.sample(&mut draw.0, &context, &mut row, &mut scratch).unwrap();
        assert!(row.iter().all(|v| v.is_finite()));
    }
    let _ = flow.self_test(&mut scratch);
    (0..flow.columns()).for_each(|j| {
        let _ = flow.column_name(j);
    });
}
