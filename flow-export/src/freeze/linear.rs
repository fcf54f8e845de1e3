//! The matrix of a linear layer and its inverse, computed in double precision: `W = (I + L) · (U + diag(exp d))`, L and U
//! being strictly triangular (Kingma and Dhariwal, "Glow", arXiv 1807.03039, equation 10).

use super::{FreezeError, Parts, Weights, narrow, values};
use flow_model::params::Layout;
use flow_nostd::layout::{IDENTITY, LINEAR, LinearRecord};
use zerocopy::little_endian::{F32, U16};

impl Parts {
    /// Appends layer `i`, over `lines` values.
    pub(super) fn linear(
        &mut self,
        i: usize,
        lines: usize,
        layout: &Layout,
        params: &[f32],
    ) -> Result<(), FreezeError> {
        let part = |name: &str| values(layout, params, &format!("layers.{i}.{name}"));
        let log_diagonal = part("log_diagonal");
        let record = LinearRecord {
            kind: U16::new(LINEAR),
            reserved: U16::ZERO,
            dense: narrow(|| "number of dense layers".into(), self.dense.len())?,
            dense_count: U16::new(2),
            log_det: F32::new(log_diagonal.iter().map(|&d| f64::from(d)).sum::<f64>() as f32),
            reserved_b: [0; 20],
        };
        for matrix in matrices(part("lower"), part("upper"), log_diagonal) {
            let single: Vec<f32> = matrix.iter().map(|&v| v as f32).collect();
            let place = || format!("width of layers[{i}]");
            let padded = self.dense(place, [lines, lines], IDENTITY, Weights::F32, &single, &vec![0.0; lines])?;
            self.buffers[0] = self.buffers[0].max(padded);
        }
        self.macs_log_prob += (lines * lines) as u64;
        self.macs_sample += (lines * lines) as u64;
        self.layers.push(zerocopy::transmute!(record));
        Ok(())
    }
}

/// W and its inverse, `[from][to]` one row after the other. Of `lower` and `upper` the strict triangles count.
fn matrices(lower: &[f32], upper: &[f32], log_diagonal: &[f32]) -> [Vec<f64>; 2] {
    let n = log_diagonal.len();
    let l = |i: usize, j: usize| f64::from(lower[i * n + j]);
    let u = |i: usize, j: usize| f64::from(upper[i * n + j]);
    let diagonal: Vec<f64> = log_diagonal.iter().map(|&d| libm::exp(d.into())).collect();
    let mut forward = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let mut sum: f64 = (0..i.min(j)).map(|k| l(i, k) * u(k, j)).sum();
            sum += if i <= j { if i == j { diagonal[i] } else { u(i, j) } } else { l(i, j) * diagonal[j] };
            forward[i * n + j] = sum;
        }
    }
    // Row r of the inverse is the x of x · W = e_r: first y · (U + diag) = e_r, then x · (I + L) = y.
    let mut inverse = vec![0.0; n * n];
    for (r, x) in inverse.chunks_exact_mut(n).enumerate() {
        for j in r..n {
            let known: f64 = (r..j).map(|k| x[k] * u(k, j)).sum();
            x[j] = (if j == r { 1.0 } else { 0.0 } - known) / diagonal[j];
        }
        for j in (0..n).rev() {
            let known: f64 = (j + 1..n).map(|k| x[k] * l(k, j)).sum();
            x[j] -= known;
        }
    }
    [forward, inverse]
}

#[cfg(test)]
mod tests {
    use super::matrices;

    #[test]
    fn the_inverse_undoes_the_matrix() {
        for n in [1, 2, 5, 36] {
            let some = |seed: usize, count: usize| -> Vec<f32> {
                (0..count).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 200.0).collect()
            };
            let (lower, upper, log_diagonal) = (some(1, n * n), some(2, n * n), some(3, n));
            let [forward, inverse] = matrices(&lower, &upper, &log_diagonal);
            // The first row of L · U is U's own.
            assert!((1..n).all(|j| forward[j] == f64::from(upper[j])));
            for i in 0..n {
                for j in 0..n {
                    let product: f64 = (0..n).map(|k| forward[i * n + k] * inverse[k * n + j]).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9, "{n}: {i} {j} {product}");
                }
            }
        }
    }
}
