//! The facts of a frozen flow as `flow-export inspect` prints them.

use super::{AtomFacts, BaseFacts, CircleFacts, ColumnFacts, ColumnKind, Facts, LayerFacts, SectionFacts};
use std::fmt;

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: a frozen flow, format {}", self.file, self.format_version)?;
        writeln!(f, "  model id   {}", self.model_id)?;
        writeln!(f, "  flash      {} bytes, weights as {}", self.file_bytes, self.weight_type)?;
        writeln!(f, "  scratch    {} bytes of RAM ({} f32)", self.scratch_bytes, self.scratch_len)?;
        writeln!(
            f,
            "  work       {} multiply-accumulates a log_prob, {} a sample",
            self.macs_log_prob, self.macs_sample
        )?;
        writeln!(f, "  estimate   {} instructions a log_prob on a Cortex-M4F", self.instructions_log_prob)?;
        writeln!(f, "  self-test  {} ({} probe rows)", self.self_test, self.probes)?;
        writeln!(f, "  signature  {}", if self.signed { "present, not verified" } else { "none" })?;
        writeln!(f, "  roll-back  {}", self.rollback)?;
        writeln!(f, "  flags      {:#x} critical, {:#x} skippable", self.critical_flags, self.skippable_flags)?;
        if let Some(recipe) = &self.windows {
            writeln!(f, "  windows    {recipe}")?;
        }
        write!(f, "\n{} columns, of which {} enter the flow", self.columns.len(), self.dim)?;
        match self.context_dim {
            0 => writeln!(f, ":")?,
            given => writeln!(f, " and {given} are its context:")?,
        }
        let width = self.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
        for (j, ColumnFacts { name, kind, atoms, .. }) in self.columns.iter().enumerate() {
            write!(f, "  {j:3}  {name:width$}  {kind}")?;
            for AtomFacts { value, width } in atoms {
                write!(f, "; mass at {value}, {width} wide")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "\nrows outside the box lose {} nats for each half-width", self.rate)?;
        writeln!(f, "values beyond {} standard deviations are compressed", self.knee)?;
        for (j, CircleFacts { hidden, num_bins }) in self.circles.iter().enumerate() {
            writeln!(f, "angle {j} through a periodic spline, hidden {hidden:?}, {num_bins} bins")?;
        }
        writeln!(f, "\n{} layers:", self.layers.len())?;
        for (i, layer) in self.layers.iter().enumerate() {
            writeln!(f, "  {i:3}  {layer}")?;
        }
        writeln!(f, "  base {}", self.base)?;
        if let Some(calibration) = &self.calibration {
            write!(f, "\n{calibration}")?;
        }
        let channels = self.windows.iter().flat_map(|recipe| recipe.channels.iter().zip(&recipe.ranges));
        let limited: Vec<_> = channels.filter(|(_, [low, high])| *low > f32::MIN || *high < f32::MAX).collect();
        if !limited.is_empty() {
            writeln!(f, "\nraw channels, beyond whose range no window holds a reading:")?;
        }
        for (name, [low, high]) in limited {
            writeln!(f, "  {name:width$}  {low} to {high}")?;
        }
        if self.columns.iter().any(|column| column.sensor.is_some()) {
            writeln!(f, "\nsensors:")?;
        }
        for (name, sensor) in self.columns.iter().filter_map(|c| Some((&c.name, c.sensor?))) {
            writeln!(f, "  {name:width$}  {sensor}")?;
        }
        if self.columns.iter().any(|column| column.usual.is_some()) {
            writeln!(f, "\nusual values, in the place of what a broken sensor says:")?;
        }
        for (name, usual) in self.columns.iter().filter_map(|column| Some((&column.name, column.usual?))) {
            writeln!(f, "  {name:width$}  {usual}")?;
        }
        writeln!(f, "\n{} sections:", self.sections.len())?;
        for SectionFacts { tag, offset, bytes, critical } in &self.sections {
            let critical = if *critical { "" } else { ", may be skipped" };
            writeln!(f, "  {tag}  at byte {offset}, {bytes} bytes{critical}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continuous { center, scale, reach } => {
                write!(f, "continuous  center {center}, scale {scale}, trusted to {reach} scales")
            }
            Self::Integer { center, scale, reach } => {
                write!(f, "integer     center {center}, scale {scale}, trusted to {reach} scales")
            }
            Self::Positive { center, scale, reach } => {
                write!(f, "positive    center {center}, scale {scale} of the logarithm, trusted to {reach} scales")
            }
            Self::Bounded { low, high, center, scale, reach } => {
                write!(f, "bounded     {low} to {high}, center {center}, scale {scale} of the logit, ")?;
                write!(f, "trusted to {reach} scales")
            }
            Self::Lattice { origin, step, center, scale, reach } => {
                write!(f, "lattice     {origin} and steps of {step}, center {center}, scale {scale} in steps, ")?;
                write!(f, "trusted to {reach} scales")
            }
            Self::Circular { origin, period } => write!(f, "circular    from {origin}, period {period}"),
            Self::Context { center, scale, reach } => {
                write!(f, "context     center {center}, scale {scale}, drawn into {reach} scales")
            }
            Self::Constant { value, log_mass, log_other, .. } => {
                write!(f, "constant    value {value} ({log_mass} nats), others from {log_other} nats down")
            }
        }
    }
}

impl fmt::Display for LayerFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permutation { order } => write!(f, "permutation {order:?}"),
            Self::AffineCoupling { kept, hidden, residual, scale_bound } => {
                let blocks = hidden_layers(*residual);
                write!(f, "affine coupling, keeps {kept}, {blocks} {hidden:?}, log-scale within ±{scale_bound}")
            }
            Self::SplineCoupling { kept, hidden, residual, num_bins, tail_bound } => {
                let blocks = hidden_layers(*residual);
                write!(f, "spline coupling, keeps {kept}, {blocks} {hidden:?}, {num_bins} bins within ±{tail_bound}")
            }
            Self::Lu { log_det } => write!(f, "linear, log-determinant {log_det}"),
            Self::ActNorm { log_det } => write!(f, "shift and scale, log-determinant {log_det}"),
            Self::MaskedAffine { hidden, scale_bound } => {
                write!(f, "masked affine, hidden {hidden:?}, log-scale within ±{scale_bound}")
            }
            Self::MaskedSpline { hidden, num_bins, tail_bound } => {
                write!(f, "masked spline, hidden {hidden:?}, {num_bins} bins within ±{tail_bound}")
            }
        }
    }
}

fn hidden_layers(residual: bool) -> &'static str {
    if residual { "residual blocks" } else { "hidden" }
}

impl fmt::Display for BaseFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => write!(f, "normal"),
            Self::StudentT { degrees_of_freedom } => {
                write!(f, "Student-t, degrees of freedom {degrees_of_freedom:.2?}")
            }
            Self::Mixture { weights } => {
                write!(f, "mixture of {} normal distributions, weights {weights:.3?}", weights.len())
            }
        }
    }
}
