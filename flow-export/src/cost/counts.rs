//! How often each part of the engine's work comes up in a call, for both ways through a flow.

use super::part::{PARTS, Part};
use flow_model::masks::hidden_degree;
use flow_model::spline::raw_values;
use flow_nostd::Flow;
use flow_nostd::layout::{self, ADD, Base, ColumnRecord, DenseRecord, LANES, Layer, LayerRecord, WEIGHTS_I8};

/// How often each part comes up in one `log_prob`.
pub fn log_prob_counts(flow: &Flow<'_>) -> [f64; PARTS] {
    let mut counts = Counts::of(flow, false);
    match flow.base() {
        Base::Normal => counts.add(Part::Normal, counts.lines),
        Base::StudentT(_) => counts.add(Part::StudentT, counts.lines),
        Base::Mixture(components) => {
            counts.add(Part::Component, components.len());
            counts.add(Part::ComponentValue, components.len() * counts.lines);
            counts.straight(components.len(), counts.lines);
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
            counts.add(Part::LaneFirst, counts.lines * counts.lines.saturating_sub(1) / 2);
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
            counts.splines(1, circle.num_bins.get().into());
            counts.conditioner(circle.dense.get(), circle.dense_count.get());
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
            Layer::Linear(_) => {
                self.add(Part::Linear, 1);
                self.add(Part::LinearValue, lines);
                self.straight(1, lines);
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
                self.splines(lines - usize::from(record.kept.get()), record.num_bins.get().into());
                self.conditioner(record.dense.get(), record.dense_count.get());
            }
            Layer::MaskedSpline(record) => {
                let bins = usize::from(record.num_bins.get());
                self.splines(lines, bins);
                self.masked(record.dense.get(), record.dense_count.get(), Some(raw_values(bins)));
            }
        }
    }

    fn affine(&mut self, moved: usize) {
        self.add(Part::Affine, 1);
        self.add(Part::AffineValue, moved);
    }

    fn splines(&mut self, moved: usize, bins: usize) {
        self.add(Part::Spline, 1);
        self.add(Part::SplineValue, moved);
        self.add(Part::SplineBin, moved * bins);
    }

    /// A conditioner that gives all outputs at once.
    fn conditioner(&mut self, first: u16, count: u16) {
        for (step, record) in self.dense(first, count).iter().enumerate() {
            let panels = usize::from(record.outputs.get()).div_ceil(LANES);
            let (inputs, outputs) = (usize::from(record.inputs.get()), usize::from(record.outputs.get()));
            self.add(if record.activation.get() == ADD { Part::Added } else { Part::Dense }, 1);
            self.panels(record, step, panels, inputs);
            self.masked_products(step, inputs * (outputs.next_multiple_of(LANES) - outputs));
        }
    }

    /// So many products are with weights that are zero because they have to be.
    fn masked_products(&mut self, step: usize, products: usize) {
        let (all, masked) = match step {
            0 => (Part::First, Part::MaskedFirst),
            _ => (Part::Rectified, Part::MaskedRectified),
        };
        self.of[all as usize] -= products as f64 / LANES as f64;
        self.of[masked as usize] += products as f64 / LANES as f64;
    }

    /// The masked products of a conditioner that gives the outputs of all columns at once.
    fn masks(&mut self, records: &[DenseRecord], together: Option<usize>) {
        let (lines, features) = (self.lines, self.features());
        // How many units below have at most a degree, for each degree.
        let mut below: Vec<usize> = (0..=lines).map(|degree| features + degree).collect();
        for (step, record) in records.iter().enumerate() {
            let (inputs, outputs) = (usize::from(record.inputs.get()), usize::from(record.outputs.get()));
            let degree = |output: usize| match together {
                _ if step + 1 < records.len() => hidden_degree(output, outputs, lines, features),
                Some(each) => output / each,
                None => output % lines,
            };
            let degrees: Vec<usize> = (0..outputs).map(degree).collect();
            let seen: usize = degrees.iter().map(|&degree| below[degree]).sum();
            self.masked_products(step, (inputs * outputs).saturating_sub(seen));
            below = (0..=lines).map(|degree| degrees.partition_point(|&d| d <= degree)).collect();
        }
    }

    /// Number of features that every conditioner sees.
    fn features(&self) -> usize {
        self.flow.context_dim() + 2 * self.flow.circle_records().len()
    }

    /// An autoregressive conditioner, whose columns have so many outputs each that lie together, or else one in each half of
    /// the outputs. Towards the latent variable it gives all of them at once; back it computes, column by column, each hidden
    /// unit when the last column that it sees is known, together with the others of its panel.
    fn masked(&mut self, first: u16, count: u16, together: Option<usize>) {
        let (lines, features) = (self.lines, self.features());
        let records = self.dense(first, count);
        let Some((last, hidden)) = records.split_last().filter(|_| self.to_data) else {
            self.conditioner(first, count);
            return self.masks(records, together);
        };
        // How many units below have at most a degree, for each degree.
        let mut below: Vec<usize> = (0..=lines).map(|degree| features + degree).collect();
        for (step, record) in hidden.iter().enumerate() {
            let units = usize::from(record.outputs.get());
            let degrees: Vec<usize> = (0..units).map(|unit| hidden_degree(unit, units, lines, features)).collect();
            let here: Vec<usize> = (0..=lines).map(|degree| degrees.partition_point(|&d| d <= degree)).collect();
            for degree in 0..lines {
                let (from, to) = (if degree > 0 { here[degree - 1] } else { 0 }, here[degree]);
                if from < to {
                    self.add(Part::Dense, 1);
                    self.panels(record, step, to.div_ceil(LANES) - from / LANES, below[degree]);
                }
            }
            below = here;
        }
        for (column, &seen) in below.iter().enumerate().take(lines) {
            match together {
                Some(each) => {
                    self.add(Part::Dense, 1);
                    let panels = ((column + 1) * each).div_ceil(LANES) - column * each / LANES;
                    self.panels(last, hidden.len(), panels, seen);
                }
                None => {
                    self.add(Part::Lane, 2);
                    self.add(if hidden.is_empty() { Part::LaneFirst } else { Part::LaneRectified }, 2 * seen);
                }
            }
        }
    }

    fn dense(&self, first: u16, count: u16) -> &'a [DenseRecord] {
        let first = usize::from(first);
        self.flow.dense_records().get(first..first + usize::from(count)).unwrap_or_default()
    }

    /// So many panels of the dense layer that is number `step` of its conditioner, of so many inputs.
    fn panels(&mut self, record: &DenseRecord, step: usize, panels: usize, inputs: usize) {
        self.add(if record.activation.get() == ADD { Part::AddedPanel } else { Part::Panel }, panels);
        let (plain, bytes) = match step {
            0 => (Part::First, Part::FirstBytes),
            _ => (Part::Rectified, Part::RectifiedBytes),
        };
        self.add(plain, panels * inputs);
        if record.weight_type.get() == WEIGHTS_I8 {
            self.add(Part::PanelBytes, panels);
            self.add(bytes, panels * inputs);
        }
    }

    /// So many products of the latent values with a matrix of as many rows and columns.
    fn straight(&mut self, count: usize, lines: usize) {
        let panels = count * lines.div_ceil(LANES);
        self.add(Part::StraightPanel, panels);
        self.add(Part::Straight, panels * lines);
    }
}
