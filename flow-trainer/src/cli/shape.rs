//! What a command line says of a model: its size, its parts, how it is trained.

use crate::model::{BaseName, Choices, Permutation, Smoothing};
use clap::{Args, ValueEnum};
use flow_model::spec::MOST_BINS;
use flow_table::Convention;

/// What may be said of the model; what is not said suits the model and the table.
#[derive(Args)]
pub(super) struct ShapeArgs {
    /// Number of couplings, or of autoregressive layers: 8 for realnvp, 6 for nsf, 5 for maf and maf-rqs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) couplings: Option<u16>,
    /// Widths of the conditioners' hidden layers: 64,64
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = width)]
    pub(super) hidden: Option<Vec<usize>>,
    /// Residual conditioners: a block for each hidden layer, all as wide; couplings only
    #[arg(long)]
    pub(super) residual: bool,
    /// Bins of each spline: 8
    #[arg(long, value_name = "N", value_parser = bins)]
    pub(super) num_bins: Option<usize>,
    /// Standard deviations within which splines act: 5; values beyond 4 of them are compressed first
    #[arg(long, value_name = "X", value_parser = positive)]
    pub(super) tail_bound: Option<f32>,
    /// What stands between two layers
    #[arg(long, value_enum, default_value_t = Permutation::Usual)]
    pub(super) permutation: Permutation,
    /// An ActNorm before each layer, started from the data
    #[arg(long)]
    pub(super) act_norm: bool,
    /// The base distribution: normal, student-t or mixture:N
    #[arg(long, value_name = "NAME")]
    pub(super) base: Option<BaseName>,
    /// Where in its cell a discrete value is put in training: anywhere, or where a learned noise puts it
    #[arg(long, value_enum, default_value_t = DequantizationName::Uniform)]
    dequantization: DequantizationName,
    /// Most epochs
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    epochs: Option<usize>,
    /// Rows in a step
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    batch: Option<usize>,
    /// Highest learning rate
    #[arg(long, value_name = "X", value_parser = positive)]
    lr: Option<f32>,
    /// Decay of weights in a step, times the learning rate
    #[arg(long, value_name = "X", value_parser = not_negative)]
    weight_decay: Option<f32>,
    /// Share of hidden units that a training step leaves out
    #[arg(long, value_name = "X", value_parser = share)]
    dropout: Option<f32>,
    /// Noise that smooths the density, in deviations of each column: 0 for none; without it by the rule of thumb
    /// rows^(-1/(columns + 4)), and none under the peers' convention
    #[arg(long, value_name = "X", value_parser = not_negative)]
    smoothing: Option<f32>,
}

impl ShapeArgs {
    pub(super) fn choices(&self, seed: u64, convention: Convention) -> Choices {
        Choices {
            layers: self.couplings.map(usize::from),
            hidden: self.hidden.clone(),
            residual: self.residual,
            num_bins: self.num_bins,
            tail_bound: self.tail_bound,
            permutation: self.permutation,
            act_norm: self.act_norm,
            base: self.base,
            most_components: None,
            variational: self.dequantization == DequantizationName::Variational,
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.lr,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
            smoothing: match (self.smoothing, convention) {
                (Some(deviation), _) => Smoothing::Deviation(deviation),
                (None, Convention::Own) => Smoothing::Rule,
                (None, Convention::Peers) => Smoothing::Deviation(0.0),
            },
            seed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DequantizationName {
    Uniform,
    Variational,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let most = 1_000_000_000;
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("expected a whole number from 1 to {most}"))
}

/// A hidden layer's width: what the frozen file can say.
fn width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|n| (1..=usize::from(u16::MAX)).contains(n));
    width.ok_or_else(|| format!("expected a whole number from 1 to {}", u16::MAX))
}

/// A number of bins that a frozen file can say.
fn bins(text: &str) -> Result<usize, String> {
    let bins = text.parse().ok().filter(|n| (2..=MOST_BINS).contains(n));
    bins.ok_or_else(|| format!("expected a whole number from 2 to {MOST_BINS}"))
}

fn share(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| (0.0..1.0).contains(v));
    value.ok_or_else(|| "expected a number of at least 0 and below 1".to_string())
}

pub(super) fn not_negative(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v >= 0.0);
    value.ok_or_else(|| "expected a number of at least 0".to_string())
}

pub(super) fn positive(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|v: &f32| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| "expected a positive number".to_string())
}
