//! Windows over signals: features of rows of raw channels, where the flow has windows.
//!
//! The signals are the values of the case's rows, one after the other, with odd ones among them, some of which are no
//! numbers.

use crate::bits::Bits;
use crate::{COLUMNS, Case, Output};
use core::hint::black_box;
use flow_nostd::{EvalError, Flow, Window, Windowing};
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Most values of a window over all its channels.
const MEMORY: usize = 256;
/// Rows of raw channels.
const ROWS: usize = 200;
/// Of this many values one is odd.
const ODD_ONE_IN: u32 = 24;
const ODD: [f32; 10] = [0.0, -0.0, 1e-45, -1e-39, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e17, f32::EPSILON, f32::NAN];

pub fn report(flow: &Flow, case: &Case, output: &mut impl Output) -> Result<(), &'static str> {
    let Ok(windowing) = Windowing::of(flow) else { return Ok(()) };
    let (mut memory, mut raw) = ([0.0; MEMORY], [0.0; COLUMNS]);
    let (mut row, mut context) = ([0.0; COLUMNS], [0.0; COLUMNS]);
    let raw = raw.get_mut(..windowing.channels()).ok_or("the windows have too many channels")?;
    let row = row.get_mut(..flow.columns()).ok_or("the flow has too many columns")?;
    let context = context.get_mut(..flow.context_dim()).ok_or("the flow has too much context")?;
    let mut window = Window::new(windowing, &mut memory).map_err(|_| "the windows are too long")?;
    let mut values = case.rows.as_chunks().0.iter().cycle().map(|bytes| f32::from_le_bytes(*bytes));
    let mut rng = Pcg32::new(1, 4);
    let mut number = 0;
    for i in 0..ROWS {
        for x in raw.iter_mut() {
            *x = values.next().ok_or("no rows")?;
            let draw = rng.next_u32();
            if draw.is_multiple_of(ODD_ONE_IN) {
                *x = ODD.get((draw >> 16) as usize % ODD.len()).copied().unwrap_or(0.0);
            }
        }
        match window.push(raw) {
            Ok(true) => {
                window.features(row, context).map_err(|_| "features failed")?;
                output.line(format_args!("window {number} {:08x} {}", i, Bits(row)));
                number += 1;
            }
            Ok(false) | Err(EvalError::NotFinite { .. } | EvalError::OutOfRange { .. }) => {}
            Err(_) => return Err("push failed"),
        }
    }
    // Until there is a complete one.
    for _ in 0..windowing.length() {
        raw.fill_with(|| values.next().unwrap_or(0.0));
        window.push(raw).map_err(|_| "push failed")?;
    }
    output.cost("push", &mut || {
        let _ = black_box(window.push(black_box(raw)));
    });
    output.cost("features", &mut || {
        let _ = black_box(window.features(black_box(row), context));
    });
    Ok(())
}
