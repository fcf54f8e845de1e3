//! How often each part of the engine's work comes up in a call, for both ways through a flow.

use super::mixture;
use super::part::{PARTS, Part};
use super::tried::{Tried, weight};
use flow_model::masks::hidden_degree;
use flow_model::spline::raw_values;
use flow_nostd::Flow;
use flow_nostd::layout::{self, ADD, Base, ColumnRecord, DenseRecord, LANES, Layer, LayerRecord, WEIGHTS_I8};
use std::ops::Range;

/// How often each part comes up in one `log_prob`.
pub fn log_prob_counts(flow: &Flow<'_>) -> [f64; PARTS] {
    let mut counts = Counts::of(flow, false);
    match flow.base() {
        Base::Normal => counts.add(Part::Normal, counts.lines),
        Base::StudentT(_) => counts.add(Part::StudentT, counts.lines),
        Base::Mixture(components) => {
            counts.add(Part::Component, components.len());
            counts.add(Part::ComponentValue, components.len() * counts.lines);
            counts.of[Part::Near as usize] += mixture::near(flow, components);
            components.iter().for_each(|component| counts.straight(component.dense.get().into()));
        }
    }
    counts.of
}

/// How often each part comes up in one `sample`.
pub fn sample_counts(flow: &Flow<'_>) -> [f64; PARTS] {
    let mut counts = Counts::of(flow, true);
    match flow.base() {
        Base::StudentT(_) => counts.add(Part::StudentT, counts.lines),
        Base::Normal => counts.add(Part::Normal, counts.lines),
        // Values are drawn, and then those of one component made of them.
        Base::Mixture(components) => {
            counts.add(Part::Normal, counts.lines);
            counts.add(Part::Component, components.len());
            counts.add(Part::ComponentValue, counts.lines);
            let [whole, zero] = mixture::triangle(flow, components);
            counts.of[Part::LaneFirst as usize] += whole;
            counts.of[Part::LaneZero as usize] += zero;
        }
    }
    counts.of
}

struct Counts<'a> {
    flow: &'a Flow<'a>,
    /// Whether it is the way from the latent variable to the data.
    to_data: bool,
    /// Values of the state that are no angles.
    lines: usize,
    of: [f64; PARTS],
}

impl<'a> Counts<'a> {
    /// All but the base.
    fn of(flow: &'a Flow<'a>, to_data: bool) -> Self {
        let lines = flow.dim() - flow.circle_records().len();
        let mut counts = Counts { flow, to_data, lines, of: [0.0; PARTS] };
        counts.add(Part::Call, 1);
        for record in flow.column_records() {
            counts.column(record);
        }
        for circle in flow.circle_records() {
            let bins = circle.num_bins.get().into();
            let tried = counts.conditioner(circle.dense.get(), circle.dense_count.get());
            counts.splines(1, bins, 3 * bins, &tried);
        }
        for layer in flow.layer_records() {
            counts.layer(layer);
        }
        counts
    }

    fn add(&mut self, part: Part, count: usize) {
        self.of[part as usize] += count as f64;
    }

    fn column(&mut self, record: &ColumnRecord) {
        let part = match record.kind.get() {
            layout::CONTINUOUS => Part::Continuous,
            layout::INTEGER => Part::Integer,
            layout::POSITIVE => Part::Positive,
            layout::BOUNDED => Part::Bounded,
            layout::LATTICE => Part::Lattice,
            layout::CIRCULAR => Part::Circular,
            layout::CONTEXT => Part::Context,
            _ => Part::Constant,
        };
        self.add(part, 1);
        self.add(Part::Atom, record.atoms.get().into());
        self.add(Part::WithAtoms, usize::from(record.atoms.get() > 0));
    }

    fn layer(&mut self, record: &LayerRecord) {
        let lines = self.lines;
        // The engine accepts no kind that it does not know.
        let Some(layer) = record.view() else { return };
        match layer {
            Layer::Permutation(_) => {
                self.add(Part::Permutation, 1);
                self.add(Part::PermutationValue, lines);
            }
            Layer::ActNorm(_) => {
                self.add(Part::ActNorm, 1);
                self.add(Part::ActNormValue, lines);
            }
            Layer::Linear(record) => {
                self.add(Part::Linear, 1);
                self.add(Part::LinearValue, lines);
                self.straight(usize::from(record.dense.get()) + usize::from(self.to_data));
            }
            Layer::AffineCoupling(record) => {
                self.affine(lines - usize::from(record.kept.get()));
                self.conditioner(record.dense.get(), record.dense_count.get());
            }
            Layer::MaskedAffine(record) => {
                self.affine(lines);
                self.masked(record.dense.get(), record.dense_count.get(), None);
            }
            Layer::SplineCoupling(record) => {
                let bins = record.num_bins.get().into();
                let tried = self.conditioner(record.dense.get(), record.dense_count.get());
                self.splines(lines - usize::from(record.kept.get()), bins, raw_values(bins), &tried);
            }
            Layer::MaskedSpline(record) => {
                let bins = usize::from(record.num_bins.get());
                let tried = self.masked(record.dense.get(), record.dense_count.get(), Some(raw_values(bins)));
                self.splines(lines, bins, raw_values(bins), &tried);
            }
        }
    }

    fn affine(&mut self, moved: usize) {
        self.add(Part::Affine, 1);
        self.add(Part::AffineValue, moved);
    }

    /// Splines of so many bins, of `each` raw values each, first those of its widths and heights.
    fn splines(&mut self, moved: usize, bins: usize, each: usize, tried: &Tried<'_>) {
        self.add(Part::Spline, 1);
        self.add(Part::SplineValue, moved);
        self.add(Part::SplineBin, moved * bins);
        let below = |value: usize| tried.below_zero(value * each..value * each + 2 * bins);
        self.of[Part::SplineBelow as usize] += (0..moved).map(below).sum::<f64>();
    }

    /// A conditioner that gives all outputs at once.
    fn conditioner(&mut self, first: u16, count: u16) -> Tried<'a> {
        let records = self.dense(first, count);
        let tried = Tried::of(self.flow, records);
        for (step, record) in records.iter().enumerate() {
            let panels = usize::from(record.outputs.get()).div_ceil(LANES);
            self.panels(&tried, record, step, 0..panels, record.inputs.get().into());
        }
        tried
    }

    /// Number of features that every conditioner sees.
    fn features(&self) -> usize {
        self.flow.context_dim() + 2 * self.flow.circle_records().len()
    }

    /// An autoregressive conditioner, whose columns have so many outputs each that lie together, or else one in each half of
    /// the outputs. Towards the latent variable it gives all of them at once; back it computes, column by column, each hidden
    /// unit when the last column that it sees is known, together with the others of its panel.
    fn masked(&mut self, first: u16, count: u16, together: Option<usize>) -> Tried<'a> {
        let (lines, features) = (self.lines, self.features());
        let records = self.dense(first, count);
        let Some((last, hidden)) = records.split_last().filter(|_| self.to_data) else {
            return self.conditioner(first, count);
        };
        let tried = Tried::of(self.flow, records);
        // How many units below have at most a degree, for each degree.
        let mut below: Vec<usize> = (0..=lines).map(|degree| features + degree).collect();
        for (step, record) in hidden.iter().enumerate() {
            let units = usize::from(record.outputs.get());
            let degrees: Vec<usize> = (0..units).map(|unit| hidden_degree(unit, units, lines, features)).collect();
            let here: Vec<usize> = (0..=lines).map(|degree| degrees.partition_point(|&d| d <= degree)).collect();
            for degree in 0..lines {
                let (from, to) = (if degree > 0 { here[degree - 1] } else { 0 }, here[degree]);
                if from < to {
                    self.panels(&tried, record, step, from / LANES..to.div_ceil(LANES), below[degree]);
                }
            }
            below = here;
        }
        for (column, &seen) in below.iter().enumerate().take(lines) {
            match together {
                Some(each) => {
                    let panels = column * each / LANES..((column + 1) * each).div_ceil(LANES);
                    self.panels(&tried, last, hidden.len(), panels, seen);
                }
                None => {
                    self.add(Part::Lane, 2);
                    let (counting, looked) = match hidden {
                        [] => (Part::LaneFirst, 0),
                        _ => (Part::LaneRectified, 2 * seen),
                    };
                    self.add(Part::LaneLooked, looked);
                    self.of[counting as usize] += 2.0 * tried.counting(seen);
                }
            }
        }
        tried
    }

    fn dense(&self, first: u16, count: u16) -> &'a [DenseRecord] {
        let first = usize::from(first);
        self.flow.dense_records().get(first..first + usize::from(count)).unwrap_or_default()
    }

    /// These panels of the dense layer that is number `step` of its conditioner, of so many inputs.
    fn panels(&mut self, tried: &Tried<'_>, record: &DenseRecord, step: usize, panels: Range<usize>, inputs: usize) {
        let (layer, panel) = match record.activation.get() {
            ADD => (Part::Added, Part::AddedPanel),
            _ => (Part::Dense, Part::Panel),
        };
        self.add(layer, 1);
        self.add(panel, panels.len());
        let products = tried.products(step, panels.clone(), inputs);
        let (whole, zero) = match step {
            0 => (Part::First, Part::FirstZero),
            _ => (Part::Rectified, Part::RectifiedZero),
        };
        self.of[whole as usize] += products.whole;
        self.of[zero as usize] += products.zero;
        if step > 0 {
            self.of[Part::Looked as usize] += products.all;
        }
        if record.weight_type.get() == WEIGHTS_I8 {
            self.add(Part::PanelBytes, panels.len());
            self.of[Part::Bytes as usize] += products.whole;
            self.of[Part::ZeroBytes as usize] += products.zero;
        }
    }

    /// A product of the latent values with the matrix of this dense record.
    fn straight(&mut self, dense: usize) {
        let Some(record) = self.flow.dense_records().get(dense) else { return };
        let panels = self.lines.div_ceil(LANES);
        self.add(Part::StraightPanel, panels);
        for output in 0..panels * LANES {
            for input in 0..self.lines {
                let part = match weight(self.flow.weights(), record, input, output) {
                    0.0 => Part::StraightZero,
                    _ => Part::Straight,
                };
                self.of[part as usize] += 1.0 / LANES as f64;
            }
        }
    }
}
