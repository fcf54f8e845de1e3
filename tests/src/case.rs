//! What is computed on every target: frozen flows and rows for them, on this machine and elsewhere.

use crate::flows;
use crate::report::Report;
use crate::trained::all_trained;
use flow_export::aligned::AlignedBytes;
use flow_export::calibration::Section;
use flow_export::freeze::{Weights, freeze_as};
use flow_export::probes;
use flow_export::references;
use flow_export::resection::with_sections;
use flow_export::sensors::unlimited;
use flow_export::windows::Recipe;
use flow_model::spec::{Base, FlowSpec};
use flow_nostd::Flow;
use flow_nostd::layout::{CALIBRATION, SENSORS, SensorRecord, WINDOWS};
use std::fmt::{Arguments, Write};
use zerocopy::IntoBytes;

/// A frozen flow and rows for it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is.
    pub name: String,
    /// The frozen flow.
    pub flow: Vec<u8>,
    /// The rows of its self-test, one after another, each followed by its context.
    pub probes: Vec<f32>,
    /// Other rows, one after another, each followed by its context.
    pub rows: Vec<f32>,
    /// Number of further rows, made from these on the target.
    pub more: u32,
}

/// Every model, base, layer, kind of column and type of weights: small flows with random weights and small trained flows,
/// 1,000 rows each; and last a flow over windows with every feature, 200 rows of odd signals.
///
/// # Panics
/// Where a flow cannot be trained or frozen.
pub fn every_case() -> Vec<Case> {
    let random = |(name, spec): (&str, FlowSpec)| Case::new(name, &spec, &flows::parameters(&spec, 0), 1000);
    let random = [("mixed", flows::mixed()), ("every kind", flows::every_kind())].map(random);
    let trained = all_trained();
    let trained = trained.iter().map(|t| Case::new(t.name, t.flow.spec(), &t.params, 1000));
    let spec = flows::every_layer(Base::Normal);
    let of_bytes = Case::of("eight bits", &spec, &flows::parameters(&spec, 0), 1000, Weights::I8);
    let features = "value,lag1,lag11,mean,std,slope,min,max,range,crest,change1,change11";
    let of_windows = Case::of_windows("windows", 12, 2, features, 200);
    random.into_iter().chain(trained).chain([of_bytes, of_windows]).collect()
}

impl Case {
    /// A flow with `count` rows, odd ones first, and the probe rows that `flow-export freeze` gives it.
    ///
    /// # Panics
    /// Where the flow cannot be frozen.
    pub fn new(name: &str, spec: &FlowSpec, params: &[f32], count: usize) -> Self {
        Case::of(name, spec, params, count, Weights::F32)
    }

    /// The same, with the weights stored so.
    ///
    /// # Panics
    /// Where the flow cannot be frozen.
    pub fn of(name: &str, spec: &FlowSpec, params: &[f32], count: usize, weights: Weights) -> Self {
        let probes = probes::rows(spec);
        let plain = freeze_as(spec, params, &probes, 0, weights).expect("a flow that can be frozen");
        let flow = calibrated(&plain, spec);
        let with_context_behind = |row: &[f32]| {
            let (row, context) = flows::split(spec, row);
            row.into_iter().chain(context)
        };
        let rows = flows::rows(spec, count, 0);
        let rows = rows.chunks(spec.columns.len()).flat_map(with_context_behind).collect();
        let probes = probes.iter().flat_map(|row| with_context_behind(row)).collect();
        Case { name: name.to_string(), flow, probes, rows, more: 0 }
    }

    /// A small flow over windows of `length` rows of so many channels, with these features.
    ///
    /// # Panics
    /// Where the flow cannot be frozen, or there is no such feature.
    pub fn of_windows(name: &str, length: u16, channels: usize, features: &str, count: usize) -> Self {
        let features = features.split(',').map(|name| name.parse().expect("a feature")).collect();
        let channels = (0..channels).map(|j| format!("c{j}")).collect();
        let recipe = Recipe { length, stride: 1, features, channels, step: 0, ranges: vec![] };
        let spec = flows::continuous(&recipe.columns());
        let rest = Case::new(name, &spec, &flows::parameters(&spec, 0), count);
        let bytes = AlignedBytes::from(rest.flow.clone());
        let flow = flow_nostd::Flow::new(&bytes).expect("a valid flow");
        Case { flow: with_sections(&flow, &bytes, &[(WINDOWS, recipe.section())]), ..rest }
    }

    /// The same with no more than `count` of its rows, and `more` made from these.
    pub fn with(&self, count: usize, more: u32) -> Self {
        let values = self.rows.len().min(count * self.columns());
        Case { rows: self.rows[..values].to_vec(), more, ..self.clone() }
    }

    /// Number of columns, context among them.
    ///
    /// # Panics
    /// Where the flow is not valid.
    pub fn columns(&self) -> usize {
        let bytes = AlignedBytes::from(self.flow.clone());
        let flow = flow_nostd::Flow::new(&bytes).expect("a valid flow");
        flow.columns() + flow.context_dim()
    }

    /// What is computed on this machine, by the engine as the tests are compiled.
    ///
    /// # Errors
    /// What the report says went wrong.
    pub fn compute(&self) -> Result<Report, String> {
        let flow = AlignedBytes::from(self.flow.clone());
        let rows: Vec<u8> = self.rows.iter().flat_map(|x| x.to_le_bytes()).collect();
        let case = parity_report::Case { name: &self.name, flow: &flow, rows: &rows, more: self.more };
        let mut scratch = vec![0.0; flow_nostd::scratch_len(&flow).ok_or("not a frozen flow")?];
        let mut lines = Lines(String::new());
        parity_report::report(&[case], &mut scratch, &mut lines);
        Report::parse(&lines.0)?.pop().ok_or_else(|| "no report".to_string())
    }
}

/// The file with what verdicts need, from rows that need not be usual: all that counts here is that every part is there.
///
/// # Panics
/// If `file` is not a frozen flow of `spec`.
pub fn calibrated(file: &[u8], spec: &FlowSpec) -> Vec<u8> {
    let bytes = AlignedBytes::from(file.to_vec());
    let flow = Flow::new(&bytes).expect("a valid flow");
    let mut scratch = vec![0.0; flow.scratch_len()];
    let rows = flows::rows(spec, 300, 1);
    let (mut values, mut contexts, mut log_probs) = (vec![], vec![], vec![]);
    for row in rows.chunks(spec.columns.len()) {
        let (row, context) = flows::split(spec, row);
        log_probs.push(flow.log_prob(&row, &context, &mut scratch).expect("a row of the flow"));
        values.extend(row);
        contexts.extend(context);
    }
    let limits = SensorRecord { same: 3.into(), jump: 1e3.into(), ..unlimited() };
    let limits = vec![limits; flow.columns()];
    let mut sections = vec![
        (CALIBRATION, Section::of(&log_probs, &contexts, flow.context_dim(), -2.0, None).bytes),
        (SENSORS, limits.as_bytes().to_vec()),
    ];
    sections.extend(references::sections(&values, &flow));
    with_sections(&flow, file, &sections)
}

struct Lines(String);

impl parity_report::Output for Lines {
    fn line(&mut self, line: Arguments) {
        let _ = writeln!(self.0, "{line}");
    }
}

/// Holds what a target computed from `cases` against what this machine did.
///
/// # Panics
/// Where a bit differs, or a number is missing.
pub fn assert_same_bits(what: &str, cases: &[Case], there: &[Report], here: &[Report]) {
    assert_eq!(there.len(), cases.len(), "{what}: a report on each case");
    for ((case, there), here) in cases.iter().zip(there).zip(here) {
        let what = format!("{} on {what}", case.name);
        let count = case.rows.len() / case.columns();
        assert!(there.self_test, "{what}");
        assert_eq!((there.columns, there.dim, there.scratch), (here.columns, here.dim, here.scratch), "{what}");
        assert_eq!(there.id, here.id, "{what}");
        assert_eq!(there.log_prob.len(), count, "{what}");
        for (i, (there, here)) in there.log_prob.iter().zip(&here.log_prob).enumerate() {
            assert_eq!(there, here, "{what}, row {i}: {:?}", &case.rows[i * case.columns()..][..case.columns()]);
            assert!(f32::from_bits(*here).is_finite(), "{what}, row {i}");
        }
        assert_eq!(there.samples.len(), 200.min(count), "{what}");
        assert_eq!(there.samples, here.samples, "{what}");
        assert_eq!(there.to_latent.len(), 16.min(count), "{what}");
        assert_eq!(there.to_latent, here.to_latent, "{what}");
        assert_eq!(there.to_data.len(), there.to_latent.len(), "{what}");
        assert_eq!(there.to_data, here.to_data, "{what}");
        assert_eq!(there.verdicts.len(), 100.min(count), "{what}");
        assert_eq!(there.verdicts, here.verdicts, "{what}");
        assert_eq!(there.blame.len(), 4.min(count), "{what}");
        assert_eq!(there.blame, here.blame, "{what}");
        assert_eq!(there.windows, here.windows, "{what}");
        assert_eq!(there.many.len(), case.more.div_ceil(1000) as usize, "{what}");
        for (i, (there, here)) in there.many.iter().zip(&here.many).enumerate() {
            assert_eq!(there, here, "{what}, thousand {i} of the further rows");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_that_differs_is_seen() {
        let spec = flows::every_kind();
        let case = Case { more: 1500, ..Case::new("every kind", &spec, &flows::parameters(&spec, 0), 20) };
        let (cases, here) = ([case.clone()], [case.compute().unwrap()]);
        assert_same_bits("itself", &cases, &here, &here);
        let changes: [fn(&mut Report); 8] = [
            |report| report.self_test = false,
            |report| report.log_prob[7] ^= 1,
            |report| report.to_latent[3][0] ^= 1,
            |report| report.to_data[3][1] ^= 1,
            |report| report.samples[19][2] ^= 1,
            |report| report.windows.push(vec![1]),
            |report| report.many[1] ^= 1,
            |report| report.many.truncate(1),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut there = [case.compute().unwrap()];
            change(&mut there[0]);
            let compare = || assert_same_bits("a change", &cases, &there, &here);
            assert!(std::panic::catch_unwind(compare).is_err(), "change {i}");
        }
    }
}
