//! Every function of a flow, with ordinary and with extreme numbers: all that comes out is finite.

use super::Draw;
use flow_nostd::Flow;

/// Rows of a whole block and one more have the bits that each has by itself.
fn batch(flow: &Flow<'_>, draw: &mut Draw) {
    const ROWS: usize = 17;
    let mut values = |width: usize| -> Vec<f32> {
        (0..ROWS * width).map(|i| if i % 3 == 0 { draw.any_finite() } else { draw.normal() }).collect()
    };
    let (columns, context_dim) = (flow.columns(), flow.context_dim());
    let (rows, contexts) = (values(columns), values(context_dim));
    let mut scratch = vec![f32::NAN; flow.batch_scratch_len()];
    let mut found = vec![f32::NAN; ROWS];
    flow.log_prob_batch(&rows, &contexts, &mut found, &mut scratch).unwrap();
    for (i, found) in found.into_iter().enumerate() {
        let (row, context) = (&rows[i * columns..][..columns], &contexts[i * context_dim..][..context_dim]);
        let alone = flow.log_prob(row, context, &mut scratch).unwrap();
        assert_eq!(found.to_bits(), alone.to_bits(), "{row:?} {context:?}");
    }
}

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
    batch(flow, &mut draw);
    let _ = flow.self_test(&mut scratch);
    (0..flow.columns()).for_each(|j| {
        let _ = (flow.column_name(j), flow.value_name(j), flow.context_name(j));
    });
}
