//! How sure a share of rows is: bounds for the probability of what happened `count` times in `trials` that do not depend on each
//! other. Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (1934).

/// The share of each tail of an interval: 95 % lie between.
const TAIL: f64 = 0.025;

/// The interval that holds the probability in at least 95 of 100 cases. The whole range without a trial.
pub fn interval(count: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let low = if count == 0 { 0.0 } else { at_most_with(count - 1, trials, 1.0 - TAIL) };
    [low, upper(count, trials, 1.0 - TAIL)]
}

/// What the probability does not exceed with this confidence; 1 where it happened each time.
pub fn upper(count: usize, trials: usize, confidence: f64) -> f64 {
    if count >= trials { 1.0 } else { at_most_with(count, trials, 1.0 - confidence) }
}

/// The probability for which there are at most `count` in `trials` with this chance, which falls as the probability rises.
fn at_most_with(count: usize, trials: usize, chance: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if at_most(count, trials, middle) > chance { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The chance of at most `count` in `trials`, fewer than all, of this probability: summed from `count` away from the most
/// probable number, as far as it makes a difference.
fn at_most(count: usize, trials: usize, p: f64) -> f64 {
    let odds = p / (1.0 - p);
    if count as f64 <= p * trials as f64 {
        let (mut term, mut sum) = (exactly(count, trials, p), 0.0);
        for k in (1..=count).rev() {
            sum += term;
            term *= k as f64 / ((trials - k + 1) as f64 * odds);
            if term < 1e-18 * sum {
                break;
            }
        }
        sum + term
    } else {
        let (mut term, mut sum) = (exactly(count + 1, trials, p), 0.0);
        for k in count + 1..trials {
            sum += term;
            term *= (trials - k) as f64 * odds / (k + 1) as f64;
            if term < 1e-18 * sum {
                break;
            }
        }
        1.0 - (sum + term)
    }
}

/// The chance of exactly `count` in `trials`.
fn exactly(count: usize, trials: usize, p: f64) -> f64 {
    let factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    let log = factorial(trials) - factorial(count) - factorial(trials - count);
    (log + count as f64 * p.ln() + (trials - count) as f64 * (-p).ln_1p()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_all_terms() {
        for (trials, p) in [(1, 0.3), (10, 0.01), (10, 0.5), (400, 0.02), (400, 0.9)] {
            let mut sum = 0.0;
            for count in 0..trials {
                sum += exactly(count, trials, p);
                assert!((at_most(count, trials, p) - sum).abs() < 1e-12, "{count} of {trials} at {p}");
            }
        }
    }

    #[test]
    fn intervals_by_exact_sums() {
        // From sums of the binomial distribution with exact coefficients.
        for (count, trials, low, high) in
            [(0, 10, 0.0, 0.308_497_1), (1, 10, 0.002_528_579, 0.445_016_1), (5, 10, 0.187_086_0, 0.812_914_0)]
        {
            let [a, b] = interval(count, trials);
            assert!((a - low).abs() < 1e-6 && (b - high).abs() < 1e-6, "{count} of {trials}: {a} {b}");
        }
        assert_eq!(interval(10, 10)[1], 1.0);
        assert_eq!(interval(0, 0), [0.0, 1.0]);
        assert_eq!((upper(3, 3, 0.9), upper(0, 10, 0.975)), (1.0, interval(0, 10)[1]));
        // By the rule of three, and no underflow among many rows.
        let [_, high] = interval(0, 1_000_000);
        assert!((high * 1e6 - 3.689).abs() < 1e-3, "{high}");
        let [low, high] = interval(5000, 1_000_000);
        assert!(low < 0.005 && high > 0.005 && high - low < 3e-4, "{low} {high}");
    }
}
