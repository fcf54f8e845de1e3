//! Models by name, with the sizes and settings that suit each without anyone tuning.

use clap::ValueEnum;
use flow_model::models;
use flow_model::spec::Layer;

/// A model that `--model` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Model {
    /// What we would pick ourselves: at present realnvp
    Auto,
    /// Affine couplings
    Realnvp,
    /// Rational-quadratic spline couplings
    Nsf,
    /// Masked autoregressive affine layers
    Maf,
    /// Masked autoregressive rational-quadratic splines
    MafRqs,
}

/// How large a model is to be.
pub(super) struct Size<'a> {
    /// Number of couplings or of autoregressive layers, where it was given.
    pub layers: Option<usize>,
    /// Widths of the conditioners' hidden layers.
    pub hidden: &'a [usize],
    /// Bins of each spline.
    pub num_bins: usize,
    /// Where splines end, in standard deviations.
    pub tail_bound: f32,
}

impl Model {
    /// The model that is trained.
    pub(super) fn resolve(self) -> Self {
        if self == Model::Auto { Model::Realnvp } else { self }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Model::Auto => "auto",
            Model::Realnvp => "realnvp",
            Model::Nsf => "nsf",
            Model::Maf => "maf",
            Model::MafRqs => "maf-rqs",
        }
    }

    /// Its layers over `dim` columns.
    pub(super) fn layers(self, dim: usize, size: &Size<'_>, seed: u64) -> Vec<Layer> {
        let &Size { layers, hidden, num_bins, tail_bound } = size;
        match self {
            Model::Auto | Model::Realnvp => models::realnvp(dim, layers.unwrap_or(8), hidden, seed),
            Model::Nsf => models::nsf(dim, layers.unwrap_or(6), hidden, num_bins, tail_bound, seed),
            Model::Maf => models::maf(dim, layers.unwrap_or(5), hidden),
            Model::MafRqs => models::maf_rqs(dim, layers.unwrap_or(5), hidden, num_bins, tail_bound),
        }
    }

    /// The highest learning rate that suits it, where it is another than usual.
    pub(super) fn learning_rate(self) -> Option<f32> {
        (self == Model::Nsf).then_some(5e-3)
    }

    /// The weight decay that suits it and the number of training rows, where it is another than usual: splines bend to
    /// every row of a small table unless their conditioners' weights are held small.
    pub(super) fn weight_decay(self, rows: usize) -> Option<f32> {
        let few = 2000.0 / rows as f32;
        matches!(self, Model::Nsf | Model::MafRqs).then_some((few * few).clamp(1e-2, 1.0))
    }
}
