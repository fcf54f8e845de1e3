//! What one `log_prob` costs on a Cortex-M4F, estimated from the records of a frozen flow: how often each [`Part`] of the
//! engine's work comes up, times what it was found to cost on the emulated board.
//!
//! The instructions of a part are a fit: least squares of relative errors over the flows of `tests/src/spread.rs`, whose
//! instructions the board counted. `tests/tests/cost_estimate.rs` holds the estimate against flows that the fit has not seen,
//! and its long test makes the fit again. On silicon an instruction takes a cycle or more; the figure is no time.
//!
//! The engine passes over inputs that ReLU makes 0. The estimate takes half of them for such. It also takes rows as they
//! usually are: within the splines' bounds, drawn into no box.

use flow_nostd::Flow;
use flow_nostd::layout::{
    self, ADD, Base, CircleRecord, ColumnRecord, DenseRecord, LANES, Layer, LayerRecord, WEIGHTS_I8,
};

/// A part of the work, of which a flow has some number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The call itself.
    Call,
    /// A continuous column, standardised and bent at the knee.
    Continuous,
    /// A column of whole numbers.
    Integer,
    /// A column of positive numbers.
    Positive,
    /// A column of bounded numbers.
    Bounded,
    /// A column on a lattice.
    Lattice,
    /// A column that has atoms, beside its kind.
    WithAtoms,
    /// An atom.
    Atom,
    /// A column of one value.
    Constant,
    /// A column of the context.
    Context,
    /// A column of angles.
    Circular,
    /// A permutation, and each value of it.
    Permutation,
    /// A value of a permutation.
    PermutationValue,
    /// A shift and scale.
    ActNorm,
    /// A value of a shift and scale.
    ActNormValue,
    /// A product with a matrix, without its panels.
    Linear,
    /// A value of a product with a matrix.
    LinearValue,
    /// An affine coupling or autoregressive layer, without its conditioner.
    Affine,
    /// A value that an affine layer moves.
    AffineValue,
    /// A spline coupling or autoregressive layer, or an angle's spline, without its conditioner.
    Spline,
    /// A value that a spline moves.
    SplineValue,
    /// A bin of such a spline.
    SplineBin,
    /// A dense layer.
    Dense,
    /// A panel of eight outputs of a dense layer.
    Panel,
    /// An input of a conditioner, times the panels that read it.
    First,
    /// A hidden unit, which is 0 in half the cases, times the panels that read it.
    Rectified,
    /// A dense layer that is added to what a residual conditioner holds.
    Added,
    /// A panel of one.
    AddedPanel,
    /// A panel of a matrix.
    StraightPanel,
    /// An input of a matrix, times the panels that read it.
    Straight,
    /// A latent value under the normal distribution.
    Normal,
    /// A latent value under a Student-t distribution.
    StudentT,
    /// A component of a mixture.
    Component,
    /// A value of such a component.
    ComponentValue,
    /// What `Panel` and `AddedPanel` take more where weights are bytes.
    PanelBytes,
    /// What `First` takes more where weights are bytes.
    FirstBytes,
    /// What `Rectified` takes more where weights are bytes.
    RectifiedBytes,
}

/// Number of parts.
pub const PARTS: usize = Part::RectifiedBytes as usize + 1;

/// Instructions of each part, in their order.
pub const INSTRUCTIONS: [f64; PARTS] = [
    307.84, 120.65, 115.20, 166.33, 308.31, 156.66, 38.74, 6.92, 33.86, 60.39, 38.83, 32.80, 15.36, 0.00, 18.79, 0.00,
    18.23, 193.16, 90.53, 177.47, 234.42, 44.55, 80.10, 30.00, 21.76, 14.68, 164.30, 78.62, 0.00, 19.76, 0.00, 53.74,
    202.88, 19.74, 65.66, 19.76, 8.48,
];

/// How often each part comes up in one `log_prob`.
pub fn counts(flow: &Flow<'_>) -> [f64; PARTS] {
    let mut counts = Counts([0.0; PARTS]);
    counts.add(Part::Call, 1);
    for record in flow.column_records() {
        counts.column(record);
    }
    for circle in flow.circle_records() {
        counts.circle(flow, circle);
    }
    let lines = flow.dim() - flow.circle_records().len();
    for layer in flow.layer_records() {
        counts.layer(flow, layer, lines);
    }
    match flow.base() {
        Base::Normal => counts.add(Part::Normal, lines),
        Base::StudentT(_) => counts.add(Part::StudentT, lines),
        Base::Mixture(components) => {
            counts.add(Part::Component, components.len());
            counts.add(Part::ComponentValue, components.len() * lines);
            counts.straight(components.len(), lines);
        }
    }
    counts.0
}

/// Instructions of one `log_prob` on a Cortex-M4F.
pub fn instructions(flow: &Flow<'_>) -> u64 {
    counts(flow).iter().zip(INSTRUCTIONS).map(|(count, each)| count * each).sum::<f64>().round() as u64
}

struct Counts([f64; PARTS]);

impl Counts {
    fn add(&mut self, part: Part, count: usize) {
        self.0[part as usize] += count as f64;
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

    fn circle(&mut self, flow: &Flow<'_>, circle: &CircleRecord) {
        self.splines(1, circle.num_bins.get().into());
        self.conditioner(flow, circle.dense.get(), circle.dense_count.get());
    }

    fn layer(&mut self, flow: &Flow<'_>, record: &LayerRecord, lines: usize) {
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
                self.conditioner(flow, record.dense.get(), record.dense_count.get());
            }
            Layer::MaskedAffine(record) => {
                self.affine(lines);
                self.conditioner(flow, record.dense.get(), record.dense_count.get());
            }
            Layer::SplineCoupling(record) => {
                self.splines(lines - usize::from(record.kept.get()), record.num_bins.get().into());
                self.conditioner(flow, record.dense.get(), record.dense_count.get());
            }
            Layer::MaskedSpline(record) => {
                self.splines(lines, record.num_bins.get().into());
                self.conditioner(flow, record.dense.get(), record.dense_count.get());
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

    fn conditioner(&mut self, flow: &Flow<'_>, first: u16, count: u16) {
        let records = flow.dense_records().iter().skip(first.into()).take(count.into());
        for (step, DenseRecord { inputs, outputs, activation, weight_type, .. }) in records.enumerate() {
            let (panels, inputs) = (usize::from(outputs.get()).div_ceil(LANES), usize::from(inputs.get()));
            let (dense, panel) = match activation.get() {
                ADD => (Part::Added, Part::AddedPanel),
                _ => (Part::Dense, Part::Panel),
            };
            self.add(dense, 1);
            self.add(panel, panels);
            let (plain, bytes) = match step {
                0 => (Part::First, Part::FirstBytes),
                _ => (Part::Rectified, Part::RectifiedBytes),
            };
            self.add(plain, panels * inputs);
            if weight_type.get() == WEIGHTS_I8 {
                self.add(Part::PanelBytes, panels);
                self.add(bytes, panels * inputs);
            }
        }
    }

    /// So many products of the latent values with a matrix of as many rows and columns.
    fn straight(&mut self, count: usize, lines: usize) {
        let panels = count * lines.div_ceil(LANES);
        self.add(Part::StraightPanel, panels);
        self.add(Part::Straight, panels * lines);
    }
}
