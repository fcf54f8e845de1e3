//! What verdicts are worth on a data set: `detection MODEL.flow GMM.flow TEST.csv TEST_LABELS.csv TRAIN.csv [ROWS]`.
//!
//! Prints, one line each: the area under the ROC curve; which shares of the normal rows have a p of at most .1, .01 and .001,
//! with the band that holds 99 of 100 right calibrations' test rows, and which of the anomalies; and how often the column is
//! named in which one of ROWS normal rows was changed (100 without a number, none with 0), by the flow, by a Gaussian
//! mixture's conditional densities, and by the largest z-score.

use flow_export::frozen::Frozen;
use flow_nostd::{Detector, Flow};
use flow_table::{ReadOptions, Table, metrics, read_labels};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::path::Path;

/// Rows that are changed where nobody says how many, each in one column after the other.
const CHANGED: &str = "100";
/// Points of a conditional density's integral, over four deviations beyond the training rows.
const POINTS: usize = 60;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, mixture, test, labels, train, changed @ ..] = arguments.as_slice() else {
        return Err("expected MODEL.flow GMM.flow TEST.csv TEST_LABELS.csv TRAIN.csv [ROWS]".into());
    };
    let changed: usize = changed.first().map_or(CHANGED, String::as_str).parse()?;
    let read = |path: &str| Table::read_all(&[path.to_owned()], &ReadOptions::default());
    let (test, train) = (read(test)?, read(train)?);
    let labels = read_labels(labels, test.rows())?;
    let (model, mixture) = (Frozen::read(Path::new(model))?, Frozen::read(Path::new(mixture))?);
    let detector = Detector::new(model.tested_flow()?)?;
    let normal: Vec<&[f32]> = test.iter().zip(&labels).filter(|(_, anomaly)| !**anomaly).map(|(row, _)| row).collect();

    shares(&detector, &test, &labels)?;
    if changed == 0 {
        return Ok(());
    }
    naming(&detector, &mixture.tested_flow()?, &normal, &train, changed)
}

fn shares(detector: &Detector, test: &Table, labels: &[bool]) -> Result<(), Failure> {
    let mut scratch = vec![0.0; detector.flow().scratch_len()];
    let (mut scores, mut ln_p, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &anomaly) in test.iter().zip(labels) {
        let verdict = detector.verdict(row, &[], &mut scratch)?;
        scores.push(-f64::from(verdict.log_prob));
        (if anomaly { &mut odd } else { &mut ln_p }).push(f64::from(verdict.ln_p));
    }
    println!("auroc {:.4}", metrics::auroc(&scores, labels).unwrap_or(f64::NAN));
    let (rows, calibrated) = (ln_p.len() as f64, f64::from(detector.calibration_rows()));
    for p in [0.1f64, 0.01, 0.001] {
        let share = |of: &[f64]| of.iter().filter(|&&ln_p| ln_p <= p.ln()).count() as f64 / of.len() as f64;
        let (share, found) = (share(&ln_p), share(&odd));
        // Of the test rows alone, and with what the calibration's own rows happen to be.
        let band = |variance: f64| 2.576 * variance.sqrt();
        let [alone, both] = [1.0 / rows, 1.0 / rows + 1.0 / calibrated].map(|v| band(p * (1.0 - p) * v));
        println!(
            "p {p} share {share:.4} band {alone:.4} with calibration {both:.4} of {rows} and {calibrated} rows; {found:.3} of the anomalies"
        );
    }
    Ok(())
}

/// How often the changed column is named first.
fn naming(
    detector: &Detector,
    mixture: &Flow,
    normal: &[&[f32]],
    train: &Table,
    changed: usize,
) -> Result<(), Failure> {
    let columns = train.columns();
    let moments: Vec<metrics::Summary> =
        (0..columns).map(|j| metrics::Summary::of(train.column(j).map(f64::from))).collect();
    let std: Vec<f64> = moments.iter().map(|m| m.std_error * (train.rows() as f64).sqrt()).collect();
    let ranges: Vec<(f32, f32)> =
        (0..columns).map(|j| train.column(j).fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(x), b.max(x)))).collect();
    let mut rng = Pcg32::new(1, 2);
    let mut draw = |n: usize| (rng.next_u32() as usize) % n;
    let mut scratch = vec![0.0; detector.flow().scratch_len().max(mixture.scratch_len())];
    for change in ["four deviations", "another row's"] {
        let (mut right, mut tried) = ([0usize; 3], 0usize);
        for i in 0..changed.min(normal.len()) {
            for column in (0..columns).filter(|&j| std[j] > 0.0) {
                let mut row = normal[(i * 7919) % normal.len()].to_vec();
                if change == "four deviations" {
                    let sign = if draw(2) == 0 { 1.0 } else { -1.0 };
                    row[column] += (sign * 4.0 * std[column]) as f32;
                } else {
                    // Another row's value at least two deviations away: usual by itself, seldom beside the others.
                    let other = (0..200).map(|_| normal[draw(normal.len())][column]);
                    let Some(value) = { other }.find(|x| f64::from((x - row[column]).abs()) >= 2.0 * std[column])
                    else {
                        continue;
                    };
                    row[column] = value;
                }
                tried += 1;
                let mut shares = vec![0.0; columns];
                detector.blame(&row, &[], &mut shares, &mut scratch)?;
                let shares: Vec<f64> = shares.iter().map(|&x| f64::from(x)).collect();
                let conditional = conditionals(mixture, &row, &ranges, &std, &mut scratch)?;
                let z: Vec<f64> = (0..columns)
                    .map(|j| if std[j] > 0.0 { (f64::from(row[j]) - moments[j].mean).abs() / std[j] } else { 0.0 })
                    .collect();
                for (right, scores) in right.iter_mut().zip([shares, conditional, z]) {
                    *right += usize::from(largest(&scores) == column);
                }
            }
        }
        let share = right.map(|n| n as f64 / tried.max(1) as f64);
        println!(
            "{change}: flow {:.3}, mixture's conditionals {:.3}, z-score {:.3} of {tried}",
            share[0], share[1], share[2]
        );
    }
    Ok(())
}

/// Minus the logarithm of each column's density given the others, in deviations, by the trapezoidal rule.
fn conditionals(
    flow: &Flow,
    row: &[f32],
    ranges: &[(f32, f32)],
    std: &[f64],
    scratch: &mut [f32],
) -> Result<Vec<f64>, Failure> {
    let now = f64::from(flow.log_prob(row, &[], scratch)?);
    let mut changed = row.to_vec();
    let mut scores = vec![0.0; row.len()];
    for (j, score) in scores.iter_mut().enumerate().filter(|(j, _)| std[*j] > 0.0) {
        let (low, high) = (f64::from(ranges[j].0) - 4.0 * std[j], f64::from(ranges[j].1) + 4.0 * std[j]);
        let mut logs = vec![now];
        for i in 0..POINTS {
            changed[j] = (low + (high - low) * i as f64 / (POINTS - 1) as f64) as f32;
            logs.push(f64::from(flow.log_prob(&changed, &[], scratch)?));
        }
        changed[j] = row[j];
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs[1..].iter().map(|log| (log - most).exp()).sum();
        let step = (high - low) / (POINTS - 1) as f64 / std[j];
        *score = most + sum.max(1e-300).ln() + step.ln() - now;
    }
    Ok(scores)
}

fn largest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}
