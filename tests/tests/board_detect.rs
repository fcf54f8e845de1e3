//! The firmware that watches a machine says on a board what `flow-export score --verdicts` says on the host, to the last
//! bit, and what a row takes. `cargo test -p flow-tests --test board_detect -- --nocapture` prints the figures.

use flow_export::calibrate::calibrate;
use flow_export::freeze::freeze;
use flow_export::frozen::Frozen;
use flow_export::resection::with_sections;
use flow_export::sensors::unlimited;
use flow_export::verdicts::{self, Judge};
use flow_export::windows::{self, Feature, Recipe};
use flow_model::params::Layout;
use flow_model::spec::{Kind, Standard};
use flow_nostd::layout::{SENSORS, SensorRecord, WINDOWS};
use flow_table::{Missing, Table};
use flow_tests::board::MPS2_AN386;
use flow_tests::firmware::Firmware;
use flow_tests::{flows, tools};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use zerocopy::IntoBytes;

const CHANNELS: [&str; 2] = ["temperature", "load"];
const FEATURES: [Feature; 4] = [Feature::Value, Feature::Std, Feature::Change(1), Feature::Change(6)];
/// As in the firmware.
const DRIFT_ROWS: f64 = 8640.0;

/// A pump: the load wanders, the temperature follows it. Sums and products only, so that every machine has the same bits.
fn pump(rows: usize, seed: u64) -> Vec<[f32; 2]> {
    let mut rng = Pcg32::new(seed, 1);
    let mut noise = || (0..4).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 24) as f32 - 0.5).sum::<f32>();
    let (mut temperature, mut load) = (55.0, 0.5);
    (0..rows)
        .map(|_| {
            load += 0.5 * (0.5 - load) + 0.1 * noise();
            temperature += 0.5 * (40.0 + 30.0 * load - temperature) + 0.2 * noise();
            [temperature, load].map(|x| (x * 1000.0).round() / 1000.0)
        })
        .collect()
}

/// What happens, by rows: a reading that fails, a gap in time, a jump of the temperature, a load that stays the same, and
/// for good a rougher run.
const FAILED: usize = 40;
const GAP: usize = 70;
const JUMP: std::ops::Range<usize> = 110..113;
const STUCK: std::ops::Range<usize> = 140..165;
const ROUGH: std::ops::Range<usize> = 200..300;

fn rows() -> String {
    let mut text = format!("time,{}\n", CHANNELS.join(","));
    let mut load_before = 0.0;
    for (i, [mut temperature, mut load]) in pump(ROUGH.end, 2).into_iter().enumerate() {
        let minutes = 5 * i + if i >= GAP { 60 } else { 0 };
        let (day, hour, minute) = (1 + minutes / 1440, minutes / 60 % 24, minutes % 60);
        temperature += if JUMP.contains(&i) { 12.0 } else { 0.0 };
        temperature += if ROUGH.contains(&i) { [0.8, -0.8][i % 2] } else { 0.0 };
        load = if STUCK.contains(&i) { load_before } else { load };
        load_before = load;
        let temperature = if i == FAILED { String::new() } else { format!("{temperature:.3}") };
        writeln!(text, "2024-05-{day:02} {hour:02}:{minute:02}:00,{temperature},{load:.3}").unwrap();
    }
    text
}

/// A flow near the identity, as at the start of a training: its density is that of independent columns, with means and
/// deviations of usual rows. Calibrated with others.
fn model() -> Vec<u8> {
    let channels: Vec<String> = CHANNELS.map(String::from).to_vec();
    let recipe =
        Recipe { length: 12, stride: 1, features: FEATURES.to_vec(), channels, step: 300_000_000, ranges: vec![] };
    let table =
        |seed| recipe.table(Table::from_rows("pump", recipe.channels.clone(), &pump(2000, seed)).unwrap()).unwrap();
    let usual = table(3);
    let mut spec = flows::continuous(&recipe.columns());
    for (j, column) in spec.columns.iter_mut().enumerate() {
        let values = || usual.iter().map(|row| f64::from(row[j]));
        let mean = values().sum::<f64>() / usual.rows() as f64;
        let deviation = (values().map(|x| (x - mean).powi(2)).sum::<f64>() / usual.rows() as f64).sqrt();
        let standard = Standard { center: mean as f32, scale: deviation as f32, reach: 6.0 };
        column.kind = Kind::Continuous { standard, jitter: 0.0 };
    }
    let probes: Vec<Vec<f32>> = usual.iter().take(2).map(<[f32]>::to_vec).collect();
    let plain = Frozen::from_bytes("detect", freeze(&spec, &Layout::of(&spec).init(0), &probes, 0).unwrap());
    let mut limits = vec![unlimited(); recipe.columns().len()];
    let load = recipe.columns().iter().position(|name| name == "load").unwrap();
    limits[load] = SensorRecord { low: 0.0.into(), high: 1.0.into(), same: 12.into(), ..unlimited() };
    let sections = [(WINDOWS, recipe.section()), (SENSORS, limits.as_bytes().to_vec())];
    let limited = with_sections(&plain.flow().unwrap(), plain.bytes(), &sections);
    calibrate(&Frozen::from_bytes("detect", limited), &table(4), Some(1e-4), None).unwrap().0
}

static FILES: LazyLock<[(&str, Vec<u8>); 2]> =
    LazyLock::new(|| [("machine.flow", model()), ("rows.csv", rows().into_bytes())]);

fn path(file: &str) -> PathBuf {
    tools::repository().join("firmware/detect").join(file)
}

/// What `flow-export score --verdicts --drift-every` writes.
fn on_the_host() -> String {
    let frozen = Frozen::read(&path("machine.flow")).unwrap();
    let judge = Judge::new(&frozen).unwrap();
    let data = [path("rows.csv").display().to_string()];
    let (windowed, recipe) = windows::read_windowed(&frozen, &data, vec![], Missing::Keep).unwrap();
    assert!(recipe.is_some());
    let judged = judge.judge(&windowed.table, &windowed.gaps(None)).unwrap();
    let mut text = Vec::new();
    let rows = windowed.table.rows_of_file();
    verdicts::write(&mut text, &judge.names(), &judged, Some(&rows), Some(DRIFT_ROWS)).unwrap();
    String::from_utf8(text).unwrap()
}

/// `firmware/detect` builds without being told of a flow: a small one lies beside it. `WRITE_DETECT=1` writes it anew.
#[test]
fn the_files_beside_the_firmware_are_current() {
    for (file, bytes) in FILES.iter() {
        let path = path(file);
        if std::env::var_os("WRITE_DETECT").is_some() {
            fs::write(&path, bytes).unwrap();
        }
        assert!(fs::read(&path).is_ok_and(|there| there == *bytes), "firmware/detect/{file}: run with WRITE_DETECT=1");
    }
}

/// Two percent of room over what was measured, for other compilers. Much less than measured means that the figure is old.
fn holds(what: &str, found: u64, measured: u64) {
    assert!(100 * found <= 102 * measured && 10 * found >= 9 * measured, "{what}: {found}, measured {measured}");
}

#[test]
fn the_board_says_what_the_host_says() {
    let here = on_the_host();
    let lines: Vec<Vec<&str>> = here.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let number = |line: &[&str]| line[0].parse::<usize>().unwrap() - 1;
    // Windows are complete 11 rows after each beginning.
    let whole = |row: usize| (11..FAILED).contains(&row) || (FAILED + 12..GAP).contains(&row) || row >= GAP + 11;
    let expected: Vec<usize> = (0..ROUGH.end).filter(|&row| whole(row)).collect();
    assert_eq!(lines.iter().map(|line| number(line)).collect::<Vec<_>>(), expected);
    let alarms = || lines.iter().filter(|line| line[3] == "1");
    let first = alarms().next().expect("an alarm");
    assert!(number(first) == JUMP.start && first[5].starts_with("temperature"), "{here}");
    let stuck: Vec<usize> = lines.iter().filter(|line| line[4] == "stuck").map(|line| number(line)).collect();
    assert_eq!(stuck, (STUCK.start + 11..STUCK.end).collect::<Vec<_>>(), "{here}");
    let drifted = lines.iter().filter(|line| line[6].parse::<f64>().unwrap() >= DRIFT_ROWS);
    let drifted: Vec<usize> = drifted.map(|line| number(line)).collect();
    assert!(drifted[0] >= JUMP.start && drifted.iter().any(|row| ROUGH.contains(row)), "{here}");
    println!("{} rows, {} alarms, drift at rows {drifted:?}", lines.len(), alarms().count());

    let Some(board) = MPS2_AN386.find() else { return };
    let program = Firmware { package: "detect", ..Firmware::default() };
    let embed = |program: Firmware, variable, (file, bytes): &(&str, Vec<u8>)| {
        program.embed_as(variable, "detect", file, bytes).unwrap()
    };
    let program = embed(embed(program, "DETECT_FLOW", &FILES[0]), "DETECT_ROWS", &FILES[1]);
    let output = board.run(&program.board(board).build("detect").unwrap()).unwrap();
    let (remarks, there): (Vec<&str>, Vec<&str>) = output.lines().partition(|line| line.starts_with('#'));
    assert_eq!(there, here.lines().collect::<Vec<_>>(), "the board's verdicts, then the host's");
    remarks.iter().for_each(|remark| println!("{remark}"));
    assert!(remarks.contains(&format!("# row {}: channel 0 gave no number", FAILED + 1).as_str()), "{remarks:?}");
    for (what, measured) in [("a row", 5911), ("a row that is an alarm", 314_120), ("memory", 728)] {
        let found = remarks.iter().find_map(|remark| remark.strip_prefix(&format!("# {what}: "))).expect(what);
        holds(what, found.split(' ').next().unwrap().parse().unwrap(), measured);
    }
}
