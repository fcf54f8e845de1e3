//! Values that hold a mass of their own.
//!
//! A value is an atom where it holds a large share of the rows and several times as many as any value that is none: in
//! columns of real numbers, where no value should come back, 5 % and five times; in columns of cells, where every value
//! comes back, 30 % and three times. Where a column of cells has a few values only, they are cells like any others,
//! unless one holds nearly all rows.

use crate::tally::Tally;

/// Most atoms of a column.
const MOST: usize = 4;
/// Fewest rows that an atom holds.
const FEWEST_ROWS: usize = 10;
/// Up to so many values are few.
const FEW_VALUES: usize = 6;
/// Share from which a value is an atom even among few values.
const NEARLY_ALL: f64 = 0.9;

/// The atoms of a column of real numbers, or of cells: values and their shares of the rows, the heaviest first.
pub(crate) fn atoms(tally: &Tally, discrete: bool) -> Vec<(f32, f64)> {
    let (least, ratio) = match discrete {
        false => (0.05, 5),
        true if tally.distinct() <= FEW_VALUES => (NEARLY_ALL, 3),
        true => (0.3, 3),
    };
    let mut runs = tally.runs().to_vec();
    runs.sort_by_key(|run| std::cmp::Reverse(run.1));
    let share = |count: usize| count as f64 / tally.rows() as f64;
    let heavy = runs.iter().take(MOST).take_while(|r| r.1 >= FEWEST_ROWS && share(r.1) >= least).count();
    let next = |n: usize| runs.get(n).map_or(0, |r| r.1);
    let number = (1..=heavy).rev().find(|&n| runs[n - 1].1 >= ratio * next(n)).unwrap_or(0);
    runs[..number].iter().map(|&(value, count)| (value, share(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(f32, usize)], singles: usize) -> Tally {
        let repeated = counts.iter().flat_map(|&(v, n)| std::iter::repeat_n(v, n));
        Tally::of(repeated.chain((0..singles).map(|i| 1000.0 + i as f32)))
    }

    #[test]
    fn a_share_and_a_lead_are_asked_for() {
        let real = |counts: &[(f32, usize)], singles| atoms(&tally(counts, singles), false);
        assert_eq!(real(&[(0.0, 50)], 950), [(0.0, 0.05)]);
        assert_eq!(real(&[(0.0, 49)], 951), []); // less than 5 %
        assert_eq!(real(&[(0.0, 9)], 91), []); // less than 10 rows
        assert_eq!(real(&[(0.0, 60), (1.0, 13)], 927), []); // less than five times the next
        assert_eq!(real(&[(1.0, 100), (0.0, 300)], 600), [(0.0, 0.3), (1.0, 0.1)]);
    }

    #[test]
    fn cells_come_back_by_themselves() {
        let cells = |counts: &[(f32, usize)], singles| atoms(&tally(counts, singles), true);
        assert_eq!(cells(&[(0.0, 300), (1.0, 100)], 600), [(0.0, 0.3)]);
        assert_eq!(cells(&[(0.0, 290), (1.0, 10)], 700), []);
        assert_eq!(cells(&[(0.0, 300), (1.0, 101)], 599), []);
        assert_eq!(cells(&[(0.0, 60), (1.0, 15), (2.0, 25)], 0), []); // few values
        assert_eq!(cells(&[(0.0, 744), (1.0, 1)], 0), [(0.0, 744.0 / 745.0)]);
    }

    #[test]
    fn at_most_four() {
        let five: Vec<(f32, usize)> = (0..5).map(|i| (i as f32, 100)).collect();
        assert_eq!(atoms(&tally(&five, 500), false), []); // the fifth is as heavy as the fourth
        assert_eq!(atoms(&tally(&five[..4], 500), false).len(), 4);
    }
}
