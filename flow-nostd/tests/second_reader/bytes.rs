//! Little-endian numbers out of bytes, and the check sum: `spec/format.md`, its first lines and "Header".

/// What a rule says of a file: nothing, or how it is broken.
pub type Rule<T = ()> = Result<T, String>;

/// The rule holds, or the file is refused with these words.
pub fn rule(holds: bool, words: impl FnOnce() -> String) -> Rule {
    if holds { Ok(()) } else { Err(words()) }
}

/// The byte at an offset, two, four, and four as a number of single precision. All offsets lie in records whose length was
/// checked before.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) | u16::from(bytes[at + 1]) << 8
}

/// See [`u16_at`].
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// See [`u16_at`].
pub fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// Whether the bytes from one offset to another are zero.
pub fn zero(bytes: &[u8], from: usize, to: usize) -> bool {
    bytes[from..to].iter().all(|&byte| byte == 0)
}

/// CRC-32/ISO-HDLC, bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = 0xffff_ffffu32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    crc ^ 0xffff_ffff
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_sum_of_the_specification() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
