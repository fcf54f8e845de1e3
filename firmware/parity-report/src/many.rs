//! Many rows, too many to print: a hash of the bits of every thousand rows' results.
//!
//! The rows are made here, on every target the same, from integers alone: values of the case's own rows with other low
//! bits, any finite bits at all, and what is odd about floating point.

use crate::{Case, Output};
use flow_nostd::Flow;
use rand_core::Rng;
use rand_pcg::Pcg32;

/// Rows of one hash.
const BLOCK: u32 = 1000;

/// ±0, the least and the greatest subnormal, the least normal, the greatest finite number.
const ODD: [u32; 8] =
    [0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, f32::MIN_POSITIVE.to_bits(), 0x7f7f_ffff, 0xff7f_ffff];

/// A hash in which one different word is always seen, and several all but always.
struct Hash(u32);

impl Hash {
    fn add(&mut self, values: &[f32]) {
        for value in values {
            self.0 = (self.0.rotate_left(5) ^ value.to_bits()).wrapping_mul(0x0100_0193);
        }
    }
}

/// Reports on `case.more` rows.
pub fn report(
    flow: &Flow,
    case: &Case,
    (row, context, z): (&mut [f32], &mut [f32], &mut [f32]),
    scratch: &mut [f32],
    output: &mut impl Output,
) -> Result<(), &'static str> {
    let mut rng = Pcg32::new(1, 3);
    let mut hash = Hash(0x811c_9dc5);
    for i in 0..case.more {
        make_row(&mut rng, case.rows, row, context);
        hash.add(&[flow.log_prob(row, context, scratch).map_err(|_| "log_prob failed")?]);
        hash.add(&[flow.to_latent(row, context, z, scratch).map_err(|_| "to_latent failed")?]);
        flow.to_data(z, context, row, scratch).map_err(|_| "to_data failed")?;
        hash.add(z);
        hash.add(row);
        if (i + 1) % BLOCK == 0 || i + 1 == case.more {
            output.line(format_args!("many {} {:08x}", i / BLOCK, hash.0));
        }
    }
    Ok(())
}

/// One row in two has one value that is odd, one row in four is odd altogether, the others lie near the case's rows.
fn make_row(rng: &mut Pcg32, rows: &[u8], row: &mut [f32], context: &mut [f32]) {
    let width = row.len() + context.len();
    let values = rows.as_chunks().0;
    let from = (rng.next_u32() as usize % (values.len() / width).max(1)) * width;
    let (manner, place) = (rng.next_u32() % 4, rng.next_u32() as usize % width);
    for (i, value) in row.iter_mut().chain(context).enumerate() {
        let there = values.get(from + i).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let draw = rng.next_u32();
        let is_odd = manner == 0 || (manner <= 2 && i == place);
        *value = f32::from_bits(if is_odd { odd(draw, rng.next_u32()) } else { there ^ (draw & low_bits(draw)) });
    }
}

/// An odd number, or any finite one.
fn odd(draw: u32, bits: u32) -> u32 {
    let any = if bits & 0x7f80_0000 == 0x7f80_0000 { bits & !0x4000_0000 } else { bits };
    if draw & 8 == 0 { ODD.get((draw & 7) as usize).copied().unwrap_or(0) } else { any }
}

/// None, few or all bits of the mantissa may change: a whole number should sometimes stay one.
fn low_bits(draw: u32) -> u32 {
    match draw >> 30 {
        0 => 0,
        1 => 0x0000_000f,
        _ => 0x007f_ffff,
    }
}
