//! Numbers as hexadecimal digits: of fixed width, in lower case, so that a number has one form only.

use core::fmt::{Result, Write};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Writes the lowest `4 * width` bits as `width` digits.
pub(crate) fn write(out: &mut dyn Write, value: u32, width: u32) -> Result {
    for place in (0..width).rev() {
        let digit = value.checked_shr(place.saturating_mul(4)).unwrap_or(0) & 15;
        out.write_char(char::from(DIGITS.get(digit as usize).copied().unwrap_or(b'0')))?;
    }
    Ok(())
}

/// Reads exactly `width` digits, at most eight.
pub(crate) fn read(text: &[u8], width: usize) -> Option<u32> {
    if text.len() != width || width > 8 {
        return None;
    }
    text.iter().try_fold(0u32, |value, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            _ => return None,
        };
        Some((value << 4) | u32::from(digit))
    })
}

/// Reads four digits.
pub(crate) fn read_u16(text: &[u8]) -> Option<u16> {
    read(text, 4).and_then(|value| value.try_into().ok())
}

/// Reads the bits of a number.
pub(crate) fn read_f32(text: &[u8]) -> Option<f32> {
    read(text, 8).map(f32::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test]
    fn a_number_has_one_form() {
        for value in [0, 1, 0x7fc0_0001, 0x8000_0000, u32::MAX, 0x1234_abcd] {
            let mut text = String::new();
            write(&mut text, value, 8).unwrap();
            assert_eq!(text, std::format!("{value:08x}"));
            assert_eq!(read(text.as_bytes(), 8), Some(value));
        }
        for text in ["", "0", "0000000", "000000000", "1234ABCD", "+1234567", "-0000001", " 0000001", "0000000g"] {
            assert_eq!(read(text.as_bytes(), 8), None, "{text}");
        }
        assert_eq!(read_u16(b"00ff"), Some(255));
    }
}
