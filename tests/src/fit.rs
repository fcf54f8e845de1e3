//! Least squares without negative numbers, for the costs of parts of which some may come up together always.

/// Rounds of coordinate descent; after a few hundred nothing of note changes.
const ROUNDS: usize = 20_000;

/// The values, none below 0, whose products with each row are nearest to its target in the sum of squares.
pub fn least_squares(rows: &[Vec<f64>], targets: &[f64]) -> Vec<f64> {
    let size = rows.first().map_or(0, Vec::len);
    let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let squares: Vec<Vec<f64>> = (0..size).map(|i| (0..size).map(|j| product(i, j)).collect()).collect();
    let aim = |i: usize| rows.iter().zip(targets).map(|(row, target)| row[i] * target).sum::<f64>();
    let aims: Vec<f64> = (0..size).map(aim).collect();
    let mut values = vec![0.0; size];
    for _ in 0..ROUNDS {
        for i in (0..size).filter(|&i| squares[i][i] > 0.0) {
            let reached: f64 = squares[i].iter().zip(&values).map(|(square, value)| square * value).sum();
            values[i] = (values[i] + (aims[i] - reached) / squares[i][i]).max(0.0);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_made_the_targets_and_nothing_below_zero() {
        let rows = [[1.0, 2.0, 0.0], [1.0, 0.0, 0.0], [1.0, 5.0, 0.0], [1.0, 1.0, 0.0]].map(Vec::from);
        let values = least_squares(&rows, &[7.0, 3.0, 13.0, 5.0]);
        assert!((values[0] - 3.0).abs() < 1e-9 && (values[1] - 2.0).abs() < 1e-9 && values[2] == 0.0, "{values:?}");
        let falling = least_squares(&rows, &[2.0, 4.0, -1.0, 3.0]);
        assert!(falling[0] > 0.0 && falling[1] == 0.0, "{falling:?}");
    }
}
