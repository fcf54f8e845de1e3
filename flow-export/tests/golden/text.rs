//! What a golden file's text says: rows, and every bit that the engine makes of them.
//!
//! Numbers are the bits of f32, hexadecimal. A line `row` holds the row's values, then those of its context; the lines below it what
//! is computed from it. A line `raw` is a row of raw channels, in their order.

use flow_export::aligned::AlignedBytes;
use flow_nostd::{Detector, Flow, Window, Windowing};
use rand_pcg::Pcg32;
use std::fmt::Write;

/// The rows of a text: those of the flow and the raw ones.
#[derive(Default)]
pub struct Rows {
    pub rows: Vec<Vec<f32>>,
    pub raw: Vec<Vec<f32>>,
}

impl Rows {
    /// Reads them back.
    pub fn of(text: &str) -> Self {
        let starting = |word: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(word));
            lines.map(|line| line.split_whitespace().map(bits).collect()).collect()
        };
        Rows { rows: starting("row "), raw: starting("raw ") }
    }
}

fn bits(word: &str) -> f32 {
    f32::from_bits(u32::from_str_radix(word, 16).expect("bits of a number"))
}

fn line(out: &mut String, what: &str, values: &[f32]) {
    out.push_str(what);
    values.iter().for_each(|value| write!(out, " {:08x}", value.to_bits()).expect("a string takes all"));
    out.push('\n');
}

/// All that the engine makes of a file and these rows.
pub fn text(file: &[u8], Rows { rows, raw }: &Rows) -> String {
    let bytes = AlignedBytes::from(file.to_vec());
    let flow = Flow::new(&bytes).expect("a file that can be read");
    let detector = Detector::new(flow).expect("verdicts that can be read");
    let mut scratch = vec![f32::NAN; flow.scratch_len()];
    flow.self_test(&mut scratch).expect("the bits of the probe rows");
    let (mut z, mut back) = (vec![0.0; flow.dim()], vec![0.0; flow.columns()]);
    let mut out = format!("id {}\n", flow.model_id_hex());
    for row in rows {
        line(&mut out, "row", row);
        let (row, context) = row.split_at(flow.columns());
        let log_prob = flow.log_prob(row, context, &mut scratch).expect("a log-density");
        line(&mut out, "  log_prob", &[log_prob]);
        let log_det = flow.to_latent(row, context, &mut z, &mut scratch).expect("a latent vector");
        line(&mut out, "  log_det", &[log_det]);
        line(&mut out, "  latent", &z);
        flow.to_data(&z, context, &mut back, &mut scratch).expect("a row");
        line(&mut out, "  back", &back);
        if detector.calibration_rows() > 0 {
            let verdict = detector.verdict(row, context, &mut scratch).expect("a verdict");
            line(&mut out, "  ln_p", &[verdict.ln_p]);
            let worst = detector.blame(row, context, &mut back, &mut scratch).expect("shares");
            line(&mut out, &format!("  blame {worst:?}"), &back);
        }
    }
    let mut rng = Pcg32::new(1, 0xa02_bdbf_7bb3_c0a7);
    let context = rows.first().map_or(&[][..], |row| &row[flow.columns()..]);
    for _ in 0..8 {
        flow.sample(&mut rng, context, &mut back, &mut scratch).expect("a sample");
        line(&mut out, "sample", &back);
    }
    if let Ok(windowing) = Windowing::of(&flow) {
        let mut memory = vec![0.0; windowing.memory_len()];
        let mut window = Window::new(windowing, &mut memory).expect("memory for a window");
        for row in raw {
            line(&mut out, "raw", row);
            match window.push(row) {
                Ok(true) => {
                    window.features(&mut back, &mut []).expect("features");
                    line(&mut out, "  features", &back);
                }
                Ok(false) => {}
                Err(error) => line(&mut out, &format!("  {error:?}"), &[]),
            }
        }
    }
    out
}
