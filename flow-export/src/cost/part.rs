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
    /// An output of a conditioner that is computed by itself, where a sample goes column by column.
    Lane,
    /// An input of such an output.
    LaneFirst,
    /// A hidden unit, which is 0 in half the cases, of such an output.
    LaneRectified,
    /// Of `First`, what meets weights that are zero because a mask or the padding of a panel has them so: a core without an
    /// FPU is sooner done with them.
    MaskedFirst,
    /// The same of `Rectified`.
    MaskedRectified,
    /// What `Panel` and `AddedPanel` take more where weights are bytes.
    PanelBytes,
    /// What `First` takes more where weights are bytes.
    FirstBytes,
    /// What `Rectified` takes more where weights are bytes.
    RectifiedBytes,
}

/// Number of parts.
pub const PARTS: usize = Part::RectifiedBytes as usize + 1;
