//! The parts that the work of a call is taken apart into.

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
    /// A width or height of such a bin whose raw value is below 0, and takes a division.
    SplineBelow,
    /// A dense layer.
    Dense,
    /// A panel of eight outputs of a dense layer.
    Panel,
    /// Eight products of an input of a conditioner with weights that are not 0.
    First,
    /// The same with weights that are 0, because a mask or the padding of a panel has them so: a core without an FPU is sooner
    /// done with them.
    FirstZero,
    /// A hidden unit that is looked at, times the panels that read it.
    Looked,
    /// Eight products of a hidden unit that is above 0, with weights that are not 0.
    Rectified,
    /// The same with weights that are 0.
    RectifiedZero,
    /// A dense layer that is added to what a residual conditioner holds.
    Added,
    /// A panel of one.
    AddedPanel,
    /// A panel of a matrix.
    StraightPanel,
    /// Eight products with a matrix's values that are not 0.
    Straight,
    /// The same with values that are 0.
    StraightZero,
    /// A latent value under the normal distribution.
    Normal,
    /// A latent value under a Student-t distribution.
    StudentT,
    /// A component of a mixture.
    Component,
    /// A component that is near enough to a row for its exponential not to be 0.
    Near,
    /// A value of a component.
    ComponentValue,
    /// An output of a conditioner that is computed by itself, where a sample goes column by column.
    Lane,
    /// A product of an input for such an output.
    LaneFirst,
    /// A hidden unit that is looked at for such an output.
    LaneLooked,
    /// A product of a hidden unit that is above 0 for such an output.
    LaneRectified,
    /// A product with a weight that is 0 for such an output.
    LaneZero,
    /// What `Panel` and `AddedPanel` take more where weights are bytes.
    PanelBytes,
    /// What eight products take more where weights are bytes, of those that are not 0.
    Bytes,
    /// The same of those that are 0.
    ZeroBytes,
}

/// Number of parts.
pub const PARTS: usize = Part::ZeroBytes as usize + 1;
