//! The layer table: one record of 32 bytes for each bijection, and what each kind does in either direction.
//!
//! Layers transform a state of one value for each column on a line; before it lie the features, which conditioners see and
//! nothing changes. Between layers every value lies within
//! ±[`STATE_BOUND`], so that what a conditioner computes has a bound that can be checked when the file is loaded.

use crate::flow::Flow;
use crate::layout::{
    ActNormRecord, AffineCouplingRecord, LinearRecord, MaskedAffineRecord, MaskedSplineRecord, PermutationRecord,
    SplineCouplingRecord,
};
use crate::load::Loading;
use crate::section::LAYERS;
use crate::{
    FormatError, act_norm, affine_coupling, linear, masked_affine, masked_spline, permutation, spline_coupling,
};
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute_ref};

/// Layer kind: permutation of the columns.
pub const PERMUTATION: u16 = 1;
/// Layer kind: affine coupling.
pub const AFFINE_COUPLING: u16 = 2;
/// Layer kind: spline coupling.
pub const SPLINE_COUPLING: u16 = 3;
/// Layer kind: masked autoregressive flow, affine.
pub const MASKED_AFFINE: u16 = 4;
/// Layer kind: masked autoregressive flow, spline.
pub const MASKED_SPLINE: u16 = 5;
/// Layer kind: product with a matrix.
pub const LINEAR: u16 = 6;
/// Layer kind: shift and scale of each column.
pub const ACT_NORM: u16 = 7;
/// Between layers, values beyond this are replaced by it: far beyond anything that training produces.
pub const STATE_BOUND: f32 = 1e9;

/// A layer as it lies in the file.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LayerRecord {
    /// [`PERMUTATION`], [`AFFINE_COUPLING`], [`SPLINE_COUPLING`], [`MASKED_AFFINE`], [`MASKED_SPLINE`], [`LINEAR`] or
    /// [`ACT_NORM`].
    pub kind: U16,
    /// What they are depends on the kind.
    pub fields: [u8; 30],
}

/// The memory that layers work in, beside the state.
pub(crate) struct Work<'s> {
    pub a: &'s mut [f32],
    pub b: &'s mut [f32],
}

/// A layer's record as what it is. The one place where kinds are told apart is [`LayerRecord::view`]: a new kind is a
/// variant here, and the compiler names every match that lacks it.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// Reordered columns.
    Permutation(&'a PermutationRecord),
    /// Affine coupling.
    AffineCoupling(&'a AffineCouplingRecord),
    /// Spline coupling.
    SplineCoupling(&'a SplineCouplingRecord),
    /// Masked autoregressive flow, affine.
    MaskedAffine(&'a MaskedAffineRecord),
    /// Masked autoregressive flow, spline.
    MaskedSpline(&'a MaskedSplineRecord),
    /// Product with a matrix.
    Linear(&'a LinearRecord),
    /// Shift and scale of each column.
    ActNorm(&'a ActNormRecord),
}

impl LayerRecord {
    /// The record as what it is; `None` for a kind that this version does not know.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// # let flow = flow_nostd::Flow::new(model::BYTES)?;
    /// use flow_nostd::layout::Layer;
    ///
    /// for layer in flow.layer_records() {
    ///     match layer.view() {
    ///         Some(Layer::AffineCoupling(record)) => println!("scales bounded by {}", record.scale_bound.get()),
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn view(&self) -> Option<Layer<'_>> {
        Some(match self.kind.get() {
            PERMUTATION => Layer::Permutation(transmute_ref!(self)),
            AFFINE_COUPLING => Layer::AffineCoupling(transmute_ref!(self)),
            SPLINE_COUPLING => Layer::SplineCoupling(transmute_ref!(self)),
            MASKED_AFFINE => Layer::MaskedAffine(transmute_ref!(self)),
            MASKED_SPLINE => Layer::MaskedSpline(transmute_ref!(self)),
            LINEAR => Layer::Linear(transmute_ref!(self)),
            ACT_NORM => Layer::ActNorm(transmute_ref!(self)),
            _ => return None,
        })
    }

    pub(crate) fn check(&self, index: u16, loading: &mut Loading<'_>) -> Result<(), FormatError> {
        let Some(layer) = self.view() else {
            return Err(FormatError::UnknownKind { tag: LAYERS, index, kind: self.kind.get() });
        };
        match layer {
            Layer::Permutation(record) => permutation::check(record, index, loading),
            Layer::AffineCoupling(record) => affine_coupling::check(record, index, loading),
            Layer::SplineCoupling(record) => spline_coupling::check(record, index, loading),
            Layer::MaskedAffine(record) => masked_affine::check(record, index, loading),
            Layer::MaskedSpline(record) => masked_spline::check(record, index, loading),
            Layer::Linear(record) => linear::check(record, index, loading),
            Layer::ActNorm(record) => act_norm::check(record, index, loading),
        }
    }

    /// Transforms the state, behind the features, towards the latent variable; returns the log-determinant.
    pub(crate) fn to_latent(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
        let Some(layer) = self.view() else { return 0.0 }; // `check` has refused the file.
        match layer {
            Layer::Permutation(record) => permutation::to_latent(record, flow, lines(flow, state), work),
            Layer::AffineCoupling(record) => affine_coupling::to_latent(record, flow, state, work),
            Layer::SplineCoupling(record) => spline_coupling::to_latent(record, flow, state, work),
            Layer::MaskedAffine(record) => masked_affine::to_latent(record, flow, state, work),
            Layer::MaskedSpline(record) => masked_spline::to_latent(record, flow, state, work),
            Layer::Linear(record) => linear::to_latent(record, flow, lines(flow, state), work),
            Layer::ActNorm(record) => act_norm::to_latent(record, flow, lines(flow, state)),
        }
    }

    /// The inverse of [`LayerRecord::to_latent`].
    pub(crate) fn to_data(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
        let Some(layer) = self.view() else { return }; // `check` has refused the file.
        match layer {
            Layer::Permutation(record) => permutation::to_data(record, flow, lines(flow, state), work),
            Layer::AffineCoupling(record) => affine_coupling::to_data(record, flow, state, work),
            Layer::SplineCoupling(record) => spline_coupling::to_data(record, flow, state, work),
            Layer::MaskedAffine(record) => masked_affine::to_data(record, flow, state, work),
            Layer::MaskedSpline(record) => masked_spline::to_data(record, flow, state, work),
            Layer::Linear(record) => linear::to_data(record, flow, lines(flow, state), work),
            Layer::ActNorm(record) => act_norm::to_data(record, flow, lines(flow, state)),
        }
    }
}

/// The state without the features, for layers that have no conditioner.
fn lines<'s>(flow: &Flow<'_>, state: &'s mut [f32]) -> &'s mut [f32] {
    state.get_mut(flow.features..).unwrap_or_default()
}
