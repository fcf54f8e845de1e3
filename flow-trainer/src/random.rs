//! All randomness of a run, as a function of (seed, purpose, step): the same on every backend.
//!
//! ChaCha with 8 rounds is a counter generator: the key is the seed, the stream is the purpose and the step.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// What numbers are drawn for; each purpose has streams of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Dequantization of a training batch; counted by steps.
    TrainNoise,
    /// The order of the rows in an epoch; counted by epochs.
    Shuffle,
    /// Dequantization of validation rows.
    ValidationNoise,
    /// Dequantization of rows to be evaluated; counted by draws.
    EvaluationNoise,
    /// The start of a mixture, and rows it is fitted to.
    Mixture,
    /// Dropout in a training batch; counted by steps.
    Dropout,
    /// Noise that smooths the density, in a training batch; counted by steps.
    Smoothing,
    /// Latent draws for the report's samples.
    Samples,
    /// Which rows a column's importance is measured on, and the orders in which its values are shuffled; counted by columns.
    Importance,
}

fn stream(seed: u64, purpose: Purpose, count: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 56) | count);
    rng
}

/// `n` draws from U(0, 1), multiples of 2⁻²⁴, never 1.
pub fn uniforms(seed: u64, purpose: Purpose, count: u64, n: usize) -> Vec<f32> {
    let mut rng = stream(seed, purpose, count);
    (0..n).map(|_| (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32).collect()
}

/// Normal draws that are made in one piece, and the words of the stream that such a piece has for itself: it takes some
/// two for a draw.
const PIECE: (usize, u128) = (4096, 1 << 16);

/// `n` draws from the standard normal distribution (by the ziggurat of `rand_distr`), on at most `threads` threads: the same
/// for any number.
pub fn normals(seed: u64, purpose: Purpose, count: u64, n: usize, threads: usize) -> Vec<f32> {
    let mut draws = vec![0.0; n];
    let (piece, words) = PIECE;
    let fill = |first: usize, draws: &mut [f32]| {
        let mut rng = stream(seed, purpose, count);
        for (k, draws) in draws.chunks_mut(piece).enumerate() {
            rng.set_word_pos((first + k) as u128 * words);
            draws.fill_with(|| StandardNormal.sample(&mut rng));
        }
    };
    let pieces = n.div_ceil(piece).div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let mut parts = draws.chunks_mut(pieces * piece).enumerate();
        let own = parts.next();
        for (k, draws) in parts {
            scope.spawn(move || fill(k * pieces, draws));
        }
        own.into_iter().for_each(|(k, draws)| fill(k * pieces, draws));
    });
    draws
}

/// A random order of `0..n`.
pub fn permutation(seed: u64, purpose: Purpose, count: u64, n: usize) -> Vec<usize> {
    let mut rng = stream(seed, purpose, count);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        // Multiply and shift: the bias is below 2^-32 for any table that fits into memory.
        let j = ((u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64) as usize;
        order.swap(i, j);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_every_part_of_the_key_and_nothing_else() {
        let draw = |seed, purpose, count| uniforms(seed, purpose, count, 4);
        assert_eq!(draw(1, Purpose::TrainNoise, 2), draw(1, Purpose::TrainNoise, 2));
        assert_ne!(draw(1, Purpose::TrainNoise, 2), draw(2, Purpose::TrainNoise, 2));
        assert_ne!(draw(1, Purpose::TrainNoise, 2), draw(1, Purpose::Shuffle, 2));
        assert_ne!(draw(1, Purpose::TrainNoise, 2), draw(1, Purpose::TrainNoise, 3));
    }

    #[test]
    fn a_permutation_holds_each_index_once() {
        let mut order = permutation(3, Purpose::Shuffle, 0, 100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn normals_are_the_same_on_any_number_of_threads() {
        for n in [0, 1, 2 * PIECE.0 + 3, 5 * PIECE.0] {
            let one = normals(1, Purpose::Smoothing, 2, n, 1);
            for threads in [2, 3, 8] {
                assert_eq!(normals(1, Purpose::Smoothing, 2, n, threads), one, "{n} on {threads} threads");
            }
        }
    }

    #[test]
    fn normals_have_the_moments_of_the_normal_distribution() {
        let z = normals(0, Purpose::Samples, 0, 100_000, 1);
        let mean = z.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        let variance = z.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }
}
