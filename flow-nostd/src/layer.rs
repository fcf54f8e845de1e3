//! The layer table: one record of 32 bytes for each bijection, and the three places where a kind is told from another.
//!
//! Layers transform a state of one value for each active column. Between layers every value lies within
//! ±[`STATE_BOUND`], so that what a conditioner computes has a bound that can be checked when the file is loaded.

use crate::flow::Flow;
use crate::load::Loading;
use crate::section::LAYERS;
use crate::{FormatError, affine_coupling, masked_affine, masked_spline, permutation, spline_coupling};
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

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
/// Between layers, values beyond this are replaced by it: far beyond anything that training produces.
pub const STATE_BOUND: f32 = 1e9;

/// A layer as it lies in the file.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LayerRecord {
    /// [`PERMUTATION`], [`AFFINE_COUPLING`], [`SPLINE_COUPLING`], [`MASKED_AFFINE`] or [`MASKED_SPLINE`].
    pub kind: U16,
    /// What they are depends on the kind.
    pub fields: [u8; 30],
}

/// The memory that layers work in, beside the state.
pub(crate) struct Work<'s> {
    pub a: &'s mut [f32],
    pub b: &'s mut [f32],
}

impl LayerRecord {
    pub(crate) fn check(&self, index: u16, loading: &mut Loading<'_>) -> Result<(), FormatError> {
        match self.kind.get() {
            PERMUTATION => permutation::check(zerocopy::transmute_ref!(self), index, loading),
            AFFINE_COUPLING => affine_coupling::check(zerocopy::transmute_ref!(self), index, loading),
            SPLINE_COUPLING => spline_coupling::check(zerocopy::transmute_ref!(self), index, loading),
            MASKED_AFFINE => masked_affine::check(zerocopy::transmute_ref!(self), index, loading),
            MASKED_SPLINE => masked_spline::check(zerocopy::transmute_ref!(self), index, loading),
            kind => Err(FormatError::UnknownKind { tag: LAYERS, index, kind }),
        }
    }

    /// Transforms the state towards the latent variable; returns the log-determinant.
    pub(crate) fn to_latent(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
        match self.kind.get() {
            PERMUTATION => permutation::to_latent(zerocopy::transmute_ref!(self), flow, state, work),
            AFFINE_COUPLING => affine_coupling::to_latent(zerocopy::transmute_ref!(self), flow, state, work),
            SPLINE_COUPLING => spline_coupling::to_latent(zerocopy::transmute_ref!(self), flow, state, work),
            MASKED_AFFINE => masked_affine::to_latent(zerocopy::transmute_ref!(self), flow, state, work),
            MASKED_SPLINE => masked_spline::to_latent(zerocopy::transmute_ref!(self), flow, state, work),
            _ => 0.0,
        }
    }

    /// The inverse of [`LayerRecord::to_latent`].
    pub(crate) fn to_data(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
        match self.kind.get() {
            PERMUTATION => permutation::to_data(zerocopy::transmute_ref!(self), flow, state, work),
            AFFINE_COUPLING => affine_coupling::to_data(zerocopy::transmute_ref!(self), flow, state, work),
            SPLINE_COUPLING => spline_coupling::to_data(zerocopy::transmute_ref!(self), flow, state, work),
            MASKED_AFFINE => masked_affine::to_data(zerocopy::transmute_ref!(self), flow, state, work),
            MASKED_SPLINE => masked_spline::to_data(zerocopy::transmute_ref!(self), flow, state, work),
            _ => {}
        }
    }
}
