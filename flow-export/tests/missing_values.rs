//! What the flow is told in the place of values that are missing, and what its verdicts are then.

use flow_export::calibrate::calibrate;
use flow_export::freeze::freeze;
use flow_export::frozen::Frozen;
use flow_export::resection::with_sections;
use flow_export::sensors::unlimited;
use flow_model::params::Layout;
use flow_model::spec::{Atom, Base, Column, Dequantization, FlowSpec, Kind, Standard, Tails};
use flow_nostd::layout::{SENSORS, SensorRecord};
use flow_nostd::{Detector, SensorFault, SensorState, Status, Verdict};
use flow_table::Table;
use rand_core::Rng;
use rand_pcg::Pcg64;
use zerocopy::IntoBytes;

/// One normal distribution: what each column takes of those before it, and how far it deviates from that.
struct Normal<const N: usize> {
    takes: [[f64; N]; N],
    deviations: [f64; N],
    rng: Pcg64,
}

impl<const N: usize> Normal<N> {
    /// Columns of deviation 1 that correlate by `tied`, each with each.
    fn tied(tied: f64) -> Self {
        let mut takes = [[0.0; N]; N];
        let mut deviations = [1.0; N];
        for (j, (takes, deviation)) in takes.iter_mut().zip(&mut deviations).enumerate().skip(1) {
            let among = 1.0 + tied * (j as f64 - 1.0);
            takes[..j].fill(tied / among);
            *deviation = (1.0 - j as f64 * tied * tied / among).sqrt();
        }
        Normal { takes, deviations, rng: Pcg64::new(3, 3) }
    }

    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON
    }

    fn row(&mut self) -> [f32; N] {
        let mut row = [0.0; N];
        for j in 0..N {
            let normal = (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos();
            let taken: f64 = row.iter().zip(self.takes[j]).map(|(x, take)| x * take).sum();
            row[j] = taken + self.deviations[j] * normal;
        }
        row.map(|v| v as f32)
    }

    /// A flow of this density, calibrated with 4,000 rows so that one in a hundred is an alarm.
    fn flow(&mut self) -> Frozen {
        let columns = (0..N).map(|j| continuous(&format!("c{j}"))).collect();
        // Its weight, offsets, log-scales, and what each value takes of those before it, column after column.
        let mut params = vec![0.0_f32; 1 + N];
        params.extend(self.deviations.map(|deviation| -deviation.ln() as f32));
        params.extend((0..N).flat_map(|from| self.takes.map(|takes| -takes[from] as f32)));
        let frozen = frozen(columns, &params);
        let names = (0..N).map(|j| format!("c{j}")).collect();
        let rows: Vec<[f32; N]> = (0..4000).map(|_| self.row()).collect();
        let table = Table::from_rows("usual", names, &rows).unwrap();
        Frozen::from_bytes("calibrated", calibrate(&frozen, &table, Some(0.01), None).unwrap().0)
    }
}

fn continuous(name: &str) -> Column {
    Column::new(name, Kind::Continuous { standard: STANDARD, jitter: 0.0 })
}

const STANDARD: Standard = Standard { center: 0.0, scale: 1.0, reach: 6.0 };

/// A flow of one normal distribution with these parameters.
fn frozen(columns: Vec<Column>, params: &[f32]) -> Frozen {
    let spec = FlowSpec {
        columns,
        tails: Tails { knee: 4.0, rate: 10.0 },
        circles: None,
        layers: Vec::new(),
        base: Base::Mixture { components: 1, full: true },
        dequantization: Dequantization::Uniform,
    };
    assert_eq!(Layout::of(&spec).total(), params.len());
    Frozen::from_bytes("normal", freeze(&spec, params, &[], 0).unwrap())
}

/// The verdict on a row, and what the flow was told.
fn watch<const N: usize>(detector: &Detector<'_>, mut row: [f32; N]) -> (Verdict, [f32; N]) {
    let mut scratch = vec![0.0; detector.flow().scratch_len()];
    let verdict = detector.watch(&mut row, &[], &mut [SensorState::default(); N], &mut scratch).unwrap();
    (verdict, row)
}

/// Where one of two sensors that say nearly the same is dead, rows are as usual as the other one is.
#[test]
fn a_dead_sensor_raises_no_alarm_of_its_own() {
    let mut normal = Normal::<2>::tied(0.99);
    let flow = normal.flow();
    let detector = Detector::new(flow.tested_flow().unwrap()).unwrap();
    let mut alarms = 0;
    for _ in 0..2000 {
        let [one, _] = normal.row();
        let (verdict, row) = watch(&detector, [one, f32::NAN]);
        assert_eq!(verdict.status, Status::Sensor { column: 1, fault: SensorFault::NotFinite });
        assert!((row[1] - one).abs() < 0.6 || one.abs() > 3.0, "{row:?}");
        alarms += usize::from(verdict.alarm);
    }
    assert!(alarms <= 20, "{alarms} of 2000 rows are alarms, asked for was one in a hundred");
    // The other one's own alarms remain, and with both dead there are none.
    assert!(watch(&detector, [5.5, f32::NAN]).0.alarm && watch(&detector, [f32::INFINITY, -5.5]).0.alarm);
    assert!(!watch(&detector, [f32::NAN, f32::NAN]).0.alarm);
}

/// Several that are dead follow the one that is left, and not each other, unless they tie each other more closely: of these
/// the figure is only printed.
#[test]
fn two_dead_sensors_of_three_raise_none_either() {
    for (tied, most) in [(0.9, 20), (0.95, 20), (0.99, 2000)] {
        let mut normal = Normal::<3>::tied(tied);
        let flow = normal.flow();
        let detector = Detector::new(flow.tested_flow().unwrap()).unwrap();
        for dead in [[0, 1], [0, 2], [1, 2]] {
            let alarms = (0..2000).filter(|_| {
                let mut row = normal.row();
                dead.into_iter().for_each(|j| row[j] = f32::NAN);
                watch(&detector, row).0.alarm
            });
            let alarms = alarms.count();
            println!("columns that correlate by {tied}: {alarms} of 2000 rows are alarms without {dead:?}");
            assert!(
                alarms <= most,
                "{alarms} of 2000 rows are alarms without {dead:?}, asked for was one in a hundred"
            );
        }
    }
}

/// Of a count that is nearly always 0, a missing value is 0, whatever its median is.
#[test]
fn a_mass_stands_for_a_missing_value_in_whatever_cell_it_lies() {
    for cell in [0.0, 7.0] {
        let standard = Standard { center: cell, scale: 20.0, reach: 6.0 };
        let atom = Atom { value: cell, cut: cell, width: 20.0 };
        let count = Column { atoms: vec![atom], ..Column::new("count", Kind::Integer { standard }) };
        let params = [0.0; 1 + 2 + 2 + 4];
        let frozen = frozen(vec![count, continuous("level")], &params);
        let mut normal = Normal::<2>::tied(0.0);
        let rows: Vec<[f32; 2]> = (0..500)
            .map(|i| {
                let [count, level] = normal.row();
                [if i % 3 == 0 { cell } else { (cell + 40.0 + 20.0 * count).round() }, level]
            })
            .collect();
        let table = Table::from_rows("usual", vec!["count".into(), "level".into()], &rows).unwrap();
        let (bytes, _) = calibrate(&frozen, &table, Some(0.01), None).unwrap();
        let calibrated = Frozen::from_bytes("calibrated", bytes);
        let detector = Detector::new(calibrated.tested_flow().unwrap()).unwrap();
        assert_eq!(watch(&detector, [f32::NAN, 0.5]).1, [cell, 0.5]);
    }
}

/// The one status names what the verdict is not on, whichever sensor is faulty beside it.
#[test]
fn a_missing_value_is_told_before_a_sensor_that_is_stuck() {
    let flow = Normal::<2>::tied(0.5).flow();
    let limits = [SensorRecord { same: 1.into(), ..unlimited() }; 2];
    let bytes = with_sections(&flow.flow().unwrap(), flow.bytes(), &[(SENSORS, limits.as_bytes().to_vec())]);
    let limited = Frozen::from_bytes("limited", bytes);
    let detector = Detector::new(limited.tested_flow().unwrap()).unwrap();
    let mut scratch = vec![0.0; detector.flow().scratch_len()];
    let mut sensors = [SensorState::default(); 2];
    let found = [[0.5, 0.1], [0.5, 0.2], [0.5, f32::NAN], [0.5, 0.2]].map(|mut row| {
        let verdict = detector.watch(&mut row, &[], &mut sensors, &mut scratch).unwrap();
        (verdict.status, sensors.map(|sensor| sensor.is_missing()))
    });
    let stuck = Status::Sensor { column: 0, fault: SensorFault::Stuck };
    let missing = Status::Sensor { column: 1, fault: SensorFault::NotFinite };
    let none = [false, false];
    assert_eq!(found, [(Status::Scored, none), (stuck, none), (missing, [false, true]), (stuck, none)]);
}
