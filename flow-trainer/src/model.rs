//! Models by name, with the sizes and settings that suit each without anyone tuning.

use crate::fit;
use crate::smoothing::rule_of_thumb;
use crate::train::Settings;
use clap::ValueEnum;
use flow_model::models::{self, Mixing, Shape};
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Layer, MOST_COMPONENTS, SplineShape};
use serde::Serialize;
use std::str::FromStr;

/// A model that `--model` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// The smallest of the others that are best on the validation rows
    Auto,
    /// Affine couplings
    Realnvp,
    /// Rational-quadratic spline couplings
    Nsf,
    /// Masked autoregressive affine layers
    Maf,
    /// Masked autoregressive rational-quadratic splines
    MafRqs,
    /// A mixture of normal distributions with full covariances, by EM: no layers at all
    Gmm,
}

/// A base distribution that `--base` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseName {
    /// N(0, I).
    Normal,
    /// Student-t with learned degrees of freedom.
    StudentT,
    /// A mixture of so many normal distributions with diagonal covariances.
    Mixture(usize),
}

impl FromStr for BaseName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| text.parse().ok().filter(|n| (1..=MOST_COMPONENTS).contains(n));
        match text.split_once(':') {
            None if text == "normal" => Ok(BaseName::Normal),
            None if text == "student-t" => Ok(BaseName::StudentT),
            None if text == "mixture" => Ok(BaseName::Mixture(8)),
            Some(("mixture", text)) if count(text).is_some() => Ok(BaseName::Mixture(count(text).unwrap_or(1))),
            _ => Err(format!("expected normal, student-t, mixture or mixture:N with N up to {MOST_COMPONENTS}")),
        }
    }
}

/// What stands between two layers, as `--permutation` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Permutation {
    /// Reversal; between couplings every second time a random order
    Usual,
    /// The columns in reverse order
    Reverse,
    /// The columns in a random order
    Random,
    /// A random order, and a product with a learned matrix L U
    Lu,
}

/// What may be said of a model; what is not said suits the model and the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    /// Number of couplings or of autoregressive layers.
    pub layers: Option<usize>,
    /// Widths of the conditioners' hidden layers.
    pub hidden: Option<Vec<usize>>,
    /// Whether the conditioners of couplings are residual.
    pub residual: bool,
    /// Bins of each spline.
    pub num_bins: Option<usize>,
    /// Where splines end, in standard deviations.
    pub tail_bound: Option<f32>,
    /// What stands between two layers.
    pub permutation: Permutation,
    /// Whether an ActNorm comes before each layer.
    pub act_norm: bool,
    /// The base distribution.
    pub base: Option<BaseName>,
    /// Most components of the mixture that is a model; 64 where it is not said.
    pub most_components: Option<usize>,
    /// Whether discrete values are dequantised by a learned noise.
    pub variational: bool,
    /// Most epochs.
    pub epochs: Option<usize>,
    /// Rows in a step.
    pub batch: Option<usize>,
    /// Highest learning rate.
    pub learning_rate: Option<f32>,
    /// Weight decay.
    pub weight_decay: Option<f32>,
    /// Share of hidden units that a step leaves out.
    pub dropout: Option<f32>,
    /// How much noise smooths the density.
    pub smoothing: Smoothing,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Choices {
    fn default() -> Self {
        Choices {
            layers: None,
            hidden: None,
            residual: false,
            num_bins: None,
            tail_bound: None,
            permutation: Permutation::Usual,
            act_norm: false,
            base: None,
            most_components: None,
            variational: false,
            epochs: None,
            batch: None,
            learning_rate: None,
            weight_decay: None,
            dropout: None,
            smoothing: Smoothing::Deviation(0.0),
            seed: 0,
        }
    }
}

/// How much noise smooths the density, see [`crate::smoothing`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// By the rule of thumb.
    Rule,
    /// So many deviations of each column; 0 for none.
    Deviation(f32),
}

impl Smoothing {
    /// The noise's deviation for so many rows of these columns.
    pub fn deviation(self, rows: usize, columns: &[Column]) -> f32 {
        match self {
            Smoothing::Rule => rule_of_thumb(rows, columns.iter().filter(|c| c.standard().is_some()).count()),
            Smoothing::Deviation(deviation) => deviation,
        }
    }
}

impl Model {
    /// The models that are trained by gradient, from the quickest step to the slowest.
    pub const FLOWS: [Model; 4] = [Model::Maf, Model::Realnvp, Model::Nsf, Model::MafRqs];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Model::Auto => "auto",
            Model::Realnvp => "realnvp",
            Model::Nsf => "nsf",
            Model::Maf => "maf",
            Model::MafRqs => "maf-rqs",
            Model::Gmm => "gmm",
        }
    }

    /// A mixture gives splines, which are bounded, something to bend that has several centres from the start.
    fn usual_base(self) -> BaseName {
        if self == Model::Nsf { BaseName::Mixture(8) } else { BaseName::Normal }
    }

    /// Its layers, of this shape; none of a mixture, and none where no column lies on a line.
    pub fn layers(self, shape: &Shape) -> Vec<Layer> {
        match self {
            Model::Gmm | Model::Auto => Vec::new(),
            _ if shape.lines == 0 => Vec::new(),
            Model::Realnvp => models::realnvp(shape),
            Model::Nsf => models::nsf(shape),
            Model::Maf => models::maf(shape),
            Model::MafRqs => models::maf_rqs(shape),
        }
    }

    /// What the flow is, over these columns of a table with so many training rows.
    pub fn spec(self, columns: &[Column], rows: usize, choices: &Choices) -> FlowSpec {
        let mut spec = FlowSpec::new(columns.to_vec(), fit::tails(0), Vec::new(), Base::Normal);
        spec.tails = fit::tails(spec.dim());
        spec.circles = (spec.circular() > 0).then(|| SplineShape { hidden: vec![32], num_bins: 12 });
        let usual_layers = match self {
            Model::Realnvp => 8,
            Model::Nsf => 6,
            _ => 5,
        };
        let shape = Shape {
            lines: spec.lines(),
            features: spec.features(),
            layers: choices.layers.unwrap_or(usual_layers),
            hidden: choices.hidden.clone().unwrap_or_else(|| vec![64, 64]),
            residual: choices.residual,
            num_bins: choices.num_bins.unwrap_or(8),
            tail_bound: choices.tail_bound.unwrap_or(5.0),
            mixing: match choices.permutation {
                Permutation::Usual => Mixing::Usual,
                Permutation::Reverse => Mixing::Reverse,
                Permutation::Random => Mixing::Random,
                Permutation::Lu => Mixing::Lu,
            },
            act_norm: choices.act_norm,
            seed: choices.seed,
        };
        spec.layers = self.layers(&shape);
        if spec.lines() > 0 {
            spec.base = match choices.base.unwrap_or(self.usual_base()) {
                BaseName::Normal => Base::Normal,
                BaseName::StudentT => Base::StudentT,
                BaseName::Mixture(components) => Base::Mixture { components: components.min(rows.max(1)), full: false },
            };
            if choices.variational {
                spec.dequantization = Dequantization::Variational(SplineShape { hidden: vec![64], num_bins: 6 });
            }
        }
        spec
    }

    /// How it is trained on so many rows of these columns.
    pub fn settings(self, columns: &[Column], rows: usize, choices: &Choices) -> Settings {
        let mut settings = Settings::for_rows(rows, choices.batch, choices.epochs, choices.seed);
        if self == Model::Nsf {
            settings.learning_rate = 5e-3;
        }
        if matches!(self, Model::Nsf | Model::MafRqs) {
            // Splines bend to every row of a small table unless their conditioners' weights are held small.
            let few = 2000.0 / rows as f32;
            settings.weight_decay = (few * few).clamp(1e-2, 1.0);
        }
        settings.learning_rate = choices.learning_rate.unwrap_or(settings.learning_rate);
        settings.weight_decay = choices.weight_decay.unwrap_or(settings.weight_decay);
        settings.dropout = choices.dropout.unwrap_or(settings.dropout);
        settings.smoothing = choices.smoothing.deviation(rows, columns);
        settings
    }
}
