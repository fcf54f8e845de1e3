//! Bytes of a file at an address that the engine accepts.

use std::ops::Deref;
use std::path::Path;
use zerocopy::IntoBytes;

/// Bytes that start at a multiple of 16, as a frozen flow must lie for [`flow_nostd::Flow::new`] to read it in place.
#[derive(Clone, Debug, Default)]
pub struct AlignedBytes {
    words: Vec<u128>,
    length: usize,
}

impl AlignedBytes {
    /// Reads a whole file.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(path: impl AsRef<Path>) -> std::io::Result<Self> {
        std::fs::read(path).map(Self::from)
    }
}

impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        // The alignment of u128 is 16 on every target since Rust 1.77.
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        AlignedBytes { words, length: bytes.len() }
    }
}

impl From<Vec<u8>> for AlignedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.words.as_bytes()[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::AlignedBytes;

    #[test]
    fn the_same_bytes_at_a_multiple_of_sixteen() {
        for length in [0, 1, 15, 16, 17, 1000] {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let aligned = AlignedBytes::from(bytes.clone());
            assert_eq!(*aligned, bytes[..]);
            assert_eq!(aligned.as_ptr() as usize % 16, 0);
        }
    }
}
