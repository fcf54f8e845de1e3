//! Checks a file, once and whole.
//!
//! Every list is taken by its users from the front to the back, each item once: what a record refers to exists, belongs
//! to nobody else, and nothing is left over. The work is linear in the length of the file.

use crate::atoms::{self, AtomRecord};
use crate::base::Base;
use crate::circle::{self, CircleRecord};
use crate::column::ColumnRecord;
use crate::dense::{DenseRecord, IDENTITY};
use crate::header::Header;
use crate::layer::LayerRecord;
use crate::masked::Order;
use crate::section::{self, Sections};
use crate::tails::TailsRecord;
use crate::word::Word;
use crate::{Flow, FormatError, Tag};
use zerocopy::little_endian::{F32, U16};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// The lists that layers refer to, and how much of each is taken; what the layers need.
pub(crate) struct Loading<'a> {
    /// Number of columns on a line, which layers transform.
    pub lines: u16,
    /// Number of features, which conditioners see before them.
    pub features: u32,
    dense: &'a [DenseRecord],
    indices: &'a [U16],
    weights: &'a [Word],
    pub dense_used: usize,
    pub indices_used: usize,
    pub weights_used: usize,
    need_a: u32,
    need_b: u32,
    macs_log_prob: u32,
    macs_sample: u32,
}

impl<'a> Loading<'a> {
    /// What the degrees of masked layers depend on.
    pub(crate) fn order(&self) -> Order {
        Order { lines: self.lines.into(), features: self.features }
    }

    /// The next dense record and its index.
    pub(crate) fn take_dense(&mut self) -> Option<(&'a DenseRecord, u16)> {
        let index = self.dense_used;
        let record = self.dense.get(index)?;
        self.dense_used = index.saturating_add(1);
        Some((record, index as u16))
    }

    /// Whether the next `count` dense records are a residual conditioner's: a first one without an activation, two for
    /// each block, and a last one.
    pub(crate) fn is_residual(&self, count: u16) -> bool {
        let first = self.dense.get(self.dense_used);
        count >= 4 && count.is_multiple_of(2) && first.is_some_and(|record| record.activation.get() == IDENTITY)
    }

    /// The next `count` indices.
    pub(crate) fn take_indices(&mut self, count: usize) -> Option<&'a [U16]> {
        let end = self.indices_used.checked_add(count)?;
        let taken = self.indices.get(self.indices_used..end)?;
        self.indices_used = end;
        Some(taken)
    }

    /// The next `count` weights.
    pub(crate) fn take_weights(&mut self, count: u64) -> Option<&'a [Word]> {
        let end = self.weights_used.checked_add(usize::try_from(count).ok()?)?;
        let taken = self.weights.get(self.weights_used..end)?;
        self.weights_used = end;
        Some(taken)
    }

    /// Asks for `length` values of the first buffer.
    pub(crate) fn need_a(&mut self, length: u32) {
        self.need_a = self.need_a.max(length);
    }

    /// Asks for `length` values of the second buffer.
    pub(crate) fn need_b(&mut self, length: u32) {
        self.need_b = self.need_b.max(length);
    }

    /// Counts the multiply-accumulates of a dense layer, towards the latent variable and towards the data.
    pub(crate) fn add_macs(&mut self, log_prob: u64, sample: u64) -> Result<(), FormatError> {
        let add = |sum: u32, more: u64, offset| {
            let sum = u64::from(sum).saturating_add(more);
            u32::try_from(sum).map_err(|_| FormatError::HeaderField { offset })
        };
        self.macs_log_prob = add(self.macs_log_prob, log_prob, 68)?;
        self.macs_sample = add(self.macs_sample, sample, 72)?;
        Ok(())
    }
}

/// A section as `count` records.
fn table<T>(section: Option<&[u8]>, tag: Tag, count: usize) -> Result<&[T], FormatError>
where
    T: FromBytes + Immutable + KnownLayout,
{
    let data = section::exact(section, tag, count.saturating_mul(size_of::<T>()))?;
    <[T]>::ref_from_bytes(data).map_err(|_| FormatError::Misaligned)
}

/// A section as one record.
fn single<T>(section: Option<&[u8]>, tag: Tag) -> Result<&T, FormatError>
where
    T: FromBytes + Immutable + KnownLayout,
{
    T::ref_from_bytes(section::exact(section, tag, size_of::<T>())?).map_err(|_| FormatError::Misaligned)
}

/// A section as as many values as it holds.
fn list<T>(section: Option<&[u8]>, tag: Tag) -> Result<&[T], FormatError>
where
    T: FromBytes + Immutable + KnownLayout,
{
    let found = section.map_or(0, <[u8]>::len);
    let count = found.checked_div(size_of::<T>()).unwrap_or(0);
    table(section, tag, count)
}

/// A section that is absent where it would be empty.
fn optional<T>(section: Option<&[u8]>, tag: Tag) -> Result<&[T], FormatError>
where
    T: FromBytes + Immutable + KnownLayout,
{
    match section {
        None => Ok(&[]),
        Some([]) => Err(FormatError::Unused { tag }),
        Some(_) => list(section, tag),
    }
}

impl<'a> Flow<'a> {
    /// Reads a frozen flow in place, after checking all of it.
    ///
    /// `file` must lie at a multiple of 4 bytes in memory; see [`include_flow!`](crate::include_flow) for models in
    /// flash. A 64-byte signature after the file is allowed and not looked at. The time taken grows with the length of
    /// `file` and with nothing else.
    ///
    /// # Errors
    /// The first rule of `spec/format.md` that the file breaks, and where.
    ///
    /// ```
    /// # flow_nostd::include_flow!(mod model = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/example.flow"));
    /// use flow_nostd::{Flow, FormatError};
    ///
    /// let flow = Flow::new(model::BYTES)?;
    /// assert_eq!(flow.columns(), 4);
    /// let cut = Flow::new(&model::BYTES[..1000]);
    /// assert!(matches!(cut, Err(FormatError::Truncated { found: 1000, .. })));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn new(file: &'a [u8]) -> Result<Self, FormatError> {
        let (header, content) = Header::open(file)?;
        let sections = Sections::read(content, header.sections.get())?;
        let columns: &[ColumnRecord] = table(sections.columns, section::COLUMNS, header.records())?;
        let layers: &[LayerRecord] = table(sections.layers, section::LAYERS, header.layers.get().into())?;
        let dense: &[DenseRecord] = table(sections.dense, section::DENSE, header.dense.get().into())?;
        let indices: &[U16] = list(sections.indices, section::INDICES)?;
        let weights: &[Word] = list(sections.weights, section::WEIGHTS)?;
        let tails: &TailsRecord = single(sections.tails, section::TAILS)?;
        tails.check()?;
        let Counts { lines, circular } = check_columns(columns, header)?;
        let atoms: &[AtomRecord] = optional(sections.atoms, section::ATOMS)?;
        atoms::check(columns, atoms)?;
        let circles: &[CircleRecord] = optional(sections.circles, section::CIRCLES)?;
        if circles.len() != usize::from(circular) {
            let length = |count: usize| count.saturating_mul(size_of::<CircleRecord>());
            let (expected, found) = (length(circular.into()), length(circles.len()));
            return Err(FormatError::SectionLength { tag: section::CIRCLES, expected, found });
        }
        if lines == 0 && !layers.is_empty() {
            return Err(FormatError::HeaderField { offset: 54 });
        }
        let probes = match sections.probes {
            Some(_) => list(sections.probes, section::PROBES)?,
            None => &[],
        };
        check_probes(probes, columns.len())?;
        check_names(sections.names, columns.len())?;

        let context = u32::from(header.context_dim.get());
        let features = u32::from(circular).saturating_mul(2).saturating_add(context);
        let mut loading = Loading {
            lines,
            features,
            dense,
            indices,
            weights,
            dense_used: 0,
            indices_used: 0,
            weights_used: 0,
            need_a: 0,
            need_b: 0,
            macs_log_prob: 0,
            macs_sample: 0,
        };
        circle::check(circles, context, &mut loading)?;
        for (index, layer) in (0..u16::MAX).zip(layers) {
            layer.check(index, &mut loading)?;
        }
        let base = Base::read(sections.base, &mut loading)?;
        for (used, length, tag) in [
            (loading.dense_used, dense.len(), section::DENSE),
            (loading.indices_used, indices.len(), section::INDICES),
            (loading.weights_used, weights.len(), section::WEIGHTS),
        ] {
            if used != length {
                return Err(FormatError::Unused { tag });
            }
        }
        let state = features.saturating_add(header.dim.get().into());
        let expected = state.saturating_add(loading.need_a).saturating_add(loading.need_b);
        if header.scratch_length.get() != expected {
            return Err(FormatError::ScratchLength { expected, found: header.scratch_length.get() });
        }
        for (expected, found) in
            [(loading.macs_log_prob, header.macs_log_prob.get()), (loading.macs_sample, header.macs_sample.get())]
        {
            if found != expected {
                return Err(FormatError::Macs { expected, found });
            }
        }
        let names = sections.names.unwrap_or_default();
        Ok(Flow {
            header,
            columns,
            atoms,
            circles,
            layers,
            dense,
            indices,
            weights,
            tails,
            base,
            names,
            probes,
            lines: lines.into(),
            features: features as usize,
            buffer_a: loading.need_a as usize,
        })
    }
}

/// How many columns lie on a line, and how many are circular.
struct Counts {
    lines: u16,
    circular: u16,
}

fn check_columns(columns: &[ColumnRecord], header: &Header) -> Result<Counts, FormatError> {
    let mut counts = Counts { lines: 0, circular: 0 };
    let mut context = 0u16;
    for (index, column) in (0..u16::MAX).zip(columns) {
        column.check(index)?;
        counts.lines = counts.lines.saturating_add(column.is_line().into());
        counts.circular = counts.circular.saturating_add(column.is_circular().into());
        context = context.saturating_add(column.is_context().into());
    }
    let (expected, found) = (header.dim.get(), counts.lines.saturating_add(counts.circular));
    if found != expected {
        return Err(FormatError::Dimension { expected, found });
    }
    let (expected, found) = (header.context_dim.get(), context);
    if found != expected {
        return Err(FormatError::ContextDimension { expected, found });
    }
    Ok(counts)
}

/// Whole probes: a row and its log-density each.
fn check_probes(probes: &[F32], columns: usize) -> Result<(), FormatError> {
    let one = columns.saturating_add(1);
    let rest = probes.len().checked_rem(one).unwrap_or(0);
    if rest != 0 {
        let found = probes.len().saturating_mul(4);
        let expected = probes.len().saturating_sub(rest).saturating_mul(4);
        return Err(FormatError::SectionLength { tag: section::PROBES, expected, found });
    }
    Ok(())
}

/// One name for each column, and nothing after them.
fn check_names(names: Option<&[u8]>, columns: usize) -> Result<(), FormatError> {
    let Some(names) = names else { return Ok(()) };
    let mut rest = names;
    for index in 0..columns {
        rest = split_name(rest).ok_or(FormatError::Record { tag: section::NAMES, index: index as u16, offset: 0 })?.1;
    }
    if !rest.is_empty() {
        return Err(FormatError::Unused { tag: section::NAMES });
    }
    Ok(())
}

/// The first name of a list and the names after it.
pub(crate) fn split_name(names: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = names.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}
