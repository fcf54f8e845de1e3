//! CRC-32 as zlib has it, of bytes that come one after another.
//!
//! Bit by bit: a line is short, and a table would take more flash than it saves time.

/// The checksum of the bytes so far.
#[derive(Clone, Copy)]
pub(crate) struct Crc(u32);

impl Crc {
    /// Of no bytes.
    pub const fn new() -> Self {
        Crc(u32::MAX)
    }

    /// Takes more bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 ^= u32::from(byte);
            for _ in 0..8 {
                self.0 = (self.0 >> 1) ^ (0xedb8_8320 & (self.0 & 1).wrapping_neg());
            }
        }
    }

    /// Of all that was taken.
    pub fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_of_frozen_flows() {
        let mut crc = Crc::new();
        crc.take(b"1234");
        crc.take(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
        assert_eq!(crc.value(), flow_nostd::layout::crc32(b"123456789"));
    }
}
