//! What a calibration promises, held against densities that are known.

use flow_export::aligned::AlignedBytes;
use flow_export::calibrate::calibrate;
use flow_export::calibration::{Calibrated, Section};
use flow_export::frozen::{Frozen, columns_with_atoms};
use flow_export::resection::with_sections;
use flow_nostd::layout::{CALIBRATION, LATTICE, MASSES, REFERENCES, SENSORS, SensorRecord};
use flow_nostd::{Detector, FLOOR, Flow};
use flow_table::Table;
use rand_core::Rng;
use rand_pcg::Pcg64;
use std::path::Path;
use zerocopy::IntoBytes;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow");

/// Calls `then` with `ln p` as an engine computes it that was calibrated with these log-densities.
fn calibrated<T>(log_probs: &[f32], then: impl FnOnce(&dyn Fn(f32) -> f64) -> T) -> T {
    surely(log_probs, None, then)
}

/// The same with a confidence.
fn surely<T>(log_probs: &[f32], confidence: Option<f64>, then: impl FnOnce(&dyn Fn(f32) -> f64) -> T) -> T {
    let file = AlignedBytes::read(Path::new(EXAMPLE)).unwrap();
    let section = Section::of(log_probs, &[], 0, -5.0, confidence);
    let bytes = with_sections(&Flow::new(&file).unwrap(), &file, &[(CALIBRATION, section.bytes)]);
    let bytes = AlignedBytes::from(bytes);
    let detector = Detector::new(Flow::new(&bytes).unwrap()).unwrap();
    then(&|log_prob| f64::from(detector.ln_p(log_prob, &[])))
}

fn uniform(rng: &mut Pcg64) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON
}

/// A density of which the log-density's quantiles are known: that of `dim` normal variates (even), or a heavy tail.
#[derive(Clone, Copy, Debug)]
enum Known {
    Normal { dim: u32 },
    Heavy { index: f64 },
}

impl Known {
    fn draw(self, rng: &mut Pcg64) -> f32 {
        match self {
            // Half a chi-square variate of an even number of degrees of freedom is a sum of exponential ones.
            Known::Normal { dim } => (0..dim / 2).map(|_| uniform(rng).ln()).sum::<f64>() as f32,
            Known::Heavy { index } => -uniform(rng).powf(-1.0 / index) as f32,
        }
    }

    /// The share of rows with at most this log-density.
    fn p(self, log_prob: f32) -> f64 {
        let e = -f64::from(log_prob);
        match self {
            Known::Normal { dim } => {
                let mut term = 1.0;
                let sum: f64 = (0..dim / 2)
                    .map(|i| {
                        if i == 0 {
                            1.0
                        } else {
                            term *= e / f64::from(i);
                            term
                        }
                    })
                    .sum();
                (-e).exp() * sum
            }
            Known::Heavy { index } => e.max(1.0).powf(-index),
        }
    }

    /// The log-density at which `p` is this.
    fn quantile(self, p: f64) -> f32 {
        let (mut low, mut high) = (-1e9f32, 0.0f32);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if self.p(middle) < p { low = middle } else { high = middle }
        }
        high
    }
}

const KNOWN: [Known; 5] = [
    Known::Normal { dim: 2 },
    Known::Normal { dim: 8 },
    Known::Normal { dim: 30 },
    Known::Heavy { index: 8.0 },
    Known::Heavy { index: 3.0 },
];

/// Rows far from the data, of columns with tails nearly as heavy as Cauchy's.
const LONG: [Known; 2] = [Known::Heavy { index: 2.0 }, Known::Heavy { index: 1.25 }];

#[test]
fn where_there_are_rows_p_is_conformal_and_never_less() {
    let mut rng = Pcg64::new(1, 2);
    let smooth: Vec<f32> = (0..3000).map(|_| Known::Normal { dim: 8 }.draw(&mut rng)).collect();
    let lumps: Vec<f32> = (0..3000).map(|i| if i % 3 == 0 { -4.0 } else { (smooth[i] * 2.0).round() }).collect();
    let few = smooth[..100].to_vec();
    for rows in [smooth, lumps, few] {
        let mut sorted = rows.clone();
        sorted.sort_by(f32::total_cmp);
        let n = sorted.len();
        calibrated(&rows, |ln_p| {
            let conformal = |x: f32| ((1 + sorted.partition_point(|&row| row <= x)) as f64 / (n + 1) as f64).min(1.0);
            let mut points = sorted.clone();
            points.extend(sorted.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
            points.extend(sorted.iter().flat_map(|x| [x.next_up(), x.next_down()]));
            for x in points.into_iter().filter(|&x| x >= sorted[20]) {
                let (p, exact) = (ln_p(x).exp(), conformal(x));
                assert!(p >= exact * (1.0 - 1e-6), "{x}: {p} is less than {exact}");
            }
            let distinct: Vec<f32> = sorted[20..].chunk_by(|a, b| a == b).map(|level| level[0]).collect();
            for x in distinct {
                let (p, exact) = (ln_p(x).exp(), conformal(x));
                // Up to the next row, or 1.05 times, and rounded up to a knot.
                assert!(p <= exact * 1.11 + 1.5 / (n + 1) as f64, "{x}: {p} is much more than {exact}");
            }
            assert_eq!(ln_p(1e9), 0.0);
        });
    }
}

#[test]
fn a_tail_of_2000_rows_says_what_is_one_in_100000_to_a_factor_of_three() {
    for known in KNOWN {
        let (mut factors, mut rng) = (Vec::new(), Pcg64::new(3, 4));
        let odd = known.quantile(1e-5);
        for _ in 0..50 {
            let rows: Vec<f32> = (0..2000).map(|_| known.draw(&mut rng)).collect();
            calibrated(&rows, |ln_p| {
                factors.push(ln_p(odd) - 1e-5f64.ln());
                assert!((-20.8..-19.0).contains(&ln_p(-1e9)), "never 0: {}", ln_p(-1e9));
            });
        }
        factors.sort_by(f64::total_cmp);
        let median = 0.5 * (factors[24] + factors[25]);
        println!(
            "{known:?}: p is {:.2} times the true one (tenth to ninetieth: {:.2} to {:.2})",
            median.exp(),
            factors[5].exp(),
            factors[44].exp()
        );
        assert!(median.abs() < 3f64.ln(), "{known:?}: {:.2} times", median.exp());
    }
}

#[test]
fn one_false_alarm_in_10000_rows_is_one_in_10000() {
    for known in KNOWN {
        let mut rng = Pcg64::new(5, 6);
        // 1,000,000 rows, under 20 calibrations: each is off by what its own rows happen to be.
        let mut alarms: Vec<usize> = (0..20)
            .map(|_| {
                let rows: Vec<f32> = (0..10_000).map(|_| known.draw(&mut rng)).collect();
                calibrated(&rows, |ln_p| (0..50_000).filter(|_| ln_p(known.draw(&mut rng)) <= 1e-4f64.ln()).count())
            })
            .collect();
        alarms.sort();
        let sum: usize = alarms.iter().sum();
        println!(
            "{known:?}: {sum} alarms in 1,000,000 rows, 100 asked for; of single calibrations {alarms:?}, 5 asked for"
        );
        assert!((30..=150).contains(&sum), "{known:?}: {sum} alarms where 100 were asked for");
    }
}

#[test]
fn with_a_confidence_no_more_rows_are_alarms_than_asked_for() {
    for (known, rows) in KNOWN.into_iter().chain(LONG).flat_map(|known| [(known, 150), (known, 2000)]) {
        let mut rng = Pcg64::new(9, 10);
        let mut kept = [0; 3];
        let asked = [0.1f64, 0.01, 0.001];
        for _ in 0..150 {
            let rows: Vec<f32> = (0..rows).map(|_| known.draw(&mut rng)).collect();
            surely(&rows, Some(0.9), |ln_p| {
                for (kept, asked) in kept.iter_mut().zip(asked) {
                    // The least odd log-density that is an alarm.
                    let (mut low, mut high) = (-1e9f32, 0.0f32);
                    for _ in 0..100 {
                        let middle = 0.5 * (low + high);
                        if ln_p(middle) <= asked.ln() { low = middle } else { high = middle }
                    }
                    *kept += usize::from(known.p(low) <= asked);
                }
            });
        }
        println!("{known:?}, {rows} rows: at most {asked:?} in {kept:?} of 150 calibrations, 135 asked for");
        // 135 less two and a half deviations.
        assert!(kept.iter().all(|&kept| kept >= 126), "{known:?}, {rows} rows: {kept:?} of 150");
    }
}

/// Where nobody asks to be sure, a long tail is taken to be shorter, which is told.
#[test]
fn a_tail_that_is_cut_short_is_told() {
    let mut rng = Pcg64::new(13, 14);
    // Rows of a long tail are none that no tail reaches.
    for known in LONG {
        let rows: Vec<f32> = (0..5000).map(|_| known.draw(&mut rng)).collect();
        assert_eq!(Calibrated::of(&rows, None).unreached, 0, "{known:?}");
    }
    for (known, long) in KNOWN.into_iter().map(|known| (known, false)).chain([(LONG[1], true)]) {
        let rows: Vec<f32> = (0..5000).map(|_| known.draw(&mut rng)).collect();
        let found = Calibrated::of(&rows, None);
        assert_eq!(found.likeliest_shape - found.tail.shape_error > found.tail.shape, long, "{known:?}: {found:?}");
        assert_eq!(Calibrated::of(&rows, Some(0.9)).tail.shape, found.likeliest_shape);
    }
}

#[test]
fn of_many_rows_a_confidence_takes_little() {
    let (known, mut rng) = (Known::Normal { dim: 8 }, Pcg64::new(11, 12));
    let rows: Vec<f32> = (0..200_000).map(|_| known.draw(&mut rng)).collect();
    surely(&rows, Some(0.9), |ln_p| {
        for p in [0.5f64, 0.1, 0.01, 0.001] {
            let found = ln_p(known.quantile(p)) - p.ln();
            // Some deviations of the count, and the spacing of the table.
            let deviation = 1.0 / (p * 200_000.0).sqrt();
            assert!((-1.5 * deviation..4.0 * deviation + 0.06).contains(&found), "{p}: {found}");
        }
    });
}

#[test]
fn each_bin_of_a_context_is_calibrated_by_itself() {
    let mut rng = Pcg64::new(7, 8);
    let contexts: Vec<f32> = (0..4000).flat_map(|i| [(i % 7) as f32, (i % 2) as f32]).collect();
    let known = Known::Normal { dim: 2 };
    let rows: Vec<f32> = (0..4000).map(|i| known.draw(&mut rng) * if i % 2 == 0 { 1.0 } else { 5.0 }).collect();
    let section = Section::of(&rows, &contexts, 2, -5.0, None);
    assert_eq!(section.bins_of, Some(1), "the second context value is the one that matters");
    assert!(section.bins.iter().all(|bin| bin.own_table && bin.rows == 2000), "{:?}", section.bins);
    assert!(
        section.unreached.is_empty() && (section.counted_from * 2001.0 - 22.0).abs() < 0.01,
        "{}",
        section.counted_from
    );
    // What the tail of its own bin does not reach is told, though that of all rows does.
    let mut wide: Vec<f32> = rows.iter().enumerate().map(|(i, x)| if i % 2 == 0 { *x } else { 2000.0 * x }).collect();
    wide[0] = -9e4;
    let section = Section::of(&wide, &contexts, 2, -5.0, None);
    assert_eq!((section.pooled.unreached, section.unreached), (0, vec![0]));
    let lonely: Vec<f32> = (0..8000).map(|i| if i / 2 < 3900 { 0.0 } else { (i / 2) as f32 }).collect();
    let section = Section::of(&rows, &lonely, 2, -5.0, None);
    assert_eq!(section.bins.iter().map(|bin| bin.own_table).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_calibrated_file_is_the_file_with_sections() {
    let frozen = Frozen::read(Path::new(EXAMPLE)).unwrap();
    let flow = frozen.flow().unwrap();
    let (mut rng, mut scratch) = (rand_pcg::Pcg32::new(1, 2), vec![0.0; flow.scratch_len()]);
    let rows: Vec<[f32; 4]> = (0..2000)
        .map(|_| {
            let mut row = [0.0; 4];
            flow.sample(&mut rng, &[], &mut row, &mut scratch).unwrap();
            row
        })
        .collect();
    let names = (0..4).map(|j| flow.column_name(j).unwrap().to_owned()).collect();
    let table = Table::from_rows("samples", names, &rows).unwrap();
    let mut limits = [flow_export::sensors::unlimited(); 4];
    limits[1] = SensorRecord { low: (-1e6).into(), high: 1e6.into(), jump: 1e6.into(), same: 500.into() };
    let (bytes, summary) = calibrate(&frozen, &table, None, None).unwrap();
    let file = AlignedBytes::from(bytes);
    let bytes = with_sections(&Flow::new(&file).unwrap(), &file, &[(SENSORS, limits.as_bytes().to_vec())]);
    assert_eq!((summary.rows, summary.alarm_p), (2000, 1e-3));
    // The example of the specification: BLESS=1 writes it anew.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/calibrated.flow");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    assert!(bytes == std::fs::read(path).unwrap(), "other bytes than spec/calibrated.flow; BLESS=1 writes it anew");
    let calibrated = Frozen::from_bytes("calibrated", bytes.clone());
    let new = calibrated.tested_flow().unwrap();
    assert_eq!(new.header().minor.get(), 4);
    assert_ne!(new.model_id(), flow.model_id());
    assert_eq!(flow_export::freeze::model_id(&bytes).unwrap(), new.model_id());
    for row in &rows[..100] {
        let [old, new] = [&flow, &new].map(|flow| flow.log_prob(row, &[], &mut scratch.clone()).unwrap().to_bits());
        assert_eq!(old, new);
    }
    let (again, _) = calibrate(&calibrated, &table, Some(0.01), None).unwrap();
    let sections = |bytes: &[u8]| {
        let bytes = AlignedBytes::from(bytes.to_vec());
        let header = *Flow::new(&bytes).unwrap().header();
        header.sections.get()
    };
    assert_eq!(sections(&again), sections(&bytes), "sections are replaced, not added twice");
    let detector = Detector::new(calibrated.tested_flow().unwrap()).unwrap();
    // A column that was the same in all rows is named where it is not, and never while it is.
    let mut shares = [0.0; 4];
    let mut blame = |row: &[f32; 4]| (detector.blame(row, &[], &mut shares, &mut scratch.clone()).unwrap(), shares[1]);
    assert_eq!(rows[0][1], 3.0);
    assert_eq!(blame(&rows[0]).1, 0.0);
    let [flow, _, count, temperature] = rows[0];
    assert_eq!(blame(&[flow, 4.0, count, temperature]).0, Some(1));
    // Nor does it matter that it was another one in a few.
    let mut mixed = rows.clone();
    mixed.iter_mut().step_by(500).for_each(|row| row[1] = 9.0);
    let mixed = Table::from_rows("mixed", table.names().to_vec(), &mixed).unwrap();
    let (bytes, _) = calibrate(&frozen, &mixed, None, None).unwrap();
    let mixed = Frozen::from_bytes("mixed", bytes);
    let detector_of_mixed = Detector::new(mixed.tested_flow().unwrap()).unwrap();
    for (state, odd) in [(3.0, false), (4.0, true), (9.0, true)] {
        detector_of_mixed.blame(&[flow, state, count, temperature], &[], &mut shares, &mut scratch).unwrap();
        assert_eq!(shares[1] > 3.0, odd, "{state}: {shares:?}");
    }
    let few = Table::from_rows("few", table.names().to_vec(), &rows[..150]).unwrap();
    let message = calibrate(&frozen, &few, Some(1e-5), None).unwrap_err().to_string();
    assert!(message.contains("150 rows are too few") && message.contains("need 1999"), "{message}");
    assert!(detector.calibration_rows() == 2000 && SENSORS.to_string() == "SENS");
}

/// A reading of a broken sensor among the usual rows, or a value that its column cannot have, counts as one row and no more.
#[test]
fn a_fault_among_the_rows_does_not_silence_alarms() {
    for known in KNOWN {
        let mut rng = Pcg64::new(7, 7);
        let mut rows: Vec<f32> = (0..500).map(|_| known.draw(&mut rng)).collect();
        let without = calibrated(&rows, |ln_p| [1e-2, 1e-3, 1e-4].map(|p| ln_p(known.quantile(p))));
        for faults in 1..=3 {
            rows[100 * faults] = [-1e6, -3e8, FLOOR][faults - 1];
            assert_eq!(Calibrated::of(&rows, None).unreached, faults, "{known:?}");
            let with = calibrated(&rows, |ln_p| [1e-2, 1e-3, 1e-4].map(|p| ln_p(known.quantile(p))));
            for (with, without) in with.into_iter().zip(without) {
                assert!((with - without).abs() < 1.0, "{known:?}, {faults} faults: ln p {with}, without any {without}");
            }
        }
        // Ordinary broken readings, some deviations of thousands of rows beyond all others.
        let mut usual: Vec<f32> = (0..3000).map(|_| known.draw(&mut rng)).collect();
        if let Known::Normal { .. } = known {
            [-400.0, -900.0, -901.0].iter().enumerate().for_each(|(i, &x)| usual[i] = x);
            assert_eq!(Calibrated::of(&usual, None).unreached, 3, "{known:?}");
            // A tenth of a percent of rows that are odder, but not out of reach, are a part of what is usual.
            [-50.0, -55.0, -60.0].iter().enumerate().for_each(|(i, &x)| usual[i] = x);
            assert_eq!(Calibrated::of(&usual, None).unreached, 0, "{known:?}");
        }
        let tails = (0..2000).map(|_| known.draw(&mut rng)).collect::<Vec<f32>>();
        assert_eq!(Calibrated::of(&tails, None).unreached, 0, "{known:?}");
        // As many as may be left out of the tail: the table does not begin with them.
        let mut many: Vec<f32> = (0..12_000).map(|_| known.draw(&mut rng)).collect();
        let found = [19, 20].map(|faults| {
            many[..faults].fill(-1e15);
            assert_eq!(Calibrated::of(&many, None).unreached, faults, "{known:?}");
            calibrated(&many, |ln_p| ln_p(known.quantile(1e-8)))
        });
        assert!((found[0] - found[1]).abs() < 0.5 && found[1] < -10.0, "{known:?}: {found:?}");
    }
}

/// A column's share is minus the logarithm of its density given the others, in deviations, or where its value is an atom of
/// its mass: held against both, computed in f64 from log-densities of the golden file that has atoms in three columns.
#[test]
fn shares_are_of_densities_and_of_masses() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/golden/calibrated-masses.flow");
    let file = AlignedBytes::read(Path::new(path)).unwrap();
    let flow = Flow::new(&file).unwrap();
    let detector = Detector::new(flow).unwrap();
    let [references, masses] = [REFERENCES, MASSES].map(|tag| floats(&file, tag.0));
    let columns: Vec<_> = columns_with_atoms(&flow).filter(|(column, _)| !column.is_context()).collect();
    let each = references.len() / columns.len();
    let (mut scratch, mut shares) = (vec![0.0; flow.scratch_len()], vec![0.0; columns.len()]);
    let (mut rng, mut row) = (rand_pcg::Pcg32::new(3, 3), vec![0.0; columns.len()]);
    let (mut of_masses, mut of_densities) = (0, 0);
    for _ in 0..300 {
        flow.sample(&mut rng, &[0.5, 0.5], &mut row, &mut scratch).unwrap();
        detector.blame(&row, &[0.5, 0.5], &mut shares, &mut scratch).unwrap();
        let mut log_prob = |j: usize, x: f32| {
            let mut other = row.clone();
            other[j] = x;
            f64::from(flow.log_prob(&other, &[0.5, 0.5], &mut scratch).unwrap())
        };
        for (j, (column, mine)) in columns.iter().enumerate().filter(|(_, (_, atoms))| !atoms.is_empty()) {
            let (origin, cell) = match column.kind.get() {
                LATTICE => (column.extra[0].get(), column.extra[1].get()),
                _ => (0.0, 1.0),
            };
            let atoms: Vec<f32> = mine.iter().map(|atom| origin + atom.value.get() * cell).collect();
            let [_, log_step, values @ ..] = &references[j * each..(j + 1) * each] else { unreachable!() };
            let step = f64::from(values[1] - values[0]);
            let deviation = step / f64::from(*log_step).exp();
            assert!((f64::from(masses[j]).exp() * deviation - f64::from(cell)).abs() < 1e-3 * f64::from(cell));
            // Of a lattice all likelihoods are masses of cells: as many to a unit as fit into it.
            let cell = f64::from(cell);
            let now = log_prob(j, row[j]);
            let mass: f64 = atoms.iter().map(|&atom| log_prob(j, atom).exp() * cell).sum();
            let mut between: f64 = values.iter().map(|&value| log_prob(j, value).exp() * step).sum();
            let share = if atoms.contains(&row[j]) {
                of_masses += 1;
                ((mass + between) / cell).ln() - now
            } else {
                of_densities += 1;
                between += now.exp() * step;
                ((mass + between) / deviation).ln() - now
            };
            let found = f64::from(shares[j]);
            assert!((found - share.max(0.0)).abs() < 2e-4 * (1.0 + now.abs()), "{found} {share} {j} {row:?}");
        }
    }
    assert!(of_masses > 50 && of_densities > 500, "{of_masses} {of_densities}");
}

/// The numbers of a section.
fn floats(file: &[u8], tag: [u8; 4]) -> Vec<f32> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let entry = (128..).step_by(16).find(|&entry| file[entry..entry + 4] == tag).unwrap();
    let data = &file[word(entry + 8)..][..word(entry + 12)];
    data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}
