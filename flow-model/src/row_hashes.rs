//! The rows that a flow was trained on, by their hashes: enough to find out whether other rows are the same.

/// Hashes of rows, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowHashes(Vec<u32>);

impl RowHashes {
    /// Of rows of all columns.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r [f32]>) -> Self {
        let mut hashes: Vec<u32> = rows.into_iter().map(hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
        RowHashes(hashes)
    }

    /// Those that [`RowHashes::as_slice`] gave; sorted here, whatever their order.
    pub fn from_hashes(mut hashes: Vec<u32>) -> Self {
        hashes.sort_unstable();
        RowHashes(hashes)
    }

    /// The hashes, ascending.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// How many of these rows are among them. Of rows that are not, one in a thousand seems to be where four million were
    /// trained on, and fewer where there were fewer.
    pub fn count<'r>(&self, rows: impl IntoIterator<Item = &'r [f32]>) -> usize {
        rows.into_iter().filter(|row| self.0.binary_search(&hash(row)).is_ok()).count()
    }
}

/// FNV-1a of the values' bits in 64 bits, folded to 32. Both zeros are the same value.
fn hash(row: &[f32]) -> u32 {
    let bytes = row.iter().flat_map(|x| if *x == 0.0 { [0; 4] } else { x.to_le_bytes() });
    let wide =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (wide ^ wide >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_again_and_others_are_not() {
        let rows: Vec<[f32; 3]> = (0..5000).map(|i| [i as f32, (i % 7) as f32 * 0.1, -0.0]).collect();
        let hashes = RowHashes::of(rows.iter().map(|row| &row[..]));
        assert_eq!(hashes.as_slice().len(), 5000);
        assert_eq!(hashes.count(rows.iter().map(|row| &row[..])), 5000);
        assert_eq!(hashes.count([&[17.0, 0.3, 0.0][..]]), 1);
        let others: Vec<[f32; 3]> = (0..5000).map(|i| [i as f32, (i % 7) as f32 * 0.1, 1.0]).collect();
        assert!(hashes.count(others.iter().map(|row| &row[..])) < 3);
        assert_eq!(RowHashes::from_hashes(hashes.as_slice().to_vec()), hashes);
    }
}
