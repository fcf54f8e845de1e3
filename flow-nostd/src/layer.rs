//! The layer table: one record of 32 bytes for each bijection, and what each kind does in either direction.
//!
//! Layers transform a state of one value for each column on a line; before it lie the features, which conditioners see and
//! nothing changes. Between layers every value lies within
//! ±[`STATE_BOUND`], so that what a conditioner computes has a bound that can be checked when the file is loaded.

use crate::conditioner::Conditioner;
use crate::fault::Fault;
use crate::flow::Flow;
use crate::layout::{
    ActNormRecord, AffineCouplingRecord, LinearRecord, MaskedAffineRecord, MaskedSplineRecord, PermutationRecord,
    SplineCouplingRecord,
};
use crate::load::Loading;
use crate::sparse::{BLOCK, Rows};
use crate::{ALL_KINDS, act_norm, affine_coupling, linear, masked_affine, masked_spline, permutation, spline_coupling};
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
    /// The record as what it is; `None` for a kind that this version does not know, or was built without.
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
            _ if !ALL_KINDS => return None,
            SPLINE_COUPLING => Layer::SplineCoupling(transmute_ref!(self)),
            MASKED_AFFINE => Layer::MaskedAffine(transmute_ref!(self)),
            MASKED_SPLINE => Layer::MaskedSpline(transmute_ref!(self)),
            LINEAR => Layer::Linear(transmute_ref!(self)),
            ACT_NORM => Layer::ActNorm(transmute_ref!(self)),
            _ => return None,
        })
    }

    pub(crate) fn check(&self, loading: &mut Loading<'_>) -> Result<(), Fault> {
        let Some(layer) = self.view() else {
            return loading.place.note(Fault::UNKNOWN_KIND, 0, self.kind.get().into());
        };
        match layer {
            Layer::Permutation(record) => permutation::check(record, loading),
            Layer::AffineCoupling(record) => affine_coupling::check(record, loading),
            Layer::SplineCoupling(record) => spline_coupling::check(record, loading),
            Layer::MaskedAffine(record) => masked_affine::check(record, loading),
            Layer::MaskedSpline(record) => masked_spline::check(record, loading),
            Layer::Linear(record) => linear::check(record, loading),
            Layer::ActNorm(record) => act_norm::check(record, loading),
        }
    }

    /// Transforms the state, behind the features, towards the latent variable; returns the log-determinant.
    pub(crate) fn to_latent(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) -> f32 {
        let Some(layer) = self.view() else { return 0.0 }; // `check` has refused the file.
        match layer.conditioned(flow) {
            Some(conditioned) => {
                let (moved, out) = conditioned.run(flow, state, work);
                layer.bend(moved, out)
            }
            None => layer.apply(flow, lines(flow, state), work),
        }
    }

    /// The inverse of [`LayerRecord::to_latent`].
    pub(crate) fn to_data(&self, flow: &Flow<'_>, state: &mut [f32], work: &mut Work<'_>) {
        let Some(layer) = self.view() else { return }; // `check` has refused the file.
        match layer {
            Layer::Permutation(record) => permutation::to_data(record, flow, lines(flow, state), work),
            Layer::AffineCoupling(record) => {
                let (moved, out) = affine_coupling::conditioned(record, flow).run(flow, state, work);
                affine_coupling::to_data(record, moved, out);
            }
            Layer::SplineCoupling(record) => {
                let (moved, out) = spline_coupling::conditioned(record, flow).run(flow, state, work);
                spline_coupling::to_data(record, moved, out);
            }
            Layer::MaskedAffine(record) => masked_affine::to_data(record, flow, state, work),
            Layer::MaskedSpline(record) => masked_spline::to_data(record, flow, state, work),
            Layer::Linear(record) => linear::to_data(record, flow, lines(flow, state), work),
            Layer::ActNorm(record) => act_norm::to_data(record, flow, lines(flow, state)),
        }
    }
}

/// What a layer's conditioner says, and the first value of the state that it says something about.
pub(crate) struct Conditioned {
    pub conditioner: Conditioner,
    pub first: usize,
}

impl Conditioned {
    /// The values that the conditioner says something about, and what it says of them.
    fn run<'w>(&self, flow: &Flow<'_>, state: &'w mut [f32], work: &'w mut Work<'_>) -> (&'w mut [f32], &'w mut [f32]) {
        let out = self.conditioner.run(flow, state, work);
        (state.get_mut(self.first..).unwrap_or_default(), out)
    }
}

impl Layer<'_> {
    /// The conditioner whose outputs [`Layer::bend`] takes; `None` for layers that have none, see [`Layer::apply`].
    pub(crate) fn conditioned(&self, flow: &Flow<'_>) -> Option<Conditioned> {
        Some(match self {
            Layer::AffineCoupling(record) => affine_coupling::conditioned(record, flow),
            Layer::SplineCoupling(record) => spline_coupling::conditioned(record, flow),
            Layer::MaskedAffine(record) => masked_affine::conditioned(record, flow),
            Layer::MaskedSpline(record) => masked_spline::conditioned(record, flow),
            Layer::Permutation(_) | Layer::Linear(_) | Layer::ActNorm(_) => return None,
        })
    }

    /// Transforms the values that the conditioner's outputs are about; returns the log-determinant.
    pub(crate) fn bend(&self, moved: &mut [f32], out: &mut [f32]) -> f32 {
        match self {
            Layer::AffineCoupling(record) => affine_coupling::to_latent(record, moved, out),
            Layer::SplineCoupling(record) => spline_coupling::to_latent(record, moved, out),
            Layer::MaskedAffine(record) => masked_affine::to_latent(record, moved, out),
            Layer::MaskedSpline(record) => masked_spline::to_latent(record, moved, out),
            Layer::Permutation(_) | Layer::Linear(_) | Layer::ActNorm(_) => 0.0,
        }
    }

    /// The same for a block of rows, each with its outputs; adds the log-determinants.
    pub(crate) fn bend_block(
        &self,
        moved: [&mut [f32]; BLOCK],
        outs: &mut Rows<&mut [f32]>,
        log_dets: &mut [f32; BLOCK],
    ) {
        on_hosts! {
            if let Layer::SplineCoupling(SplineCouplingRecord { tail_bound: bound, num_bins: bins, .. })
            | Layer::MaskedSpline(MaskedSplineRecord { tail_bound: bound, num_bins: bins, .. }) = self
            {
                return crate::splines::block_to_latent(bound.get(), bins.get(), moved, outs, log_dets);
            }
        }
        for ((moved, out), log_det) in moved.into_iter().zip(outs.iter_mut()).zip(log_dets) {
            *log_det += self.bend(moved, out);
        }
    }

    /// Transforms the columns on a line where no conditioner is needed; returns the log-determinant.
    pub(crate) fn apply(&self, flow: &Flow<'_>, lines: &mut [f32], work: &mut Work<'_>) -> f32 {
        match self {
            Layer::Permutation(record) => permutation::to_latent(record, flow, lines, work),
            Layer::Linear(record) => linear::to_latent(record, flow, lines, work),
            Layer::ActNorm(record) => act_norm::to_latent(record, flow, lines),
            Layer::AffineCoupling(_) | Layer::SplineCoupling(_) | Layer::MaskedAffine(_) | Layer::MaskedSpline(_) => {
                0.0
            }
        }
    }
}

/// The state without the features, for layers that have no conditioner.
pub(crate) fn lines<'s>(flow: &Flow<'_>, state: &'s mut [f32]) -> &'s mut [f32] {
    state.get_mut(flow.features..).unwrap_or_default()
}
