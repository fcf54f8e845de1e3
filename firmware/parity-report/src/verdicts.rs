//! Verdicts on the rows, the drift over them, and which column is to blame.

use crate::bits::Bits;
use crate::{Case, Output, read_row};
use core::hint::black_box;
use flow_nostd::{Detector, Drift, Flow, SensorState, Status};

/// Widest row here.
const COLUMNS: usize = 64;
/// Verdicts are on as many rows.
const ROWS: usize = 100;
/// As many rows are looked at for the column to blame, which takes many log-densities.
const BLAMED: usize = 4;

/// Reports on the verdicts, where the file has a calibration. `row` and `context` are as long as the flow says.
pub fn report(
    flow: &Flow,
    case: &Case,
    (row, context): (&mut [f32], &mut [f32]),
    scratch: &mut [f32],
    output: &mut impl Output,
) -> Result<(), &'static str> {
    let detector = Detector::new(*flow).map_err(|_| "the calibration is not valid")?;
    if detector.calibration_rows() == 0 {
        return Ok(());
    }
    let (mut sensors, mut shares) = ([SensorState::default(); COLUMNS], [0.0; COLUMNS]);
    let sensors = sensors.get_mut(..row.len()).ok_or("the flow has too many columns for verdicts")?;
    let shares = shares.get_mut(..row.len()).ok_or("the flow has too many columns for verdicts")?;
    let mut drift = Drift::new();
    let rows = case.rows.chunks_exact(4 * (row.len() + context.len()));
    for (i, bytes) in rows.enumerate().take(ROWS) {
        read_row(bytes, row, context);
        if let (3, Some(value)) = (i % 7, row.first_mut()) {
            *value = f32::NAN;
        }
        let verdict = detector.watch(row, context, sensors, scratch).map_err(|_| "watch failed")?;
        let level = drift.push(verdict.ln_p);
        let status = match verdict.status {
            Status::Scored => 0,
            Status::OutsideSupport { column } => 0x1_0000 | u32::from(column),
            Status::OutsideContext { column } => 0x4_0000 | u32::from(column),
            Status::Sensor { column, fault } => 0x2_0000 | (fault as u32) << 20 | u32::from(column),
            _ => u32::MAX,
        };
        let numbers = [verdict.log_prob, verdict.ln_p, level];
        output.line(format_args!("verdict {i} {} {:x} {status:x}", Bits(&numbers), u32::from(verdict.alarm)));
        if i < BLAMED {
            let worst = detector.blame(row, context, shares, scratch).map_err(|_| "blame failed")?;
            let worst = worst.map_or(u32::MAX, |column| column as u32);
            output.line(format_args!("blame {i} {} {worst:x}", Bits(shares)));
        }
    }
    output.cost("verdict", &mut || {
        let _ = black_box(detector.watch(black_box(row), context, sensors, scratch));
    });
    output.cost("log_prob_of_verdict", &mut || {
        let _ = black_box(flow.log_prob(black_box(row), context, scratch));
    });
    output.cost("drift", &mut || {
        black_box(drift.push(black_box(-3.0)));
    });
    Ok(())
}
