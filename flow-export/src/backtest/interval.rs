//! How sure a share of rows is.

/// The share of each tail of an interval: 95 % lie between.
const TAIL: f64 = 0.025;

/// The interval of Clopper and Pearson (1934) for the probability of what happened `count` times in `trials` that do not
/// depend on each other: it holds the truth in at least 95 of 100 cases. The whole range without a trial.
pub fn interval(count: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let low = match count {
        0 => 0.0,
        _ => solve(|p| at_most(count - 1, trials, p) - (1.0 - TAIL)),
    };
    let high = if count >= trials { 1.0 } else { solve(|p| at_most(count, trials, p) - TAIL) };
    [low, high]
}

/// Where a falling function of a probability is 0.
fn solve(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The probability of at most `count` in `trials`.
fn at_most(count: usize, trials: usize, p: f64) -> f64 {
    let (log_p, log_q) = (p.ln(), (-p).ln_1p());
    let factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    let all = factorial(trials);
    let term = |k: usize| {
        let log = all - factorial(k) - factorial(trials - k) + k as f64 * log_p + (trials - k) as f64 * log_q;
        log.exp()
    };
    (0..=count).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // By the rule of three, and no underflow among many rows.
        let [_, high] = interval(0, 1_000_000);
        assert!((high * 1e6 - 3.689).abs() < 1e-3, "{high}");
        let [low, high] = interval(5000, 1_000_000);
        assert!(low < 0.005 && high > 0.005 && high - low < 3e-4, "{low} {high}");
    }
}
